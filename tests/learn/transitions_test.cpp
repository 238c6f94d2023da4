#include "learn/transitions.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/expect_error.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

Factor factorOf(FactorKind kind, std::size_t size) {
  return {"f", kind, std::vector<double>(size)};
}

// Share of u in (0, 1) that sends `from` to `to`.
double share(const Factor& factor, std::uint32_t from, std::uint32_t to) {
  constexpr int kPoints = 20000;
  int hits = 0;
  for (int i = 0; i < kPoints; ++i) hits += followingLevel(factor, from, (i + .5) / kPoints) == to;
  return static_cast<double>(hits) / kPoints;
}

TEST(Transitions, TakeRoundedLaplaceSteps) {
  const Factor cyclic = factorOf(FactorKind::Cyclic, 10), ordinal = factorOf(FactorKind::Ordinal, 10);
  // Scale 1: P(step 0) = 1 - e^-1/2, P(+1) = (e^-1/2 - e^-3/2) / 2; around the circle 9 is one step down, or nine up.
  const double stay = 1 - std::exp(-.5), one = (std::exp(-.5) - std::exp(-1.5)) / 2;
  const double nine = (std::exp(-8.5) - std::exp(-9.5)) / 2;
  EXPECT_NEAR(share(ordinal, 5, 5), stay, .001);
  EXPECT_NEAR(share(ordinal, 5, 6), one, .001);
  EXPECT_NEAR(share(cyclic, 0, 9), one + nine, .001);
  EXPECT_NEAR(share(ordinal, 0, 1), 2 * one, .001) << "reflected at the end";
  EXPECT_NEAR(share(ordinal, 0, 9), 2 * nine, .001);
  EXPECT_NEAR(share(factorOf(FactorKind::Ordinal, 20), 8, 8), 1 - std::exp(-.25), .001) << "steps grow with the factor";
  const Factor shape = factorOf(FactorKind::Categorical, 4);
  EXPECT_NEAR(share(shape, 2, 2), .75 + .25 / 4, .001);
  EXPECT_NEAR(share(shape, 2, 0), .25 / 4, .001);
  EXPECT_EQ(share(factorOf(FactorKind::Cyclic, 1), 0, 0), 1);
}

TEST(Transitions, AlwaysEndOnTheGrid) {
  for (const FactorKind kind : {FactorKind::Ordinal, FactorKind::Cyclic, FactorKind::Categorical}) {
    for (const std::size_t size : {2u, 3u, 40u}) {
      const Factor factor = factorOf(kind, size);
      for (const double u : {0.0, 1e-9, .5, 1 - 1e-9, 1 - 1e-16}) {
        for (std::uint32_t level = 0; level < size; ++level) EXPECT_LT(followingLevel(factor, level, u), size);
      }
    }
  }
}

// The whole grid in the opposite order.
class Backwards final : public testing::ToySource {
 public:
  using ToySource::ToySource;
  std::uint64_t gridIndex(std::uint64_t row) const override { return info_.grid.size() - 1 - row; }
  void read(std::uint64_t, std::uint8_t*) const override {}
};

class Forwards final : public testing::ToySource {
 public:
  using ToySource::ToySource;
  void read(std::uint64_t, std::uint8_t*) const override {}
};

TEST(Transitions, FollowTheGridWhateverTheOrderOfRows) {
  const Forwards there({8, 8, 1}, {5, 4, 6});
  const Backwards back({8, 8, 1}, {5, 4, 6});
  const Philox four(4, "test");
  const std::int64_t last = static_cast<std::int64_t>(there.size()) - 1;
  std::vector<std::int64_t> rows, mirrored;
  for (std::int64_t row = 0; row <= last; row += 3) {
    rows.push_back(row);
    mirrored.push_back(last - row);
  }
  const std::vector<std::int64_t> next = Transitions(there).following(rows, four, 9);
  const std::vector<std::int64_t> mirror = Transitions(back).following(mirrored, four, 9);
  int moved = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(mirror[i], last - next[i]);
    moved += next[i] != rows[i];
  }
  EXPECT_GT(moved, 10);
  EXPECT_EQ(Transitions(there).following(rows, four, 9), next);
  EXPECT_NE(Transitions(there).following(rows, four, 10), next);
  EXPECT_NE(Transitions(there).following(rows, Philox(5, "test"), 9), next);
}

TEST(Transitions, RefuseSubsets) {
  const auto whole = std::make_shared<Forwards>(ImageShape{8, 8, 1}, std::vector<std::uint64_t>{5, 4});
  const SourcePtr part = subset(whole, {0, 1, 2});
  testing::expectError(ErrorKind::Usage, "every image", [&] { Transitions{*part}; });
}

}  // namespace
}  // namespace offaxis
