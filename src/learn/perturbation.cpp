#include "learn/perturbation.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/content.h"
#include "learn/cached_source.h"
#include "learn/device.h"
#include "learn/loss_curve.h"
#include "learn/reference_ensemble.h"
#include "learn/run_directory.h"
#include "learn/rung_json.h"
#include "learn/torch_errors.h"
#include "learn/trainable_psi.h"
#include "measure/restraint.h"
#include "storage/staged.h"
#include "variants/additive.h"
#include "variants/delta_spectrum.h"
#include "variants/psi_network.h"
#include "variants/psi_pattern.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;
using torch::Tensor;

constexpr const char* kCheckpoint = "checkpoint.h5";
constexpr double kSaturated = 0.95;       // |m| from which on tanh hardly passes a gradient
constexpr std::uint64_t kRivals = 4;      // one-step variants that each image is held apart from in a step
constexpr double kSeparationLimit = 0.7;  // of the way to where a rival is as near; the rest is for unseen images
constexpr std::uint64_t kCalibrationRows = 512;
constexpr std::uint64_t kQuantisationRows = 128;

[[noreturn]] void usage(const std::string& message, const std::string& hint) {
  throw Error(ErrorKind::Usage, message, hint);
}

constexpr std::size_t kRungValues = 9;

std::vector<double> flat(const RungMeasure& r) {
  return {r.weight,          r.entangled.rec,          r.entangled.kl, r.entangled.objective, r.disentangled.rec,
          r.disentangled.kl, r.disentangled.objective, r.recGapError,  r.objectiveGapError};
}

RungMeasure rungOf(const double* v) {
  return {v[0], {v[1], v[2], v[3]}, {v[4], v[5], v[6]}, v[7], v[8]};
}

const ManipulateSettings& checked(const ManipulateSettings& settings, const SourceInfo& info) {
  check(settings, info);
  return settings;
}

// The price of separation: what psi pays where it carries images towards others' originals.
class Rivals {
 public:
  // `source` outlives this.
  Rivals(const Source& source, const ManipulateSettings& settings) : source_(source), settings_(settings) {
    const std::vector<Factor>& factors = source.info().grid.factors();
    for (std::size_t k = 0; k < factors.size(); ++k) {
      if (factors[k].size() > 1) varying_.push_back(k);
    }
    for (std::uint64_t row = 0; row < source.size(); ++row) rowOf_[source.gridIndex(row)] = row;
  }

  // The gradient of the price with respect to `target`, the perturbed images of `batch` whose originals are x, f32
  // [N,C,H,W]: see ManipulateSettings::separation. Step number `index` draws the rivals.
  Tensor signal(const ReferenceEnsemble& models, const ReferenceBatch& batch, const Tensor& x, const Tensor& target,
                std::uint64_t index) const {
    const FactorGrid& grid = source_.info().grid;
    const Philox draws(settings_.seed, "manipulate:rivals");
    Tensor total = torch::zeros_like(x);
    std::vector<std::uint32_t> levels(grid.factorCount());
    for (std::uint64_t r = 0; r < kRivals; ++r) {
      std::vector<std::uint64_t> rows;
      for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        grid.levelsOf(source_.gridIndex(batch.rows[i]), levels.data());
        step(levels, draws, index, i * kRivals + r);
        const auto found = rowOf_.find(grid.indexOf(levels.data()));
        rows.push_back(found == rowOf_.end() ? batch.rows[i] : found->second);  // itself: no rival
      }
      total.add_(separationSignal(x, target, onUnit(models.gather(std::move(rows)).images), kSeparationLimit),
                 settings_.separation / static_cast<double>(kRivals));
    }
    return total;
  }

 private:
  // The level of one factor moved by one step: cyclic ones wrap, categorical ones move to any other level.
  void step(std::vector<std::uint32_t>& levels, const Philox& draws, std::uint64_t index, std::uint64_t lane) const {
    const std::size_t factor = varying_[draws.below(varying_.size(), index, 3 * lane)];
    const auto size = static_cast<std::uint32_t>(source_.info().grid.factors()[factor].size());
    std::uint32_t& level = levels[factor];
    const bool up = draws.below(2, index, 3 * lane + 1) == 1;
    switch (source_.info().grid.factors()[factor].kind) {
      case FactorKind::Categorical:
        level = (level + 1 + static_cast<std::uint32_t>(draws.below(size - 1, index, 3 * lane + 2))) % size;
        break;
      case FactorKind::Cyclic:
        level = (level + (up ? 1 : size - 1)) % size;
        break;
      case FactorKind::Ordinal:
        level = level == 0 ? 1 : level == size - 1 ? size - 2 : up ? level + 1 : level - 1;
        break;
    }
  }

  const Source& source_;
  const ManipulateSettings& settings_;
  std::vector<std::size_t> varying_;                        // factors of more than one level
  std::unordered_map<std::uint64_t, std::uint64_t> rowOf_;  // by grid index
};

// Every tenth step.
void showLosses(const LossCurve& curve, const ReferenceEnsemble& models, std::uint64_t step, const Context& context) {
  if ((step + 1) % 10 != 0) return;
  if (const std::string status = curve.status(models.weights().back()); !status.empty()) context.status(status);
}

class Manipulation {
 public:
  Manipulation(SourcePtr base, const ManipulateSettings& settings, std::string directory, const Context& context)
      : base_(std::move(base)),
        info_(base_->info()),
        s_(checked(settings, info_)),
        directory_(std::move(directory)),
        context_(context),
        device_(openDevice(s_.device)),
        models_(base_, s_, device_, context),
        psi_(info_, s_, device_, context),
        curve_(models_.rungs()) {
    if (s_.separation > 0) rivals_.emplace(*base_, s_);
    identity_ = toJson(s_);
    identity_["dataset"] = info_.dataset;
    identity_["source"] = info_.expression();
    identity_["fingerprint"] = fingerprint(*rootOf(base_));
  }

  ManipulateResult run() {
    if (info_.variant != "original")
      usage("psi is trained on an original, not on '" + info_.expression() + "'", "leave the variant out");
    if (s_.restrain == "pixels" && base_->size() < info_.grid.size())
      usage("psi can be restrained by pixels on a whole dataset alone, not on a part of it", "restrain images");
    std::error_code failed;
    std::filesystem::create_directories(directory_, failed);
    if (failed)
      throw Error(ErrorKind::CannotWrite, "cannot make the directory '" + directory_ + "': " + failed.message());
    if (std::optional<ManipulateResult> done = finished()) return *done;
    const RunClaim claim(directory_);
    if (std::optional<ManipulateResult> done = finished()) return *done;  // by a process that has just ended
    resume();
    models_.setWeights();
    const std::uint64_t total = s_.warmupSteps + s_.psiSteps + s_.freshSteps;
    if (step_ > freshStart()) quantisePsi();
    context_.begin("manipulate", total, "steps", step_);
    if (resumed_) context_.note("resumed at step " + std::to_string(step_));
    auto saved = std::chrono::steady_clock::now();
    for (; step_ < total; ++step_) {
      if (context_.cancel && context_.cancel->requested()) {
        save();
        context_.throwIfCancelled();
      }
      if (std::chrono::duration<double>(std::chrono::steady_clock::now() - saved).count() > s_.checkpointSeconds) {
        save();
        saved = std::chrono::steady_clock::now();
      }
      if (step_ == 0) models_.start("warmup");
      if (step_ == s_.warmupSteps) original_ = models_.measure();
      if (step_ == freshStart()) {
        save();  // restraining psi may take minutes
        context_.end();
        quantisePsi();
        context_.begin("manipulate", total, "steps", step_);
        models_.start("fresh");
      }
      oneStep();
      context_.advance(1);
    }
    ManipulateResult result = finish();
    context_.end();
    return result;
  }

 private:
  std::uint64_t freshStart() const { return s_.warmupSteps + s_.psiSteps; }
  std::string file(const char* name) const { return (std::filesystem::path(directory_) / name).string(); }

  // The images that the integer network makes, u8.
  Tensor shipped(const ReferenceBatch& batch) const {
    Tensor images = batch.images.to(torch::kCPU).permute({0, 2, 3, 1}).contiguous().clone();  // never the batch itself
    const std::size_t bytes = info_.shape.bytes();
    std::vector<std::int16_t> delta(bytes);
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      shipped_->deltas(base_->canonicalIndex(base_->gridIndex(batch.rows[i])), delta.data());
      std::uint8_t* image = images.data_ptr<std::uint8_t>() + i * bytes;
      for (std::size_t p = 0; p < bytes; ++p) {
        image[p] = static_cast<std::uint8_t>(std::min(std::max(image[p] + delta[p], 0), 255));
      }
    }
    return sentTo(device_, images.permute({0, 3, 1, 2}));
  }

  // A rung whose models were just started anew says nothing yet about where to push.
  std::optional<std::size_t> restingRung() const {
    if (s_.restartEvery == 0 || step_ < s_.warmupSteps || step_ >= freshStart()) return std::nullopt;
    const std::uint64_t since = step_ - s_.warmupSteps;
    if (since < s_.restartEvery || since % s_.restartEvery >= s_.restartEvery / 2) return std::nullopt;
    return since / s_.restartEvery % s_.ladder.size();
  }

  void oneStep() {
    const bool withPsi = step_ >= s_.warmupSteps && step_ < freshStart();
    const bool fresh = step_ >= freshStart();
    // Fresh models see the very rows and noise that the first ones saw: the two are compared.
    const std::uint64_t index = fresh ? step_ - freshStart() : step_;
    const ReferenceBatch batch = models_.draw(index);
    const Tensor x = onUnit(fresh ? shipped(batch) : batch.images);
    if (withPsi) {
      restartRung();
      stepOfPsi(batch, index, x);
    } else {
      record({}, models_.train(batch, index, x));
    }
  }

  void restartRung() {
    const std::uint64_t since = step_ - s_.warmupSteps;
    if (s_.restartEvery == 0 || since == 0 || since % s_.restartEvery != 0) return;
    const std::uint64_t restart = since / s_.restartEvery;
    models_.startRung(restart % models_.rungs(), "restart" + std::to_string(restart));
  }

  // The models follow psi's images, and psi follows what they say.
  void stepOfPsi(const ReferenceBatch& batch, std::uint64_t index, const Tensor& x) {
    const double eps = s_.eps.levels() / 255.0, images = static_cast<double>(batch.size());
    const TrainablePsi::Pass psi = psi_.pass(batch.levels);
    const Tensor target = perturbed(x, psi.m, eps);
    const ReferenceEnsemble::Steps steps = models_.train(batch, index, target);
    Tensor signal = models_.signal(steps, restingRung(), s_.sign);
    if (rivals_) signal = signal + rivals_->signal(models_, batch, x, target, index) / images;
    Tensor toM = throughClip(x, psi.m, eps, signal);
    if (s_.energy > 0) toM = toM + (2.0 * s_.energy * eps * eps / images) * psi.m;
    psi_.step(psi, toM);
    const Tensor moved = x + eps * psi.m;
    const auto share = [](const Tensor& chosen) { return chosen.to(torch::kFloat32).mean().item<double>(); };
    record(
        {psi.m.abs().mean().item<double>(), share(psi.m.abs() > kSaturated), share((moved < 0).logical_or(moved > 1))},
        steps);
  }

  void record(const PsiActivity& psi, const ReferenceEnsemble::Steps& steps) {
    showLosses(curve_, models_, step_, context_);
    curve_.add(step_ + 1, psi, models_.losses(steps, step_));
  }

  std::vector<std::uint32_t> levelsOfRows(const char* stream, std::uint64_t count) const {
    const Philox draws(s_.seed, stream);
    const std::size_t k = info_.grid.factorCount();
    std::vector<std::uint32_t> levels(count * k);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t row = draws.below(base_->size(), i);
      info_.grid.levelsOf(base_->canonicalIndex(base_->gridIndex(row)), &levels[i * k]);
    }
    return levels;
  }

  void quantisePsi() {
    quantised_ = psi_.quantised(levelsOfRows("manipulate:calibration", kCalibrationRows));
    integer_ = s_.additive == "projected" ? additiveOf(*quantised_) : *quantised_;
    integer_->dataset = info_.dataset;
    integer_->fingerprint = identity_["fingerprint"];
    integer_->provenance = identity_.dump();
    if (s_.restrain != "no") restrainPsi();
    shipped_.emplace(*integer_, "the network", base_);
  }

  void restrainPsi() {
    std::vector<SourcePtr> originals{base_};
    if (const SourcePtr root = rootOf(base_); root->info().shape != info_.shape) originals.push_back(root);
    // Each original is read several times over.
    const RestraintScope scope = s_.restrain == "pixels" ? RestraintScope::Pixels : RestraintScope::Images;
    integer_->restraints = restraintsFor(*integer_, cachedWhereSlow(originals), scope, context_);
  }

  NamedTensors tensors() const {
    NamedTensors all;
    psi_.appendState(all);
    models_.appendState(all);
    return all;
  }

  void save() {
    if (step_ == 0) return;  // nothing that starting anew would not give
    NamedTensors all = tensors();
    std::vector<double> progress{static_cast<double>(step_), static_cast<double>(original_.size())};
    for (const RungMeasure& rung : original_) {
      const std::vector<double> values = flat(rung);
      progress.insert(progress.end(), values.begin(), values.end());
    }
    const std::vector<double> curve = curve_.state();
    progress.insert(progress.end(), curve.begin(), curve.end());
    all.emplace_back("progress", torch::tensor(progress, torch::kFloat64));
    saveCheckpoint(file(kCheckpoint), identity_.dump(), all);
    writeLog("partial", nullptr);
  }

  void resume() {
    const std::string path = file(kCheckpoint);
    if (!std::filesystem::exists(path)) return;
    models_.start("warmup");  // makes the optimisers' tensors, which the checkpoint fills
    loadCheckpoint(path, identity_.dump(), tensors());
    const Tensor vector = loadCheckpointVector(path, "progress");
    const double* progress = vector.data_ptr<double>();
    const auto length = static_cast<std::size_t>(vector.numel());
    const std::size_t measured = length >= 2 && progress[1] > 0 ? models_.rungs() : 0;
    const std::size_t curve = 2 + measured * kRungValues;
    const bool sound = length >= curve && progress[0] >= 1 &&
                       progress[0] <= static_cast<double>(freshStart() + s_.freshSteps) &&
                       curve_.resume(progress + curve, length - curve);
    if (!sound) throw Error(ErrorKind::BadFile, path + " is damaged", "remove it to start anew");
    step_ = static_cast<std::uint64_t>(progress[0]);
    for (std::size_t r = 0; r < measured; ++r) original_.push_back(rungOf(progress + 2 + r * kRungValues));
    resumed_ = true;
  }

  std::optional<ManipulateResult> finished() const {
    if (!std::filesystem::exists(file("log.json"))) return std::nullopt;
    try {
      const Json log = Json::parse(readTextFile(file("log.json")));
      if (log.at("identity") != identity_) {
        std::string what;
        for (const auto& [key, value] : identity_.items()) {
          const Json there = log["identity"].value(key, Json());
          if (what.empty() && there != value) what = key + " is " + there.dump() + " there, " + value.dump() + " here";
        }
        for (const auto& [key, value] : log["identity"].items()) {  // settings that are named only where they are used
          if (what.empty() && !identity_.contains(key)) what = key + " is " + value.dump() + " there, not set here";
        }
        throw Error(ErrorKind::BadFile, directory_ + " belongs to another run: " + what,
                    "use another directory or the same settings, or remove this one to start anew");
      }
      if (log.at("status") != "done" || !std::filesystem::exists(file("psi.h5"))) return std::nullopt;
      ManipulateResult result = paths();
      result.original = rungsFromJson(log.at("original"));
      result.modified = rungsFromJson(log.at("modified"));
      result.quantisationMean = log.at("quantisation").at("mean_levels");
      result.quantisationMax = log.at("quantisation").at("max_levels");
      result.meanDelta = log.at("mean_abs_delta");
      result.clippedShare = log.at("clipped_share");
      result.restrained = log.value("restrained", std::uint64_t{0});
      result.deltaSpectrum = log.value("delta_spectrum", std::vector<double>());  // older logs have none
      result.alreadyDone = true;
      return result;
    } catch (const Json::exception&) {
      throw Error(ErrorKind::BadFile, file("log.json") + " is not a run's log",
                  "use another directory, or remove this one to start anew");
    }
  }

  ManipulateResult paths() const {
    ManipulateResult result;
    result.psiPath = file("psi.h5");
    result.logPath = file("log.json");
    result.resumed = resumed_;
    return result;
  }

  void writeLog(const char* status, const ManipulateResult* result) const {
    Json log{{"schema_version", 1}, {"status", status}, {"identity", identity_}};
    if (!original_.empty()) log["original"] = toJson(original_);
    if (result) {
      log["modified"] = toJson(result->modified);
      log["quantisation"] = {{"mean_levels", result->quantisationMean}, {"max_levels", result->quantisationMax}};
      log["mean_abs_delta"] = result->meanDelta;
      log["clipped_share"] = result->clippedShare;
      if (s_.restrain != "no") log["restrained"] = result->restrained;
      log["delta_spectrum"] = result->deltaSpectrum;
    }
    log["curves"] = curve_.toJson(models_.weights(), [&](std::uint64_t step) {
      return step <= s_.warmupSteps ? "warmup" : step <= freshStart() ? "psi" : "fresh";
    });
    log["circumstances"] = {{"device", toString(device_)},
                            {"libtorch", torchVersion()},
                            {"threads", context_.threads},
                            {"resumed", resumed_}};
    writeTextFile(file("log.json"), log.dump(1) + "\n", Overwrite::Replace);
  }

  ManipulateResult finish() {
    ManipulateResult result = paths();
    result.original = original_;
    result.modified = models_.measure([&](const ReferenceBatch& batch) { return shipped(batch); });
    result.restrained = integer_->restrainedImages();
    const QuantisationError error =
        psi_.errorOf(*quantised_, levelsOfRows("manipulate:quantisation", kQuantisationRows));
    result.quantisationMean = error.mean;
    result.quantisationMax = error.max;
    measureDelta(result);
    integer_->save(result.psiPath, Overwrite::Replace);
    writeLog("done", &result);
    std::error_code kept;  // a checkpoint that stays is passed over: log.json says that the run is done
    std::filesystem::remove(file(kCheckpoint), kept);
    return result;
  }

  void measureDelta(ManipulateResult& result) const {
    const Philox rowStream(s_.seed, "manipulate:measure");
    const std::size_t bytes = info_.shape.bytes();
    std::vector<std::uint8_t> image(bytes);
    std::vector<std::int16_t> delta(bytes);
    DeltaSpectrum spectrum(info_.shape.height, info_.shape.channels);
    std::uint64_t moved = 0;
    std::uint64_t clipped = 0;
    for (std::uint64_t i = 0; i < s_.measureRows; ++i) {
      const std::uint64_t row = rowStream.below(base_->size(), i);
      base_->read(row, image.data());
      shipped_->deltas(base_->canonicalIndex(base_->gridIndex(row)), delta.data());
      spectrum.add(delta.data());
      for (std::size_t p = 0; p < bytes; ++p) {
        const int wanted = image[p] + delta[p];
        const int got = std::min(std::max(wanted, 0), 255);
        moved += static_cast<std::uint64_t>(std::abs(got - image[p]));
        clipped += got != wanted;
      }
    }
    const double values = static_cast<double>(s_.measureRows) * static_cast<double>(bytes);
    result.meanDelta = static_cast<double>(moved) / values / 255.0;
    result.clippedShare = static_cast<double>(clipped) / values;
    result.deltaSpectrum = spectrum.shares();
  }

  SourcePtr base_;
  SourceInfo info_;
  ManipulateSettings s_;
  std::string directory_;
  const Context& context_;
  torch::Device device_;
  ReferenceEnsemble models_;
  TrainablePsi psi_;
  std::optional<Rivals> rivals_;         // where separation has a price
  std::optional<PsiNetwork> quantised_;  // psi as trained, in integers
  std::optional<PsiNetwork> integer_;    // what ships: it, or its additive part, restrained
  std::optional<PsiPattern> shipped_;    // the same on the images
  Json identity_;
  std::vector<RungMeasure> original_;
  LossCurve curve_;
  std::uint64_t step_ = 0;
  bool resumed_ = false;
};

// The reference models alone, warmed up and measured.
std::vector<RungMeasure> measuredReferences(const SourcePtr& source, const ManipulateSettings& settings,
                                            const Context& context) {
  check(settings, source->info());
  ReferenceEnsemble models(source, settings, openDevice(settings.device), context);
  models.setWeights();
  context.begin("reference models", settings.warmupSteps, "steps");
  models.start("warmup");
  LossCurve curve(models.rungs());
  for (std::uint64_t step = 0; step < settings.warmupSteps; ++step) {
    context.throwIfCancelled();
    const ReferenceBatch batch = models.draw(step);
    const ReferenceEnsemble::Steps steps = models.train(batch, step, onUnit(batch.images));
    showLosses(curve, models, step, context);
    curve.add(step + 1, {}, models.losses(steps, step));
    context.advance(1);
  }
  std::vector<RungMeasure> measures = models.measure();
  context.end();
  return measures;
}

}  // namespace

std::vector<RungMeasure> measureReferences(SourcePtr source, const ManipulateSettings& settings,
                                           const Context& context) {
  prepareTrainingThread();
  return withTorchErrors([&] { return measuredReferences(source, settings, context); });
}

ManipulateResult manipulate(SourcePtr base, const ManipulateSettings& settings, const std::string& runDirectory,
                            const Context& context) {
  prepareTrainingThread();  // this thread reduces what the others compute
  return withTorchErrors([&] { return Manipulation(base, settings, runDirectory, context).run(); });
}

}  // namespace offaxis
