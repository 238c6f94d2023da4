// How far apart images lie that differ in one factor alone: what a reconstruction loss sees of each factor (Michlo,
// Klein and James, "Overlooked implications of the reconstruction loss for VAE disentanglement", IJCAI 2023).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

struct PerceivedDistances {
  struct Entry {
    std::string factor;
    double meanSquaredError = 0;  // of pixels on [0,1], over pairs of images whose levels of this factor differ
  };
  std::vector<Entry> perFactor;  // the factors of more than one level, in the grid's order
  double randomPairs = 0;        // over pairs drawn independently
};

// From `pairs` pairs a factor, drawn from (seed, stream): the same on every run. The source must hold its full grid;
// throws Error(Usage) where it does not.
PerceivedDistances perceivedDistances(const Source& source, std::uint64_t pairs, std::uint64_t seed,
                                      const Context& context);

// The losses that distances are taken by, between images x and y with pixels on [0,1]:
//   mse       mean over pixels and channels of (x - y)^2
//   box-blur  mse + n^2 mean of (K (x - y))^2: K blurs each channel by a box of n x n equal weights that sum to 1, with
//             zeros beyond the border. n = 2 r + 1, r = 31 at 64 pixels as published (so n^2 = 3969), and for other
//             images r = floor(31 side / 64), side the smaller of height and width (our design).
enum class ReconstructionLoss { MeanSquaredError, BoxBlur };

std::string toString(ReconstructionLoss loss);
// Throws Error(Usage) for an unknown name.
ReconstructionLoss reconstructionLossFromString(const std::string& name);
// r of a loss on images of this shape; 0 for mse.
std::uint32_t blurRadius(ReconstructionLoss loss, const ImageShape& shape);

// Between ground-truth and perceived distances. Not defined where one of the two does not vary, as for a factor that
// changes nothing.
struct DistanceCorrelation {
  std::optional<double> pearson;
  std::optional<double> spearman;  // ties share the mean of their ranks
  std::uint64_t pairs = 0;
};

// The ground truth is the L1 distance of factor indices: |i - j| along one factor, whatever its kind. For cyclic
// factors that is the published definition too, though their ends are neighbours.
struct PerceivedStructure {
  struct Traversal {
    std::string factor;
    FactorKind kind = FactorKind::Ordinal;
    std::uint64_t levels = 0;
    std::uint64_t traversals = 0;     // that the mean is over
    std::vector<double> distances;    // [levels, levels], symmetric: the mean perceived distance
    DistanceCorrelation correlation;  // over the pairs themselves, not over their means
  };
  ReconstructionLoss loss = ReconstructionLoss::MeanSquaredError;
  std::vector<Traversal> perFactor;  // the factors of more than one level, in the grid's order
  DistanceCorrelation randomPairs;   // `pairs` pairs of images drawn independently
};

// Whole traversals from grid points drawn by Philox(seed, "traversal-...") are compared pair by pair, in both orders
// and each image with itself: at least `pairs` pairs and 64 traversals a factor. The source must hold its full grid;
// throws Error(Usage) where it does not, or for a factor of more than 1000 levels.
PerceivedStructure perceivedStructure(const Source& source, ReconstructionLoss loss, std::uint64_t pairs,
                                      std::uint64_t seed, const Context& context);

}  // namespace offaxis
