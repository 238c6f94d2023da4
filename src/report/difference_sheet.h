// What changed between two datasets, in one picture: images before, after, and the difference made visible.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "storage/staged.h"

namespace offaxis {

struct DifferenceColumn {
  std::uint64_t rowBefore = 0;
  std::uint64_t rowAfter = 0;
  std::string caption;  // "#4711, 25 levels"
};

// A pair of datasets with images of one shape; one column an image.
struct DifferenceSection {
  std::string title;
  SourcePtr before;
  SourcePtr after;
  std::vector<DifferenceColumn> columns;
  std::string beforeName = "before", afterName = "after";  // of the rows of images
};

// Writes a PNG: for every section its title, then rows of images before, after, and "difference". The difference is
// mid-grey where nothing changed, amplified so that the largest one of the section reaches black or white; the row's
// name says by how much. Throws Error(CannotWrite).
void writeDifferenceSheet(const std::vector<DifferenceSection>& sections, const std::string& path, Overwrite overwrite);

}  // namespace offaxis
