#include "storage/staged.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <set>

#include "core/error.h"
#include "storage/descriptor.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

// Where our process numbers mean something: containers may share a host's name and have numbers of their own.
std::string hostName() {
  char name[256] = "";
  std::string text = ::gethostname(name, sizeof name - 1) != 0 || name[0] == 0 ? "host" : name;
  for (char& c : text) {
    if (c == '/') c = '_';
  }
  struct stat numbers {};
  if (::stat("/proc/self/ns/pid", &numbers) == 0) text += "." + std::to_string(numbers.st_ino);
  return text;
}

// A published version never changes, so no file of one is replaced. `directory` holds the file; data and psi lie one
// deeper than what makes it a version.
bool isInPublishedVersion(const fs::path& directory) {
  std::error_code ignored;
  const fs::path here = fs::canonical(directory, ignored);
  for (const fs::path& at : {here, here.parent_path()}) {
    if (fs::exists(at / "SHA256SUMS", ignored) && fs::exists(at / "manifest.json", ignored)) return true;
  }
  return false;
}

fs::path directoryOf(const std::string& target) {
  const fs::path parent = fs::path(target).parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

// What this process is staging at the moment, so that two of its threads never share a staging name.
std::mutex liveMutex;
std::set<std::string>& live() {
  static std::set<std::string> paths;
  return paths;
}

void forget(const std::string& path) {
  const std::lock_guard<std::mutex> lock(liveMutex);
  live().erase(path);
}

// Removes what killed processes of this host left of `prefix`<pid>, or of `prefix`<pid>.<suffix> (a library's own
// temporary file).
void removeStale(const fs::path& directory, const std::string& prefix) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    const char* const end = name.data() + name.size();
    pid_t pid = 0;
    const auto [rest, code] = std::from_chars(name.data() + prefix.size(), end, pid);
    if (code != std::errc() || pid <= 0 || (rest != end && *rest != '.')) continue;
    // A leftover with our own number is not ours: what we stage ourselves is registered as live.
    const bool ours = pid == ::getpid();
    if (ours || (::kill(pid, 0) != 0 && errno == ESRCH)) fs::remove_all(entry.path(), ignored);
  }
}

// Checks the target's directory and returns the staging path, registered as live.
std::string stage(const std::string& target) {
  const fs::path directory = directoryOf(target);
  const std::string name = fs::path(target).filename().string();
  if (name.empty() || name == "." || name == "..") cannotWrite(target, "it names no file");
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    const int code = errno;
    cannotWrite(target, "its directory '" + directory.string() + "': " + std::strerror(code),
                code == ENOENT ? "make the directory first" : "");
  }
  if (!S_ISDIR(status.st_mode)) cannotWrite(target, "'" + directory.string() + "' is not a directory");
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    cannotWrite(target, "its directory '" + directory.string() + "': " + std::strerror(errno));
  }
  const std::string prefix = "." + name + ".partial-" + hostName() + "-";
  std::string path = (directory / (prefix + std::to_string(::getpid()))).string();
  const std::lock_guard<std::mutex> lock(liveMutex);
  if (!live().insert(path).second) cannotWrite(target, "it is being written already");
  removeStale(directory, prefix);
  return path;
}

// Atomic where the file system can rename without replacing; elsewhere a hard link (files) or a last look
// (directories).
int renameWithoutReplacing(const std::string& from, const std::string& to, bool directory) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return errno;
  if (!directory) {
    if (::link(from.c_str(), to.c_str()) == 0) return ::unlink(from.c_str()) == 0 ? 0 : errno;
    if (errno == EEXIST) return errno;
  }
  struct stat status {};
  if (::lstat(to.c_str(), &status) == 0) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

std::string readToEnd(const Descriptor& file, const std::string& path, std::uint64_t limit) {
  std::string text;
  std::string buffer(std::size_t{1} << 16, '\0');
  while (const std::size_t count = readSome(file, buffer.data(), buffer.size(), path)) {
    if (text.size() + count > limit)
      throw Error(ErrorKind::BadFile,
                  "cannot read '" + path + "': it is larger than " + std::to_string(limit) + " bytes");
    text.append(buffer, 0, count);
  }
  return text;
}

constexpr const char* kExists = "it exists already";

}  // namespace

StagedFile::StagedFile(const std::string& target, Overwrite overwrite) : target_(target), overwrite_(overwrite) {
  std::error_code ignored;
  // Replacing through a symbolic link replaces what it names, as writing in place would.
  if (fs::is_symlink(target, ignored) && fs::exists(target, ignored)) {
    const fs::path named = fs::canonical(target, ignored);
    // /dev/stdout into a pipe has none.
    if (named.empty()) cannotWrite(target, "it is not a regular file");
    target_ = named.string();
  }
  struct stat status {};
  if (::lstat(target_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) cannotWrite(target, "it is a directory");
    if (!S_ISREG(status.st_mode)) cannotWrite(target, "it is not a regular file");
    if (overwrite == Overwrite::Refuse)
      cannotWrite(target, kExists, "choose another name, or pass --force to replace it");
    if (isInPublishedVersion(directoryOf(target_)))
      cannotWrite(target, "it is a file of a published version",
                  "versions never change: write elsewhere, publish anew");
  }
  path_ = stage(target_);
}

StagedFile::~StagedFile() {
  if (!committed_) {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  forget(path_);
}

void StagedFile::commit() {
  syncPath(path_, target_);
  const int code = overwrite_ == Overwrite::Replace ? (::rename(path_.c_str(), target_.c_str()) == 0 ? 0 : errno)
                                                    : renameWithoutReplacing(path_, target_, false);
  if (code == EEXIST) cannotWrite(target_, std::string(kExists) + " (it appeared meanwhile)");
  if (code != 0) cannotWrite(target_, code);
  committed_ = true;
  syncPath(directoryOf(target_).string(), target_);
}

void requireWritable(const std::string& target, Overwrite overwrite) {
  const StagedFile staged(target, overwrite);
}

StagedDirectory::StagedDirectory(const std::string& target) : target_(target) {
  while (target_.size() > 1 && target_.back() == '/') target_.pop_back();
  struct stat status {};
  if (::lstat(target_.c_str(), &status) == 0) cannotWrite(target_, kExists, "choose another name");
  path_ = stage(target_);
  if (::mkdir(path_.c_str(), 0777) != 0) {
    const int code = errno;
    forget(path_);
    cannotWrite(target_, code);
  }
}

StagedDirectory::~StagedDirectory() {
  if (!committed_) {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  forget(path_);
}

void StagedDirectory::commit() {
  std::error_code failure;
  for (fs::recursive_directory_iterator at(path_, failure), end; !failure && at != end; at.increment(failure)) {
    if (!at->is_symlink()) syncPath(at->path().string(), target_);
  }
  if (failure) cannotWrite(target_, failure.message());
  syncPath(path_, target_);
  const int code = renameWithoutReplacing(path_, target_, true);
  if (code == EEXIST || code == ENOTEMPTY) cannotWrite(target_, std::string(kExists) + " (it appeared meanwhile)");
  if (code != 0) cannotWrite(target_, code);
  committed_ = true;
  syncPath(directoryOf(target_).string(), target_);
}

std::string readTextFile(const std::string& path, std::uint64_t limit) {
  const Descriptor file(path, O_RDONLY | O_NONBLOCK);
  requireRegular(file, path);
  return readToEnd(file, path, limit);
}

std::string readTextStream(const std::string& path, std::uint64_t limit) {
  const Descriptor file(path, O_RDONLY);
  if (!file.valid()) throw Error(ErrorKind::BadFile, "cannot read '" + path + "': " + std::strerror(errno));
  return readToEnd(file, path, limit);
}

void writeTextFile(const std::string& path, const std::string& text, Overwrite overwrite) {
  StagedFile staged(path, overwrite);
  {
    const Descriptor file(staged.path(), O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (!file.valid()) cannotWrite(path, errno);
    writeAll(file, text.data(), text.size(), path);
  }
  staged.commit();
}

}  // namespace offaxis
