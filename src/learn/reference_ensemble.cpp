#include "learn/reference_ensemble.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "learn/device.h"
#include "learn/tasks.h"

namespace offaxis {
namespace {

using torch::Tensor;

constexpr std::uint64_t kVarianceRows = 2048;

double meanOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double standardErrorOf(const std::vector<double>& values) {
  const double centre = meanOf(values), n = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / (n - 1) / n);
}

std::vector<double> doublesOf(const Tensor& tensor) {
  const Tensor plain = tensor.to(torch::kCPU, torch::kFloat64).contiguous();
  return {plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel()};
}

}  // namespace

Tensor onUnit(const Tensor& images) {
  return images.to(torch::kFloat32).div_(255.0);
}

ReferenceEnsemble::ReferenceEnsemble(SourcePtr source, const ManipulateSettings& settings, torch::Device device,
                                     const Context& context)
    : source_(std::move(source)),
      settings_(settings),
      device_(device),
      context_{context.threads, nullptr, nullptr},
      loss_(pixelLossFromString(settings.loss)) {
  const SourceInfo& info = source_->info();
  const std::vector<std::string> specs = rotationSpecs(settings.rotation), codes = codesSpecs(settings.codes);
  for (const auto& [count, what] : {std::pair(specs.size(), "rotations"), std::pair(codes.size(), "kinds of codes")}) {
    if (rungs() % count != 0) {
      throw Error(ErrorKind::Usage,
                  "there are " + std::to_string(count) + " " + what + " and " + std::to_string(rungs()) +
                      " rungs to take them in turn",
                  "give the ladder as many rungs, or a multiple of them");
    }
  }
  for (const std::string& name : codes) coordinates_.emplace_back(name, info.grid);
  for (std::size_t rung = 0; rung < rungs(); ++rung) {
    const FactorCoordinates& coordinates = coordinates_[rung % coordinates_.size()];
    const auto d = static_cast<std::int64_t>(coordinates.count());
    const NetSettings net{info.shape, static_cast<int>(d), settings.referenceChannels, {}, settings.referenceDense};
    const Tensor rotation =
        torch::tensor(coordinates.rotation(specs[rung % specs.size()], info.grid, settings.seed), torch::kFloat64)
            .view({d, d})
            .to(device_, torch::kFloat32);
    for (std::size_t i = 0; i < perRung(); ++i)
      models_.emplace_back(net, settings, i % kKinds == 0 ? rotation : Tensor(), device_);
  }
}

void ReferenceEnsemble::setWeights() {
  const SourceInfo& info = source_->info();
  const SourcePtr root = rootOf(source_);
  if (root->info().variant != "original") {
    throw Error(ErrorKind::Usage, "the KL weights are those of the original, which a file of a variant does not hold",
                "name the variant instead: " + root->info().dataset + "+" + root->info().variant + ":...");
  }
  const bool larger = root->info().shape.height > info.shape.height;
  const double scale = variancePerFactor(larger ? *reduced(root, info.shape.height) : *root) *
                       (loss_ == PixelLoss::Bernoulli ? 2.0 : 1.0);
  weights_.clear();
  for (const double rung : settings_.ladder) weights_.push_back(rung * scale);
}

// Summed over pixels, divided by the number of factors that vary.
double ReferenceEnsemble::variancePerFactor(const Source& original) const {
  const Philox stream(settings_.seed, "manipulate:variance");
  const std::size_t bytes = original.info().shape.bytes();
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
  const std::vector<Factor>& factors = source_->info().grid.factors();
  const auto varying = std::count_if(factors.begin(), factors.end(), [](const Factor& f) { return f.size() > 1; });
  if (!(total > 0))
    throw Error(ErrorKind::Failed, "all images of '" + source_->info().expression() + "' are equal", "");
  return total / static_cast<double>(varying);
}

void ReferenceEnsemble::startRung(std::size_t rung, const std::string& scope) {
  for (std::size_t i = 0; i < perRung(); ++i) {
    const std::size_t member = i / kKinds;
    models_[rung * perRung() + i].initialise(scope + (member > 0 ? "." + std::to_string(member) : ""), settings_.seed);
  }
}

void ReferenceEnsemble::start(const std::string& scope) {
  for (std::size_t rung = 0; rung < rungs(); ++rung) startRung(rung, scope + std::to_string(rung));
}

ReferenceBatch ReferenceEnsemble::gather(std::vector<std::uint64_t> rows) const {
  const SourceInfo& info = source_->info();
  const ImageShape& shape = info.shape;
  const std::size_t k = info.grid.factorCount();
  ReferenceBatch batch;
  batch.rows = std::move(rows);
  const std::int64_t n = batch.size();
  batch.levels.resize(batch.rows.size() * k);
  Tensor images = torch::empty({n, shape.height, shape.width, shape.channels}, torch::kUInt8);
  std::vector<Tensor> w;
  for (const FactorCoordinates& coordinates : coordinates_)
    w.push_back(torch::empty({n, static_cast<std::int64_t>(coordinates.count())}));
  std::vector<double> values;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    source_->read(batch.rows[i], images.data_ptr<std::uint8_t>() + i * shape.bytes());
    std::uint32_t* levels = &batch.levels[i * k];
    info.grid.levelsOf(source_->canonicalIndex(source_->gridIndex(batch.rows[i])), levels);
    for (std::size_t c = 0; c < coordinates_.size(); ++c) {
      values.resize(coordinates_[c].count());
      coordinates_[c].of(levels, values.data());
      std::copy(values.begin(), values.end(), w[c].data_ptr<float>() + i * values.size());
    }
  }
  batch.images = sentTo(device_, images.permute({0, 3, 1, 2}));
  for (const Tensor& one : w) batch.w.push_back(sentTo(device_, one));
  return batch;
}

ReferenceBatch ReferenceEnsemble::draw(std::uint64_t index) const {
  const Philox stream(settings_.seed, "manipulate:rows");
  std::vector<std::uint64_t> rows;
  for (int i = 0; i < settings_.batch; ++i)
    rows.push_back(stream.below(source_->size(), index, static_cast<std::uint64_t>(i)));
  return gather(std::move(rows));
}

std::vector<Tensor> ReferenceEnsemble::noise(const Philox& stream, const std::vector<std::uint64_t>& indices,
                                             std::int64_t n, int draws) const {
  std::vector<Tensor> all;
  for (const FactorCoordinates& coordinates : coordinates_) {
    const auto width = static_cast<std::int64_t>(coordinates.count());
    if (settings_.draws == 0) {
      all.push_back(torch::zeros({1, n, width}, device_));
      continue;
    }
    Tensor eta = torch::empty({draws, n, width});
    for (int d = 0; d < draws; ++d) {
      float* to = eta.data_ptr<float>() + d * n * width;
      if (d % 2 == 1) {
        for (std::int64_t i = 0; i < n * width; ++i) to[i] = -to[i - n * width];
        continue;
      }
      const std::int64_t each = n / static_cast<std::int64_t>(indices.size());
      for (std::size_t i = 0; i < indices.size(); ++i) {
        std::vector<float> values(static_cast<std::size_t>(each * width));
        stream.normals(indices[i] * static_cast<std::uint64_t>(draws) + static_cast<std::uint64_t>(d), values.data(),
                       values.size());
        std::copy(values.begin(), values.end(), to + static_cast<std::int64_t>(i) * each * width);
      }
    }
    all.push_back(sentTo(device_, eta));
  }
  return all;
}

ReferenceEnsemble::Steps ReferenceEnsemble::train(const ReferenceBatch& batch, std::uint64_t index,
                                                  const Tensor& target) {
  const std::vector<Tensor> eta =
      noise(Philox(settings_.seed, "manipulate:noise"), {index}, batch.size(), settings_.draws);
  Steps steps(models_.size());
  runTasks(context_, models_.size(), [&](std::uint64_t i) {
    const std::size_t codes = codesOf(i);
    steps[i] = models_[i].run(batch.w[codes], eta[codes], target, weights_[i / perRung()], /*train=*/true);
  });
  return steps;
}

Tensor ReferenceEnsemble::signal(const Steps& steps, std::optional<std::size_t> resting, int sign) const {
  Tensor sum;
  std::int64_t taken = 0;
  for (std::size_t rung = 0; rung < rungs(); ++rung) {
    if (resting == rung && rungs() > 1) continue;
    for (std::size_t i = rung * perRung(); i < (rung + 1) * perRung(); i += kKinds) {
      const Tensor one = psiSignal(steps[i + 1].reconstruction, steps[i].reconstruction, loss_);
      sum = sum.defined() ? sum + one : one;
    }
    ++taken;
  }
  return (sum - sum.mean(0, true)) * (sign / static_cast<double>(taken * settings_.ensemble * sum.size(0)));
}

std::vector<KindLosses> ReferenceEnsemble::losses(const Steps& steps, std::uint64_t step) const {
  std::vector<KindLosses> all(kKinds * rungs());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double rec = steps[i].rec.mean().item<double>(), kl = steps[i].kl.mean().item<double>();
    if (!std::isfinite(rec) || !std::isfinite(kl))
      throw Error(ErrorKind::Failed,
                  "the losses of the reference models are not finite at step " + std::to_string(step),
                  "lower the learning rate (--rate)");
    KindLosses& to = all[i / perRung() * kKinds + i % kKinds];
    to.rec += rec / settings_.ensemble;
    to.kl += kl / settings_.ensemble;
  }
  return all;
}

std::vector<RungMeasure> ReferenceEnsemble::measure(const std::function<Tensor(const ReferenceBatch&)>& imagesOf) {
  constexpr std::uint64_t kRowsAtOnce = 32;
  const Philox rowStream(settings_.seed, "manipulate:measure");
  const Philox noiseStream(settings_.seed, "manipulate:measure-noise");
  const std::uint64_t count = settings_.measureRows;
  // [model][image]
  std::vector<std::vector<double>> rec(models_.size(), std::vector<double>(count)), kl = rec;
  runTasks(context_, (count + kRowsAtOnce - 1) / kRowsAtOnce, [&](std::uint64_t block) {
    std::vector<std::uint64_t> rows, indices;
    for (std::uint64_t i = block * kRowsAtOnce; i < std::min(count, (block + 1) * kRowsAtOnce); ++i) {
      rows.push_back(rowStream.below(source_->size(), i));
      indices.push_back(i);
    }
    const ReferenceBatch batch = gather(std::move(rows));
    const std::vector<Tensor> eta = noise(noiseStream, indices, batch.size(), settings_.measureDraws);
    const Tensor x = onUnit(imagesOf(batch));
    for (std::size_t m = 0; m < models_.size(); ++m) {
      const std::size_t codes = codesOf(m);
      const ReferenceModel::Step step =
          models_[m].run(batch.w[codes], eta[codes], x, weights_[m / perRung()], /*train=*/false);
      const auto first = static_cast<std::ptrdiff_t>(block * kRowsAtOnce);
      const std::vector<double> recs = doublesOf(step.rec), kls = doublesOf(step.kl);
      std::copy(recs.begin(), recs.end(), rec[m].begin() + first);
      std::copy(kls.begin(), kls.end(), kl[m].begin() + first);
    }
  });
  std::vector<RungMeasure> measures;
  for (std::size_t rung = 0; rung < rungs(); ++rung) {
    RungMeasure measure;
    measure.weight = weights_[rung];
    std::vector<double> recGap(count), objectiveGap(count);
    for (std::size_t i = 0; i < perRung(); ++i) {
      const bool entangled = i % kKinds == 0;
      const std::vector<double>& recs = rec[rung * perRung() + i];
      const std::vector<double>& kls = kl[rung * perRung() + i];
      ReferenceMeasure& to = entangled ? measure.entangled : measure.disentangled;
      to.rec += meanOf(recs) / settings_.ensemble;
      to.kl += meanOf(kls) / settings_.ensemble;
      const double share = (entangled ? 1.0 : -1.0) / settings_.ensemble;
      for (std::size_t image = 0; image < count; ++image) {
        recGap[image] += share * recs[image];
        objectiveGap[image] += share * (recs[image] + measure.weight * kls[image]);
      }
    }
    for (ReferenceMeasure* m : {&measure.entangled, &measure.disentangled})
      m->objective = m->rec + measure.weight * m->kl;
    measure.recGapError = standardErrorOf(recGap);
    measure.objectiveGapError = standardErrorOf(objectiveGap);
    measures.push_back(measure);
  }
  return measures;
}

void ReferenceEnsemble::appendState(NamedTensors& tensors) const {
  for (std::size_t m = 0; m < models_.size(); ++m) models_[m].appendState("model" + std::to_string(m) + "/", tensors);
}

}  // namespace offaxis
