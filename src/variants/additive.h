// What psi is without interactions of factors: its mean pattern and the main effects of the factors' levels (our
// design).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "variants/psi_network.h"

namespace offaxis {

// Estimated in integers over the same 256 images for every level: those of Philox(0, "separable"), with the factor's
// own level set to each of its levels in turn.
class MainEffects {
 public:
  static constexpr std::int64_t kDraws = 256;
  // Writes what psi adds to the image of some levels, one a factor: as many values as there are `pixels`.
  using Deltas = std::function<void(const std::uint32_t*, std::int16_t*)>;
  // `sizes`: levels of each factor.
  MainEffects(const std::vector<std::uint32_t>& sizes, std::size_t pixels, const Deltas& deltas);

  // In 1/kDraws of a level, [pixels]. Effects of one factor's levels have mean 0 but for rounding.
  const std::int32_t* mean() const { return mean_.data(); }
  const std::int32_t* effect(std::size_t factor, std::uint32_t level) const {
    return effects_.data() + (first_[factor] + level) * mean_.size();
  }
  // The mean and the effects of an image's levels, added up.
  void sum(const std::uint32_t* levels, std::int32_t* sums) const;

  const std::vector<std::vector<std::uint32_t>>& images() const { return images_; }  // the 256, by their levels
  std::int64_t energy() const { return energy_; }  // of what psi adds to them: squared levels, summed

 private:
  std::vector<std::vector<std::uint32_t>> images_;
  std::vector<std::size_t> first_;     // of each factor's levels among the effects
  std::vector<std::int32_t> effects_;  // [levels of all factors, pixels]
  std::vector<std::int32_t> mean_;     // [pixels]
  std::int64_t energy_ = 0;
};

// a / b, halves away from zero. Precondition: b > 0.
std::int64_t roundedQuotient(std::int64_t a, std::int64_t b);

// The least number up to `highest` at which a quantity that grows with it reaches `goal`; `highest` where none does.
std::int64_t leastReaching(std::int64_t goal, std::int64_t highest,
                           const std::function<std::int64_t(std::int64_t)>& of);

// The additive psi with psi's mean and main effects as its patterns, scaled so that it moves pixels as much as psi does
// (in mean square over the 256 images). `psi` without its restraints: what is restrained depends on what is added.
// In integers throughout: the same on every machine. Precondition: psi has layers, and is prepared.
PsiNetwork additiveOf(const PsiNetwork& psi);

}  // namespace offaxis
