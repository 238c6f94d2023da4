#include "measure/perceived_distance.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "datasets/dsprites/dsprites.h"
#include "datasets/shapes3d/shapes3d.h"
#include "datasets/xysquares/xysquares.h"
#include "support/expect_error.h"

namespace offaxis {
namespace {

PerceivedDistances measure(const SourcePtr& source, int threads = 2) {
  Context context;
  context.threads = threads;
  return perceivedDistances(*source, 20000, 0, context);
}

// At spacing 8 squares never overlap, so any two levels lie 8/768 apart; random pairs differ in a channel 63 times
// of 64.
TEST(PerceivedDistance, XySquaresClosedForm) {
  const PerceivedDistances distances = measure(openXySquares(8));
  ASSERT_EQ(distances.perFactor.size(), 6u);
  for (const auto& entry : distances.perFactor) EXPECT_NEAR(entry.meanSquaredError, 8 / 768.0, 1e-12) << entry.factor;
  EXPECT_NEAR(distances.randomPairs, 3 * 63.0 / 64 * 8 / 768, 1e-4);
}

TEST(PerceivedDistance, SpacingOneAveragesOverPairsOfLevels) {
  double expected = 0;  // over ordered pairs of different levels
  for (int a = 0; a < 8; ++a) {
    for (int b = 0; b < 8; ++b) expected += std::abs(a - b) / 768.0 / 56;
  }
  for (const auto& entry : measure(openXySquares(1)).perFactor)
    EXPECT_NEAR(entry.meanSquaredError, expected, 1e-4) << entry.factor;
}

// Published for the originals; ours are re-creations, and both sides are samples.
TEST(PerceivedDistance, ReCreationsComeCloseToTheOriginals) {
  const auto compare = [](const PerceivedDistances& ours, const std::vector<double>& published, double randomPairs) {
    ASSERT_EQ(ours.perFactor.size(), published.size());
    for (std::size_t k = 0; k < published.size(); ++k)
      EXPECT_NEAR(ours.perFactor[k].meanSquaredError / published[k], 1, .06) << ours.perFactor[k].factor;
    EXPECT_NEAR(ours.randomPairs / randomPairs, 1, .04);
  };
  compare(measure(openDSprites()), {.0214, .0250, .0172, .0559, .0584}, .0754);
  compare(measure(openShapes3D()), {.1086, .1122, .0416, .0182, .0207, .0116}, .2432);
}

TEST(PerceivedDistance, NeitherThreadsNorRunsMatter) {
  const SourcePtr source = openXySquares(3);
  EXPECT_EQ(measure(source, 1).randomPairs, measure(source, 3).randomPairs);
}

TEST(PerceivedDistance, RefusesSubsets) {
  const SourcePtr part = subset(openXySquares(1), {0, 1, 2});
  testing::expectError(ErrorKind::Usage, "subset", [&] { perceivedDistances(*part, 10, 0, Context()); });
}

}  // namespace
}  // namespace offaxis
