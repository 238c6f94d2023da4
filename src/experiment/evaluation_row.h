// One run of a grid as results.json and the run's own file have it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "learn/probe.h"
#include "measure/mig.h"

namespace offaxis {

struct StepScore {
  std::uint64_t steps = 0;
  double mig = 0;
};

struct EvaluationRow {
  std::string variant;
  std::string model;
  std::uint64_t seed = 0;
  std::string error;                 // of a failed run; empty otherwise
  std::optional<ProbeResult> probe;  // of a supervised model, which has neither codes nor scores
  std::string sourceRoot;            // content root (hex) of what a probe learnt and was tested on
  std::string sourceDefinition;      // sourceDefinition(); not in the JSON, whose identity has it. Empty in old rows
  MigResult mig;
  MigResult rotated;                    // against R w: see measure/mig.h
  std::vector<StepScore> migOverSteps;  // before the end; empty unless it was asked for
  // {"dci": {..}, ..}, see measure/score_json.h; a metric that could not score the codes has an "error" instead.
  nlohmann::ordered_json scores = nlohmann::ordered_json::object();
  double reconstruction = 0;
  double kl = 0;
  std::uint64_t activeUnits = 0;
  double seconds = 0;
};

nlohmann::ordered_json toJson(const EvaluationRow& row);
nlohmann::ordered_json toJson(const std::vector<StepScore>& scores);

// Of a run that did not fail. Throw nlohmann::json::exception for anything else than toJson() gives, Error(BadFile) for
// a MIG that is none: outside [0, 1].
EvaluationRow rowFromJson(const nlohmann::ordered_json& json);
std::vector<StepScore> stepScoresFromJson(const nlohmann::ordered_json& json);

}  // namespace offaxis
