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
  quick.train.steps = 5000;
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

ModelDefaults modelDefaults(const SourceInfo& info) {
  const std::string family = info.dataset.substr(0, info.dataset.find(':'));
  ModelDefaults defaults{static_cast<int>(info.grid.factorCount()), 4, "bernoulli"};
  // A family, its re-creation and its imported original ("shapes3d-r", "shapes3d-original") are trained alike.
  const auto is = [&](const std::string& name) { return family == name || family.rfind(name + "-", 0) == 0; };
  if (is("dsprites")) defaults = {5, 8, "bernoulli"};
  if (is("shapes3d")) defaults = {6, 32, "bernoulli"};
  if (is("xysquares")) defaults = {9, 1.4, "squared-error"};
  defaults.beta *= static_cast<double>(info.shape.height) * info.shape.width / (64.0 * 64.0);
  return defaults;
}

}  // namespace offaxis
