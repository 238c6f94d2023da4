#include "variants/noise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "storage/hash.h"
#include "support/expect_error.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::allImages;
using testing::ToySource;

class GreySource final : public ToySource {
 public:
  using ToySource::ToySource;
  void read(std::uint64_t, std::uint8_t* image) const override {
    std::fill_n(image, info_.shape.bytes(), std::uint8_t{128});
  }
};

TEST(Noise, IsUniformOnTheBudgetsIntegers) {
  const auto grey = std::make_shared<GreySource>(ImageShape{16, 16, 3}, std::vector<std::uint64_t>{10, 20});
  const std::vector<std::uint8_t> images = allImages(*withNoise(grey, Budget::parse("2/255"), 3));
  std::vector<int> counts(256);
  for (const std::uint8_t pixel : images) ++counts[pixel];
  const double each = static_cast<double>(images.size()) / 5;
  for (int level = 0; level < 256; ++level) {
    if (level >= 126 && level <= 130) {
      EXPECT_NEAR(counts[level], each, 6 * std::sqrt(each)) << level;
    } else {
      EXPECT_EQ(counts[level], 0) << level;
    }
  }
}

TEST(Noise, ClipsAndKeepsTheBudget) {
  const auto toy = std::make_shared<ToySource>(ImageShape{8, 8, 3});
  const std::vector<std::uint8_t> before = allImages(*toy),
                                  after = allImages(*withNoise(toy, Budget::parse("0.175"), 0));
  int worst = 0;
  for (std::size_t i = 0; i < before.size(); ++i) worst = std::max(worst, std::abs(before[i] - after[i]));
  EXPECT_EQ(worst, 44);
}

// What is published must never change: the first bytes of a noisy grey image, from an independent computation.
TEST(Noise, GoldenBytes) {
  const auto grey = std::make_shared<GreySource>(ImageShape{16, 16, 3}, std::vector<std::uint64_t>{4});
  const std::vector<std::uint8_t> images = allImages(*withNoise(grey, Budget::parse("0.1"), 7));
  EXPECT_EQ(toHex(sha256Of(images.data(), images.size())),
            "81494846b66e4e1801dcf532135cf67c59bbe1291777493f0616594b0f0d212b");
}

TEST(Noise, FollowsTheCanonicalIndex) {
  class Doubled final : public ToySource {
   public:
    void read(std::uint64_t row, std::uint8_t* image) const override { ToySource::read(row / 2, image); }
    std::uint64_t canonicalIndex(std::uint64_t index) const override { return index / 2 * 2; }
  };
  const auto noisy = withNoise(std::make_shared<Doubled>(), Budget::parse("0.5"), 1);
  const std::vector<std::uint8_t> images = allImages(*noisy);
  for (std::size_t row = 0; row < 24; row += 2) {
    EXPECT_TRUE(
        std::equal(images.begin() + row * 48, images.begin() + (row + 1) * 48, images.begin() + (row + 1) * 48));
  }
}

TEST(Noise, DependsOnTheSeedAndSaysSo) {
  const auto toy = std::make_shared<ToySource>();
  const SourcePtr one = withNoise(toy, Budget::parse("0.1"), 1), two = withNoise(toy, Budget::parse("0.1"), 2);
  EXPECT_NE(allImages(*one), allImages(*two));
  EXPECT_EQ(one->info().expression(), "toy+noise:eps=0.1,seed=1");
  testing::expectError(ErrorKind::Usage, "variant already", [&] { withNoise(one, Budget::parse("0.1"), 2); });
}

}  // namespace
}  // namespace offaxis
