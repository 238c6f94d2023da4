// psi, the perturbation network, in integers: what psi.h5 holds and every published modified image is made with.
// The same bytes on every CPU, compiler and thread count. docs/psi_format.md describes the file.
//
// Shape: factor levels -> features (int16, fixed point) -> dense layers with ReLU -> [4,4,C0] -> transposed
// convolutions (kernel 4, stride 2, padding 1, ReLU between them) -> one pre-activation per output pixel and channel ->
// table of round(L tanh(.)), L = floor(255 eps) levels. Or, in place of layers, one pattern of pre-activations for each
// level of each factor, which are summed.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/factor_grid.h"
#include "core/rotation.h"
#include "core/text.h"
#include "storage/hash.h"
#include "storage/staged.h"
#include "variants/integer_matrix.h"

namespace offaxis {

// Limits on what a file may ask for, far above any network that we train.
constexpr std::size_t kMaxPsiFactors = 64;
constexpr std::size_t kMaxPsiHarmonics = 64;
constexpr double kMaxPsiHarmonic = 1000;  // either side of 0
constexpr std::size_t kMaxPsiOneHot = 4096;
constexpr std::size_t kMaxPsiLayers = 16;
constexpr std::uint32_t kMaxPsiChannels = 1u << 16;
constexpr std::uint64_t kMaxPsiWeights = std::uint64_t{1} << 26;  // of all layers, or patterns, together
constexpr std::uint32_t kMaxPsiSide = 256;                        // of patterns
constexpr std::uint32_t kMaxPsiPatternChannels = 4;
constexpr std::uint64_t kMaxPsiRestraints = std::uint64_t{1} << 24;
constexpr std::uint64_t kMaxPsiRivals = 4096;  // of one image, which reads them all

// The inputs of psi, a function of the factor levels alone, computed in core's deterministic mathematics and rounded
// (halves to even) to steps of 1/1024. In this order:
//   w_k            each factor's level, whitened (zero mean, unit variance over its levels)
//   sin a, cos a   of each cyclic factor's angle a = 2 pi level / size
//   z = R w        rotated coordinates
//   sin(h z_j), cos(h z_j) for each harmonic h (outer) and coordinate j (inner)
// or, where `oneHot` is set, nothing but 1 for each factor's level and 0 for its other levels, factor by factor.
struct PsiFeatures {
  std::vector<std::uint32_t> factorSizes;
  std::vector<FactorKind> factorKinds;
  std::vector<double> rotation;  // [K,K] row-major; empty: no z and no harmonics
  std::vector<double> harmonics;
  bool oneHot = false;  // then rotation and harmonics are empty

  std::size_t count() const;
  // Writes count() values.
  void real(const std::uint32_t* levels, float* features) const;  // rounded like the integers, divided by 1024
  void fixedPoint(const std::uint32_t* levels, std::int16_t* features) const;
  // What one level of one factor gives: real() with 0 for all that other factors give. Precondition: no rotation.
  void realOfLevel(std::size_t factor, std::uint32_t level, float* features) const;
  std::uint64_t levels() const;  // of all factors together
};

// The float network as trained, in plain arrays (no LibTorch here).
struct PsiFloatNetwork {
  struct Dense {
    std::uint32_t in = 0, out = 0;
    std::vector<float> weight;  // [out,in]
    std::vector<float> bias;    // [out]
  };
  struct Deconv {
    std::uint32_t in = 0, out = 0;
    std::vector<float> weight;  // [in,out,4,4], as LibTorch's ConvTranspose2d stores it
    std::vector<float> bias;    // [out]
  };
  PsiFeatures features;
  std::vector<Dense> dense;    // the last one gives the 4x4 map in [C0,4,4] order, C0 = deconv[0].in
  std::vector<Deconv> deconv;  // n of them: the output is 4 * 2^n pixels high and wide
};

// Runs the float network on one image's levels: the reference that quantisation is measured against. [H,W,C], in (-1,
// 1).
std::vector<float> evaluateFloat(const PsiFloatNetwork& network, const std::uint32_t* levels);

// One image whose deltas are weakened to strength / kFullStrength of what the layers give, rounded towards zero: where
// psi at full strength would carry it nearer to another factor level's original than to its own (our design, see
// measure/restraint.h). With a rival only the values (of pixels and channels) in which the two originals differ are
// weakened: no others decide which of them is nearer. A value that several of an image's restraints weaken takes the
// least strength. An image has one restraint without a rival, or any number with one.
constexpr int kFullStrength = 16;
struct PsiRestraint {
  static constexpr std::uint64_t kWholeImage = ~std::uint64_t{0};
  std::uint64_t index = 0;            // canonical, of the factor grid
  std::uint8_t strength = 0;          // 0 .. kFullStrength - 1
  std::uint64_t rival = kWholeImage;  // grid index of the original not to be carried to
};

// An additive psi (our design): the pre-activation of an image is the sum of its levels' patterns, one a factor. It
// holds no interactions of factors but what tanh and the clip make of the sum.
struct PsiPatterns {
  std::uint32_t side = 0, channels = 0;
  std::vector<std::int16_t> steps;  // [levels of all factors in order, side, side, channels], in steps of 1/1024

  bool empty() const { return steps.empty(); }
  std::size_t pixels() const { return std::size_t{side} * side * channels; }
};

class PsiNetwork {
 public:
  // One matrix-like layer: accumulator = bias + sum weight * input (int32), then (acc * multiplier + half) >> shift in
  // 64 bits, clamped to 0 .. 4095 (the ReLU), or, in the last layer, to -4096 .. 4096: the pre-activation in steps of
  // 1/1024. The last dense layer's outputs are in [4,4,C0] order.
  struct Layer {
    bool deconv = false;
    std::uint32_t in = 0, out = 0;         // channels (features)
    std::vector<std::int8_t> weight;       // dense [out,in]; deconv [out,4,4,in]; -127 .. 127
    std::vector<std::int32_t> bias;        // [out]
    std::vector<std::int32_t> multiplier;  // [out], >= 0
    std::int32_t shift = 0;                // 0 .. 40
  };

  // What psi was made for and with.
  std::string dataset;      // SourceInfo::dataset
  std::string fingerprint;  // of its root
  Budget budget = Budget::parse("1");
  std::string provenance = "{}";  // JSON: the resolved configuration of the run that made it
  PsiFeatures features;
  std::vector<Layer> layers;  // empty in an additive psi
  PsiPatterns patterns;       // empty in all others
  // By index, then rival, ascending; images without one have full strength.
  std::vector<PsiRestraint> restraints;

  // Output height and width (square), and channels.
  std::uint32_t side() const;
  std::uint32_t channels() const;

  // Throws Error(BadFile) where sizes or restraints do not fit together or an accumulator could overflow.
  void validate() const;
  // Levels to add, int16 [side,side,channels], each within +-budget.levels(), with restraints of whole images applied.
  // `levels` has one entry per factor. Restraints that have a rival need the images: PsiPattern applies them.
  void deltas(const std::uint32_t* levels, std::int16_t* out) const;
  // The restraints of the image at `index`, a range of `restraints`.
  std::pair<const PsiRestraint*, const PsiRestraint*> restraintsOf(std::uint64_t index) const;
  bool hasRivals() const;                  // whether any restraint has one
  std::uint64_t restrainedImages() const;  // images that have restraints

  // HDF5; deterministic bytes. save throws Error(CannotWrite), load Error(BadFile); load validates.
  void save(const std::string& path, Overwrite overwrite) const;
  static PsiNetwork load(const std::string& path);

  // Must be called after filling the fields by hand, before deltas(); quantise() and load() do it.
  void prepare();

 private:
  int strengthOf(const std::uint32_t* levels) const;
  void validateRestraints() const;
  void throughLayers(const std::uint32_t* levels, std::int16_t* out) const;
  void sumOfPatterns(const std::uint32_t* levels, std::int16_t* out) const;

  // A layer as it is evaluated. A transposed convolution is one [4 out, 4 in] matrix from the 2x2 inputs around a
  // corner to the 2x2 outputs around it.
  struct Packed {
    IntegerMatrix matrix;
    // For as many vectors as are multiplied at once, one after the other: [vectors, matrix.rows()].
    std::vector<std::int32_t> bias;
    std::vector<std::int32_t> multiplier;
  };
  std::vector<Packed> packed_;
  std::vector<std::int16_t> table_;  // round(L tanh(i / 1024)), i = -4096 .. 4096
};

// Quantises: weights to int8 per output channel, activations to 12 bits with ranges measured on `calibration`
// (rows of factor levels, [M,K] flattened); larger values saturate. The caller fills dataset, fingerprint and
// provenance.
PsiNetwork quantise(const PsiFloatNetwork& network, const Budget& budget,
                    const std::vector<std::uint32_t>& calibration);
// The additive psi of these pre-activations, [levels of all factors, side, side, channels]; rounded, halves to even,
// and limited to what 16 bits hold.
PsiNetwork additivePsi(const PsiFeatures& features, const Budget& budget, std::uint32_t side, std::uint32_t channels,
                       const std::vector<float>& preActivations);

}  // namespace offaxis
