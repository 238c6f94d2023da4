#include "learn/adam.h"

#include <cmath>
#include <cstdint>

#include "core/target_clones.h"

namespace offaxis {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

// One pass where the general operations take eight.
OFFAXIS_FLOAT_KERNEL
void update(float* __restrict parameter, float* __restrict first, float* __restrict second,
            const float* __restrict gradient, std::int64_t count, float rate, float correction2) {
  constexpr auto kKept1 = static_cast<float>(kBeta1), kNew1 = static_cast<float>(1.0 - kBeta1);
  constexpr auto kKept2 = static_cast<float>(kBeta2), kNew2 = static_cast<float>(1.0 - kBeta2);
  constexpr auto kSmall = static_cast<float>(kEpsilon);
  for (std::int64_t i = 0; i < count; ++i) {
    first[i] = kKept1 * first[i] + kNew1 * gradient[i];
    second[i] = kKept2 * second[i] + kNew2 * gradient[i] * gradient[i];
    parameter[i] -= rate * first[i] / (std::sqrt(second[i]) / correction2 + kSmall);
  }
}

bool isPlain(const torch::Tensor& t) {
  return t.is_cpu() && t.scalar_type() == torch::kFloat32 && t.is_contiguous();
}

}  // namespace

Adam::Adam(std::vector<torch::Tensor> parameters, double rate)
    : parameters_(std::move(parameters)), steps_(torch::zeros({1}, torch::kInt64)), rate_(rate) {
  for (const torch::Tensor& parameter : parameters_) {
    first_.push_back(torch::zeros_like(parameter.detach()));
    second_.push_back(torch::zeros_like(parameter.detach()));
  }
}

void Adam::step(const std::vector<torch::Tensor>& gradients) {
  torch::NoGradGuard noGrad;
  const auto steps = static_cast<double>(++*steps_.data_ptr<std::int64_t>());
  const double correction1 = 1.0 - std::pow(kBeta1, steps);
  const double correction2 = std::sqrt(1.0 - std::pow(kBeta2, steps));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const torch::Tensor& gradient = gradients[i];
    if (!gradient.defined()) continue;
    if (isPlain(parameters_[i]) && isPlain(first_[i]) && isPlain(second_[i])) {
      const torch::Tensor plain = gradient.contiguous();
      update(parameters_[i].data_ptr<float>(), first_[i].data_ptr<float>(), second_[i].data_ptr<float>(),
             plain.data_ptr<float>(), plain.numel(), static_cast<float>(rate_ / correction1),
             static_cast<float>(correction2));
      continue;
    }
    first_[i].mul_(kBeta1).add_(gradient, 1.0 - kBeta1);
    second_[i].mul_(kBeta2).addcmul_(gradient, gradient, 1.0 - kBeta2);
    parameters_[i].addcdiv_(first_[i], second_[i].sqrt().div_(correction2).add_(kEpsilon), -rate_ / correction1);
  }
}

}  // namespace offaxis
