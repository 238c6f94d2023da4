#include "measure/statistics.h"

#include <algorithm>
#include <cmath>

#include "core/philox.h"

namespace offaxis {
namespace {

// The q-quantile of sorted values, linear between order statistics (numpy's default).
double quantile(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

double standardDeviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0.0;
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

PairedDifference pairedDifference(const std::vector<double>& baseline, const std::vector<double>& changed,
                                  std::uint64_t seed, std::uint64_t resamples) {
  PairedDifference result;
  result.pairs = std::min(baseline.size(), changed.size());
  if (result.pairs == 0) return result;
  std::vector<double> differences(result.pairs);
  for (std::size_t i = 0; i < differences.size(); ++i) differences[i] = changed[i] - baseline[i];
  result.mean = mean(differences);

  const Philox philox(seed, "bootstrap");
  std::vector<double> means(resamples);
  for (std::uint64_t r = 0; r < resamples; ++r) {
    double sum = 0;
    for (std::uint64_t i = 0; i < result.pairs; ++i) sum += differences[philox.below(result.pairs, r, i)];
    means[r] = sum / static_cast<double>(result.pairs);
  }
  std::sort(means.begin(), means.end());
  result.interval = {quantile(means, 0.025), quantile(means, 0.975)};
  return result;
}

}  // namespace offaxis
