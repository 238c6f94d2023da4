#include "experiment/evaluate.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "core/error.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "core/rotation.h"
#include "core/text.h"
#include "datasets/content.h"
#include "experiment/encoder_codes.h"
#include "experiment/grid_progress.h"
#include "experiment/rotated_axes.h"
#include "learn/cached_source.h"
#include "learn/encode.h"
#include "measure/metrics.h"
#include "measure/score_json.h"
#include "storage/file_lock.h"
#include "storage/staged.h"
#include "variants/expression.h"
#include "variants/psi_network.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;
constexpr const char* kOutOfMemory = "out of memory";  // of a metric: unlike other errors, another try may end well

struct OpenArm {
  EvaluationArm arm;
  SourcePtr source;
  std::string identity;
  std::string definition;  // sourceDefinition()
  std::string root;        // content root; empty where no supervised run is to be made
};

struct Cell {
  std::size_t arm;
  std::string model;
  std::uint64_t seed;
};

// Whether two objects say the same, in whatever order.
bool sameContent(const Json& a, const Json& b) {
  return nlohmann::json(a) == nlohmann::json(b);
}

constexpr const char* kDefinition = "source_definition";

// `here` without what rows did not say when they were first made: those stay what they are.
Json comparable(Json here, const Json& there) {
  if (!there.is_object() || !there.contains(kDefinition)) here.erase(kDefinition);
  return here;
}

// The arms' sources, by expression. They share what they have in common: variants of one base read one cached copy of
// it, and arms of one expression are one source.
std::map<std::string, SourcePtr> openArms(const std::vector<EvaluationArm>& arms, std::uint32_t size) {
  std::map<std::string, SourcePtr> sources, bases;
  std::map<std::string, int> uses;
  for (const EvaluationArm& arm : arms) {
    if (sources.emplace(arm.expression, nullptr).second) ++uses[splitExpression(arm.expression).base];
  }
  // Bases take their memory before variants: a cached base serves every arm, a cached variant its own.
  for (const auto& [base, count] : uses) {
    bases[base] = openSource(base, {size});
    if (count > 1) bases[base] = cachedWhereSlow(bases[base]);
  }
  std::vector<std::string> alone;  // arms that share no memory with others
  for (const EvaluationArm& arm : arms) {
    SourcePtr& source = sources[arm.expression];
    if (source) continue;
    const SplitExpression split = splitExpression(arm.expression);
    source = split.variant ? applyVariant(bases[split.base], *split.variant) : bases[split.base];
    if (split.variant || uses[split.base] == 1) alone.push_back(arm.expression);
  }
  std::vector<SourcePtr> slow;
  for (const std::string& expression : alone) slow.push_back(sources[expression]);
  slow = cachedWhereSlow(std::move(slow));
  for (std::size_t i = 0; i < alone.size(); ++i) sources[alone[i]] = slow[i];
  return sources;
}

class Evaluation {
 public:
  Evaluation(const EvaluateSettings& settings, const std::string& directory, const Context& context)
      : settings_(settings), directory_(directory), context_(context) {
    check();
    const std::map<std::string, SourcePtr> sources = openArms(settings_.arms, settings_.profile.size);
    for (const EvaluationArm& arm : settings_.arms) {
      const SourcePtr& source = sources.at(arm.expression);
      const SourceInfo& info = source->info();
      if (!arms_.empty() &&
          (info.dataset != first().dataset || info.shape != first().shape || info.grid != first().grid)) {
        throw Error(ErrorKind::Usage,
                    arm.name + " shows " + info.dataset + " at " + toString(info.shape) + ", " + arms_[0].arm.name +
                        " " + first().dataset + " at " + toString(first().shape),
                    "compare variants of one dataset at one size");
      }
      arms_.push_back({arm, source, sourceIdentity(*source), sourceDefinition(*source), {}});
    }
    for (const Factor& factor : first().grid.factors()) sizes_.push_back(static_cast<std::uint32_t>(factor.size()));
    const ModelDefaults defaults = modelDefaults(first(), settings_.profile.name);
    if (settings_.profile.train.steps == 0) settings_.profile.train.steps = defaults.steps;
    result_.latents = settings_.latents > 0 ? settings_.latents : defaults.latents;
    result_.beta = settings_.beta >= 0 ? settings_.beta : defaults.beta;
    result_.loss = settings_.loss.empty() ? defaults.loss : settings_.loss;
    findRotation();
    for (const std::string& name : settings_.metrics) {  // MIG is in every row as it is
      if (name == "mig" || std::find(metrics_.begin(), metrics_.end(), name) != metrics_.end()) continue;
      metrics_.push_back(name);
      for (const OpenArm& arm : arms_) {
        if (!metric(name).needsPairs || arm.source->size() == arm.source->info().grid.size()) continue;
        throw Error(ErrorKind::Usage,
                    arm.arm.label() + " holds a part of the factor grid, " + name + " needs all of it",
                    "leave the metric out, or name the whole dataset");
      }
    }
    for (std::size_t arm = 0; arm < arms_.size(); ++arm) {  // before anything is written
      for (const std::string& model : settings_.models)
        checkTraining(*arms_[arm].source, trainSettings({arm, model, 0}));
    }
    for (const OpenArm& arm : arms_) {
      if (std::find(variants_.begin(), variants_.end(), arm.arm.name) == variants_.end())
        variants_.push_back(arm.arm.name);
      for (std::uint64_t seed = seedsOf(arm.arm).first; seed < seedsOf(arm.arm).end; ++seed) seeds_.insert(seed);
    }
    for (const std::uint64_t seed : seeds_) {
      for (const std::string& model : settings_.models) {
        // Seed by seed, so that a partial result holds whole comparisons.
        for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
          if (seedsOf(arms_[arm].arm).holds(seed)) cells_.push_back({arm, model, seed});
        }
      }
    }
    rows_.resize(cells_.size());
  }

  EvaluationResult run() {
    std::error_code error;
    // Before anything is made or removed; what is finished can be shown without the device that it was made on.
    if (settings_.overwrite || !std::filesystem::exists(file("runs"), error))
      checkDevice(settings_.profile.train.device);
    std::filesystem::create_directories(file("runs"), error);
    if (error)
      throw Error(ErrorKind::CannotWrite, "cannot make the directory " + directory_ + "/runs: " + error.message());
    // Those who fill the grid share it; whoever empties it has it alone until that is done.
    FileLock grid(file("runs/grid.lock"), settings_.overwrite ? FileLock::Kind::Exclusive : FileLock::Kind::Shared);
    if (!grid.held() && settings_.overwrite)
      throw Error(ErrorKind::CannotWrite, "another process is filling " + directory_ + ", --force would undo its work",
                  "leave --force out to join it, or stop it first");
    if (!grid.held())
      throw Error(ErrorKind::CannotWrite, "another process is removing the runs of " + directory_ + " (--force)",
                  "give the command again in a moment");
    if (!settings_.overwrite) {
      refuseOtherResults();
      for (std::size_t i = 0; i < cells_.size(); ++i) rows_[i] = readRow(cells_[i]);
    }
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      if (!rows_[i] || !missingMetrics(*rows_[i]).empty()) open.push_back(i);
    }
    const std::size_t done = cells_.size() - open.size();
    if (done > 0)
      context_.note(std::to_string(done) + " of " + std::to_string(cells_.size()) + " runs were done already");
    if (!open.empty()) checkDevice(settings_.profile.train.device);
    findRoots(open);
    if (settings_.overwrite) clear();
    grid.share();
    writeResults();  // fails early where the directory is not writable
    train(open);
    // What others made meanwhile may lack metrics that were asked for here.
    readOthers();
    train(unscored());
    // Two processes may end at once: one may write what it read before the other's last row over that one's results. So
    // each looks again after it wrote, and the last to write has all.
    do {
      writeResults();
    } while (readOthers());
    return finish();
  }

 private:
  // Takes over what other processes have made meanwhile, whole rows or further scores of one; whether that was any.
  bool readOthers() {
    bool any = false;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      std::optional<EvaluationRow> there = readRow(cells_[i]);
      if (!there || (rows_[i] && toJson(*rows_[i]) == toJson(*there))) continue;
      rows_[i] = std::move(there);
      any = true;
    }
    return any;
  }

  std::vector<std::size_t> unscored() const {
    std::vector<std::size_t> cells;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      if (rows_[i] && rows_[i]->error.empty() && !isDone(rows_[i])) cells.push_back(i);
    }
    return cells;
  }

  SeedRange seedsOf(const EvaluationArm& arm) const {
    if (!arm.seeds.empty()) return arm.seeds;
    return settings_.seeds.empty() ? SeedRange{0, settings_.profile.seeds} : settings_.seeds;
  }
  const std::string& against() const { return settings_.against.empty() ? variants_.front() : settings_.against; }

  const SourceInfo& first() const { return arms_[0].source->info(); }

  void check() const {
    if (settings_.arms.empty())
      throw Error(ErrorKind::Usage, "no sources to evaluate", "give at least one NAME=SOURCE");
    if (settings_.models.empty())
      throw Error(ErrorKind::Usage, "no models to evaluate", "known: " + joined(modelNames()));
    for (const std::string& name : settings_.metrics) metric(name);  // refuses unknown ones
    bool knownAgainst = settings_.against.empty();
    for (std::size_t a = 0; a < settings_.arms.size(); ++a) {
      const EvaluationArm& arm = settings_.arms[a];
      const SeedRange seeds = seedsOf(arm);
      if (seeds.end <= seeds.first) throw Error(ErrorKind::Usage, "an evaluation has at least one seed");
      knownAgainst = knownAgainst || arm.name == settings_.against;
      for (std::size_t b = 0; b < a; ++b) {
        const SeedRange others = seedsOf(settings_.arms[b]);
        if (arm.name == settings_.arms[b].name && seeds.first < others.end && others.first < seeds.end) {
          throw Error(ErrorKind::Usage, "the name " + arm.name + " is given twice for one seed",
                      "give each its own seeds, such as " + arm.name + "@0:4=... " + arm.name + "@4:8=...");
        }
      }
    }
    if (!knownAgainst)
      throw Error(ErrorKind::Usage, "no source is called '" + settings_.against + "', to compare with");
    const std::vector<std::string> known = modelNames();
    std::set<std::string> models;
    for (const std::string& model : settings_.models) {
      if (std::find(known.begin(), known.end(), model) == known.end()) {
        throw Error(ErrorKind::Usage, "no model is called '" + model + "'", "known: " + joined(known));
      }
      if (!models.insert(model).second) throw Error(ErrorKind::Usage, "the model " + model + " is given twice");
    }
  }

  void findRotation() {
    std::string from;  // the arm whose psi R came from
    for (const OpenArm& arm : arms_) {
      const std::string path = psiPathOf(arm.arm.expression);
      if (path.empty()) continue;
      RotatedAxes rotated = rotatedAxesOf(path, first().grid);
      if (rotated.matrix.empty()) continue;
      if (!from.empty() && rotated != rotated_) {
        throw Error(ErrorKind::Usage, arm.arm.label() + "'s psi was made with another rotation than " + from + "'s",
                    "evaluate perturbations of one rotation at a time: rotated MIG is measured against it");
      }
      if (!from.empty()) continue;
      from = arm.arm.label();
      result_.rotation = "psi of " + arm.arm.name;
      rotated_ = std::move(rotated);
    }
    if (!from.empty()) return;
    std::size_t varying = 0;
    for (const std::uint32_t size : sizes_) varying += size > 1 ? 1 : 0;
    result_.rotation = varying < 2 ? "none" : "blocks";
    if (varying >= 2) rotated_.matrix = rotationMatrix("blocks", first().grid, 0);
  }

  // Probes are evidence of a set, not of a sample of it: their rows name every image. A pass over the sources of those
  // that are to be made.
  void findRoots(const std::vector<std::size_t>& open) {
    std::map<const Source*, std::string> roots;  // arms of one expression share their source
    for (const std::size_t i : open) {
      const SourcePtr& source = arms_[cells_[i].arm].source;
      if (!isSupervised(cells_[i].model)) continue;
      std::string& root = roots[source.get()];
      if (root.empty()) root = toHex(contentRoot(*source, context_));
    }
    for (OpenArm& arm : arms_) {
      if (const auto root = roots.find(arm.source.get()); root != roots.end()) arm.root = root->second;
    }
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      if (rows_[i]) refuseOtherImages(cells_[i], *rows_[i]);
    }
  }

  void refuseOtherImages(const Cell& cell, const EvaluationRow& row) const {
    const OpenArm& arm = arms_[cell.arm];
    if (row.sourceRoot.empty() || arm.root.empty() || row.sourceRoot == arm.root) return;
    throw Error(ErrorKind::BadFile,
                pathOf(cell) + ".json was made with other images than " + arm.arm.expression + " holds now",
                "use another directory, the same file, or --force to train anew");
  }

  TrainSettings trainSettings(const Cell& cell) const {
    TrainSettings train = settings_.profile.train;
    train.model = cell.model;
    train.seed = cell.seed;
    train.latents = result_.latents;
    train.beta = result_.beta;
    train.loss = result_.loss;
    train.sourceRoot = isSupervised(cell.model) ? arms_[cell.arm].root : "";
    if (isSupervised(cell.model)) train.steps = settings_.profile.probeSteps;
    return train;
  }

  // All that a row's numbers depend on but the machine.
  Json configuration() const {
    const TrainSettings& train = settings_.profile.train;
    Json json{{"profile", settings_.profile.name},
              {"dataset", first().dataset},
              {"image", toString(first().shape)},
              {"latents", result_.latents},
              {"beta", result_.beta},
              {"loss", result_.loss},
              {"net", train.net},
              {"batch", train.batch},
              {"steps", train.steps},
              {"optimiser", "adam"},
              {"learning_rate", train.learningRate},
              {"encoded_images", settings_.profile.encodeCount},
              {"encode_seed", 0},
              {"mig", kMigDefinition},
              {"rotation", result_.rotation},
              {"rotation_matrix", rotated_.matrix}};
    // Named only where it is not the first: results made before there was a choice stay what they are.
    if (train.precision != "float32") json["precision"] = train.precision;
    if (rotated_.coordinates != "levels") json["rotated_coordinates"] = rotated_.coordinates;
    return json;
  }

  // Of the supervised models alone: beside configuration(), so that a directory without a probe can be given one.
  Json probeConfiguration() const {
    return {{"definition", kProbeDefinition}, {"steps", settings_.profile.probeSteps}, {"split_seed", 0}};
  }

  Json identityOf(const Cell& cell) const {
    Json identity = configuration();
    identity["model"] = cell.model;
    identity["seed"] = cell.seed;
    identity["source"] = arms_[cell.arm].identity;
    identity[kDefinition] = arms_[cell.arm].definition;
    if (isSupervised(cell.model)) identity["probe"] = probeConfiguration();
    return identity;
  }

  std::string file(const char* name) const { return (std::filesystem::path(directory_) / name).string(); }

  std::string pathOf(const Cell& cell) const {
    return file("runs/") + arms_[cell.arm].arm.name + "_" + cell.model + "_" + std::to_string(cell.seed);
  }

  [[noreturn]] static void refuse(const std::string& path, const Json& there, const Json& here) {
    const auto said = [](const Json& json, const std::string& key) {
      return json.is_object() && json.contains(key) ? json[key].dump() : "missing";
    };
    std::string what = "it does not say what it was made with";
    for (const Json* side : {&here, &there}) {
      bool found = false;
      for (const auto& item : side->items()) {
        const std::string& key = item.key();
        found =
            !there.is_object() || !there.contains(key) || !here.contains(key) || !sameContent(there[key], here[key]);
        if (!found) continue;
        const bool matrix = key == "rotation_matrix";
        what = key + (matrix ? " differs" : " is " + said(there, key) + " there, " + said(here, key) + " here");
        break;
      }
      if (found) break;
    }
    throw Error(ErrorKind::BadFile, path + " belongs to another evaluation: " + what,
                "use another directory, the same settings, or --force to train anew");
  }

  void refuseOtherResults() const {
    const std::string path = file("results.json");
    if (!std::filesystem::exists(path)) return;
    const Json results = Json::parse(readTextFile(path), nullptr, false);
    if (!results.is_object())
      throw Error(ErrorKind::BadFile, path + " is not a results file", "use another directory, or --force");
    const Json here = configuration();
    const Json there = results.value("configuration", Json());
    if (!sameContent(there, here)) refuse(path, there, here);
  }

  // Removes what --force makes anew, its summary first: what follows is an evaluation like any other, which can be
  // interrupted and gone on with.
  void clear() const {
    std::error_code gone;
    std::filesystem::remove(file("results.json"), gone);
    if (gone) throw Error(ErrorKind::CannotWrite, "cannot replace " + file("results.json") + ": " + gone.message());
    for (const Cell& cell : cells_) {
      for (const char* made : {".json", "/checkpoint.h5", "/run.json", "/mig_over_steps.json"}) {
        std::error_code error;
        std::filesystem::remove(pathOf(cell) + made, error);
        if (error && std::filesystem::exists(pathOf(cell) + made))
          throw Error(ErrorKind::CannotWrite, "cannot replace " + pathOf(cell) + made + ": " + error.message());
      }
    }
  }

  // What `read` gives. Its complaints name no file: here they name `path`.
  template <typename Read>
  static auto from(const std::string& path, const std::string& hint, const Read& read) {
    try {
      return read();
    } catch (const nlohmann::json::exception& e) {
      throw Error(ErrorKind::BadFile, path + " is damaged: " + withoutTag(e.what()), hint);
    } catch (const Error& e) {
      throw Error(ErrorKind::BadFile, path + " is damaged: " + e.what(), hint);
    }
  }

  // The row of a finished run; nothing where there is none yet or where it failed.
  std::optional<EvaluationRow> readRow(const Cell& cell) const {
    const std::string path = pathOf(cell) + ".json";
    if (!std::filesystem::exists(path)) return std::nullopt;
    try {
      const Json json = Json::parse(readTextFile(path));
      const Json identity = comparable(identityOf(cell), json.at("identity"));
      if (!sameContent(json.at("identity"), identity)) refuse(path, json.at("identity"), identity);
      if (json.at("status") != "complete") return std::nullopt;
      EvaluationRow row = from(path, "remove it, and its run is scored again", [&] { return rowFromJson(json); });
      row.sourceDefinition = json.at("identity").value(kDefinition, "");
      refuseOtherImages(cell, row);
      return row;
    } catch (const nlohmann::json::exception& e) {
      throw Error(ErrorKind::BadFile, path + " is damaged: " + withoutTag(e.what()),
                  "remove it, and its run is scored again");
    }
  }

  void writeRow(const Cell& cell, const EvaluationRow& row, const Json& identity) const {
    Json json{{"schema_version", kSchemaVersion}, {"status", row.error.empty() ? "complete" : "failed"}};
    json.update(toJson(row));
    json["identity"] = identity;
    json["source"] = {{"expression", arms_[cell.arm].arm.expression}, {"identity", arms_[cell.arm].identity}};
    json["run"] = pathOf(cell) + "/run.json";  // versions, device, loss curve
    writeTextFile(pathOf(cell) + ".json", json.dump(2) + "\n", Overwrite::Replace);
  }

  // The metrics asked for that a row does not hold, holds by another definition, or had no memory for.
  std::vector<std::string> missingMetrics(const EvaluationRow& row) const {
    std::vector<std::string> missing;
    if (!row.error.empty() || isSupervised(row.model)) return missing;
    for (const std::string& name : metrics_) {
      const Json there = row.scores.value(name, Json::object());
      const bool failed = there.contains("error") && there["error"] != kOutOfMemory;
      if (!failed && there.value("definition", "") != metric(name).definition) missing.push_back(name);
    }
    return missing;
  }

  // Whether nothing is open any more: the run has ended well, and each metric asked for was tried.
  bool isDone(const std::optional<EvaluationRow>& row) const {
    if (!row || !row->error.empty()) return false;
    const std::vector<std::string> missing = missingMetrics(*row);
    return std::all_of(missing.begin(), missing.end(), [&](const std::string& name) {
      return row->scores.contains(name) && row->scores[name].contains("error");
    });
  }

  void addScores(const Cell& cell, EvaluationRow& row, const Context& context) const {
    const std::vector<std::string> missing = missingMetrics(row);
    if (missing.empty()) return;
    const SourcePtr& source = arms_[cell.arm].source;
    EncodeSettings encodeSettings;
    encodeSettings.count = kTrainRows + kTestRows;
    encodeSettings.device = settings_.profile.train.device;
    const Codes codes = encode(source, pathOf(cell), encodeSettings, context);
    MetricInput input;
    input.codes = viewOf(codes);
    input.sizes = sizes_;
    for (const std::string& name : missing) {
      const Metric& one = metric(name);
      if (one.needsPairs && !input.pairs)
        input.pairs = encoderCodes(source, pathOf(cell), codes.latents, encodeSettings.device, context);
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

  // A finished run that lacks metrics. Its checkpoint may be gone, and then it is trained again.
  EvaluationRow scoredAgain(const Cell& cell, EvaluationRow row, const Context& context) const {
    if (!std::filesystem::exists(pathOf(cell) + "/run.json"))
      context_.note(pathOf(cell) + " is gone: training it again to score it");
    trainVae(arms_[cell.arm].source, trainSettings(cell), pathOf(cell), context);
    addScores(cell, row, context);
    const Json there = Json::parse(readTextFile(pathOf(cell) + ".json"));
    writeRow(cell, row, comparable(identityOf(cell), there.at("identity")));
    return row;
  }

  void scoreCodes(const Cell& cell, const TrainResult& trained, EvaluationRow& row, const Context& context) const {
    EncodeSettings encodeSettings;
    encodeSettings.count = settings_.profile.encodeCount;
    encodeSettings.device = settings_.profile.train.device;
    const Codes codes = encode(arms_[cell.arm].source, pathOf(cell), encodeSettings, context);
    row.mig = mig(viewOf(codes));
    row.rotated = rotatedMig(viewOf(codes), rotated_, first().grid);
    row.reconstruction = trained.reconstruction;
    row.kl = trained.kl;
    row.activeUnits = trained.activeUnits;
  }

  // Trains a run in stretches and scores it after each but the last, which is the caller's. The stretches end where the
  // loss is logged, so that the run ends with the same bits and the same curve as in one go. What was scored is kept
  // beside the checkpoint; a point that a run of an earlier process has passed is left out.
  std::vector<StepScore> scoreOnTheWay(const Cell& cell, TrainSettings& train, const Context& context) const {
    const std::string path = pathOf(cell) + "/mig_over_steps.json";
    std::vector<StepScore> scores;
    if (std::filesystem::exists(path)) {
      scores = from(path, "remove it, and what was scored on the way is left out",
                    [&] { return stepScoresFromJson(Json::parse(readTextFile(path))); });
    }
    const std::uint64_t done = stepsTrained(pathOf(cell));
    const std::uint64_t all = train.steps;
    for (std::uint64_t k = 1; k < settings_.pointsOnTheWay; ++k) {
      const std::uint64_t at = all * k / settings_.pointsOnTheWay / train.logEvery * train.logEvery;
      const bool known = std::any_of(scores.begin(), scores.end(), [&](const StepScore& s) { return s.steps == at; });
      if (at == 0 || at < done || known) continue;
      train.steps = at;
      trainVae(arms_[cell.arm].source, train, pathOf(cell), context);
      EncodeSettings encodeSettings;
      encodeSettings.count = settings_.profile.encodeCount;
      encodeSettings.device = settings_.profile.train.device;
      scores.push_back({at, mig(viewOf(encode(arms_[cell.arm].source, pathOf(cell), encodeSettings, context))).value});
      writeTextFile(path, toJson(scores).dump() + "\n", Overwrite::Replace);
    }
    train.steps = all;
    return scores;
  }

  EvaluationRow evaluateCell(const Cell& cell, const Context& context) const {
    const OpenArm& arm = arms_[cell.arm];
    EvaluationRow row;
    row.variant = arm.arm.name;
    row.model = cell.model;
    row.seed = cell.seed;
    row.sourceDefinition = arm.definition;
    try {
      TrainSettings train = trainSettings(cell);
      if (settings_.pointsOnTheWay > 1 && !isSupervised(cell.model))
        row.migOverSteps = scoreOnTheWay(cell, train, context);
      const TrainResult trained = trainVae(arm.source, train, pathOf(cell), context);
      row.seconds = trained.seconds;
      if (isSupervised(cell.model)) {
        row.probe = probe(arm.source, pathOf(cell), settings_.profile.train.device, context);
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
    writeRow(cell, row, identityOf(cell));
    return row;
  }

  void train(const std::vector<std::size_t>& open) {
    if (open.empty()) return;
    std::uint64_t steps = 0;
    for (const std::size_t i : open) steps += trainSettings(cells_[i]).steps;
    context_.begin("evaluating " + std::to_string(open.size()) + " runs", steps, "steps");
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> finished{cells_.size() - open.size()};
    std::mutex mutex;
    std::exception_ptr failure;
    const std::function<std::string()> progressText = [&] {
      return std::to_string(finished) + " of " + std::to_string(cells_.size()) + " runs done";
    };
    const auto work = [&](bool leads) {
      GridProgress progress(context_, leads, progressText);
      for (std::size_t at = next++; at < open.size(); at = next++) {
        try {
          const Cell& cell = cells_[open[at]];
          const FileLock claim(pathOf(cell) + ".lock");
          if (!claim.held()) continue;  // another process is at it
          progress.nextRun();
          std::optional<EvaluationRow> row;
          row = readRow(cell);  // another process may have made it since
          if (!row) {
            row = evaluateCell(cell, {1, context_.cancel, &progress});
          } else if (!missingMetrics(*row).empty()) {
            row = scoredAgain(cell, std::move(*row), {1, context_.cancel, &progress});
          }
          const std::lock_guard<std::mutex> lock(mutex);
          rows_[open[at]] = std::move(row);
          writeResults();
          ++finished;
          context_.status(progressText());
        } catch (...) {
          const std::lock_guard<std::mutex> lock(mutex);
          if (!failure) failure = std::current_exception();
          next = open.size();  // runs under way end, and are kept; no new ones begin
          return;
        }
      }
    };
    std::vector<std::thread> workers;
    const auto count = std::min<std::size_t>(static_cast<std::size_t>(std::max(context_.threads, 1)), open.size());
    startThreads(workers, 0, static_cast<int>(count), 1, [&](int worker) { work(worker == 0); });
    for (std::thread& worker : workers) worker.join();
    context_.end();
    if (!failure) return;
    writeResults();
    try {
      std::rethrow_exception(failure);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Interrupted || !settings_.overwrite) throw;
      throw Error(ErrorKind::Interrupted, error.what(), kGoesOnWithoutForce);
    }
  }

  // Arms that show the same, such as one psi named twice, are one cluster.
  std::uint32_t clusterOf(std::size_t arm) const {
    std::uint32_t first = 0;
    while (arms_[first].identity != arms_[arm].identity || arms_[first].definition != arms_[arm].definition) ++first;
    return first;
  }

  void fillSummary() {
    std::vector<FinishedRun> finished;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      if (rows_[i] && rows_[i]->error.empty()) finished.push_back({&*rows_[i], clusterOf(cells_[i].arm)});
    }
    result_.summary = summarise(finished, variants_, settings_.models, against());
  }

  void calibrate() {
    if (calibrated_) return;
    const std::uint64_t count = settings_.profile.encodeCount;
    const Source& source = *arms_[0].source;
    std::vector<std::int64_t> factors;
    const Philox philox(0, "calibration");
    for (std::uint64_t i = 0; i < count; ++i) {
      for (const std::uint32_t level : first().grid.levelsOf(source.gridIndex(philox.below(source.size(), i))))
        factors.push_back(level);
    }
    result_.calibration = calibrateMig({nullptr, factors.data(), count, 0, sizes_.size()}, sizes_, 0);
    calibrated_ = true;
  }

  void writeResults() {
    calibrate();
    fillSummary();
    result_.complete = std::all_of(rows_.begin(), rows_.end(), [&](const auto& row) { return isDone(row); });
    // Rows that are older than definitions say nothing of theirs, so nothing is said for them.
    std::set<const OpenArm*> unvouched;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      if (rows_[i] && rows_[i]->sourceDefinition.empty()) unvouched.insert(&arms_[cells_[i].arm]);
    }
    Json sources = Json::object();
    for (const OpenArm& arm : arms_) {
      Json& source = sources[arm.arm.label()];
      source = {{"expression", arm.arm.expression},
                {"resolved", arm.source->info().expression()},
                {"identity", arm.identity}};
      if (!unvouched.count(&arm)) source["definition"] = arm.definition;
    }
    Json rows = Json::array();
    for (const auto& row : rows_) {
      if (row) rows.push_back(toJson(*row));
    }
    Json summaries = Json::array();
    for (const EvaluationSummary& summary : result_.summary)
      summaries.push_back(toJson(summary, summary.variant == against() ? "" : against()));
    Json results{{"schema_version", kSchemaVersion},
                 {"status", result_.complete ? "complete" : "partial"},
                 {"configuration", configuration()}};
    if (std::any_of(settings_.models.begin(), settings_.models.end(), isSupervised))
      results["probe"] = probeConfiguration();
    results.update(Json{{"seeds", seeds_},
                        {"models", settings_.models},
                        {"sources", sources},
                        {"calibration",
                         {{"ceiling", result_.calibration.ceiling},
                          {"floor", result_.calibration.floor},
                          {"floor_sd", result_.calibration.floorSd}}},
                        {"summary", summaries},
                        {"rows", rows}});
    result_.path = file("results.json");
    writeTextFile(result_.path, results.dump(2) + "\n", Overwrite::Replace);
  }

  EvaluationResult finish() {
    std::size_t failed = 0;
    std::string example;
    std::size_t elsewhere = 0, unscored = 0;
    for (const auto& row : rows_) {
      if (!row) {
        ++elsewhere;
        continue;
      }
      if (row->error.empty() && !isDone(row)) ++unscored;
      if (row->error.empty()) {
        result_.rows.push_back(*row);
        continue;
      }
      ++failed;
      example = row->variant + ", " + row->model + ", seed " + std::to_string(row->seed) + ": " + row->error;
    }
    if (elsewhere > 0)
      context_.note(std::to_string(elsewhere) + " runs are being made by other processes; the last to end has all" +
                    (metrics_.empty() ? "" : ", and their metrics where it was asked for them"));
    if (unscored > 0)
      context_.note(
          std::to_string(unscored) +
          " runs lack metrics, other processes are at them: the same command again adds what is missing then");
    if (failed > 0) {
      throw Error(ErrorKind::Failed,
                  std::to_string(failed) + " of " + std::to_string(rows_.size()) + " runs failed, such as " + example,
                  "the others are in " + result_.path);
    }
    return std::move(result_);
  }

  EvaluateSettings settings_;
  std::string directory_;
  const Context& context_;
  std::vector<OpenArm> arms_;
  std::vector<std::string> variants_;  // the arms' names, in their order
  std::set<std::uint64_t> seeds_;
  std::vector<std::uint32_t> sizes_;
  RotatedAxes rotated_;
  std::vector<std::string> metrics_;  // besides MIG
  std::vector<Cell> cells_;
  std::vector<std::optional<EvaluationRow>> rows_;
  EvaluationResult result_;
  bool calibrated_ = false;
};

}  // namespace

std::string EvaluationArm::label() const {
  return seeds.empty() ? name : name + "@" + std::to_string(seeds.first) + ":" + std::to_string(seeds.end);
}

SeedRange parseSeeds(const std::string& text, const std::string& what) {
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 32, kMost = 1000;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return {0, parseUnsigned(text, what, 1, kMost)};
  const std::uint64_t first = parseUnsigned(text.substr(0, colon), what, 0, kLargest);
  return {first, parseUnsigned(text.substr(colon + 1), "the end of " + what, first + 1, first + kMost)};
}

EvaluationArm parseArm(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string label = text.substr(0, equals);
  const std::size_t at = label.find('@');
  const std::string name = label.substr(0, at);
  const bool plain = !name.empty() && name[0] != '.' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (equals == std::string::npos || equals + 1 == text.size() || !plain) {
    throw Error(ErrorKind::Usage, "'" + text + "' is not NAME=SOURCE", "such as original=xysquares:spacing=1");
  }
  EvaluationArm arm{name, text.substr(equals + 1), {}};
  if (at != std::string::npos) {
    const std::string seeds = label.substr(at + 1);
    if (seeds.find(':') == std::string::npos)
      throw Error(ErrorKind::Usage, "'" + seeds + "' is no range of seeds", "write " + name + "@4:8=SOURCE");
    arm.seeds = parseSeeds(seeds, name + "'s seeds");
  }
  return arm;
}

EvaluationResult evaluate(const EvaluateSettings& settings, const std::string& directory, const Context& context) {
  return Evaluation(settings, directory, context).run();
}

}  // namespace offaxis
