#include "publish/remake.h"

#include <filesystem>

#include "core/error.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

std::string findPsi(const Manifest& manifest, const RemakeSettings& settings, const std::string& sha256) {
  std::vector<std::string> candidates = settings.psi;
  const fs::path directory = fs::path(settings.manifest).parent_path();
  for (const ListedFile& psi : manifest.psi) {
    if (psi.sha256 != sha256) continue;
    candidates.push_back((directory / psi.path).string());
    candidates.push_back((directory / fs::path(psi.path).filename()).string());
  }
  std::string wrong;
  for (const std::string& path : candidates) {
    std::error_code none;
    if (!fs::is_regular_file(path, none)) continue;
    if (toHex(sha256OfFile(path)) == sha256) return path;
    wrong = path;
  }
  throw Error(ErrorKind::BadFile,
              wrong.empty() ? "the psi.h5 with SHA-256 " + sha256.substr(0, 12) + "... is not here"
                            : "'" + wrong + "' is not the psi.h5 that the manifest names (SHA-256 " +
                                  sha256.substr(0, 12) + "...)",
              "put it beside the manifest, or pass it with --psi FILE");
}

}  // namespace

SourcePtr remake(const PublishedFile& file, const Manifest& manifest, const RemakeSettings& settings) {
  const std::string sha256 = file.psiSha256();
  SourcePtr source;
  try {
    source =
        remakeSource(file, settings.original, sha256.empty() ? std::string() : findPsi(manifest, settings, sha256));
  } catch (const Error& error) {
    // What the user did not say, the manifest did.
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

}  // namespace offaxis
