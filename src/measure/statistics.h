// Summaries of repeated runs.
#pragma once

#include <cstdint>
#include <vector>

namespace offaxis {

double mean(const std::vector<double>& values);               // 0 for none
double standardDeviation(const std::vector<double>& values);  // with N - 1; 0 for fewer than two

struct Interval {
  double low = 0;
  double high = 0;
};

struct PairedDifference {
  std::uint64_t pairs = 0;
  double mean = 0;    // of changed - baseline
  Interval interval;  // percentile bootstrap over the pairs, 95 %
};

// `changed[i]` and `baseline[i]` come from the same seed. Resamples pairs with replacement `resamples` times, by Philox
// (`seed`, "bootstrap"): equal inputs give equal intervals. With few pairs such an interval is too narrow; it is a
// description, not a test. One pair gives an interval of width 0.
PairedDifference pairedDifference(const std::vector<double>& baseline, const std::vector<double>& changed,
                                  std::uint64_t seed = 0, std::uint64_t resamples = 10000);

}  // namespace offaxis
