// A small integer perturbation network of random weights for any source of square images of 16 pixels or a multiple.
#pragma once

#include "core/philox.h"
#include "datasets/content.h"
#include "variants/psi_network.h"

namespace offaxis::testing {

// levels -> dense 32 -> 4x4x2 -> 8x8x2 -> 16x16xC. `firstFactorAlone` makes it blind to all factors but the first.
inline PsiNetwork randomPsi(const SourcePtr& source, std::uint64_t seed, bool firstFactorAlone = false) {
  const SourceInfo& info = source->info();
  PsiFloatNetwork real;
  for (const Factor& factor : info.grid.factors()) {
    real.features.factorSizes.push_back(static_cast<std::uint32_t>(factor.size()));
    real.features.factorKinds.push_back(FactorKind::Ordinal);
  }
  const Philox random(seed, "test.psi");
  auto fill = [&](std::vector<float>& values, std::size_t count, std::uint64_t stream) {
    values.resize(count);
    random.normals(stream, values.data(), count);
    for (float& value : values) value *= 0.5f;
  };
  real.dense.resize(1);
  real.dense[0].in = static_cast<std::uint32_t>(real.features.count());
  real.dense[0].out = 32;
  fill(real.dense[0].weight, std::size_t{32} * real.dense[0].in, 0);
  fill(real.dense[0].bias, 32, 1);
  for (std::size_t i = 0; firstFactorAlone && i < real.dense[0].weight.size(); ++i) {
    if (i % real.dense[0].in != 0) real.dense[0].weight[i] = 0;
  }
  real.deconv.resize(2);
  for (std::uint32_t layer = 0; layer < 2; ++layer) {
    real.deconv[layer].in = 2;
    real.deconv[layer].out = layer == 0 ? 2 : info.shape.channels;
    fill(real.deconv[layer].weight, std::size_t{2} * real.deconv[layer].out * 16, 2 + 2 * layer);
    fill(real.deconv[layer].bias, real.deconv[layer].out, 3 + 2 * layer);
  }
  std::vector<std::uint32_t> calibration;
  for (std::uint64_t i = 0; i < 64; ++i) {
    for (const std::uint32_t level : info.grid.levelsOf(random.below(info.grid.size(), i, 1)))
      calibration.push_back(level);
  }
  PsiNetwork network = quantise(real, Budget::parse("0.1"), calibration);
  network.dataset = info.dataset;
  network.fingerprint = fingerprint(*rootOf(source));
  return network;
}

}  // namespace offaxis::testing
