// How the variance of a dataset's images is spread over directions: what a linear autoencoder sees.
#pragma once

#include <cstdint>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

struct ImageSpectrum {
  std::vector<double> eigenvalues;  // of the covariance of the images, pixels on [0,1], largest first; samples - 1
  double total = 0;                 // their sum: the images' total variance
};

// Of `samples` images (2 .. 4096) drawn with replacement by Philox(seed, "image-spectrum"). Throws Error(Usage) for
// another number.
ImageSpectrum imageSpectrum(const Source& source, std::uint64_t samples, std::uint64_t seed, const Context& context);

}  // namespace offaxis
