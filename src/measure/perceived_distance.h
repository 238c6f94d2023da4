// How far apart images lie that differ in one factor alone: what a reconstruction loss sees of each factor (Michlo,
// Klein and James, "Overlooked implications of the reconstruction loss for VAE disentanglement", IJCAI 2023).
#pragma once

#include <cstdint>
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

}  // namespace offaxis
