#include "measure/ssim.h"

#include <algorithm>
#include <array>

#include "core/target_clones.h"

namespace offaxis {
namespace {

constexpr std::size_t kSide = Ssim::kWindow;
constexpr std::int32_t kArea = kSide * kSide;
constexpr std::size_t kLanes = 8;  // partial sums, so that the mean's additions need not wait for each other

struct Sums {
  std::int32_t *x, *y, *squares, *products;
};

// Adds one line of the images to the sums over lines.
OFFAXIS_INTEGER_KERNEL
void addLine(const std::uint8_t* x, const std::uint8_t* y, std::size_t count, std::int32_t* sx, std::int32_t* sy,
             std::int32_t* squares, std::int32_t* products) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t a = x[i];
    const std::int32_t b = y[i];
    sx[i] += a;
    sy[i] += b;
    squares[i] += a * a + b * b;
    products[i] += a * b;
  }
}

// Adds one line and takes away the one `back` values before it.
OFFAXIS_INTEGER_KERNEL
void slideLine(const std::uint8_t* x, const std::uint8_t* y, std::size_t back, std::size_t count, std::int32_t* sx,
               std::int32_t* sy, std::int32_t* squares, std::int32_t* products) {
  const std::uint8_t* const oldX = x - back;
  const std::uint8_t* const oldY = y - back;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t a = x[i], b = y[i];
    const std::int32_t c = oldX[i], d = oldY[i];
    sx[i] += a - c;
    sy[i] += b - d;
    squares[i] += a * a + b * b - c * c - d * d;
    products[i] += a * b - c * d;
  }
}

// The sums over seven columns, `channels` apart.
OFFAXIS_INTEGER_KERNEL
void addColumns(const std::int32_t* columns, std::size_t count, std::size_t channels, std::int32_t* window) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t* const c = columns + i;
    window[i] =
        c[0] + c[channels] + c[2 * channels] + c[3 * channels] + c[4 * channels] + c[5 * channels] + c[6 * channels];
  }
}

// The similarity of one window. The divisions by the window's area cancel, which leaves integers below 2^31:
//   (2 Sx Sy + n^2 C1) (2 (n Sxy - Sx Sy) + n (n-1) C2) / ((Sx^2 + Sy^2 + n^2 C1) (n Sxx+yy - Sx^2 - Sy^2 + n (n-1)
//   C2))
inline double similarity(std::int32_t sx, std::int32_t sy, std::int32_t squares, std::int32_t products) {
  constexpr double kC1 = 0.01 * 255 * (0.01 * 255) * kArea * kArea;
  constexpr double kC2 = 0.03 * 255 * (0.03 * 255) * kArea * (kArea - 1);
  const std::int32_t means = sx * sy;
  const std::int32_t meanSquares = sx * sx + sy * sy;
  const std::int32_t covariance = kArea * products - means;
  const std::int32_t variances = kArea * squares - meanSquares;
  return (2.0 * means + kC1) * (2.0 * covariance + kC2) / ((meanSquares + kC1) * (variances + kC2));
}

void addSimilarities(const Sums& s, std::size_t count, std::array<double, kLanes>& total) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      total[lane] += similarity(s.x[i + lane], s.y[i + lane], s.squares[i + lane], s.products[i + lane]);
  }
  for (; i < count; ++i) total[0] += similarity(s.x[i], s.y[i], s.squares[i], s.products[i]);
}

}  // namespace

Ssim::Ssim(const ImageShape& shape)
    : height_(shape.height),
      channels_(shape.channels),
      line_(std::size_t{shape.width} * shape.channels),
      windows_((shape.width - kWindow + 1) * std::size_t{shape.channels}) {
  for (auto& sums : columns_) sums.resize(line_);
  for (auto& sums : window_) sums.resize(windows_);
}

double Ssim::operator()(const std::uint8_t* x, const std::uint8_t* y) {
  for (auto& sums : columns_) std::fill(sums.begin(), sums.end(), 0);
  std::array<double, kLanes> total{};
  for (std::size_t line = 0; line < height_; ++line) {
    const std::uint8_t* const a = x + line * line_;
    const std::uint8_t* const b = y + line * line_;
    auto* const s = columns_;
    if (line < kWindow) {
      addLine(a, b, line_, s[0].data(), s[1].data(), s[2].data(), s[3].data());
    } else {
      slideLine(a, b, kWindow * line_, line_, s[0].data(), s[1].data(), s[2].data(), s[3].data());
    }
    if (line + 1 < kWindow) continue;
    for (std::size_t k = 0; k < 4; ++k) addColumns(columns_[k].data(), windows_, channels_, window_[k].data());
    addSimilarities({window_[0].data(), window_[1].data(), window_[2].data(), window_[3].data()}, windows_, total);
  }
  double sum = 0;
  for (const double part : total) sum += part;
  return sum / static_cast<double>((height_ - kWindow + 1) * windows_);
}

}  // namespace offaxis
