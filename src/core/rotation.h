// R, the rotation of the whitened factors that psi is meant to make cheaper than their own axes, and the coordinates
// that it rotates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/factor_grid.h"

namespace offaxis {

// [K,K] row-major, orthogonal. `spec` is NAME, for all factors with more than one level, or NAME:FACTOR,FACTOR,.., for
// these factors in this order; other factors keep their own axes. Names (our design, except the 45 degree pairs):
//   blocks  balanced 3x3 blocks 1/3 [[2,-1,2],[2,2,-1],[-1,2,2]] over consecutive factors, pairs where 3 do not fit
//   pairs   45 degrees on consecutive pairs (an odd count ends in one 3x3 block)
//   random  Gram-Schmidt of a Philox normal matrix of this seed
// Throws Error(Usage) for an unknown or repeated name, a factor of one level, or fewer than two factors to rotate.
std::vector<double> rotationMatrix(const std::string& spec, const FactorGrid& grid, std::uint64_t seed);

// w for level `level` of a factor with `size` levels: (level - mean) / sd; 0 for a factor of one level.
double whitened(std::uint32_t level, std::uint32_t size);

// How factors are written down as numbers of mean 0 and variance 1 over the grid (our design).
//   levels  one coordinate a factor: its level, whitened
//   angles  a cyclic factor of three levels or more is sqrt(2) cos a and sqrt(2) sin a of its angle a = 2 pi level /
//           size, as images that depend on it linearly see it: that is how a VAE's first, nearly linear latents do.
//           The K first coordinates are one a factor (level or cosine), then come the sines, in the factors' order.
class FactorCoordinates {
 public:
  // Throws Error(Usage) for an unknown name.
  FactorCoordinates(const std::string& name, const FactorGrid& grid);

  std::size_t count() const { return coordinates_.size(); }  // D >= K
  std::size_t factorOf(std::size_t coordinate) const { return coordinates_[coordinate].factor; }
  bool isSine(std::size_t coordinate) const { return coordinates_[coordinate].kind == Kind::Sine; }
  bool isLevel(std::size_t coordinate) const { return coordinates_[coordinate].kind == Kind::Level; }
  // Writes count() values.
  void of(const std::uint32_t* levels, double* values) const;
  // [D,D]: R for the first K coordinates; the sines are rotated among themselves by a rotation of the same name over
  // those of its factors that have one (a single one keeps its axis).
  std::vector<double> rotation(const std::string& spec, const FactorGrid& grid, std::uint64_t seed) const;

 private:
  enum class Kind { Level, Cosine, Sine };
  struct Coordinate {
    std::size_t factor;
    Kind kind;
    std::uint32_t size;
  };
  std::vector<Coordinate> coordinates_;
};

// "A;B;C" -> the specs of several rotations. Throws Error(Usage) for an empty one.
std::vector<std::string> rotationSpecs(const std::string& specs);
// The same for names of FactorCoordinates.
std::vector<std::string> codesSpecs(const std::string& specs);

// Whether coordinate `row` of R mixes factors, rather than being one of them.
bool mixesFactors(const std::vector<double>& rotation, std::size_t row);

}  // namespace offaxis
