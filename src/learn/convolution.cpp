#include "learn/convolution.h"

#include "learn/convolution_kernels.h"

namespace offaxis {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr auto kOrder = at::MemoryFormat::ChannelsLast;

std::int64_t paddingOf(const Tensor& weight) {
  return weight.size(2) == 4 ? 1 : 0;
}

// small [N,S,H,W] or large [N,L,2H,2W] gives the images' number and size; weight [S,L,K,K] all else.
HalvingShape shapeOf(const Tensor& weight, std::int64_t images, std::int64_t height, std::int64_t width) {
  return {images, height, width, weight.size(1), weight.size(0), weight.size(2)};
}
HalvingShape shapeOfLarge(const Tensor& weight, const Tensor& large) {
  return shapeOf(weight, large.size(0), large.size(2) / 2, large.size(3) / 2);
}
HalvingShape shapeOfSmall(const Tensor& weight, const Tensor& small) {
  return shapeOf(weight, small.size(0), small.size(2), small.size(3));
}

FloatKernel kernel() {
  return availableFloatKernels().back();
}

const float* dataOf(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<float>() : nullptr;
}

Tensor halved(const Tensor& large, const Tensor& weight, const Tensor& bias, Activation activation) {
  const HalvingShape shape = shapeOfLarge(weight, large);
  Tensor small = at::empty({shape.images, shape.small, shape.height, shape.width}, large.options(), kOrder);
  halveImages(shape, dataOf(large), dataOf(weight), dataOf(bias), activation, small.data_ptr<float>(), kernel());
  return small;
}

Tensor doubled(const Tensor& small, const Tensor& weight, const Tensor& bias, Activation activation) {
  const HalvingShape shape = shapeOfSmall(weight, small);
  Tensor large = at::empty({shape.images, shape.large, 2 * shape.height, 2 * shape.width}, small.options(), kOrder);
  doubleImages(shape, dataOf(small), dataOf(weight), dataOf(bias), activation, large.data_ptr<float>(), kernel());
  return large;
}

enum class Way { Halving, Doubling };

template <Way kWay, Activation kActivation>
class Convolution : public torch::autograd::Function<Convolution<kWay, kActivation>> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const Tensor images = x.contiguous(kOrder), weights = weight.contiguous(), biases = bias.contiguous();
    const Tensor y = kWay == Way::Halving ? halved(images, weights, biases, kActivation)
                                          : doubled(images, weights, biases, kActivation);
    context->save_for_backward({images, weights, kActivation == Activation::Relu ? y : Tensor()});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &y = saved[2];
    const Tensor gy = gradients[0].contiguous(kOrder);
    Tensor gx, gw, gb = at::empty({gy.size(1)}, gy.options());
    if (context->needs_input_grad(0)) gx = at::empty(x.sizes(), x.options(), kOrder);
    if (context->needs_input_grad(1)) gw = at::empty(weight.sizes(), weight.options());
    const LayerPass pass{dataOf(x), dataOf(weight), dataOf(y), dataOf(gy)};
    const Gradients wanted{gx.defined() ? gx.data_ptr<float>() : nullptr, gw.defined() ? gw.data_ptr<float>() : nullptr,
                           gb.data_ptr<float>()};
    if (kWay == Way::Halving) {
      halvingGradients(shapeOfLarge(weight, x), pass, wanted, kernel());
    } else {
      doublingGradients(shapeOfSmall(weight, x), pass, wanted, kernel());
    }
    return {gx, gw, gb};
  }
};

class Dense : public torch::autograd::Function<Dense> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias) {
    const Tensor rows = x.contiguous(), weights = weight.contiguous();
    context->save_for_backward({rows, weights});
    Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
    multiplyDense(shapeOf(rows, weights), dataOf(rows), dataOf(weights), dataOf(bias.contiguous()), y.data_ptr<float>(),
                  kernel());
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const DenseShape shape = shapeOf(x, weight);
    const Tensor gy = gradients[0].contiguous();
    Tensor gx, gw, gb;
    if (context->needs_input_grad(0)) {
      gx = at::empty(x.sizes(), x.options());
      denseInputGradient(shape, dataOf(gy), dataOf(weight), gx.data_ptr<float>(), kernel());
    }
    if (context->needs_input_grad(1)) {
      gw = at::empty(weight.sizes(), weight.options());
      denseWeightGradient(shape, dataOf(x), dataOf(gy), gw.data_ptr<float>(), kernel());
    }
    if (context->needs_input_grad(2)) gb = gy.sum(0);
    return {gx, gw, gb};
  }

  static DenseShape shapeOf(const Tensor& x, const Tensor& weight) {
    return {x.size(0), weight.size(1), weight.size(0)};
  }
};

// Whether our kernels take tensors like x, and are worth it.
bool areFastFor(const Tensor& x) {
#ifdef __x86_64__
  if (kernel() == FloatKernel::Portable) return false;
#endif
  return x.is_cpu() && x.scalar_type() == at::kFloat;
}

void checkShapes(const Tensor& x, const Tensor& weight, const Tensor& bias, std::int64_t dims, bool transposed) {
  const std::int64_t in = weight.size(transposed ? 0 : 1);
  const std::int64_t out = weight.size(transposed ? 1 : 0);
  TORCH_CHECK(x.dim() == dims && weight.dim() == dims && x.size(1) == in && bias.dim() == 1 && bias.size(0) == out,
              "shapes do not fit: x ", x.sizes(), ", weight ", weight.sizes(), ", bias ", bias.sizes());
}

template <Way kWay>
Tensor convolved(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  constexpr bool kHalving = kWay == Way::Halving;
  checkShapes(x, weight, bias, 4, /*transposed=*/!kHalving);
  TORCH_CHECK((weight.size(2) == 4 || weight.size(2) == 2) && weight.size(3) == weight.size(2),
              "the kernel must be 4x4 or 2x2, not ", weight.sizes());
  if (areFastFor(x) && shapeOfSmall(weight, x).isSupported()) {
    return activation == Activation::Relu ? Convolution<kWay, Activation::Relu>::apply(x, weight, bias)
                                          : Convolution<kWay, Activation::None>::apply(x, weight, bias);
  }
  const Tensor y = kHalving ? torch::conv2d(x, weight, bias, /*stride=*/2, paddingOf(weight))
                            : torch::conv_transpose2d(x, weight, bias, /*stride=*/2, paddingOf(weight));
  return activation == Activation::Relu ? torch::relu(y) : y;
}

}  // namespace

Tensor halvingConvolution(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  TORCH_CHECK(x.dim() == 4 && x.size(2) % 2 == 0 && x.size(3) % 2 == 0, "height and width must be even: x ", x.sizes());
  return convolved<Way::Halving>(x, weight, bias, activation);
}

Tensor doublingConvolution(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  return convolved<Way::Doubling>(x, weight, bias, activation);
}

Tensor fastLinear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  checkShapes(x, weight, bias, 2, /*transposed=*/false);
  if (!x.is_cpu()) return torch::linear(x, weight, bias);
  if (areFastFor(x) && Dense::shapeOf(x, weight).isSupported()) return Dense::apply(x, weight, bias);
  const Tensor pixels = x.view({x.size(0), x.size(1), 1, 1});
  return torch::conv2d(pixels, weight.view({weight.size(0), weight.size(1), 1, 1}), bias).view({x.size(0), -1});
}

}  // namespace offaxis
