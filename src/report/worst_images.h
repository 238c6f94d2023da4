// What a perturbation did where it did most, in one picture.
#pragma once

#include <string>
#include <vector>

#include "datasets/source.h"
#include "storage/staged.h"

namespace offaxis {

// A modified image beside its own original.
struct ComparedImage {
  std::uint64_t modifiedRow = 0;
  std::uint64_t originalRow = 0;
  std::string caption;  // "#4711  L2 12.3"
};

struct ComparedRow {
  std::string title;  // "largest L2"
  std::vector<ComparedImage> images;
};

// Writes a PNG: for every row its images in three lines, original, modified, and their difference around grey,
// amplified by the whole factor that makes the largest difference in the picture just fill the range (said at the top).
// Precondition: the same image shape. Throws Error(CannotWrite).
void writeComparisonSheet(const Source& modified, const Source& original, const std::vector<ComparedRow>& rows,
                          const std::string& path, Overwrite overwrite);

}  // namespace offaxis
