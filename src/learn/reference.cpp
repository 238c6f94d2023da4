#include "learn/reference.h"

#include "learn/bernoulli.h"
#include "learn/layers.h"

namespace offaxis {

NoiseNetImpl::NoiseNetImpl(int factors, const std::vector<int>& widths) {
  std::int64_t in = factors;
  std::vector<int> outs = widths;
  outs.push_back(factors);
  for (std::size_t i = 0; i < outs.size(); ++i) {
    const std::string name = "dense" + std::to_string(i);
    layers_.push_back({register_parameter(name + "_weight", torch::zeros({outs[i], in})),
                       register_parameter(name + "_bias", torch::zeros({outs[i]}))});
    in = outs[i];
  }
}

void NoiseNetImpl::silence() {
  const torch::NoGradGuard noGrad;
  layers_.back().weight.zero_();
}

torch::Tensor NoiseNetImpl::forward(torch::Tensor w) {
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    w = fastLinear(w, layers_[i].weight, layers_[i].bias);
    if (i + 1 < layers_.size()) w = w.relu_();
  }
  return w;
}

ReferenceModel::ReferenceModel(const NetSettings& net, const ManipulateSettings& settings, torch::Tensor rotation,
                               torch::Device device)
    : rotation_(std::move(rotation)),
      loss_(pixelLossFromString(settings.loss)),
      rate_(settings.rate),
      decoder_(net),
      noise_(net.latents, settings.sigmaWidths) {
  decoder_->to(device);
  noise_->to(device);
}

void ReferenceModel::initialise(const std::string& scope, std::uint64_t seed) {
  offaxis::initialise(*decoder_, scope + ".decoder", seed);
  offaxis::initialise(*noise_, scope + ".noise", seed);
  noise_->silence();
  std::vector<torch::Tensor> parameters = decoder_->parameters();
  for (const torch::Tensor& parameter : noise_->parameters()) parameters.push_back(parameter);
  adam_.emplace(std::move(parameters), rate_);
}

ReferenceModel::Step ReferenceModel::run(const torch::Tensor& w, const torch::Tensor& eta, const torch::Tensor& target,
                                         double weight, bool train) {
  const torch::AutoGradMode gradients(train);
  const std::int64_t draws = eta.size(0);
  const std::int64_t images = eta.size(1);
  const torch::Tensor logVariance = noise_->forward(w);
  const torch::Tensor sigma = (0.5 * logVariance).exp();
  const torch::Tensor noise =
      rotation_.defined() ? (sigma * eta.matmul(rotation_.t())).matmul(rotation_) : sigma * eta;  // R^T (sigma (R eta))
  const torch::Tensor seen = (w + noise).view({draws * images, -1});
  const torch::Tensor output = decoder_->forward(seen);
  const torch::Tensor wanted = target.repeat({draws, 1, 1, 1}).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor losses =
      loss_ == PixelLoss::SquaredError ? (output - wanted).square().sum({1, 2, 3}) : bernoulliLosses(output, wanted);
  Step step;
  step.rec = losses.view({draws, images}).mean(0);
  step.kl = 0.5 * (logVariance.exp() - logVariance - 1.0).sum(1);
  if (train) {
    const torch::Tensor loss = (step.rec + weight * step.kl).mean();
    adam_->step(torch::autograd::grad({loss}, adam_->parameters()));
    step.rec = step.rec.detach();
    step.kl = step.kl.detach();
  }
  const torch::Tensor detached = output.detach();
  step.reconstruction = detached.slice(0, 0, images).clone();
  for (std::int64_t d = 1; d < draws; ++d) step.reconstruction.add_(detached.slice(0, d * images, (d + 1) * images));
  step.reconstruction.div_(static_cast<double>(draws));
  return step;
}

void ReferenceModel::appendState(const std::string& prefix, NamedTensors& tensors) const {
  appendAdamState(*adam_, prefix, tensors);
}

void appendAdamState(const Adam& adam, const std::string& prefix, NamedTensors& tensors) {
  tensors.emplace_back(prefix + "steps", adam.steps());
  for (std::size_t i = 0; i < adam.parameters().size(); ++i) {
    tensors.emplace_back(prefix + std::to_string(i), adam.parameters()[i]);
    tensors.emplace_back(prefix + "first" + std::to_string(i), adam.first()[i]);
    tensors.emplace_back(prefix + "second" + std::to_string(i), adam.second()[i]);
  }
}

torch::Tensor psiSignal(const torch::Tensor& disentangled, const torch::Tensor& entangled, PixelLoss loss) {
  const torch::Tensor difference = disentangled - entangled;
  return loss == PixelLoss::SquaredError ? 2.0 * difference : difference;
}

torch::Tensor perturbed(const torch::Tensor& x, const torch::Tensor& m, double eps) {
  return (x + eps * m).clamp(0.0, 1.0);
}

torch::Tensor separationSignal(const torch::Tensor& x, const torch::Tensor& target, const torch::Tensor& rivals,
                               double limit) {
  const torch::Tensor apart = rivals - x;
  const torch::Tensor squared = apart.square().sum({1, 2, 3}, true);
  const torch::Tensor towards = 2.0 * ((target - x) * apart).sum({1, 2, 3}, true);
  const torch::Tensor near = (towards > limit * squared).logical_and(squared > 0);
  return torch::where(near, 2.0 * apart / squared, torch::zeros_like(apart));
}

torch::Tensor throughClip(const torch::Tensor& x, const torch::Tensor& m, double eps, const torch::Tensor& gradient) {
  const torch::Tensor unclipped = x + eps * m;
  // Descent moves against the gradient: a negative one would raise a pixel that is above 1 already.
  const torch::Tensor outward =
      unclipped.gt(1.0).logical_and(gradient.lt(0.0)).logical_or(unclipped.lt(0.0).logical_and(gradient.gt(0.0)));
  return (eps * gradient).masked_fill(outward, 0.0);
}

torch::Tensor throughTanh(const torch::Tensor& m, const torch::Tensor& gradient, double inwardSlope) {
  const torch::Tensor slope = 1.0 - m.square();
  if (inwardSlope <= 0) return gradient * slope;
  const torch::Tensor inward = (gradient * m).gt(0.0);  // descent moves against the gradient
  return gradient * torch::where(inward, slope.clamp_min(inwardSlope), slope);
}

}  // namespace offaxis
