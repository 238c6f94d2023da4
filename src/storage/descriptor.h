// An open file by its number, and the errors of writing to one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace offaxis {

// Closes it when it goes. `flags` as open(2) has them; valid() is false and errno set where it cannot be opened.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

// The next bytes of an open file, at most `bytes` of them; 0 at its end. `path` is what errors call it. Throws
// Error(BadFile).
std::size_t readSome(const Descriptor& file, void* data, std::size_t bytes, const std::string& path);

// Throws Error(BadFile) unless `file`, as open(2) left it, is open and a regular file. To open anything else for
// reading without O_NONBLOCK is to wait: a pipe's other end, a terminal's user.
void requireRegular(const Descriptor& file, const std::string& path);

// Throw Error(CannotWrite) that names `target`, the name that people know the file by: for a reason, or for an errno.
[[noreturn]] void cannotWrite(const std::string& target, const std::string& why, const std::string& hint = {});
[[noreturn]] void cannotWrite(const std::string& target, int code);
// What to do about such an errno; empty where that is not plain.
std::string hintFor(int code);

// All of it, or Error(CannotWrite).
void writeAll(const Descriptor& file, const void* data, std::size_t bytes, const std::string& target);

// Brings a file or directory to disk, where its file system can.
void syncPath(const std::string& path, const std::string& target);

}  // namespace offaxis
