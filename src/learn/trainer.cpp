#include "learn/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/philox.h"
#include "core/text.h"
#include "core/version.h"
#include "datasets/content.h"
#include "learn/adam.h"
#include "learn/checkpoint.h"
#include "learn/device.h"
#include "learn/image_feed.h"
#include "learn/objectives.h"
#include "learn/precision.h"
#include "learn/probe.h"
#include "learn/probe_heads.h"
#include "learn/run_directory.h"
#include "learn/torch_errors.h"
#include "learn/transitions.h"
#include "storage/hash.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr int kSchemaVersion = 1;
constexpr std::int64_t kStatisticsImages = 2048;
constexpr double kAverageDecay = 0.999;  // a step, of the weights' running mean
constexpr double kActiveBelow = 0.8;     // mean posterior variance: below it a latent carries information

void check(const TrainSettings& settings) {
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw Error(ErrorKind::Usage, what);
  };
  require(settings.beta >= 0 && std::isfinite(settings.beta), "beta must be a number >= 0");
  require(settings.latents >= 1 && settings.latents <= 1000, "latents must be 1 to 1000");
  require(settings.batch >= 1 && settings.batch <= 65536, "the batch must be 1 to 65536 images");
  require(settings.steps >= 1, "a run has at least one step");
  require(settings.learningRate > 0 && std::isfinite(settings.learningRate), "the learning rate must be a number > 0");
  require(settings.logEvery >= 1 && settings.checkpointEvery >= 1, "intervals are at least one step");
}

void makeDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path, error)) {
    throw Error(ErrorKind::CannotWrite, "cannot make the directory " + path + (error ? ": " + error.message() : ""));
  }
}

// A number of steps as checkpoints have it. Throws Error(BadFile) for what is none.
std::uint64_t stepsFrom(double value, const std::string& path) {
  constexpr double kMost = 9007199254740992;  // 2^53: up to there a double has every whole number
  if (value >= 0 && value <= kMost && value == std::floor(value)) return static_cast<std::uint64_t>(value);
  throw Error(ErrorKind::BadFile, path + " is damaged: it has gone " + formatReal(value) + " steps",
              "remove it to start anew");
}

ObjectiveSettings objectiveSettings(const Source& source, const TrainSettings& settings) {
  if (isSupervised(settings.model)) return {{}, 0, settings.latents, probeHeads(source.info().grid)};
  return {pixelLossFromString(settings.loss), settings.beta, settings.latents, {}};
}

// `settings` with nothing left open, and what plays no part in the model at one fixed value.
TrainSettings resolved(const Source& source, TrainSettings settings) {
  settings.net = resolveNet(settings.net, source.info().shape);
  if (isSupervised(settings.model)) {
    settings.beta = 0;
    settings.latents = static_cast<int>(probeWidth(probeHeads(source.info().grid)));
    settings.loss = "cross-entropy";
  }
  return settings;
}

NetSettings netSettings(const Source& source, const TrainSettings& settings) {
  NetSettings net = NetSettings::preset(settings.net, source.info().shape, settings.latents);
  net.precision = precisionFromString(settings.precision);
  return net;
}

// One run, from its settings to its files.
class Training {
 public:
  Training(SourcePtr source, const TrainSettings& settings, const std::string& directory, const Context& context)
      : source_(std::move(source)),
        settings_(settings),
        directory_(directory),
        context_(context),
        device_(openDevice(settings.device)),
        net_(netSettings(*source_, settings)),
        encoder_(net_),
        decoder_(net_),
        objective_(makeObjective(settings.model, objectiveSettings(*source_, settings))),
        identity_(runIdentity(*source_, settings)),
        rows_(settings.seed, "batches"),
        eta_(settings.seed, "eta"),
        steps_(settings.seed, "transitions"),
        feed_(source_, device_, context) {
    allowPrecision(net_.precision);
    initialise(*encoder_, "encoder", settings_.seed);
    initialise(*decoder_, "decoder", settings_.seed);
    encoder_->to(device_);
    decoder_->to(device_);
    if (objective_->head()) objective_->head()->to(device_);
    if (objective_->needsPairs()) transitions_.emplace(*source_);
    if (isSupervised(settings_.model)) {
      learnt_ = probeSplit(*source_).train;
      heads_ = probeHeads(source_->info().grid);
    }
    std::vector<torch::Tensor> parameters;
    for (const auto& [scope, module] : modules()) {
      for (const auto& item : module->named_parameters()) {
        names_.push_back(scope + "/" + item.key());
        parameters.push_back(item.value());
      }
    }
    if (isSupervised(settings_.model)) {
      for (const torch::Tensor& parameter : parameters) average_.push_back(parameter.detach().clone());
    }
    adam_ = std::make_unique<Adam>(std::move(parameters), settings_.learningRate);
  }

  // Of the checkpoint that `directory` holds; 0 where it holds none.
  static std::uint64_t stepsOf(const std::string& directory) {
    const std::string path = checkpointPath(directory);
    if (!std::filesystem::exists(path)) return 0;
    const torch::Tensor progress = loadCheckpointVector(path, "progress");
    return progress.numel() > kStep ? stepsFrom(progress[kStep].item<double>(), path) : 0;
  }

  TrainResult run() {
    if (settings_.overwrite) {
      removeCheckpoint();
    } else if (std::filesystem::exists(checkpointPath(directory_))) {
      restore();
    }
    const std::uint64_t before = step();
    if (before > settings_.steps) {
      throw Error(ErrorKind::BadFile,
                  checkpointPath(directory_) + " has gone " + std::to_string(before) + " steps already",
                  "ask for at least as many, or use another directory");
    }
    if (before == settings_.steps) {
      if (std::optional<TrainResult> there = finished()) return *there;
    }
    writeReport("partial", {});  // fails early where the directory is not writable
    started_ = Clock::now();
    secondsBefore_ = at(kSeconds);
    context_.begin("training " + settings_.model, settings_.steps, "steps", before);
    while (step() < settings_.steps) {
      if (context_.cancel && context_.cancel->requested()) {
        save();
        writeReport("partial", {});
        throw Error(ErrorKind::Interrupted,
                    "interrupted at step " + std::to_string(step()) + " of " + std::to_string(settings_.steps),
                    settings_.overwrite ? kGoesOnWithoutForce : kGoesOn);
      }
      takeStep();
      context_.advance(1);
      if (step() % settings_.checkpointEvery == 0 && step() < settings_.steps) save();
    }
    context_.end();
    const bool alreadyDone = before == settings_.steps;
    if (!alreadyDone) save();
    TrainResult result = statistics();
    result.alreadyDone = alreadyDone;
    writeReport("complete", result);
    return result;
  }

 private:
  // Slots of progress_: what besides tensors makes a resumed run go on exactly. Doubles hold whole numbers up to 2^53.
  enum Slot { kStep, kReconstructionSum, kKlSum, kSummed, kSeconds, kSlots };

  double& at(Slot slot) { return progress_.data_ptr<double>()[slot]; }
  std::uint64_t step() { return static_cast<std::uint64_t>(at(kStep)); }

  std::vector<std::pair<std::string, torch::nn::Module*>> modules() {
    std::vector<std::pair<std::string, torch::nn::Module*>> all{{"encoder", encoder_.get()}};
    if (modelTraits(settings_.model).decodes) all.emplace_back("decoder", decoder_.get());
    if (objective_->head()) all.emplace_back("head", objective_->head());
    return all;
  }

  // The images of a batch: of step `index`, or of a stream of its own.
  std::vector<std::int64_t> drawRows(const Philox& rows, std::uint64_t index, std::uint64_t count) const {
    std::vector<std::int64_t> drawn(count);
    const std::uint64_t among = learnt_.empty() ? source_->size() : learnt_.size();
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t draw = rows.below(among, index, i);
      drawn[i] = static_cast<std::int64_t>(learnt_.empty() ? draw : learnt_[draw]);
    }
    return drawn;
  }

  Batch batch(const Philox& rows, const Philox& eta, const Philox& steps, std::uint64_t index, std::uint64_t count) {
    const std::vector<std::int64_t> drawn = drawRows(rows, index, count);
    if (!heads_.empty()) return {feed_.gather(drawn), {}, {}, sentTo(device_, probeLabels(*source_, heads_, drawn))};
    torch::Tensor noise = torch::empty({static_cast<std::int64_t>(count), settings_.latents});
    eta.normals(index, noise.data_ptr<float>(), static_cast<std::size_t>(noise.numel()));
    Batch result{feed_.gather(drawn), sentTo(device_, noise)};
    if (transitions_) result.following = feed_.gather(transitions_->following(drawn, steps, index));
    return result;
  }

  void takeStep() {
    const Batch images = batch(rows_, eta_, steps_, step(), settings_.batch);
    if (step() + 1 < settings_.steps) feed_.announce(drawRows(rows_, step() + 1, settings_.batch));
    const Losses losses = objective_->evaluate(encoder_, decoder_, images);
    terms_[unread_].copy_(torch::stack({losses.reconstruction, losses.kl, losses.total}).detach());
    adam_->step(torch::autograd::grad({losses.total}, adam_->parameters(), {}, {}, false, /*allow_unused=*/true));
    follow();
    at(kStep) += 1;
    if (++unread_ == kUnread || step() % settings_.logEvery == 0 || step() == settings_.steps) readTerms();
    if (step() % settings_.logEvery == 0 || step() == settings_.steps) {
      curve_.push_back({step(), at(kReconstructionSum) / at(kSummed), at(kKlSum) / at(kSummed)});
      at(kReconstructionSum) = at(kKlSum) = at(kSummed) = 0;
      const std::string loss = fixed(curve_.back().reconstruction);
      context_.status(isSupervised(settings_.model) ? "cross-entropy " + loss
                                                    : "rec " + loss + ", KL " + fixed(curve_.back().kl));
    }
  }

  // A probe is read with the running mean of its weights: those of single steps at a constant rate have accuracies that
  // differ by more than what variants are told apart by, and a rate that falls would make a run depend on where it
  // ends.
  void follow() {
    const torch::NoGradGuard noGrad;
    const double weight = std::max(1 - kAverageDecay, 9 / (10 + at(kStep)));  // the beginning is soon forgotten
    for (std::size_t i = 0; i < average_.size(); ++i) average_[i].lerp_(adam_->parameters()[i], weight);
  }

  // Losses stay on the device for a while: reading one waits until the device has done all that it was given.
  void readTerms() {
    static constexpr std::array<const char*, 3> kNames{"the reconstruction loss", "the KL divergence", "the loss"};
    const torch::Tensor terms = terms_.slice(0, 0, unread_).to(torch::kCPU).to(torch::kFloat64).contiguous();
    const double* values = terms.data_ptr<double>();
    const std::uint64_t first = step() - static_cast<std::uint64_t>(unread_);
    const auto count = static_cast<std::uint64_t>(std::exchange(unread_, 0));
    for (std::uint64_t i = 0; i < count; ++i, values += kNames.size()) {
      for (std::size_t term = 0; term < kNames.size(); ++term) {
        if (!std::isfinite(values[term]))
          diverged(std::string(kNames[term]) + " is " + formatReal(values[term]), first + i);
      }
      at(kReconstructionSum) += values[0];
      at(kKlSum) += values[1];
      at(kSummed) += 1;
    }
  }

  [[noreturn]] void diverged(const std::string& what, std::uint64_t afterSteps) {
    const bool kept = std::filesystem::exists(checkpointPath(directory_));
    throw Error(
        ErrorKind::Failed, "training failed at step " + std::to_string(afterSteps) + ": " + what,
        std::string("lower the learning rate") + (kept ? "; the last good checkpoint is kept in " + directory_ : ""));
  }

  static std::string fixed(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
  }

  NamedTensors state() {
    NamedTensors tensors{{"progress", progress_}, {"adam/steps", adam_->steps()}};
    for (std::size_t i = 0; i < names_.size(); ++i) {
      tensors.emplace_back("parameters/" + names_[i], adam_->parameters()[i]);
      tensors.emplace_back("adam/first/" + names_[i], adam_->first()[i]);
      tensors.emplace_back("adam/second/" + names_[i], adam_->second()[i]);
      if (!average_.empty()) tensors.emplace_back("average/" + names_[i], average_[i]);
    }
    return tensors;
  }

  void save() {
    readTerms();
    // A finite loss says nothing about the update after it: never replace a good checkpoint by a broken one.
    for (const torch::Tensor& parameter : adam_->parameters()) {
      if (!parameter.isfinite().all().item<bool>()) diverged("a parameter is not finite", step());
    }
    at(kSeconds) = seconds();
    NamedTensors tensors = state();
    torch::Tensor curve = torch::empty({static_cast<std::int64_t>(3 * curve_.size())}, torch::kFloat64);
    double* value = curve.data_ptr<double>();
    for (const CurvePoint& point : curve_) {
      *value++ = static_cast<double>(point.step);
      *value++ = point.reconstruction;
      *value++ = point.kl;
    }
    if (!curve_.empty()) tensors.emplace_back("curve", curve);
    saveCheckpoint(checkpointPath(directory_), identity_, tensors);
  }

  // The weights of another run must not lie beside this one's report.
  void removeCheckpoint() const {
    const std::string path = checkpointPath(directory_);
    std::error_code failed;
    std::filesystem::remove(path, failed);
    if (failed) throw Error(ErrorKind::CannotWrite, "cannot replace '" + path + "': " + failed.message());
  }

  // What run.json says of this run where it has ended: who made it, where and when, stays as it is. Nothing where it is
  // missing, of other settings, or damaged.
  std::optional<TrainResult> finished() {
    const std::string path = directory_ + "/run.json";
    if (!std::filesystem::exists(path)) return std::nullopt;
    try {
      const auto report = nlohmann::json::parse(readTextFile(path));
      if (report.at("status") != "complete" || report.at("settings") != nlohmann::json::parse(identity_) ||
          report.at("steps_done") != step())
        return std::nullopt;
      TrainResult result;
      result.steps = step();
      for (const auto& point : report.at("curve"))
        result.curve.push_back({point.at("step"), point.at("reconstruction"), point.at("kl")});
      result.reconstruction = report.at("reconstruction");
      result.kl = report.at("kl");
      result.klPerLatent = report.at("kl_per_latent").get<std::vector<double>>();
      result.meanPosteriorVariance = report.at("mean_posterior_variance").get<std::vector<double>>();
      result.activeUnits = report.at("active_units");
      result.seconds = report.at("seconds");
      result.device = report.at("device");
      result.alreadyDone = true;
      return result;
    } catch (const nlohmann::json::exception&) {
      return std::nullopt;
    }
  }

  void restore() {
    const std::string path = checkpointPath(directory_);
    const Json there = Json::parse(checkpointIdentity(path), nullptr, false);
    if (there.is_object() && !there.contains(kSourceDefinition)) {  // runs made before they said it stay what they are
      Json here = Json::parse(identity_);
      here.erase(kSourceDefinition);
      identity_ = here.dump();
    }
    loadCheckpoint(path, identity_, state());
    stepsFrom(at(kStep), path);
    const torch::Tensor curve = loadCheckpointVector(path, "curve");
    if (curve.numel() % 3 != 0 || !curve.isfinite().all().item<bool>() || !progress_.isfinite().all().item<bool>())
      throw Error(ErrorKind::BadFile, path + " is damaged: its loss curve holds what is no number",
                  "remove it to start anew");
    const double* value = curve.data_ptr<double>();
    for (std::int64_t i = 0; i < curve.numel(); i += 3) {
      curve_.push_back({stepsFrom(value[i], path), value[i + 1], value[i + 2]});
    }
    context_.note("resumed at step " + std::to_string(step()));
  }

  double seconds() const { return secondsBefore_ + std::chrono::duration<double>(Clock::now() - started_).count(); }

  TrainResult statistics() {
    torch::NoGradGuard noGrad;
    const Philox rows(settings_.seed, "statistics rows");
    const Philox eta(settings_.seed, "statistics eta");
    const Philox steps(settings_.seed, "statistics transitions");
    constexpr std::int64_t kChunk = 64;
    constexpr std::int64_t kChunks = kStatisticsImages / kChunk;
    TrainResult result;
    torch::Tensor kl = torch::zeros({settings_.latents}, torch::kFloat64);
    torch::Tensor variance = torch::zeros({settings_.latents}, torch::kFloat64);
    const bool variational = isVariational(settings_.model);
    for (std::int64_t chunk = 0; chunk < kChunks; ++chunk) {
      const Batch drawn = batch(rows, eta, steps, static_cast<std::uint64_t>(chunk), kChunk);
      if (!variational) {
        result.reconstruction +=
            objective_->evaluate(encoder_, decoder_, drawn).reconstruction.item<double>() / kChunks;
        continue;
      }
      const auto [mu, logVariance] = encoder_->forward(drawn.images);
      const torch::Tensor z = mu + (0.5 * logVariance).exp() * drawn.eta;
      const PixelLoss loss = pixelLossFromString(settings_.loss);
      result.reconstruction += pixelLoss(loss, decoder_->forward(z), drawn.images).item<double>() / kChunks;
      kl += gaussianKl(mu, logVariance).mean(0).to(torch::kCPU).to(torch::kFloat64) / kChunks;
      variance += logVariance.exp().mean(0).to(torch::kCPU).to(torch::kFloat64) / kChunks;
    }
    for (std::int64_t i = 0; i < settings_.latents; ++i) {
      result.klPerLatent.push_back(kl[i].item<double>());
      result.meanPosteriorVariance.push_back(variance[i].item<double>());
      result.kl += result.klPerLatent.back();
      if (variational && result.meanPosteriorVariance.back() < kActiveBelow) ++result.activeUnits;
    }
    result.steps = step();
    result.curve = curve_;
    result.seconds = at(kSeconds);
    result.device = toString(device_);
    return result;
  }

  void writeReport(const std::string& status, const TrainResult& result) {
    const SourceInfo& info = source_->info();
    const Json source{
        {"expression", info.expression()}, {"identity", sourceIdentity(*source_)}, {"images", source_->size()}};
    Json report{{"schema_version", kSchemaVersion},
                {"status", status},
                {"settings", Json::parse(identity_)},
                {"source", source},
                {"seed", settings_.seed},
                {"steps", settings_.steps},
                {"steps_done", step()},
                {"versions", {{"offaxis", version()}, {"libtorch", torchVersion()}}},
                {"device", toString(device_)},
                {"seconds", at(kSeconds)}};
    if (status == "complete") {
      report["reconstruction"] = result.reconstruction;
      report["kl"] = result.kl;
      report["kl_per_latent"] = result.klPerLatent;
      report["mean_posterior_variance"] = result.meanPosteriorVariance;
      report["active_units"] = result.activeUnits;
    }
    Json curve = Json::array();
    for (const CurvePoint& point : curve_) {
      curve.push_back({{"step", point.step}, {"reconstruction", point.reconstruction}, {"kl", point.kl}});
    }
    report["curve"] = std::move(curve);
    writeTextFile(directory_ + "/run.json", report.dump(2) + "\n", Overwrite::Replace);
  }

  SourcePtr source_;
  TrainSettings settings_;
  std::string directory_;
  const Context& context_;
  torch::Device device_;
  NetSettings net_;
  Encoder encoder_;
  Decoder decoder_;
  std::unique_ptr<Objective> objective_;
  std::string identity_;
  Philox rows_;
  Philox eta_;
  Philox steps_;
  ImageFeed feed_;
  std::optional<Transitions> transitions_;
  std::vector<std::uint64_t> learnt_;  // the rows that a supervised model sees; empty: all
  std::vector<ProbeHead> heads_;       // of a supervised model
  std::vector<std::string> names_;
  std::unique_ptr<Adam> adam_;
  std::vector<torch::Tensor> average_;         // of the weights, in Adam's order; empty unless the model is supervised
  static constexpr std::int64_t kUnread = 64;  // steps
  torch::Tensor terms_ = torch::zeros({kUnread, 3}, torch::TensorOptions(torch::kFloat32).device(device_));
  std::int64_t unread_ = 0;  // steps whose terms wait there
  torch::Tensor progress_ = torch::zeros({kSlots}, torch::kFloat64);
  std::vector<CurvePoint> curve_;
  Clock::time_point started_ = Clock::now();
  double secondsBefore_ = 0;
};

}  // namespace

void checkTraining(const Source& source, const TrainSettings& settings) {
  check(settings);
  pixelLossFromString(settings.loss);
  const TrainSettings all = resolved(source, settings);
  netSettings(source, all);
  const std::unique_ptr<Objective> objective = makeObjective(all.model, objectiveSettings(source, all));
  if (isSupervised(all.model)) probeSplit(source);
  if (!objective->needsPairs()) return;
  if (settings.batch < 2)
    throw Error(ErrorKind::Usage, settings.model + " tells images of a batch apart", "give a batch of at least 2");
  const Transitions needed(source);
}

void checkDevice(const std::string& device) {
  openDevice(device);
}

std::uint64_t stepsTrained(const std::string& runDirectory) {
  return Training::stepsOf(runDirectory);
}

TrainResult trainVae(SourcePtr source, const TrainSettings& settings, const std::string& runDirectory,
                     const Context& context) {
  checkTraining(*source, settings);
  checkDevice(settings.device);
  prepareTrainingThread();
  makeDirectory(runDirectory);
  const RunClaim claim(runDirectory);
  return withTorchErrors([&] { return Training(source, resolved(*source, settings), runDirectory, context).run(); });
}

}  // namespace offaxis
