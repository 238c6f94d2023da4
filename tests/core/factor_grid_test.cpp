#include "core/factor_grid.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace offaxis {
namespace {

FactorGrid sample() {
  return FactorGrid({{"shape", FactorKind::Categorical, {1, 2, 3}},
                     {"angle", FactorKind::Cyclic, {0, 0.5}},
                     {"x", FactorKind::Ordinal, {0, 0.25, 0.5, 1}}});
}

TEST(FactorGrid, LastFactorRunsFastest) {
  const FactorGrid grid = sample();
  EXPECT_EQ(grid.size(), 24u);
  EXPECT_EQ(grid.levelsOf(0), (std::vector<std::uint32_t>{0, 0, 0}));
  EXPECT_EQ(grid.levelsOf(1), (std::vector<std::uint32_t>{0, 0, 1}));
  EXPECT_EQ(grid.levelsOf(4), (std::vector<std::uint32_t>{0, 1, 0}));
  EXPECT_EQ(grid.levelsOf(23), (std::vector<std::uint32_t>{2, 1, 3}));
  double values[3];
  grid.valuesOf(14, values);
  EXPECT_EQ(values[0], 2);
  EXPECT_EQ(values[1], 0.5);
  EXPECT_EQ(values[2], 0.5);
}

TEST(FactorGrid, IndexAndLevelsAreInverse) {
  const FactorGrid grid = sample();
  for (std::uint64_t index = 0; index < grid.size(); ++index) EXPECT_EQ(grid.indexOf(grid.levelsOf(index)), index);
}

TEST(FactorGrid, RefusesWhatIsNoGrid) {
  EXPECT_THROW(FactorGrid({{"x", FactorKind::Ordinal, {}}}), Error);
  EXPECT_THROW(FactorGrid({{"x", FactorKind::Ordinal, {1}}, {"x", FactorKind::Ordinal, {1}}}), Error);
  const std::vector<double> many(1 << 20);
  EXPECT_THROW(
      FactorGrid(
          {{"x", FactorKind::Ordinal, many}, {"y", FactorKind::Ordinal, many}, {"z", FactorKind::Ordinal, {0, 1}}}),
      Error);
}

TEST(FactorGrid, ComparesNamesKindsAndValues) {
  EXPECT_EQ(sample(), sample());
  EXPECT_NE(sample(), FactorGrid({{"x", FactorKind::Ordinal, {0, 1}}}));
  EXPECT_NE(FactorGrid({{"x", FactorKind::Cyclic, {0, 1}}}), FactorGrid({{"x", FactorKind::Ordinal, {0, 1}}}));
}

TEST(FactorGrid, KindNamesRoundTrip) {
  for (const FactorKind kind : {FactorKind::Ordinal, FactorKind::Cyclic, FactorKind::Categorical}) {
    EXPECT_EQ(factorKindFromString(toString(kind)), kind);
  }
  EXPECT_THROW(factorKindFromString("round"), Error);
}

}  // namespace
}  // namespace offaxis
