#include "experiment/evaluation_arm.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/text.h"

namespace offaxis {

std::string EvaluationArm::label() const {
  return seeds.empty() ? name : name + "@" + std::to_string(seeds.first) + ":" + std::to_string(seeds.end);
}

SeedRange parseSeeds(const std::string& text, const std::string& what) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 32, kMost = 1000;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {0, parseUnsigned(text, what, 1, kMost)};
  const std::uint64_t first = parseUnsigned(text.substr(0, colon), what, 0, kLargest);
  return {first, parseUnsigned(text.substr(colon + 1), "the end of " + what, first + 1, first + kMost)};
}

EvaluationArm parseArm(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string label = text.substr(0, equals);
  const std::size_t at = label.find('@');
  const std::string name = label.substr(0, at);
  const bool plain = !name.empty() && name[0] != '.' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (equals == std::string::npos || equals + 1 == text.size() || !plain) {
    throw Error(ErrorKind::Usage, "'" + text + "' is not NAME=SOURCE", "such as original=xysquares:spacing=1");
  }
  EvaluationArm arm{name, text.substr(equals + 1), {}};
  if (at != std::string::npos) {
    const std::string seeds = label.substr(at + 1);
    if (seeds.find(':') == std::string::npos)
      throw Error(ErrorKind::Usage, "'" + seeds + "' is no range of seeds", "write " + name + "@4:8=SOURCE");
    arm.seeds = parseSeeds(seeds, name + "'s seeds");
  }
  return arm;
}

}  // namespace offaxis
