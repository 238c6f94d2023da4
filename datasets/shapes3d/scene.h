// The room of Shapes3D: what a camera sees of it, apart from the colours of floor, wall and object.
//
// The original is a MuJoCo scene whose generator was never released. Geometry and light here were fitted to half of the
// 50 genuine images of the data's public documentation and scored on the other half (README.md beside this).
// Lengths are in units of the horizontal distance from camera to object; z is up; the object stands on the floor at the
// room's centre; the camera moves around it. Everything is computed with operations that IEEE 754 fixes, so the same
// scene gives the same bits everywhere.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace offaxis::shapes3d {

constexpr int kSide = 64;  // pixels
constexpr std::size_t kPixels = std::size_t{kSide} * kSide;
constexpr int kShades = 6;  // a channel of HSV(k / 10, 1, 1) is a multiple of 1/5

enum class Shape : std::uint8_t { Cube, Cylinder, Sphere, Capsule };
// What can be coloured. The sky cannot.
enum Surface : std::uint8_t { Floor, Wall, Object, kSurfaces };

// The light that reaches each pixel, row by row, in 1/256 of a pixel level. A channel of the image is
//   sky[channel] + sum over surfaces of light[surface][five times the surface colour's channel],
// which stays within 255 * 256 but for rounding. It is tabulated over the channel's value because light beyond white is
// cut off, channel by channel, before samples are averaged. An empty table stands for zeros.
struct GeometryMap {
  std::array<std::vector<std::uint16_t>, 3> sky;
  std::array<std::array<std::vector<std::uint16_t>, kShades>, kSurfaces> light;
};

// `scale` 0.75 .. 1.25 multiplies the object's sizes; `degrees` -30 .. 30 is the camera's angle.
GeometryMap renderGeometry(Shape shape, double scale, double degrees);

}  // namespace offaxis::shapes3d
