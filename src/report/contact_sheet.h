// Contact sheets: what a dataset looks like, in one picture.
#pragma once

#include <string>

#include "datasets/source.h"
#include "storage/staged.h"

namespace offaxis {

struct ContactSheetSettings {
  std::uint32_t columns = 10;    // images a row, 1 .. 64
  std::uint32_t sampleRows = 3;  // rows of pseudo-randomly chosen images
  std::uint64_t seed = 0;        // of that choice
  Overwrite overwrite = Overwrite::Refuse;
};

// Writes a PNG: rows of samples under their indices, then one traversal row per factor that has more than one level,
// from the grid's middle, with the factor's name and range. Factors with more levels than columns are shown at evenly
// spaced levels. A subset without the traversal's images shows gaps. Throws Error(CannotWrite).
void writeContactSheet(const Source& source, const std::string& path, const ContactSheetSettings& settings);

}  // namespace offaxis
