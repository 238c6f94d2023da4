#include "publish/semver.h"

#include <array>
#include <charconv>

namespace offaxis {

std::string toString(const SemVer& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
}

constexpr std::uint32_t kLargest = 999'999'999;

bool parseSemVer(const std::string& text, SemVer& version) {
  std::array<std::uint32_t, 3> numbers{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return false;
    if (at == end || *at < '0' || *at > '9') return false;
    const auto [next, code] = std::from_chars(at, end, numbers[i]);
    if (code != std::errc() || (*at == '0' && next - at > 1) || numbers[i] > kLargest) return false;
    at = next;
  }
  if (at != end) return false;
  version = {numbers[0], numbers[1], numbers[2]};
  return true;
}

std::string toString(Change change) {
  switch (change) {
    case Change::Patch:
      return "the same data (PATCH)";
    case Change::Minor:
      return "all old rows and new ones (MINOR)";
    case Change::Major:
      break;
  }
  return "changed data (MAJOR)";
}

SemVer nextVersion(const SemVer& version, Change change) {
  switch (change) {
    case Change::Patch:
      return {version.major, version.minor, version.patch + 1};
    case Change::Minor:
      return {version.major, version.minor + 1, 0};
    case Change::Major:
      break;
  }
  return {version.major + 1, 0, 0};
}

}  // namespace offaxis
