// An advisory lock that processes share through a file; the system releases it when its holder ends, however it ends.
#pragma once

#include <string>

namespace offaxis {

class FileLock {
 public:
  enum class Kind { Exclusive, Shared };  // shared with other shared holders
  // Makes the file where it is missing and tries to lock it, without waiting. Throws Error(CannotWrite) where the file
  // cannot be made or its file system keeps no locks.
  explicit FileLock(const std::string& path, Kind kind = Kind::Exclusive);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // False where another holder, of this process or any other, has it.
  bool held() const { return held_; }
  // Lets others share what is held.
  void share();

 private:
  int file_ = -1;
  bool held_ = false;
};

}  // namespace offaxis
