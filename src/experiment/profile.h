// How much work an evaluation does: quick (minutes a run), pilot (hours on two cores), paper (a GPU or a cluster).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "learn/trainer.h"

namespace offaxis {

struct EvaluationProfile {
  std::string name;
  std::uint32_t size = 0;             // sources are averaged down to this height before any variant; 0: as they are
  std::uint64_t seeds = 0;            // runs per variant and model
  std::uint64_t encodeCount = 10000;  // images that scores are computed on
  TrainSettings train;                // but model, seed, latents and beta
};

std::vector<std::string> profileNames();
// Throws Error(Usage) for an unknown name.
EvaluationProfile evaluationProfile(const std::string& name);

// The code size and KL weight that a beta-VAE gets where the caller names none. Literature values at 64x64 (Shapes3D 6
// and 32, dSprites 5 and 8), XYSquares and unknown datasets measured or chosen by us; the weight scales with the number
// of pixels, as the reconstruction loss does.
struct ModelDefaults {
  int latents = 0;
  double beta = 0;
};
ModelDefaults modelDefaults(const SourceInfo& info);

}  // namespace offaxis
