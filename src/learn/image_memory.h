// How much memory cached images may take, over all of a user's processes on this machine.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

namespace offaxis {

// Half of the machine's memory, or of what the control group allows this process where that is less, in bytes.
std::uint64_t imageMemory();

// The least that the control groups named in `groups`, in the form of /proc/self/cgroup, those above them, and the one
// that is mounted are granted, in bytes; UINT64_MAX where none is bounded. A batch system's bound on a job lies
// somewhere along that path, not at its top. `mount` is where the groups' files lie: version 2's there or in unified/,
// version 1's in memory/.
std::uint64_t groupMemory(std::istream& groups, const std::string& mount);

// A part of imageMemory(), held until this object ends. All processes of one user on one machine draw from the same
// half: slots of kSlotBytes, each a byte range locked in one file of the temporary directory, which the system gives
// back when the process ends, however it ends. Where that file cannot be made or locked, each process has an eighth of
// the memory to itself.
class ImageMemory {
 public:
  static constexpr std::uint64_t kSlotBytes = std::uint64_t{64} << 20;

  // Empty (held() is false) where less than `bytes` are free. Never waits.
  explicit ImageMemory(std::uint64_t bytes);
  ~ImageMemory();
  ImageMemory(ImageMemory&& other) noexcept;
  ImageMemory(const ImageMemory&) = delete;
  ImageMemory& operator=(const ImageMemory&) = delete;
  ImageMemory& operator=(ImageMemory&&) = delete;

  bool held() const { return held_; }

 private:
  bool held_ = false;
  std::vector<std::uint32_t> slots_;
};

}  // namespace offaxis
