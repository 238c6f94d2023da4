#include "learn/convolution_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#if defined(__x86_64__) && defined(__GNUC__)
#define OFFAXIS_X86_KERNELS
#include <immintrin.h>
#endif

namespace offaxis {
namespace {

constexpr std::int64_t kColumns = 16;   // of a tile
constexpr std::int64_t kMostRows = 12;  // of a tile
constexpr std::int64_t kFewRows = 4;    // of those that are left where whole tiles do not fit
constexpr std::int64_t kPhases = 2;     // a large image's rows, and columns, are taken in turns

// The one product that everything here is made of. With `at` for (run, step):
//   y[r][0..16) = max(floor, base + sum over runs and steps of a[r][run * aRun + step * aStep] * b[run * bRun + step *
//   bStep][0..16)
// The sum begins at zero and `base` is added to it last.
struct Tile {
  const float* a[kMostRows];
  std::int64_t aStep, aRun;
  const float* b;
  std::int64_t bStep, bRun;
  std::int64_t runs, steps;
  const float* base;  // the same for each row; null: what y holds
  float floor;
  float* y[kMostRows];
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

template <int kRows>
__attribute__((target("avx512f"))) void multiplyAvx512(const Tile& tile) {
  __m512 sums[kRows];
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_ps();
  for (std::int64_t run = 0; run < tile.runs; ++run) {
    const float* a[kRows];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r) a[r] = tile.a[r] + run * tile.aRun;
    const float* b = tile.b + run * tile.bRun;
    for (std::int64_t at = 0; at < tile.steps * tile.aStep; at += tile.aStep, b += tile.bStep) {
      const __m512 columns = _mm512_loadu_ps(b);
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r) sums[r] = _mm512_fmadd_ps(_mm512_set1_ps(a[r][at]), columns, sums[r]);
    }
  }
  const __m512 floor = _mm512_set1_ps(tile.floor);
#pragma GCC unroll 12
  for (int r = 0; r < kRows; ++r) {
    const float* const base = tile.base != nullptr ? tile.base : tile.y[r];
    const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(base), sums[r]);
    // Under a full mask: GCC 12 warns of what it leaves undefined in the plain maximum.
    _mm512_storeu_ps(tile.y[r], _mm512_mask_max_ps(sum, 0xFFFF, floor, sum));
  }
}

#endif

struct TileProducts {
  std::int64_t rows;  // of `most`
  void (*most)(const Tile&);
  void (*few)(const Tile&);  // of kFewRows rows
  void (*one)(const Tile&);
};

TileProducts productsOf(FloatKernel kernel) {
#ifdef OFFAXIS_X86_KERNELS
  if (kernel == FloatKernel::Avx2) return {6, multiplyAvx2<6>, multiplyAvx2<kFewRows>, multiplyAvx2<1>};
  if (kernel == FloatKernel::Avx512) return {12, multiplyAvx512<12>, multiplyAvx512<kFewRows>, multiplyAvx512<1>};
#endif
  static_cast<void>(kernel);
  return {kFewRows, multiplyPortable<kFewRows>, multiplyPortable<kFewRows>, multiplyPortable<1>};
}

// Takes `count` rows, of which place(tile, r, row), called in their order, sets a[r] and y[r]. How they are cut into
// tiles changes no sum.
template <typename Place>
void multiplyRows(const TileProducts& products, Tile& tile, std::int64_t count, Place place) {
  for (std::int64_t row = 0; row < count;) {
    const std::int64_t left = count - row;
    // Twice four rather than six and twice one.
    const bool whole = left >= products.rows && left != 2 * kFewRows;
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

// Images with zeros around them, one at a time.
class PaddedImage {
 public:
  PaddedImage(std::int64_t height, std::int64_t width, std::int64_t channels, std::int64_t padding)
      : height_(height), row_(width * channels), edge_(padding * channels), padding_(padding) {
    if (padding_ == 0) return;
    thread_local Buffer buffer;
    const std::int64_t size = (height + 2 * padding) * stride();
    padded_ = reserved(buffer, size);
    std::fill(padded_, padded_ + size, 0.0F);
  }

  std::int64_t stride() const { return row_ + 2 * edge_; }  // from row to row
  // Until the next call.
  const float* with(const float* image) const {
    if (padding_ == 0) return image;
    for (std::int64_t i = 0; i < height_; ++i)
      std::copy(image + i * row_, image + (i + 1) * row_, padded_ + (i + padding_) * stride() + edge_);
    return padded_;
  }

 private:
  std::int64_t height_, row_, edge_, padding_;
  float* padded_ = nullptr;
};

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

// Small blocks of weights stay in the first cache while an image goes by.
constexpr std::int64_t kCachedFloats = 4096;
// Rows of small images whose pixels a weight's gradient is summed over at a time, which stay there as well.
constexpr std::int64_t kCachedRows = 4;

const float kZeros[kColumns] = {};

float floorOf(Activation activation) {
  return activation == Activation::Relu ? 0.0F : -std::numeric_limits<float>::infinity();
}

// Adds the products of one row of small pixels, taps [width, kernel * window], to the rows of a large image that their
// windows lie in. kWindow: the floats in a window's row, where that is known beforehand; otherwise 0.
template <std::int64_t kWindow>
void addTaps(const HalvingShape& shape, const float* taps, std::int64_t i, float* image) {
  const std::int64_t window = kWindow != 0 ? kWindow : shape.kernel * shape.large;
  const std::int64_t padding = paddingOf(shape), row = 2 * shape.width * shape.large;
  for (std::int64_t ky = 0; ky < shape.kernel; ++ky) {
    const std::int64_t y = 2 * i - padding + ky;
    if (y < 0 || y >= 2 * shape.height) continue;
    float* const to = image + y * row;
    for (std::int64_t j = 0; j < shape.width; ++j) {
      const float* const tap = taps + (j * shape.kernel + ky) * window;
      const std::int64_t at = (2 * j - padding) * shape.large;
      if (at >= 0 && at + window <= row) {
        for (std::int64_t k = 0; k < window; ++k) to[at + k] += tap[k];
      } else {
        for (std::int64_t k = std::max<std::int64_t>(-at, 0); k < std::min(window, row - at); ++k) to[at + k] += tap[k];
      }
    }
  }
}

// A picture has fewer channels than a tile has columns: the products for all taps of the window are taken as columns,
// one row of small pixels at a time, and then added where they belong.
void doubleToFewChannels(const HalvingShape& shape, const float* small, const float* weights, const float* bias,
                         Activation activation, float* large, const TileProducts& products) {
  const std::int64_t window = shape.kernel * shape.kernel;
  const std::int64_t columns = window * shape.large;
  thread_local Buffer packedBuffer, tapsBuffer, rowBuffer;
  float* const packed = reserved(packedBuffer, columns * shape.small);  // [columns/16, small, 16]
  for (std::int64_t column = 0; column < columns; ++column) {
    const std::int64_t tap = column / shape.large, l = column % shape.large;
    for (std::int64_t s = 0; s < shape.small; ++s) {
      packed[(column / kColumns * shape.small + s) * kColumns + column % kColumns] =
          weights[(s * shape.large + l) * window + tap];
    }
  }
  const std::int64_t largeRow = 2 * shape.width * shape.large, largeSize = 2 * shape.height * largeRow;
  float* const biases = reserved(rowBuffer, largeRow);
  for (std::int64_t k = 0; k < largeRow; ++k) biases[k] = bias != nullptr ? bias[k % shape.large] : 0;
  float* const taps = reserved(tapsBuffer, shape.width * columns);
  auto* const add = shape.kernel != 4  ? addTaps<0>
                    : shape.large == 1 ? addTaps<4>
                    : shape.large == 3 ? addTaps<12>
                                       : addTaps<0>;
  Tile tile{};
  tile.aStep = 1;
  tile.bStep = kColumns;
  tile.runs = 1;
  tile.steps = shape.small;
  tile.base = kZeros;
  tile.floor = floorOf(Activation::None);
  for (std::int64_t n = 0; n < shape.images; ++n) {
    float* const image = large + n * largeSize;
    for (std::int64_t y = 0; y < 2 * shape.height; ++y) std::copy(biases, biases + largeRow, image + y * largeRow);
    for (std::int64_t i = 0; i < shape.height; ++i) {
      const float* const from = small + (n * shape.height + i) * shape.width * shape.small;
      for (std::int64_t block = 0; block < columns; block += kColumns) {
        tile.b = packed + block * shape.small;
        multiplyRows(products, tile, shape.width, [&](Tile& t, std::int64_t r, std::int64_t j) {
          t.a[r] = from + j * shape.small;
          t.y[r] = taps + j * columns + block;
        });
      }
      add(shape, taps, i, image);
    }
    if (activation == Activation::Relu) {
      for (std::int64_t k = 0; k < largeSize; ++k) image[k] = image[k] < 0 ? 0 : image[k];
    }
  }
}

// sums [width] of rows, whose values row(r) gives: sums of sums, as fewer terms one after the other lose fewer digits.
template <typename Row>
void sumRows(std::int64_t rows, std::int64_t width, float* sums, const Row& row) {
  constexpr std::int64_t kTerms = 256;
  thread_local Buffer partBuffer;
  float* const part = reserved(partBuffer, width);
  std::fill(sums, sums + width, 0.0F);
  for (std::int64_t first = 0; first < rows; first += kTerms) {
    std::fill(part, part + width, 0.0F);
    for (std::int64_t r = first; r < std::min(first + kTerms, rows); ++r) {
      const float* const values = row(r);
      for (std::int64_t c = 0; c < width; ++c) part[c] += values[c];
    }
    for (std::int64_t c = 0; c < width; ++c) sums[c] += part[c];
  }
}

std::vector<FloatKernel> findKernels() {
  std::vector<FloatKernel> kernels{FloatKernel::Portable};
#ifdef OFFAXIS_X86_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) kernels.push_back(FloatKernel::Avx2);
  if (__builtin_cpu_supports("avx512f")) kernels.push_back(FloatKernel::Avx512);
#endif
  return kernels;
}

}  // namespace

std::string toString(FloatKernel kernel) {
  if (kernel == FloatKernel::Avx2) return "avx2";
  if (kernel == FloatKernel::Avx512) return "avx512";
  return "portable";
}

const std::vector<FloatKernel>& availableFloatKernels() {
  static const std::vector<FloatKernel> kKernels = findKernels();
  return kKernels;
}

bool HalvingShape::isSupported() const {
  return (kernel == 4 || kernel == 2) && small % kColumns == 0 && (large % kColumns == 0 || kernel == 4);
}

void halveImages(const HalvingShape& shape, const float* large, const float* weights, const float* bias,
                 Activation activation, float* small, FloatKernel kernel) {
  const TileProducts products = productsOf(kernel);
  thread_local Buffer packedBuffer;
  const std::int64_t row = shape.kernel * shape.large;  // of a window
  float* const packed = reserved(packedBuffer, shape.small * shape.kernel * row);
  forEachWeight(shape, [&](std::int64_t to, std::int64_t from) { packed[to] = weights[from]; });
  const PaddedImage padded(2 * shape.height, 2 * shape.width, shape.large, paddingOf(shape));
  const std::int64_t group =
      shape.kernel * row * kColumns <= kCachedFloats ? shape.kernel : 1;  // window rows at a time

  Tile tile{};
  tile.aStep = 1;
  tile.aRun = padded.stride();
  tile.bStep = kColumns;
  tile.bRun = row * kColumns;
  tile.runs = group;
  tile.steps = row;
  for (std::int64_t n = 0; n < shape.images; ++n) {
    const float* const from = padded.with(large + n * 4 * shape.height * shape.width * shape.large);
    float* const to = small + n * shape.height * shape.width * shape.small;
    for (std::int64_t block = 0; block < shape.small; block += kColumns) {
      tile.base = bias != nullptr ? bias + block : kZeros;
      for (std::int64_t ky = 0; ky < shape.kernel; ky += group) {
        tile.b = packed + (block * shape.kernel + ky * kColumns) * row;
        if (ky > 0) tile.base = nullptr;
        tile.floor = floorOf(ky + group == shape.kernel ? activation : Activation::None);
        multiplyRows(products, tile, shape.height * shape.width,
                     [&, pixel = Pixel()](Tile& t, std::int64_t r, std::int64_t at) mutable {
                       const auto [i, j] = pixel.next(shape.width);
                       t.a[r] = from + (2 * i + ky) * padded.stride() + 2 * j * shape.large;
                       t.y[r] = to + at * shape.small + block;
                     });
      }
    }
  }
}

void doubleImages(const HalvingShape& shape, const float* small, const float* weights, const float* bias,
                  Activation activation, float* large, FloatKernel kernel) {
  const TileProducts products = productsOf(kernel);
  if (shape.large % kColumns != 0) return doubleToFewChannels(shape, small, weights, bias, activation, large, products);

  // A pixel of the large image lies in few windows, in the same places of them as every second pixel of its row and
  // column: for each of the four phases a convolution of stride one. Weights: [large/16, phases, taps, taps, small,
  // 16].
  const std::int64_t padding = paddingOf(shape), taps = shape.kernel / kPhases;
  thread_local Buffer packedBuffer;
  float* const packed = reserved(packedBuffer, shape.small * shape.kernel * shape.kernel * shape.large);
  // Where the window's row (or column) that tap t of a phase takes begins to count: a window further on means two less.
  const auto placeOf = [&](std::int64_t phase, std::int64_t t) {
    return phase + padding - 2 * padding * (phase + t - 1);
  };
  float* next = packed;
  for (std::int64_t block = 0; block < shape.large; block += kColumns) {
    for (std::int64_t phase = 0; phase < kPhases * kPhases; ++phase) {
      for (std::int64_t tap = 0; tap < taps * taps; ++tap) {
        const std::int64_t ky = placeOf(phase / kPhases, tap / taps), kx = placeOf(phase % kPhases, tap % taps);
        for (std::int64_t s = 0; s < shape.small; ++s) {
          for (std::int64_t l = block; l < block + kColumns; ++l)
            *next++ = weights[((s * shape.large + l) * shape.kernel + ky) * shape.kernel + kx];
        }
      }
    }
  }
  const PaddedImage padded(shape.height, shape.width, shape.small, padding);
  Tile tile{};
  tile.aStep = 1;
  tile.aRun = padded.stride();
  tile.bStep = kColumns;
  tile.bRun = taps * shape.small * kColumns;
  tile.runs = taps;
  tile.steps = taps * shape.small;
  tile.floor = floorOf(activation);
  for (std::int64_t n = 0; n < shape.images; ++n) {
    const float* const from = padded.with(small + n * shape.height * shape.width * shape.small);
    float* const to = large + n * 4 * shape.height * shape.width * shape.large;
    for (std::int64_t block = 0; block < shape.large; block += kColumns) {
      tile.base = bias != nullptr ? bias + block : kZeros;
      for (std::int64_t phase = 0; phase < kPhases * kPhases; ++phase) {
        tile.b = packed + (block / kColumns * kPhases * kPhases + phase) * taps * tile.bRun;
        const std::int64_t py = phase / kPhases, px = phase % kPhases;
        multiplyRows(products, tile, shape.height * shape.width,
                     [&, pixel = Pixel()](Tile& t, std::int64_t r, std::int64_t) mutable {
                       const auto [i, j] = pixel.next(shape.width);
                       t.a[r] = from + (i + py * padding) * padded.stride() + (j + px * padding) * shape.small;
                       t.y[r] = to + ((2 * i + py) * 2 * shape.width + 2 * j + px) * shape.large + block;
                     });
      }
    }
  }
}

void multiplyImages(const HalvingShape& shape, const float* large, const float* small, float* gradient,
                    FloatKernel kernel) {
  const TileProducts products = productsOf(kernel);
  thread_local Buffer packedBuffer;
  const std::int64_t row = shape.kernel * shape.large;  // of a window
  const std::int64_t size = shape.small * shape.kernel * row;
  float* const packed = reserved(packedBuffer, size);
  std::fill(packed, packed + size, 0.0F);
  const PaddedImage padded(2 * shape.height, 2 * shape.width, shape.large, paddingOf(shape));

  Tile tile{};
  tile.aStep = 2 * shape.large;
  tile.aRun = 2 * padded.stride();
  tile.bStep = shape.small;
  tile.bRun = shape.width * shape.small;
  tile.steps = shape.width;
  tile.base = nullptr;
  tile.floor = floorOf(Activation::None);
  for (std::int64_t n = 0; n < shape.images; ++n) {
    const float* const windows = padded.with(large + n * 4 * shape.height * shape.width * shape.large);
    for (std::int64_t i = 0; i < shape.height; i += kCachedRows) {
      tile.runs = std::min(kCachedRows, shape.height - i);
      for (std::int64_t ky = 0; ky < shape.kernel; ++ky) {
        const float* const from = windows + (2 * i + ky) * padded.stride();
        for (std::int64_t block = 0; block < shape.small; block += kColumns) {
          tile.b = small + (n * shape.height + i) * tile.bRun + block;
          float* const to = packed + (block * shape.kernel + ky * kColumns) * row;
          multiplyRows(products, tile, row, [&](Tile& t, std::int64_t r, std::int64_t k) {
            t.a[r] = from + k;
            t.y[r] = to + k * kColumns;
          });
        }
      }
    }
  }
  forEachWeight(shape, [&](std::int64_t from, std::int64_t to) { gradient[to] = packed[from]; });
}

void biasGradient(std::int64_t pixels, std::int64_t channels, const float* gradient, float* bias) {
  // Few channels, several pixels at a time.
  const std::int64_t together = channels < kColumns && pixels % kColumns == 0 ? kColumns : 1;
  thread_local Buffer sumsBuffer;
  float* const sums = reserved(sumsBuffer, together * channels);
  sumRows(pixels / together, together * channels, sums,
          [&](std::int64_t row) { return gradient + row * together * channels; });
  for (std::int64_t c = 0; c < channels; ++c) {
    bias[c] = 0;
    for (std::int64_t k = 0; k < together; ++k) bias[c] += sums[k * channels + c];
  }
}

void reluAndBiasGradient(std::int64_t pixels, std::int64_t channels, const float* outputs, float* gradient,
                         float* bias) {
  sumRows(pixels, channels, bias, [&](std::int64_t pixel) {
    float* const at = gradient + pixel * channels;
    const float* const output = outputs + pixel * channels;
    for (std::int64_t c = 0; c < channels; ++c) at[c] = output[c] > 0 ? at[c] : 0;
    return at;
  });
}

void multiplyDense(const DenseShape& shape, const float* x, const float* weights, const float* bias, float* y,
                   FloatKernel kernel) {
  thread_local Buffer packedBuffer;
  float* const packed = reserved(packedBuffer, shape.in * kColumns);  // [in, 16]
  Tile tile{};
  tile.aStep = 1;
  tile.b = packed;
  tile.bStep = kColumns;
  tile.runs = 1;
  tile.steps = shape.in;
  tile.floor = floorOf(Activation::None);
  for (std::int64_t block = 0; block < shape.out; block += kColumns) {
    for (std::int64_t c = 0; c < kColumns; ++c) {
      for (std::int64_t k = 0; k < shape.in; ++k) packed[k * kColumns + c] = weights[(block + c) * shape.in + k];
    }
    tile.base = bias + block;
    multiplyRows(productsOf(kernel), tile, shape.rows, [&](Tile& t, std::int64_t r, std::int64_t row) {
      t.a[r] = x + row * shape.in;
      t.y[r] = y + row * shape.out + block;
    });
  }
}

void denseInputGradient(const DenseShape& shape, const float* gy, const float* weights, float* gx, FloatKernel kernel) {
  Tile tile{};
  tile.aStep = 1;
  tile.bStep = shape.in;
  tile.runs = 1;
  tile.steps = shape.out;
  tile.base = kZeros;
  tile.floor = floorOf(Activation::None);
  for (std::int64_t block = 0; block < shape.in; block += kColumns) {
    tile.b = weights + block;
    multiplyRows(productsOf(kernel), tile, shape.rows, [&](Tile& t, std::int64_t r, std::int64_t row) {
      t.a[r] = gy + row * shape.out;
      t.y[r] = gx + row * shape.in + block;
    });
  }
}

void denseWeightGradient(const DenseShape& shape, const float* x, const float* gy, float* gw, FloatKernel kernel) {
  Tile tile{};
  tile.aStep = shape.out;
  tile.bStep = shape.in;
  tile.runs = 1;
  tile.steps = shape.rows;
  tile.base = kZeros;
  tile.floor = floorOf(Activation::None);
  for (std::int64_t block = 0; block < shape.in; block += kColumns) {
    tile.b = x + block;
    multiplyRows(productsOf(kernel), tile, shape.out, [&](Tile& t, std::int64_t r, std::int64_t unit) {
      t.a[r] = gy + unit;
      t.y[r] = gw + unit * shape.in + block;
    });
  }
}

}  // namespace offaxis
