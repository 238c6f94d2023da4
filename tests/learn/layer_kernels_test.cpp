#include "learn/layer_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/philox.h"

namespace offaxis {
namespace {

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Uniform in [-1,1).
Floats draws(const std::string& stream, std::int64_t count) {
  std::vector<std::uint32_t> words(static_cast<std::size_t>(count));
  Philox(5, stream).fill(0, 0, words.data(), words.size());
  Floats values(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) values[i] = static_cast<float>(words[i] * 0x1p-31 - 1.0);
  return values;
}

bool haveSameBits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

void expectNear(const Floats& got, const Doubles& expected, double gap) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], gap) << "at " << i;
}

Floats withoutNegatives(Floats values) {
  for (float& value : values) value = std::max(value, 0.0F);
  return values;
}

// One layer's operands: images of either side, which serve as inputs of one way and as gradients of the other.
struct Layer {
  explicit Layer(const HalvingShape& of)
      : shape(of),
        large(draws("large", of.images * of.largeSize())),
        small(draws("small", of.images * of.smallSize())),
        weights(draws("weights", of.small * of.large * of.kernel * of.kernel)),
        largeBias(draws("large bias", of.large)),
        smallBias(draws("small bias", of.small)) {}

  HalvingShape shape;
  Floats large, small, weights, largeBias, smallBias;
};

Floats halved(const Layer& layer, Activation activation, FloatInstructions instructions) {
  Floats small(layer.small.size());
  halveImages(layer.shape, layer.large.data(), layer.weights.data(), layer.smallBias.data(), activation, small.data(),
              instructions);
  return small;
}

Floats doubled(const Layer& layer, Activation activation, FloatInstructions instructions) {
  Floats large(layer.large.size());
  doubleImages(layer.shape, layer.small.data(), layer.weights.data(), layer.largeBias.data(), activation, large.data(),
               instructions);
  return large;
}

struct Gradients {
  Floats inputs, weights, bias;
};

Gradients backThroughHalving(const Layer& layer, const float* outputs, FloatInstructions instructions) {
  Gradients of{Floats(layer.large.size()), Floats(layer.weights.size()), Floats(layer.smallBias.size())};
  halvingGradients(layer.shape, {layer.large.data(), layer.weights.data(), outputs, layer.small.data()},
                   {of.inputs.data(), of.weights.data(), of.bias.data()}, instructions);
  return of;
}

Gradients backThroughDoubling(const Layer& layer, const float* outputs, FloatInstructions instructions) {
  Gradients of{Floats(layer.small.size()), Floats(layer.weights.size()), Floats(layer.largeBias.size())};
  doublingGradients(layer.shape, {layer.small.data(), layer.weights.data(), outputs, layer.large.data()},
                    {of.inputs.data(), of.weights.data(), of.bias.data()}, instructions);
  return of;
}

// All of it by definition, in double precision: sums without biases.
struct Definition {
  explicit Definition(const Layer& layer)
      : halved(layer.small.size()),
        doubled(layer.large.size()),
        weights(layer.weights.size()),
        smallSums(layer.smallBias.size()),
        largeSums(layer.largeBias.size()) {
    const HalvingShape& of = layer.shape;
    const std::int64_t padding = of.kernel == 4 ? 1 : 0, height = 2 * of.height, width = 2 * of.width;
    for (std::int64_t pixel = 0; pixel < of.images * of.height * of.width; ++pixel) {
      const std::int64_t n = pixel / (of.height * of.width), i = pixel / of.width % of.height, j = pixel % of.width;
      for (std::int64_t tap = 0; tap < of.kernel * of.kernel; ++tap) {
        const std::int64_t y = 2 * i + tap / of.kernel - padding, x = 2 * j + tap % of.kernel - padding;
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        for (std::int64_t l = 0; l < of.large; ++l) {
          const auto atLarge = static_cast<std::size_t>(((n * height + y) * width + x) * of.large + l);
          for (std::int64_t s = 0; s < of.small; ++s) {
            const auto atSmall = static_cast<std::size_t>(pixel * of.small + s);
            const auto at = static_cast<std::size_t>((s * of.large + l) * of.kernel * of.kernel + tap);
            halved[atSmall] += double{layer.large[atLarge]} * layer.weights[at];
            doubled[atLarge] += double{layer.small[atSmall]} * layer.weights[at];
            weights[at] += double{layer.large[atLarge]} * layer.small[atSmall];
          }
        }
      }
    }
    for (std::size_t i = 0; i < layer.small.size(); ++i) smallSums[i % smallSums.size()] += layer.small[i];
    for (std::size_t i = 0; i < layer.large.size(); ++i) largeSums[i % largeSums.size()] += layer.large[i];
  }
  Doubles halved, doubled, weights, smallSums, largeSums;
};

Doubles plus(Doubles sums, const Floats& bias) {
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += bias[i % bias.size()];
  return sums;
}

// images, height, width, large, small, kernel: every remainder of rows that tiles leave, with and without whole ones.
const std::vector<HalvingShape> kShapes = {
    {2, 4, 4, 16, 16, 4},  {1, 1, 1, 16, 16, 4}, {1, 3, 5, 32, 48, 4}, {2, 7, 2, 3, 16, 4},    {1, 2, 13, 1, 32, 4},
    {3, 1, 3, 5, 16, 4},   {2, 3, 4, 16, 32, 2}, {1, 5, 5, 48, 16, 2}, {1, 16, 16, 32, 32, 4}, {2, 5, 1, 64, 16, 4},
    {1, 6, 11, 20, 16, 4}, {1, 9, 2, 32, 64, 2}, {0, 4, 4, 16, 16, 4}, {4, 16, 16, 3, 32, 4}};

std::string toString(const HalvingShape& shape) {
  return std::to_string(shape.images) + " of " + std::to_string(shape.height) + "x" + std::to_string(shape.width) +
         ", " + std::to_string(shape.large) + " to " + std::to_string(shape.small) + " channels, window " +
         std::to_string(shape.kernel);
}

TEST(LayerKernels, ConvolveAsDefined) {
  constexpr auto kBy = FloatInstructions::Portable;
  for (const HalvingShape& shape : kShapes) {
    SCOPED_TRACE(toString(shape));
    ASSERT_TRUE(HalvingShape::isSupported(shape.large, shape.small, shape.kernel));
    const Layer layer(shape);
    const Definition expected(layer);
    expectNear(halved(layer, Activation::None, kBy), plus(expected.halved, layer.smallBias), 5e-5);
    expectNear(doubled(layer, Activation::None, kBy), plus(expected.doubled, layer.largeBias), 5e-5);
    const Gradients ofHalving = backThroughHalving(layer, nullptr, kBy);
    expectNear(ofHalving.inputs, expected.doubled, 5e-5);
    expectNear(ofHalving.weights, expected.weights, 5e-5);
    expectNear(ofHalving.bias, expected.smallSums, 5e-5);
    const Gradients ofDoubling = backThroughDoubling(layer, nullptr, kBy);
    expectNear(ofDoubling.inputs, expected.halved, 5e-5);
    expectNear(ofDoubling.weights, expected.weights, 5e-5);
    expectNear(ofDoubling.bias, expected.largeSums, 5e-5);
  }
}

TEST(LayerKernels, GiveTheSameBitsInWhicheverInstructions) {
  constexpr auto kFirst = FloatInstructions::Portable;
  for (const FloatInstructions by : availableFloatInstructions()) {
    for (const HalvingShape& shape : kShapes) {
      SCOPED_TRACE(toString(by) + ", " + toString(shape));
      const Layer layer(shape);
      for (const Activation activation : {Activation::None, Activation::Relu}) {
        EXPECT_TRUE(haveSameBits(halved(layer, activation, by), halved(layer, activation, kFirst)));
        EXPECT_TRUE(haveSameBits(doubled(layer, activation, by), doubled(layer, activation, kFirst)));
      }
      const Gradients a = backThroughHalving(layer, nullptr, by), b = backThroughHalving(layer, nullptr, kFirst);
      EXPECT_TRUE(haveSameBits(a.inputs, b.inputs));
      EXPECT_TRUE(haveSameBits(a.weights, b.weights));
      EXPECT_TRUE(haveSameBits(a.bias, b.bias));
      const Gradients c = backThroughDoubling(layer, nullptr, by), d = backThroughDoubling(layer, nullptr, kFirst);
      EXPECT_TRUE(haveSameBits(c.inputs, d.inputs));
      EXPECT_TRUE(haveSameBits(c.weights, a.weights));  // of one layer, whichever way it is gone through
      EXPECT_TRUE(haveSameBits(c.bias, d.bias));
    }
  }
}

TEST(LayerKernels, ReluMakesZeroOfNegativesAndOfTheirGradients) {
  for (const FloatInstructions by : availableFloatInstructions()) {
    for (const HalvingShape& shape : kShapes) {
      SCOPED_TRACE(toString(by) + ", " + toString(shape));
      Layer layer(shape);
      const Floats small = halved(layer, Activation::Relu, by), large = doubled(layer, Activation::Relu, by);
      EXPECT_TRUE(haveSameBits(small, withoutNegatives(halved(layer, Activation::None, by))));
      EXPECT_TRUE(haveSameBits(large, withoutNegatives(doubled(layer, Activation::None, by))));
      const Gradients ofHalving = backThroughHalving(layer, small.data(), by);
      const Gradients ofDoubling = backThroughDoubling(layer, large.data(), by);
      // The same by hand: gradients set to zero beforehand.
      const Layer whole = layer;
      for (std::size_t i = 0; i < small.size(); ++i) layer.small[i] = small[i] > 0 ? layer.small[i] : 0;
      const Gradients expectedOfHalving = backThroughHalving(layer, nullptr, by);
      layer = whole;
      for (std::size_t i = 0; i < large.size(); ++i) layer.large[i] = large[i] > 0 ? layer.large[i] : 0;
      const Gradients expectedOfDoubling = backThroughDoubling(layer, nullptr, by);
      for (const auto& [got, expected] :
           {std::pair(&ofHalving, &expectedOfHalving), {&ofDoubling, &expectedOfDoubling}}) {
        EXPECT_TRUE(haveSameBits(got->inputs, expected->inputs));
        EXPECT_TRUE(haveSameBits(got->weights, expected->weights));
        EXPECT_TRUE(haveSameBits(got->bias, expected->bias));
      }
    }
  }
}

// A model that has diverged must be seen to have.
TEST(LayerKernels, LetNoNanPassForZero) {
  for (const FloatInstructions by : availableFloatInstructions()) {
    for (const std::int64_t large : {16, 3}) {
      SCOPED_TRACE(toString(by) + ", " + std::to_string(large));
      Layer layer({1, 2, 2, large, 16, 4});
      layer.large[0] = layer.small[0] = kNan;
      EXPECT_TRUE(std::isnan(halved(layer, Activation::Relu, by)[0]));
      EXPECT_TRUE(std::isnan(doubled(layer, Activation::Relu, by)[0]));
      // ReLU's outputs are NaN where the gradient is as well.
      const Floats small(layer.small.size(), kNan), all(layer.large.size(), kNan);
      EXPECT_TRUE(std::isnan(backThroughHalving(layer, small.data(), by).bias[0]));
      EXPECT_TRUE(std::isnan(backThroughDoubling(layer, all.data(), by).bias[0]));
    }
  }
}

TEST(LayerKernels, LeaveOutGradientsThatAreNotWanted) {
  const FloatInstructions by = availableFloatInstructions().back();
  const Layer layer({2, 3, 5, 3, 16, 4});
  const Gradients ofHalving = backThroughHalving(layer, nullptr, by),
                  ofDoubling = backThroughDoubling(layer, nullptr, by);
  Gradients got{Floats(layer.large.size()), Floats(layer.weights.size()), Floats(layer.smallBias.size())};
  const LayerPass halving{layer.large.data(), layer.weights.data(), nullptr, layer.small.data()};
  halvingGradients(layer.shape, halving, {nullptr, got.weights.data(), got.bias.data()}, by);
  EXPECT_EQ(got.weights, ofHalving.weights);
  halvingGradients(layer.shape, halving, {got.inputs.data(), nullptr, got.bias.data()}, by);
  EXPECT_EQ(got.inputs, ofHalving.inputs);
  EXPECT_EQ(got.bias, ofHalving.bias);
  got = {Floats(layer.small.size()), Floats(layer.weights.size()), Floats(layer.largeBias.size())};
  const LayerPass doubling{layer.small.data(), layer.weights.data(), nullptr, layer.large.data()};
  doublingGradients(layer.shape, doubling, {nullptr, got.weights.data(), got.bias.data()}, by);
  EXPECT_EQ(got.weights, ofDoubling.weights);
  doublingGradients(layer.shape, doubling, {got.inputs.data(), nullptr, got.bias.data()}, by);
  EXPECT_EQ(got.inputs, ofDoubling.inputs);
  EXPECT_EQ(got.bias, ofDoubling.bias);
}

// A batch cut elsewhere changes no image, and what a thread's buffers hold from other shapes is not seen.
TEST(LayerKernels, TakeEachImageAlone) {
  const FloatInstructions by = availableFloatInstructions().back();
  const Layer all({3, 4, 4, 3, 16, 4});
  const Floats small = halved(all, Activation::None, by), large = doubled(all, Activation::None, by);
  const Layer other({1, 8, 8, 32, 32, 4});
  backThroughHalving(other, nullptr, by);
  backThroughDoubling(other, nullptr, by);
  Layer last = all;
  last.shape.images = 1;
  last.small.erase(last.small.begin(), last.small.end() - last.shape.smallSize());
  last.large.erase(last.large.begin(), last.large.end() - last.shape.largeSize());
  EXPECT_EQ(halved(last, Activation::None, by), Floats(small.end() - last.shape.smallSize(), small.end()));
  EXPECT_EQ(doubled(last, Activation::None, by), Floats(large.end() - last.shape.largeSize(), large.end()));
}

TEST(LayerKernels, MultiplyDenseLayersAsDefinedAndToTheSameBits) {
  for (const DenseShape& shape : {DenseShape{7, 32, 48}, DenseShape{1, 16, 16}, DenseShape{64, 48, 16}, {0, 16, 16}}) {
    const Floats x = draws("x", shape.rows * shape.in), gy = draws("gy", shape.rows * shape.out);
    const Floats weights = draws("dense", shape.in * shape.out), bias = draws("dense bias", shape.out);
    Doubles y(gy.size()), gx(x.size()), gw(weights.size()), gb(bias.size());
    for (std::int64_t n = 0; n < shape.rows; ++n) {
      for (std::int64_t o = 0; o < shape.out; ++o) {
        const auto atY = static_cast<std::size_t>(n * shape.out + o);
        gb[atY % gb.size()] += gy[atY];
        y[atY] = bias[atY % gb.size()];
        for (std::int64_t i = 0; i < shape.in; ++i) {
          const auto atX = static_cast<std::size_t>(n * shape.in + i), at = static_cast<std::size_t>(o * shape.in + i);
          y[atY] += double{x[atX]} * weights[at];
          gx[atX] += double{gy[atY]} * weights[at];
          gw[at] += double{x[atX]} * gy[atY];
        }
      }
    }
    std::vector<Floats> first;
    for (const FloatInstructions by : availableFloatInstructions()) {
      std::vector<Floats> got{Floats(y.size()), Floats(gx.size()), Floats(gw.size()), Floats(gb.size())};
      multiplyDense(shape, x.data(), weights.data(), bias.data(), got[0].data(), by);
      denseGradients(shape, {x.data(), weights.data(), nullptr, gy.data()},
                     {got[1].data(), got[2].data(), got[3].data()}, by);
      expectNear(got[0], y, 1e-5);
      expectNear(got[1], gx, 1e-5);
      expectNear(got[2], gw, 1e-5);
      expectNear(got[3], gb, 1e-5);
      if (first.empty()) first = got;
      for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_TRUE(haveSameBits(got[i], first[i])) << toString(by) << " " << i;
    }
  }
}

TEST(LayerKernels, SayWhatTheyTake) {
  EXPECT_TRUE(HalvingShape::isSupported(3, 32, 4));
  EXPECT_FALSE(HalvingShape::isSupported(3, 32, 2));
  EXPECT_FALSE(HalvingShape::isSupported(16, 24, 4));
  EXPECT_FALSE(HalvingShape::isSupported(16, 32, 3));
  EXPECT_TRUE(DenseShape::isSupported(16, 32));
  EXPECT_FALSE(DenseShape::isSupported(10, 32));
  EXPECT_FALSE(DenseShape::isSupported(32, 10));
}

}  // namespace
}  // namespace offaxis
