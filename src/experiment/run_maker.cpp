#include "experiment/run_maker.h"

#include <algorithm>
#include <filesystem>
#include <new>

#include "core/error.h"
#include "experiment/encoder_codes.h"
#include "learn/encode.h"
#include "learn/probe.h"
#include "learn/trainer.h"
#include "measure/metrics.h"
#include "measure/score_json.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kOutOfMemory = "out of memory";  // of a metric: unlike other errors, another try may end well

}  // namespace

EvaluationRow RunMaker::make(const Cell& cell, const Context& context) const {
  const OpenArm& arm = grid_.armOf(cell);
  EvaluationRow row;
  row.variant = arm.arm.name;
  row.model = cell.model;
  row.seed = cell.seed;
  row.sourceDefinition = arm.definition;
  try {
    TrainSettings train = grid_.trainSettings(cell);
    if (grid_.settings().pointsOnTheWay > 1 && !isSupervised(cell.model))
      row.migOverSteps = scoreOnTheWay(cell, train, context);
    const TrainResult trained = trainVae(arm.source, train, directory_.runOf(cell), context);
    row.seconds = trained.seconds;
    if (isSupervised(cell.model)) {
      row.probe = probe(arm.source, directory_.runOf(cell), grid_.settings().profile.train.device, context);
      row.sourceRoot = arm.root;
    } else {
      scoreCodes(cell, trained, row, context);
    }
  } catch (const Error& error) {
    // A diverged run is a result; anything else (a full disk, a foreign checkpoint) concerns the whole grid.
    if (error.kind() != ErrorKind::Failed) throw;
    row.error = error.what();
  }
  addScores(cell, row, context);
  directory_.writeRow(cell, row);
  return row;
}

EvaluationRow RunMaker::scoredAgain(const Cell& cell, EvaluationRow row, const Context& context,
                                    const Context& notes) const {
  if (!std::filesystem::exists(directory_.runOf(cell) + "/run.json"))
    notes.note(directory_.runOf(cell) + " is gone: training it again to score it");
  trainVae(grid_.armOf(cell).source, grid_.trainSettings(cell), directory_.runOf(cell), context);
  addScores(cell, row, context);
  directory_.writeRowAgain(cell, row);
  return row;
}

std::vector<std::string> RunMaker::missingMetrics(const EvaluationRow& row) const {
  std::vector<std::string> missing;
  if (!row.error.empty() || isSupervised(row.model)) return missing;
  for (const std::string& name : grid_.metrics()) {
    const Json there = row.scores.value(name, Json::object());
    const bool failed = there.contains("error") && there["error"] != kOutOfMemory;
    if (!failed && there.value("definition", "") != metric(name).definition) missing.push_back(name);
  }
  return missing;
}

bool RunMaker::isDone(const std::optional<EvaluationRow>& row) const {
  if (!row || !row->error.empty()) return false;
  const std::vector<std::string> missing = missingMetrics(*row);
  return std::all_of(missing.begin(), missing.end(), [&](const std::string& name) {
    return row->scores.contains(name) && row->scores[name].contains("error");
  });
}

void RunMaker::addScores(const Cell& cell, EvaluationRow& row, const Context& context) const {
  const std::vector<std::string> missing = missingMetrics(row);
  if (missing.empty()) return;
  const SourcePtr& source = grid_.armOf(cell).source;
  EncodeSettings encodeSettings;
  encodeSettings.count = kTrainRows + kTestRows;
  encodeSettings.device = grid_.settings().profile.train.device;
  const Codes codes = encode(source, directory_.runOf(cell), encodeSettings, context);
  MetricInput input;
  input.codes = viewOf(codes);
  input.sizes = grid_.factorSizes();
  for (const std::string& name : missing) {
    const Metric& one = metric(name);
    if (one.needsPairs && !input.pairs)
      input.pairs = encoderCodes(source, directory_.runOf(cell), codes.latents, encodeSettings.device, context);
    try {
      row.scores[name] = toJson(one, one.compute(input, context), input.seed);
    } catch (const Error& error) {
      // What one metric makes of this run's codes takes nothing from the others.
      if (error.kind() != ErrorKind::BadFile && error.kind() != ErrorKind::Failed) throw;
      row.scores[name] = {{"error", error.what()}};
    } catch (const std::bad_alloc&) {
      row.scores[name] = {{"error", kOutOfMemory}};
    }
  }
}

void RunMaker::scoreCodes(const Cell& cell, const TrainResult& trained, EvaluationRow& row,
                          const Context& context) const {
  EncodeSettings encodeSettings;
  encodeSettings.count = grid_.settings().profile.encodeCount;
  encodeSettings.device = grid_.settings().profile.train.device;
  const Codes codes = encode(grid_.armOf(cell).source, directory_.runOf(cell), encodeSettings, context);
  row.mig = mig(viewOf(codes));
  row.rotated = rotatedMig(viewOf(codes), grid_.rotated(), grid_.info().grid);
  row.reconstruction = trained.reconstruction;
  row.kl = trained.kl;
  row.activeUnits = trained.activeUnits;
}

// Trains a run in stretches and scores it after each but the last, which is the caller's. The stretches end where the
// loss is logged, so that the run ends with the same bits and the same curve as in one go. What was scored is kept
// beside the checkpoint; a point that a run of an earlier process has passed is left out.
std::vector<StepScore> RunMaker::scoreOnTheWay(const Cell& cell, TrainSettings& train, const Context& context) const {
  std::vector<StepScore> scores = directory_.readStepScores(cell);
  const std::uint64_t done = stepsTrained(directory_.runOf(cell));
  const std::uint64_t all = train.steps;
  for (std::uint64_t k = 1; k < grid_.settings().pointsOnTheWay; ++k) {
    const std::uint64_t at = all * k / grid_.settings().pointsOnTheWay / train.logEvery * train.logEvery;
    const bool known = std::any_of(scores.begin(), scores.end(), [&](const StepScore& s) { return s.steps == at; });
    if (at == 0 || at < done || known) continue;
    train.steps = at;
    trainVae(grid_.armOf(cell).source, train, directory_.runOf(cell), context);
    EncodeSettings encodeSettings;
    encodeSettings.count = grid_.settings().profile.encodeCount;
    encodeSettings.device = grid_.settings().profile.train.device;
    scores.push_back(
        {at, mig(viewOf(encode(grid_.armOf(cell).source, directory_.runOf(cell), encodeSettings, context))).value});
    directory_.writeStepScores(cell, scores);
  }
  train.steps = all;
  return scores;
}

}  // namespace offaxis
