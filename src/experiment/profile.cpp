#include "experiment/profile.h"

#include "core/error.h"

namespace offaxis {
namespace {

std::vector<EvaluationProfile> profiles() {
  EvaluationProfile quick;
  quick.name = "quick";
  quick.size = 32;
  quick.seeds = 3;
  quick.train.net = "conv32";
  quick.train.steps = 0;
  quick.train.learningRate = 1e-3;
  quick.train.checkpointEvery = 500;
  quick.probeSteps = 3000;

  EvaluationProfile pilot;
  pilot.name = "pilot";
  pilot.seeds = 5;
  pilot.train.net = "conv64";
  pilot.train.steps = 10000;
  pilot.train.learningRate = 5e-4;
  pilot.train.checkpointEvery = 500;
  pilot.probeSteps = 10000;

  EvaluationProfile paper;
  paper.name = "paper";
  paper.seeds = 10;
  paper.train.net = "conv64";
  paper.train.steps = 300000;
  paper.train.learningRate = 1e-4;
  paper.probeSteps = 30000;
  return {quick, pilot, paper};
}

}  // namespace

std::vector<std::string> profileNames() {
  std::vector<std::string> names;
  for (const EvaluationProfile& profile : profiles()) names.push_back(profile.name);
  return names;
}

EvaluationProfile evaluationProfile(const std::string& name) {
  for (const EvaluationProfile& profile : profiles()) {
    if (profile.name == name) return profile;
  }
  throw Error(ErrorKind::Usage, "no profile is called '" + name + "'", "known: " + joined(profileNames()));
}

ModelDefaults modelDefaults(const SourceInfo& info, const std::string& profile) {
  ModelDefaults defaults{static_cast<int>(info.grid.factorCount()), 4, "bernoulli", 5000};
  const bool paper = profile == "paper";
  if (info.isOf("dsprites")) defaults = {paper ? 5 : 6, paper ? 8.0 : 64.0, "bernoulli", 6000};
  if (info.isOf("shapes3d")) defaults = {6, paper ? 32.0 : 64.0, "bernoulli", 2500};
  if (info.isOf("xysquares")) defaults = {paper ? 9 : 6, paper ? 1.4 : 2.0, "squared-error", 10000};
  defaults.beta *= static_cast<double>(info.shape.height) * info.shape.width / (64.0 * 64.0);
  return defaults;
}

}  // namespace offaxis
