// npy arrays inside npz (zip) archives, as numpy reads and writes them. Pickled (object) arrays are never parsed.
#pragma once

#include <cstdint>
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

// Writes the members, in order, deflated, without time stamps; replaces `path` (the caller stages it). Throws
// Error(CannotWrite).
void writeNpz(const std::string& path, const std::vector<std::pair<std::string, NpyArray>>& members);

}  // namespace offaxis
