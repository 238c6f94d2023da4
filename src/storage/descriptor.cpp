#include "storage/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace offaxis {
namespace {

[[noreturn]] void cannotRead(const std::string& path, const std::string& why) {
  throw Error(ErrorKind::BadFile, "cannot read '" + path + "': " + why);
}

}  // namespace

Descriptor::Descriptor(const std::string& path, int flags, mode_t mode)
    : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::size_t readSome(const Descriptor& file, void* data, std::size_t bytes, const std::string& path) {
  for (;;) {
    const ssize_t count = ::read(file.get(), data, bytes);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) cannotRead(path, std::strerror(errno));
  }
}

void requireRegular(const Descriptor& file, const std::string& path) {
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) cannotRead(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) cannotRead(path, std::strerror(EISDIR));
  if (!S_ISREG(status.st_mode)) cannotRead(path, "it is not a regular file");
}

void cannotWrite(const std::string& target, const std::string& why, const std::string& hint) {
  throw Error(ErrorKind::CannotWrite, "cannot write '" + target + "': " + why, hint);
}

void cannotWrite(const std::string& target, int code) {
  cannotWrite(target, std::strerror(code), hintFor(code));
}

std::string hintFor(int code) {
  return code == ENOSPC || code == EDQUOT ? "free some space" : "";
}

void writeAll(const Descriptor& file, const void* data, std::size_t bytes, const std::string& target) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t count = ::write(file.get(), at, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) cannotWrite(target, errno);
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
}

void syncPath(const std::string& path, const std::string& target) {
  const Descriptor file(path, O_RDONLY);
  if (!file.valid()) cannotWrite(target, errno);
  // Some file systems cannot sync a directory and say so: there is nothing more to do there.
  if (::fsync(file.get()) != 0 && errno != EINVAL && errno != ENOTSUP) cannotWrite(target, errno);
}

}  // namespace offaxis
