#include "publish/manifest.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "datasets/image_file.h"
#include "datasets/original_file.h"
#include "datasets/registry.h"
#include "publish/row_blocks.h"
#include "storage/staged.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

constexpr const char* kKind = "offaxis-manifest";
constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{64} << 20;
constexpr int kMaxManifestDepth = 64;

Json toJson(const ListedFile& file) {
  return {{"path", file.path}, {"sha256", file.sha256}, {"bytes", file.bytes}};
}

Json toJson(const PublishedFile& file) {
  Json factors = Json::array();
  for (const auto& factor : file.factors) {
    factors.push_back({{"name", factor.name}, {"size", factor.size}, {"kind", factor.kind}});
  }
  Json json{{"path", file.file.path},
            {"dataset", file.dataset},
            {"variant", file.variant},
            {"settings", file.settings},
            {"reduction", file.reduction},
            {"rows", file.rows.empty() ? Json() : Json(file.rows)},
            {"images", file.images},
            {"dtype", "uint8"},
            {"shape", {file.shape.height, file.shape.width, file.shape.channels}},
            {"factors", std::move(factors)},
            {"content_root", file.contentRoot},
            {"parent_content_root", file.parentRoot.empty() ? Json() : Json(file.parentRoot)},
            {"sha256", file.file.sha256},
            {"bytes", file.file.bytes},
            {"deflate_level", file.deflateLevel}};
  if (file.imagesPerChunk > 0) json["images_per_chunk"] = file.imagesPerChunk;
  if (!file.rowBlocks.empty()) json["row_blocks"] = {{"rows", kRowsPerBlock}, {"sha256", file.rowBlocks}};
  return json;
}

bool isDigest(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Reads fields with the types that they must have; whatever is wrong names the manifest.
class ManifestReader {
 public:
  explicit ManifestReader(const std::string& path) : path_(path) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::BadFile, "'" + path_ + "' is no manifest that this program can use: " + what);
  }

  const Json& field(const Json& object, const char* name) const {
    const auto found = object.is_object() ? object.find(name) : object.end();
    if (!object.is_object() || found == object.end()) fail(std::string("'") + name + "' is missing");
    return *found;
  }
  std::string text(const Json& object, const char* name) const {
    const Json& value = field(object, name);
    if (!value.is_string()) fail(std::string("'") + name + "' is not a text");
    return value.get<std::string>();
  }
  std::string textOrNull(const Json& object, const char* name) const {
    return field(object, name).is_null() ? std::string() : text(object, name);
  }
  std::uint64_t number(const Json& object, const char* name, std::uint64_t highest) const {
    return asNumber(field(object, name), std::string("'") + name + "'", highest);
  }
  std::uint64_t asNumber(const Json& value, const std::string& what, std::uint64_t highest) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > highest)
      fail(what + " is not a number up to " + std::to_string(highest));
    return value.get<std::uint64_t>();
  }
  const Json& array(const Json& object, const char* name) const {
    const Json& value = field(object, name);
    if (!value.is_array()) fail(std::string("'") + name + "' is not a list");
    return value;
  }
  std::string digest(const Json& object, const char* name) const {
    const std::string value = text(object, name);
    if (!isDigest(value)) fail(std::string("'") + name + "' is not a SHA-256");
    return value;
  }
  ListedFile listed(const Json& object) const {
    ListedFile file{text(object, "path"), digest(object, "sha256"), number(object, "bytes", UINT64_MAX)};
    if (!isSafePath(file.path)) fail("the path '" + file.path + "' is not a plain relative one");
    return file;
  }

  PublishedFile published(const Json& object) const {
    PublishedFile file;
    file.file = listed(object);
    file.dataset = text(object, "dataset");
    file.variant = text(object, "variant");
    const Json& settings = field(object, "settings");
    if (!settings.is_object()) fail("'settings' is not an object");
    for (const auto& [key, value] : settings.items()) {
      if (!value.is_string()) fail("setting '" + key + "' is not a text");
      file.settings[key] = value.get<std::string>();
    }
    file.reduction = static_cast<std::uint32_t>(number(object, "reduction", 4096));
    if (file.reduction == 0) fail("'reduction' is 0");
    file.rows = textOrNull(object, "rows");
    file.images = number(object, "images", UINT64_MAX);
    if (text(object, "dtype") != "uint8") fail("'dtype' is not uint8");
    const Json& shape = array(object, "shape");
    if (shape.size() != 3) fail("'shape' is not [H,W,C]");
    const auto side = [&](std::size_t i) { return static_cast<std::uint32_t>(asNumber(shape[i], "'shape'", 4096)); };
    file.shape = {side(0), side(1), side(2)};
    for (const Json& factor : array(object, "factors")) {
      file.factors.push_back({text(factor, "name"), number(factor, "size", UINT32_MAX), text(factor, "kind")});
    }
    file.contentRoot = digest(object, "content_root");
    file.parentRoot = textOrNull(object, "parent_content_root");
    if (!file.parentRoot.empty() && !isDigest(file.parentRoot)) fail("'parent_content_root' is not a SHA-256");
    file.deflateLevel = static_cast<int>(number(object, "deflate_level", 9));
    if (object.contains("images_per_chunk"))
      file.imagesPerChunk = number(object, "images_per_chunk", kMostImagesPerChunk);
    if (object.contains("row_blocks")) file.rowBlocks = rowBlocks(field(object, "row_blocks"), file.images);
    return file;
  }

  std::vector<std::string> rowBlocks(const Json& object, std::uint64_t images) const {
    if (number(object, "rows", UINT32_MAX) != kRowsPerBlock)
      fail("its row blocks are not of " + std::to_string(kRowsPerBlock) + " rows");
    std::vector<std::string> digests;
    for (const Json& digest : array(object, "sha256")) {
      if (!digest.is_string() || !isDigest(digest.get<std::string>())) fail("a row block's digest is not a SHA-256");
      digests.push_back(digest.get<std::string>());
    }
    if (digests.size() != images / kRowsPerBlock + (images % kRowsPerBlock != 0 ? 1 : 0))
      fail("it has " + std::to_string(digests.size()) + " row blocks for " + std::to_string(images) + " images");
    return digests;
  }

 private:
  std::string path_;
};

// Short and without control characters, whatever a file holds.
std::string quoted(const std::string& text) {
  constexpr std::size_t kMost = 100;
  return Json(text.substr(0, kMost)).dump(-1, ' ', true, Json::error_handler_t::replace) +
         (text.size() > kMost ? "..." : "");
}

SourcePtr openNamedOriginal(const PublishedFile& file) {
  requireDatasetName(file, file.file.path);
  if (SourcePtr source = openNamedDataset(file.dataset)) return source;
  throw Error(
      ErrorKind::Usage,
      file.file.path + " was made from " + file.dataset + ", an imported file, which no program can make from its name",
      "give the imported file with --original FILE.h5 (`offaxis import` writes it)");
}

}  // namespace

std::string PublishedFile::psiSha256() const {
  const auto found = settings.find("psi_sha256");
  return found == settings.end() ? std::string() : found->second;
}

std::string PublishedFile::originalExpression() const {
  SourceInfo info;
  info.dataset = dataset;
  info.reduction = reduction;
  info.shape = shape;
  return info.expression();
}

Json toJson(const Manifest& manifest) {
  Json files = Json::array();
  for (const PublishedFile& file : manifest.files) files.push_back(toJson(file));
  Json psi = Json::array();
  for (const ListedFile& file : manifest.psi) psi.push_back(toJson(file));
  return {{"schema_version", manifest.schema},
          {"kind", kKind},
          {"name", manifest.name},
          {"version", toString(manifest.version)},
          {"description", manifest.description},
          {"license", manifest.license},
          {"url", manifest.url},
          {"creator", manifest.creator},
          {"reproduces", {{"files", std::move(files)}, {"psi", std::move(psi)}, {"index", toJson(manifest.index)}}},
          {"verification", manifest.verification},
          {"evidence", manifest.evidence},
          {"circumstances", manifest.circumstances}};
}

Manifest manifestFromText(const std::string& text, const std::string& path) {
  const ManifestReader reader(path);
  // A deep document would exhaust the stack where it is copied or freed.
  const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxManifestDepth) reader.fail("it is nested too deeply");
    return true;
  };
  const Json json = Json::parse(text, shallow, false);
  if (json.is_discarded()) reader.fail("it is not JSON");
  if (reader.text(json, "kind") != kKind) reader.fail("its kind is not " + std::string(kKind));
  if (const std::uint64_t schema = reader.number(json, "schema_version", UINT32_MAX);
      schema < 1 || schema > kManifestSchema) {
    reader.fail("it has schema " + std::to_string(schema) + ", this program reads 1 to " +
                std::to_string(kManifestSchema));
  }
  Manifest manifest;
  manifest.schema = json["schema_version"].get<int>();
  manifest.name = reader.text(json, "name");
  if (!parseSemVer(reader.text(json, "version"), manifest.version)) reader.fail("'version' is not X.Y.Z");
  manifest.description = reader.text(json, "description");
  manifest.license = reader.text(json, "license");
  manifest.url = reader.text(json, "url");
  manifest.creator = reader.text(json, "creator");
  const Json& reproduces = reader.field(json, "reproduces");
  for (const Json& file : reader.array(reproduces, "files")) manifest.files.push_back(reader.published(file));
  for (const Json& file : reader.array(reproduces, "psi")) manifest.psi.push_back(reader.listed(file));
  manifest.index = reader.listed(reader.field(reproduces, "index"));
  manifest.verification = reader.field(json, "verification");
  manifest.evidence = reader.field(json, "evidence");
  manifest.circumstances = reader.field(json, "circumstances");
  if (!manifest.verification.is_object() || !manifest.circumstances.is_object() || !manifest.evidence.is_array() ||
      !std::all_of(manifest.evidence.begin(), manifest.evidence.end(), [](const Json& e) { return e.is_object(); })) {
    reader.fail("'verification' and 'circumstances' have to be objects, 'evidence' a list of them");
  }
  if (manifest.files.empty()) reader.fail("it names no files");
  return manifest;
}

std::string Manifest::date() const {
  const auto created = circumstances.find("created");
  return created != circumstances.end() && created->is_string() ? created->get<std::string>().substr(0, 10)
                                                                : std::string();
}

Manifest readManifest(const std::string& path) {
  return manifestFromText(readTextFile(path, kMaxManifestBytes), path);
}

PublishedFile publishedFileOf(const Source& source) {
  const SourceInfo& info = source.info();
  PublishedFile file;
  file.dataset = info.dataset;
  file.variant = info.variant;
  file.settings = info.settings;
  file.reduction = info.reduction;
  file.rows = rowsText(source);
  file.images = source.size();
  file.shape = info.shape;
  for (const Factor& factor : info.grid.factors()) {
    file.factors.push_back({factor.name, factor.size(), toString(factor.kind)});
  }
  return file;
}

std::string rowsText(const Source& source) {
  std::string text;
  std::uint64_t ranges = 0;
  for (std::uint64_t row = 0; row < source.size();) {
    const std::uint64_t first = source.gridIndex(row);
    std::uint64_t count = 1;
    while (row + count < source.size() && source.gridIndex(row + count) == first + count) ++count;
    if (ranges++ > 0) text += ',';
    text += std::to_string(first);
    if (count > 1) text += ":" + std::to_string(first + count);
    row += count;
  }
  const std::uint64_t all = source.info().grid.size();
  return text == (all > 1 ? "0:" + std::to_string(all) : "0") ? std::string() : text;
}

std::vector<std::uint64_t> rowsFromText(const std::string& text, std::uint64_t size) {
  std::vector<std::uint64_t> rows;
  try {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      const std::string item = text.substr(begin, end - begin);
      const std::size_t colon = item.find(':');
      const std::uint64_t first = parseUnsigned(item.substr(0, colon), "row", 0, size - 1);
      const std::uint64_t last = colon == std::string::npos
                                     ? first + 1
                                     : parseUnsigned(item.substr(colon + 1), "end of rows", first + 1, size);
      if (last - first > size - rows.size()) throw Error(ErrorKind::BadFile, "more rows than there are");
      for (std::uint64_t row = first; row < last; ++row) rows.push_back(row);
      begin = end + 1;
    }
  } catch (const Error& error) {
    throw Error(ErrorKind::BadFile, std::string("the list of rows is damaged: ") + error.what());
  }
  return rows;
}

void requireDatasetName(const PublishedFile& file, const std::string& path) {
  if (!importedFamily(file.dataset).empty() || openNamedDataset(file.dataset)) return;
  throw Error(ErrorKind::BadFile,
              "'" + path + "' names no known dataset: its attribute dataset is " + quoted(file.dataset),
              "`offaxis list datasets` has the known ones; `offaxis verify --original SOURCE` compares with any other");
}

SourcePtr openOriginal(const PublishedFile& file, const std::string& original) {
  SourcePtr source = original.empty() ? openNamedOriginal(file) : openSource(original);
  if (source->info().reduction != file.reduction && source->info().shape.height > file.shape.height) {
    source = reduced(std::move(source), file.shape.height);
  }
  if (source->info().variant != "original") {
    throw Error(ErrorKind::Usage, "'" + original + "' is a variant, not an original", "name the unmodified dataset");
  }
  // A re-creation in the place of the imported original would only show as images that differ.
  if (!importedFamily(file.dataset).empty() && source->info().dataset != file.dataset) {
    throw Error(ErrorKind::Usage,
                "'" + original + "' is " + source->info().dataset + ", but " + file.file.path + " was made from " +
                    file.dataset,
                "give the imported file with --original FILE.h5 (`offaxis import` writes it)");
  }
  if (!file.rows.empty() && source->size() == source->info().grid.size()) {
    std::vector<std::uint64_t> rows = rowsFromText(file.rows, source->size());
    // Whatever holds as many images as the grid is taken to hold them in its order (datasets/source.h).
    if (rows.size() == source->size())
      throw Error(ErrorKind::BadFile,
                  "the list of rows is damaged: it has as many as the whole set, which has no list");
    source = subset(source, std::move(rows));
  }
  return source;
}

SourcePtr remakeSource(const PublishedFile& file, const std::string& original, const std::string& psiPath) {
  SourcePtr source = openOriginal(file, original);
  if (file.variant == "original") return source;
  std::map<std::string, std::string> values = file.settings;
  if (!file.psiSha256().empty()) {
    values.erase("psi_sha256");
    values.erase("eps");  // the network carries its budget
    values["psi"] = psiPath;
  }
  KeyValues keyValues(file.variant, std::move(values));
  return applyVariant(std::move(source), file.variant, keyValues);
}

bool isSafePath(const std::string& path) {
  if (path.empty() || path.size() > 1000) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    const bool plain = std::all_of(part.begin(), part.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
             c == '+' || c == '-';
    });
    if (part.empty() || !plain || part[0] == '.' || part[0] == '-') return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace offaxis
