#include "variants/additive.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "support/random_psi.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

const std::vector<std::uint32_t> kSizes{3, 4, 2};

TEST(MainEffectsTest, AreThoseOfASum) {
  // What is added is a sum already: 10 a on the first pixel, 7 b - c on the second, and a constant.
  const MainEffects effects(kSizes, 2, [](const std::uint32_t* v, std::int16_t* out) {
    out[0] = static_cast<std::int16_t>(10 * static_cast<int>(v[0]) + 5);
    out[1] = static_cast<std::int16_t>(7 * static_cast<int>(v[1]) - static_cast<int>(v[2]));
  });
  const int unit = MainEffects::kDraws;
  EXPECT_EQ(effects.effect(0, 0)[0], -10 * unit);
  EXPECT_EQ(effects.effect(0, 2)[0], 10 * unit);
  EXPECT_EQ(effects.effect(0, 2)[1], 0);
  EXPECT_EQ(effects.effect(1, 3)[0], 0);
  EXPECT_EQ(effects.effect(1, 3)[1], 7 * unit * 3 / 2);
  EXPECT_EQ(effects.effect(2, 0)[1], unit / 2);
  // The mean is that of the 256 images, not of the grid: near it.
  EXPECT_NEAR(effects.mean()[0], 15 * unit, 2 * unit);
  EXPECT_NEAR(effects.mean()[1], 10 * unit, 2 * unit);
  const std::uint32_t levels[] = {2, 1, 1};
  std::int32_t sums[2];
  effects.sum(levels, sums);
  EXPECT_EQ(sums[0], effects.mean()[0] + 10 * unit);
  EXPECT_EQ(effects.images().size(), std::size_t{256});
  std::int64_t energy = 0;
  for (const std::vector<std::uint32_t>& image : effects.images()) {
    const auto square = [](std::int64_t x) { return x * x; };
    energy += square(10 * std::int64_t{image[0]} + 5) + square(7 * std::int64_t{image[1]} - std::int64_t{image[2]});
  }
  EXPECT_EQ(effects.energy(), energy);
}

// "a xor b" has no main effects: what is left is its mean.
TEST(MainEffectsTest, LeaveInteractionsOut) {
  const MainEffects effects({2, 2}, 1, [](const std::uint32_t* v, std::int16_t* out) { *out = v[0] != v[1] ? 40 : 0; });
  for (const std::size_t factor : {0u, 1u}) {
    for (const std::uint32_t level : {0u, 1u}) EXPECT_LT(std::abs(effects.effect(factor, level)[0]), 40 * 256 / 8);
  }
  EXPECT_NEAR(effects.mean()[0], 20 * 256, 20 * 256 / 8);
}

TEST(AdditiveTest, RoundsQuotientsAwayFromZero) {
  EXPECT_EQ(roundedQuotient(5, 2), 3);
  EXPECT_EQ(roundedQuotient(-5, 2), -3);
  EXPECT_EQ(roundedQuotient(4, 3), 1);
  EXPECT_EQ(roundedQuotient(-4, 3), -1);
}

TEST(AdditiveTest, FindsTheLeastThatReaches) {
  const auto square = [](std::int64_t x) { return x * x; };
  EXPECT_EQ(leastReaching(50, 100, square), 8);
  EXPECT_EQ(leastReaching(49, 100, square), 7);
  EXPECT_EQ(leastReaching(0, 100, square), 0);
  EXPECT_EQ(leastReaching(1000000, 100, square), 100);
}

class AdditiveOf : public ::testing::Test {
 protected:
  AdditiveOf()
      : source_(std::make_shared<testing::ToySource>(ImageShape{16, 16, 3}, std::vector<std::size_t>{5, 4, 6})) {}

  std::vector<int> deltaOf(const PsiNetwork& psi, std::vector<std::uint32_t> levels) const {
    std::vector<std::int16_t> delta(std::size_t{16} * 16 * 3);
    psi.deltas(levels.data(), delta.data());
    return {delta.begin(), delta.end()};
  }

  SourcePtr source_;
};

TEST_F(AdditiveOf, MovesPixelsAsMuchAsPsiWithoutInteractions) {
  for (const int loudness :
       {0, 5}) {  // powers of two of the pre-activation: quiet, and at the budget nearly everywhere
    PsiNetwork psi = testing::randomPsi(source_, 3);
    psi.layers.back().shift -= loudness;
    psi.prepare();
    const PsiNetwork sum = additiveOf(psi);
    EXPECT_EQ(sum.dataset, psi.dataset);
    EXPECT_EQ(sum.fingerprint, psi.fingerprint);
    EXPECT_EQ(sum.side(), 16u);
    double own = 0, square = 0;
    for (std::uint32_t a = 0; a < 5; ++a) {
      for (std::uint32_t b = 0; b < 4; ++b) {
        for (std::uint32_t c = 0; c < 6; ++c) {
          for (const int value : deltaOf(psi, {a, b, c})) own += value * value;
          for (const int value : deltaOf(sum, {a, b, c})) square += value * value;
        }
      }
    }
    EXPECT_NEAR(std::sqrt(square / own), 1, .05) << loudness;  // matched over 256 draws, here over all
  }
}

TEST_F(AdditiveOf, IsPsiItselfWherePsiSeesOneFactor) {
  const PsiNetwork psi = testing::randomPsi(source_, 3, true), sum = additiveOf(psi);
  double difference = 0, size = 0;
  for (std::uint32_t a = 0; a < 5; ++a) {
    const std::vector<int> one = deltaOf(psi, {a, 1, 2}), other = deltaOf(sum, {a, 1, 2});
    for (std::size_t p = 0; p < one.size(); ++p) {
      difference += (one[p] - other[p]) * (one[p] - other[p]);
      size += one[p] * one[p];
    }
  }
  EXPECT_LT(difference, .01 * size);  // tanh of what was through tanh already, scaled back
}

TEST_F(AdditiveOf, LeavesRestraintsOut) {
  PsiNetwork psi = testing::randomPsi(source_, 3);
  const PsiNetwork free = additiveOf(psi);
  for (std::uint64_t i = 0; i < source_->size(); ++i) psi.restraints.push_back({i, 0});
  const PsiNetwork held = additiveOf(psi);
  EXPECT_TRUE(held.restraints.empty());
  EXPECT_EQ(held.patterns.steps, free.patterns.steps);
}

}  // namespace
}  // namespace offaxis
