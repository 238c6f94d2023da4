#include "learn/trainable_psi.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "core/rotation.h"
#include "learn/device.h"
#include "learn/psi_start.h"
#include "learn/reference.h"
#include "learn/tasks.h"
#include "variants/additive.h"

namespace offaxis {
namespace {

using torch::Tensor;

constexpr std::uint64_t kParts = 2;  // of a batch

// The rows of the part.
std::pair<std::int64_t, std::int64_t> partOf(std::int64_t n, std::uint64_t part) {
  const auto cut = [&](std::uint64_t at) {
    return n * static_cast<std::int64_t>(at) / static_cast<std::int64_t>(kParts);
  };
  return {cut(part), cut(part + 1)};
}

}  // namespace

TrainablePsi::TrainablePsi(const SourceInfo& info, const ManipulateSettings& settings, torch::Device device,
                           const Context& context)
    : settings_(settings), shape_(info.shape), device_(device), context_{context.threads, nullptr, nullptr} {
  for (const Factor& factor : info.grid.factors()) {
    features_.factorSizes.push_back(static_cast<std::uint32_t>(factor.size()));
    features_.factorKinds.push_back(factor.kind);
  }
  const std::vector<double> rotation =
      rotationMatrix(rotationSpecs(settings.rotation).front(), info.grid, settings.seed);
  if (settings.inputs == "rotated") {
    features_.rotation = rotation;
    features_.harmonics = settings.harmonics;
  } else {
    features_.oneHot = settings.inputs == "one-hot";
  }
  network_ =
      Decoder(NetSettings{shape_, static_cast<int>(features_.count()), settings.psiChannels, {}, settings.psiDense});
  initialise(*network_, "psi", settings.seed);
  if (codesSpecs(settings.codes).front() == "angles" && !features_.oneHot) {
    shapeStartOnAngles(network_, features_, rotation);
  } else if (!features_.rotation.empty()) {
    shapeStart(network_, features_);
  }
  if (sumsPatterns()) patternInputs_ = featuresOfLevels();
  network_->to(device_);
  adam_.emplace(network_->parameters(), settings.psiRate);
}

Tensor TrainablePsi::featuresOf(const std::vector<std::uint32_t>& levels, std::int64_t begin, std::int64_t end) const {
  const auto width = static_cast<std::int64_t>(features_.count());
  const std::size_t k = features_.factorSizes.size();
  Tensor features = torch::empty({end - begin, width});
  for (std::int64_t i = begin; i < end; ++i)
    features_.real(&levels[static_cast<std::size_t>(i) * k], features.data_ptr<float>() + (i - begin) * width);
  return sentTo(device_, features);
}

// Of every level of every factor, [P,F]: what an additive psi draws its patterns from.
Tensor TrainablePsi::featuresOfLevels() const {
  Tensor features =
      torch::empty({static_cast<std::int64_t>(features_.levels()), static_cast<std::int64_t>(features_.count())});
  float* row = features.data_ptr<float>();
  for (std::size_t k = 0; k < features_.factorSizes.size(); ++k) {
    for (std::uint32_t level = 0; level < features_.factorSizes[k]; ++level, row += features_.count())
      features_.realOfLevel(k, level, row);
  }
  return sentTo(device_, features);
}

// [N,P] of zeros and, one a factor, ones.
Tensor TrainablePsi::patternsOf(const std::vector<std::uint32_t>& levels) const {
  const std::size_t k = features_.factorSizes.size(), n = levels.size() / k;
  Tensor chosen = torch::zeros({static_cast<std::int64_t>(n), patternInputs_.size(0)});
  for (std::size_t i = 0; i < n; ++i) {
    float* row = chosen.data_ptr<float>() + i * static_cast<std::size_t>(chosen.size(1));
    for (std::size_t f = 0; f < k; ++f) {
      row[levels[i * k + f]] = 1.0f;
      row += features_.factorSizes[f];
    }
  }
  return sentTo(device_, chosen);
}

TrainablePsi::Pass TrainablePsi::pass(const std::vector<std::uint32_t>& levels) {
  Pass pass;
  pass.outputs.resize(kParts);
  const auto images = static_cast<std::int64_t>(levels.size() / features_.factorSizes.size());
  runTasks(context_, kParts, [&](std::uint64_t part) {
    const auto [begin, end] = partOf(sumsPatterns() ? patternInputs_.size(0) : images, part);
    pass.outputs[part] =
        network_->forward(sumsPatterns() ? patternInputs_.slice(0, begin, end) : featuresOf(levels, begin, end));
  });
  const torch::NoGradGuard noGrad;
  Tensor all = torch::cat(pass.outputs);
  if (sumsPatterns()) {
    pass.chosen = patternsOf(levels);
    all = torch::mm(pass.chosen, all.flatten(1)).view({images, all.size(1), all.size(2), all.size(3)});
  }
  pass.m = all.tanh();
  return pass;
}

// Of the parameters, given the gradient with respect to what goes into tanh, [N,C,H,W].
std::vector<Tensor> TrainablePsi::gradients(const Pass& pass, Tensor gradient) {
  if (sumsPatterns()) {
    const torch::NoGradGuard noGrad;
    gradient = torch::mm(pass.chosen.t(), gradient.flatten(1))
                   .view({pass.chosen.size(1), gradient.size(1), gradient.size(2), gradient.size(3)});
  }
  std::vector<std::vector<Tensor>> parts(kParts);
  runTasks(context_, kParts, [&](std::uint64_t part) {
    const auto [begin, end] = partOf(gradient.size(0), part);
    parts[part] = torch::autograd::grad({pass.outputs[part]}, adam_->parameters(), {gradient.slice(0, begin, end)});
  });
  for (std::size_t part = 1; part < kParts; ++part) {
    for (std::size_t i = 0; i < parts[0].size(); ++i) parts[0][i].add_(parts[part][i]);
  }
  return parts[0];
}

void TrainablePsi::step(const Pass& pass, const Tensor& gradient) {
  adam_->step(gradients(pass, throughTanh(pass.m, gradient, settings_.inwardSlope)));
}

PsiNetwork TrainablePsi::quantised(const std::vector<std::uint32_t>& levels) {
  for (const Tensor& parameter : adam_->parameters()) {
    if (!parameter.isfinite().all().item<bool>())
      throw Error(ErrorKind::Failed, "psi's weights are not finite", "lower its learning rate (--psi-rate)");
  }
  if (!sumsPatterns()) return quantise(floatNetwork(network_, features_), settings_.eps, levels);
  drawn_ = drawnPatterns();
  return additivePsi(features_, settings_.eps, shape_.height, shape_.channels, drawn_);
}

// An additive psi's pre-activations, [levels of all factors, H, W, C].
std::vector<float> TrainablePsi::drawnPatterns() {
  Tensor patterns;
  runTasks(context_, 1, [&](std::uint64_t) {
    const torch::NoGradGuard noGrad;
    patterns = network_->forward(patternInputs_).to(torch::kCPU).permute({0, 2, 3, 1}).contiguous();
  });
  return {patterns.data_ptr<float>(), patterns.data_ptr<float>() + patterns.numel()};
}

// What the float network gives for one image, in (-1, 1), [H,W,C].
std::vector<float> TrainablePsi::real(const PsiFloatNetwork& network, const std::uint32_t* levels) const {
  if (!sumsPatterns()) return evaluateFloat(network, levels);
  std::vector<float> sum(shape_.bytes());
  const float* first = drawn_.data();  // of the factor's levels
  for (std::size_t k = 0; k < features_.factorSizes.size(); ++k) {
    for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += first[levels[k] * sum.size() + p];
    first += features_.factorSizes[k] * sum.size();
  }
  for (float& value : sum) value = std::tanh(value);
  return sum;
}

QuantisationError TrainablePsi::errorOf(const PsiNetwork& quantised, const std::vector<std::uint32_t>& levels) const {
  const PsiFloatNetwork network = floatNetwork(network_, features_);
  const std::size_t k = features_.factorSizes.size(), images = levels.size() / k;
  std::vector<double> sum(images), largest(images);
  parallelFor(context_, images, 1, [&](std::uint64_t i, std::uint64_t, int) {
    const std::vector<float> wanted = real(network, &levels[i * k]);
    std::vector<std::int16_t> delta(wanted.size());
    quantised.deltas(&levels[i * k], delta.data());
    for (std::size_t p = 0; p < wanted.size(); ++p) {
      const double error = std::fabs(static_cast<double>(wanted[p]) * settings_.eps.levels() - delta[p]);
      sum[i] += error / static_cast<double>(wanted.size());
      largest[i] = std::max(largest[i], error);
    }
  });
  QuantisationError error;
  for (std::size_t i = 0; i < images; ++i) {
    error.mean += sum[i] / static_cast<double>(images);
    error.max = std::max(error.max, largest[i]);
  }
  return error;
}

void TrainablePsi::appendState(NamedTensors& tensors) const {
  appendAdamState(*adam_, "psi/", tensors);
}

}  // namespace offaxis
