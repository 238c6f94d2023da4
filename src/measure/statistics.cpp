#include "measure/statistics.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>
#include <numeric>

#include "core/philox.h"

namespace offaxis {
namespace {

// 0 for the lowest; ties share the mean of their ranks.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i) result[order[i]] = 0.5 * static_cast<double>(first + last);
    first = last + 1;
  }
  return result;
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

double quantile(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::optional<double> pearson(const std::vector<double>& x, const std::vector<double>& y) {
  // By their values: the squares of what a rounded mean leaves of a constant need not be 0.
  for (const std::vector<double>* side : {&x, &y}) {
    const auto [low, high] = std::minmax_element(side->begin(), side->end());
    if (low == side->end() || !(*low < *high)) return std::nullopt;
  }
  const double mx = mean(x);
  const double my = mean(y);
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mx) * (x[i] - mx);
    yy += (y[i] - my) * (y[i] - my);
    xy += (x[i] - mx) * (y[i] - my);
  }
  if (!(xx > 0 && yy > 0)) return std::nullopt;
  return std::min(1.0, std::max(-1.0, xy / std::sqrt(xx * yy)));
}

std::optional<double> spearman(const std::vector<double>& x, const std::vector<double>& y) {
  return pearson(ranks(x), ranks(y));
}

PairedDifference pairedDifference(const std::vector<double>& baseline, const std::vector<double>& changed,
                                  const std::vector<std::uint64_t>& cluster, std::uint64_t seed,
                                  std::uint64_t resamples) {
  PairedDifference result;
  result.pairs = std::min(baseline.size(), changed.size());
  if (result.pairs == 0) return result;
  std::vector<double> differences(result.pairs);
  std::map<std::uint64_t, std::vector<double>> byCluster;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    differences[i] = changed[i] - baseline[i];
    byCluster[i < cluster.size() ? cluster[i] : 0].push_back(differences[i]);
  }
  result.mean = mean(differences);
  result.p = signFlipTest(differences);

  std::vector<std::vector<double>> clusters;
  for (auto& [key, values] : byCluster) clusters.push_back(std::move(values));
  const Philox philox(seed, "bootstrap");
  std::vector<double> means(resamples);
  for (std::uint64_t r = 0; r < resamples; ++r) {
    double sum = 0;
    std::uint64_t drawn = 0;
    for (std::size_t c = 0; c < clusters.size(); ++c) {
      const std::vector<double>& values =
          clusters[philox.below(clusters.size(), r, result.pairs * clusters.size() + c)];
      for (std::size_t i = 0; i < values.size(); ++i)
        sum += values[philox.below(values.size(), r, result.pairs * c + i)];
      drawn += values.size();
    }
    means[r] = sum / static_cast<double>(drawn);
  }
  std::sort(means.begin(), means.end());
  result.interval = {quantile(means, 0.025), quantile(means, 0.975)};
  return result;
}

double lowerBound(const std::vector<double>& values, double confidence) {
  const auto count = static_cast<double>(values.size());
  const boost::math::students_t_distribution<double> t(count - 1);
  return mean(values) - boost::math::quantile(t, confidence) * standardDeviation(values) / std::sqrt(count);
}

double signFlipTest(const std::vector<double>& differences) {
  constexpr std::size_t kExact = 20;
  constexpr std::uint64_t kRandom = 100000;
  const std::size_t n = differences.size();
  if (n == 0) return 1;
  double observed = 0, scale = 0;
  for (const double difference : differences) {
    observed += difference;
    scale += std::fabs(difference);
  }
  // Sums in another order differ in their last bits; ties must count as ties.
  const double threshold = std::fabs(observed) - 1e-12 * scale;
  const auto reaches = [&](const auto& flipped) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += flipped(i) ? -differences[i] : differences[i];
    return std::fabs(sum) >= threshold;
  };
  if (n <= kExact) {
    // The sum's size does not care about flipping all: half of the ways stand for the whole.
    const std::uint64_t ways = std::uint64_t{1} << (n - 1);
    std::uint64_t count = 0;
    for (std::uint64_t way = 0; way < ways; ++way) count += reaches([&](std::size_t i) { return way >> i & 1; });
    return static_cast<double>(count) / static_cast<double>(ways);
  }
  const Philox philox(0, "sign-flip");
  std::uint64_t count = 1;
  for (std::uint64_t way = 0; way < kRandom; ++way)
    count += reaches([&](std::size_t i) { return (philox.block(way, i / 128)[i / 32 % 4] >> (i % 32) & 1) != 0; });
  return static_cast<double>(count) / static_cast<double>(kRandom + 1);
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> corrected(p.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, std::min(1.0, p[order[rank]] * static_cast<double>(order.size() - rank)));
    corrected[order[rank]] = largest;
  }
  return corrected;
}

}  // namespace offaxis
