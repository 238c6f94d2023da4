// Grids of training runs and what they say: variant x model x seed, trained side by side, scored, compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "experiment/profile.h"
#include "measure/mig.h"
#include "measure/statistics.h"

namespace offaxis {

struct EvaluationArm {
  std::string name;        // "original": letters, digits, '-', '_', '.'
  std::string expression;  // as openSource() takes it
};

// "NAME=SOURCE"; the first '=' separates. Throws Error(Usage).
EvaluationArm parseArm(const std::string& text);

struct EvaluateSettings {
  std::vector<EvaluationArm> arms;  // of one dataset; the first one is what the others are compared with
  std::vector<std::string> models{"beta-vae"};
  EvaluationProfile profile = evaluationProfile("quick");  // seeds run from 0 to profile.seeds - 1
  int latents = 0;                                         // 0: modelDefaults()
  double beta = -1;                                        // below 0: modelDefaults()
  std::string loss;                                        // empty: modelDefaults()
  bool overwrite = false;                                  // train anew what the directory holds
};

struct EvaluationRow {
  std::string variant;
  std::string model;
  std::uint64_t seed = 0;
  std::string error;  // of a failed run; empty otherwise
  MigResult mig;
  MigResult rotated;  // against R w: see measure/mig.h
  double reconstruction = 0;
  double kl = 0;
  std::uint64_t activeUnits = 0;
  double seconds = 0;
};

struct Summary {
  std::vector<double> points;  // by seed
  double mean = 0;
  double sd = 0;
  PairedDifference difference;  // to the first arm's runs of the same model and seeds
};

struct EvaluationSummary {
  std::string variant;
  std::string model;
  std::vector<std::uint64_t> seeds;  // of the points
  Summary mig;
  Summary rotated;
  double activeUnits = 0;  // means
  double reconstruction = 0;
  double kl = 0;
  double seconds = 0;
};

struct EvaluationResult {
  bool complete = false;
  std::vector<EvaluationRow> rows;
  std::vector<EvaluationSummary> summary;  // arms within models
  MigCalibration calibration;
  std::string rotation;  // where R came from: "psi of modified", "blocks"
  int latents = 0;
  double beta = 0;
  std::string loss;
  std::string path;  // of results.json
};

// Trains, encodes and scores every cell of the grid, context.threads runs at a time, one thread each. All runs of one
// seed share initialisation, batches and noise, so arms are compared in pairs.
//   directory/runs/VARIANT_MODEL_SEED/      the run, see trainVae()
//   directory/runs/VARIANT_MODEL_SEED.json  its row, with all that it depends on
//   directory/results.json                  rows and summary; status "partial" until every row is there
// Resumable at any moment, within runs too. R is that of the first arm's psi that names one, else
// rotationMatrix("blocks"). Throws Error(BadFile) where the directory holds rows of another configuration or other
// data, Error(Usage) for arms of different datasets or names given twice, Error(Failed) after the rest is done where
// runs failed, Error(Interrupted).
EvaluationResult evaluate(const EvaluateSettings& settings, const std::string& directory, const Context& context);

}  // namespace offaxis
