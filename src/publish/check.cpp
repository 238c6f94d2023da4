#include "publish/check.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "core/error.h"
#include "datasets/image_file.h"
#include "publish/first_difference.h"
#include "publish/manifest.h"
#include "publish/remake.h"
#include "publish/row_blocks.h"
#include "publish/signing.h"
#include "storage/hash.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSums = "SHA256SUMS";
constexpr const char* kSignature = "SHA256SUMS.sig";
constexpr const char* kManifest = "manifest.json";

// What is wrong with a data file's decoded content; empty: nothing.
class ContentCheck {
 public:
  ContentCheck(const std::string& directory, const Manifest& manifest, const Context& context)
      : directory_(directory), manifest_(manifest), context_(context) {}

  std::string operator()(const PublishedFile& file) const {
    const std::shared_ptr<const ImageFile> source = openImageFile(directory_ + "/" + file.file.path);
    if (const std::string field = firstOtherField(publishedFileOf(*source), file); !field.empty())
      return "it describes itself otherwise than the manifest does: " + field;
    const ContentDigests digests = contentDigests(*source, context_);
    if (digests.root == file.contentRoot && (file.rowBlocks.empty() || digests.blocks == file.rowBlocks)) return {};
    if (digests.root == file.contentRoot) return "its rows are right, the manifest's row blocks are not";
    return firstOtherRow(*source, digests, file) + "; content root " + digests.root + " instead of " + file.contentRoot;
  }

 private:
  static std::string firstOtherField(const PublishedFile& found, const PublishedFile& named) {
    if (found.dataset != named.dataset) return "dataset " + found.dataset + ", not " + named.dataset;
    if (found.variant != named.variant) return "variant " + found.variant + ", not " + named.variant;
    if (found.settings != named.settings) return "other settings";
    if (found.reduction != named.reduction) return "another reduction";
    if (found.images != named.images)
      return std::to_string(found.images) + " images, not " + std::to_string(named.images);
    if (found.rows != named.rows) return "other rows of the factor grid, or another order";
    if (found.shape != named.shape) return "images of " + toString(found.shape) + ", not " + toString(named.shape);
    return found.factors == named.factors ? "" : "other factors";
  }

  std::string firstOtherRow(const Source& source, const ContentDigests& digests, const PublishedFile& file) const {
    std::uint64_t first = 0, count = file.images;
    std::string where = "some rows are not those that were published";
    if (!file.rowBlocks.empty()) {
      const auto block = std::mismatch(digests.blocks.begin(), digests.blocks.end(), file.rowBlocks.begin()).first;
      if (block == digests.blocks.end()) return "all rows are those that were published, but not the factors' names";
      first = static_cast<std::uint64_t>(block - digests.blocks.begin()) * kRowsPerBlock;
      count = std::min(kRowsPerBlock, file.images - first);
      where = "first among rows " + std::to_string(first) + " to " + std::to_string(first + count - 1);
    }
    try {
      const SourcePtr made = remake(file, manifest_, {directory_ + "/" + kManifest, {}, {}});
      if (const auto difference = firstDifference(source, *made, first, count, context_)) return toString(*difference);
      return where + ", which are what this program makes of the manifest";
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Interrupted) throw;
      return where + " (no pixel can be named: " + error.what() + ")";
    }
  }

  const std::string& directory_;
  const Manifest& manifest_;
  const Context& context_;
};

class VersionCheck {
 public:
  VersionCheck(const std::string& directory, const CheckSettings& settings, const Context& context)
      : directory_(directory), settings_(settings), context_(context) {}

  CheckReport run() {
    std::error_code none;
    if (fs::is_regular_file(directory_, none)) {
      throw Error(ErrorKind::BadFile, "'" + directory_ + "' is a file, and no published version",
                  "give the directory <name>/<version> that `offaxis publish` made; of a manifest alone, `offaxis "
                  "reproduce` makes the data");
    }
    if (!fs::is_regular_file(fs::symlink_status(full(kSums)))) {
      throw Error(ErrorKind::BadFile, "'" + directory_ + "' is no published version: it has no " + kSums,
                  "give the directory <name>/<version> that `offaxis publish` made");
    }
    readManifestFile();
    readSums();
    std::uint64_t total = 0;
    for (const auto& [path, sha256] : sums_) total += sizeOf(path);
    context_.begin("checking " + directory_, total, "bytes");
    for (const auto& [path, sha256] : sums_) checkBytes(path, sha256);
    context_.end();
    checkUnlisted();
    checkManifest();
    checkSignatureFile();
    return std::move(report_);
  }

 private:
  std::string full(const std::string& path) const { return directory_ + "/" + path; }
  void add(const std::string& path, const std::string& check, bool passed, const std::string& detail) {
    report_.findings.push_back({path, check, passed, detail});
  }
  std::uint64_t sizeOf(const std::string& path) const {
    std::error_code failure;
    const std::uint64_t size = fs::file_size(full(path), failure);
    return failure ? 0 : size;
  }

  // Whether it can be believed is for checkBytes() to say.
  void readManifestFile() {
    if (!fs::is_regular_file(fs::symlink_status(full(kManifest)))) return;
    try {
      manifest_ = readManifest(full(kManifest));
    } catch (const Error& error) {
      manifestProblem_ = error.what();
    }
  }

  void readSums() {
    const std::string text = readTextFile(full(kSums));
    if (text.empty() || text.back() != '\n') add(kSums, "bytes", false, "its last line has no end: it was cut off");
    for (std::size_t begin = 0, number = 1; begin < text.size(); ++number) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      const std::string line = text.substr(begin, end - begin);
      begin = end + 1;
      const bool formed = line.size() > 66 && line.compare(64, 2, "  ") == 0 &&
                          line.find_first_not_of("0123456789abcdef") == 64 && isSafePath(line.substr(66));
      const std::string where = "line " + std::to_string(number);
      if (!formed) {
        add(kSums, "bytes", false, where + " is not '<sha-256>  <path>'");
      } else if (!sums_.emplace(line.substr(66), line.substr(0, 64)).second) {
        add(kSums, "bytes", false, where + " lists " + line.substr(66) + " again");
      }
    }
  }

  // The manifest's word on a file, or null.
  const ListedFile* named(const std::string& path) const {
    if (!manifest_) return nullptr;
    if (manifest_->index.path == path) return &manifest_->index;
    for (const ListedFile& psi : manifest_->psi) {
      if (psi.path == path) return &psi;
    }
    for (const PublishedFile& file : manifest_->files) {
      if (file.file.path == path) return &file.file;
    }
    return nullptr;
  }

  void checkBytes(const std::string& path, const std::string& expected) {
    context_.throwIfCancelled();
    const fs::file_status status = fs::symlink_status(full(path));
    if (!fs::exists(status)) return add(path, "missing", false, "the file is missing");
    if (!fs::is_regular_file(status)) return add(path, "bytes", false, "it is not a regular file");
    try {
      const std::string found = toHex(sha256OfFile(full(path)));
      const ListedFile* const word = named(path);
      if (found == expected) {
        add(path, "bytes", true, "sha-256 " + found);
      } else if (word && word->sha256 == found) {
        add(kSums, "bytes", false, "it gives " + path + " sha-256 " + expected + ", file and manifest have " + found);
      } else {
        add(path, "bytes", false, "sha-256 " + found + ", SHA256SUMS has " + expected);
      }
    } catch (const Error& error) {
      add(path, "bytes", false, error.what());
    }
    context_.advance(sizeOf(path));
  }

  // A directory is known by what is listed in it; where other things lie in it, those are what is named.
  bool isKnown(const fs::directory_entry& entry, const std::string& path) const {
    if (sums_.count(path) != 0 || path == kSums || path == kSignature) return true;
    if (entry.is_symlink() || !entry.is_directory()) return false;
    const auto inside = sums_.lower_bound(path + "/");
    return (inside != sums_.end() && inside->first.compare(0, path.size() + 1, path + "/") == 0) ||
           !fs::is_empty(entry.path());
  }

  void checkUnlisted() {
    std::vector<std::string> unlisted;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory_)) {
      const std::string path = entry.path().lexically_relative(directory_).generic_string();
      if (!isKnown(entry, path)) unlisted.push_back(path);
    }
    std::sort(unlisted.begin(), unlisted.end());
    for (const std::string& path : unlisted) add(path, "unlisted", false, "SHA256SUMS does not list it");
    if (unlisted.empty()) add(".", "unlisted", true, "nothing else lies here");
  }

  bool bytesGood(const std::string& path) const {
    return std::any_of(report_.findings.begin(), report_.findings.end(), [&](const CheckFinding& finding) {
      return finding.path == path && finding.check == "bytes" && finding.passed;
    });
  }

  void checkManifest() {
    std::vector<std::string> due{kManifest};
    if (manifest_ && manifest_->schema >= 2) due.insert(due.end(), {"README.md", "croissant.json", "datacite.json"});
    for (const std::string& path : due) {
      if (sums_.count(path) == 0) add(kSums, "missing", false, "it does not list " + path);
    }
    if (!bytesGood(kManifest)) return;  // said already; nothing in it can be trusted
    if (!manifest_) return add(kManifest, "manifest", false, manifestProblem_);
    std::vector<ListedFile> listed = manifest_->psi;
    listed.push_back(manifest_->index);
    for (const PublishedFile& file : manifest_->files) listed.push_back(file.file);
    std::string wrong;
    for (const ListedFile& file : listed) {
      const auto found = sums_.find(file.path);
      if (found == sums_.end()) {
        wrong = file.path + " is in the manifest but not in SHA256SUMS";
      } else if (found->second != file.sha256) {
        wrong = file.path + " has another SHA-256 in the manifest than in SHA256SUMS";
      } else if (bytesGood(file.path) && sizeOf(file.path) != file.bytes) {
        wrong = file.path + " has " + std::to_string(sizeOf(file.path)) + " bytes, the manifest says " +
                std::to_string(file.bytes);
      }
      if (!wrong.empty()) break;
    }
    add(kManifest, "manifest", wrong.empty(), wrong.empty() ? "agrees with SHA256SUMS" : wrong);
    if (!settings_.content) return;
    for (const PublishedFile& file : manifest_->files) checkContent(file);
  }

  void checkContent(const PublishedFile& file) {
    const std::string& path = file.file.path;
    if (!fs::is_regular_file(fs::symlink_status(full(path)))) return;  // said already
    try {
      const std::string wrong = ContentCheck(directory_, *manifest_, context_)(file);
      if (!wrong.empty()) return add(path, "content", false, wrong);
      for (CheckFinding& finding : report_.findings) {
        if (finding.path != path || finding.check != "bytes" || finding.passed) continue;
        finding.passed = true;
        finding.detail = "repacked: other bytes, the same content; " + finding.detail;
      }
      add(path, "content", true, "content root " + file.contentRoot);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Interrupted) throw;
      add(path, "content", false, error.what());
    }
  }

  bool signatureDue() const {
    if (!settings_.signer.empty()) return true;
    return manifest_ && manifest_->circumstances.is_object() &&
           manifest_->circumstances.value("signature", Json()) == Json(kSignature);
  }

  void checkSignatureFile() {
    const fs::file_status status = fs::symlink_status(full(kSignature));
    if (fs::exists(status) && !fs::is_regular_file(status))
      return add(kSignature, "signature", false, "it is not a regular file");
    if (!fs::exists(status)) {
      if (signatureDue()) add(kSignature, "missing", false, "the signature is missing");
      return;
    }
    const SignatureCheck check =
        settings_.signer.empty() ? checkSignature(full(kSums), context_)
                                 : checkSignatureOf(settings_.signer, settings_.allowedSigners, full(kSums), context_);
    if (check.available) return add(kSignature, "signature", check.good, check.detail);
    if (!settings_.signer.empty())
      throw Error(ErrorKind::Unavailable, "ssh-keygen is not installed, which checks signatures",
                  "install openssh-client, or leave out --signer");
    add(kSignature, "signature", true, "not checked: ssh-keygen is not installed");
  }

  const std::string directory_;
  const CheckSettings& settings_;
  const Context& context_;
  std::optional<Manifest> manifest_;  // none where it is missing or cannot be read
  std::string manifestProblem_;
  std::map<std::string, std::string> sums_;
  CheckReport report_;
};

}  // namespace

const CheckFinding* CheckReport::firstFailure() const {
  for (const CheckFinding& finding : findings) {
    if (!finding.passed) return &finding;
  }
  return nullptr;
}

bool CheckReport::passed() const {
  return firstFailure() == nullptr;
}

CheckReport checkVersion(const std::string& directory, const CheckSettings& settings, const Context& context) {
  if (settings.signer.empty() != settings.allowedSigners.empty()) {
    throw Error(ErrorKind::Usage, "a signer and a file of allowed signers go together",
                "give both --signer WHO and --allowed-signers FILE");
  }
  if (!settings.allowedSigners.empty()) readTextFile(settings.allowedSigners);  // ssh-keygen would blame the signature
  try {
    return VersionCheck(directory, settings, context).run();
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::BadFile, "cannot read '" + directory + "': " + error.code().message());
  }
}

}  // namespace offaxis
