#include "learn/adam.h"

#include <cmath>

namespace offaxis {

Adam::Adam(std::vector<torch::Tensor> parameters, double rate)
    : parameters_(std::move(parameters)), steps_(torch::zeros({1}, torch::kInt64)), rate_(rate) {
  for (const torch::Tensor& parameter : parameters_) {
    first_.push_back(torch::zeros_like(parameter.detach()));
    second_.push_back(torch::zeros_like(parameter.detach()));
  }
}

void Adam::step(const std::vector<torch::Tensor>& gradients) {
  constexpr double kBeta1 = 0.9;
  constexpr double kBeta2 = 0.999;
  constexpr double kEpsilon = 1e-8;
  torch::NoGradGuard noGrad;
  const auto steps = static_cast<double>(++*steps_.data_ptr<std::int64_t>());
  const double correction1 = 1.0 - std::pow(kBeta1, steps);
  const double correction2 = std::sqrt(1.0 - std::pow(kBeta2, steps));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const torch::Tensor& gradient = gradients[i];
    if (!gradient.defined()) continue;
    first_[i].mul_(kBeta1).add_(gradient, 1.0 - kBeta1);
    second_[i].mul_(kBeta2).addcmul_(gradient, gradient, 1.0 - kBeta2);
    parameters_[i].addcdiv_(first_[i], second_[i].sqrt().div_(correction2).add_(kEpsilon), -rate_ / correction1);
  }
}

}  // namespace offaxis
