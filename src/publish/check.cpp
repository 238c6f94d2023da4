#include "publish/check.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/error.h"
#include "datasets/content.h"
#include "datasets/image_file.h"
#include "publish/manifest.h"
#include "publish/signing.h"
#include "storage/hash.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSums = "SHA256SUMS";
constexpr const char* kSignature = "SHA256SUMS.sig";

std::map<std::string, std::string> readSums(const std::string& path) {
  auto fail = [&](const std::string& why) { throw Error(ErrorKind::BadFile, "'" + path + "': " + why); };
  const std::string text = readTextFile(path);
  std::map<std::string, std::string> sums;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    const bool formed = line.size() > 66 && line.compare(64, 2, "  ") == 0 &&
                        line.find_first_not_of("0123456789abcdef") == 64 && isSafePath(line.substr(66));
    if (!formed) fail("a line is not '<sha-256>  <path>': " + line.substr(0, 80));
    if (!sums.emplace(line.substr(66), line.substr(0, 64)).second) fail(line.substr(66) + " is listed twice");
  }
  return sums;
}

class VersionCheck {
 public:
  VersionCheck(const std::string& directory, bool content, const Context& context)
      : directory_(directory), content_(content), context_(context) {}

  CheckReport run() {
    if (!fs::is_regular_file(directory_ + "/" + kSums)) {
      throw Error(ErrorKind::BadFile, "'" + directory_ + "' is no published version: it has no " + kSums,
                  "give the directory <name>/<version> that `offaxis publish` made");
    }
    sums_ = readSums(directory_ + "/" + kSums);
    if (sums_.count("manifest.json") == 0)
      throw Error(ErrorKind::BadFile, "'" + directory_ + "/" + kSums + "' lists no manifest.json");
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
  void add(const std::string& path, const std::string& check, bool passed, const std::string& detail) {
    report_.findings.push_back({path, check, passed, detail});
  }
  std::uint64_t sizeOf(const std::string& path) const {
    std::error_code failure;
    const std::uint64_t size = fs::file_size(directory_ + "/" + path, failure);
    return failure ? 0 : size;
  }

  void checkBytes(const std::string& path, const std::string& expected) {
    context_.throwIfCancelled();
    const fs::file_status status = fs::symlink_status(directory_ + "/" + path);
    if (!fs::exists(status)) return add(path, "missing", false, "the file is missing");
    if (!fs::is_regular_file(status)) return add(path, "bytes", false, "it is not a regular file");
    try {
      const std::string found = toHex(sha256OfFile(directory_ + "/" + path));
      const bool good = found == expected;
      add(path, "bytes", good, good ? "sha-256 " + found : "sha-256 " + found + " instead of " + expected);
    } catch (const Error& error) {
      add(path, "bytes", false, error.what());
    }
    context_.advance(sizeOf(path));
  }

  void checkUnlisted() {
    std::vector<std::string> unlisted;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory_)) {
      const std::string path = entry.path().lexically_relative(directory_).generic_string();
      const bool known = sums_.count(path) != 0 || path == kSums || path == kSignature;
      if (!known && (entry.is_symlink() || !entry.is_directory())) unlisted.push_back(path);
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
    if (!bytesGood("manifest.json")) return;  // said already; nothing in it can be trusted
    Manifest manifest;
    try {
      manifest = readManifest(directory_ + "/manifest.json");
    } catch (const Error& error) {
      return add("manifest.json", "manifest", false, error.what());
    }
    std::vector<ListedFile> named = manifest.psi;
    named.push_back(manifest.index);
    for (const PublishedFile& file : manifest.files) named.push_back(file.file);
    std::string wrong;
    for (const ListedFile& file : named) {
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
    add("manifest.json", "manifest", wrong.empty(), wrong.empty() ? "agrees with SHA256SUMS" : wrong);
    if (!content_) return;
    for (const PublishedFile& file : manifest.files) checkContent(file);
  }

  void checkContent(const PublishedFile& file) {
    const std::string& path = file.file.path;
    const std::string full = directory_ + "/" + path;
    if (!fs::is_regular_file(fs::symlink_status(full))) return;  // said already
    try {
      const std::shared_ptr<const ImageFile> source = openImageFile(full);
      const PublishedFile found = publishedFileOf(*source);
      if (!(found.dataset == file.dataset && found.variant == file.variant && found.settings == file.settings &&
            found.reduction == file.reduction && found.rows == file.rows && found.images == file.images &&
            found.shape == file.shape && found.factors == file.factors)) {
        return add(path, "content", false, "it describes itself otherwise than the manifest does");
      }
      const std::string root = toHex(contentRoot(*source, context_));
      if (root != file.contentRoot) {
        return add(path, "content", false, "content root " + root + " instead of " + file.contentRoot);
      }
      for (CheckFinding& finding : report_.findings) {
        if (finding.path != path || finding.check != "bytes" || finding.passed) continue;
        finding.passed = true;
        finding.detail = "repacked: other bytes, the same content; " + finding.detail;
      }
      add(path, "content", true, "content root " + root);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Interrupted) throw;
      add(path, "content", false, error.what());
    }
  }

  void checkSignatureFile() {
    if (!fs::exists(directory_ + "/" + kSignature)) return;
    const SignatureCheck check = checkSignature(directory_ + "/" + kSums);
    if (check.available) {
      add(kSignature, "signature", check.good, check.detail);
    } else {
      add(kSignature, "signature", true, "not checked: ssh-keygen is not installed");
    }
  }

  const std::string directory_;
  const bool content_;
  const Context& context_;
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

CheckReport checkVersion(const std::string& directory, bool content, const Context& context) {
  try {
    return VersionCheck(directory, content, context).run();
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorKind::BadFile, "cannot read '" + directory + "': " + error.code().message());
  }
}

}  // namespace offaxis
