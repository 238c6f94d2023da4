#include "learn/convolution.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/philox.h"
#include "learn/convolution_kernels.h"

namespace offaxis {
namespace {

float largestGap(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<float>();
}

// Values and all three gradients against the library's own function, for one shape and memory order.
template <typename Ours, typename Theirs>
void compare(torch::Tensor x, torch::Tensor weight, torch::Tensor bias, const Ours& ours, const Theirs& theirs) {
  std::vector<torch::Tensor> inputs{x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()};
  const torch::Tensor a = ours(inputs[0], inputs[1], inputs[2]);
  const torch::Tensor b = theirs(inputs[0], inputs[1], inputs[2]);
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LT(largestGap(a, b), 1e-5f * std::max(1.0f, b.abs().max().item<float>()));
  const torch::Tensor weights = torch::randn_like(b);  // a scalar whose gradient differs from pixel to pixel
  const auto ga = torch::autograd::grad({(a * weights).sum()}, inputs);
  const auto gb = torch::autograd::grad({(b * weights).sum()}, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_EQ(ga[i].sizes(), gb[i].sizes());
    EXPECT_LT(largestGap(ga[i], gb[i]), 1e-5f * std::max(1.0f, gb[i].abs().max().item<float>())) << "gradient " << i;
  }
}

// One layer: channels of either side, the small side's height and width.
struct Layer {
  int batch, large, small, height, width;
};

// Those that our kernels take and those that are left to LibTorch.
constexpr Layer kLayers[] = {{3, 16, 32, 4, 4}, {1, 3, 16, 8, 8}, {2, 1, 32, 6, 5}, {2, 5, 48, 3, 7}, {3, 64, 64, 2, 2},
                             {4, 32, 16, 1, 1}, {2, 3, 8, 4, 4},  {1, 2, 1, 2, 2},  {2, 4, 16, 1, 9}};
constexpr std::pair<int, Activation> kKinds[] = {
    {4, Activation::None}, {4, Activation::Relu}, {2, Activation::None}, {2, Activation::Relu}};
constexpr auto kOrders = {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast};

TEST(HalvingConvolution, AgreesWithTheLibrarys) {
  torch::manual_seed(1);
  for (const auto& [kernel, activation] : kKinds) {
    const auto ours = [activation = activation](const auto&... operands) {
      return halvingConvolution(operands..., activation);
    };
    const auto theirs = [kernel = kernel, activation = activation](const auto&... operands) {
      const torch::Tensor y = torch::conv2d(operands..., 2, kernel == 4 ? 1 : 0);
      return activation == Activation::Relu ? torch::relu(y) : y;
    };
    for (const Layer& layer : kLayers) {
      SCOPED_TRACE(testing::Message() << kernel << ": " << layer.large << " to " << layer.small << " channels");
      for (const auto order : kOrders) {
        const torch::Tensor x = torch::randn({layer.batch, layer.large, 2 * layer.height, 2 * layer.width});
        compare(x.contiguous(order), torch::randn({layer.small, layer.large, kernel, kernel}),
                torch::randn({layer.small}), ours, theirs);
      }
    }
  }
}

TEST(DoublingConvolution, AgreesWithTheLibrarys) {
  torch::manual_seed(2);
  for (const auto& [kernel, activation] : kKinds) {
    const auto ours = [activation = activation](const auto&... operands) {
      return doublingConvolution(operands..., activation);
    };
    const auto theirs = [kernel = kernel, activation = activation](const auto&... operands) {
      const torch::Tensor y = torch::conv_transpose2d(operands..., 2, kernel == 4 ? 1 : 0);
      return activation == Activation::Relu ? torch::relu(y) : y;
    };
    for (const Layer& layer : kLayers) {
      SCOPED_TRACE(testing::Message() << kernel << ": " << layer.small << " to " << layer.large << " channels");
      for (const auto order : kOrders) {
        const torch::Tensor x = torch::randn({layer.batch, layer.small, layer.height, layer.width});
        compare(x.contiguous(order), torch::randn({layer.small, layer.large, kernel, kernel}),
                torch::randn({layer.large}), ours, theirs);
      }
    }
  }
}

TEST(HalvingConvolution, TakesTensorsThatLieApart) {
  torch::manual_seed(3);
  const torch::Tensor wide = torch::randn({2, 3, 8, 16});
  const torch::Tensor every = wide.slice(3, 0, 16, 2);
  const torch::Tensor weight = torch::randn({4, 4, 3, 32}).permute({3, 2, 0, 1});
  const torch::Tensor bias = torch::randn({64}).slice(0, 0, 64, 2);
  EXPECT_LT(largestGap(halvingConvolution(every, weight, bias), torch::conv2d(every, weight, bias, 2, 1)), 1e-4f);
}

TEST(HalvingConvolution, RefusesShapesThatDoNotFit) {
  const torch::Tensor x = torch::zeros({1, 2, 4, 4});
  EXPECT_THROW(halvingConvolution(x, torch::zeros({3, 3, 4, 4}), torch::zeros({3})), c10::Error);
  EXPECT_THROW(halvingConvolution(x, torch::zeros({3, 2, 3, 3}), torch::zeros({3})), c10::Error);
  EXPECT_THROW(halvingConvolution(x, torch::zeros({3, 2, 4, 4}), torch::zeros({1})), c10::Error);
  EXPECT_THROW(halvingConvolution(torch::zeros({1, 2, 4, 5}), torch::zeros({3, 2, 4, 4}), torch::zeros({3})),
               c10::Error);
}

TEST(DoublingConvolution, RefusesShapesThatDoNotFit) {
  const torch::Tensor x = torch::zeros({1, 2, 4, 4});
  EXPECT_THROW(doublingConvolution(x, torch::zeros({3, 2, 4, 4}), torch::zeros({2})), c10::Error);
  EXPECT_THROW(doublingConvolution(x, torch::zeros({2, 3, 3, 3}), torch::zeros({3})), c10::Error);
  EXPECT_THROW(doublingConvolution(x, torch::zeros({2, 3, 4, 4}), torch::zeros({1})), c10::Error);
}

TEST(FastLinear, AgreesWithTheLibrarys) {
  torch::manual_seed(4);
  const auto theirs = [](const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b) {
    return torch::linear(x, w, b);
  };
  compare(torch::randn({5, 17}), torch::randn({9, 17}), torch::randn({9}), fastLinear, theirs);
  compare(torch::randn({7, 32}), torch::randn({48, 32}), torch::randn({48}), fastLinear, theirs);
  compare(torch::randn({1, 1}), torch::randn({1, 1}), torch::randn({1}), fastLinear, theirs);
}

// The kernels themselves, without LibTorch.

std::vector<float> draws(const std::string& stream, std::int64_t count) {
  std::vector<std::uint32_t> words(static_cast<std::size_t>(count));
  Philox(5, stream).fill(0, 0, words.data(), words.size());
  std::vector<float> values(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) values[i] = static_cast<float>(words[i] * 0x1p-31 - 1.0);
  return values;
}

struct Results {
  std::vector<float> halved, doubled, gradient;
  std::vector<float> halvedRelu, doubledRelu;
  std::vector<float> halvedBack, doubledBack, gradientBack, smallSums, largeSums;  // as gradients
};

struct Inputs {
  explicit Inputs(const HalvingShape& shape)
      : large(draws("large", shape.images * 4 * shape.height * shape.width * shape.large)),
        small(draws("small", shape.images * shape.height * shape.width * shape.small)),
        weights(draws("weights", shape.small * shape.large * shape.kernel * shape.kernel)),
        largeBias(draws("large bias", shape.large)),
        smallBias(draws("small bias", shape.small)) {}
  std::vector<float> large, small, weights, largeBias, smallBias;
};

Results resultsOf(const HalvingShape& shape, const Inputs& in, FloatKernel kernel) {
  Results out;
  const auto halved = [&](Activation activation, std::vector<float>& to) {
    to.resize(in.small.size());
    halveImages(shape, in.large.data(), in.weights.data(), in.smallBias.data(), activation, to.data(), kernel);
  };
  const auto doubled = [&](Activation activation, std::vector<float>& to) {
    to.resize(in.large.size());
    doubleImages(shape, in.small.data(), in.weights.data(), in.largeBias.data(), activation, to.data(), kernel);
  };
  halved(Activation::None, out.halved);
  halved(Activation::Relu, out.halvedRelu);
  doubled(Activation::None, out.doubled);
  doubled(Activation::Relu, out.doubledRelu);
  out.gradient.resize(in.weights.size());
  out.smallSums.resize(in.smallBias.size());
  out.largeSums.resize(in.largeBias.size());
  out.doubledBack.resize(in.large.size());
  out.halvedBack.resize(in.small.size());
  out.gradientBack.resize(in.weights.size());
  halvingGradients(shape, {in.large.data(), in.weights.data(), nullptr, in.small.data()},
                   {out.doubledBack.data(), out.gradient.data(), out.smallSums.data()}, kernel);
  doublingGradients(shape, {in.small.data(), in.weights.data(), nullptr, in.large.data()},
                    {out.halvedBack.data(), out.gradientBack.data(), out.largeSums.data()}, kernel);
  return out;
}

// The definition, in double precision: visits each (large pixel's channel, small pixel's channel, weight) that meet.
Results definitionOf(const HalvingShape& shape, const Inputs& in) {
  std::vector<double> halved(in.small.size()), doubled(in.large.size()), gradient(in.weights.size());
  for (std::size_t i = 0; i < halved.size(); ++i) halved[i] = in.smallBias[i % in.smallBias.size()];
  for (std::size_t i = 0; i < doubled.size(); ++i) doubled[i] = in.largeBias[i % in.largeBias.size()];
  const std::int64_t padding = shape.kernel == 4 ? 1 : 0, height = 2 * shape.height, width = 2 * shape.width;
  for (std::int64_t n = 0; n < shape.images; ++n)
    for (std::int64_t i = 0; i < shape.height; ++i)
      for (std::int64_t j = 0; j < shape.width; ++j)
        for (std::int64_t ky = 0; ky < shape.kernel; ++ky)
          for (std::int64_t kx = 0; kx < shape.kernel; ++kx) {
            const std::int64_t y = 2 * i + ky - padding, x = 2 * j + kx - padding;
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            for (std::int64_t l = 0; l < shape.large; ++l)
              for (std::int64_t s = 0; s < shape.small; ++s) {
                const auto atLarge = static_cast<std::size_t>(((n * height + y) * width + x) * shape.large + l);
                const auto atSmall =
                    static_cast<std::size_t>(((n * shape.height + i) * shape.width + j) * shape.small + s);
                const auto at =
                    static_cast<std::size_t>(((s * shape.large + l) * shape.kernel + ky) * shape.kernel + kx);
                halved[atSmall] += double{in.large[atLarge]} * in.weights[at];
                doubled[atLarge] += double{in.small[atSmall]} * in.weights[at];
                gradient[at] += double{in.large[atLarge]} * in.small[atSmall];
              }
          }
  const auto rounded = [](const std::vector<double>& values) {
    return std::vector<float>(values.begin(), values.end());
  };
  Results out;
  out.halved = rounded(halved);
  out.doubled = rounded(doubled);
  out.gradient = rounded(gradient);
  return out;
}

void expectNear(const std::vector<float>& a, const std::vector<float>& b, float gap) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], gap) << "at " << i;
}

// images, height, width, large, small, kernel: every remainder of rows that tiles leave, with and without whole ones.
const std::vector<HalvingShape> kShapes = {{2, 4, 4, 16, 16, 4}, {1, 1, 1, 16, 16, 4},  {1, 3, 5, 32, 48, 4},
                                           {2, 7, 2, 3, 16, 4},  {1, 2, 13, 1, 32, 4},  {3, 1, 3, 5, 16, 4},
                                           {2, 3, 4, 16, 32, 2}, {1, 5, 5, 48, 16, 2},  {1, 16, 16, 32, 32, 4},
                                           {2, 5, 1, 64, 16, 4}, {1, 6, 11, 20, 16, 4}, {1, 9, 2, 32, 64, 2}};

TEST(ConvolutionKernels, AreWhatTheDefinitionSays) {
  for (const HalvingShape& shape : kShapes) {
    ASSERT_TRUE(shape.isSupported());
    const Inputs in(shape);
    const Results expected = definitionOf(shape, in);
    const Results got = resultsOf(shape, in, FloatKernel::Portable);
    SCOPED_TRACE(testing::Message() << shape.height << "x" << shape.width << ", " << shape.large << " to "
                                    << shape.small << " channels, kernel " << shape.kernel);
    expectNear(got.halved, expected.halved, 2e-5F);
    expectNear(got.doubled, expected.doubled, 2e-5F);
    expectNear(got.gradient, expected.gradient, 5e-5F);
  }
}

std::vector<float> withoutNegatives(std::vector<float> values) {
  for (float& value : values) value = std::max(value, 0.0F);
  return values;
}

TEST(ConvolutionKernels, GiveTheSameBitsInWhicheverInstructions) {
  for (const FloatKernel kernel : availableFloatKernels()) {
    for (const HalvingShape& shape : kShapes) {
      SCOPED_TRACE(testing::Message() << toString(kernel) << ": " << shape.height << "x" << shape.width << ", "
                                      << shape.large << " to " << shape.small << " channels, kernel " << shape.kernel);
      const Inputs in(shape);
      const Results expected = resultsOf(shape, in, FloatKernel::Portable), got = resultsOf(shape, in, kernel);
      EXPECT_EQ(got.halved, expected.halved);
      EXPECT_EQ(got.doubled, expected.doubled);
      EXPECT_EQ(got.gradient, expected.gradient);
      EXPECT_EQ(got.gradientBack, expected.gradient);  // of one layer, whichever way it is gone through
      EXPECT_EQ(got.halvedBack, expected.halvedBack);
      EXPECT_EQ(got.doubledBack, expected.doubledBack);
      EXPECT_EQ(got.smallSums, expected.smallSums);
      EXPECT_EQ(got.largeSums, expected.largeSums);
      EXPECT_EQ(got.halvedRelu, withoutNegatives(expected.halved));
      EXPECT_EQ(got.doubledRelu, withoutNegatives(expected.doubled));
    }
  }
}

TEST(ConvolutionKernels, MultiplyDenseLayersToTheSameBits) {
  for (const DenseShape& shape : {DenseShape{7, 32, 48}, DenseShape{1, 16, 16}, DenseShape{64, 48, 16}}) {
    const auto size = [](std::int64_t a, std::int64_t b) { return static_cast<std::size_t>(a * b); };
    const std::vector<float> x = draws("x", shape.rows * shape.in), gy = draws("gy", shape.rows * shape.out);
    const std::vector<float> weights = draws("dense", shape.in * shape.out), bias = draws("dense bias", shape.out);
    std::vector<std::vector<float>> first;
    for (const FloatKernel kernel : availableFloatKernels()) {
      std::vector<std::vector<float>> got{std::vector<float>(size(shape.rows, shape.out)),
                                          std::vector<float>(size(shape.rows, shape.in)),
                                          std::vector<float>(size(shape.out, shape.in))};
      multiplyDense(shape, x.data(), weights.data(), bias.data(), got[0].data(), kernel);
      denseInputGradient(shape, gy.data(), weights.data(), got[1].data(), kernel);
      denseWeightGradient(shape, x.data(), gy.data(), got[2].data(), kernel);
      if (first.empty()) first = got;
      EXPECT_EQ(got, first) << toString(kernel);
    }
  }
}

// A model that has diverged must be seen to have.
TEST(ConvolutionKernels, LetNoNanPassForZero) {
  const HalvingShape shape{1, 2, 2, 16, 16, 4};
  Inputs in(shape);
  in.large[0] = std::numeric_limits<float>::quiet_NaN();
  in.small[0] = std::numeric_limits<float>::quiet_NaN();
  for (const FloatKernel kernel : availableFloatKernels()) {
    const Results got = resultsOf(shape, in, kernel);
    EXPECT_TRUE(std::isnan(got.halvedRelu[0])) << toString(kernel);
    EXPECT_TRUE(std::isnan(got.doubledRelu[0])) << toString(kernel);
  }
}

// A batch cut elsewhere changes no image, and what a thread's buffers hold from other shapes is not seen.
TEST(ConvolutionKernels, TakeEachImageAlone) {
  const HalvingShape shape{3, 4, 4, 3, 16, 4};
  const Inputs in(shape);
  const FloatKernel kernel = availableFloatKernels().back();
  const Results all = resultsOf(shape, in, kernel);
  const HalvingShape other{1, 8, 8, 32, 32, 4};
  resultsOf(other, Inputs(other), kernel);
  HalvingShape one = shape;
  one.images = 1;
  const std::size_t large = in.large.size() / 3, small = in.small.size() / 3;
  std::vector<float> halved(small), doubled(large);
  halveImages(one, in.large.data() + 2 * large, in.weights.data(), in.smallBias.data(), Activation::None, halved.data(),
              kernel);
  doubleImages(one, in.small.data() + 2 * small, in.weights.data(), in.largeBias.data(), Activation::None,
               doubled.data(), kernel);
  EXPECT_EQ(halved, std::vector<float>(all.halved.end() - static_cast<std::ptrdiff_t>(small), all.halved.end()));
  EXPECT_EQ(doubled, std::vector<float>(all.doubled.end() - static_cast<std::ptrdiff_t>(large), all.doubled.end()));
}

TEST(ConvolutionKernels, SayWhatTheyTake) {
  EXPECT_TRUE((HalvingShape{1, 4, 4, 3, 32, 4}.isSupported()));
  EXPECT_FALSE((HalvingShape{1, 4, 4, 3, 32, 2}.isSupported()));
  EXPECT_FALSE((HalvingShape{1, 4, 4, 16, 24, 4}.isSupported()));
  EXPECT_FALSE((HalvingShape{1, 4, 4, 16, 32, 3}.isSupported()));
}

}  // namespace
}  // namespace offaxis
