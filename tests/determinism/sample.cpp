// Prints a hash of a sample of what is published: rendered images, noise, and an integer perturbation; and of what the
// kernels of a net's layers compute, in the fastest instructions that there are.
// check.sh builds it with several compilers, optimisation levels and processors; expected.txt holds what all must
// print.
#include <algorithm>
#include <cstdio>

#include "core/philox.h"
#include "datasets/dsprites/dsprites.h"
#include "datasets/shapes3d/shapes3d.h"
#include "datasets/xysquares/xysquares.h"
#include "learn/layer_kernels.h"
#include "variants/additive.h"
#include "variants/noise.h"
#include "variants/psi_network.h"

namespace {

using namespace offaxis;

// FNV-1a, so that the sample needs no library.
class Hash {
 public:
  void update(const void* data, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i)
      value_ = (value_ ^ static_cast<const unsigned char*>(data)[i]) * 1099511628211ULL;
  }
  void print(const char* name) const { std::printf("%-20s %016llx\n", name, static_cast<unsigned long long>(value_)); }

 private:
  std::uint64_t value_ = 14695981039346656037ULL;
};

void printImages(const char* name, const Source& source, std::uint64_t count) {
  const Philox rows(1, "determinism");
  std::vector<std::uint8_t> image(source.info().shape.bytes());
  Hash hash;
  for (std::uint64_t i = 0; i < count; ++i) {
    source.read(rows.below(source.size(), i), image.data());
    hash.update(image.data(), image.size());
  }
  hash.print(name);
}

// Weights from integer draws; features of every kind: whitened levels, angles, rotated coordinates and their harmonics.
PsiNetwork somePsi(const FactorGrid& grid) {
  PsiNetwork psi;
  psi.budget = Budget::parse("0.175");
  for (const Factor& factor : grid.factors()) {
    psi.features.factorSizes.push_back(static_cast<std::uint32_t>(factor.size()));
    psi.features.factorKinds.push_back(factor.kind);
  }
  const std::size_t k = grid.factorCount();
  psi.features.rotation.assign(k * k, 0.25);
  for (std::size_t j = 0; j < k; ++j) psi.features.rotation[j * k + j] = -0.5;
  psi.features.harmonics = {1, 2, 4.5};
  const Philox draws(2, "determinism");
  const auto inputs = static_cast<std::uint32_t>(psi.features.count());
  const auto add = [&](bool deconv, std::uint32_t in, std::uint32_t out, std::int32_t multiplier) {
    PsiNetwork::Layer layer;
    layer.deconv = deconv;
    layer.in = in;
    layer.out = out;
    layer.shift = 24;
    const std::uint64_t stream = 2 * psi.layers.size();
    for (std::size_t i = 0; i < std::size_t{in} * out * (deconv ? 16 : 1); ++i)
      layer.weight.push_back(static_cast<std::int8_t>(static_cast<int>(draws.below(255, stream, i)) - 127));
    for (std::uint32_t o = 0; o < out; ++o) {
      layer.bias.push_back(static_cast<std::int32_t>(draws.below(20001, stream + 1, o)) - 10000);
      layer.multiplier.push_back(multiplier + static_cast<std::int32_t>(o));
    }
    psi.layers.push_back(layer);
  };
  add(false, inputs, 40, 500000);
  add(false, 40, 16 * 20, 250000);
  add(true, 20, 12, 150000);
  add(true, 12, 3, 40000);
  psi.prepare();
  return psi;
}

void printPsi(const char* name, const PsiNetwork& psi, const FactorGrid& grid) {
  const Philox rows(3, "determinism");
  std::vector<std::int16_t> deltas(std::size_t{psi.side()} * psi.side() * psi.channels());
  Hash hash;
  for (std::uint64_t i = 0; i < 32; ++i) {
    psi.deltas(grid.levelsOf(rows.below(grid.size(), i)).data(), deltas.data());
    for (const std::int16_t delta : deltas) {
      const unsigned char bytes[2] = {static_cast<unsigned char>(delta & 255),
                                      static_cast<unsigned char>(delta >> 8 & 255)};
      hash.update(bytes, 2);
    }
  }
  hash.print(name);
}

std::vector<float> someFloats(const Philox& draws, std::uint64_t stream, std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(static_cast<int>(draws.below(2001, stream, i)) - 1000) / 777.0F;
  return values;
}

void printLayers(const char* name, std::int64_t channels, std::int64_t window) {
  const FloatInstructions instructions = availableFloatInstructions().back();
  const HalvingShape shape{2, 8, 7, channels, 32, window};
  const Philox draws(4, "determinism");
  const std::vector<float> large = someFloats(draws, 0, shape.images * shape.largeSize());
  const std::vector<float> small = someFloats(draws, 1, shape.images * shape.smallSize());
  const std::vector<float> weights = someFloats(draws, 2, shape.small * shape.large * shape.kernel * shape.kernel);
  const std::vector<float> bias = someFloats(draws, 3, std::max(shape.large, shape.small));
  Hash hash;
  const auto update = [&hash](const std::vector<float>& values) {
    hash.update(values.data(), values.size() * sizeof(float));
  };
  std::vector<float> halved(small.size()), doubled(large.size()), gw(weights.size()), gb(bias.size());
  halveImages(shape, large.data(), weights.data(), bias.data(), Activation::Relu, halved.data(), instructions);
  update(halved);
  doubleImages(shape, small.data(), weights.data(), bias.data(), Activation::None, doubled.data(), instructions);
  update(doubled);
  halvingGradients(shape, {large.data(), weights.data(), halved.data(), small.data()},
                   {doubled.data(), gw.data(), gb.data()}, instructions);
  for (const std::vector<float>* values : {&doubled, &gw, &gb}) update(*values);
  doublingGradients(shape, {small.data(), weights.data(), nullptr, large.data()}, {halved.data(), gw.data(), gb.data()},
                    instructions);
  for (const std::vector<float>* values : {&halved, &gw, &gb}) update(*values);
  hash.print(name);
}

void printDense(const char* name) {
  const FloatInstructions instructions = availableFloatInstructions().back();
  const DenseShape shape{7, 48, 32};
  const Philox draws(5, "determinism");
  const std::vector<float> x = someFloats(draws, 0, shape.rows * shape.in);
  const std::vector<float> gradient = someFloats(draws, 1, shape.rows * shape.out);
  const std::vector<float> weights = someFloats(draws, 2, shape.in * shape.out), bias = someFloats(draws, 3, shape.out);
  std::vector<float> y(gradient.size()), gx(x.size()), gw(weights.size()), gb(bias.size());
  multiplyDense(shape, x.data(), weights.data(), bias.data(), y.data(), instructions);
  denseGradients(shape, {x.data(), weights.data(), nullptr, gradient.data()}, {gx.data(), gw.data(), gb.data()},
                 instructions);
  Hash hash;
  for (const std::vector<float>* values : {&y, &gx, &gw, &gb})
    hash.update(values->data(), values->size() * sizeof(float));
  hash.print(name);
}

}  // namespace

int main() {
  printImages("dsprites-r", *openDSprites(), 64);
  printImages("shapes3d-r", *openShapes3D(), 16);
  printImages("xysquares", *openXySquares(3), 16);
  printImages("shapes3d-r+noise", *withNoise(openShapes3D(), Budget::parse("0.175"), 7), 8);
  printImages("shapes3d-r,size=32", *reduced(openShapes3D(), 32), 8);
  const FactorGrid grid = openShapes3D()->info().grid;
  const PsiNetwork psi = somePsi(grid);
  printPsi("psi", psi, grid);
  printPsi("additive psi", additiveOf(psi), grid);
  printLayers("layers, 3 channels", 3, 4);
  printLayers("layers, 16 channels", 16, 4);
  printLayers("layers, window 2", 16, 2);
  printDense("dense layer");
}
