// Does every modified image still lie nearest to its own factors? Exhaustive, in exact integers.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/context.h"
#include "datasets/row_finder.h"
#include "datasets/source.h"

namespace offaxis {

// Distances are squared Euclidean ones over all pixels, in levels of 255 squared. Indices are of the factor grid.
struct NearestPair {
  std::int64_t squared = 0;
  std::uint64_t index = 0, other = 0;
};

struct FactorSeparation {
  std::string name;
  // Pairs of images one step apart in this factor alone: neighbouring levels, the last and the first of a cyclic
  // factor, any two of a categorical one. Both must be in the modified set.
  std::uint64_t steps = 0;
  std::uint64_t coincidingSteps = 0;    // of them, with equal originals; left out of the two that follow
  std::optional<NearestPair> original;  // the closest pair of originals
  std::optional<NearestPair> modified;  // the closest pair of modified images
  // Each modified image against the originals of all other levels of this factor, the others fixed.
  std::uint64_t rivals = 0;            // compared
  std::uint64_t nearerRivals = 0;      // of them, as near as the image's own original or nearer
  std::uint64_t coincidingRivals = 0;  // left out: the same image as its own original
  std::uint64_t missingRivals = 0;     // left out: not among the originals
  // The smallest |m(i) - o(j)|^2 - |m(i) - o(i)|^2 with i = index, j = other; above 0 where all images are separated.
  std::optional<NearestPair> margin;
};

struct SeparationReport {
  std::vector<FactorSeparation> factors;  // of more than one level, in the grid's order
  std::vector<std::uint64_t> offending;   // the lowest rows of the modified set that are not separated, at most `keep`
  std::uint64_t offendingCount = 0;
  std::string detail;  // of the first of them: which original lies nearer or as near
};

// The originals that differ from one in a single factor. Holds a reference to `original`.
class OneFactorVariants {
 public:
  explicit OneFactorVariants(const Source& original);
  // Calls visit(factor, grid index, image) for each of those of `index` that there are, in the order of factors and
  // levels, but for those of the same bytes as `own`, the original at `index`. May be called from several threads.
  void visit(std::uint64_t index, const std::uint8_t* own,
             const std::function<void(std::size_t, std::uint64_t, const std::uint8_t*)>& visit) const;

 private:
  const Source& original_;
  RowFinder rowOf_;
};

// A modified image is separated where it is strictly nearer to its own original than to that of every one-factor
// variant which differs from its own. `original` may hold more rows than `modified`; rows go by their grid index.
// Preconditions: the same grid and image shape; `original` holds the grid indices of all rows of `modified`.
// Every image is read once per group of factors that fit in memory together (two groups for the published datasets).
// `memory` is for images, in bytes; the images along one single factor must be held, however little it is. The report
// depends neither on it nor on the threads.
SeparationReport measureSeparation(const Source& modified, const Source& original, std::size_t keep,
                                   const Context& context, std::uint64_t memory = std::uint64_t{256} << 20);

}  // namespace offaxis
