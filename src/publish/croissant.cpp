#include <algorithm>

#include "publish/descriptions.h"
#include "publish/origins.h"

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
             {"name", {{"@container", "@language"}}},
             {"description", {{"@container", "@language"}}},
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

Json organization(const std::string& name) {
  return {{"@type", "sc:Organization"}, {"name", name}};
}

// The original by its place in this version where it is here too, else by its name.
Json parentOf(const PublishedFile& file, const Manifest& manifest) {
  for (const PublishedFile& other : manifest.files) {
    if (other.contentRoot == file.parentRoot) return {{"@id", other.file.path}};
  }
  return {{"@id", "urn:dataset:" + file.originalExpression()}};
}

// What the version as a whole was made from: the named datasets, and the works that introduced them.
Json originsOf(const Manifest& manifest) {
  Json origins = Json::array();
  const auto add = [&](const std::string& id) {
    const Json entry{{"@id", id}};
    if (std::find(origins.begin(), origins.end(), entry) == origins.end()) origins.push_back(entry);
  };
  for (const PublishedFile& file : manifest.files) {
    if (file.variant != "original") add("urn:dataset:" + file.originalExpression());
  }
  for (const PublishedFile& file : manifest.files) {
    if (const Work* work = originOf(file.dataset)) add(work->url);
  }
  return origins;
}

Json fieldsOf(const std::vector<IndexColumn>& columns, const ListedFile& index) {
  Json fields = Json::array();
  for (const IndexColumn& column : columns) {
    fields.push_back({{"@type", "cr:Field"},
                      {"@id", "images/" + column.name},
                      {"name", column.name},
                      {"description", column.description},
                      {"dataType", column.real ? "sc:Float" : "sc:Integer"},
                      {"source", {{"fileObject", {{"@id", index.path}}}, {"extract", {{"column", column.name}}}}}});
  }
  return fields;
}

}  // namespace

Json croissantOf(const Manifest& manifest, const ListedFile& manifestFile, const std::vector<IndexColumn>& columns) {
  Json distribution = Json::array();
  for (const PublishedFile& file : manifest.files) {
    Json object = fileObject(file.file, "application/x-hdf5", sentence(file));
    if (file.variant != "original") object["prov:wasDerivedFrom"] = parentOf(file, manifest);
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

  Json json{{"@context", context()},
            {"@type", "sc:Dataset"},
            {"conformsTo", "http://mlcommons.org/croissant/1.1"},
            {"name", manifest.name},
            {"description", manifest.description},
            {"version", toString(manifest.version)},
            {"license", licenseAddress(manifest.license)},
            {"url", manifest.url},
            {"creator", organization(manifest.creator)},
            {"publisher", organization(manifest.creator)},
            {"datePublished", manifest.date()},
            {"isLiveDataset", false},
            {"inLanguage", "en"},
            {"keywords", {"disentanglement", "representation learning", "adversarial dataset", "computer vision"}},
            {"citeAs", citationsOf(manifest)}};
  if (Json origins = originsOf(manifest); !origins.empty()) json["prov:wasDerivedFrom"] = std::move(origins);
  json["distribution"] = std::move(distribution);
  json["recordSet"] = Json::array({{{"@type", "cr:RecordSet"},
                                    {"@id", "images"},
                                    {"name", "images"},
                                    {"description", "One record an image: its row in the HDF5 files and its factors"},
                                    {"key", {{"@id", "images/index"}}},
                                    {"field", fieldsOf(columns, manifest.index)}}});
  return json;
}

}  // namespace offaxis
