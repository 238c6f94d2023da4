// Pictures of a dataset and its variants: the same factors side by side, traversals, planes of two factors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "report/pixels.h"

namespace offaxis {

struct NamedSource {
  std::string name;  // "modified"
  SourcePtr source;
};

// The variants of one dataset, the original first, all with the same rows. What follows throws Error(Usage) where there
// is none, or grids or image shapes differ.
using NamedSources = std::vector<NamedSource>;

// `columns` pseudo-randomly chosen images (Philox(seed, "comparison sheet")): a row a variant, and below each variant
// its difference from the original around mid-grey. All differences are amplified alike, so that they can be compared.
Pictures comparisonPictures(const NamedSources& sources, int columns, std::uint64_t seed);

// One group a factor of more than one level (or for `factor` alone, where it is not empty): its levels from the grid's
// middle, a strip a variant; evenly spaced levels where there are more than `columns`. A subset's missing images leave
// gaps. Throws Error(Usage) for an unknown factor.
Pictures traversalPictures(const NamedSources& sources, int columns, const std::string& factor = {});

// Two factors at once, the others in the grid's middle: `first` down, `second` across, at most `levels` of each. A
// plane for each variant, and one for the difference between the first two, amplified. Throws Error(Usage) for unknown
// or equal factors.
Pictures planePictures(const NamedSources& sources, const std::string& first, const std::string& second, int levels);

// Mean squared distances, pixels on [0,1], of the images of a plane of two factors from its middle one, averaged over
// `contexts` settings of the other factors (Philox(seed, "plane contexts")). Along the axes that the images favour
// distances grow evenly; where they favour rotated ones, the valley lies across the axes.
struct DistancePlane {
  std::size_t height = 0, width = 0;
  std::vector<double> values;                            // [height,width]
  std::vector<std::uint32_t> firstLevels, secondLevels;  // of the rows and columns
};
DistancePlane distancePlane(const Source& source, const std::string& first, const std::string& second,
                            std::uint32_t contexts, std::uint64_t seed);

}  // namespace offaxis
