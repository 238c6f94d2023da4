#include "datasets/xysquares/xysquares.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "datasets/content.h"
#include "support/expect_error.h"

namespace offaxis {
namespace {

std::vector<std::uint8_t> imageAt(const Source& source, std::uint64_t row) {
  std::vector<std::uint8_t> image(source.info().shape.bytes());
  source.read(row, image.data());
  return image;
}

TEST(XySquares, EverySquareLiesWhereTheRuleSays) {
  for (std::uint32_t spacing = 1; spacing <= 8; ++spacing) {
    const SourcePtr source = openXySquares(spacing);
    const std::uint32_t offset = (64 - (8 + 7 * spacing)) / 2;
    for (const std::uint64_t row : {0ull, 1ull, 12345ull, 262143ull, 77777ull}) {
      const std::vector<std::uint8_t> image = imageAt(*source, row);
      const std::vector<std::uint32_t> levels = source->info().grid.levelsOf(row);
      for (std::uint32_t y = 0; y < 64; ++y) {
        for (std::uint32_t x = 0; x < 64; ++x) {
          for (std::uint32_t c = 0; c < 3; ++c) {
            const std::uint32_t left = offset + spacing * levels[2 * c], top = offset + spacing * levels[2 * c + 1];
            const bool lit = x >= left && x < left + 8 && y >= top && y < top + 8;
            ASSERT_EQ(image[(y * 64 + x) * 3 + c], lit ? 255 : 0)
                << spacing << ' ' << row << ' ' << y << ' ' << x << ' ' << c;
          }
        }
      }
    }
  }
}

// Michlo et al.: along one factor the mean squared error is min(8, k s) / 768 on [0,1] pixels.
TEST(XySquares, PerceivedDistanceFollowsTheClosedForm) {
  for (std::uint32_t spacing = 1; spacing <= 8; ++spacing) {
    const SourcePtr source = openXySquares(spacing);
    const FactorGrid& grid = source->info().grid;
    for (std::size_t factor = 0; factor < 6; ++factor) {
      std::vector<std::uint32_t> levels{3, 1, 4, 1, 5, 2};
      levels[factor] = 0;
      const std::vector<std::uint8_t> first = imageAt(*source, grid.indexOf(levels));
      for (std::uint32_t k = 1; k < 8; ++k) {
        levels[factor] = k;
        const std::vector<std::uint8_t> other = imageAt(*source, grid.indexOf(levels));
        double sum = 0;
        for (std::size_t i = 0; i < first.size(); ++i) sum += std::pow((first[i] - other[i]) / 255.0, 2);
        EXPECT_DOUBLE_EQ(sum / static_cast<double>(first.size()), std::min(8u, k * spacing) / 768.0);
      }
    }
  }
}

TEST(XySquares, RefusesOtherSpacings) {
  for (const std::uint32_t spacing : {0u, 9u}) {
    testing::expectError(ErrorKind::Usage, "1 to 8", [&] { openXySquares(spacing); });
  }
}

// The whole set. Spacings 1, 4 and 8 against the bytes that the authors' own class gives; the others pin our own, which
// the tests above hold to the same rule.
class XySquaresGolden : public ::testing::TestWithParam<std::pair<std::uint32_t, const char*>> {};

TEST_P(XySquaresGolden, AllBytes) {
  Context context;
  context.threads = hardwareThreads();
  EXPECT_EQ(toHex(rawSha256(*openXySquares(GetParam().first), context)), GetParam().second);
}

INSTANTIATE_TEST_SUITE_P(
    Spacings, XySquaresGolden,
    ::testing::Values(std::pair(1u, "02e55a00fa48cf814964eda6da76bd8e5ed1d37910b23f7df7547f56c6dacb1c"),
                      std::pair(4u, "32cae65d6b2eb32192736a56ff404627c7dfd68f63e2d1caa424941c4de9a2e0"),
                      std::pair(2u, "47310bcf6afed862c135f5e1dadc6da7e0e8b09fe412c040a7a59c55b8c9dbd4"),
                      std::pair(3u, "70263e30318ae3a326694c2f925d7f8be446425a782f570a874c84445af06b7a"),
                      std::pair(5u, "82d0c8c9621a57e5c391e02a736060a58d833f9b1b2fffde79ed1b54221e67ae"),
                      std::pair(6u, "5b8ba1647f8eca5fd1fd1fac4460ceb4b4d14c62ebb92091998f12e7762b5a7e"),
                      std::pair(7u, "229e85bc5d5f06a492d8d5247b548ff362276aa0b3b5df76811025ca0689c726"),
                      std::pair(8u, "90a365c57d1e25c5744687714dafbf46fa92c8953cbfe17fab2fe24edadcdbb8")));

}  // namespace
}  // namespace offaxis
