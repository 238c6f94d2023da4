#include "datasets/xysquares/xysquares.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace offaxis {
namespace {

constexpr std::uint32_t kSide = 64;
constexpr std::uint32_t kSquare = 8;
constexpr std::uint32_t kPlacements = 8;
constexpr std::uint32_t kChannels = 3;
constexpr std::uint32_t kMaxSpacing = 8;  // beyond, fewer than 8 placements fit and the grid would shrink
constexpr std::uint8_t kFill = 255;

class XySquares final : public Source {
 public:
  explicit XySquares(std::uint32_t spacing)
      : spacing_(spacing), offset_((kSide - (kSquare + (kPlacements - 1) * spacing)) / 2) {
    std::vector<double> positions(kPlacements);
    for (std::uint32_t p = 0; p < kPlacements; ++p) positions[p] = p;
    std::vector<Factor> factors;
    for (const char* name : {"x_R", "y_R", "x_G", "y_G", "x_B", "y_B"}) {
      factors.push_back({name, FactorKind::Ordinal, positions});
    }
    info_.dataset = "xysquares:spacing=" + std::to_string(spacing);
    info_.grid = FactorGrid(std::move(factors));
    info_.shape = {kSide, kSide, kChannels};
  }

  const SourceInfo& info() const override { return info_; }

  void read(std::uint64_t row, std::uint8_t* image) const override {
    std::array<std::uint32_t, 2 * kChannels> levels{};
    info_.grid.levelsOf(row, levels.data());
    std::fill(image, image + info_.shape.bytes(), std::uint8_t{0});
    for (std::uint32_t channel = 0; channel < kChannels; ++channel) {
      const std::uint32_t left = offset_ + spacing_ * levels[2 * channel];
      const std::uint32_t top = offset_ + spacing_ * levels[2 * channel + 1];
      for (std::uint32_t y = top; y < top + kSquare; ++y) {
        std::uint8_t* pixel = image + (std::size_t{y} * kSide + left) * kChannels + channel;
        for (std::uint32_t x = 0; x < kSquare; ++x, pixel += kChannels) *pixel = kFill;
      }
    }
  }

 private:
  std::uint32_t spacing_;
  std::uint32_t offset_;  // of the first placement, so that the grid of placements is centred
  SourceInfo info_;
};

}  // namespace

SourcePtr openXySquares(std::uint32_t spacing) {
  if (spacing < 1 || spacing > kMaxSpacing) {
    throw Error(ErrorKind::Usage, "xysquares' spacing is " + std::to_string(spacing),
                "give a whole number from 1 to " + std::to_string(kMaxSpacing));
  }
  return std::make_shared<XySquares>(spacing);
}

DatasetFamily xySquaresFamily() {
  return {"xysquares", "", "three coloured squares on a grid (Michlo et al., IJCAI 2023), 262,144 images of 64x64x3",
          "spacing=1..8 (8)", [](KeyValues& settings) {
            return openXySquares(static_cast<std::uint32_t>(settings.integer("spacing", kMaxSpacing, 1, kMaxSpacing)));
          }};
}

}  // namespace offaxis
