#include "storage/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace offaxis {

FileLock::FileLock(const std::string& path, Kind kind) {
  const auto fail = [&](const char* what) {
    const std::string reason = std::strerror(errno);
    if (file_ >= 0) ::close(file_);
    throw Error(ErrorKind::CannotWrite, std::string("cannot ") + what + " '" + path + "': " + reason);
  };
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) fail("make the lock file");
  while (::flock(file_, (kind == Kind::Shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return;
    if (errno != EINTR) fail("lock");
  }
  held_ = true;
}

void FileLock::share() {
  while (held_ && ::flock(file_, LOCK_SH | LOCK_NB) != 0 && errno == EINTR) {
  }
}

FileLock::~FileLock() {
  ::close(file_);
}

}  // namespace offaxis
