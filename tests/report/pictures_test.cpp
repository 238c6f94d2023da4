#include <gtest/gtest.h>

#include <cmath>

#include "core/philox.h"
#include "measure/image_spectrum.h"
#include "report/dataset_pictures.h"
#include "support/expect_error.h"
#include "support/memory_source.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

using testing::expectError;
using testing::MemorySource;

NamedSources squares() {
  return {{"original", openSource("xysquares:spacing=1,size=32")},
          {"noise", openSource("xysquares:spacing=1,size=32+noise:eps=0.1,seed=3")}};
}

TEST(Pictures, DifferencesLieAroundMidGrey) {
  const Pixels before{2, 1, {0, 10, 20, 200, 200, 200}}, after{2, 1, {0, 12, 15, 200, 255, 200}};
  EXPECT_EQ(largestDifference({before}, {after}), 55);
  EXPECT_EQ(amplificationFor(55), 2);
  EXPECT_EQ(amplificationFor(0), 1);
  EXPECT_EQ(amplificationFor(200), 1);
  EXPECT_EQ(amplifiedDifference(before, after, 2).rgb, (std::vector<std::uint8_t>{128, 132, 118, 128, 238, 128}));
}

TEST(Pictures, TilesKeepTheirPlaceAndGapsStayEmpty) {
  const Pixels red{1, 1, {255, 0, 0}}, blue{1, 1, {0, 0, 255}};
  const Pixels sheet = tiled({red, {}, blue}, 2, 1);
  ASSERT_EQ(sheet.width, 3);
  ASSERT_EQ(sheet.height, 3);
  const auto at = [&](int x, int y) { return sheet.rgb[static_cast<std::size_t>(3 * (y * 3 + x))]; };
  EXPECT_EQ(at(0, 0), 255);
  EXPECT_EQ(at(0, 2), 0);
  EXPECT_EQ(at(2, 0), at(1, 1)) << "a missing tile is what lies between tiles";
}

TEST(Pictures, GreyPicturesTakeOneChannel) {
  const auto colourType = [](const Pixels& pixels) { return static_cast<int>(pngOf(pixels).at(25)); };
  EXPECT_EQ(colourType({1, 1, {7, 7, 7}}), 0);
  EXPECT_EQ(colourType({1, 1, {7, 7, 8}}), 2);
}

TEST(Pictures, ComparisonShowsTheSameFactorsInEveryRow) {
  const NamedSources sources = squares();
  const Pictures pictures = comparisonPictures(sources, 5, 0);
  ASSERT_EQ(pictures.size(), 1u);
  ASSERT_EQ(pictures[0].strips.size(), 3u) << "original, noise, its difference";
  EXPECT_EQ(pictures[0].strips[2].name, "difference");
  EXPECT_EQ(pictures[0].strips[2].detail, "\u00d75") << "25 levels";
  ASSERT_EQ(pictures[0].ticks.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    const std::uint64_t index = std::stoull(pictures[0].ticks[i].substr(1));
    const Pixels image = imageOf(*sources[1].source, index);
    const Pixels& strip = pictures[0].strips[1].picture;
    const std::size_t column = i * (32 + 2);
    for (std::size_t y = 0; y < 32; y += 7) {
      for (std::size_t x = 0; x < 32; x += 5) {
        EXPECT_EQ(strip.rgb[3 * (y * static_cast<std::size_t>(strip.width) + column + x)], image.rgb[3 * (y * 32 + x)]);
      }
    }
  }
  EXPECT_NE(comparisonPictures(sources, 5, 1)[0].ticks, pictures[0].ticks);
  EXPECT_EQ(labelledPng(pictures, "a \u00d7 b").substr(1, 3), "PNG");
}

TEST(Pictures, TraversalsChangeOneFactor) {
  const NamedSources sources = squares();
  const Pictures all = traversalPictures(sources, 4);
  EXPECT_EQ(all.size(), 6u);
  for (const PictureGroup& group : all) {
    EXPECT_EQ(group.tiles, 4);
    EXPECT_EQ(group.ticks.size(), 4u);
    EXPECT_EQ(group.strips.size(), 2u);
  }
  EXPECT_EQ(traversalPictures(sources, 4, "y_R").size(), 1u);
  expectError(ErrorKind::Usage, "x_R", [&] { traversalPictures(sources, 4, "hue"); });
}

TEST(Pictures, PlanesNeedTwoFactors) {
  const NamedSources sources = squares();
  const Pictures plane = planePictures(sources, "x_R", "y_R", 3);
  ASSERT_EQ(plane[0].strips.size(), 3u);
  EXPECT_EQ(plane[0].strips[0].picture.width, 3 * 34 - 2);
  expectError(ErrorKind::Usage, "twice", [&] { planePictures(sources, "x_R", "x_R", 3); });
  expectError(ErrorKind::Usage, "factors", [&] { planePictures(sources, "x_R", "z", 3); });
}

TEST(Pictures, OnlyVariantsOfOneDatasetCompare) {
  NamedSources sources = squares();
  sources.push_back({"other", openSource("xysquares:spacing=1")});
  expectError(ErrorKind::Usage, "other", [&] { comparisonPictures(sources, 3, 0); });
  expectError(ErrorKind::Usage, "nothing", [] { comparisonPictures({}, 3, 0); });
}

TEST(Pictures, SubsetsLeaveGaps) {
  const SourcePtr part = subset(openSource("xysquares:spacing=1,size=32"), {0, 1, 2});
  const Pictures strip = traversalPictures({{"part", part}}, 8, "y_B");
  EXPECT_FALSE(strip[0].strips[0].picture.empty());
}

TEST(Pictures, DistancesFromTheMiddleOfAPlane) {
  // Squares of two channels change different pixels: distances add up, so there is no interaction.
  const SourcePtr source = openSource("xysquares:spacing=1,size=32");
  const DistancePlane plane = distancePlane(*source, "x_R", "y_G", 4, 0);
  ASSERT_EQ(plane.height, 8u);
  const auto at = [&](std::size_t i, std::size_t j) { return plane.values[i * plane.width + j]; };
  EXPECT_EQ(at(4, 4), 0);
  EXPECT_GT(at(0, 4), 0);
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < 8; ++j) EXPECT_NEAR(at(i, j), at(i, 4) + at(4, j), 1e-12);
  }
}

TEST(ImageSpectrum, FindsTheDirectionsThatImagesVaryIn) {
  // Noise of two pixels of known variances, nothing else.
  MemorySource source(*subset(openSource("xysquares:spacing=1,size=32"), std::vector<std::uint64_t>(2000, 0)));
  const Philox philox(5, "test");
  double sum[2] = {0, 0}, squares[2] = {0, 0};
  for (std::uint64_t row = 0; row < source.size(); ++row) {
    std::fill_n(source.image(row), source.info().shape.bytes(), std::uint8_t{0});
    const std::uint64_t spans[2] = {201, 101};
    for (std::uint64_t k = 0; k < 2; ++k) {
      const auto value = static_cast<std::uint8_t>(philox.below(spans[k], row, k));
      source.image(row)[k] = value;
      sum[k] += value / 255.0 / 2000;
      squares[k] += value / 255.0 * value / 255.0 / 2000;
    }
  }
  const ImageSpectrum spectrum = imageSpectrum(source, 1500, 0, {});
  ASSERT_EQ(spectrum.eigenvalues.size(), 1499u);
  for (std::size_t k = 0; k < 2; ++k)
    EXPECT_NEAR(spectrum.eigenvalues[k], squares[k] - sum[k] * sum[k], 0.05 * squares[k]);
  EXPECT_LT(spectrum.eigenvalues[2], 1e-6);
  EXPECT_NEAR(spectrum.total, spectrum.eigenvalues[0] + spectrum.eigenvalues[1], 1e-4);
  expectError(ErrorKind::Usage, "4096", [&] { imageSpectrum(source, 1, 0, {}); });
}

}  // namespace
}  // namespace offaxis
