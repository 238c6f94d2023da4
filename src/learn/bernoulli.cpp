#include "learn/bernoulli.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/target_clones.h"

namespace offaxis {
namespace {

using torch::Tensor;

// exp(-a) for a >= 0, to 2 units in the last place; exp(-87), 1e-38, from there on. In a form that compilers turn into
// vector instructions, as all of what follows.
inline float expOfMinus(float a) {
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr float kRound = 12582912.f;  // 1.5 * 2^23: adding it rounds to whole numbers
  const float x = -(a < 87.f ? a : 87.f);
  const float shifted = x * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.f / 5040;
  p = p * r + 1.f / 720;
  p = p * r + 1.f / 120;
  p = p * r + 1.f / 24;
  p = p * r + 1.f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.f;
  p = p * r + 1.f;
  std::uint32_t bits;  // unsigned: what is shifted out of a signed number is undefined
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127u) << 23;  // 2^n: what kRound leaves above n's own bits is shifted out
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

// log(1 + e) for 0 <= e <= 1, to 2e-8, as 2 artanh(e / (2 + e)).
inline float logOfOnePlus(float e) {
  const float s = e / (2.f + e);
  const float q = s * s;
  float p = 1.f / 13;
  p = p * q + 1.f / 11;
  p = p * q + 1.f / 9;
  p = p * q + 1.f / 7;
  p = p * q + 1.f / 5;
  p = p * q + 1.f / 3;
  p = p * q + 1.f;
  return 2.f * s * p;
}

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kBlock = 64 * kLanes;  // summed in float, side by side; blocks are summed in double

// The loss of `count` pixels, at most kBlock; sigmoid(x) - t goes to `difference`.
OFFAXIS_FLOAT_KERNEL
double lossOfBlock(const float* __restrict x, const float* __restrict t, float* __restrict difference,
                   std::int64_t count) {
  float losses[kBlock];
  for (std::int64_t i = 0; i < count; ++i) {
    const float e = expOfMinus(std::fabs(x[i]));
    difference[i] = (x[i] < 0.f ? e : 1.f) / (1.f + e) - t[i];
    losses[i] = (x[i] > 0.f ? x[i] : 0.f) - x[i] * t[i] + logOfOnePlus(e);
  }
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += losses[i + lane];
  }
  for (; i < count; ++i) lanes[0] += losses[i];
  double total = 0;
  for (const float lane : lanes) total += static_cast<double>(lane);
  return total;
}

double lossOf(const float* x, const float* t, float* difference, std::int64_t count) {
  double total = 0;
  for (std::int64_t first = 0; first < count; first += kBlock)
    total += lossOfBlock(x + first, t + first, difference + first, std::min(kBlock, count - first));
  return total;
}

class BernoulliLosses : public torch::autograd::Function<BernoulliLosses> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& logits, const Tensor& target) {
    const at::MemoryFormat order = logits.suggest_memory_format();
    const Tensor x = logits.contiguous(order);
    const Tensor t = target.contiguous(order);
    const Tensor difference = at::empty_like(x);
    const Tensor losses = at::empty({x.size(0)}, x.options());
    const std::int64_t count = x.numel() / std::max<std::int64_t>(x.size(0), 1);
    for (std::int64_t n = 0; n < x.size(0); ++n) {
      losses.data_ptr<float>()[n] =
          static_cast<float>(lossOf(x.data_ptr<float>() + n * count, t.data_ptr<float>() + n * count,
                                    difference.data_ptr<float>() + n * count, count));
    }
    context->save_for_backward({difference});
    return losses;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    return {context->get_saved_variables()[0] * gradients[0].view({-1, 1, 1, 1}), {}};
  }
};

}  // namespace

torch::Tensor bernoulliLosses(const torch::Tensor& logits, const torch::Tensor& target) {
  TORCH_CHECK(logits.dim() == 4 && logits.sizes() == target.sizes(), "shapes do not fit: logits ", logits.sizes(),
              ", target ", target.sizes());
  TORCH_CHECK(!target.requires_grad(), "the target must be a constant");
  if (logits.is_cpu() && logits.scalar_type() == torch::kFloat32 && target.scalar_type() == torch::kFloat32)
    return BernoulliLosses::apply(logits, target);
  return torch::binary_cross_entropy_with_logits(logits, target, {}, {}, at::Reduction::None).sum({1, 2, 3});
}

}  // namespace offaxis
