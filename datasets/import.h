// Imports the original files of datasets/original_file.h: everything is checked, then written as a file of ours.
#pragma once

#include <string>

#include "core/context.h"
#include "datasets/image_file.h"
#include "datasets/original_file.h"

namespace offaxis {

struct ImportSettings {
  OriginalSettings original;  // its scratch directory is not used: it is the output's
  WriteSettings writing;
};

struct ImportReport {
  OriginalDescription original;
  SourceInfo info;  // of what was written
  WriteReport written;
};

// Writes the original at `path` to `output` in the factor grid's order, with its canonical index. Under 1 GB of memory;
// a Shapes3D file in another order also takes its raw size (5.9 GB) beside `output` for the while. Throws what
// openOriginalFile and writeImageFile throw; never writes over `path` itself.
ImportReport importOriginal(const std::string& path, const std::string& output, const ImportSettings& settings,
                            const Context& context);

}  // namespace offaxis
