// One arm of an evaluation: a source under a name, for all seeds or some.
#pragma once

#include <cstdint>
#include <string>

namespace offaxis {

struct SeedRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;  // not included
  bool empty() const { return first == end; }
  bool holds(std::uint64_t seed) const { return seed >= first && seed < end; }
};

// "N" (seeds 0 to N - 1) or "A:B". `what` is named in errors. Throws Error(Usage).
SeedRange parseSeeds(const std::string& text, const std::string& what);

struct EvaluationArm {
  std::string name;        // the variant as tables show it, "original": letters, digits, '-', '_', '.'
  std::string expression;  // as openSource() takes it
  SeedRange seeds;         // empty: all of the evaluation's

  // "modified", or "modified@4:8" where the arm has seeds of its own.
  std::string label() const;
};

// "NAME=SOURCE" or "NAME@A:B=SOURCE"; the first '=' separates. Throws Error(Usage).
EvaluationArm parseArm(const std::string& text);

}  // namespace offaxis
