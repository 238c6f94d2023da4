// The axes that rotated MIG is measured against: what psi was trained to favour.
#pragma once

#include <string>
#include <vector>

#include "core/factor_grid.h"
#include "measure/mig.h"

namespace offaxis {

struct RotatedAxes {
  std::string coordinates = "levels";  // see FactorCoordinates
  std::vector<double> matrix;          // [D,D]; empty where no two factors vary
  bool operator!=(const RotatedAxes& o) const { return coordinates != o.coordinates || matrix != o.matrix; }
};

// The coordinates that the psi.h5 was trained to rotate; its own R where its provenance does not say. Without a matrix
// where it rotates none. Throws Error(BadFile).
RotatedAxes rotatedAxesOf(const std::string& psi, const FactorGrid& grid);

// rotatedMig() against them; 0 without a matrix.
MigResult rotatedMig(const CodeView& view, const RotatedAxes& axes, const FactorGrid& grid);

}  // namespace offaxis
