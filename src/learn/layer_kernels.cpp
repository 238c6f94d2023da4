#include "learn/layer_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/target_clones.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define OFFAXIS_X86_KERNELS
#include <immintrin.h>
#endif

namespace offaxis {
namespace {

constexpr std::int64_t kColumns = 16;   // of a block; a tile is one block wide, or two
constexpr std::int64_t kMostRows = 12;  // of a tile
constexpr std::int64_t kFewRows = 4;    // of those that are left where whole tiles do not fit
constexpr std::int64_t kPhases = 2;     // a large image's rows, and columns, are taken in turns

// The one product that everything here is made of, row by row:
//   y[r][0..16) = max(floor, base[0..16) + sum of a[r][run * aRun + step * aStep] * b[run * bRun + step * bStep +
//   0..16))
// over all steps of the first run, then of the second, and so on. The sum begins at zero; `base` is added to it last.
// A tile of two blocks does the same with what lies bBlock further in b, 16 in base and yBlock in y.
struct Tile {
  const float* a[kMostRows];
  std::int64_t aStep, aRun;
  const float* b;
  std::int64_t bStep, bRun, bBlock;
  std::int64_t runs, steps;
  const float* base;  // the same for each row; null: what y holds
  float floor;
  float* y[kMostRows];
  std::int64_t yBlock;
};

template <int kRows>
void multiplyPortable(const Tile& tile) {
  float sums[kRows][kColumns] = {};
  for (std::int64_t run = 0; run < tile.runs; ++run) {
    for (std::int64_t step = 0; step < tile.steps; ++step) {
      const float* const b = tile.b + run * tile.bRun + step * tile.bStep;
      for (int r = 0; r < kRows; ++r) {
        const float a = tile.a[r][run * tile.aRun + step * tile.aStep];
        for (int c = 0; c < kColumns; ++c) sums[r][c] = std::fma(a, b[c], sums[r][c]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    const float* const base = tile.base != nullptr ? tile.base : tile.y[r];
    for (int c = 0; c < kColumns; ++c) {
      const float sum = base[c] + sums[r][c];
      tile.y[r][c] = tile.floor > sum ? tile.floor : sum;
    }
  }
}

#ifdef OFFAXIS_X86_KERNELS

// The sums stay in registers: as many as hide a multiplication's latency, as few as the processor has. GCC keeps them
// there only where it unrolls the loops over them before anything else.
template <int kRows>
__attribute__((target("avx2,fma"))) void multiplyAvx2(const Tile& tile) {
  __m256 low[kRows], high[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) low[r] = high[r] = _mm256_setzero_ps();
  for (std::int64_t run = 0; run < tile.runs; ++run) {
    const float* a[kRows];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) a[r] = tile.a[r] + run * tile.aRun;
    const float* b = tile.b + run * tile.bRun;
    for (std::int64_t at = 0; at < tile.steps * tile.aStep; at += tile.aStep, b += tile.bStep) {
      const __m256 bLow = _mm256_loadu_ps(b), bHigh = _mm256_loadu_ps(b + 8);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) {
        const __m256 x = _mm256_broadcast_ss(a[r] + at);
        low[r] = _mm256_fmadd_ps(x, bLow, low[r]);
        high[r] = _mm256_fmadd_ps(x, bHigh, high[r]);
      }
    }
  }
  const __m256 floor = _mm256_set1_ps(tile.floor);  // as the first operand: the maximum is the second where that is NaN
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    float* const y = tile.y[r];
    const float* const base = tile.base != nullptr ? tile.base : y;
    _mm256_storeu_ps(y, _mm256_max_ps(floor, _mm256_add_ps(_mm256_loadu_ps(base), low[r])));
    _mm256_storeu_ps(y + 8, _mm256_max_ps(floor, _mm256_add_ps(_mm256_loadu_ps(base + 8), high[r])));
  }
}

// One load of `a` feeds both blocks: with one block alone, loads are as many as multiplications and hold them up.
template <int kRows, int kBlocks>
__attribute__((target("avx512f"))) void multiplyAvx512(const Tile& tile) {
  __m512 sums[kRows * kBlocks];
#pragma GCC unroll 16
  for (int r = 0; r < kRows * kBlocks; ++r) sums[r] = _mm512_setzero_ps();
  for (std::int64_t run = 0; run < tile.runs; ++run) {
    const float* a[kRows];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) a[r] = tile.a[r] + run * tile.aRun;
    const float* b = tile.b + run * tile.bRun;
    for (std::int64_t at = 0; at < tile.steps * tile.aStep; at += tile.aStep, b += tile.bStep) {
      const __m512 first = _mm512_loadu_ps(b), last = kBlocks == 1 ? first : _mm512_loadu_ps(b + tile.bBlock);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const __m512 x = _mm512_set1_ps(a[r][at]);
        sums[r] = _mm512_fmadd_ps(x, first, sums[r]);
        if (kBlocks == 2) sums[kRows * (kBlocks - 1) + r] = _mm512_fmadd_ps(x, last, sums[kRows * (kBlocks - 1) + r]);
      }
    }
  }
  const __m512 floor = _mm512_set1_ps(tile.floor);
#pragma GCC unroll 16
  for (int r = 0; r < kRows * kBlocks; ++r) {
    float* const y = tile.y[r % kRows] + r / kRows * tile.yBlock;
    const float* const base = tile.base != nullptr ? tile.base + r / kRows * kColumns : y;
    const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(base), sums[r]);
    // Under a full mask: GCC 12 warns of what it leaves undefined in the plain maximum.
    _mm512_storeu_ps(y, _mm512_mask_max_ps(sum, 0xFFFF, floor, sum));
  }
}

#endif

// The products of tiles of one width.
struct RowProducts {
  std::int64_t blocks;
  std::int64_t rows;  // of `most`
  void (*most)(const Tile&);
  void (*few)(const Tile&);  // of kFewRows rows
  void (*one)(const Tile&);
};

struct TileProducts {
  RowProducts oneBlock;
  RowProducts twoBlocks;  // blocks is 0 where there are none
};

TileProducts productsOf(FloatInstructions instructions) {
#ifdef OFFAXIS_X86_KERNELS
  if (instructions == FloatInstructions::Avx2)
    return {{1, 6, multiplyAvx2<6>, multiplyAvx2<kFewRows>, multiplyAvx2<1>}, {}};
  if (instructions == FloatInstructions::Avx512) {
    return {{1, 12, multiplyAvx512<12, 1>, multiplyAvx512<kFewRows, 1>, multiplyAvx512<1, 1>},
            {2, 8, multiplyAvx512<8, 2>, multiplyAvx512<kFewRows, 2>, multiplyAvx512<1, 2>}};
  }
#endif
  static_cast<void>(instructions);
  return {{1, kFewRows, multiplyPortable<kFewRows>, multiplyPortable<kFewRows>, multiplyPortable<1>}, {}};
}

// Takes `columns`, a multiple of 16, in tiles as wide as there are: visit(products, first column).
template <typename Visit>
void forEachBlock(const TileProducts& products, std::int64_t columns, const Visit& visit) {
  for (std::int64_t column = 0; column < columns;) {
    const bool two = products.twoBlocks.blocks != 0 && columns - column >= 2 * kColumns;
    const RowProducts& rows = two ? products.twoBlocks : products.oneBlock;
    visit(rows, column);
    column += rows.blocks * kColumns;
  }
}

// Takes `count` rows, of which place(tile, r, row), called in their order, sets a[r] and y[r]. How they are cut into
// tiles changes no sum.
template <typename Place>
void multiplyRows(const RowProducts& products, Tile& tile, std::int64_t count, Place place) {
  for (std::int64_t row = 0; row < count;) {
    const std::int64_t left = count - row;
    // Twice four rather than six and twice one.
    const bool whole = left >= products.rows && (products.rows == 2 * kFewRows || left != 2 * kFewRows);
    const std::int64_t rows = whole ? products.rows : left >= kFewRows ? kFewRows : 1;
    for (std::int64_t r = 0; r < rows; ++r) place(tile, r, row + r);
    (whole ? products.most : rows == kFewRows ? products.few : products.one)(tile);
    row += rows;
  }
}

// Row and column of one pixel of an image after the other, without a division for each.
class Pixel {
 public:
  std::pair<std::int64_t, std::int64_t> next(std::int64_t width) {
    const std::pair<std::int64_t, std::int64_t> at{i_, j_};
    if (++j_ == width) {
      j_ = 0;
      ++i_;
    }
    return at;
  }

 private:
  std::int64_t i_ = 0, j_ = 0;
};

std::int64_t paddingOf(const HalvingShape& shape) {
  return shape.kernel == 4 ? 1 : 0;
}

// A buffer that a thread keeps from call to call. What it holds is left over from the last one.
using Buffer = std::vector<float>;
float* reserved(Buffer& buffer, std::int64_t size) {
  if (buffer.size() < static_cast<std::size_t>(size)) buffer.resize(static_cast<std::size_t>(size));
  return buffer.data();
}

// The gradient of what ReLU turned into `outputs`.
OFFAXIS_FLOAT_KERNEL
void copyPassed(const float* gradient, const float* outputs, std::int64_t count, float* __restrict to) {
  for (std::int64_t k = 0; k < count; ++k) {
    const float value = gradient[k];      // read whether it is needed or not, or the loop is not vectorised
    to[k] = outputs[k] <= 0 ? 0 : value;  // where the output is NaN, the gradient must not look sound
  }
}

OFFAXIS_FLOAT_KERNEL
void addTo(float* __restrict sums, const float* values, std::int64_t count) {
  for (std::int64_t k = 0; k < count; ++k) sums[k] += values[k];
}

// Images of one size with zeros around them, one at a time.
class PaddedImage {
 public:
  // Of [height,width,channels], in `buffer`.
  PaddedImage(Buffer& buffer, std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t padding)
      : height_(height), row_(width * channels), channels_(channels), padding_(padding) {
    const std::int64_t size = (height + 2 * padding) * stride();
    padded_ = reserved(buffer, size);
    std::fill(padded_, padded_ + size, 0.0F);
  }

  std::int64_t stride() const { return row_ + 2 * padding_ * channels_; }    // from row to row, with them
  std::int64_t inside() const { return padding_ * (stride() + channels_); }  // from the first zero to the image

  // The image with zeros around it, until the next call.
  const float* with(const float* image) const {
    if (padding_ == 0) return image;
    for (std::int64_t i = 0; i < height_; ++i) std::copy(image + i * row_, image + (i + 1) * row_, rowAt(i));
    return padded_;
  }

  // The same for the gradient of an image that came out of ReLU as `outputs`, null where there was no ReLU.
  const float* withGradient(const float* gradient, const float* outputs) const {
    if (outputs == nullptr) return with(gradient);
    for (std::int64_t i = 0; i < height_; ++i) copyPassed(gradient + i * row_, outputs + i * row_, row_, rowAt(i));
    return padded_;
  }

 private:
  float* rowAt(std::int64_t i) const { return padded_ + inside() + i * stride(); }

  std::int64_t height_, row_, channels_, padding_;
  float* padded_;
};

PaddedImage paddedLarge(Buffer& buffer, const HalvingShape& shape) {
  return {buffer, 2 * shape.height, 2 * shape.width, shape.large, paddingOf(shape)};
}
PaddedImage paddedSmall(Buffer& buffer, const HalvingShape& shape) {
  return {buffer, shape.height, shape.width, shape.small, paddingOf(shape)};
}

// Weights in blocks of 16 small channels: [small/16, kernel, kernel, large, 16]. visit(packed, unpacked) gets the place
// of each weight in either order.
template <typename Visit>
void forEachWeight(const HalvingShape& shape, const Visit& visit) {
  const std::int64_t window = shape.kernel * shape.kernel;
  std::int64_t packed = 0;
  for (std::int64_t block = 0; block < shape.small; block += kColumns) {
    for (std::int64_t tap = 0; tap < window; ++tap) {
      for (std::int64_t l = 0; l < shape.large; ++l) {
        for (std::int64_t s = block; s < block + kColumns; ++s) visit(packed++, (s * shape.large + l) * window + tap);
      }
    }
  }
}

const float kZeros[2 * kColumns] = {};

float floorOf(Activation activation) {
  return activation == Activation::Relu ? 0.0F : -std::numeric_limits<float>::infinity();
}

// Small images out of padded large ones.
class Halving {
 public:
  Halving(const HalvingShape& shape, const float* weights, const float* bias, Activation activation,
          const TileProducts& products)
      : shape_(shape), products_(products), bias_(bias), activation_(activation) {
    // All rows of the window at once where a block of their weights fits into the first cache, else one after the
    // other.
    constexpr std::int64_t kCachedFloats = 8192;
    thread_local Buffer buffer;
    float* const packed = reserved(buffer, shape.small * shape.kernel * row());
    forEachWeight(shape, [&](std::int64_t to, std::int64_t from) { packed[to] = weights[from]; });
    packed_ = packed;
    together_ = shape.kernel * row() * kColumns <= kCachedFloats ? shape.kernel : 1;
  }

  void operator()(const float* large, std::int64_t stride, float* small) const {
    Tile tile{};
    tile.aStep = 1;
    tile.aRun = stride;
    tile.bStep = kColumns;
    tile.bRun = row() * kColumns;
    tile.bBlock = shape_.kernel * row() * kColumns;
    tile.yBlock = kColumns;
    tile.runs = together_;
    tile.steps = row();
    forEachBlock(products_, shape_.small, [&](const RowProducts& products, std::int64_t block) {
      for (std::int64_t ky = 0; ky < shape_.kernel; ky += together_) {
        tile.b = packed_ + (block * shape_.kernel + ky * kColumns) * row();
        tile.base = ky > 0 ? nullptr : bias_ != nullptr ? bias_ + block : kZeros;
        tile.floor = floorOf(ky + together_ == shape_.kernel ? activation_ : Activation::None);
        multiplyRows(products, tile, shape_.height * shape_.width,
                     [&, pixel = Pixel()](Tile& t, std::int64_t r, std::int64_t at) mutable {
                       const auto [i, j] = pixel.next(shape_.width);
                       t.a[r] = large + (2 * i + ky) * stride + 2 * j * shape_.large;
                       t.y[r] = small + at * shape_.small + block;
                     });
      }
    });
  }

 private:
  std::int64_t row() const { return shape_.kernel * shape_.large; }  // of a window

  HalvingShape shape_;
  TileProducts products_;
  const float* bias_;
  Activation activation_;
  const float* packed_;
  std::int64_t together_;
};

// Large images of many channels out of padded small ones. A pixel of the large image lies in few windows, in the same
// places of them as every second pixel of its row and column: for each of these four phases a convolution of stride
// one.
class Doubling {
 public:
  Doubling(const HalvingShape& shape, const float* weights, const float* bias, Activation activation,
           const TileProducts& products)
      : shape_(shape), products_(products), bias_(bias), activation_(activation) {
    thread_local Buffer buffer;  // [large/16, phases, taps, taps, small, 16]
    float* next = reserved(buffer, shape.small * shape.kernel * shape.kernel * shape.large);
    packed_ = next;
    for (std::int64_t block = 0; block < shape.large; block += kColumns) {
      for (std::int64_t phase = 0; phase < kPhases * kPhases; ++phase) {
        for (std::int64_t tap = 0; tap < taps() * taps(); ++tap) {
          const std::int64_t ky = placeOf(phase / kPhases, tap / taps()), kx = placeOf(phase % kPhases, tap % taps());
          for (std::int64_t s = 0; s < shape.small; ++s) {
            for (std::int64_t l = block; l < block + kColumns; ++l)
              *next++ = weights[((s * shape.large + l) * shape.kernel + ky) * shape.kernel + kx];
          }
        }
      }
    }
  }

  void operator()(const float* small, std::int64_t stride, float* large) const {
    const std::int64_t padding = paddingOf(shape_);
    Tile tile{};
    tile.aStep = 1;
    tile.aRun = stride;
    tile.bStep = kColumns;
    tile.bRun = taps() * shape_.small * kColumns;
    tile.bBlock = kPhases * kPhases * taps() * tile.bRun;
    tile.yBlock = kColumns;
    tile.runs = taps();
    tile.steps = taps() * shape_.small;
    tile.floor = floorOf(activation_);
    forEachBlock(products_, shape_.large, [&](const RowProducts& products, std::int64_t block) {
      tile.b = packed_ + block / kColumns * tile.bBlock;
      tile.base = bias_ != nullptr ? bias_ + block : kZeros;
      for (std::int64_t py = 0; py < kPhases; ++py) {
        for (std::int64_t px = 0; px < kPhases; ++px) {
          multiplyRows(products, tile, shape_.height * shape_.width,
                       [&, pixel = Pixel()](Tile& t, std::int64_t r, std::int64_t) mutable {
                         const auto [i, j] = pixel.next(shape_.width);
                         t.a[r] = small + (i + py * padding) * stride + (j + px * padding) * shape_.small;
                         t.y[r] = large + ((2 * i + py) * 2 * shape_.width + 2 * j + px) * shape_.large + block;
                       });
          tile.b += taps() * tile.bRun;
        }
      }
    });
  }

 private:
  std::int64_t taps() const { return shape_.kernel / kPhases; }
  // The row, or column, of the window that a phase's tap takes: a window further on, it is two less.
  std::int64_t placeOf(std::int64_t phase, std::int64_t tap) const {
    const std::int64_t padding = paddingOf(shape_);
    return phase + padding - 2 * padding * (phase + tap - 1);
  }

  HalvingShape shape_;
  TileProducts products_;
  const float* bias_;
  Activation activation_;
  const float* packed_;
};

// Adds the products of one row of small pixels, taps [width,4,4,channels], to the rows of a large image that their
// windows lie in. kChannels: those of the large image, where the compiler is to know them; otherwise 0.
template <std::int64_t kChannels>
void addTaps(const HalvingShape& shape, const float* taps, std::int64_t i, float* image) {
  constexpr std::int64_t kWindow = 4, kPadding = 1;
  const std::int64_t channels = kChannels != 0 ? kChannels : shape.large, window = kWindow * channels;
  const std::int64_t row = 2 * shape.width * channels;
  for (std::int64_t ky = 0; ky < kWindow; ++ky) {
    const std::int64_t y = 2 * i - kPadding + ky;
    if (y < 0 || y >= 2 * shape.height) continue;
    float* const to = image + y * row;
    for (std::int64_t j = 0; j < shape.width; ++j) {
      const float* const tap = taps + (j * kWindow + ky) * window;
      const std::int64_t at = (2 * j - kPadding) * channels;
      if (at >= 0 && at + window <= row) {
        for (std::int64_t k = 0; k < window; ++k) to[at + k] += tap[k];
      } else {
        for (std::int64_t k = std::max<std::int64_t>(-at, 0); k < std::min(window, row - at); ++k) to[at + k] += tap[k];
      }
    }
  }
}

// Large images whose channels fill no tile's columns, as pictures have one or three: the products for all taps of the
// window, which is 4x4, are taken as columns, one row of small pixels at a time, and then added where they belong.
class DoublingToPictures {
 public:
  DoublingToPictures(const HalvingShape& shape, const float* weights, const float* bias, Activation activation,
                     const TileProducts& products)
      : shape_(shape), products_(products), activation_(activation) {
    const std::int64_t window = shape.kernel * shape.kernel;
    thread_local Buffer weightBuffer, biasBuffer, tapBuffer;
    float* const packed = reserved(weightBuffer, columns() * shape.small);  // [columns/16, small, 16]
    for (std::int64_t column = 0; column < columns(); ++column) {
      const std::int64_t tap = column / shape.large, l = column % shape.large;
      for (std::int64_t s = 0; s < shape.small; ++s) {
        packed[(column / kColumns * shape.small + s) * kColumns + column % kColumns] =
            weights[(s * shape.large + l) * window + tap];
      }
    }
    float* const biases = reserved(biasBuffer, largeRow());
    for (std::int64_t k = 0; k < largeRow(); ++k) biases[k] = bias != nullptr ? bias[k % shape.large] : 0;
    packed_ = packed;
    biases_ = biases;
    taps_ = reserved(tapBuffer, shape.width * columns());
  }

  void operator()(const float* small, std::int64_t stride, float* large) const {
    const std::int64_t padding = paddingOf(shape_);
    auto* const add = shape_.large == 1 ? addTaps<1> : shape_.large == 3 ? addTaps<3> : addTaps<0>;
    Tile tile{};
    tile.aStep = 1;
    tile.bStep = kColumns;
    tile.runs = 1;
    tile.steps = shape_.small;
    tile.bBlock = shape_.small * kColumns;
    tile.yBlock = kColumns;
    tile.base = kZeros;
    tile.floor = floorOf(Activation::None);
    for (std::int64_t y = 0; y < 2 * shape_.height; ++y)
      std::copy(biases_, biases_ + largeRow(), large + y * largeRow());
    for (std::int64_t i = 0; i < shape_.height; ++i) {
      const float* const from = small + (i + padding) * stride + padding * shape_.small;
      forEachBlock(products_, columns(), [&](const RowProducts& products, std::int64_t block) {
        tile.b = packed_ + block * shape_.small;
        multiplyRows(products, tile, shape_.width, [&](Tile& t, std::int64_t r, std::int64_t j) {
          t.a[r] = from + j * shape_.small;
          t.y[r] = taps_ + j * columns() + block;
        });
      });
      add(shape_, taps_, i, large);
    }
    if (activation_ == Activation::None) return;
    for (std::int64_t k = 0; k < 2 * shape_.height * largeRow(); ++k) large[k] = large[k] < 0 ? 0 : large[k];
  }

 private:
  std::int64_t columns() const { return shape_.kernel * shape_.kernel * shape_.large; }
  std::int64_t largeRow() const { return 2 * shape_.width * shape_.large; }

  HalvingShape shape_;
  TileProducts products_;
  Activation activation_;
  const float* packed_;
  const float* biases_;
  float* taps_;
};

// The sum over images of a small one's pixels times their windows of the large one.
class WeightGradient {
 public:
  WeightGradient(const HalvingShape& shape, const TileProducts& products) : shape_(shape), products_(products) {
    thread_local Buffer buffer;
    const std::int64_t size = shape.small * shape.kernel * row();
    packed_ = reserved(buffer, size);
    std::fill(packed_, packed_ + size, 0.0F);
  }

  // A padded large image and a small one, with zeros or without, from its first pixel on.
  void add(const float* large, std::int64_t largeStride, const float* small, std::int64_t smallStride) const {
    constexpr std::int64_t kCachedRows = 4;  // of the small image: they and their windows stay in the first cache
    Tile tile{};
    tile.aStep = 2 * shape_.large;
    tile.aRun = 2 * largeStride;
    tile.bStep = shape_.small;
    tile.bRun = smallStride;
    tile.bBlock = kColumns;
    tile.yBlock = shape_.kernel * row() * kColumns;
    tile.steps = shape_.width;
    tile.base = nullptr;
    tile.floor = floorOf(Activation::None);
    for (std::int64_t i = 0; i < shape_.height; i += kCachedRows) {
      tile.runs = std::min(kCachedRows, shape_.height - i);
      for (std::int64_t ky = 0; ky < shape_.kernel; ++ky) {
        const float* const from = large + (2 * i + ky) * largeStride;
        forEachBlock(products_, shape_.small, [&](const RowProducts& products, std::int64_t block) {
          tile.b = small + i * smallStride + block;
          float* const to = packed_ + (block * shape_.kernel + ky * kColumns) * row();
          multiplyRows(products, tile, row(), [&](Tile& t, std::int64_t r, std::int64_t k) {
            t.a[r] = from + k;
            t.y[r] = to + k * kColumns;
          });
        });
      }
    }
  }

  void write(float* gradient) const {
    forEachWeight(shape_, [&](std::int64_t from, std::int64_t to) { gradient[to] = packed_[from]; });
  }

 private:
  std::int64_t row() const { return shape_.kernel * shape_.large; }  // of a window

  HalvingShape shape_;
  TileProducts products_;
  float* packed_;
};

// The sums over all pixels of images [height,width,channels], rows first and then images: sums of sums, as fewer terms
// one after the other lose fewer digits.
class BiasGradient {
 public:
  BiasGradient(std::int64_t height, std::int64_t width, std::int64_t channels, float* sums)
      : height_(height), width_(width), channels_(channels), sums_(sums) {
    thread_local Buffer buffer;
    part_ = reserved(buffer, (width + 1) * channels);
    std::fill(sums_, sums_ + channels, 0.0F);
  }

  void add(const float* image, std::int64_t stride) const {
    float* const ofImage = part_ + width_ * channels_;
    std::fill(part_, ofImage + channels_, 0.0F);
    for (std::int64_t i = 0; i < height_; ++i) addTo(part_, image + i * stride, width_ * channels_);
    for (std::int64_t j = 0; j < width_; ++j) {
      for (std::int64_t c = 0; c < channels_; ++c) ofImage[c] += part_[j * channels_ + c];
    }
    for (std::int64_t c = 0; c < channels_; ++c) sums_[c] += ofImage[c];
  }

 private:
  std::int64_t height_, width_, channels_;
  float* sums_;
  float* part_;
};

template <typename Product>
void doubleImagesBy(const Product& doubling, const HalvingShape& shape, const float* small, float* large) {
  thread_local Buffer buffer;
  const PaddedImage padded = paddedSmall(buffer, shape);
  for (std::int64_t n = 0; n < shape.images; ++n)
    doubling(padded.with(small + n * shape.smallSize()), padded.stride(), large + n * shape.largeSize());
}

template <typename Product>
void halvingGradientsBy(const Product& doubling, const HalvingShape& shape, const LayerPass& pass,
                        const TileProducts& products, const LayerGradients& gradients) {
  thread_local Buffer largeBuffer, smallBuffer;
  const PaddedImage large = paddedLarge(largeBuffer, shape), small = paddedSmall(smallBuffer, shape);
  const WeightGradient weights(shape, products);
  const BiasGradient bias(shape.height, shape.width, shape.small, gradients.bias);
  for (std::int64_t n = 0; n < shape.images; ++n) {
    const std::int64_t at = n * shape.smallSize();
    const float* const gy =
        small.withGradient(pass.gradient + at, pass.outputs != nullptr ? pass.outputs + at : nullptr);
    const float* const inside = gy + small.inside();
    bias.add(inside, small.stride());
    if (gradients.weights != nullptr)
      weights.add(large.with(pass.inputs + n * shape.largeSize()), large.stride(), inside, small.stride());
    if (gradients.inputs != nullptr) doubling(gy, small.stride(), gradients.inputs + n * shape.largeSize());
  }
  if (gradients.weights != nullptr) weights.write(gradients.weights);
}

std::vector<FloatInstructions> findInstructions() {
  std::vector<FloatInstructions> found{FloatInstructions::Portable};
#ifdef OFFAXIS_X86_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back(FloatInstructions::Avx2);
  if (__builtin_cpu_supports("avx512f")) found.push_back(FloatInstructions::Avx512);
#endif
  return found;
}

}  // namespace

std::string toString(FloatInstructions instructions) {
  if (instructions == FloatInstructions::Avx2) return "avx2";
  if (instructions == FloatInstructions::Avx512) return "avx512";
  return "portable";
}

const std::vector<FloatInstructions>& availableFloatInstructions() {
  static const std::vector<FloatInstructions> kFound = findInstructions();
  return kFound;
}

bool haveFastInstructions() {
#ifdef FP_FAST_FMAF
  return true;
#else
  return availableFloatInstructions().back() != FloatInstructions::Portable;
#endif
}

bool HalvingShape::isSupported(std::int64_t large, std::int64_t small, std::int64_t kernel) {
  return (kernel == 4 || kernel == 2) && small % kColumns == 0 && (large % kColumns == 0 || kernel == 4);
}

void halveImages(const HalvingShape& shape, const float* large, const float* weights, const float* bias,
                 Activation activation, float* small, FloatInstructions instructions) {
  thread_local Buffer buffer;
  const PaddedImage padded = paddedLarge(buffer, shape);
  const Halving halving(shape, weights, bias, activation, productsOf(instructions));
  for (std::int64_t n = 0; n < shape.images; ++n)
    halving(padded.with(large + n * shape.largeSize()), padded.stride(), small + n * shape.smallSize());
}

void doubleImages(const HalvingShape& shape, const float* small, const float* weights, const float* bias,
                  Activation activation, float* large, FloatInstructions instructions) {
  const TileProducts products = productsOf(instructions);
  if (shape.large % kColumns == 0) {
    doubleImagesBy(Doubling(shape, weights, bias, activation, products), shape, small, large);
  } else {
    doubleImagesBy(DoublingToPictures(shape, weights, bias, activation, products), shape, small, large);
  }
}

void halvingGradients(const HalvingShape& shape, const LayerPass& pass, const LayerGradients& gradients,
                      FloatInstructions instructions) {
  const TileProducts products = productsOf(instructions);
  if (shape.large % kColumns == 0) {
    halvingGradientsBy(Doubling(shape, pass.weights, nullptr, Activation::None, products), shape, pass, products,
                       gradients);
  } else {
    halvingGradientsBy(DoublingToPictures(shape, pass.weights, nullptr, Activation::None, products), shape, pass,
                       products, gradients);
  }
}

void doublingGradients(const HalvingShape& shape, const LayerPass& pass, const LayerGradients& gradients,
                       FloatInstructions instructions) {
  const TileProducts products = productsOf(instructions);
  thread_local Buffer buffer;
  const PaddedImage large = paddedLarge(buffer, shape);
  const Halving halving(shape, pass.weights, nullptr, Activation::None, products);
  const WeightGradient weights(shape, products);
  const BiasGradient bias(2 * shape.height, 2 * shape.width, shape.large, gradients.bias);
  for (std::int64_t n = 0; n < shape.images; ++n) {
    const std::int64_t at = n * shape.largeSize();
    const float* const gy =
        large.withGradient(pass.gradient + at, pass.outputs != nullptr ? pass.outputs + at : nullptr);
    bias.add(gy + large.inside(), large.stride());
    if (gradients.weights != nullptr)
      weights.add(gy, large.stride(), pass.inputs + n * shape.smallSize(), shape.width * shape.small);
    if (gradients.inputs != nullptr) halving(gy, large.stride(), gradients.inputs + n * shape.smallSize());
  }
  if (gradients.weights != nullptr) weights.write(gradients.weights);
}

void multiplyDense(const DenseShape& shape, const float* inputs, const float* weights, const float* bias,
                   float* outputs, FloatInstructions instructions) {
  const TileProducts products = productsOf(instructions);
  thread_local Buffer buffer;
  float* const packed = reserved(buffer, 2 * shape.in * kColumns);  // [blocks, in, 16]
  Tile tile{};
  tile.aStep = 1;
  tile.b = packed;
  tile.bStep = kColumns;
  tile.bBlock = shape.in * kColumns;
  tile.yBlock = kColumns;
  tile.runs = 1;
  tile.steps = shape.in;
  tile.floor = floorOf(Activation::None);
  forEachBlock(products, shape.out, [&](const RowProducts& rows, std::int64_t first) {
    for (std::int64_t block = 0; block < rows.blocks; ++block) {
      for (std::int64_t c = 0; c < kColumns; ++c) {
        const float* const unit = weights + (first + block * kColumns + c) * shape.in;
        for (std::int64_t k = 0; k < shape.in; ++k) packed[block * tile.bBlock + k * kColumns + c] = unit[k];
      }
    }
    tile.base = bias != nullptr ? bias + first : kZeros;
    multiplyRows(rows, tile, shape.rows, [&](Tile& t, std::int64_t r, std::int64_t row) {
      t.a[r] = inputs + row * shape.in;
      t.y[r] = outputs + row * shape.out + first;
    });
  });
}

void denseGradients(const DenseShape& shape, const LayerPass& pass, const LayerGradients& gradients,
                    FloatInstructions instructions) {
  const TileProducts products = productsOf(instructions);
  BiasGradient(shape.rows, 1, shape.out, gradients.bias).add(pass.gradient, shape.out);
  Tile tile{};
  tile.bStep = shape.in;
  tile.bBlock = tile.yBlock = kColumns;
  tile.runs = 1;
  tile.base = kZeros;
  tile.floor = floorOf(Activation::None);
  forEachBlock(products, shape.in, [&](const RowProducts& rows, std::int64_t block) {
    if (gradients.inputs != nullptr) {
      tile.aStep = 1;
      tile.steps = shape.out;
      tile.b = pass.weights + block;
      multiplyRows(rows, tile, shape.rows, [&](Tile& t, std::int64_t r, std::int64_t row) {
        t.a[r] = pass.gradient + row * shape.out;
        t.y[r] = gradients.inputs + row * shape.in + block;
      });
    }
    if (gradients.weights != nullptr) {
      tile.aStep = shape.out;
      tile.steps = shape.rows;
      tile.b = pass.inputs + block;
      multiplyRows(rows, tile, shape.out, [&](Tile& t, std::int64_t r, std::int64_t unit) {
        t.a[r] = pass.gradient + unit;
        t.y[r] = gradients.weights + unit * shape.in + block;
      });
    }
  });
}

}  // namespace offaxis
