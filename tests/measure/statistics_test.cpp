#include "measure/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace offaxis {
namespace {

TEST(Statistics, MeanAndStandardDeviation) {
  EXPECT_DOUBLE_EQ(mean({1, 2, 6}), 3.0);
  EXPECT_DOUBLE_EQ(standardDeviation({1, 2, 6}), std::sqrt(7.0));  // (4 + 1 + 9) / 2
  EXPECT_EQ(mean({}), 0.0);
  EXPECT_EQ(standardDeviation({5}), 0.0);
}

TEST(Correlation, IsEmptyWhereASideIsConstant) {
  EXPECT_NEAR(*pearson({1, 2, 3, 4}, {2, 1, 4, 3}), .6, 1e-15);
  EXPECT_EQ(pearson({1, 2, 3}, {-2, -4, -6}), -1.0);
  EXPECT_NEAR(*spearman({1, 10, 100, 1000}, {3, 2, 4, 9}), .8, 1e-15);
  EXPECT_FALSE(pearson({.1, .1, .1}, {1, 2, 3}));  // their mean is rounded
  EXPECT_FALSE(pearson({1, 2, 3}, {.1, .1, .1}));
  EXPECT_FALSE(spearman({1, 2}, {7, 7}));
  EXPECT_FALSE(pearson({}, {}));
  EXPECT_FALSE(pearson({1}, {1}));
}

TEST(PairedDifference, CountsChangesNotLevels) {
  const PairedDifference same = pairedDifference({.1, .5, .9}, {.2, .6, 1.0});
  EXPECT_EQ(same.pairs, 3u);
  EXPECT_NEAR(same.mean, .1, 1e-12);
  EXPECT_NEAR(same.interval.low, .1, 1e-12);
  EXPECT_NEAR(same.interval.high, .1, 1e-12);
}

TEST(PairedDifference, TwoPairsGiveTheirExtremes) {
  // Means of resamples are 0, 1/2 and 1 with chances 1/4, 1/2, 1/4: the 2.5 % and 97.5 % points are the ends.
  const PairedDifference difference = pairedDifference({0, 0}, {0, 1});
  EXPECT_DOUBLE_EQ(difference.mean, .5);
  EXPECT_DOUBLE_EQ(difference.interval.low, 0);
  EXPECT_DOUBLE_EQ(difference.interval.high, 1);
}

TEST(PairedDifference, ApproachesTheNormalIntervalAndIsDeterministic) {
  std::vector<double> baseline(400, 0.0);
  std::vector<double> changed;
  for (int i = 0; i < 400; ++i) changed.push_back(std::sqrt(2.0) * std::sin(i));  // mean about 0, variance about 1
  const PairedDifference a = pairedDifference(baseline, changed);
  const double expected = 1.96 / std::sqrt(400.0);
  EXPECT_NEAR(a.interval.low, -expected, 0.1 * expected);
  EXPECT_NEAR(a.interval.high, expected, 0.1 * expected);
  const PairedDifference b = pairedDifference(baseline, changed);
  EXPECT_EQ(a.interval.low, b.interval.low);
  const PairedDifference c = pairedDifference(baseline, changed, {}, 1, 1000);
  EXPECT_NE(a.interval.low, c.interval.low);
}

TEST(PairedDifference, FewPairs) {
  EXPECT_EQ(pairedDifference({}, {}).pairs, 0u);
  const PairedDifference one = pairedDifference({.3}, {.1});
  EXPECT_NEAR(one.interval.low, -.2, 1e-12);
  EXPECT_NEAR(one.interval.high, -.2, 1e-12);
}

TEST(PairedDifference, ClustersWidenTheInterval) {
  // Two perturbations whose runs agree within but not between them: the mean of a resample is 0, 1/2 or 1.
  const std::vector<double> zeros(8, 0.0), changed{0, 0, 0, 0, 1, 1, 1, 1};
  const PairedDifference flat = pairedDifference(zeros, changed);
  const PairedDifference clustered = pairedDifference(zeros, changed, {3, 3, 3, 3, 9, 9, 9, 9});
  EXPECT_DOUBLE_EQ(clustered.mean, .5);
  EXPECT_DOUBLE_EQ(clustered.interval.low, 0);
  EXPECT_DOUBLE_EQ(clustered.interval.high, 1);
  EXPECT_GT(flat.interval.low, .1);
  EXPECT_LT(flat.interval.high, .9);
}

TEST(LowerBound, IsStudentsT) {
  // Quantiles of 0.95 as tables have them: 6.313752 (1 degree of freedom), 2.131847 (4).
  EXPECT_NEAR(lowerBound({1, 3}), 2 - 6.313752 * std::sqrt(2.0) / std::sqrt(2.0), 1e-5);
  EXPECT_NEAR(lowerBound({-1, 0, 0, 0, 1}), -2.131847 * std::sqrt(0.5 / 5), 1e-6);
  EXPECT_EQ(lowerBound({.5, .5, .5}), .5);
  EXPECT_NEAR(lowerBound({1, 3}, .5), 2, 1e-12);
}

TEST(SignFlipTest, ExactOnSmallSamples) {
  EXPECT_DOUBLE_EQ(signFlipTest({1, 1, 1, 1}), 2 / 16.0);  // all plus or all minus
  EXPECT_DOUBLE_EQ(signFlipTest({-3, -1, -2}), 2 / 8.0);
  // {1, 2, -5, 6} sums to 4; 6 +- 5 +- 2 +- 1 is 14, 12, 10, 8, 4, 2, 0 or -2, up to a common sign.
  EXPECT_DOUBLE_EQ(signFlipTest({1, 2, -5, 6}), 5 / 8.0);
  EXPECT_DOUBLE_EQ(signFlipTest({0, 0}), 1);
  EXPECT_DOUBLE_EQ(signFlipTest({}), 1);
  EXPECT_DOUBLE_EQ(signFlipTest({.1, .2, .3, .1, .2, .3}), 2 / 64.0);  // ties survive rounding
}

TEST(SignFlipTest, RandomFlipsAgreeWithTheNormalLimit) {
  std::vector<double> differences;
  for (int i = 0; i < 100; ++i) differences.push_back(i % 2 == 0 ? 1.2 : -.8);  // mean .2, root mean square 1.02
  // The flipped sum is nearly normal with deviation 10.2 and steps of 1.6 or 2.4 in size; 20 lies 1.96 of them out.
  EXPECT_NEAR(signFlipTest(differences), .05, .02);
  EXPECT_LT(signFlipTest(std::vector<double>(64, .5)), 2e-5);
}

TEST(Holm, StepsDown) {
  const std::vector<double> corrected = holm({.04, .01, .03, .5});
  EXPECT_DOUBLE_EQ(corrected[1], .04);
  EXPECT_DOUBLE_EQ(corrected[2], .09);
  EXPECT_DOUBLE_EQ(corrected[0], .09);  // never below a smaller one's
  EXPECT_DOUBLE_EQ(corrected[3], .5);
  EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace offaxis
