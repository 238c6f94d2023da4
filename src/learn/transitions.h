// Factors that change over time, for models that learn from pairs of successive images.
#pragma once

#include <cstdint>
#include <vector>

#include "core/factor_grid.h"
#include "core/philox.h"
#include "datasets/source.h"

namespace offaxis {

// The level that follows `level` one time step on, as a function of u, uniform in [0, 1) (our choice of process): a
// Laplace step of scale size / 10 levels, rounded; cyclic factors wrap around, ordinal ones are reflected at their
// ends. A categorical factor stays with probability 3/4 and else takes any of its levels.
std::uint32_t followingLevel(const Factor& factor, std::uint32_t level, double u);

// Rows of the images that follow others.
class Transitions {
 public:
  // Throws Error(Usage) where a source does not hold every image of its factor grid exactly once.
  explicit Transitions(const Source& source);
  // One successor of each row; draws: `stream` at `index`, a lane for each image and factor.
  std::vector<std::int64_t> following(const std::vector<std::int64_t>& rows, const Philox& stream,
                                      std::uint64_t index) const;

 private:
  const Source& source_;
  std::vector<std::uint32_t> rowOf_;  // by grid index; empty where rows are in the grid's order
};

}  // namespace offaxis
