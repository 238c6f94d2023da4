#include "learn/image_memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>

namespace offaxis {
namespace {

std::uint64_t physicalMemory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) : 0;
}

// The least of the bounds that `file` states in `mount`, in the folder of `group` below it, and in those between. In a
// container what is mounted may begin anywhere along the group's path, so the path's ends are looked for as well.
std::uint64_t leastAlong(const std::filesystem::path& mount, const std::filesystem::path& group, const char* file) {
  std::uint64_t least = UINT64_MAX;
  const auto look = [&](const std::filesystem::path& directory) {
    std::uint64_t bytes = 0;
    if (std::ifstream(directory / file) >> bytes) least = std::min(least, bytes);  // "max" is not a number
  };
  look(mount);
  const std::filesystem::path parts = group.relative_path();
  for (auto begin = parts.begin(); begin != parts.end(); ++begin) {
    std::filesystem::path directory = mount;
    for (auto at = begin; at != parts.end(); ++at) look(directory /= *at);
  }
  return least;
}

// The slots of this process, and the file that it shares with the user's others.
class Slots {
 public:
  static Slots& ofThisProcess() {
    static Slots slots;
    return slots;
  }

  std::vector<std::uint32_t> take(std::size_t count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::uint32_t> taken;
    for (std::uint32_t slot = 0; slot < mine_.size() && taken.size() < count; ++slot) {
      if (!mine_[slot] && locked(slot, F_WRLCK)) taken.push_back(slot);
    }
    if (taken.size() < count) {
      for (const std::uint32_t slot : taken) locked(slot, F_UNLCK);
      return {};
    }
    for (const std::uint32_t slot : taken) mine_[slot] = true;
    return taken;
  }

  void giveBack(const std::vector<std::uint32_t>& slots) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::uint32_t slot : slots) {
      mine_[slot] = false;
      locked(slot, F_UNLCK);
    }
  }

 private:
  Slots() : file_(open()) {
    const std::uint64_t bytes = file_ >= 0 ? imageMemory() : imageMemory() / 4;
    mine_.resize(std::min<std::uint64_t>(bytes / ImageMemory::kSlotBytes, 1u << 20));
  }

  // -1 where there is no file that can be locked.
  static int open() {
    std::error_code error;
    const std::filesystem::path directory = std::filesystem::temp_directory_path(error);
    if (error) return -1;
    const std::string path = directory / ("offaxis-image-memory-" + std::to_string(::getuid()));
    // Another user's file of that name, or a link to something else, is nothing to share.
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return -1;
    struct stat status {};
    struct flock nothing = range(0, F_WRLCK);
    if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::getuid() &&
        ::fcntl(file, F_OFD_GETLK, &nothing) == 0)
      return file;
    ::close(file);
    return -1;
  }

  static struct flock range(std::uint32_t slot, short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = slot;
    lock.l_len = 1;
    return lock;
  }

  bool locked(std::uint32_t slot, short type) const {
    if (file_ < 0) return true;
    struct flock lock = range(slot, type);
    return ::fcntl(file_, F_OFD_SETLK, &lock) == 0;
  }

  int file_;
  std::mutex mutex_;
  std::vector<bool> mine_;
};

}  // namespace

std::uint64_t groupMemory(std::istream& groups, const std::string& mount) {
  const std::filesystem::path version1 = std::filesystem::path(mount) / "memory";
  std::uint64_t least =
      std::min(leastAlong(mount, {}, "memory.max"), leastAlong(version1, {}, "memory.limit_in_bytes"));
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") {
      for (const char* hierarchy : {"", "unified"})
        least = std::min(least, leastAlong(std::filesystem::path(mount) / hierarchy, group, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      least = std::min(least, leastAlong(version1, group, "memory.limit_in_bytes"));
    }
  }
  return least;
}

std::uint64_t imageMemory() {
  std::ifstream groups("/proc/self/cgroup");
  return std::min(physicalMemory(), groupMemory(groups, "/sys/fs/cgroup")) / 2;
}

ImageMemory::ImageMemory(std::uint64_t bytes) {
  const std::uint64_t count = bytes / kSlotBytes + (bytes % kSlotBytes != 0 ? 1 : 0);
  slots_ = Slots::ofThisProcess().take(static_cast<std::size_t>(count));
  held_ = slots_.size() == count;
}

ImageMemory::~ImageMemory() {
  if (!slots_.empty()) Slots::ofThisProcess().giveBack(slots_);
}

ImageMemory::ImageMemory(ImageMemory&& other) noexcept
    : held_(std::exchange(other.held_, false)), slots_(std::exchange(other.slots_, {})) {}

}  // namespace offaxis
