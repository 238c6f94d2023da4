#include "datasets/row_finder.h"

#include <algorithm>

namespace offaxis {

RowFinder::RowFinder(const Source& source) {
  const std::uint64_t rows = source.size();
  bool ordered = rows == source.info().grid.size();
  for (std::uint64_t row = 0; ordered && row < rows; ++row) ordered = source.gridIndex(row) == row;
  if (ordered) return;
  places_.reserve(rows);
  for (std::uint64_t row = 0; row < rows; ++row) places_.emplace_back(source.gridIndex(row), row);
  std::sort(places_.begin(), places_.end());
}

std::uint64_t RowFinder::operator()(std::uint64_t index) const {
  if (places_.empty()) return index;
  const auto found = std::lower_bound(places_.begin(), places_.end(), std::pair(index, std::uint64_t{0}));
  return found != places_.end() && found->first == index ? found->second : kNone;
}

}  // namespace offaxis
