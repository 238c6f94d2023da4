#include "datasets/shapes3d/shapes3d.h"

#include <array>
#include <mutex>

#include "core/target_clones.h"
#include "datasets/levels.h"
#include "datasets/shapes3d/scene.h"

namespace offaxis {
namespace {

using namespace shapes3d;

constexpr std::uint32_t kHues = 10, kScales = 8, kShapes = 4, kOrientations = 15;
constexpr std::size_t kGeometries = std::size_t{kScales} * kShapes * kOrientations;

// Red, green and blue of HSV(k / 10, 1, 1), in fifths.
constexpr std::array<std::array<std::uint8_t, 3>, kHues> kColours{
    {{5, 0, 0}, {5, 3, 0}, {4, 5, 0}, {1, 5, 0}, {0, 5, 2}, {0, 5, 5}, {0, 2, 5}, {1, 0, 5}, {4, 0, 5}, {5, 0, 3}}};

// One channel of an image from 1/256 levels to levels, halves up.
OFFAXIS_INTEGER_KERNEL
void mixChannel(const std::uint16_t* sky, const std::uint16_t* floor, const std::uint16_t* wall,
                const std::uint16_t* object, std::uint8_t* channel) {
  for (std::size_t i = 0; i < kPixels; ++i) {
    channel[i] =
        static_cast<std::uint8_t>(static_cast<std::uint16_t>(sky[i] + floor[i] + wall[i] + object[i] + 128) >> 8);
  }
}

OFFAXIS_INTEGER_KERNEL
void interleave(const std::uint8_t* channels, std::uint8_t* image) {
  for (std::size_t i = 0; i < kPixels; ++i) {
    image[3 * i] = channels[i];
    image[3 * i + 1] = channels[kPixels + i];
    image[3 * i + 2] = channels[2 * kPixels + i];
  }
}

// The 480 geometries are ray traced once each, when first asked for; an image mixes one of them with its colours.
class Shapes3D final : public Source {
 public:
  Shapes3D() {
    std::vector<double> hues(kHues);
    for (std::uint32_t k = 0; k < kHues; ++k) hues[k] = k * 0.1;
    info_.dataset = "shapes3d-r";
    info_.shape = {kSide, kSide, 3};
    info_.grid = FactorGrid({{"floor_hue", FactorKind::Cyclic, hues},
                             {"wall_hue", FactorKind::Cyclic, hues},
                             {"object_hue", FactorKind::Cyclic, hues},
                             {"scale", FactorKind::Ordinal, evenLevels(0.75, 1.25, kScales)},
                             {"shape", FactorKind::Categorical, {0, 1, 2, 3}},
                             {"orientation", FactorKind::Ordinal, evenLevels(-30, 30, kOrientations)}});
  }

  const SourceInfo& info() const override { return info_; }

  void read(std::uint64_t row, std::uint8_t* image) const override {
    const GeometryMap& map = geometry(row % kGeometries);
    const std::uint64_t hues = row / kGeometries;
    const auto& floor = kColours[hues / (kHues * kHues)];
    const auto& wall = kColours[hues / kHues % kHues];
    const auto& object = kColours[hues % kHues];
    static const std::vector<std::uint16_t> kDark(kPixels);
    const auto light = [&](Surface surface, std::uint8_t shade) {
      const std::vector<std::uint16_t>& table = map.light[surface][shade];
      return table.empty() ? kDark.data() : table.data();
    };
    std::array<std::uint8_t, 3 * kPixels> channels;
    for (std::size_t c = 0; c < 3; ++c) {
      mixChannel(map.sky[c].data(), light(Floor, floor[c]), light(Wall, wall[c]), light(Object, object[c]),
                 channels.data() + c * kPixels);
    }
    interleave(channels.data(), image);
  }

 private:
  const GeometryMap& geometry(std::size_t index) const {
    std::call_once(traced_[index], [&] {
      const std::vector<double>& scales = info_.grid.factors()[3].values;
      const std::vector<double>& degrees = info_.grid.factors()[5].values;
      geometries_[index] = renderGeometry(static_cast<Shape>(index / kOrientations % kShapes),
                                          scales[index / (kOrientations * kShapes)], degrees[index % kOrientations]);
    });
    return geometries_[index];
  }

  SourceInfo info_;
  mutable std::array<std::once_flag, kGeometries> traced_;  // by (scale, shape, orientation)
  mutable std::array<GeometryMap, kGeometries> geometries_;
};

}  // namespace

SourcePtr openShapes3D() {
  return std::make_shared<Shapes3D>();
}

DatasetFamily shapes3DFamily() {
  return {"shapes3d", "shapes3d-r", "a re-creation of Shapes3D (Burgess and Kim, 2018), 480,000 images of 64x64x3", "",
          [](KeyValues&) { return openShapes3D(); }};
}

}  // namespace offaxis
