#include "learn/transitions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"

namespace offaxis {

std::uint32_t followingLevel(const Factor& factor, std::uint32_t level, double u) {
  const auto size = static_cast<std::int64_t>(factor.size());
  if (size == 1) return level;
  if (factor.kind == FactorKind::Categorical) {
    constexpr double kStay = 0.75;
    if (u < kStay) return level;
    const auto other = static_cast<std::int64_t>((u - kStay) / (1 - kStay) * static_cast<double>(size));
    return static_cast<std::uint32_t>(std::min(other, size - 1));
  }
  const double scale = static_cast<double>(size) / 10;
  const double centred = u - 0.5;
  const double magnitude = -scale * std::log(std::max(1 - 2 * std::fabs(centred), 1e-12));
  const auto step = static_cast<std::int64_t>(std::llround(std::copysign(magnitude, centred)));
  const std::int64_t moved = static_cast<std::int64_t>(level) + step;
  // A mirror at each end makes a circle of 2 (size - 1) levels of the line.
  const std::int64_t period = factor.kind == FactorKind::Cyclic ? size : 2 * (size - 1);
  const std::int64_t wrapped = (moved % period + period) % period;
  return static_cast<std::uint32_t>(wrapped < size ? wrapped : period - wrapped);
}

Transitions::Transitions(const Source& source) : source_(source) {
  const std::uint64_t count = source.info().grid.size();
  const auto refuse = [] {
    throw Error(ErrorKind::Usage, "pairs of successive images need a source with every image of its factor grid, once",
                "leave --indices out, or choose another model");
  };
  if (source.size() != count || count > std::numeric_limits<std::uint32_t>::max()) refuse();
  bool ordered = true;
  for (std::uint64_t row = 0; row < count; ++row) ordered = ordered && source.gridIndex(row) == row;
  if (ordered) return;
  constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  rowOf_.assign(count, kNone);
  for (std::uint64_t row = 0; row < count; ++row) rowOf_[source.gridIndex(row)] = static_cast<std::uint32_t>(row);
  if (std::count(rowOf_.begin(), rowOf_.end(), kNone) != 0) refuse();
}

std::vector<std::int64_t> Transitions::following(const std::vector<std::int64_t>& rows, const Philox& stream,
                                                 std::uint64_t index) const {
  const FactorGrid& grid = source_.info().grid;
  std::vector<std::int64_t> next;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::uint32_t> levels = grid.levelsOf(source_.gridIndex(static_cast<std::uint64_t>(rows[i])));
    for (std::size_t k = 0; k < levels.size(); ++k)
      levels[k] = followingLevel(grid.factors()[k], levels[k], stream.uniform(index, i * levels.size() + k));
    const std::uint64_t to = grid.indexOf(levels);
    next.push_back(static_cast<std::int64_t>(rowOf_.empty() ? to : rowOf_[to]));
  }
  return next;
}

}  // namespace offaxis
