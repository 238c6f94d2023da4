// The layers of nets, one by one, batch 64, one thread: GFLOP/s of src/learn/layer_kernels.h's products, the best of 25
// rounds. "back" is both gradients of a layer that ReLU follows. usage: layers
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "learn/layer_kernels.h"

namespace {

using namespace offaxis;

template <typename Product>
double bestSeconds(const Product& product) {
  double best = 1e9;
  for (int round = 0; round < 25; ++round) {
    const auto start = std::chrono::steady_clock::now();
    product();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void measure(const HalvingShape& shape) {
  const FloatInstructions by = availableFloatInstructions().back();
  const auto floats = [](std::int64_t count) { return std::vector<float>(static_cast<std::size_t>(count), 0.1F); };
  std::vector<float> large = floats(shape.images * shape.largeSize()), ofLarge = large;
  std::vector<float> small = floats(shape.images * shape.smallSize()), ofSmall = small;
  std::vector<float> weights = floats(shape.small * shape.large * shape.kernel * shape.kernel), ofWeights = weights;
  std::vector<float> bias = floats(std::max(shape.small, shape.large)), ofBias = bias;
  const double giga = 2e-9 * static_cast<double>(shape.images * shape.smallSize() * shape.large) *
                      static_cast<double>(shape.kernel * shape.kernel);
  const double halve = bestSeconds(
      [&] { halveImages(shape, large.data(), weights.data(), bias.data(), Activation::Relu, ofSmall.data(), by); });
  const double doubles = bestSeconds(
      [&] { doubleImages(shape, small.data(), weights.data(), bias.data(), Activation::Relu, ofLarge.data(), by); });
  const double halvingBack = bestSeconds([&] {
    halvingGradients(shape, {large.data(), weights.data(), small.data(), small.data()},
                     {ofLarge.data(), ofWeights.data(), ofBias.data()}, by);
  });
  const double doublingBack = bestSeconds([&] {
    doublingGradients(shape, {small.data(), weights.data(), large.data(), large.data()},
                      {ofSmall.data(), ofWeights.data(), ofBias.data()}, by);
  });
  std::printf("%5ld %7ld %7ld %7ld %9.0f %6.0f %9.0f %6.0f\n", static_cast<long>(shape.height),
              static_cast<long>(shape.large), static_cast<long>(shape.small), static_cast<long>(shape.kernel),
              giga / halve, 2 * giga / halvingBack, giga / doubles, 2 * giga / doublingBack);
}

}  // namespace

int main() {
  std::printf(" side   large   small  window   halving   back  doubling   back\n");
  for (const HalvingShape& shape : {HalvingShape{64, 32, 32, 3, 32, 4},
                                    {64, 32, 32, 1, 32, 4},
                                    {64, 16, 16, 32, 32, 4},
                                    {64, 8, 8, 32, 64, 4},
                                    {64, 4, 4, 64, 64, 4},
                                    {64, 8, 8, 32, 64, 2},
                                    {64, 4, 4, 64, 64, 2}})
    measure(shape);
}
