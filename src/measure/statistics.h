// Summaries of repeated runs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace offaxis {

double mean(const std::vector<double>& values);               // 0 for none
double standardDeviation(const std::vector<double>& values);  // with N - 1; 0 for fewer than two

// The q-quantile of ascending values, linear between order statistics (numpy's default); at least one value.
double quantile(const std::vector<double>& sorted, double q);
// Of as many values in each. Empty for fewer than two or where one side is constant.
std::optional<double> pearson(const std::vector<double>& x, const std::vector<double>& y);
// Pearson's of the ranks, ties at their mean rank.
std::optional<double> spearman(const std::vector<double>& x, const std::vector<double>& y);

struct Interval {
  double low = 0;
  double high = 0;
};

struct PairedDifference {
  std::uint64_t pairs = 0;
  double mean = 0;    // of changed - baseline
  Interval interval;  // percentile bootstrap, 95 %
  double p = 1;       // of signFlipTest()
};

// `changed[i]` and `baseline[i]` come from the same seed; `cluster[i]` says which perturbation `changed[i]` was made
// with (empty: all the same one). The bootstrap is hierarchical: it draws clusters with replacement, then pairs within
// each, `resamples` times, by Philox(`seed`, "bootstrap"): equal inputs give equal intervals. With few pairs or
// clusters such an interval is too narrow; it is a description, not a test. One pair gives an interval of width 0.
PairedDifference pairedDifference(const std::vector<double>& baseline, const std::vector<double>& changed,
                                  const std::vector<std::uint64_t>& cluster = {}, std::uint64_t seed = 0,
                                  std::uint64_t resamples = 10000);

// The lower end of the one-sided interval for the mean of normally distributed `values` (Student's t), which the true
// mean lies below with probability 1 - `confidence`. At least two values.
double lowerBound(const std::vector<double>& values, double confidence = 0.95);

// Two-sided permutation test of paired differences: the share of all ways to flip their signs whose mean is at least as
// far from 0. Exact up to 20 pairs; beyond, over 100,000 random ways by Philox(0, "sign-flip"), which count themselves
// in. N pairs cannot give less than 2 / 2^N. 1 for no pairs. It takes the pairs as the sample: of runs that share a
// perturbation it says whether that perturbation works, not whether others would.
double signFlipTest(const std::vector<double>& differences);

// Holm's step-down correction for testing `p` together (Holm, Scandinavian Journal of Statistics, 1979), in p's order.
std::vector<double> holm(const std::vector<double>& p);

}  // namespace offaxis
