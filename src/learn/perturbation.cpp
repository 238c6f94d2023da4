#include "learn/perturbation.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "core/detmath.h"
#include "core/error.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "core/rotation.h"
#include "datasets/content.h"
#include "learn/cached_source.h"
#include "learn/device.h"
#include "learn/psi_start.h"
#include "learn/reference.h"
#include "learn/run_directory.h"
#include "learn/rung_json.h"
#include "learn/torch_errors.h"
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

constexpr int kKinds = 2;  // models of a rung: 0 entangled, 1 disentangled
constexpr std::uint64_t kChunks =
    2;  // psi's batch is cut in two, whatever the number of threads, for two cores to share
constexpr const char* kCheckpoint = "checkpoint.h5";
constexpr std::uint64_t kCurveEvery = 50;
constexpr std::size_t kCurveHead = 4;     // sums before the models': steps, |m|, saturated share, clipped share
constexpr double kSaturated = 0.95;       // |m| from which on tanh hardly passes a gradient
constexpr std::uint64_t kRivals = 4;      // one-step variants that each image is held apart from in a step
constexpr double kSeparationLimit = 0.7;  // of the way to where a rival is as near; the rest is for unseen images
constexpr std::uint64_t kCalibrationRows = 512;
constexpr std::uint64_t kQuantisationRows = 128;
constexpr std::uint64_t kVarianceRows = 2048;

[[noreturn]] void usage(const std::string& message, const std::string& hint) {
  throw Error(ErrorKind::Usage, message, hint);
}

std::string shortReal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

constexpr std::size_t kRungValues = 9;

std::vector<double> flat(const RungMeasure& r) {
  return {r.weight,          r.entangled.rec,          r.entangled.kl, r.entangled.objective, r.disentangled.rec,
          r.disentangled.kl, r.disentangled.objective, r.recGapError,  r.objectiveGapError};
}

RungMeasure rungOf(const double* v) {
  return {v[0], {v[1], v[2], v[3]}, {v[4], v[5], v[6]}, v[7], v[8]};
}

class Manipulation {
 public:
  Manipulation(SourcePtr base, const ManipulateSettings& settings, std::string directory, const Context& context)
      : base_(std::move(base)),
        info_(base_->info()),
        s_(settings),
        directory_(std::move(directory)),
        context_(context),
        device_(openDevice(s_.device)),
        loss_(pixelLossFromString(s_.loss)) {
    check(s_, info_);
    inner_.threads = context.threads;  // no cancellation inside a step: it would leave it half done
    k_ = static_cast<std::int64_t>(info_.grid.factorCount());
    for (const Factor& factor : info_.grid.factors()) {
      features_.factorSizes.push_back(static_cast<std::uint32_t>(factor.size()));
      features_.factorKinds.push_back(factor.kind);
    }
    const std::vector<std::string> specs = rotationSpecs(s_.rotation), codes = codesSpecs(s_.codes);
    for (const auto& [count, what] :
         {std::pair(specs.size(), "rotations"), std::pair(codes.size(), "kinds of codes")}) {
      if (s_.ladder.size() % count != 0) {
        usage("there are " + std::to_string(count) + " " + what + " and " + std::to_string(s_.ladder.size()) +
                  " rungs to take them in turn",
              "give the ladder as many rungs, or a multiple of them");
      }
    }
    for (const std::string& name : codes) coordinates_.emplace_back(name, info_.grid);
    features_.rotation = rotationMatrix(specs[0], info_.grid, s_.seed);
    if (s_.inputs == "rotated") {
      features_.harmonics = s_.harmonics;
    } else {
      features_.rotation.clear();
      features_.oneHot = s_.inputs == "one-hot";
    }
    if (s_.separation > 0) {
      for (std::size_t k = 0; k < features_.factorSizes.size(); ++k) {
        if (features_.factorSizes[k] > 1) varying_.push_back(k);
      }
      for (std::uint64_t row = 0; row < base_->size(); ++row) rowOf_[base_->gridIndex(row)] = row;
    }
    eps_ = s_.eps.levels() / 255.0;
    perRung_ = static_cast<std::size_t>(s_.ensemble) * kKinds;
    for (std::size_t rung = 0; rung < s_.ladder.size(); ++rung) {
      const FactorCoordinates& coordinates = coordinates_[codesOf(rung)];
      const auto d = static_cast<std::int64_t>(coordinates.count());
      const NetSettings net{info_.shape, static_cast<int>(d), s_.referenceChannels, {}, s_.referenceDense};
      const Tensor rotation =
          torch::tensor(coordinates.rotation(specs[rung % specs.size()], info_.grid, s_.seed), torch::kFloat64)
              .view({d, d})
              .to(device_, torch::kFloat32);
      for (std::size_t i = 0; i < perRung_; ++i)
        models_.emplace_back(net, s_, i % kKinds == 0 ? rotation : Tensor(), device_);
    }
    sums_.assign(kCurveHead + 2 * kKinds * s_.ladder.size(), 0.0);
    const NetSettings net{info_.shape, static_cast<int>(features_.count()), s_.psiChannels, {}, s_.psiDense};
    psi_ = Decoder(net);
    initialise(*psi_, "psi", s_.seed);
    if (codes[0] == "angles" && !features_.oneHot) {
      shapeStartOnAngles(psi_, features_, rotationMatrix(specs[0], info_.grid, s_.seed));
    } else if (!features_.rotation.empty()) {
      shapeStart(psi_, features_);
    }
    if (sumsPatterns()) patternInputs_ = featuresOfLevels();
    psi_->to(device_);
    psiAdam_.emplace(psi_->parameters(), s_.psiRate);
    identity_ = toJson(s_);
    identity_["dataset"] = info_.dataset;
    identity_["source"] = info_.expression();
    identity_["fingerprint"] = fingerprint(*rootOf(base_));
  }

  // The reference models alone, warmed up and measured.
  std::vector<RungMeasure> references() {
    setWeights();
    context_.begin("reference models", s_.warmupSteps, "steps");
    startModels("warmup");
    for (; step_ < s_.warmupSteps; ++step_) {
      context_.throwIfCancelled();
      oneStep();
      context_.advance(1);
    }
    std::vector<RungMeasure> measures = measure();
    context_.end();
    return measures;
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
    setWeights();
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
      if (step_ == 0) startModels("warmup");
      if (step_ == s_.warmupSteps) original_ = measure();
      if (step_ == freshStart()) {
        save();  // restraining psi may take minutes
        context_.end();
        quantisePsi();
        context_.begin("manipulate", total, "steps", step_);
        startModels("fresh");
      }
      oneStep();
      context_.advance(1);
    }
    ManipulateResult result = finish();
    context_.end();
    return result;
  }

 private:
  struct Batch {
    std::vector<std::uint64_t> rows;
    std::vector<std::uint32_t> levels;  // [N,K]
    Tensor images;                      // u8 [N,C,H,W], channels last
    std::vector<Tensor> w;              // f32 [N,D]: coordinates, for each kind of codes
    std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
    const std::uint32_t* levelsOf(std::size_t i, std::int64_t k) const {
      return &levels[i * static_cast<std::size_t>(k)];
    }
  };

  bool sumsPatterns() const { return s_.additive == "trained"; }

  // Which of coordinates_ a rung's models are handed.
  std::size_t codesOf(std::size_t rung) const { return rung % coordinates_.size(); }
  std::size_t codesOfModel(std::size_t model) const { return codesOf(model / perRung_); }

  std::uint64_t freshStart() const { return s_.warmupSteps + s_.psiSteps; }
  std::string file(const char* name) const { return (std::filesystem::path(directory_) / name).string(); }

  // Runs tasks on the threads there are, each with LibTorch held to one thread of its own: OpenMP teams inside would
  // only fight over the cores.
  void tasks(std::uint64_t count, const std::function<void(std::uint64_t)>& task) const {
    parallelFor(inner_, count, 1, [&](std::uint64_t begin, std::uint64_t, int) {
      prepareTrainingThread();
      task(begin);
    });
  }

  Batch gather(std::vector<std::uint64_t> rows) const {
    Batch batch;
    batch.rows = std::move(rows);
    const std::int64_t n = batch.size();
    const ImageShape& shape = info_.shape;
    batch.levels.resize(static_cast<std::size_t>(n * k_));
    Tensor images = torch::empty({n, shape.height, shape.width, shape.channels}, torch::kUInt8);
    std::vector<Tensor> w;
    for (const FactorCoordinates& coordinates : coordinates_)
      w.push_back(torch::empty({n, static_cast<std::int64_t>(coordinates.count())}));
    std::vector<double> values;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::uint64_t row = batch.rows[static_cast<std::size_t>(i)];
      base_->read(row, images.data_ptr<std::uint8_t>() + i * static_cast<std::int64_t>(shape.bytes()));
      std::uint32_t* levels = &batch.levels[static_cast<std::size_t>(i * k_)];
      info_.grid.levelsOf(base_->canonicalIndex(base_->gridIndex(row)), levels);
      for (std::size_t c = 0; c < coordinates_.size(); ++c) {
        values.resize(coordinates_[c].count());
        coordinates_[c].of(levels, values.data());
        std::copy(values.begin(), values.end(), w[c].data_ptr<float>() + i * w[c].size(1));
      }
    }
    batch.images = sentTo(device_, images.permute({0, 3, 1, 2}));
    for (const Tensor& one : w) batch.w.push_back(sentTo(device_, one));
    return batch;
  }

  Tensor featuresOf(const Batch& batch, std::int64_t begin, std::int64_t end) const {
    const auto width = static_cast<std::int64_t>(features_.count());
    Tensor features = torch::empty({end - begin, width});
    for (std::int64_t i = begin; i < end; ++i) {
      features_.real(batch.levelsOf(static_cast<std::size_t>(i), k_), features.data_ptr<float>() + (i - begin) * width);
    }
    return sentTo(device_, features);
  }

  // Of every level of every factor, [P,F]: what an additive psi draws its patterns from.
  Tensor featuresOfLevels() const {
    Tensor features =
        torch::empty({static_cast<std::int64_t>(features_.levels()), static_cast<std::int64_t>(features_.count())});
    float* row = features.data_ptr<float>();
    for (std::size_t k = 0; k < features_.factorSizes.size(); ++k) {
      for (std::uint32_t level = 0; level < features_.factorSizes[k]; ++level, row += features_.count())
        features_.realOfLevel(k, level, row);
    }
    return sentTo(device_, features);
  }

  // Which patterns an image is the sum of: [N,P] of zeros and, one a factor, ones.
  Tensor patternsOf(const std::vector<std::uint32_t>& levels) const {  // [N,K]
    const auto n = static_cast<std::int64_t>(levels.size()) / k_;
    Tensor chosen = torch::zeros({n, patternInputs_.size(0)});
    for (std::int64_t i = 0; i < n; ++i) {
      float* row = chosen.data_ptr<float>() + i * chosen.size(1);
      for (std::int64_t k = 0; k < k_; ++k) {
        row[levels[static_cast<std::size_t>(i * k_ + k)]] = 1.0f;
        row += features_.factorSizes[static_cast<std::size_t>(k)];
      }
    }
    return sentTo(device_, chosen);
  }

  // psi on a batch.
  struct PsiPass {
    std::vector<Tensor> outputs;  // kChunks parts of what the network gave, with its graph: for images, or patterns
    Tensor chosen;                // patternsOf() the batch, where psi is additive
    Tensor m;                     // [N,C,H,W] in (-1, 1)
  };

  PsiPass psiPass(const Batch& batch) {
    PsiPass pass;
    pass.outputs.resize(kChunks);
    const std::int64_t n = sumsPatterns() ? patternInputs_.size(0) : batch.size();
    tasks(kChunks, [&](std::uint64_t c) {
      const std::int64_t begin = c == 0 ? 0 : n / 2, end = c == 0 ? n / 2 : n;
      pass.outputs[c] =
          psi_->forward(sumsPatterns() ? patternInputs_.slice(0, begin, end) : featuresOf(batch, begin, end));
    });
    const torch::NoGradGuard noGrad;
    Tensor all = torch::cat(pass.outputs);
    if (sumsPatterns()) {
      pass.chosen = patternsOf(batch.levels);
      all = torch::mm(pass.chosen, all.flatten(1)).view({batch.size(), all.size(1), all.size(2), all.size(3)});
    }
    pass.m = all.tanh();
    return pass;
  }

  // The gradients of psi's parameters, given that with respect to what goes into tanh, [N,C,H,W].
  std::vector<Tensor> psiGradients(const PsiPass& pass, Tensor gradient) {
    if (sumsPatterns()) {
      const torch::NoGradGuard noGrad;
      gradient = torch::mm(pass.chosen.t(), gradient.flatten(1))
                     .view({pass.chosen.size(1), gradient.size(1), gradient.size(2), gradient.size(3)});
    }
    std::vector<std::vector<Tensor>> parts(kChunks);
    const std::int64_t cut = gradient.size(0) / 2;
    tasks(kChunks, [&](std::uint64_t c) {
      parts[c] = torch::autograd::grad({pass.outputs[c]}, psiAdam_->parameters(),
                                       {c == 0 ? gradient.slice(0, 0, cut) : gradient.slice(0, cut)});
    });
    for (std::size_t i = 0; i < parts[0].size(); ++i) parts[0][i].add_(parts[1][i]);
    return parts[0];
  }

  // For each kind of codes.
  std::vector<Tensor> noise(const Philox& stream, const std::vector<std::uint64_t>& indices, std::int64_t n,
                            int draws) const {
    std::vector<Tensor> eta;
    for (const FactorCoordinates& coordinates : coordinates_)
      eta.push_back(noise(stream, indices, n, draws, static_cast<std::int64_t>(coordinates.count())));
    return eta;
  }

  // [draws,N,width]; every other draw is the negative of the one before, which cancels the odd part of the noise.
  Tensor noise(const Philox& stream, const std::vector<std::uint64_t>& indices, std::int64_t n, int draws,
               std::int64_t width) const {
    if (s_.draws == 0) return torch::zeros({1, n, width}, device_);
    Tensor eta = torch::empty({draws, n, width});
    for (int d = 0; d < draws; ++d) {
      float* to = eta.data_ptr<float>() + d * n * width;
      if (d % 2 == 1) {
        for (std::int64_t i = 0; i < n * width; ++i) to[i] = -to[i - n * width];
        continue;
      }
      // One index per step (a whole draw) or per image.
      const std::int64_t each = n / static_cast<std::int64_t>(indices.size());
      for (std::size_t i = 0; i < indices.size(); ++i) {
        std::vector<float> values(static_cast<std::size_t>(each * width));
        stream.normals(indices[i] * static_cast<std::uint64_t>(draws) + static_cast<std::uint64_t>(d), values.data(),
                       values.size());
        std::copy(values.begin(), values.end(), to + static_cast<std::int64_t>(i) * each * width);
      }
    }
    return sentTo(device_, eta);
  }

  Tensor onUnit(const Tensor& images) const { return images.to(torch::kFloat32).div_(255.0); }

  // The level of one factor moved by one step: cyclic ones wrap, categorical ones move to any other level.
  std::vector<std::uint32_t> steppedLevels(std::vector<std::uint32_t> levels, const Philox& draws, std::uint64_t index,
                                           std::uint64_t lane) const {
    const std::size_t factor = varying_[draws.below(varying_.size(), index, 3 * lane)];
    const std::uint32_t size = features_.factorSizes[factor];
    std::uint32_t& level = levels[factor];
    const bool up = draws.below(2, index, 3 * lane + 1) == 1;
    switch (features_.factorKinds[factor]) {
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
    return levels;
  }

  // The gradient of the price of separation with respect to x', f32 [N,C,H,W]: see ManipulateSettings::separation.
  Tensor rivalsSignal(const Batch& batch, const Tensor& x, const Tensor& target, std::uint64_t index) const {
    const Philox draws(s_.seed, "manipulate:rivals");
    Tensor total = torch::zeros_like(x);
    std::vector<std::uint32_t> levels(static_cast<std::size_t>(k_));
    for (std::uint64_t r = 0; r < kRivals; ++r) {
      std::vector<std::uint64_t> rows;
      for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        info_.grid.levelsOf(base_->gridIndex(batch.rows[i]), levels.data());
        const std::vector<std::uint32_t> other = steppedLevels(levels, draws, index, i * kRivals + r);
        const auto found = rowOf_.find(info_.grid.indexOf(other.data()));
        rows.push_back(found == rowOf_.end() ? batch.rows[i] : found->second);  // itself: no rival
      }
      total.add_(separationSignal(x, target, onUnit(gather(std::move(rows)).images), kSeparationLimit),
                 s_.separation / static_cast<double>(kRivals));
    }
    return total;
  }

  // The images that the integer network makes, u8.
  Tensor shipped(const Batch& batch) const {
    Tensor images = batch.images.to(torch::kCPU).permute({0, 2, 3, 1}).contiguous();
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

  // Both kinds of a member start alike, members differently.
  void startRung(std::size_t rung, const std::string& scope) {
    for (std::size_t i = 0; i < perRung_; ++i) {
      const std::size_t member = i / kKinds;
      models_[rung * perRung_ + i].initialise(scope + (member > 0 ? "." + std::to_string(member) : ""), s_.seed);
    }
  }

  void startModels(const std::string& scope) {
    for (std::size_t rung = 0; rung < s_.ladder.size(); ++rung) startRung(rung, scope + std::to_string(rung));
  }

  // A rung whose models were just started anew says nothing yet about where to push.
  std::optional<std::uint64_t> restingRung() const {
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
    const Philox rowStream(s_.seed, "manipulate:rows");
    std::vector<std::uint64_t> rows;
    for (int i = 0; i < s_.batch; ++i)
      rows.push_back(rowStream.below(base_->size(), index, static_cast<std::uint64_t>(i)));
    const Batch batch = gather(std::move(rows));
    const std::vector<Tensor> eta = noise(Philox(s_.seed, "manipulate:noise"), {index}, batch.size(), s_.draws);
    const Tensor x = onUnit(fresh ? shipped(batch) : batch.images);

    PsiPass psi;
    Tensor target = x;
    if (withPsi) {
      psi = psiPass(batch);
      const torch::NoGradGuard noGrad;
      target = perturbed(x, psi.m, eps_);
    }
    if (withPsi && s_.restartEvery > 0) {
      const std::uint64_t since = step_ - s_.warmupSteps;
      if (since > 0 && since % s_.restartEvery == 0) {
        const std::uint64_t rung = since / s_.restartEvery % s_.ladder.size();
        startRung(rung, "restart" + std::to_string(since / s_.restartEvery));
      }
    }

    std::vector<ReferenceModel::Step> steps(models_.size());
    tasks(models_.size(), [&](std::uint64_t i) {
      const std::size_t codes = codesOfModel(i);
      steps[i] = models_[i].run(batch.w[codes], eta[codes], target, weights_[i / perRung_], true);
    });

    if (withPsi) {
      Tensor signal;
      const std::optional<std::uint64_t> resting = restingRung();
      std::int64_t rungs = 0;
      for (std::size_t r = 0; r < s_.ladder.size(); ++r) {
        if (resting == r && s_.ladder.size() > 1) continue;
        for (std::size_t i = r * perRung_; i < (r + 1) * perRung_; i += kKinds) {
          const Tensor one = psiSignal(steps[i + 1].reconstruction, steps[i].reconstruction, loss_);
          signal = signal.defined() ? signal + one : one;
        }
        ++rungs;
      }
      // What all images share moves no axis, but is where two trainings differ most: psi would saturate on it.
      signal = (signal - signal.mean(0, true)) * (s_.sign / static_cast<double>(rungs * s_.ensemble * batch.size()));
      if (s_.separation > 0)
        signal = signal + rivalsSignal(batch, x, target, index) / static_cast<double>(batch.size());
      Tensor toM = throughClip(x, psi.m, eps_, signal);
      if (s_.energy > 0) toM = toM + (2.0 * s_.energy * eps_ * eps_ / static_cast<double>(batch.size())) * psi.m;
      psiAdam_->step(psiGradients(psi, throughTanh(psi.m, toM, s_.inwardSlope)));
    }
    if (withPsi) {
      const torch::NoGradGuard noGrad;
      const Tensor moved = x + eps_ * psi.m;
      sums_[1] += psi.m.abs().mean().item<double>();
      sums_[2] += (psi.m.abs() > kSaturated).to(torch::kFloat32).mean().item<double>();
      sums_[3] += (moved < 0).logical_or(moved > 1).to(torch::kFloat32).mean().item<double>();
    }
    record(steps);
  }

  // Sums the losses up to the next point of the curves.
  void record(const std::vector<ReferenceModel::Step>& steps) {
    sums_[0] += 1.0;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const double rec = steps[i].rec.mean().item<double>();
      const double kl = steps[i].kl.mean().item<double>();
      if (!std::isfinite(rec) || !std::isfinite(kl)) {
        throw Error(ErrorKind::Failed,
                    "the losses of the reference models are not finite at step " + std::to_string(step_),
                    "lower the learning rate (--rate)");
      }
      double* const sum = &sums_[kCurveHead + 2 * (i / perRung_ * kKinds + i % kKinds)];
      sum[0] += rec / s_.ensemble;
      sum[1] += kl / s_.ensemble;
    }
    if ((step_ + 1) % 10 == 0) {
      const std::size_t top = s_.ladder.size() - 1;
      const double* v = &sums_[kCurveHead + 2 * top * kKinds];
      const double gap = v[0] - v[2] + weights_[top] * (v[1] - v[3]);
      context_.status("L_ent " + shortReal(v[0] / sums_[0]) + "  L_dis " + shortReal(v[2] / sums_[0]) +
                      "  J_ent-J_dis " + shortReal(gap / sums_[0]));
    }
    if ((step_ + 1) % kCurveEvery != 0) return;
    std::vector<double> point{static_cast<double>(step_ + 1)};
    for (const double sum : sums_) point.push_back(sum / sums_[0]);
    curve_.push_back(std::move(point));
    std::fill(sums_.begin(), sums_.end(), 0.0);
  }

  // Every reference model on fixed rows and noise: the same for all models, rungs and phases.
  std::vector<RungMeasure> measure() {
    constexpr std::uint64_t kRowsAtOnce = 32;
    const Philox rowStream(s_.seed, "manipulate:measure");
    const Philox noiseStream(s_.seed, "manipulate:measure-noise");
    const std::uint64_t blocks = (s_.measureRows + kRowsAtOnce - 1) / kRowsAtOnce;
    std::vector<std::vector<std::vector<double>>> rec(models_.size()), kl(models_.size());  // [model][block][image]
    for (std::size_t m = 0; m < models_.size(); ++m) {
      rec[m].resize(blocks);
      kl[m].resize(blocks);
    }
    tasks(blocks, [&](std::uint64_t block) {
      std::vector<std::uint64_t> rows, indices;
      for (std::uint64_t i = block * kRowsAtOnce; i < std::min(s_.measureRows, (block + 1) * kRowsAtOnce); ++i) {
        rows.push_back(rowStream.below(base_->size(), i));
        indices.push_back(i);
      }
      const Batch batch = gather(std::move(rows));
      const std::vector<Tensor> eta = noise(noiseStream, indices, batch.size(), s_.measureDraws);
      const Tensor x = onUnit(shipped_ ? shipped(batch) : batch.images);
      for (std::size_t m = 0; m < models_.size(); ++m) {
        const std::size_t codes = codesOfModel(m);
        const auto step = models_[m].run(batch.w[codes], eta[codes], x, weights_[m / perRung_], false);
        const Tensor r = step.rec.to(torch::kCPU, torch::kFloat64).contiguous();
        const Tensor q = step.kl.to(torch::kCPU, torch::kFloat64).contiguous();
        rec[m][block].assign(r.data_ptr<double>(), r.data_ptr<double>() + r.numel());
        kl[m][block].assign(q.data_ptr<double>(), q.data_ptr<double>() + q.numel());
      }
    });
    auto joinedUp = [](const std::vector<std::vector<double>>& parts) {
      std::vector<double> all;
      for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
      return all;
    };
    const auto n = static_cast<double>(s_.measureRows);
    auto mean = [&](const std::vector<double>& v) {
      double sum = 0;
      for (const double value : v) sum += value;
      return sum / n;
    };
    auto standardError = [&](const std::vector<double>& v) {
      const double centre = mean(v);
      double sum = 0;
      for (const double value : v) sum += (value - centre) * (value - centre);
      return std::sqrt(sum / (n - 1) / n);
    };
    std::vector<RungMeasure> measures;
    for (std::size_t r = 0; r < s_.ladder.size(); ++r) {
      const double weight = weights_[r];
      RungMeasure measure;
      measure.weight = weight;
      std::vector<double> recGap(s_.measureRows), objectiveGap(s_.measureRows);
      for (std::size_t i = 0; i < perRung_; ++i) {
        const bool entangled = i % kKinds == 0;
        const std::vector<double> recs = joinedUp(rec[r * perRung_ + i]);
        const std::vector<double> kls = joinedUp(kl[r * perRung_ + i]);
        ReferenceMeasure& to = entangled ? measure.entangled : measure.disentangled;
        to.rec += mean(recs) / s_.ensemble;
        to.kl += mean(kls) / s_.ensemble;
        const double share = (entangled ? 1.0 : -1.0) / s_.ensemble;
        for (std::size_t image = 0; image < recs.size(); ++image) {
          recGap[image] += share * recs[image];
          objectiveGap[image] += share * (recs[image] + weight * kls[image]);
        }
      }
      for (ReferenceMeasure* m : {&measure.entangled, &measure.disentangled}) m->objective = m->rec + weight * m->kl;
      measure.recGapError = standardError(recGap);
      measure.objectiveGapError = standardError(objectiveGap);
      measures.push_back(measure);
    }
    return measures;
  }

  std::vector<std::uint32_t> levelsOfRows(const char* stream, std::uint64_t count) const {
    const Philox draws(s_.seed, stream);
    std::vector<std::uint32_t> levels(count * static_cast<std::uint64_t>(k_));
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t row = draws.below(base_->size(), i);
      info_.grid.levelsOf(base_->canonicalIndex(base_->gridIndex(row)), &levels[i * static_cast<std::uint64_t>(k_)]);
    }
    return levels;
  }

  void quantisePsi() {
    for (const Tensor& parameter : psiAdam_->parameters()) {
      if (!parameter.isfinite().all().item<bool>()) {
        throw Error(ErrorKind::Failed, "psi's weights are not finite", "lower its learning rate (--psi-rate)");
      }
    }
    if (sumsPatterns()) {
      drawn_ = drawnPatterns();
      quantised_ = additivePsi(features_, s_.eps, info_.shape.height, info_.shape.channels, drawn_);
    } else {
      quantised_ =
          quantise(floatNetwork(psi_, features_), s_.eps, levelsOfRows("manipulate:calibration", kCalibrationRows));
    }
    integer_ = s_.additive == "projected" ? additiveOf(*quantised_) : *quantised_;
    integer_->dataset = info_.dataset;
    integer_->fingerprint = identity_["fingerprint"];
    integer_->provenance = identity_.dump();
    if (s_.restrain != "no") restrainPsi();
    shipped_.emplace(*integer_, "the network", base_);
  }

  // An additive psi's pre-activations, [levels of all factors, H, W, C].
  std::vector<float> drawnPatterns() {
    Tensor patterns;
    tasks(1, [&](std::uint64_t) {
      const torch::NoGradGuard noGrad;
      patterns = psi_->forward(patternInputs_).to(torch::kCPU).permute({0, 2, 3, 1}).contiguous();
    });
    return {patterns.data_ptr<float>(), patterns.data_ptr<float>() + patterns.numel()};
  }

  // What the float psi gives for one image, in (-1, 1), [H,W,C].
  std::vector<float> floatPsi(const PsiFloatNetwork& network, const std::uint32_t* levels) const {
    if (!sumsPatterns()) return evaluateFloat(network, levels);
    std::vector<float> sum(info_.shape.bytes());
    const float* first = drawn_.data();  // of the factor's levels
    for (std::size_t k = 0; k < features_.factorSizes.size(); ++k) {
      for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += first[levels[k] * sum.size() + p];
      first += features_.factorSizes[k] * sum.size();
    }
    for (float& value : sum) value = std::tanh(value);
    return sum;
  }

  void restrainPsi() {
    std::vector<SourcePtr> originals{base_};
    if (const SourcePtr root = rootOf(base_); root->info().shape != info_.shape) originals.push_back(root);
    // Each original is read several times over.
    const RestraintScope scope = s_.restrain == "pixels" ? RestraintScope::Pixels : RestraintScope::Images;
    integer_->restraints = restraintsFor(*integer_, cachedWhereSlow(originals), scope, context_);
  }

  // The same for every variant of one original.
  void setWeights() {
    const SourcePtr root = rootOf(base_);
    if (root->info().variant != "original") {
      usage("the KL weights are those of the original, which a file of a variant does not hold",
            "name the variant instead: " + root->info().dataset + "+" + root->info().variant + ":...");
    }
    const bool larger = root->info().shape.height > info_.shape.height;
    const double scale = variancePerFactor(larger ? *reduced(root, info_.shape.height) : *root) *
                         (loss_ == PixelLoss::Bernoulli ? 2.0 : 1.0);
    for (const double rung : s_.ladder) weights_.push_back(rung * scale);
  }

  // Summed over pixels, divided by the number of factors that vary.
  double variancePerFactor(const Source& original) const {
    const Philox stream(s_.seed, "manipulate:variance");
    const std::size_t bytes = info_.shape.bytes();
    std::vector<double> sum(bytes), squares(bytes);
    std::vector<std::uint8_t> image(bytes);
    for (std::uint64_t i = 0; i < kVarianceRows; ++i) {
      original.read(stream.below(original.size(), i), image.data());
      for (std::size_t p = 0; p < bytes; ++p) {
        const double value = image[p] / 255.0;
        sum[p] += value;
        squares[p] += value * value;
      }
    }
    double total = 0;
    const auto n = static_cast<double>(kVarianceRows);
    for (std::size_t p = 0; p < bytes; ++p) total += squares[p] / n - (sum[p] / n) * (sum[p] / n);
    const auto varying =
        std::count_if(features_.factorSizes.begin(), features_.factorSizes.end(), [](auto size) { return size > 1; });
    if (!(total > 0)) throw Error(ErrorKind::Failed, "all images of '" + info_.expression() + "' are equal", "");
    return total / static_cast<double>(varying);
  }

  NamedTensors tensors() const {
    NamedTensors all;
    appendAdamState(*psiAdam_, "psi/", all);
    for (std::size_t m = 0; m < models_.size(); ++m) models_[m].appendState("model" + std::to_string(m) + "/", all);
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
    progress.insert(progress.end(), sums_.begin(), sums_.end());
    for (const std::vector<double>& point : curve_) progress.insert(progress.end(), point.begin(), point.end());
    all.emplace_back("progress", torch::tensor(progress, torch::kFloat64));
    saveCheckpoint(file(kCheckpoint), identity_.dump(), all);
    writeLog("partial", nullptr);
  }

  void resume() {
    const std::string path = file(kCheckpoint);
    if (!std::filesystem::exists(path)) return;
    startModels("warmup");  // makes the optimisers' tensors, which the checkpoint fills
    loadCheckpoint(path, identity_.dump(), tensors());
    const Tensor vector = loadCheckpointVector(path, "progress");
    const double* progress = vector.data_ptr<double>();
    const auto length = static_cast<std::size_t>(vector.numel());
    const std::size_t rungs = s_.ladder.size();
    const std::size_t measured = length >= 2 && progress[1] > 0 ? rungs : 0;
    const std::size_t fixed = 2 + measured * kRungValues + sums_.size();
    const std::size_t width = sums_.size() + 1;
    const bool sound = length >= fixed && (length - fixed) % width == 0 && progress[0] >= 1 &&
                       progress[0] <= static_cast<double>(freshStart() + s_.freshSteps);
    if (!sound) throw Error(ErrorKind::BadFile, path + " is damaged", "remove it to start anew");
    step_ = static_cast<std::uint64_t>(progress[0]);
    const double* at = progress + 2;
    for (std::size_t r = 0; r < measured; ++r, at += kRungValues) original_.push_back(rungOf(at));
    std::copy(at, at + sums_.size(), sums_.begin());
    for (at += sums_.size(); at < progress + length; at += width) curve_.emplace_back(at, at + width);
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
    log["curves"] = Json::array();
    for (const std::vector<double>& point : curve_) {
      Json rungs = Json::array();
      for (std::size_t r = 0; r < s_.ladder.size(); ++r) {
        const double* v = &point[1 + kCurveHead + 2 * r * kKinds];
        rungs.push_back({{"L_ent", v[0]},
                         {"KL_ent", v[1]},
                         {"L_dis", v[2]},
                         {"KL_dis", v[3]},
                         {"J_ent_minus_J_dis", v[0] - v[2] + weights_[r] * (v[1] - v[3])}});
      }
      const auto step = static_cast<std::uint64_t>(point[0]);
      log["curves"].push_back({{"step", step},
                               {"phase", step <= s_.warmupSteps ? "warmup"
                                         : step <= freshStart() ? "psi"
                                                                : "fresh"},
                               {"mean_abs_m", point[2]},
                               {"saturated_share", point[3]},
                               {"clipped_share", point[4]},
                               {"rungs", std::move(rungs)}});
    }
    log["circumstances"] = {{"device", toString(device_)},
                            {"libtorch", torchVersion()},
                            {"threads", context_.threads},
                            {"resumed", resumed_}};
    writeTextFile(file("log.json"), log.dump(1) + "\n", Overwrite::Replace);
  }

  ManipulateResult finish() {
    ManipulateResult result = paths();
    result.original = original_;
    result.modified = measure();
    result.restrained = integer_->restrainedImages();
    measureQuantisation(result);
    measureDelta(result);
    integer_->save(result.psiPath, Overwrite::Replace);
    writeLog("done", &result);
    std::filesystem::remove(file(kCheckpoint));
    return result;
  }

  void measureQuantisation(ManipulateResult& result) const {
    const PsiFloatNetwork network = floatNetwork(psi_, features_);
    const std::vector<std::uint32_t> levels = levelsOfRows("manipulate:quantisation", kQuantisationRows);
    std::vector<double> sum(kQuantisationRows), largest(kQuantisationRows);
    parallelFor(inner_, kQuantisationRows, 1, [&](std::uint64_t i, std::uint64_t, int) {
      const std::uint32_t* row = &levels[i * static_cast<std::uint64_t>(k_)];
      const std::vector<float> real = floatPsi(network, row);
      std::vector<std::int16_t> delta(real.size());
      quantised_->deltas(row, delta.data());
      for (std::size_t p = 0; p < real.size(); ++p) {
        const double error = std::fabs(static_cast<double>(real[p]) * s_.eps.levels() - delta[p]);
        sum[i] += error / static_cast<double>(real.size());
        largest[i] = std::max(largest[i], error);
      }
    });
    for (std::size_t i = 0; i < sum.size(); ++i) {
      result.quantisationMean += sum[i] / static_cast<double>(kQuantisationRows);
      result.quantisationMax = std::max(result.quantisationMax, largest[i]);
    }
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
  Context inner_;
  torch::Device device_;
  PixelLoss loss_;
  std::vector<FactorCoordinates> coordinates_;  // of the reference models' codes, rung by rung in turn
  std::int64_t k_ = 0;
  double eps_ = 0;
  PsiFeatures features_;
  std::vector<std::size_t> varying_;                        // factors of more than one level, for separation
  std::unordered_map<std::uint64_t, std::uint64_t> rowOf_;  // by grid index, for separation
  std::vector<double> weights_;
  std::vector<ReferenceModel> models_;  // rung by rung, member by member: entangled, disentangled
  std::size_t perRung_ = 0;
  Decoder psi_{nullptr};
  std::optional<Adam> psiAdam_;
  std::optional<PsiNetwork> quantised_;  // psi as trained, in integers
  std::optional<PsiNetwork> integer_;    // what ships: it, or its additive part, restrained
  Tensor patternInputs_;                 // featuresOfLevels(), where psi is additive
  std::vector<float> drawn_;             // drawnPatterns(), once they are quantised
  std::optional<PsiPattern> shipped_;    // the same on the images
  Json identity_;
  std::vector<RungMeasure> original_;
  std::vector<double> sums_;  // since the last point of the curve: steps, |m|, shares, then L and KL of each model
  std::vector<std::vector<double>> curve_;  // step, then the means of what sums_ holds
  std::uint64_t step_ = 0;
  bool resumed_ = false;
};

}  // namespace

std::vector<RungMeasure> measureReferences(SourcePtr source, const ManipulateSettings& settings,
                                           const Context& context) {
  prepareTrainingThread();
  ManipulateSettings alone = settings;
  alone.psiSteps = 0;
  return withTorchErrors([&] { return Manipulation(source, alone, "", context).references(); });
}

ManipulateResult manipulate(SourcePtr base, const ManipulateSettings& settings, const std::string& runDirectory,
                            const Context& context) {
  prepareTrainingThread();  // this thread reduces what the others compute
  return withTorchErrors([&] { return Manipulation(base, settings, runDirectory, context).run(); });
}

}  // namespace offaxis
