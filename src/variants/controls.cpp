#include "variants/controls.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "core/philox.h"
#include "variants/additive.h"
#include "variants/perturbed.h"
#include "variants/psi_pattern.h"

namespace offaxis {
namespace {

std::map<std::string, std::string> seeded(const PsiPattern& psi, std::uint64_t seed) {
  std::map<std::string, std::string> settings = psi.settings();
  settings["seed"] = std::to_string(seed);
  return settings;
}

class ScrambledSource final : public PerturbedSource {
 public:
  ScrambledSource(SourcePtr parent, PsiPattern psi, std::uint64_t seed)
      : PerturbedSource(std::move(parent), "scrambled", seeded(psi, seed)),
        psi_(std::move(psi)),
        order_(seed, "scrambled-order"),
        sign_(seed, "scrambled-sign") {}

 protected:
  void deltas(std::uint64_t canonical, std::int16_t* delta) const override {
    static thread_local std::vector<std::uint32_t> words;
    const std::size_t count = info().shape.bytes();
    psi_.deltas(canonical, delta);
    words.resize((count + 31) / 32);
    sign_.fill(canonical, 0, words.data(), words.size());
    for (std::size_t i = 0; i < count; ++i) {
      if (words[i / 32] >> (i % 32) & 1) delta[i] = static_cast<std::int16_t>(-delta[i]);
    }
    words.resize(count);
    order_.fill(canonical, 0, words.data(), count);
    for (std::size_t i = count - 1; i > 0; --i)
      std::swap(delta[i], delta[scaleWord(words[i], static_cast<std::uint32_t>(i + 1))]);
  }

 private:
  PsiPattern psi_;
  Philox order_, sign_;
};

class PermutedSource final : public PerturbedSource {
 public:
  PermutedSource(SourcePtr parent, PsiPattern psi, std::uint64_t seed)
      : PerturbedSource(std::move(parent), "permuted", seeded(psi, seed)), psi_(std::move(psi)) {
    const std::uint64_t count = psi_.grid().size();
    if (count > kMaxImages) {
      throw Error(ErrorKind::Usage, "permuted keeps a table of all images and takes at most 2^28 of them");
    }
    donor_.resize(count);
    std::iota(donor_.begin(), donor_.end(), 0u);
    const Philox philox(seed, "permuted");
    for (std::uint64_t i = count - 1; i > 0; --i) std::swap(donor_[i], donor_[philox.below(i + 1, i)]);
  }

 protected:
  void deltas(std::uint64_t canonical, std::int16_t* delta) const override {
    psi_.deltas(canonicalIndex(donor_[canonical]), delta);  // psi is shown at canonical indices alone
  }

 private:
  static constexpr std::uint64_t kMaxImages = std::uint64_t{1} << 28;
  PsiPattern psi_;
  std::vector<std::uint32_t> donor_;  // by grid index
};

class SeparableSource final : public PerturbedSource {
 public:
  SeparableSource(SourcePtr parent, PsiPattern psi)
      : PerturbedSource(std::move(parent), "separable", psi.settings()),
        psi_(std::move(psi)),
        effects_(sizesOf(psi_.grid()), psi_.smallCount(), [this](const std::uint32_t* levels, std::int16_t* out) {
          psi_.smallDeltas(psi_.grid().indexOf(levels), out);
        }) {
    // The least scale whose energy, rounded and cut off, reaches psi's own, in integers throughout.
    std::vector<std::int32_t> all(effects_.images().size() * psi_.smallCount());
    for (std::size_t i = 0; i < effects_.images().size(); ++i)
      effects_.sum(effects_.images()[i].data(), &all[i * psi_.smallCount()]);
    scale_ = leastReaching(effects_.energy(), kMaxScale, [&](std::int64_t scale) {
      std::int64_t energy = 0;
      for (const std::int32_t sum : all) {
        const std::int64_t value = scaled(sum, scale);
        energy += value * value;
      }
      return energy;
    });
  }

 protected:
  void deltas(std::uint64_t canonical, std::int16_t* delta) const override {
    static thread_local std::vector<std::int32_t> sums;
    static thread_local std::vector<std::int16_t> small;
    sums.resize(psi_.smallCount());
    small.resize(psi_.smallCount());
    effects_.sum(psi_.grid().levelsOf(canonical).data(), sums.data());
    for (std::size_t p = 0; p < small.size(); ++p) small[p] = static_cast<std::int16_t>(scaled(sums[p], scale_));
    psi_.enlarge(small.data(), delta);
  }

 private:
  static constexpr std::int64_t kUnit = 4096;            // scale 1
  static constexpr std::int64_t kMaxScale = 64 * kUnit;  // beyond, nearly every pixel is at the budget

  static std::vector<std::uint32_t> sizesOf(const FactorGrid& grid) {
    std::vector<std::uint32_t> sizes;
    for (const Factor& factor : grid.factors()) sizes.push_back(static_cast<std::uint32_t>(factor.size()));
    return sizes;
  }

  std::int64_t scaled(std::int64_t sum, std::int64_t scale) const {
    const std::int64_t limit = psi_.levels();
    return std::clamp(roundedQuotient(sum * scale, MainEffects::kDraws * kUnit), -limit, limit);
  }

  PsiPattern psi_;
  MainEffects effects_;
  std::int64_t scale_ = 0;  // in 1/kUnit
};

class UnalignedSource final : public PerturbedSource {
 public:
  UnalignedSource(SourcePtr parent, PsiPattern psi, std::uint64_t seed)
      : PerturbedSource(std::move(parent), "unaligned", seeded(psi, seed)), psi_(std::move(psi)) {
    const std::size_t side = psi_.smallSide();
    const std::size_t channels = psi_.channels();
    const std::size_t blocks = (side + kBlock - 1) / kBlock;
    const Philox philox(seed, "unaligned");
    std::vector<std::int16_t> small(psi_.smallCount());
    for (std::size_t p = 0; p < small.size(); ++p) {
      const std::size_t x = p / channels % side;
      const std::size_t y = p / channels / side;
      const std::size_t block = (y / kBlock * blocks + x / kBlock) * channels + p % channels;
      small[p] = philox.below(2, block) == 0 ? 1 : -1;
    }
    sign_.resize(info().shape.bytes());
    psi_.enlarge(small.data(), sign_.data());
  }

 protected:
  void deltas(std::uint64_t canonical, std::int16_t* delta) const override {
    psi_.deltas(canonical, delta);
    for (std::size_t p = 0; p < sign_.size(); ++p) delta[p] = static_cast<std::int16_t>(delta[p] * sign_[p]);
  }

 private:
  static constexpr std::size_t kBlock = 4;  // of psi's own pixels
  PsiPattern psi_;
  std::vector<std::int16_t> sign_;  // [H, W, C] of the images
};

}  // namespace

SourcePtr withScrambledPsi(SourcePtr parent, const std::string& psiPath, std::uint64_t seed) {
  PsiPattern psi(psiPath, parent);
  return std::make_shared<ScrambledSource>(std::move(parent), std::move(psi), seed);
}

SourcePtr withPermutedPsi(SourcePtr parent, const std::string& psiPath, std::uint64_t seed) {
  PsiPattern psi(psiPath, parent);
  return std::make_shared<PermutedSource>(std::move(parent), std::move(psi), seed);
}

SourcePtr withUnalignedPsi(SourcePtr parent, const std::string& psiPath, std::uint64_t seed) {
  PsiPattern psi(psiPath, parent);
  return std::make_shared<UnalignedSource>(std::move(parent), std::move(psi), seed);
}

SourcePtr withSeparablePsi(SourcePtr parent, const std::string& psiPath) {
  PsiPattern psi(psiPath, parent);
  return std::make_shared<SeparableSource>(std::move(parent), std::move(psi));
}

}  // namespace offaxis
