// The mutual information gap (Chen et al., "Isolating sources of disentanglement in VAEs", NeurIPS 2018) as the field's
// common evaluation library computes it, on plain arrays.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "measure/codes.h"

namespace offaxis {

// Printed beside every score: a change of the definition changes it.
constexpr const char* kMigDefinition = "mig/1: 20 equal-width bins per latent, plug-in, nats";
constexpr int kMigBins = 20;

struct MigResult {
  double value = 0;                 // mean of perFactor over the factors that vary in the sample; 0 where none does
  std::vector<double> perFactor;    // [K]: (I_1 - I_2) / H; 0 for a factor that does not vary
  std::vector<double> entropy;      // [K], empirical, nats
  std::vector<double> information;  // [L,K], mutual information of each latent's bins and each factor, nats
};

// Bins latents into kMigBins equal intervals of their own [min, max], left edges inclusive, 1-based:
// numpy.digitize(x, numpy.histogram(x, 20)[1][:-1]) in float64. With a single latent I_2 is 0.
MigResult mig(const CodeView& view);

// What pairs of latents tell of each other, binned as above: mutual information, nats, [L,L], symmetric; the diagonal
// holds entropies.
std::vector<double> latentInformation(const CodeView& view);

// The mechanism's own score (our design): MIG of the codes against the rotated coordinates R c, each binned like a
// latent. `coordinates` is c, [N,D], of mean 0 and variance 1 over the grid (FactorCoordinates); `rotation` is R, [D,D]
// row-major; `value` is the mean over the coordinates that mix factors. It rises where a model's latents lie along R's
// axes.
MigResult rotatedMig(const CodeView& view, const std::vector<double>& coordinates, const std::vector<double>& rotation);

// What MIG can say at all on these factors: perfect codes (the whitened factors themselves), and randomly rotated ones.
struct MigCalibration {
  double ceiling = 0;
  double floor = 0;    // mean over `rotations` random rotations of the whitened factors
  double floorSd = 0;  // their standard deviation
};
MigCalibration calibrateMig(const CodeView& view, const std::vector<std::uint32_t>& factorSizes, std::uint64_t seed,
                            int rotations = 20);

}  // namespace offaxis
