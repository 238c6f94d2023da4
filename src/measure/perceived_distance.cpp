#include "measure/perceived_distance.h"

#include <algorithm>

#include "core/error.h"
#include "core/parallel.h"
#include "core/philox.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kGrain = 256;

std::uint64_t squaredError(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const int difference = int{a[i]} - int{b[i]};
    sum += static_cast<std::uint64_t>(difference * difference);
  }
  return sum;
}

}  // namespace

PerceivedDistances perceivedDistances(const Source& source, std::uint64_t pairs, std::uint64_t seed,
                                      const Context& context) {
  const SourceInfo& info = source.info();
  const FactorGrid& grid = info.grid;
  if (source.size() != grid.size() || pairs == 0) {
    throw Error(ErrorKind::Usage, "distances along factors need the whole factor grid and at least one pair",
                "give the full dataset, not a subset of its rows");
  }
  const std::uint64_t bytes = info.shape.bytes();
  const double scale = 1.0 / (255.0 * 255.0 * static_cast<double>(bytes) * static_cast<double>(pairs));
  const Philox first(seed, "distance-first"), second(seed, "distance-second");
  // The mean over pairs (row, partner(row, draw)). Sums of integers: no order of threads can change them.
  const auto mean = [&](std::uint64_t stream, const auto& partner) {
    std::vector<std::uint64_t> sums(static_cast<std::size_t>(std::max(context.threads, 1)));
    parallelFor(context, pairs, kGrain, [&](std::uint64_t begin, std::uint64_t end, int worker) {
      std::vector<std::uint8_t> a(bytes), b(bytes);
      for (std::uint64_t pair = begin; pair < end; ++pair) {
        const std::uint64_t row = first.below(grid.size(), pair, stream);
        source.read(row, a.data());
        source.read(partner(row, pair), b.data());
        sums[static_cast<std::size_t>(worker)] += squaredError(a, b);
        context.advance(1);
      }
    });
    std::uint64_t total = 0;
    for (const std::uint64_t sum : sums) total += sum;
    return static_cast<double>(total) * scale;
  };

  PerceivedDistances result;
  std::uint64_t varying = 0;
  for (const Factor& factor : grid.factors()) varying += factor.size() > 1;
  context.begin("measuring distances", pairs * (varying + 1), "pairs");
  for (std::size_t k = 0; k < grid.factorCount(); ++k) {
    const std::uint64_t size = grid.factors()[k].size();
    if (size < 2) continue;
    const double error = mean(k + 1, [&](std::uint64_t row, std::uint64_t pair) {
      std::vector<std::uint32_t> levels = grid.levelsOf(row);
      // Any level but its own, all equally likely.
      levels[k] = static_cast<std::uint32_t>((levels[k] + 1 + second.below(size - 1, pair, k + 1)) % size);
      return grid.indexOf(levels);
    });
    result.perFactor.push_back({grid.factors()[k].name, error});
  }
  result.randomPairs = mean(0, [&](std::uint64_t, std::uint64_t pair) { return second.below(grid.size(), pair, 0); });
  context.end();
  return result;
}

}  // namespace offaxis
