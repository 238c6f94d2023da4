// From positions in the factor grid to rows of a source.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "datasets/source.h"

namespace offaxis {

// The row of each grid index. Memory: nothing where every row stands at its own index, else 16 bytes a row.
class RowFinder {
 public:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  explicit RowFinder(const Source& source);
  std::uint64_t operator()(std::uint64_t index) const;  // or kNone

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places_;  // empty: every row at its own index
};

}  // namespace offaxis
