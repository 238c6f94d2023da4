#include "variants/psi_network.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "core/detmath.h"
#include "core/error.h"
#include "core/target_clones.h"

namespace offaxis {
namespace {

constexpr double kFeatureSteps = 1024.0;              // per unit
constexpr std::int32_t kActivationMax = 4095;         // hidden activations are 0 .. 4095
constexpr std::int32_t kTableSteps = 1024;            // per unit of pre-activation
constexpr std::int32_t kTableHalf = 4 * kTableSteps;  // 255 tanh(4) already rounds to 255
constexpr std::int32_t kWeightMax = 127;
constexpr std::int32_t kMaxShift = 40;

constexpr std::size_t kMaxDeconvs = 6;  // 256 x 256 pixels

constexpr std::uint32_t kStartSide = 4;  // the dense layers end in a 4 x 4 map
// (acc * multiplier + half) >> shift, clamped to [lowest, highest]. 64 bits hold any product of two 32-bit numbers.
OFFAXIS_INTEGER_KERNEL
void requantise(const std::int32_t* products, const std::int32_t* bias, const std::int32_t* multiplier,
                std::int32_t shift, std::int32_t lowest, std::int32_t highest, std::size_t count, std::int16_t* out) {
  const std::int64_t half = shift > 0 ? std::int64_t{1} << (shift - 1) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t scaled = (std::int64_t{products[i] + bias[i]} * multiplier[i] + half) >> shift;
    out[i] = static_cast<std::int16_t>(std::min<std::int64_t>(std::max<std::int64_t>(scaled, lowest), highest));
  }
}

// A kernel-4, stride-2, padding-1 transposed convolution sends the 2x2 inputs around each corner to the 2x2 outputs
// around it: output (2Y - py, 2X - px) sees input rows Y-1, Y and columns X-1, X, through kernel row 3 - py - 2t for
// row Y-1+t, and likewise for columns. So one gathered patch meets one [4 out, 4 in] matrix.
std::size_t kernelTap(std::size_t parity, std::size_t t) {
  return 3 - parity - 2 * t;
}

[[noreturn]] void bad(const std::string& what) {
  throw Error(ErrorKind::BadFile, "psi network: " + what, "make it anew with offaxis manipulate");
}

void check(bool good, const std::string& what) {
  if (!good) bad(what);
}

double largestWhitened(std::uint32_t size) {
  return whitened(size - 1, size);
}

void checkFeatures(const PsiFeatures& f) {
  const std::size_t k = f.factorSizes.size();
  check(k >= 1 && k <= kMaxPsiFactors, "it has " + std::to_string(k) + " factors");
  check(f.factorKinds.size() == k, "factor kinds and sizes differ in number");
  for (const std::uint32_t size : f.factorSizes)
    check(size >= 1 && size <= (1u << 24), "a factor has " + std::to_string(size) + " levels");
  check(f.rotation.empty() || f.rotation.size() == k * k,
        "the rotation is not " + std::to_string(k) + " x " + std::to_string(k));
  check(f.harmonics.size() <= kMaxPsiHarmonics, "too many harmonics");
  if (f.oneHot) {
    check(f.rotation.empty(), "one-hot inputs beside a rotation");
    check(f.count() <= kMaxPsiOneHot, "too many one-hot inputs");
  }
  check(!f.rotation.empty() || f.harmonics.empty(), "harmonics without a rotation");
  for (const double h : f.harmonics)
    check(std::isfinite(h) && std::fabs(h) <= kMaxPsiHarmonic, "a harmonic is out of range");
  for (std::size_t j = 0; j < k && !f.rotation.empty(); ++j) {
    double bound = 0;
    for (std::size_t i = 0; i < k; ++i) {
      check(std::isfinite(f.rotation[j * k + i]), "the rotation is not finite");
      bound += std::fabs(f.rotation[j * k + i]) * largestWhitened(f.factorSizes[i]);
    }
    check(bound * kFeatureSteps < 32767.0, "the rotation leaves the features' range");
  }
}

}  // namespace

std::size_t PsiFeatures::count() const {
  const std::size_t k = factorSizes.size();
  if (oneHot) return std::accumulate(factorSizes.begin(), factorSizes.end(), std::size_t{0});
  const auto cyclic = static_cast<std::size_t>(std::count(factorKinds.begin(), factorKinds.end(), FactorKind::Cyclic));
  return k + 2 * cyclic + (rotation.empty() ? 0 : k + 2 * k * harmonics.size());
}

void PsiFeatures::fixedPoint(const std::uint32_t* levels, std::int16_t* features) const {
  const std::size_t k = factorSizes.size();
  auto put = [&](double value) { *features++ = static_cast<std::int16_t>(roundHalfEven(value * kFeatureSteps)); };
  if (oneHot) {
    for (std::size_t i = 0; i < k; ++i) {
      for (std::uint32_t level = 0; level < factorSizes[i]; ++level) put(level == levels[i] ? 1.0 : 0.0);
    }
    return;
  }
  std::vector<double> w(k);
  for (std::size_t i = 0; i < k; ++i) put(w[i] = whitened(levels[i], factorSizes[i]));
  for (std::size_t i = 0; i < k; ++i) {
    if (factorKinds[i] != FactorKind::Cyclic) continue;
    const double angle = kTwoPi * levels[i] / factorSizes[i];
    put(sinDet(angle));
    put(cosDet(angle));
  }
  if (rotation.empty()) return;
  std::vector<double> z(k);
  for (std::size_t j = 0; j < k; ++j) {
    for (std::size_t i = 0; i < k; ++i) z[j] += rotation[j * k + i] * w[i];
    put(z[j]);
  }
  for (const double h : harmonics) {
    for (std::size_t j = 0; j < k; ++j) {
      put(sinDet(h * z[j]));
      put(cosDet(h * z[j]));
    }
  }
}

void PsiFeatures::real(const std::uint32_t* levels, float* features) const {
  std::vector<std::int16_t> fixed(count());
  fixedPoint(levels, fixed.data());
  for (std::size_t i = 0; i < fixed.size(); ++i)
    features[i] = static_cast<float>(fixed[i]) / static_cast<float>(kFeatureSteps);
}

std::uint64_t PsiFeatures::levels() const {
  return std::accumulate(factorSizes.begin(), factorSizes.end(), std::uint64_t{0});
}

void PsiFeatures::realOfLevel(std::size_t factor, std::uint32_t level, float* features) const {
  std::vector<std::uint32_t> all(factorSizes.size());
  all[factor] = level;
  std::vector<float> values(count());
  real(all.data(), values.data());
  std::fill_n(features, values.size(), 0.0f);
  std::size_t at = 0;
  auto give = [&](std::size_t from, std::size_t inputs) {
    if (from == factor) std::copy_n(&values[at], inputs, &features[at]);
    at += inputs;
  };
  for (std::size_t k = 0; k < factorSizes.size(); ++k) give(k, oneHot ? factorSizes[k] : 1);
  for (std::size_t k = 0; k < factorSizes.size() && !oneHot; ++k) {
    if (factorKinds[k] == FactorKind::Cyclic) give(k, 2);
  }
}

namespace {

// The float network layer by layer; `seen` is told the values that enter each layer and those that leave the last one.
template <typename Seen>
std::vector<float> runFloat(const PsiFloatNetwork& network, const std::uint32_t* levels, const Seen& seen) {
  std::vector<float> x(network.features.count());
  network.features.real(levels, x.data());
  std::size_t index = 0;
  for (const PsiFloatNetwork::Dense& layer : network.dense) {
    seen(index++, x);
    std::vector<float> y(layer.out);
    for (std::size_t o = 0; o < layer.out; ++o) {
      float sum = layer.bias[o];
      for (std::size_t i = 0; i < layer.in; ++i) sum += layer.weight[o * layer.in + i] * x[i];
      y[o] = std::max(sum, 0.0f);
    }
    x = std::move(y);
  }
  // Planes [channel, height, width] from here.
  std::size_t side = kStartSide;
  for (std::size_t l = 0; l < network.deconv.size(); ++l) {
    const PsiFloatNetwork::Deconv& layer = network.deconv[l];
    seen(index++, x);
    const std::size_t big = 2 * side;
    std::vector<float> y(layer.out * big * big);
    for (std::size_t o = 0; o < layer.out; ++o)
      std::fill_n(y.begin() + static_cast<std::ptrdiff_t>(o * big * big), big * big, layer.bias[o]);
    for (std::size_t i = 0; i < layer.in; ++i) {
      for (std::size_t o = 0; o < layer.out; ++o) {
        const float* w = &layer.weight[(i * layer.out + o) * 16];
        for (std::size_t row = 0; row < side; ++row) {
          for (std::size_t column = 0; column < side; ++column) {
            const float value = x[(i * side + row) * side + column];
            if (value == 0.0f) continue;
            for (std::size_t ky = 0; ky < 4; ++ky) {
              const std::size_t oy = 2 * row + ky;  // minus the padding of 1
              if (oy < 1 || oy > big) continue;
              for (std::size_t kx = 0; kx < 4; ++kx) {
                const std::size_t ox = 2 * column + kx;
                if (ox < 1 || ox > big) continue;
                y[(o * big + oy - 1) * big + ox - 1] += value * w[ky * 4 + kx];
              }
            }
          }
        }
      }
    }
    if (l + 1 < network.deconv.size()) {
      for (float& value : y) value = std::max(value, 0.0f);
    }
    x = std::move(y);
    side = big;
  }
  seen(index, x);
  return x;
}

}  // namespace

std::vector<float> evaluateFloat(const PsiFloatNetwork& network, const std::uint32_t* levels) {
  const std::vector<float> planes = runFloat(network, levels, [](std::size_t, const std::vector<float>&) {});
  const std::size_t channels = network.deconv.back().out;
  const std::size_t pixels = planes.size() / channels;
  std::vector<float> image(planes.size());
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t c = 0; c < channels; ++c) image[p * channels + c] = std::tanh(planes[c * pixels + p]);
  }
  return image;
}

std::uint32_t PsiNetwork::side() const {
  if (layers.empty()) return patterns.side;
  const auto n = std::count_if(layers.begin(), layers.end(), [](const Layer& layer) { return layer.deconv; });
  return kStartSide << n;
}

std::uint32_t PsiNetwork::channels() const {
  return layers.empty() ? patterns.channels : layers.back().out;
}

namespace {

void checkPatterns(const PsiPatterns& patterns, const PsiFeatures& features) {
  check(patterns.side >= 1 && patterns.side <= kMaxPsiSide && patterns.channels >= 1 &&
            patterns.channels <= kMaxPsiPatternChannels,
        "its patterns have an impossible size");
  check(features.levels() <= kMaxPsiWeights / patterns.pixels(), "it has too many patterns");
  check(patterns.steps.size() == features.levels() * patterns.pixels(), "its patterns are not one a level");
  check(features.rotation.empty(), "patterns beside rotated inputs");
}

}  // namespace

void PsiNetwork::validate() const {
  checkFeatures(features);
  validateRestraints();
  check(layers.empty() || patterns.empty(), "it has both layers and patterns");
  if (!patterns.empty()) return checkPatterns(patterns, features);
  check(layers.size() >= 2 && layers.size() <= kMaxPsiLayers, "it has " + std::to_string(layers.size()) + " layers");
  check(!layers.front().deconv && layers.back().deconv,
        "it must start with a dense layer and end with a transposed convolution");
  std::uint64_t weights = 0;
  std::size_t deconvs = 0;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const std::string name = "layer " + std::to_string(l);
    check(layer.in >= 1 && layer.out >= 1 && layer.in <= kMaxPsiChannels && layer.out <= kMaxPsiChannels,
          name + " has an impossible width");
    const std::uint64_t perOutput = std::uint64_t{layer.in} * (layer.deconv ? 16 : 1);
    weights += perOutput * layer.out;
    check(weights <= kMaxPsiWeights, "it has too many weights");
    check(layer.weight.size() == perOutput * layer.out, name + " has weights of another size");
    check(layer.bias.size() == layer.out && layer.multiplier.size() == layer.out,
          name + " has biases or multipliers of another number");
    check(layer.shift >= 0 && layer.shift <= kMaxShift, name + " shifts by " + std::to_string(layer.shift));
    if (l == 0) {
      check(layer.in == features.count(),
            name + " takes " + std::to_string(layer.in) + " features, not " + std::to_string(features.count()));
    } else {
      const Layer& before = layers[l - 1];
      check(layer.deconv || !before.deconv, name + " is dense after a transposed convolution");
      const bool opens = layer.deconv && !before.deconv;
      check(before.out == std::uint64_t{layer.in} * (opens ? kStartSide * kStartSide : 1),
            name + " does not fit the layer before");
    }
    if (layer.deconv) check(++deconvs <= kMaxDeconvs, "it has too many transposed convolutions");
    // The sum of the absolute terms bounds every partial sum too, in whatever order they are added.
    const std::int64_t largest = l == 0 ? 32767 : kActivationMax;
    for (std::uint32_t o = 0; o < layer.out; ++o) {
      check(layer.multiplier[o] >= 0, name + " has a negative multiplier");
      std::int64_t magnitude = 0;
      for (std::uint64_t i = 0; i < perOutput; ++i) {
        const std::int64_t w = layer.weight[o * perOutput + i];
        check(w >= -kWeightMax, name + " has a weight of -128");
        magnitude += std::abs(w);
      }
      const std::int64_t bound = magnitude * largest + std::abs(std::int64_t{layer.bias[o]});
      check(bound <= std::numeric_limits<std::int32_t>::max(), name + " could overflow its accumulator");
    }
  }
}

void PsiNetwork::validateRestraints() const {
  constexpr std::uint64_t kMostImages = std::uint64_t{1} << 40;  // as a factor grid may have
  std::uint64_t images = 1;
  for (const std::uint32_t size : features.factorSizes)
    images = size != 0 && images > kMostImages / size ? kMostImages : images * size;
  for (std::size_t i = 0; i < restraints.size(); ++i) {
    check(restraints[i].index < images, "it restrains an image that there is not");
    check(restraints[i].rival < images || restraints[i].rival == PsiRestraint::kWholeImage,
          "it restrains an image for another that there is not");
    check(restraints[i].rival != restraints[i].index, "it restrains an image for itself");
    check(i == 0 || std::pair(restraints[i - 1].index, restraints[i - 1].rival) <
                        std::pair(restraints[i].index, restraints[i].rival),
          "its restraints are not in ascending order");
    check(restraints[i].strength < kFullStrength, "a restraint has an impossible strength");
    check(i == 0 || restraints[i - 1].index != restraints[i].index || restraints[i].rival != PsiRestraint::kWholeImage,
          "it restrains an image as a whole and for rivals");
    check(i < kMaxPsiRivals || restraints[i - kMaxPsiRivals].index != restraints[i].index,
          "it restrains an image for too many rivals");
  }
}

std::pair<const PsiRestraint*, const PsiRestraint*> PsiNetwork::restraintsOf(std::uint64_t index) const {
  const auto before = [](const PsiRestraint& r, std::uint64_t i) { return r.index < i; };
  const PsiRestraint* const end = restraints.data() + restraints.size();
  const PsiRestraint* const first = std::lower_bound(restraints.data(), end, index, before);
  const PsiRestraint* last = first;
  while (last != end && last->index == index) ++last;
  return {first, last};
}

bool PsiNetwork::hasRivals() const {
  return std::any_of(restraints.begin(), restraints.end(),
                     [](const PsiRestraint& r) { return r.rival != PsiRestraint::kWholeImage; });
}

std::uint64_t PsiNetwork::restrainedImages() const {
  std::uint64_t images = 0;
  for (std::size_t i = 0; i < restraints.size(); ++i)
    images += i == 0 || restraints[i - 1].index != restraints[i].index ? 1 : 0;
  return images;
}

int PsiNetwork::strengthOf(const std::uint32_t* levels) const {
  if (restraints.empty()) return kFullStrength;
  std::uint64_t index = 0;
  for (std::size_t k = 0; k < features.factorSizes.size(); ++k) index = index * features.factorSizes[k] + levels[k];
  const auto [first, last] = restraintsOf(index);
  return first != last && first->rival == PsiRestraint::kWholeImage ? first->strength : kFullStrength;
}

void PsiNetwork::prepare() {
  packed_.clear();
  std::size_t side = kStartSide;  // of a transposed convolution's inputs
  for (const Layer& layer : layers) {
    Packed p;
    const std::size_t vectors = layer.deconv ? side + 1 : 1;  // as throughLayers() multiplies them at once
    if (layer.deconv) side *= 2;
    if (!layer.deconv) {
      p.matrix = IntegerMatrix({layer.weight.begin(), layer.weight.end()}, layer.out, layer.in);
    } else {
      const std::size_t rows = 4 * std::size_t{layer.out}, columns = 4 * std::size_t{layer.in};
      std::vector<std::int16_t> weight(rows * columns);
      for (std::size_t parity = 0; parity < 4; ++parity) {
        for (std::size_t tap = 0; tap < 4; ++tap) {
          const std::size_t ky = kernelTap(parity / 2, tap / 2);
          const std::size_t kx = kernelTap(parity % 2, tap % 2);
          for (std::size_t o = 0; o < layer.out; ++o) {
            const std::int8_t* from = &layer.weight[((o * 4 + ky) * 4 + kx) * layer.in];
            std::copy(from, from + layer.in, &weight[(parity * layer.out + o) * columns + tap * layer.in]);
          }
        }
      }
      p.matrix = IntegerMatrix(weight, rows, columns);
    }
    const auto repeat = [&](const std::vector<std::int32_t>& perChannel) {
      std::vector<std::int32_t> sums(p.matrix.rows());
      for (std::size_t r = 0; r < (layer.deconv ? 4 : 1) * perChannel.size(); ++r)
        sums[r] = perChannel[r % perChannel.size()];
      std::vector<std::int32_t> all;
      for (std::size_t v = 0; v < vectors; ++v) all.insert(all.end(), sums.begin(), sums.end());
      return all;
    };
    p.bias = repeat(layer.bias);
    p.multiplier = repeat(layer.multiplier);
    packed_.push_back(std::move(p));
  }
  table_.resize(2 * kTableHalf + 1);
  for (std::int32_t i = -kTableHalf; i <= kTableHalf; ++i) {
    const double level = budget.levels() * tanhDet(static_cast<double>(i) / kTableSteps);
    table_[static_cast<std::size_t>(i + kTableHalf)] = static_cast<std::int16_t>(roundHalfEven(level));
  }
}

void PsiNetwork::sumOfPatterns(const std::uint32_t* levels, std::int16_t* out) const {
  thread_local std::vector<std::int32_t> sums;
  const std::size_t count = patterns.pixels();
  sums.assign(count, 0);
  const std::int16_t* first = patterns.steps.data();  // of the factor's levels
  for (std::size_t k = 0; k < features.factorSizes.size(); ++k) {
    const std::int16_t* const pattern = first + levels[k] * count;
    for (std::size_t p = 0; p < count; ++p) sums[p] += pattern[p];
    first += features.factorSizes[k] * count;
  }
  for (std::size_t p = 0; p < count; ++p)
    out[p] = table_[static_cast<std::size_t>(std::clamp(sums[p], -kTableHalf, kTableHalf) + kTableHalf)];
}

void PsiNetwork::throughLayers(const std::uint32_t* levels, std::int16_t* out) const {
  // Scratch is kept per thread: a call allocates nothing once warm.
  thread_local std::vector<std::int16_t> current, next, values;
  thread_local std::vector<std::int32_t> sums;
  current.assign(packed_.front().matrix.columns(), 0);
  features.fixedPoint(levels, current.data());
  const std::int16_t* const table = table_.data() + kTableHalf;
  std::size_t side = kStartSide;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const Packed& p = packed_[l];
    const std::size_t rows = p.matrix.rows();
    const bool last = l + 1 == layers.size();
    const bool nextIsDeconv = !last && layers[l + 1].deconv;
    const std::int32_t lowest = last ? -kTableHalf : 0;
    const std::int32_t highest = last ? kTableHalf : kActivationMax;
    if (!layer.deconv) {
      sums.resize(rows);
      values.resize(rows);
      p.matrix.multiply({current.data(), 1}, sums.data());
      requantise(sums.data(), p.bias.data(), p.multiplier.data(), layer.shift, lowest, highest, rows, values.data());
      if (nextIsDeconv) {
        // [4,4,C0] into the middle of a map with a border of zeros.
        const std::size_t channels = layers[l + 1].in;
        const std::size_t rowBytes = kStartSide * channels;
        current.assign((kStartSide + 2) * (kStartSide + 2) * channels, 0);
        for (std::size_t y = 0; y < kStartSide; ++y) {
          std::copy_n(&values[y * rowBytes], rowBytes, &current[((y + 1) * (kStartSide + 2) + 1) * channels]);
        }
      } else {
        current.assign(packed_[l + 1].matrix.columns(), 0);
        std::copy_n(values.begin(), layer.out, current.begin());
      }
      continue;
    }
    const std::size_t in = layer.in;
    const std::size_t corners = side + 1;
    const std::size_t big = 2 * side;
    const std::size_t border = last ? 0 : 1;
    const std::size_t stride = big + 2 * border;
    if (!last) next.assign(stride * stride * layer.out, 0);
    sums.resize(corners * rows);
    values.resize(corners * rows);
    for (std::size_t cy = 0; cy < corners; ++cy) {
      // Around a corner lie two pixels of a row and two of the next one.
      p.matrix.multiply({&current[cy * (side + 2) * in], corners, in, 2, (side + 2) * in}, sums.data());
      requantise(sums.data(), p.bias.data(), p.multiplier.data(), layer.shift, lowest, highest, corners * rows,
                 values.data());
      for (std::size_t parity = 0; parity < 4; ++parity) {
        const std::size_t py = parity / 2, px = parity % 2;
        if (py == 0 ? cy == side : cy == 0) continue;  // rows outside the map
        const std::size_t oy = 2 * cy - py;
        for (std::size_t cx = px; cx < side + px; ++cx) {
          const std::size_t ox = 2 * cx - px;
          const std::int16_t* const from = &values[cx * rows + parity * layer.out];
          if (last) {
            std::int16_t* const to = out + (oy * big + ox) * layer.out;
            for (std::size_t c = 0; c < layer.out; ++c) to[c] = table[from[c]];
          } else {
            std::copy_n(from, layer.out, &next[((oy + border) * stride + ox + border) * layer.out]);
          }
        }
      }
    }
    current.swap(next);
    side = big;
  }
}

void PsiNetwork::deltas(const std::uint32_t* levels, std::int16_t* out) const {
  if (layers.empty()) {
    sumOfPatterns(levels, out);
  } else {
    throughLayers(levels, out);
  }
  const int strength = strengthOf(levels);
  if (strength == kFullStrength) return;
  const std::size_t count = std::size_t{side()} * side() * channels();
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::int16_t>(out[i] * strength / kFullStrength);
}

PsiNetwork quantise(const PsiFloatNetwork& network, const Budget& budget,
                    const std::vector<std::uint32_t>& calibration) {
  const std::size_t k = network.features.factorSizes.size();
  const std::size_t rows = calibration.size() / k;
  const std::size_t layerCount = network.dense.size() + network.deconv.size();
  // The largest value that enters each layer.
  std::vector<float> range(layerCount + 1, 0.0f);
  for (std::size_t r = 0; r < rows; ++r) {
    runFloat(network, &calibration[r * k], [&](std::size_t index, const std::vector<float>& values) {
      for (const float value : values) range[index] = std::max(range[index], value);
    });
  }

  PsiNetwork net;
  net.budget = budget;
  net.features = network.features;
  double inputStep = 1.0 / kFeatureSteps;
  for (std::size_t l = 0; l < layerCount; ++l) {
    const bool deconv = l >= network.dense.size();
    const bool last = l + 1 == layerCount;
    PsiNetwork::Layer layer;
    layer.deconv = deconv;
    // The weights in the integer network's order, still float.
    std::vector<float> weight;
    std::vector<float> bias;
    if (!deconv) {
      const PsiFloatNetwork::Dense& from = network.dense[l];
      layer.in = from.in;
      layer.out = from.out;
      weight = from.weight;
      bias = from.bias;
      if (l + 1 == network.dense.size()) {  // [C0,4,4] to [4,4,C0]
        const std::size_t c0 = from.out / (kStartSide * kStartSide);
        for (std::size_t c = 0; c < c0; ++c) {
          for (std::size_t p = 0; p < kStartSide * kStartSide; ++p) {
            const std::size_t source = c * kStartSide * kStartSide + p;
            const std::size_t target = p * c0 + c;
            std::copy_n(&from.weight[source * from.in], from.in, &weight[target * from.in]);
            bias[target] = from.bias[source];
          }
        }
      }
    } else {
      const PsiFloatNetwork::Deconv& from = network.deconv[l - network.dense.size()];
      layer.in = from.in;
      layer.out = from.out;
      weight.resize(from.weight.size());
      bias = from.bias;
      for (std::size_t i = 0; i < from.in; ++i) {
        for (std::size_t o = 0; o < from.out; ++o) {
          for (std::size_t t = 0; t < 16; ++t)
            weight[(o * 16 + t) * from.in + i] = from.weight[(i * from.out + o) * 16 + t];
        }
      }
    }
    const std::size_t perOutput = weight.size() / layer.out;
    const double outputStep =
        last ? 1.0 / kTableSteps : std::max(static_cast<double>(range[l + 1]), 1e-6) / kActivationMax;
    std::vector<double> scale(layer.out);  // accumulator to output steps
    layer.weight.resize(weight.size());
    layer.bias.resize(layer.out);
    for (std::size_t o = 0; o < layer.out; ++o) {
      const float* from = &weight[o * perOutput];
      double largest = 0;
      for (std::size_t i = 0; i < perOutput; ++i) largest = std::max(largest, std::fabs(static_cast<double>(from[i])));
      // A channel that is nearly all bias gets coarser weights, so that its bias stays below 2^24.
      const double step =
          std::max({largest / kWeightMax, std::fabs(static_cast<double>(bias[o])) / (inputStep * 0x1p24), 1e-12});
      for (std::size_t i = 0; i < perOutput; ++i) {
        layer.weight[o * perOutput + i] = static_cast<std::int8_t>(std::lround(from[i] / step));
      }
      layer.bias[o] = static_cast<std::int32_t>(std::lround(bias[o] / (inputStep * step)));
      scale[o] = inputStep * step / outputStep;
    }
    // The widest channel's multiplier takes 30 bits; the others share its shift.
    const double widest = *std::max_element(scale.begin(), scale.end());
    layer.shift = std::clamp(29 - std::ilogb(widest), 0, kMaxShift);
    for (const double s : scale)
      layer.multiplier.push_back(static_cast<std::int32_t>(std::lround(std::ldexp(s, layer.shift))));
    net.layers.push_back(std::move(layer));
    inputStep = outputStep;
  }
  net.validate();
  net.prepare();
  return net;
}

PsiNetwork additivePsi(const PsiFeatures& features, const Budget& budget, std::uint32_t side, std::uint32_t channels,
                       const std::vector<float>& preActivations) {
  PsiNetwork net;
  net.budget = budget;
  net.features = features;
  net.patterns.side = side;
  net.patterns.channels = channels;
  for (const float value : preActivations) {
    const std::int64_t steps = roundHalfEven(std::clamp(double{value} * kTableSteps, -32767.0, 32767.0));
    net.patterns.steps.push_back(static_cast<std::int16_t>(steps));
  }
  net.validate();
  net.prepare();
  return net;
}

}  // namespace offaxis
