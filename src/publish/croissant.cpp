#include "publish/croissant.h"

#include <algorithm>

namespace offaxis {
namespace {

// The terms of the specification's recommended context (its appendix 1) and those that its reference reader expects,
// and PROV for what was derived from what. Schema.org by https, as that reader has it.
Json context() {
  Json terms{{"@language", "en"},
             {"@vocab", "https://schema.org/"},
             {"sc", "https://schema.org/"},
             {"cr", "http://mlcommons.org/croissant/"},
             {"rai", "http://mlcommons.org/croissant/RAI/"},
             {"dct", "http://purl.org/dc/terms/"},
             {"prov", "http://www.w3.org/ns/prov#"},
             {"conformsTo", "dct:conformsTo"},
             {"data", {{"@id", "cr:data"}, {"@type", "@json"}}},
             {"dataType", {{"@id", "cr:dataType"}, {"@type", "@vocab"}}},
             {"examples", {{"@id", "cr:examples"}, {"@type", "@json"}}}};
  for (const char* term :
       {"annotation", "arrayShape",  "citeAs",    "column",        "containedIn",  "equivalentProperty",
        "excludes",   "extract",     "field",     "fileObject",    "fileProperty", "fileSet",
        "format",     "includes",    "isArray",   "isLiveDataset", "jsonPath",     "key",
        "md5",        "parentField", "path",      "readLines",     "recordSet",    "references",
        "regex",      "repeated",    "replace",   "samplingRate",  "sdVersion",    "separator",
        "source",     "subField",    "transform", "unArchive",     "value"}) {
    terms[term] = std::string("cr:") + term;
  }
  return terms;
}

Json fileObject(const ListedFile& file, const std::string& format, const std::string& description) {
  return {{"@type", "cr:FileObject"},   {"@id", file.path},        {"name", file.path},
          {"description", description}, {"contentUrl", file.path}, {"contentSize", std::to_string(file.bytes) + " B"},
          {"encodingFormat", format},   {"sha256", file.sha256}};
}

std::string sentence(const PublishedFile& file) {
  std::string text = file.dataset;
  if (file.reduction != 1) text += " averaged down by " + std::to_string(file.reduction);
  text += ", " + file.variant;
  for (const auto& [key, value] : file.settings) text += ", " + key + " " + value;
  return text + ": " + std::to_string(file.images) + " images, uint8 " + toString(file.shape) +
         ", one row each in the order of index.csv; content root " + file.contentRoot;
}

}  // namespace

Json croissantOf(const Manifest& manifest, const ListedFile& manifestFile, const std::vector<IndexColumn>& indexColumns,
                 const std::string& date) {
  Json distribution = Json::array();
  Json derivedFrom = Json::array();
  for (const PublishedFile& file : manifest.files) {
    Json object = fileObject(file.file, "application/x-hdf5", sentence(file));
    if (file.variant != "original") {
      // The original by its place in this version where it is here too, else by its name.
      Json parent{{"@id", "urn:dataset:" + file.originalExpression()}};
      for (const PublishedFile& other : manifest.files) {
        if (other.contentRoot == file.parentRoot) parent = {{"@id", other.file.path}};
      }
      object["prov:wasDerivedFrom"] = std::move(parent);
      const Json name{{"@id", "urn:dataset:" + file.originalExpression()}};
      if (std::find(derivedFrom.begin(), derivedFrom.end(), name) == derivedFrom.end()) derivedFrom.push_back(name);
    }
    distribution.push_back(std::move(object));
  }
  for (const ListedFile& file : manifest.psi) {
    distribution.push_back(
        fileObject(file, "application/x-hdf5", "The perturbation network psi that the modified images are made with"));
  }
  distribution.push_back(
      fileObject(manifest.index, "text/csv", "Index, factor levels and factor values of every image"));
  distribution.push_back(
      fileObject(manifestFile, "application/json", "The manifest: how to regenerate and check every file"));

  Json fields = Json::array();
  for (const IndexColumn& column : indexColumns) {
    fields.push_back(
        {{"@type", "cr:Field"},
         {"@id", "images/" + column.name},
         {"name", column.name},
         {"description", column.description},
         {"dataType", column.real ? "sc:Float" : "sc:Integer"},
         {"source", {{"fileObject", {{"@id", manifest.index.path}}}, {"extract", {{"column", column.name}}}}}});
  }
  Json json{{"@context", context()},
            {"@type", "sc:Dataset"},
            {"conformsTo", "http://mlcommons.org/croissant/1.1"},
            {"name", manifest.name},
            {"description", manifest.description},
            {"version", toString(manifest.version)},
            {"license", manifest.license},
            {"url", manifest.url},
            {"creator", {{"@type", "sc:Organization"}, {"name", manifest.creator}}},
            {"datePublished", date}};
  if (!derivedFrom.empty()) json["prov:wasDerivedFrom"] = std::move(derivedFrom);
  json["distribution"] = std::move(distribution);
  json["recordSet"] = Json::array({{{"@type", "cr:RecordSet"},
                                    {"@id", "images"},
                                    {"name", "images"},
                                    {"description", "One record an image: its row in the HDF5 files and its factors"},
                                    {"key", {{"@id", "images/index"}}},
                                    {"field", std::move(fields)}}});
  return json;
}

}  // namespace offaxis
