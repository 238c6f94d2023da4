#include "measure/ssim.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/philox.h"

namespace offaxis {
namespace {

std::vector<std::uint8_t> randomImage(const ImageShape& shape, std::uint64_t seed, std::uint64_t levels = 256) {
  const Philox random(seed, "test.ssim");
  std::vector<std::uint8_t> image(shape.bytes());
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(random.below(levels, i));
  return image;
}

// The definition, window by window, in floating point on means and sample covariances.
double plainSsim(const ImageShape& s, const std::vector<std::uint8_t>& x, const std::vector<std::uint8_t>& y) {
  const double c1 = std::pow(0.01 * 255, 2), c2 = std::pow(0.03 * 255, 2);
  double sum = 0;
  std::size_t windows = 0;
  for (std::size_t c = 0; c < s.channels; ++c) {
    for (std::size_t top = 0; top + 7 <= s.height; ++top) {
      for (std::size_t left = 0; left + 7 <= s.width; ++left, ++windows) {
        const auto at = [&](const std::vector<std::uint8_t>& image, std::size_t k) {
          return double{1} * image[((top + k / 7) * s.width + left + k % 7) * s.channels + c];
        };
        double mx = 0, my = 0, vx = 0, vy = 0, vxy = 0;
        for (std::size_t k = 0; k < 49; ++k) {
          mx += at(x, k) / 49;
          my += at(y, k) / 49;
        }
        for (std::size_t k = 0; k < 49; ++k) {
          vx += std::pow(at(x, k) - mx, 2) / 48;
          vy += std::pow(at(y, k) - my, 2) / 48;
          vxy += (at(x, k) - mx) * (at(y, k) - my) / 48;
        }
        sum += (2 * mx * my + c1) * (2 * vxy + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2));
      }
    }
  }
  return sum / static_cast<double>(windows);
}

TEST(Ssim, MatchesItsDefinition) {
  for (const ImageShape& shape : {ImageShape{7, 7, 1}, {9, 8, 3}, {16, 23, 3}, {64, 64, 1}}) {
    Ssim ssim(shape);
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      const auto x = randomImage(shape, seed);
      auto y = x;
      const auto noise = randomImage(shape, seed + 100, 60);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<std::uint8_t>(std::min(y[i] + noise[i], 255));
      EXPECT_NEAR(ssim(x.data(), y.data()), plainSsim(shape, x, y), 1e-12) << toString(shape);
      EXPECT_NEAR(ssim(x.data(), noise.data()), plainSsim(shape, x, noise), 1e-12) << "work space must be reset";
    }
  }
}

TEST(Ssim, EqualImagesScoreOneAndExtremesDoNotOverflow) {
  const ImageShape shape{12, 12, 3};
  Ssim ssim(shape);
  const auto x = randomImage(shape, 4);
  EXPECT_DOUBLE_EQ(ssim(x.data(), x.data()), 1.0);
  const std::vector<std::uint8_t> black(shape.bytes(), 0), white(shape.bytes(), 255);
  EXPECT_NEAR(ssim(black.data(), white.data()), plainSsim(shape, black, white), 1e-15);
  std::vector<std::uint8_t> board(shape.bytes()), inverse(shape.bytes());
  for (std::size_t i = 0; i < board.size(); ++i) {
    board[i] = (i / 3 + i / 36) % 2 == 0 ? 0 : 255;
    inverse[i] = static_cast<std::uint8_t>(255 - board[i]);
  }
  EXPECT_NEAR(ssim(board.data(), inverse.data()), plainSsim(shape, board, inverse), 1e-12);
  EXPECT_LT(ssim(board.data(), inverse.data()), -0.9);
}

// A ramp against the same ramp shifted by 10 levels, worked out by hand: along every window the columns' sample
// variance is 49/48 * 4 * s^2 for a step of s levels a column, so only the means' term is below 1.
TEST(Ssim, GoldenValueOfAShiftedRamp) {
  const ImageShape shape{7, 7, 1};
  std::vector<std::uint8_t> x(49), y(49);
  for (std::size_t i = 0; i < 49; ++i) {
    x[i] = static_cast<std::uint8_t>(100 + 5 * (i % 7));
    y[i] = static_cast<std::uint8_t>(x[i] + 10);
  }
  Ssim ssim(shape);
  EXPECT_NEAR(ssim(x.data(), y.data()), (2 * 115.0 * 125.0 + 6.5025) / (115.0 * 115.0 + 125.0 * 125.0 + 6.5025), 1e-14);
}

TEST(Ssim, NeedsAWindow) {
  EXPECT_FALSE(Ssim::fits({6, 64, 3}));
  EXPECT_FALSE(Ssim::fits({64, 6, 3}));
  EXPECT_TRUE(Ssim::fits({7, 7, 1}));
}

}  // namespace
}  // namespace offaxis
