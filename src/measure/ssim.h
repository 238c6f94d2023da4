// Structural similarity of two images (Wang, Bovik, Sheikh, Simoncelli, IEEE Transactions on Image Processing 13,
// 2004).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/factor_grid.h"

namespace offaxis {

// As scikit-image's structural_similarity computes it by default for uint8: a uniform window of 7 x 7 pixels in each
// channel, sample covariances (division by 48), L = 255, K1 = 0.01, K2 = 0.03; the mean over all windows that lie
// inside the image and over channels. Window sums are exact integers. Not safe to share between threads: it keeps work
// space.
class Ssim {
 public:
  static constexpr std::size_t kWindow = 7;
  // Whether images of this shape hold a window at all.
  static bool fits(const ImageShape& shape) { return shape.height >= kWindow && shape.width >= kWindow; }

  // Precondition: fits(shape).
  explicit Ssim(const ImageShape& shape);
  // Of two images uint8 [H,W,C]; 1 for equal ones.
  double operator()(const std::uint8_t* x, const std::uint8_t* y);

 private:
  std::size_t height_, channels_;
  std::size_t line_;                                  // values in a line of the image
  std::size_t windows_;                               // windows, over all channels, that begin in one line
  std::vector<std::int32_t> columns_[4], window_[4];  // sums of x, y, x^2 + y^2, xy
};

}  // namespace offaxis
