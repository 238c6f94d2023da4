#include "learn/conv_transpose.h"

#include <torch/version.h>

#include <array>
#include <vector>

namespace offaxis {
namespace {

#if TORCH_VERSION_MAJOR < 2

using torch::Tensor;

constexpr std::array<std::int64_t, 2> kStride{2, 2};
constexpr std::array<std::int64_t, 2> kPadding{1, 1};
constexpr std::array<std::int64_t, 2> kDilation{1, 1};
constexpr std::array<std::int64_t, 2> kNoOutputPadding{0, 0};

// One gradient of the convolution that takes `input` to `output`: with respect to its input or to its weight.
enum class Wanted { Input, Weight };

Tensor convolutionGradient(const Tensor& outputGradient, const Tensor& input, const Tensor& weight, Wanted wanted) {
  const auto gradients =
      at::convolution_backward(outputGradient, input, weight, at::OptionalIntArrayRef(), kStride, kPadding, kDilation,
                               /*transposed=*/false, kNoOutputPadding,
                               /*groups=*/1, {wanted == Wanted::Input, wanted == Wanted::Weight, false});
  return wanted == Wanted::Input ? std::get<0>(gradients) : std::get<1>(gradients);
}

// Adds what each input pixel contributes to the 4x4 window of output pixels around it. taps: [N,H,W,4,4,O] in memory;
// y [N,2H,2W,O], filled with the bias before. Four taps of one row lie side by side in both.
template <int kOut>
void addTaps(const float* taps, float* y, std::int64_t batch, std::int64_t height, std::int64_t width) {
  constexpr std::int64_t kRow = 4 * kOut;
  const std::int64_t stride = 2 * width * kOut;
  for (std::int64_t row = 0; row < batch * height; ++row) {
    const std::int64_t n = row / height;
    const std::int64_t i = row % height;
    const float* from = taps + row * width * 4 * kRow;
    for (std::int64_t ky = 0; ky < 4; ++ky) {
      const std::int64_t at = 2 * i - 1 + ky;
      if (at < 0 || at >= 2 * height) continue;
      float* to = y + (n * 2 * height + at) * stride;
      for (std::int64_t j = 0; j < width; ++j) {
        const float* tap = from + (4 * j + ky) * kRow;
        float* pixel = to + (2 * j - 1) * kOut;
        if (j > 0 && j + 1 < width) {
          for (std::int64_t k = 0; k < kRow; ++k) pixel[k] += tap[k];
        } else {
          const std::int64_t first = j == 0 ? kOut : 0;
          const std::int64_t last = j + 1 == width ? kRow - kOut : kRow;
          for (std::int64_t k = first; k < last; ++k) pixel[k] += tap[k];
        }
      }
    }
  }
}

constexpr std::int64_t kFewChannels = 4;

// For pictures (few output channels) oneDNN's gradient kernel computes 16 channels and throws most of them away: one
// matrix product for all taps and a scatter take less than half the time.
Tensor fewChannels(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const std::int64_t out = weight.size(1);
  const Tensor perTap = weight.permute({2, 3, 1, 0}).reshape({16 * out, weight.size(0), 1, 1});
  const auto order = at::MemoryFormat::ChannelsLast;
  const Tensor taps = at::conv2d(x.contiguous(order), perTap).contiguous(order);
  Tensor y = at::empty({x.size(0), out, 2 * x.size(2), 2 * x.size(3)}, x.options(), order);
  y.copy_(bias.view({1, -1, 1, 1}).expand_as(y));
  const auto add = out == 1 ? addTaps<1> : out == 2 ? addTaps<2> : out == 3 ? addTaps<3> : addTaps<4>;
  add(taps.data_ptr<float>(), y.data_ptr<float>(), x.size(0), x.size(2), x.size(3));
  return y;
}

// `t` in the memory order of `x`. A tensor of one channel is in both orders at once, and LibTorch takes it for the
// plain one, which would have oneDNN reorder the layer's large side twice: its strides are spelt out.
Tensor inOrderOf(const Tensor& x, const Tensor& t) {
  const at::MemoryFormat order = x.suggest_memory_format();
  Tensor ordered = t.contiguous(order);
  if (order != at::MemoryFormat::ChannelsLast || t.size(1) != 1) return ordered;
  return ordered.as_strided(t.sizes(), {t.size(2) * t.size(3), 1, t.size(3), 1});
}

class TransposedConvolution : public torch::autograd::Function<TransposedConvolution> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias) {
    context->save_for_backward({x, weight});
    if (weight.size(1) <= kFewChannels) return fewChannels(x, weight, bias);
    // Only the shape and the memory order of the convolution's input matter for its gradient.
    const Tensor like =
        at::empty({x.size(0), weight.size(1), 2 * x.size(2), 2 * x.size(3)}, x.options(), x.suggest_memory_format());
    Tensor y = convolutionGradient(x, like, weight, Wanted::Input);
    return y.add_(bias.view({1, -1, 1, 1}));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& weight = saved[1];
    const Tensor gy = inOrderOf(x, gradients[0]);
    Tensor gx;
    Tensor gw;
    Tensor gb;
    if (context->needs_input_grad(0)) gx = at::conv2d(gy, weight, {}, kStride, kPadding);
    if (context->needs_input_grad(1)) gw = convolutionGradient(x, gy, weight, Wanted::Weight);
    if (context->needs_input_grad(2)) gb = gy.sum({0, 2, 3});
    return {gx, gw, gb};
  }
};

#endif

void checkShapes(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, std::int64_t dims) {
  const std::int64_t in = weight.size(dims == 4 ? 0 : 1);
  const std::int64_t out = weight.size(dims == 4 ? 1 : 0);
  TORCH_CHECK(x.dim() == dims && weight.dim() == dims && x.size(1) == in && bias.dim() == 1 && bias.size(0) == out,
              "shapes do not fit: x ", x.sizes(), ", weight ", weight.sizes(), ", bias ", bias.sizes());
}

}  // namespace

torch::Tensor fastConvTranspose2d(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  checkShapes(x, weight, bias, 4);
  TORCH_CHECK(weight.size(2) == 4 && weight.size(3) == 4, "the kernel must be 4x4, not ", weight.sizes());
#if TORCH_VERSION_MAJOR < 2
  if (x.is_cpu()) return TransposedConvolution::apply(x, weight, bias);
#endif
  return torch::conv_transpose2d(x, weight, bias, /*stride=*/2, /*padding=*/1);
}

torch::Tensor fastLinear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  checkShapes(x, weight, bias, 2);
  if (!x.is_cpu()) return torch::linear(x, weight, bias);
  const torch::Tensor pixels = x.view({x.size(0), x.size(1), 1, 1});
  return torch::conv2d(pixels, weight.view({weight.size(0), weight.size(1), 1, 1}), bias).view({x.size(0), -1});
}

}  // namespace offaxis
