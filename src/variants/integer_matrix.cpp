#include "variants/integer_matrix.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define OFFAXIS_X86_KERNELS
#include <immintrin.h>
#endif

namespace offaxis {
namespace {

constexpr std::size_t kTile = 16;  // rows
constexpr std::size_t kPair = 2;   // columns
constexpr std::size_t kPairs = kTile * kPair;

std::size_t roundedUp(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

struct Shape {
  std::size_t rows, columns;
};

void multiplyPortable(const std::int16_t* tiles, Shape shape, const InputVectors& inputs, std::int32_t* out) {
  const std::size_t piece = shape.columns / inputs.runs;
  for (std::size_t row = 0; row < shape.rows; row += kTile, tiles += kTile * shape.columns) {
    for (std::size_t v = 0; v < inputs.count; ++v) {
      std::int32_t sums[kTile] = {};
      const std::int16_t* w = tiles;
      for (std::size_t run = 0; run < inputs.runs; ++run) {
        const std::int16_t* const x = inputs.first + v * inputs.step + run * inputs.runStep;
        for (std::size_t i = 0; i < piece; i += kPair, w += kPairs) {
          const std::int32_t a = x[i], b = x[i + 1];
          for (std::size_t r = 0; r < kTile; ++r) sums[r] += w[kPair * r] * a + w[kPair * r + 1] * b;
        }
      }
      std::copy(sums, sums + kTile, out + v * shape.rows + row);
    }
  }
}

#ifdef OFFAXIS_X86_KERNELS

std::int32_t pairAt(const std::int16_t* inputs) {
  std::int32_t pair = 0;
  std::memcpy(&pair, inputs, sizeof pair);
  return pair;
}

// Each kernel keeps the sums of `Tiles` tiles times `Vectors` vectors, from inputs.first on, in registers: enough of
// them to hide the latency of a multiplication, few enough not to spill. GCC keeps them there only where it unrolls the
// loops over them before anything else.
template <std::size_t Tiles, std::size_t Vectors>
void blockSse2(const std::int16_t* tiles, Shape shape, const InputVectors& inputs, std::int32_t* out) {
  constexpr std::size_t kParts = 4;
  __m128i sums[Tiles][Vectors][kParts] = {};
  const std::size_t piece = shape.columns / inputs.runs;
  for (std::size_t run = 0; run < inputs.runs; ++run, tiles += piece * kTile) {
    const std::int16_t* const inRun = inputs.first + run * inputs.runStep;
    for (std::size_t i = 0; i < piece; i += kPair) {
      for (std::size_t t = 0; t < Tiles; ++t) {
        const auto* const w = reinterpret_cast<const __m128i*>(tiles + t * kTile * shape.columns + i * kTile);
        for (std::size_t v = 0; v < Vectors; ++v) {
          const __m128i x = _mm_set1_epi32(pairAt(inRun + v * inputs.step + i));
          for (std::size_t p = 0; p < kParts; ++p)
            sums[t][v][p] = _mm_add_epi32(sums[t][v][p], _mm_madd_epi16(_mm_loadu_si128(w + p), x));
        }
      }
    }
  }
  for (std::size_t t = 0; t < Tiles; ++t) {
    for (std::size_t v = 0; v < Vectors; ++v) {
      for (std::size_t p = 0; p < kParts; ++p) {
        auto* const to = reinterpret_cast<__m128i*>(out + v * shape.rows + t * kTile);
        _mm_storeu_si128(to + p, sums[t][v][p]);
      }
    }
  }
}

template <std::size_t Tiles, std::size_t Vectors>
__attribute__((target("avx2"))) void blockAvx2(const std::int16_t* tiles, Shape shape, const InputVectors& inputs,
                                               std::int32_t* out) {
  __m256i sums[Tiles][Vectors][2] = {};
  const std::size_t piece = shape.columns / inputs.runs;
  for (std::size_t run = 0; run < inputs.runs; ++run, tiles += piece * kTile) {
    const std::int16_t* const inRun = inputs.first + run * inputs.runStep;
    for (std::size_t i = 0; i < piece; i += kPair) {
      for (std::size_t t = 0; t < Tiles; ++t) {
        const auto* const w = reinterpret_cast<const __m256i*>(tiles + t * kTile * shape.columns + i * kTile);
        const __m256i low = _mm256_loadu_si256(w), high = _mm256_loadu_si256(w + 1);
        for (std::size_t v = 0; v < Vectors; ++v) {
          const __m256i x = _mm256_set1_epi32(pairAt(inRun + v * inputs.step + i));
          sums[t][v][0] = _mm256_add_epi32(sums[t][v][0], _mm256_madd_epi16(low, x));
          sums[t][v][1] = _mm256_add_epi32(sums[t][v][1], _mm256_madd_epi16(high, x));
        }
      }
    }
  }
  for (std::size_t t = 0; t < Tiles; ++t) {
    for (std::size_t v = 0; v < Vectors; ++v) {
      auto* const to = reinterpret_cast<__m256i*>(out + v * shape.rows + t * kTile);
      _mm256_storeu_si256(to, sums[t][v][0]);
      _mm256_storeu_si256(to + 1, sums[t][v][1]);
    }
  }
}

template <std::size_t Tiles, std::size_t Vectors>
__attribute__((target("avx512f,avx512bw,avx512vnni"))) void blockAvx512(const std::int16_t* tiles, Shape shape,
                                                                        const InputVectors& inputs, std::int32_t* out) {
  __m512i sums[Tiles][Vectors] = {};
  const std::size_t piece = shape.columns / inputs.runs;
  for (std::size_t run = 0; run < inputs.runs; ++run, tiles += piece * kTile) {
    const std::int16_t* const inRun = inputs.first + run * inputs.runStep;
    for (std::size_t i = 0; i < piece; i += kPair) {
      __m512i w[Tiles];
#pragma GCC unroll 8
      for (std::size_t t = 0; t < Tiles; ++t) w[t] = _mm512_loadu_si512(tiles + (t * shape.columns + i) * kTile);
#pragma GCC unroll 12
      for (std::size_t v = 0; v < Vectors; ++v) {
        const __m512i x = _mm512_set1_epi32(pairAt(inRun + v * inputs.step + i));
#pragma GCC unroll 8
        for (std::size_t t = 0; t < Tiles; ++t) sums[t][v] = _mm512_dpwssd_epi32(sums[t][v], w[t], x);
      }
    }
  }
  for (std::size_t t = 0; t < Tiles; ++t) {
    for (std::size_t v = 0; v < Vectors; ++v) _mm512_storeu_si512(out + v * shape.rows + t * kTile, sums[t][v]);
  }
}

using Block = void (*)(const std::int16_t*, Shape, const InputVectors&, std::int32_t*);

struct Blocks {
  std::size_t vectors;     // the most that one block takes
  const Block* by;         // [vectors]: one tile with 1 .. vectors vectors
  const Block* byTwo;      // the same for two tiles, where there are registers for that, or null
  std::size_t tilesOfOne;  // a single vector takes this many tiles at once instead
  Block one;
};

void multiplyBlocks(const Blocks& blocks, const std::int16_t* tiles, Shape shape, const InputVectors& inputs,
                    std::int32_t* out) {
  std::size_t row = 0;
  const auto tile = [&] { return tiles + row * shape.columns; };
  if (inputs.count == 1) {
    const std::size_t step = kTile * blocks.tilesOfOne;
    for (; row + step <= shape.rows; row += step) blocks.one(tile(), shape, inputs, out + row);
  }
  for (std::size_t step = 0; row < shape.rows; row += step) {
    const bool two = blocks.byTwo != nullptr && row + 2 * kTile <= shape.rows;
    step = two ? 2 * kTile : kTile;
    // Parts of equal size: a last block of one vector would take as long as one of four.
    for (std::size_t v = 0; v < inputs.count;) {
      const std::size_t left = inputs.count - v;
      const std::size_t parts = (left + blocks.vectors - 1) / blocks.vectors;
      const std::size_t count = (left + parts - 1) / parts;
      InputVectors some = inputs;
      some.first += v * inputs.step;
      (two ? blocks.byTwo : blocks.by)[count - 1](tile(), shape, some, out + v * shape.rows + row);
      v += count;
    }
  }
}

constexpr Block kSse2[] = {blockSse2<1, 1>, blockSse2<1, 2>, blockSse2<1, 3>};
constexpr Blocks kSse2Blocks{3, kSse2, nullptr, 2, blockSse2<2, 1>};

constexpr Block kAvx2[] = {blockAvx2<1, 1>, blockAvx2<1, 2>, blockAvx2<1, 3>,
                           blockAvx2<1, 4>, blockAvx2<1, 5>, blockAvx2<1, 6>};
constexpr Blocks kAvx2Blocks{6, kAvx2, nullptr, 4, blockAvx2<4, 1>};

// Two tiles share the loads of a vector's numbers, of which one tile needs as many as it multiplies.
template <std::size_t Tiles>
constexpr Block kAvx512[] = {blockAvx512<Tiles, 1>, blockAvx512<Tiles, 2>, blockAvx512<Tiles, 3>, blockAvx512<Tiles, 4>,
                             blockAvx512<Tiles, 5>, blockAvx512<Tiles, 6>, blockAvx512<Tiles, 7>, blockAvx512<Tiles, 8>,
                             blockAvx512<Tiles, 9>, blockAvx512<Tiles, 10>};
constexpr Blocks kAvx512Blocks{10, kAvx512<1>, kAvx512<2>, 8, blockAvx512<8, 1>};

#endif

std::vector<ProductKernel> findKernels() {
  std::vector<ProductKernel> kernels{ProductKernel::Portable};
#ifdef OFFAXIS_X86_KERNELS
  kernels.push_back(ProductKernel::Sse2);  // part of every x86-64
  if (__builtin_cpu_supports("avx2")) kernels.push_back(ProductKernel::Avx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni"))
    kernels.push_back(ProductKernel::Avx512Vnni);
#endif
  return kernels;
}

}  // namespace

std::string toString(ProductKernel kernel) {
  if (kernel == ProductKernel::Sse2) return "sse2";
  if (kernel == ProductKernel::Avx2) return "avx2";
  if (kernel == ProductKernel::Avx512Vnni) return "avx512-vnni";
  return "portable";
}

const std::vector<ProductKernel>& availableProductKernels() {
  static const std::vector<ProductKernel> kKernels = findKernels();
  return kKernels;
}

IntegerMatrix::IntegerMatrix(const std::vector<std::int16_t>& weights, std::size_t rows, std::size_t columns)
    : rows_(roundedUp(rows, kTile)), columns_(roundedUp(columns, kPair)), tiles_(rows_ * columns_) {
  for (std::size_t r = 0; r < rows; ++r) {
    std::int16_t* const tile = tiles_.data() + r / kTile * kTile * columns_;
    for (std::size_t i = 0; i < columns; ++i)
      tile[i / kPair * kPairs + r % kTile * kPair + i % kPair] = weights[r * columns + i];
  }
}

void IntegerMatrix::multiply(const InputVectors& inputs, std::int32_t* out) const {
  multiply(inputs, out, availableProductKernels().back());
}

void IntegerMatrix::multiply(const InputVectors& inputs, std::int32_t* out, ProductKernel kernel) const {
  const Shape shape{rows_, columns_};
#ifdef OFFAXIS_X86_KERNELS
  if (kernel == ProductKernel::Avx512Vnni) return multiplyBlocks(kAvx512Blocks, tiles_.data(), shape, inputs, out);
  if (kernel == ProductKernel::Sse2) return multiplyBlocks(kSse2Blocks, tiles_.data(), shape, inputs, out);
  if (kernel == ProductKernel::Avx2) return multiplyBlocks(kAvx2Blocks, tiles_.data(), shape, inputs, out);
#endif
  static_cast<void>(kernel);
  multiplyPortable(tiles_.data(), shape, inputs, out);
}

}  // namespace offaxis
