#include "publish/reproduce.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "datasets/content.h"
#include "datasets/image_file.h"
#include "publish/manifest.h"
#include "publish/publish.h"
#include "storage/hash.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

std::string directoryOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string findPsi(const ReproduceSettings& settings, const Manifest& manifest, const std::string& sha256) {
  std::vector<std::string> candidates = settings.psi;
  const std::string directory = directoryOf(settings.manifest);
  for (const ListedFile& psi : manifest.psi) {
    if (psi.sha256 != sha256) continue;
    candidates.push_back(directory + "/" + psi.path);
    candidates.push_back(directory + "/" + fs::path(psi.path).filename().string());
  }
  std::string wrong;
  for (const std::string& path : candidates) {
    if (!fs::is_regular_file(path)) continue;
    if (toHex(sha256OfFile(path)) == sha256) return path;
    wrong = path;
  }
  throw Error(ErrorKind::BadFile,
              wrong.empty() ? "the psi.h5 with SHA-256 " + sha256.substr(0, 12) + "... is not here"
                            : "'" + wrong + "' is not the psi.h5 that the manifest names (SHA-256 " +
                                  sha256.substr(0, 12) + "...)",
              "put it beside the manifest, or pass it with --psi FILE");
}

// The source that `file` was written from, made anew.
SourcePtr remake(const PublishedFile& file, const ReproduceSettings& settings, const Manifest& manifest) {
  const std::string sha256 = file.psiSha256();
  SourcePtr source;
  try {
    source =
        remakeSource(file, settings.original, sha256.empty() ? std::string() : findPsi(settings, manifest, sha256));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Usage || !settings.original.empty()) throw;
    throw Error(ErrorKind::BadFile,
                "what the manifest says of " + file.file.path + " cannot be made here: " + error.what(), error.hint());
  }
  const PublishedFile made = publishedFileOf(*source);
  if (made.dataset != file.dataset || made.settings != file.settings || made.reduction != file.reduction ||
      made.rows != file.rows || made.images != file.images || !(made.shape == file.shape) ||
      made.factors != file.factors) {
    throw Error(ErrorKind::BadFile, "what the manifest says of " + file.file.path + " does not fit together: " +
                                        source->info().expression() + " has other factors, rows, shape or settings");
  }
  return source;
}

std::string firstDifference(const Source& made, const Source& published) {
  if (made.size() != published.size() || made.info().shape != published.info().shape)
    return "another number or shape of images";
  if (made.info().grid != published.info().grid) return "another factor grid";
  const ImageShape& shape = made.info().shape;
  std::vector<std::uint8_t> a(shape.bytes()), b(shape.bytes());
  for (std::uint64_t row = 0; row < made.size(); ++row) {
    if (made.gridIndex(row) != published.gridIndex(row)) return "row " + std::to_string(row) + " has another label";
    made.read(row, a.data());
    published.read(row, b.data());
    const auto at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
    if (at == a.size()) continue;
    return "row " + std::to_string(row) + ", y " + std::to_string(at / shape.channels / shape.width) + ", x " +
           std::to_string(at / shape.channels % shape.width) + ", channel " + std::to_string(at % shape.channels) +
           ": " + std::to_string(a[at]) + ", published " + std::to_string(b[at]);
  }
  return {};
}

std::string explain(const Source& made, const PublishedFile& file, const ReproduceSettings& settings,
                    const Context& context) {
  const std::string published = directoryOf(settings.manifest) + "/" + file.file.path;
  if (fs::is_regular_file(published)) {
    try {
      const std::string difference = firstDifference(made, *openImageFile(published));
      return difference.empty() ? "the published file's images are these, the manifest's root is of others"
                                : difference;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::BadFile) throw;
      return std::string("the published file cannot be compared with: ") + error.what();
    }
  }
  if (file.parentRoot.empty()) return "the rendered original differs";
  const std::string parent = toHex(contentRoot(*openOriginal(file, settings.original), context));
  return parent == file.parentRoot
             ? "the original is the same, the variant differs"
             : "the original differs already (content root " + parent + " instead of " + file.parentRoot + ")";
}

// Bytes depend on the program and these libraries; HDF5 declares levels above 9 as 9, so that one is not exact.
bool sameTools(const Json& circumstances, const std::string& program) {
  const Json here = buildCircumstances(program);
  for (const char* key : {"program", "hdf5", "deflate"}) {
    if (!circumstances.is_object() || !circumstances.contains(key) || circumstances[key] != here[key]) return false;
  }
  return true;
}

}  // namespace

bool ReproduceReport::passed() const {
  return std::all_of(files.begin(), files.end(), [](const ReproducedFile& file) { return file.passed(); });
}

ReproduceReport reproduceVersion(const ReproduceSettings& settings, const Context& context) {
  const Manifest manifest = readManifest(settings.manifest);
  std::vector<SourcePtr> sources;  // all of them before anything is written
  for (const PublishedFile& file : manifest.files) {
    sources.push_back(remake(file, settings, manifest));
    if (settings.overwrite == Overwrite::Refuse && fs::exists(settings.output + "/" + file.file.path)) {
      throw Error(ErrorKind::CannotWrite, "'" + settings.output + "/" + file.file.path + "' exists already",
                  "choose another directory, or pass --force to replace it");
    }
  }
  const bool tools = sameTools(manifest.circumstances, settings.program);
  ReproduceReport report;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const PublishedFile& file = manifest.files[i];
    const std::string path = settings.output + "/" + file.file.path;
    std::error_code failure;
    fs::create_directories(fs::path(path).parent_path(), failure);
    if (failure)
      throw Error(ErrorKind::CannotWrite, "cannot make the directory of '" + path + "': " + failure.message());
    WriteSettings writing;
    writing.overwrite = settings.overwrite;
    if (file.deflateLevel > 0) writing.deflateLevel = file.deflateLevel;
    const WriteReport written = writeImageFile(*sources[i], path, writing, context);
    ReproducedFile result;
    result.path = file.file.path;
    result.expectedRoot = file.contentRoot;
    result.foundRoot = toHex(written.root);
    result.sameContent = result.foundRoot == file.contentRoot;
    result.sameBytes = toHex(sha256OfFile(path)) == file.file.sha256;
    result.bytesExpected = tools && file.deflateLevel > 0 && file.deflateLevel < 9;
    if (!result.sameContent) {
      result.difference = explain(*sources[i], file, settings, context);
    } else if (!result.passed()) {
      result.difference = "the content is the same, the file's bytes are not, with the same program and libraries";
    }
    report.files.push_back(std::move(result));
  }
  return report;
}

}  // namespace offaxis
