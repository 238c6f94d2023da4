#include "measure/perceived_distance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "datasets/dsprites/dsprites.h"
#include "datasets/shapes3d/shapes3d.h"
#include "datasets/xysquares/xysquares.h"
#include "support/expect_error.h"
#include "support/toy_source.h"

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

PerceivedStructure structureOf(const SourcePtr& source, ReconstructionLoss loss, int threads = 2) {
  Context context;
  context.threads = threads;
  return perceivedStructure(*source, loss, 4096, 0, context);
}

// Two levels lie spacing |i - j| pixels apart; of each square as many columns of 8 pixels are new, at most all 8.
TEST(PerceivedStructure, XySquaresClosedFormAtEverySpacing) {
  // Pearson and Spearman between |i - j| and min(8, spacing |i - j|) over all 64 pairs of levels.
  constexpr std::array<std::array<double, 2>, 8> kExact{{{1, 1},
                                                         {.9444, .9858},
                                                         {.8563, .9494},
                                                         {.7538, .8507},
                                                         {.7228, .8507},
                                                         {.6729, .8507},
                                                         {.6046, .8507},
                                                         {.5222, .5804}}};
  for (std::uint32_t spacing = 1; spacing <= 8; ++spacing) {
    const PerceivedStructure structure = structureOf(openXySquares(spacing), ReconstructionLoss::MeanSquaredError);
    ASSERT_EQ(structure.perFactor.size(), 6u);
    for (const PerceivedStructure::Traversal& traversal : structure.perFactor) {
      ASSERT_EQ(traversal.levels, 8u);
      EXPECT_EQ(traversal.traversals, 64u);
      for (int i = 0; i < 8; ++i) {
        for (int j = 0; j < 8; ++j) {
          const double expected = std::min(8, static_cast<int>(spacing) * std::abs(i - j)) / 768.0;
          EXPECT_NEAR(traversal.distances[static_cast<std::size_t>(8 * i + j)], expected, 1e-15);
        }
      }
      EXPECT_NEAR(traversal.correlation.pearson.value(), kExact[spacing - 1][0], 5e-5) << spacing;
      EXPECT_NEAR(traversal.correlation.spearman.value(), kExact[spacing - 1][1], 5e-5) << spacing;
    }
    EXPECT_EQ(structure.randomPairs.pairs, 4096u);
    EXPECT_LT(structure.randomPairs.pearson.value(), structure.perFactor[0].correlation.pearson.value());
  }
}

// The published remedy: .957 and .972 at spacing 8.
TEST(PerceivedStructure, BoxBlurRestoresXySquares) {
  const PerceivedStructure structure = structureOf(openXySquares(8), ReconstructionLoss::BoxBlur);
  double pearson = 0, spearman = 0;
  for (const PerceivedStructure::Traversal& traversal : structure.perFactor) {
    pearson += traversal.correlation.pearson.value() / 6;
    spearman += traversal.correlation.spearman.value() / 6;
  }
  EXPECT_NEAR(pearson, .957, .005);
  EXPECT_NEAR(spearman, .972, .005);
}

// One white pixel in the corner of 8x8 against black: the blur of radius 3 spreads 1/49 over the 4x4 pixels it reaches.
TEST(PerceivedStructure, BoxBlurClosedForm) {
  class CornerSource final : public testing::ToySource {
   public:
    CornerSource() : ToySource({8, 8, 1}, {2}) {}
    void read(std::uint64_t row, std::uint8_t* image) const override {
      std::fill_n(image, 64, std::uint8_t{0});
      image[0] = row == 1 ? 255 : 0;
    }
  };
  const auto source = std::make_shared<CornerSource>();
  EXPECT_EQ(blurRadius(ReconstructionLoss::BoxBlur, {64, 64, 3}), 31u);
  EXPECT_EQ(blurRadius(ReconstructionLoss::BoxBlur, source->info().shape), 3u);
  EXPECT_EQ(blurRadius(ReconstructionLoss::MeanSquaredError, {64, 64, 3}), 0u);
  const PerceivedStructure structure = structureOf(source, ReconstructionLoss::BoxBlur);
  EXPECT_NEAR(structure.perFactor[0].distances[1], (1 + 49 * 16 / (49.0 * 49.0)) / 64, 1e-15);
  EXPECT_NEAR(structureOf(source, ReconstructionLoss::MeanSquaredError).perFactor[0].distances[1], 1 / 64.0, 1e-15);
}

// What does not vary correlates with nothing: 0 would say that something was measured.
TEST(PerceivedStructure, AFactorThatChangesNothingHasNoCorrelation) {
  class FirstFactorOnly final : public testing::ToySource {
   public:
    FirstFactorOnly() : ToySource({8, 8, 1}, {4, 3}) {}
    void read(std::uint64_t row, std::uint8_t* image) const override {
      std::fill_n(image, 64, static_cast<std::uint8_t>(row / 3 * 50));
    }
  };
  const PerceivedStructure structure =
      structureOf(std::make_shared<FirstFactorOnly>(), ReconstructionLoss::MeanSquaredError);
  EXPECT_GT(structure.perFactor[0].correlation.pearson.value(), .9);
  EXPECT_FALSE(structure.perFactor[1].correlation.pearson || structure.perFactor[1].correlation.spearman);
}

TEST(PerceivedStructure, ThreadsDoNotMatter) {
  const SourcePtr source = openXySquares(3);
  const PerceivedStructure one = structureOf(source, ReconstructionLoss::BoxBlur, 1);
  const PerceivedStructure three = structureOf(source, ReconstructionLoss::BoxBlur, 3);
  EXPECT_EQ(one.perFactor[2].distances, three.perFactor[2].distances);
  EXPECT_EQ(one.randomPairs.pearson, three.randomPairs.pearson);
}

TEST(PerceivedStructure, RefusesWhatItCannotMeasure) {
  testing::expectError(ErrorKind::Usage, "known: mse, box-blur", [] { reconstructionLossFromString("l1"); });
  const SourcePtr part = subset(openXySquares(1), {0, 1, 2});
  testing::expectError(ErrorKind::Usage, "subset",
                       [&] { perceivedStructure(*part, ReconstructionLoss::MeanSquaredError, 10, 0, Context()); });
}

TEST(PerceivedDistance, RefusesSubsets) {
  const SourcePtr part = subset(openXySquares(1), {0, 1, 2});
  testing::expectError(ErrorKind::Usage, "subset", [&] { perceivedDistances(*part, 10, 0, Context()); });
}

}  // namespace
}  // namespace offaxis
