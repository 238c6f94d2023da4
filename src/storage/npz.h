// npy arrays inside npz (zip) archives, as numpy reads and writes them. Pickled (object) arrays are never parsed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace offaxis {

enum class NpyType { U8, I32, I64, F32, F64 };

struct NpyArray {
  NpyType type = NpyType::F32;
  std::vector<std::uint64_t> dims;
  std::vector<std::uint8_t> bytes;  // C order, little-endian

  std::uint64_t count() const;
};

// A named array of an archive. Throws Error(BadFile) where the file or member is missing, damaged, truncated, of an
// object type, Fortran-ordered, big-endian, of a type not listed above, or where the header and the size disagree;
// refuses members larger than `limit` bytes before allocating (zip bombs).
NpyArray readNpz(const std::string& path, const std::string& member, std::uint64_t limit = std::uint64_t{1} << 30);
std::vector<std::string> npzMembers(const std::string& path);

// One array of an archive, inflated as it is read, for arrays that are too large to hold. Opening it checks all that
// readNpz checks but the data themselves.
class NpyStream {
 public:
  NpyStream(const std::string& path, const std::string& member, std::uint64_t limit);
  ~NpyStream();
  NpyStream(NpyStream&&) noexcept;
  NpyStream& operator=(NpyStream&&) noexcept;

  NpyType type() const;
  const std::vector<std::uint64_t>& dims() const;
  std::uint64_t bytes() const;  // of the whole array
  // The next `bytes` bytes, C order, little-endian. Throws Error(BadFile) where the member is damaged or ends early.
  void read(void* data, std::uint64_t bytes);
  // To be called after the last byte: throws Error(BadFile) where the member's checksum does not agree.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Writes the members, in order, deflated, without time stamps; replaces `path` (the caller stages it). Throws
// Error(CannotWrite) that names `target`, the name that people know it by.
void writeNpz(const std::string& path, const std::string& target,
              const std::vector<std::pair<std::string, NpyArray>>& members);

}  // namespace offaxis
