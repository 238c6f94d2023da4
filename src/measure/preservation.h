// Did a modified dataset keep what it must keep? Every image of it is compared with the original's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"
#include "measure/distribution.h"
#include "measure/probe_evidence.h"
#include "measure/recovery.h"
#include "measure/separation.h"

namespace offaxis {

struct PreservationSettings {
  // The budget in levels of 255: floor(255 eps) for a variant, 0 where nothing may change. Empty: not checked.
  std::optional<int> budgetLevels;
  bool separation = true;  // measure/separation.h
  // Rows whose factors are looked for among all originals (measure/recovery.h); 0: none.
  std::uint64_t queries = 0;
  std::uint64_t querySeed = 0;
  std::optional<ProbeEvidence> probe = std::nullopt;  // read beforehand (measure/probe_evidence.h)
  double probeMargin = 0.02;                          // the drop in a factor's accuracy that is allowed
};

struct PreservationCheck {
  static constexpr std::size_t kListed = 10;

  // "keys", "shape", "images", "factors", "labels", "content_root", "distinct", "duplicates", "budget", "separation",
  // "queries" or "probe"
  std::string name;
  bool passed = true;
  std::optional<std::uint64_t> firstOffendingIndex;  // the lowest row at fault, where a row is
  std::string detail;                                // one line: what was found; for people
  std::vector<std::uint64_t> offendingIndices;       // the lowest rows at fault, ascending, at most kListed
  std::uint64_t offendingCount = 0;                  // all of them
};

// Pixels are taken as fractions of 255 throughout; delta = modified - original. A pixel is one value: a colour image of
// H x W has 3 H W of them.
struct PreservationStatistics {
  static constexpr std::size_t kWorst = 10;

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
  // What can be known: only a modified pixel at 0 or 255 that moved by less than the budget can have been cut there.
  // Their share, an upper bound of the share that was; only with a budget.
  std::optional<double> perhapsClipped;
  std::uint64_t changedImages = 0;
  std::uint64_t distinctOriginal = 0;  // different images
  std::uint64_t distinctModified = 0;
  // Images of the original that equal another one: how many, in how many classes of equal images, and the lowest rows
  // that equal an earlier one, at most PreservationCheck::kListed.
  std::uint64_t coincidingImages = 0;
  std::uint64_t coincidingClasses = 0;
  std::vector<std::uint64_t> firstCoinciding;

  // One value an image.
  Distribution levels;                             // max |delta| in levels of 255
  Distribution l2;                                 // Euclidean norm of delta
  Distribution ssim;                               // measure/ssim.h; no values where images are smaller than its window
  Distribution varianceChange;                     // variance over the image's pixels, modified - original
  std::vector<RankedImage> largestL2, lowestSsim;  // at most kWorst rows
};

struct PreservationReport {
  std::optional<int> budgetLevels;
  std::vector<PreservationCheck> checks;  // those that could be made: images of another shape are not compared
  PreservationStatistics statistics;
  // Content roots (hex) of the rows that were compared, as found; empty where images were not compared.
  std::string modifiedRoot, originalRoot;
  std::optional<SeparationReport> separation;
  std::optional<RecoveryReport> recovery;
  std::optional<ProbeEvidence> probe;
  double probeMargin = 0;

  bool preserved() const;
  // The first failed check, or null.
  const PreservationCheck* firstFailure() const;
};

// keys          the files' layouts agree (dataset names inside an HDF5 file)
// shape         images have the same height, width and channels
// images        there are as many of them, or `modified` is a file that was written as a part of the grid: its recorded
//               content root is that of its rows, which `original` all has. A file cut short afterwards is neither.
// factors       same names, kinds and values of the levels, in the same order
// labels        row by row the same place in the factor grid; an image file's stored labels say the same
// content_root  files hold what their recorded content root says; only where a file records one
// distinct      no two different original images became equal
// duplicates    equal original images stayed equal
// budget        |delta| <= budget at every pixel
// separation    every modified image is nearer to its own original than to those of its one-factor variants, which are
//               taken from the set that `original` is a part of, where it is one
// queries       the nearest original of every query is its own
// probe         of these very sets by their content roots, better than chance on the original, and no factor's accuracy
//               dropped by more than the margin (lower bound of 95 %)
// Exhaustive and streaming: images are read once for all but the last four checks and once for each group of factors
// that separation works on; about 150 bytes of memory an image and separation's own. Images are told apart by 128 bits
// of SHA-256, and those that look equal are compared byte by byte. The report does not depend on the threads.
PreservationReport verifyPreservation(const Source& modified, const Source& original,
                                      const PreservationSettings& settings, const Context& context);

}  // namespace offaxis
