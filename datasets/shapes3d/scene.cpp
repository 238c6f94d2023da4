#include "datasets/shapes3d/scene.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/detmath.h"

namespace offaxis::shapes3d {
namespace {

struct Vec {
  double x = 0, y = 0, z = 0;
};
Vec operator+(Vec a, Vec b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
Vec operator-(Vec a, Vec b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
Vec operator*(Vec a, double s) {
  return {a.x * s, a.y * s, a.z * s};
}
double dot(Vec a, Vec b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
Vec cross(Vec a, Vec b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
Vec unit(Vec a) {
  return a * (1 / sqrtDet(dot(a, a)));
}

// Fitted: the camera.
constexpr double kFocalLength = 72.5038;  // pixels
constexpr double kCameraHeight = 0.3131;
constexpr double kTargetHeight = 0.2873;  // the camera looks at (0, 0, this)
// Fitted: the room, square, with the object in its centre, and open above its walls.
constexpr double kHalfWidth = 1.1816;
constexpr double kWallHeight = 0.7083;
// Fitted: the objects at scale 1.
constexpr double kCubeSide = 0.271;
constexpr double kCylinderRadius = 0.1424;
constexpr double kCylinderHeight = 0.2972;
constexpr double kSphereRadius = 0.162;
constexpr double kCapsuleRadius = 0.1231;
constexpr double kCapsuleHeight = 0.5058;
// Fitted: one spotlight, fixed to the room, whose brightness falls with the 16th power of the cosine from its axis.
constexpr Vec kSpotAt{-0.7053, 0.1858, 3.4463};
constexpr Vec kSpotTarget{-0.5284, 0.1264, 0};
// Read off: the sky's colour, in levels.
constexpr std::array<double, 3> kSky{153, 226, 249};

// Fitted: how much a surface of full brightness returns of the light from everywhere, from the camera's direction (at
// right incidence) and from the spot (at right incidence on its axis).
struct Material {
  double ambient, head, spot;
};
constexpr std::array<Material, kSurfaces> kMaterials{
    {{0.3152, 0.58, 0.9657}, {0.3354, 0.5869, 1.2473}, {0.3397, 0.6085, 0.968}}};
constexpr double kGloss = 0.1318;  // white that the object adds where the spot reaches it

constexpr int kSamples = 4;  // a side of each pixel's grid of samples
constexpr double kNear = 1e-6;
constexpr double kMiss = std::numeric_limits<double>::infinity();

struct Hit {
  double t = kMiss;  // along the ray, in lengths of its direction
  Vec normal;
  void keep(double at, Vec n) {
    if (at > kNear && at < t) {
      t = at;
      normal = n;
    }
  }
};

void hitSphere(Vec origin, Vec direction, double centreHeight, double radius, Hit& hit) {
  const Vec from = origin - Vec{0, 0, centreHeight};
  const double a = dot(direction, direction), b = dot(direction, from), c = dot(from, from) - radius * radius;
  const double discriminant = b * b - a * c;
  if (discriminant <= 0) return;
  const double t = (-b - sqrtDet(discriminant)) / a;
  hit.keep(t, (from + direction * t) * (1 / radius));
}

// The mantle of an upright cylinder around the z axis.
void hitMantle(Vec origin, Vec direction, double radius, double bottom, double top, Hit& hit) {
  const double a = direction.x * direction.x + direction.y * direction.y;
  const double b = direction.x * origin.x + direction.y * origin.y;
  const double c = origin.x * origin.x + origin.y * origin.y - radius * radius;
  const double discriminant = b * b - a * c;
  if (discriminant <= 0) return;  // also where the ray is upright: a and b are 0, then
  const double t = (-b - sqrtDet(discriminant)) / a;
  const Vec at = origin + direction * t;
  if (at.z >= bottom && at.z <= top) hit.keep(t, {at.x / radius, at.y / radius, 0});
}

void hitDisc(Vec origin, Vec direction, double radius, double height, Hit& hit) {
  const double t = (height - origin.z) / direction.z;
  const double x = origin.x + direction.x * t, y = origin.y + direction.y * t;
  if (x * x + y * y <= radius * radius) hit.keep(t, {0, 0, direction.z < 0 ? 1.0 : -1.0});
}

void hitCube(Vec origin, Vec direction, double side, Hit& hit) {
  const std::array<double, 3> from{origin.x, origin.y, origin.z - side / 2};
  const std::array<double, 3> along{direction.x, direction.y, direction.z};
  double enter = -kMiss, leave = kMiss;
  std::size_t axis = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    double first = (-side / 2 - from[k]) / along[k], second = (side / 2 - from[k]) / along[k];
    if (first > second) std::swap(first, second);
    if (first > enter) {
      enter = first;
      axis = k;
    }
    leave = std::min(leave, second);
  }
  if (enter >= leave) return;
  std::array<double, 3> normal{};
  normal[axis] = along[axis] > 0 ? -1 : 1;
  hit.keep(enter, {normal[0], normal[1], normal[2]});
}

Hit hitObject(Shape shape, double scale, Vec origin, Vec direction) {
  Hit hit;
  switch (shape) {
    case Shape::Cube:
      hitCube(origin, direction, kCubeSide * scale, hit);
      break;
    case Shape::Cylinder:
      hitMantle(origin, direction, kCylinderRadius * scale, 0, kCylinderHeight * scale, hit);
      hitDisc(origin, direction, kCylinderRadius * scale, kCylinderHeight * scale, hit);
      break;
    case Shape::Sphere:
      hitSphere(origin, direction, kSphereRadius * scale, kSphereRadius * scale, hit);
      break;
    case Shape::Capsule: {
      const double low = kCapsuleRadius * scale, high = (kCapsuleHeight - kCapsuleRadius) * scale;
      hitSphere(origin, direction, low, kCapsuleRadius * scale, hit);
      hitSphere(origin, direction, high, kCapsuleRadius * scale, hit);
      hitMantle(origin, direction, kCapsuleRadius * scale, low, high, hit);
      break;
    }
  }
  return hit;
}

// The wall x = place or y = place that faces the room's inside.
Hit hitWall(Vec origin, Vec direction, bool alongX, double place) {
  Hit hit;
  const double t = alongX ? (place - origin.x) / direction.x : (place - origin.y) / direction.y;
  const Vec at = origin + direction * t;
  const double across = alongX ? at.y : at.x;
  if (std::fabs(across) <= kHalfWidth && at.z >= 0 && at.z <= kWallHeight) {
    const double inward = place > 0 ? -1 : 1;
    hit.keep(t, alongX ? Vec{inward, 0, 0} : Vec{0, inward, 0});
  }
  return hit;
}

Hit hitFloor(Vec origin, Vec direction) {
  Hit hit;
  if (direction.z >= 0) return hit;
  const double t = -origin.z / direction.z;
  const Vec at = origin + direction * t;
  if (std::fabs(at.x) <= kHalfWidth && at.y <= kHalfWidth) hit.keep(t, {0, 0, 1});
  return hit;
}

class Scene {
 public:
  Scene(Shape shape, double scale, double degrees) : shape_(shape), scale_(scale) {
    const double angle = degrees * kPi / 180, s = sinDet(angle), c = cosDet(angle);
    camera_ = {s, -c, kCameraHeight};
    forward_ = unit(Vec{0, 0, kTargetHeight} - camera_);
    right_ = {c, s, 0};
    up_ = cross(right_, forward_);
    spotAxis_ = unit(kSpotTarget - kSpotAt);
  }

  // Of one ray through the image plane, x rightward and y downward from the image's centre in pixels.
  struct Sample {
    Surface surface = kSurfaces;  // kSurfaces: the sky
    double diffuse = 0;           // times the surface's colour
    double white = 0;             // added to it
  };
  Sample sample(double x, double y) const {
    const Vec ray = forward_ + right_ * (x / kFocalLength) - up_ * (y / kFocalLength);
    Sample result;
    Hit nearest;
    const auto consider = [&](const Hit& hit, Surface surface) {
      if (hit.t >= nearest.t) return;
      nearest = hit;
      result.surface = surface;
    };
    consider(hitFloor(camera_, ray), Floor);
    consider(hitWall(camera_, ray, false, kHalfWidth), Wall);
    if (ray.x != 0) consider(hitWall(camera_, ray, true, ray.x > 0 ? kHalfWidth : -kHalfWidth), Wall);
    consider(hitObject(shape_, scale_, camera_, ray), Object);
    if (result.surface != kSurfaces) illuminate(camera_ + ray * nearest.t, nearest.normal, result);
    return result;
  }

 private:
  void illuminate(Vec at, Vec normal, Sample& sample) const {
    const Material& material = kMaterials[sample.surface];
    const double head = std::max(0.0, -dot(normal, forward_));
    sample.diffuse = material.ambient + material.head * head;
    const Vec toSpot = kSpotAt - at;
    const Vec toSpotUnit = unit(toSpot);
    const double incidence = dot(normal, toSpotUnit);
    if (incidence <= 0) return;
    // The object is convex: it shades others but never the parts of itself that face the spot.
    if (sample.surface != Object && hitObject(shape_, scale_, at, toSpot).t < 1) return;
    double fall = std::max(0.0, -dot(toSpotUnit, spotAxis_));
    for (int squaring = 0; squaring < 4; ++squaring) fall *= fall;
    sample.diffuse += material.spot * fall * incidence;
    if (sample.surface == Object) sample.white = kGloss * fall;
  }

  Shape shape_;
  double scale_;
  Vec camera_, forward_, right_, up_, spotAxis_;
};

}  // namespace

GeometryMap renderGeometry(Shape shape, double scale, double degrees) {
  const Scene scene(shape, scale, degrees);
  GeometryMap map;
  for (auto& channel : map.sky) channel.resize(kPixels);
  for (std::size_t surface = 0; surface < kSurfaces; ++surface) {
    for (std::size_t shade = surface == Object ? 0 : 1; shade < kShades; ++shade)
      map.light[surface][shade].resize(kPixels);
  }
  constexpr double kShare = 1.0 / (kSamples * kSamples);
  const auto fixed = [](double level) { return static_cast<std::uint16_t>(roundHalfEven(level * 256)); };
  for (int row = 0; row < kSide; ++row) {
    for (int column = 0; column < kSide; ++column) {
      std::array<std::array<double, kShades>, kSurfaces> sums{};
      int skySamples = 0;
      for (int i = 0; i < kSamples; ++i) {
        for (int j = 0; j < kSamples; ++j) {
          const Scene::Sample sample =
              scene.sample(column + (j + 0.5) / kSamples - kSide / 2, row + (i + 0.5) / kSamples - kSide / 2);
          if (sample.surface == kSurfaces) {
            ++skySamples;
            continue;
          }
          for (int shade = 0; shade < kShades; ++shade) {
            sums[sample.surface][static_cast<std::size_t>(shade)] +=
                std::min(1.0, shade / 5.0 * sample.diffuse + sample.white);
          }
        }
      }
      const std::size_t pixel = static_cast<std::size_t>(row) * kSide + static_cast<std::size_t>(column);
      for (std::size_t channel = 0; channel < 3; ++channel)
        map.sky[channel][pixel] = fixed(kSky[channel] * skySamples * kShare);
      for (std::size_t surface = 0; surface < kSurfaces; ++surface) {
        for (std::size_t shade = 0; shade < kShades; ++shade) {
          if (!map.light[surface][shade].empty())
            map.light[surface][shade][pixel] = fixed(sums[surface][shade] * 255 * kShare);
        }
      }
    }
  }
  return map;
}

}  // namespace offaxis::shapes3d
