// Grids of training runs and what they say: variant x model x seed, trained side by side, scored, compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "experiment/evaluation_arm.h"
#include "experiment/evaluation_row.h"
#include "experiment/evaluation_summary.h"
#include "experiment/profile.h"
#include "measure/mig.h"

namespace offaxis {

struct EvaluateSettings {
  // Of one dataset. Several may have one name where their seeds differ: a variant made with several perturbations, each
  // of which the statistics treat as a cluster.
  std::vector<EvaluationArm> arms;
  std::string against;  // the variant that the others are compared with; empty: the first one
  std::vector<std::string> models{"beta-vae"};
  // Scored besides MIG, by name (measure/metrics.h), on kTrainRows + kTestRows codes. Asked for later, they are
  // computed from the checkpoints of finished runs.
  std::vector<std::string> metrics;
  EvaluationProfile profile = evaluationProfile("quick");
  SeedRange seeds;   // empty: 0 to profile.seeds - 1
  int latents = 0;   // 0: modelDefaults()
  double beta = -1;  // below 0: modelDefaults()
  std::string loss;  // empty: modelDefaults()
  // MIG is also scored at this many evenly spaced numbers of steps, the last one included; 0 and 1: at the end alone.
  // Plays no part in the result: runs end with the same bits. Finished runs are not trained again for it.
  std::uint64_t pointsOnTheWay = 0;
  // Remove the runs that the directory holds of this grid first. Not while other processes fill the directory.
  bool overwrite = false;
};

struct EvaluationResult {
  bool complete = false;
  std::vector<EvaluationRow> rows;
  std::vector<EvaluationSummary> summary;  // variants within models; of those with a run
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
//   directory/runs/VARIANT_MODEL_SEED.lock  held by the process that makes it: several may fill one directory
//   directory/runs/grid.lock                shared by all of them; settings.overwrite needs it alone
//   directory/runs/VARIANT_MODEL_SEED.json  its row, with all that it depends on
//   directory/results.json                  rows and summary; status "partial" until every row is there
// The model "probe" has accuracies in its rows where the others have scores: see learn/probe.h.
// Resumable at any moment, within runs too. Where other processes hold the remaining cells, returns an incomplete
// result. R is that of the first arm's psi that names one, else rotationMatrix("blocks"). Throws Error(BadFile) where
// the directory holds rows of another configuration or other data, Error(Usage) for arms of different datasets or a
// name given twice for one seed, Error(CannotWrite) where the directory cannot be written or settings.overwrite meets
// another process, Error(Unavailable) for a device that is missing where there is something to train, Error(Failed)
// after the rest is done where runs failed, Error(Interrupted); std::runtime_error at once for what LibTorch throws, as
// a device that is lost fails every run.
EvaluationResult evaluate(const EvaluateSettings& settings, const std::string& directory, const Context& context);

}  // namespace offaxis
