#include "publish/reproduce.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "datasets/content.h"
#include "datasets/image_file.h"
#include "publish/first_difference.h"
#include "publish/manifest.h"
#include "publish/publish.h"
#include "publish/remake.h"
#include "publish/row_blocks.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

// Against the file that was published, where it lies beside the manifest: reading it is a courtesy to whoever looks
// for the reason, never a part of the answer.
std::string firstDifferenceFrom(const std::string& published, const Source& made, const Context& context) {
  try {
    const std::shared_ptr<const ImageFile> file = openImageFile(published);
    if (made.size() != file->size() || made.info().shape != file->info().shape)
      return "another number or shape of images than the published file has";
    if (made.info().grid != file->info().grid) return "another factor grid than the published file has";
    const auto difference = firstDifference(made, *file, 0, made.size(), context);
    return difference ? toString(*difference) : "the published file's rows are these, the manifest's root is of others";
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::BadFile) throw;
    return std::string("the published file cannot be compared with: ") + error.what();
  }
}

// What the manifest alone can tell: the first block of rows, and whether the original differs already.
std::string firstBlock(const Source& made, const PublishedFile& file, const Context& context) {
  if (file.rowBlocks.empty()) return {};
  const ContentDigests digests = contentDigests(made, context);
  const auto block =
      std::mismatch(digests.blocks.begin(), digests.blocks.end(), file.rowBlocks.begin(), file.rowBlocks.end()).first;
  if (block == digests.blocks.end()) return "no row differs, the factors' names or the order do; ";
  const auto first = static_cast<std::uint64_t>(block - digests.blocks.begin()) * kRowsPerBlock;
  return "first among rows " + std::to_string(first) + " to " +
         std::to_string(std::min(first + kRowsPerBlock, file.images) - 1) + "; ";
}

std::string explain(const Source& made, const PublishedFile& file, const ReproduceSettings& settings,
                    const Context& context) {
  const fs::path published = fs::path(settings.manifest).parent_path() / file.file.path;
  if (fs::is_regular_file(published)) return firstDifferenceFrom(published.string(), made, context);
  const std::string where = firstBlock(made, file, context);
  if (file.parentRoot.empty()) return where + "the rendered original differs";
  const std::string parent = toHex(contentRoot(*openOriginal(file, settings.original), context));
  return where + (parent == file.parentRoot ? "the original is the same, the variant differs"
                                            : "the original differs already (content root " + parent + " instead of " +
                                                  file.parentRoot + ")");
}

// What a chunk held at most where a manifest does not say it: they were all written so before it could be chosen.
constexpr std::uint64_t kUnrecordedChunkBytes = std::uint64_t{96} * 1024;

// Bytes depend on the program and these libraries; HDF5 declares levels above 9 as 9, so that one is not exact.
bool sameTools(const Json& circumstances, const std::string& program) {
  const Json here = buildCircumstances(program);
  for (const char* key : {"program", "hdf5", "deflate"}) {
    if (!circumstances.is_object() || !circumstances.contains(key) || circumstances[key] != here[key]) return false;
  }
  return true;
}

void writeAgain(const Source& source, const PublishedFile& file, const ReproduceSettings& settings, bool tools,
                ReproducedFile& result, const Context& context) {
  const std::string path = settings.output + "/" + file.file.path;
  std::error_code failure;
  fs::create_directories(fs::path(path).parent_path(), failure);
  if (failure) throw Error(ErrorKind::CannotWrite, "cannot make the directory of '" + path + "': " + failure.message());
  WriteSettings writing;
  writing.overwrite = settings.overwrite;
  if (file.deflateLevel > 0) writing.deflateLevel = file.deflateLevel;
  writing.imagesPerChunk =
      file.imagesPerChunk > 0 ? file.imagesPerChunk : imagesThatFit(kUnrecordedChunkBytes, source.info().shape);
  result.foundRoot = toHex(writeImageFile(source, path, writing, context).root);
  result.sameBytes = toHex(sha256OfFile(path)) == file.file.sha256;
  result.bytesExpected = tools && file.deflateLevel > 0 && file.deflateLevel < 9;
}

}  // namespace

bool ReproduceReport::passed() const {
  return std::all_of(files.begin(), files.end(), [](const ReproducedFile& file) { return file.passed(); });
}

ReproduceReport reproduceVersion(const ReproduceSettings& settings, const Context& context) {
  const Manifest manifest = readManifest(settings.manifest);
  const bool writes = !settings.output.empty();
  std::vector<SourcePtr> sources;  // all of them before anything is written
  for (const PublishedFile& file : manifest.files) {
    sources.push_back(remake(file, manifest, {settings.manifest, settings.psi, settings.original}));
    if (writes && settings.overwrite == Overwrite::Refuse && fs::exists(settings.output + "/" + file.file.path)) {
      throw Error(ErrorKind::CannotWrite, "'" + settings.output + "/" + file.file.path + "' exists already",
                  "choose another directory, or pass --force to replace it");
    }
  }
  const bool tools = sameTools(manifest.circumstances, settings.program);
  ReproduceReport report;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const PublishedFile& file = manifest.files[i];
    ReproducedFile result;
    result.path = file.file.path;
    result.written = writes;
    result.expectedRoot = file.contentRoot;
    if (writes) {
      writeAgain(*sources[i], file, settings, tools, result, context);
    } else {
      result.foundRoot = toHex(contentRoot(*sources[i], context));
    }
    result.sameContent = result.foundRoot == file.contentRoot;
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
