#include "storage/image_compressor.h"

#include <gtest/gtest.h>

#include "core/philox.h"

namespace offaxis {
namespace {

// libdeflate reads the streams back: an implementation that shares nothing with the run coder.
std::vector<std::uint8_t> inflated(const std::vector<std::uint8_t>& stream, std::size_t bytes) {
  std::vector<std::uint8_t> data(bytes);
  Decompressor decompressor;
  EXPECT_TRUE(decompressor.decompress(stream.data(), stream.size(), data.data(), bytes));
  return data;
}

TEST(RunCoder, RoundTripsAnything) {
  const Philox philox(9, "runs");
  const std::vector<std::vector<std::size_t>> sets{{1}, {3, 192, 12288}, {2, 5, 32768}, {}, {4, 24577, 32767}};
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    const std::size_t bytes = philox.below(trial % 7 == 0 ? 100000 : 2000, trial, 0);
    // Mixes runs of a byte, repeats from far back, and noise.
    std::vector<std::uint8_t> data(bytes);
    const std::uint64_t kind = philox.below(4, trial, 1);
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::uint64_t draw = philox.below(1000, trial, 2 + i);
      const bool noise = kind == 0 || draw < (kind == 1 ? 3 : 40);
      data[i] = noise ? static_cast<std::uint8_t>(philox.below(256, trial, ~i))
                      : (i >= 192 && kind == 3 ? data[i - 192]
                         : i > 0               ? data[i - 1]
                                               : 0);
    }
    const RunCoder coder(sets[trial % sets.size()]);
    std::vector<std::uint8_t> stream;
    ASSERT_TRUE(coder.compress(data.data(), bytes, 2 * bytes + 100, stream));
    ASSERT_EQ(inflated(stream, bytes), data) << trial;
  }
}

// Runs of every length a match can have, and the ones around the limits.
TEST(RunCoder, EveryMatchLengthAndDistance) {
  for (std::size_t run = 1; run <= 600; ++run) {
    std::vector<std::uint8_t> data(run, 7);
    data.push_back(200);
    const RunCoder coder({1});
    std::vector<std::uint8_t> stream;
    ASSERT_TRUE(coder.compress(data.data(), data.size(), 10000, stream));
    ASSERT_EQ(inflated(stream, data.size()), data) << run;
  }
  const Philox philox(10, "distances");
  for (std::size_t distance = 1; distance <= 32768; distance = distance * 5 / 4 + 1) {
    std::vector<std::uint8_t> data(distance + 40);
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = i < distance ? static_cast<std::uint8_t>(philox.below(256, i)) : data[i - distance];
    std::vector<std::uint8_t> stream;
    ASSERT_TRUE(RunCoder({distance}).compress(data.data(), data.size(), 2 * data.size() + 100, stream));
    ASSERT_EQ(inflated(stream, data.size()), data) << distance;
  }
}

TEST(RunCoder, GivesUpAtTheLimit) {
  const std::vector<std::uint8_t> zeros(10000);
  std::vector<std::uint8_t> stream;
  const RunCoder coder({1});
  ASSERT_TRUE(coder.compress(zeros.data(), zeros.size(), 10000, stream));
  EXPECT_LT(stream.size(), 100u);
  const std::size_t exact = stream.size();
  EXPECT_TRUE(coder.compress(zeros.data(), zeros.size(), exact, stream));
  EXPECT_FALSE(coder.compress(zeros.data(), zeros.size(), exact - 1, stream));
}

// Whatever the limit, also in the middle of data that does not shrink.
TEST(RunCoder, GivesUpAtAnyLimitOfAnyData) {
  const Philox philox(11, "limits");
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    std::vector<std::uint8_t> data(1 + philox.below(400, trial, 0));
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = static_cast<std::uint8_t>(philox.below(trial % 2 == 0 ? 256 : 3, trial, 1 + i));
    const RunCoder coder({3, 7});
    std::vector<std::uint8_t> whole, cut;
    ASSERT_TRUE(coder.compress(data.data(), data.size(), 1000, whole));
    for (std::size_t limit = 0; limit <= whole.size() + 1; limit += 1 + philox.below(20, trial, ~limit)) {
      ASSERT_EQ(coder.compress(data.data(), data.size(), limit, cut), limit >= whole.size()) << limit;
      if (limit >= whole.size()) {
        ASSERT_EQ(cut, whole);
      }
    }
  }
}

// The stream itself is part of a published file's bytes.
TEST(RunCoder, GoldenStream) {
  const std::vector<std::uint8_t> data{0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 1, 2, 3};
  std::vector<std::uint8_t> stream;
  ASSERT_TRUE(RunCoder({1}).compress(data.data(), data.size(), 1000, stream));
  EXPECT_EQ(stream, (std::vector<std::uint8_t>{0x78, 0x01, 0x63, 0x80, 0x82, 0xff, 0x20, 0xc0, 0xc8, 0xc4, 0x0c, 0x00,
                                               0x1d, 0xfc, 0x05, 0x02}));
}

TEST(ImageCompressor, TakesWhicheverPays) {
  const ImageShape shape{64, 64, 3};
  std::vector<std::uint8_t> flat(4 * shape.bytes(), 9), noise(4 * shape.bytes());
  const Philox philox(3, "noise");
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(philox.below(12, i));
  EXPECT_TRUE(shrinksByRuns(flat.data(), shape));
  EXPECT_FALSE(shrinksByRuns(noise.data(), shape));
  ImageCompressor compressor(1, shape, true);
  std::vector<std::uint8_t> stream;
  compressor.compress(flat.data(), flat.size(), stream);
  EXPECT_LT(stream.size(), 400u);
  EXPECT_EQ(inflated(stream, flat.size()), flat);
  compressor.compress(noise.data(), noise.size(), stream);
  EXPECT_LT(stream.size(), noise.size() * 6 / 10);  // entropy: log2(12) = 3.6 bits of 8
  EXPECT_EQ(inflated(stream, noise.size()), noise);

  std::vector<std::uint8_t> untried, general;
  ImageCompressor(1, shape, false).compress(flat.data(), flat.size(), untried);
  Compressor(1).compress(flat.data(), flat.size(), general);
  EXPECT_EQ(untried, general) << "runs are not tried";
}

}  // namespace
}  // namespace offaxis
