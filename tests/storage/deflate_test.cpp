#include "storage/deflate.h"

#include <gtest/gtest.h>

#include <string>

namespace offaxis {
namespace {

TEST(Deflate, RoundTripsAndRefusesOtherLengths) {
  const std::string text(10000, 'q');
  std::vector<std::uint8_t> stream;
  for (const int level : {1, 4, 9, 12}) {
    Compressor(level).compress(text.data(), text.size(), stream);
    EXPECT_LT(stream.size(), 200U);
    EXPECT_EQ(stream[0] & 15, 8) << "a zlib stream, as HDF5 needs it";
    std::string back(text.size(), '\0');
    Decompressor decompressor;
    ASSERT_TRUE(decompressor.decompress(stream.data(), stream.size(), back.data(), back.size()));
    EXPECT_EQ(back, text);
    EXPECT_FALSE(decompressor.decompress(stream.data(), stream.size(), back.data(), back.size() - 1));
    back.resize(back.size() + 1);
    EXPECT_FALSE(decompressor.decompress(stream.data(), stream.size(), back.data(), back.size()));
  }
}

TEST(Deflate, DamageIsNoticed) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::to_string(i * i);
  std::vector<std::uint8_t> stream;
  Compressor(4).compress(text.data(), text.size(), stream);
  std::string back(text.size(), '\0');
  Decompressor decompressor;
  for (std::size_t at = 2; at < stream.size(); at += 11) {
    std::vector<std::uint8_t> bad = stream;
    bad[at] ^= 0x10;
    const bool good = decompressor.decompress(bad.data(), bad.size(), back.data(), back.size());
    EXPECT_TRUE(!good || back == text) << at;
    EXPECT_FALSE(decompressor.decompress(stream.data(), at, back.data(), back.size())) << at;
  }
}

TEST(Deflate, NamesItsLibrary) {
  EXPECT_EQ(std::string(deflateLibrary()).rfind("libdeflate ", 0), 0U);
}

}  // namespace
}  // namespace offaxis
