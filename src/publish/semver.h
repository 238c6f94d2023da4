// Versions X.Y.Z of a published set, and which one a change calls for.
//   PATCH: the same data repackaged. MINOR: everything old is still there. MAJOR: data changed or went.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

namespace offaxis {

struct SemVer {
  std::uint32_t major = 0, minor = 0, patch = 0;

  bool operator<(const SemVer& o) const { return tuple() < o.tuple(); }
  bool operator==(const SemVer& o) const { return tuple() == o.tuple(); }
  std::tuple<std::uint32_t, std::uint32_t, std::uint32_t> tuple() const { return {major, minor, patch}; }
};

std::string toString(const SemVer& version);
// Three plain numbers up to 999,999,999 without leading zeros and nothing else; false otherwise.
bool parseSemVer(const std::string& text, SemVer& version);

enum class Change { Patch, Minor, Major };
// "the same data (PATCH)"
std::string toString(Change change);
SemVer nextVersion(const SemVer& version, Change change);

}  // namespace offaxis
