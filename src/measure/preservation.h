// Did a modified dataset keep what it must keep? Every image of it is compared with the original's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

struct PreservationSettings {
  // The budget in levels of 255: floor(255 eps) for a variant, 0 where nothing may change. Empty: not checked.
  std::optional<int> budgetLevels;
};

struct PreservationCheck {
  // "keys", "shape", "images", "factors", "labels", "distinct", "duplicates" or "budget"
  std::string name;
  bool passed = true;
  std::optional<std::uint64_t> firstOffendingIndex;  // the lowest row at fault, where a row is
  std::string detail;                                // one line: what was found; for people
};

// Pixels are taken as fractions of 255 throughout; delta = modified - original.
struct PreservationStatistics {
  std::uint64_t images = 0;  // compared
  int maxLevels = 0;         // max |delta| in levels of 255, over all pixels of all images
  double meanAbsolute = 0;   // mean over pixels of |delta|
  double meanSigned = 0;     // mean over pixels of delta
  double rms = 0;            // square root of the mean over pixels of delta^2
  double meanL2 = 0;         // mean over images of the Euclidean norm of delta
  double maxL2 = 0;
  // Sum over pixel positions of the variance over images, and mean over images of the variance over an image's pixels.
  double totalVarianceOriginal = 0;
  double totalVarianceModified = 0;
  double imageVarianceOriginal = 0;
  double imageVarianceModified = 0;
  // Shares of pixels at 0 and at 255. How many would have gone beyond cannot be known from the images alone.
  double atZeroOriginal = 0;
  double atZeroModified = 0;
  double atFullOriginal = 0;
  double atFullModified = 0;
  std::uint64_t changedImages = 0;
  std::uint64_t distinctOriginal = 0;  // different images
  std::uint64_t distinctModified = 0;
};

struct PreservationReport {
  std::optional<int> budgetLevels;
  std::vector<PreservationCheck> checks;  // those that could be made: images of another shape are not compared
  PreservationStatistics statistics;

  bool preserved() const;
  // The first failed check, or null.
  const PreservationCheck* firstFailure() const;
};

// keys        the files' layouts agree (dataset names inside an HDF5 file)
// shape       images have the same height, width and channels
// images      there are as many of them
// factors     same names, kinds and values of the levels, in the same order
// labels      row by row the same place in the factor grid; an image file's stored labels say the same
// distinct    no two different original images became equal
// duplicates  equal original images stayed equal
// budget      |delta| <= budget at every pixel
// Exhaustive and streaming: two passes' worth of reading at most, about 50 bytes of memory an image. Images are told
// apart by 128 bits of SHA-256, and those that look equal are compared byte by byte. The report does not depend on the
// threads.
PreservationReport verifyPreservation(const Source& modified, const Source& original,
                                      const PreservationSettings& settings, const Context& context);

}  // namespace offaxis
