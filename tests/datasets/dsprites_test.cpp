#include "datasets/dsprites/dsprites.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/parallel.h"
#include "storage/hash.h"
#include "storage/npz.h"

namespace offaxis {
namespace {

TEST(DSprites, HasTheOriginalsFactors) {
  const SourcePtr source = openDSprites();
  const FactorGrid& grid = source->info().grid;
  EXPECT_EQ(grid.size(), 737280u);
  const std::vector<std::uint64_t> sizes{1, 3, 6, 40, 32, 32};
  const std::vector<std::string> names{"color", "shape", "scale", "orientation", "posX", "posY"};
  for (std::size_t k = 0; k < 6; ++k) {
    EXPECT_EQ(grid.factors()[k].size(), sizes[k]);
    EXPECT_EQ(grid.factors()[k].name, names[k]);
  }
  EXPECT_EQ(grid.factors()[2].values, (std::vector<double>{0.5, 0.6, 0.7, 0.8, 0.9, 1.0}));
  EXPECT_DOUBLE_EQ(grid.factors()[3].values[39], 6.283185307179586);
  EXPECT_DOUBLE_EQ(grid.factors()[5].values[1], 1.0 / 31);
}

// The whole set, bit-packed (lowest bit first, 512 bytes an image, index order), against an independent computation in
// double precision; and the number of lit pixels, which a published mean of the original puts at 128,328,862.
TEST(DSprites, GoldenAllImages) {
  const SourcePtr source = openDSprites();
  constexpr std::uint64_t kBlock = 1024;
  Context context;
  context.threads = hardwareThreads();
  Sha256 hash;
  std::uint64_t lit = 0;
  orderedPipeline<std::vector<std::uint8_t>>(
      context, source->size() / kBlock, 16,
      [&](std::uint64_t block, int) {
        std::vector<std::uint8_t> pixels(4096), packed(kBlock * 512);
        for (std::uint64_t i = 0; i < kBlock; ++i) {
          source->read(block * kBlock + i, pixels.data());
          for (std::size_t p = 0; p < pixels.size(); ++p) {
            packed[i * 512 + p / 8] = static_cast<std::uint8_t>(packed[i * 512 + p / 8] | (pixels[p] & 1) << (p % 8));
          }
        }
        return packed;
      },
      [&](std::uint64_t, std::vector<std::uint8_t>&& packed) {
        hash.update(packed.data(), packed.size());
        for (const std::uint8_t byte : packed) lit += static_cast<std::uint64_t>(__builtin_popcount(byte));
      });
  EXPECT_EQ(toHex(hash.finish()), "faaf9cf5fa6256819224cb831e7fe802f7e166a63fda58f12c5f1c6eec3f5ea0");
  EXPECT_EQ(lit, 128328864u);
}

TEST(DSprites, CanonicalIndicesAreLowestTwins) {
  const SourcePtr source = openDSprites();
  const FactorGrid& grid = source->info().grid;
  std::uint64_t distinct = 0;
  std::vector<std::uint8_t> image(4096), twin(4096);
  for (std::uint64_t index = 0; index < grid.size(); ++index) {
    const std::uint64_t canonical = source->canonicalIndex(index);
    ASSERT_LE(canonical, index);
    ASSERT_EQ(source->canonicalIndex(canonical), canonical);
    if (canonical == index) {
      ++distinct;
    } else {
      source->read(index, image.data());
      source->read(canonical, twin.data());
      ASSERT_EQ(image, twin) << index;
    }
  }
  EXPECT_EQ(distinct, 715706u);
  // Orientation 0 and 2 pi are the same picture.
  EXPECT_EQ(source->canonicalIndex(grid.indexOf({0, 1, 3, 39, 4, 5})),
            source->canonicalIndex(grid.indexOf({0, 1, 3, 0, 4, 5})));
}

TEST(DSprites, GenuineSamplesBitForBit) {
  const std::string path = std::string(OFFAXIS_SOURCE_DIR) + "/../shared/reference/dsprites_samples.npz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the genuine samples are not beside the checkout";
  const NpyArray images = readNpz(path, "imgs"), classes = readNpz(path, "latents_classes");
  const SourcePtr source = openDSprites();
  std::vector<std::uint8_t> pixels(4096);
  for (std::size_t i = 0; i < images.dims[0]; ++i) {
    std::vector<std::uint32_t> levels;
    for (std::size_t k = 0; k < 6; ++k) {
      levels.push_back(
          static_cast<std::uint32_t>(reinterpret_cast<const std::int64_t*>(classes.bytes.data())[i * 6 + k]));
    }
    source->read(source->info().grid.indexOf(levels), pixels.data());
    for (std::size_t p = 0; p < pixels.size(); ++p)
      ASSERT_EQ(pixels[p] & 1, images.bytes[i * 4096 + p]) << i << ' ' << p;
  }
}

}  // namespace
}  // namespace offaxis
