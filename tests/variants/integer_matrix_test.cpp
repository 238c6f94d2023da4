#include "variants/integer_matrix.h"

#include <gtest/gtest.h>

#include "core/philox.h"

namespace offaxis {
namespace {

std::vector<std::int16_t> draws(std::size_t count, std::int32_t lowest, std::int32_t highest, std::uint64_t seed) {
  const Philox random(seed, "integer matrix test");
  std::vector<std::int16_t> values;
  for (std::size_t i = 0; i < count; ++i) {
    const auto span = static_cast<std::uint64_t>(highest - lowest + 1);
    values.push_back(static_cast<std::int16_t>(lowest + static_cast<std::int32_t>(random.below(span, i))));
  }
  return values;
}

// Every kernel of this processor against the definition, over shapes that fill tiles, pairs and blocks and that do not.
TEST(IntegerMatrixTest, EveryKernelGivesTheDefinition) {
  for (const std::size_t rows : {1, 3, 16, 17, 64, 130}) {
    for (const std::size_t columns : {1, 2, 7, 12, 128}) {
      const std::vector<std::int16_t> weights = draws(rows * columns, -127, 127, rows);
      const IntegerMatrix matrix(weights, rows, columns);
      ASSERT_EQ(matrix.rows() % 16, 0u);
      ASSERT_EQ(matrix.columns(), columns + columns % 2);
      for (std::size_t vectors = 1; vectors <= 23; ++vectors) {
        // What stands in the added column must not matter.
        const std::vector<std::int16_t> inputs = draws(vectors * matrix.columns(), -4096, 4095, vectors);
        for (const ProductKernel kernel : availableProductKernels()) {
          std::vector<std::int32_t> out(vectors * matrix.rows(), -1);
          matrix.multiply({inputs.data(), vectors, matrix.columns()}, out.data(), kernel);
          for (std::size_t v = 0; v < vectors; ++v) {
            for (std::size_t r = 0; r < matrix.rows(); ++r) {
              std::int32_t expected = 0;
              for (std::size_t i = 0; r < rows && i < columns; ++i)
                expected += weights[r * columns + i] * inputs[v * matrix.columns() + i];
              ASSERT_EQ(out[v * matrix.rows() + r], expected)
                  << toString(kernel) << ", " << rows << "x" << columns << ", vector " << v << ", row " << r;
            }
          }
        }
      }
    }
  }
}

// Windows of two by two pixels, as psi's layers see them: they overlap, and each is made of two pieces.
TEST(IntegerMatrixTest, VectorsMayOverlapAndComeInPieces) {
  for (const std::size_t channels : {1, 3, 16}) {
    constexpr std::size_t kRows = 48, kWidth = 12;
    const std::size_t columns = 4 * channels, line = kWidth * channels;
    const std::vector<std::int16_t> weights = draws(kRows * columns, -127, 127, channels);
    const std::vector<std::int16_t> image = draws(2 * line, -4096, 4095, channels);
    const IntegerMatrix matrix(weights, kRows, columns);
    for (const ProductKernel kernel : availableProductKernels()) {
      std::vector<std::int32_t> out((kWidth - 1) * kRows, -1);
      matrix.multiply({image.data(), kWidth - 1, channels, 2, line}, out.data(), kernel);
      for (std::size_t v = 0; v + 1 < kWidth; ++v) {
        for (std::size_t r = 0; r < kRows; ++r) {
          std::int32_t expected = 0;
          for (std::size_t i = 0; i < columns; ++i) {
            const std::size_t piece = i / (2 * channels), at = i % (2 * channels);
            expected += weights[r * columns + i] * image[piece * line + v * channels + at];
          }
          ASSERT_EQ(out[v * kRows + r], expected)
              << toString(kernel) << ", " << channels << " channels, vector " << v << ", row " << r;
        }
      }
    }
  }
}

TEST(IntegerMatrixTest, SumsReachTheEndsOf32Bits) {
  const std::vector<std::int16_t> weights(32, -127);
  const IntegerMatrix matrix(weights, 1, 32);
  const std::vector<std::int16_t> inputs(32, 32767);
  for (const ProductKernel kernel : availableProductKernels()) {
    std::vector<std::int32_t> out(matrix.rows());
    matrix.multiply({inputs.data(), 1}, out.data(), kernel);
    EXPECT_EQ(out[0], -127 * 32767 * 32) << toString(kernel);
  }
}

TEST(IntegerMatrixTest, PortableIsAlwaysThere) {
  ASSERT_FALSE(availableProductKernels().empty());
  EXPECT_EQ(availableProductKernels().front(), ProductKernel::Portable);
}

}  // namespace
}  // namespace offaxis
