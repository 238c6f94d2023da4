#include "experiment/evaluation_grid.h"

#include <algorithm>
#include <map>

#include "core/error.h"
#include "core/rotation.h"
#include "core/text.h"
#include "datasets/content.h"
#include "learn/cached_source.h"
#include "measure/metrics.h"
#include "measure/mig.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

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

}  // namespace

EvaluationGrid::EvaluationGrid(const EvaluateSettings& settings) : settings_(settings) {
  check();
  const std::map<std::string, SourcePtr> sources = openArms(settings_.arms, settings_.profile.size);
  for (const EvaluationArm& arm : settings_.arms) {
    const SourcePtr& source = sources.at(arm.expression);
    const SourceInfo& of = source->info();
    if (!arms_.empty() && (of.dataset != info().dataset || of.shape != info().shape || of.grid != info().grid)) {
      throw Error(ErrorKind::Usage,
                  arm.name + " shows " + of.dataset + " at " + toString(of.shape) + ", " + arms_[0].arm.name + " " +
                      info().dataset + " at " + toString(info().shape),
                  "compare variants of one dataset at one size");
    }
    arms_.push_back({arm, source, sourceIdentity(*source), sourceDefinition(*source), {}});
  }
  for (const Factor& factor : info().grid.factors()) sizes_.push_back(static_cast<std::uint32_t>(factor.size()));
  const ModelDefaults defaults = modelDefaults(info(), settings_.profile.name);
  if (settings_.profile.train.steps == 0) settings_.profile.train.steps = defaults.steps;
  latents_ = settings_.latents > 0 ? settings_.latents : defaults.latents;
  beta_ = settings_.beta >= 0 ? settings_.beta : defaults.beta;
  loss_ = settings_.loss.empty() ? defaults.loss : settings_.loss;
  findRotation();
  for (const std::string& name : settings_.metrics) {  // MIG is in every row as it is
    if (name == "mig" || std::find(metrics_.begin(), metrics_.end(), name) != metrics_.end()) continue;
    metrics_.push_back(name);
    for (const OpenArm& arm : arms_) {
      if (!metric(name).needsPairs || arm.source->size() == arm.source->info().grid.size()) continue;
      throw Error(ErrorKind::Usage, arm.arm.label() + " holds a part of the factor grid, " + name + " needs all of it",
                  "leave the metric out, or name the whole dataset");
    }
  }
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {  // before anything is written
    for (const std::string& model : settings_.models) checkTraining(*arms_[arm].source, trainSettings({arm, model, 0}));
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
}

SeedRange EvaluationGrid::seedsOf(const EvaluationArm& arm) const {
  if (!arm.seeds.empty()) return arm.seeds;
  return settings_.seeds.empty() ? SeedRange{0, settings_.profile.seeds} : settings_.seeds;
}

void EvaluationGrid::check() const {
  if (settings_.arms.empty()) throw Error(ErrorKind::Usage, "no sources to evaluate", "give at least one NAME=SOURCE");
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
  if (!knownAgainst) throw Error(ErrorKind::Usage, "no source is called '" + settings_.against + "', to compare with");
  const std::vector<std::string> known = modelNames();
  std::set<std::string> models;
  for (const std::string& model : settings_.models) {
    if (std::find(known.begin(), known.end(), model) == known.end()) {
      throw Error(ErrorKind::Usage, "no model is called '" + model + "'", "known: " + joined(known));
    }
    if (!models.insert(model).second) throw Error(ErrorKind::Usage, "the model " + model + " is given twice");
  }
}

void EvaluationGrid::findRotation() {
  std::string from;  // the arm whose psi R came from
  for (const OpenArm& arm : arms_) {
    const std::string path = psiPathOf(arm.arm.expression);
    if (path.empty()) continue;
    RotatedAxes rotated = rotatedAxesOf(path, info().grid);
    if (rotated.matrix.empty()) continue;
    if (!from.empty() && rotated != rotated_) {
      throw Error(ErrorKind::Usage, arm.arm.label() + "'s psi was made with another rotation than " + from + "'s",
                  "evaluate perturbations of one rotation at a time: rotated MIG is measured against it");
    }
    if (!from.empty()) continue;
    from = arm.arm.label();
    rotation_ = "psi of " + arm.arm.name;
    rotated_ = std::move(rotated);
  }
  if (!from.empty()) return;
  std::size_t varying = 0;
  for (const std::uint32_t size : sizes_) varying += size > 1 ? 1 : 0;
  rotation_ = varying < 2 ? "none" : "blocks";
  if (varying >= 2) rotated_.matrix = rotationMatrix("blocks", info().grid, 0);
}

void EvaluationGrid::findRoots(const std::vector<std::size_t>& cells, const Context& context) {
  std::map<const Source*, std::string> roots;  // arms of one expression share their source
  for (const std::size_t i : cells) {
    const SourcePtr& source = arms_[cells_[i].arm].source;
    if (!isSupervised(cells_[i].model)) continue;
    std::string& root = roots[source.get()];
    if (root.empty()) root = toHex(contentRoot(*source, context));
  }
  for (OpenArm& arm : arms_) {
    if (const auto root = roots.find(arm.source.get()); root != roots.end()) arm.root = root->second;
  }
}

std::uint32_t EvaluationGrid::clusterOf(std::size_t arm) const {
  std::uint32_t first = 0;
  while (arms_[first].identity != arms_[arm].identity || arms_[first].definition != arms_[arm].definition) ++first;
  return first;
}

TrainSettings EvaluationGrid::trainSettings(const Cell& cell) const {
  TrainSettings train = settings_.profile.train;
  train.model = cell.model;
  train.seed = cell.seed;
  train.latents = latents_;
  train.beta = beta_;
  train.loss = loss_;
  train.sourceRoot = isSupervised(cell.model) ? arms_[cell.arm].root : "";
  if (isSupervised(cell.model)) train.steps = settings_.profile.probeSteps;
  return train;
}

Json EvaluationGrid::configuration() const {
  const TrainSettings& train = settings_.profile.train;
  Json json{{"profile", settings_.profile.name},
            {"dataset", info().dataset},
            {"image", toString(info().shape)},
            {"latents", latents_},
            {"beta", beta_},
            {"loss", loss_},
            {"net", train.net},
            {"batch", train.batch},
            {"steps", train.steps},
            {"optimiser", "adam"},
            {"learning_rate", train.learningRate},
            {"encoded_images", settings_.profile.encodeCount},
            {"encode_seed", 0},
            {"mig", kMigDefinition},
            {"rotation", rotation_},
            {"rotation_matrix", rotated_.matrix}};
  // Named only where it is not the first: results made before there was a choice stay what they are.
  if (train.precision != "float32") json["precision"] = train.precision;
  if (rotated_.coordinates != "levels") json["rotated_coordinates"] = rotated_.coordinates;
  return json;
}

Json EvaluationGrid::probeConfiguration() const {
  return {{"definition", kProbeDefinition}, {"steps", settings_.profile.probeSteps}, {"split_seed", 0}};
}

Json EvaluationGrid::identityOf(const Cell& cell) const {
  Json identity = configuration();
  identity["model"] = cell.model;
  identity["seed"] = cell.seed;
  identity["source"] = arms_[cell.arm].identity;
  identity[kSourceDefinitionKey] = arms_[cell.arm].definition;
  if (isSupervised(cell.model)) identity["probe"] = probeConfiguration();
  return identity;
}

}  // namespace offaxis
