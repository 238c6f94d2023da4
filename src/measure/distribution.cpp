#include "measure/distribution.h"

#include <algorithm>
#include <numeric>

#include "measure/statistics.h"

namespace offaxis {
namespace {

template <typename Before>
std::vector<RankedImage> ranked(const std::vector<double>& values, std::size_t count, Before before) {
  std::vector<std::uint64_t> rows(values.size());
  std::iota(rows.begin(), rows.end(), std::uint64_t{0});
  const auto end = rows.begin() + static_cast<std::ptrdiff_t>(std::min(count, rows.size()));
  std::partial_sort(rows.begin(), end, rows.end(), [&](std::uint64_t a, std::uint64_t b) {
    return values[a] != values[b] ? before(values[a], values[b]) : a < b;
  });
  std::vector<RankedImage> result;
  for (auto row = rows.begin(); row != end; ++row) result.push_back({*row, values[*row]});
  return result;
}

}  // namespace

Distribution distributionOf(std::vector<double> values) {
  Distribution result;
  if (values.empty()) return result;
  result.count = values.size();
  result.mean = mean(values);
  std::sort(values.begin(), values.end());
  result.minimum = values.front();
  result.maximum = values.back();
  for (std::size_t i = 0; i < result.quantiles.size(); ++i)
    result.quantiles[i] = quantile(values, Distribution::kLevels[i]);
  return result;
}

std::vector<RankedImage> lowest(const std::vector<double>& values, std::size_t count) {
  return ranked(values, count, [](double a, double b) { return a < b; });
}

std::vector<RankedImage> highest(const std::vector<double>& values, std::size_t count) {
  return ranked(values, count, [](double a, double b) { return a > b; });
}

}  // namespace offaxis
