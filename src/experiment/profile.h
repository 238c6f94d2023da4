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
  TrainSettings train;                // but model, seed, latents and beta; steps 0: modelDefaults()
  std::uint64_t probeSteps = 0;       // instead of train.steps, of supervised models
};

std::vector<std::string> profileNames();
// Throws Error(Usage) for an unknown name.
EvaluationProfile evaluationProfile(const std::string& name);

// What a model gets where the caller names nothing else. beta scales with the number of pixels, as the loss does.
// paper: literature values at 64x64 for dSprites (5 latents, beta 8) and Shapes3D (6, 32), with the Bernoulli loss; for
// XYSquares the squared error, as its authors use, the lower end of their range of beta (1.4 on sums) and 9 latents;
// our choice for the rest. quick and pilot: what separates the original's factors within so few steps, as a drop is
// seen from there alone; measured with quick, with pilot on Shapes3D only (docs/manipulation.md).
struct ModelDefaults {
  int latents = 0;
  double beta = 0;
  std::string loss;
  std::uint64_t steps = 0;  // of the quick profile
};
ModelDefaults modelDefaults(const SourceInfo& info, const std::string& profile);

}  // namespace offaxis
