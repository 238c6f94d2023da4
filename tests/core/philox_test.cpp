#include "core/philox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace offaxis {
namespace {

// The known-answer vectors that the generator's authors publish for Philox4x32 with ten rounds.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, FillEqualsBlocks) {
  const Philox philox(42, "test");
  for (const std::size_t count : {1u, 4u, 63u, 64u, 65u, 200u}) {
    std::vector<std::uint32_t> words(count);
    philox.fill(7, 5, words.data(), count);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(words[i], philox.block(7, 5 + i / 4)[i % 4]) << count << ' ' << i;
  }
}

// Draws are part of what is published: these values must never change. Computed by an independent script.
TEST(Philox, GoldenDraws) {
  const Philox philox(1, "noise");
  EXPECT_EQ(streamId("noise"), 0x6c092771d20768d1ULL);
  EXPECT_EQ(philox.block(2, 3), (PhiloxBlock{0xbc90c6f5, 0x6ca524e1, 0x6c6794dd, 0x55338c48}));
}

TEST(Philox, SeedStreamIndexAndLaneAllMatter) {
  std::set<PhiloxBlock> seen;
  const std::vector<std::uint64_t> values{0, 1, std::uint64_t{1} << 32, ~std::uint64_t{0}};
  for (const std::uint64_t seed : values) {
    for (const std::uint64_t stream : values) {
      for (const std::uint64_t index : values) {
        for (const std::uint64_t lane : values) seen.insert(Philox(seed, stream).block(index, lane));
      }
    }
  }
  EXPECT_EQ(seen.size(), 256u);
}

TEST(Philox, BelowIsInRangeAndEven) {
  const Philox philox(3, "below");
  std::vector<int> counts(10);
  for (std::uint64_t i = 0; i < 100000; ++i) ++counts.at(philox.below(10, i));
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);  // five standard deviations
  EXPECT_EQ(philox.below(1, 9), 0u);
  for (std::uint64_t i = 0; i < 100; ++i) EXPECT_LT(philox.below(~std::uint64_t{0}, i), ~std::uint64_t{0});
}

TEST(Philox, NormalsHaveTheMomentsOfANormal) {
  const Philox philox(4, "normal");
  constexpr std::size_t kCount = 200001;  // odd: the last pair is cut
  std::vector<float> values(kCount);
  philox.normals(0, values.data(), values.size());
  double mean = 0, square = 0, fourth = 0;
  for (const float v : values) {
    mean += v;
    square += double{v} * v;
    fourth += double{v} * v * v * v;
  }
  EXPECT_NEAR(mean / kCount, 0, 0.012);
  EXPECT_NEAR(square / kCount, 1, 0.016);
  EXPECT_NEAR(fourth / kCount, 3, 0.11);
}

}  // namespace
}  // namespace offaxis
