#include "datasets/dsprites/dsprites.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>

#include "core/detmath.h"
#include "core/parallel.h"
#include "datasets/levels.h"

namespace offaxis {
namespace {

constexpr int kSide = 64;
constexpr int kSubpixels = 256;  // vertices lie on a grid of 1/256 pixel
constexpr std::uint32_t kShapes = 3, kScales = 6, kOrientations = 40, kPositions = 32;
constexpr std::uint32_t kPlaces = kPositions * kPositions;
constexpr double kHalfSide = 9.6;  // of the square at scale 1, in pixels: 0.15 of the image

enum Shape { Square, Ellipse, Heart };

struct Point {
  double x = 0, y = 0;  // pixels, y downward
};

// One 64-bit word a row: bit x is pixel x.
using Raster = std::array<std::uint64_t, kSide>;

std::vector<Point> outline(std::uint32_t shape, double half) {
  std::vector<Point> points;
  switch (shape) {
    case Square:
      return {{-half, -half}, {half, -half}, {half, half}, {-half, half}};
    case Ellipse:
      for (int i = 0; i < 100; ++i) {
        const double t = kTwoPi * i / 100;
        points.push_back({1.33 * half * cosDet(t), half / 1.33 * sinDet(t)});
      }
      return points;
    default:
      for (int i = 0; i < 150; ++i) {
        const double t = kTwoPi * i / 150;
        const double s = sinDet(t);
        const double up = (13 * cosDet(t) - 5 * cosDet(2 * t) - 2 * cosDet(3 * t) - cosDet(4 * t)) / 14.5 + 0.15;
        points.push_back({half * (s * s * s), -(half * up)});
      }
      return points;
  }
}

// Counter-clockwise to the eye.
std::vector<Point> rotated(std::vector<Point> points, double angle) {
  const double c = cosDet(angle), s = sinDet(angle);
  for (Point& p : points) p = {p.x * c + p.y * s, -p.x * s + p.y * c};
  return points;
}

std::int64_t ceilDiv(std::int64_t a, std::int64_t b) {
  return a >= 0 ? (a + b - 1) / b : -(-a / b);
}  // b > 0

// Fills a polygon, sampled at pixel centres in exact integers. A centre on an edge belongs to the shape on the edge's
// left but not on its right, at its bottom but not at its top.
Raster fill(const std::vector<Point>& points, double centreX, double centreY) {
  Raster rows{};
  auto snapped = [&](const Point& p) {
    return std::pair<std::int64_t, std::int64_t>(roundHalfEven((p.x + centreX) * kSubpixels),
                                                 roundHalfEven((p.y + centreY) * kSubpixels));
  };
  auto from = snapped(points.back());
  for (const Point& point : points) {
    const auto to = snapped(point);
    auto [x0, y0] = from;
    auto [x1, y1] = to;
    from = to;
    if (y0 == y1) continue;
    if (y0 > y1) {
      std::swap(x0, x1);
      std::swap(y0, y1);
    }
    // Rows whose centre 256 r + 128 lies in (y0, y1].
    const std::int64_t first = std::max<std::int64_t>(0, ceilDiv(y0 + 1 - kSubpixels / 2, kSubpixels));
    const std::int64_t last = std::min<std::int64_t>(kSide - 1, ceilDiv(y1 + 1 - kSubpixels / 2, kSubpixels) - 1);
    const std::int64_t rise = y1 - y0;
    for (std::int64_t row = first; row <= last; ++row) {
      const std::int64_t y = row * kSubpixels + kSubpixels / 2;
      // The first pixel whose centre lies at or right of the crossing; every pixel from there on changes sides.
      const std::int64_t crossing = x0 * rise + (y - y0) * (x1 - x0);  // times rise
      const std::int64_t pixel =
          std::max<std::int64_t>(0, ceilDiv(crossing - rise * (kSubpixels / 2), rise * kSubpixels));
      if (pixel < kSide) rows[static_cast<std::size_t>(row)] ^= ~std::uint64_t{0} << pixel;
    }
  }
  return rows;
}

class DSprites final : public Source {
 public:
  DSprites() {
    info_.dataset = "dsprites-r";
    info_.shape = {kSide, kSide, 1};
    info_.layout.imagesKey = "imgs";
    info_.layout.labelsKey = "latents/values";
    info_.layout.classesKey = "latents/classes";
    info_.layout.channelAxis = false;
    info_.layout.binary = true;
    info_.grid = FactorGrid({{"color", FactorKind::Categorical, {1}},
                             {"shape", FactorKind::Categorical, {1, 2, 3}},
                             {"scale", FactorKind::Ordinal, evenLevels(0.5, 1, kScales)},
                             {"orientation", FactorKind::Cyclic, evenLevels(0, kTwoPi, kOrientations)},
                             {"posX", FactorKind::Ordinal, evenLevels(0, 1, kPositions)},
                             {"posY", FactorKind::Ordinal, evenLevels(0, 1, kPositions)}});
    const FactorGrid& grid = info_.grid;
    for (std::uint32_t shape = 0; shape < kShapes; ++shape) {
      for (const double scale : grid.factors()[2].values) {
        const std::vector<Point> upright = outline(shape, kHalfSide * scale);
        for (std::uint32_t k = 0; k < kOrientations; ++k) {
          outlines_.push_back(rotated(upright, kTwoPi * k / (kOrientations - 1)));
        }
      }
    }
  }

  const SourceInfo& info() const override { return info_; }

  void read(std::uint64_t row, std::uint8_t* image) const override {
    const Raster raster = rasterOf(row);
    for (const std::uint64_t bits : raster) {
      for (int x = 0; x < kSide; ++x) *image++ = static_cast<std::uint8_t>(-(bits >> x & 1));
    }
  }

  // Computed when first asked for: a second or so, then kept.
  std::uint64_t canonicalIndex(std::uint64_t index) const override {
    std::call_once(canonicalOnce_, [this] { canonical_ = findDuplicates(); });
    return canonical_[index];
  }

 private:
  Raster rasterOf(std::uint64_t row) const {
    const std::uint64_t place = row % kPlaces;
    const double x = 16 + 32 * (static_cast<double>(place / kPositions) / (kPositions - 1));
    const double y = 16 + 32 * (static_cast<double>(place % kPositions) / (kPositions - 1));
    return fill(outlines_[row / kPlaces], x, y);
  }

  // The lowest index with the same raster, for every index. Candidates share a 64-bit hash and are compared in full.
  std::vector<std::uint32_t> findDuplicates() const {
    const std::uint64_t count = info_.grid.size();
    std::vector<std::uint64_t> hashes(count);
    Context context;
    context.threads = hardwareThreads();
    parallelFor(context, count, kPlaces, [&](std::uint64_t begin, std::uint64_t end, int) {
      for (std::uint64_t row = begin; row < end; ++row) {
        std::uint64_t hash = 0;
        for (const std::uint64_t bits : rasterOf(row)) {
          hash = (hash ^ bits) * 0x9e3779b97f4a7c15ULL;
          hash ^= hash >> 29;
        }
        hashes[row] = hash;
      }
    });
    std::vector<std::uint32_t> canonical(count);
    std::unordered_multimap<std::uint64_t, std::uint32_t> distinct;
    distinct.reserve(count);
    for (std::uint32_t row = 0; row < count; ++row) {
      canonical[row] = row;
      bool known = false;
      const auto [first, last] = distinct.equal_range(hashes[row]);
      for (auto candidate = first; candidate != last && !known; ++candidate) {
        known = rasterOf(candidate->second) == rasterOf(row);
        if (known) canonical[row] = candidate->second;
      }
      if (!known) distinct.emplace(hashes[row], row);
    }
    return canonical;
  }

  SourceInfo info_;
  std::vector<std::vector<Point>> outlines_;  // by (shape, scale, orientation), around the origin
  mutable std::once_flag canonicalOnce_;
  mutable std::vector<std::uint32_t> canonical_;
};

}  // namespace

SourcePtr openDSprites() {
  return std::make_shared<DSprites>();
}

DatasetFamily dSpritesFamily() {
  return {"dsprites", "dsprites-r", "a re-creation of dSprites (Matthey et al., 2017), 737,280 images of 64x64x1", "",
          [](KeyValues&) { return openDSprites(); }};
}

}  // namespace offaxis
