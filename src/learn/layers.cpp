#include "learn/layers.h"

#include "learn/layer_kernels.h"

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

FloatInstructions fastest() {
  return availableFloatInstructions().back();
}

const float* dataOf(const Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<float>() : nullptr;
}

LayerGradients wanted(const Tensor& inputs, const Tensor& weights, const Tensor& bias) {
  const auto data = [](const Tensor& tensor) { return tensor.defined() ? tensor.data_ptr<float>() : nullptr; };
  return {data(inputs), data(weights), data(bias)};
}

// What the kernels compute has no graph; a gradient's gradient would silently lack their part.
void checkNoGraphIsWanted() {
  TORCH_CHECK(!at::GradMode::is_enabled(), "these layers have no second derivatives: leave create_graph out");
}

Tensor halved(const Tensor& large, const Tensor& weight, const Tensor& bias, Activation activation) {
  const HalvingShape shape = shapeOfLarge(weight, large);
  Tensor small = at::empty({shape.images, shape.small, shape.height, shape.width}, large.options(), kOrder);
  halveImages(shape, dataOf(large), dataOf(weight), dataOf(bias), activation, small.data_ptr<float>(), fastest());
  return small;
}

Tensor doubled(const Tensor& small, const Tensor& weight, const Tensor& bias, Activation activation) {
  const HalvingShape shape = shapeOfSmall(weight, small);
  Tensor large = at::empty({shape.images, shape.large, 2 * shape.height, 2 * shape.width}, small.options(), kOrder);
  doubleImages(shape, dataOf(small), dataOf(weight), dataOf(bias), activation, large.data_ptr<float>(), fastest());
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
    checkNoGraphIsWanted();
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &y = saved[2];
    const Tensor gy = gradients[0].contiguous(kOrder);
    Tensor gx, gw, gb = at::empty({gy.size(1)}, gy.options());
    if (context->needs_input_grad(0)) gx = at::empty(x.sizes(), x.options(), kOrder);
    if (context->needs_input_grad(1)) gw = at::empty(weight.sizes(), weight.options());
    const LayerPass pass{dataOf(x), dataOf(weight), dataOf(y), dataOf(gy)};
    if (kWay == Way::Halving) {
      halvingGradients(shapeOfLarge(weight, x), pass, wanted(gx, gw, gb), fastest());
    } else {
      doublingGradients(shapeOfSmall(weight, x), pass, wanted(gx, gw, gb), fastest());
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
                  fastest());
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    checkNoGraphIsWanted();
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Tensor gy = gradients[0].contiguous();
    Tensor gx, gw, gb = at::empty({gy.size(1)}, gy.options());
    if (context->needs_input_grad(0)) gx = at::empty(x.sizes(), x.options());
    if (context->needs_input_grad(1)) gw = at::empty(weight.sizes(), weight.options());
    denseGradients(shapeOf(x, weight), {dataOf(x), dataOf(weight), nullptr, dataOf(gy)}, wanted(gx, gw, gb), fastest());
    return {gx, gw, gb};
  }

 private:
  static DenseShape shapeOf(const Tensor& x, const Tensor& weight) {
    return {x.size(0), weight.size(1), weight.size(0)};
  }
};

// Whether our kernels take tensors like x, and are worth it.
bool areFastFor(const Tensor& x) {
  return haveFastInstructions() && x.is_cpu() && x.scalar_type() == at::kFloat;
}

void checkOperands(const Tensor& x, const Tensor& weight, const Tensor& bias, std::int64_t dims, bool transposed) {
  const std::int64_t in = weight.size(transposed ? 0 : 1);
  const std::int64_t out = weight.size(transposed ? 1 : 0);
  TORCH_CHECK(x.dim() == dims && weight.dim() == dims && x.size(1) == in && bias.dim() == 1 && bias.size(0) == out,
              "shapes do not fit: x ", x.sizes(), ", weight ", weight.sizes(), ", bias ", bias.sizes());
  for (const Tensor& parameter : {weight, bias}) {
    TORCH_CHECK(parameter.device() == x.device() && parameter.scalar_type() == x.scalar_type(), "x is ",
                x.scalar_type(), " on ", x.device(), ", a parameter ", parameter.scalar_type(), " on ",
                parameter.device());
  }
}

template <Way kWay>
Tensor convolved(const Tensor& x, const Tensor& weight, const Tensor& bias, Activation activation) {
  constexpr bool kHalving = kWay == Way::Halving;
  checkOperands(x, weight, bias, 4, /*transposed=*/!kHalving);
  TORCH_CHECK((weight.size(2) == 4 || weight.size(2) == 2) && weight.size(3) == weight.size(2),
              "the kernel must be 4x4 or 2x2, not ", weight.sizes());
  if (areFastFor(x) && HalvingShape::isSupported(weight.size(1), weight.size(0), weight.size(2))) {
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
  checkOperands(x, weight, bias, 2, /*transposed=*/false);
  if (!x.is_cpu()) return torch::linear(x, weight, bias);
  if (areFastFor(x) && DenseShape::isSupported(weight.size(1), weight.size(0))) return Dense::apply(x, weight, bias);
  const Tensor pixels = x.view({x.size(0), x.size(1), 1, 1});
  return torch::conv2d(pixels, weight.view({weight.size(0), weight.size(1), 1, 1}), bias)
      .view({x.size(0), weight.size(0)});
}

}  // namespace offaxis
