#include "datasets/row_finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::ToySource;

const SourcePtr kWhole = std::make_shared<ToySource>(ImageShape{2, 2, 1}, std::vector<std::size_t>{3, 4});

TEST(RowFinder, FindsEveryRowOfAWholeDataset) {
  const RowFinder rowOf(*kWhole);
  for (std::uint64_t index = 0; index < 12; ++index) EXPECT_EQ(rowOf(index), index);
}

TEST(RowFinder, FindsRowsThatStandInAnotherOrder) {
  std::vector<std::uint64_t> rows(12);
  std::iota(rows.begin(), rows.end(), std::uint64_t{0});
  std::reverse(rows.begin(), rows.end());
  const SourcePtr turned = subset(kWhole, rows);
  const RowFinder rowOf(*turned);
  for (std::uint64_t index = 0; index < 12; ++index) EXPECT_EQ(rowOf(index), 11 - index);
}

TEST(RowFinder, SaysWhatAPartLacks) {
  const SourcePtr part = subset(kWhole, {7, 2, 9});
  const RowFinder rowOf(*part);
  EXPECT_EQ(rowOf(2), 1u);
  EXPECT_EQ(rowOf(7), 0u);
  EXPECT_EQ(rowOf(9), 2u);
  for (const std::uint64_t index : {0u, 8u, 11u, 12u}) EXPECT_EQ(rowOf(index), RowFinder::kNone);
}

TEST(RowFinder, OfImagesThatAreThereTwiceFindsTheFirst) {
  std::vector<std::uint64_t> rows(12);
  std::iota(rows.begin(), rows.end(), std::uint64_t{0});
  rows[11] = 4;  // as many rows as the grid has, and one is missing
  const SourcePtr twice = subset(kWhole, rows);
  const RowFinder rowOf(*twice);
  EXPECT_EQ(rowOf(4), 4u);
  EXPECT_EQ(rowOf(11), RowFinder::kNone);
}

}  // namespace
}  // namespace offaxis
