// R, the rotation of the whitened factors that psi is meant to make cheaper than their own axes.
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

// Whether coordinate `row` of R mixes factors, rather than being one of them.
bool mixesFactors(const std::vector<double>& rotation, std::size_t row);

}  // namespace offaxis
