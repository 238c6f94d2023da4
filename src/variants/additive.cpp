#include "variants/additive.h"

#include <algorithm>
#include <numeric>

#include "core/philox.h"

namespace offaxis {

MainEffects::MainEffects(const std::vector<std::uint32_t>& sizes, std::size_t pixels, const Deltas& deltas)
    : mean_(pixels) {
  const std::uint64_t all = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{1}, std::multiplies<>());
  const Philox philox(0, "separable");
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    std::uint64_t index = philox.below(all, i);
    std::vector<std::uint32_t> levels(sizes.size());
    for (std::size_t k = sizes.size(); k-- > 0; index /= sizes[k])
      levels[k] = static_cast<std::uint32_t>(index % sizes[k]);
    images_.push_back(std::move(levels));
  }
  std::vector<std::int16_t> pattern(pixels);
  std::vector<std::int64_t> total(pixels);
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    first_.push_back(effects_.size() / pixels);
    effects_.resize(effects_.size() + sizes[k] * pixels);
    std::int32_t* const effects = effects_.data() + first_.back() * pixels;
    for (std::uint32_t level = 0; level < sizes[k]; ++level) {
      for (std::vector<std::uint32_t> levels : images_) {
        levels[k] = level;
        deltas(levels.data(), pattern.data());
        for (std::size_t p = 0; p < pixels; ++p) effects[level * pixels + p] += pattern[p];
      }
    }
    // Effects are differences from the factor's own mean.
    for (std::size_t p = 0; p < pixels; ++p) {
      std::int64_t sum = 0;
      for (std::uint32_t level = 0; level < sizes[k]; ++level) sum += effects[level * pixels + p];
      const std::int64_t mean = roundedQuotient(sum, sizes[k]);
      for (std::uint32_t level = 0; level < sizes[k]; ++level)
        effects[level * pixels + p] -= static_cast<std::int32_t>(mean);
      total[p] += mean;
    }
  }
  for (std::size_t p = 0; p < pixels; ++p)
    mean_[p] = static_cast<std::int32_t>(roundedQuotient(total[p], static_cast<std::int64_t>(sizes.size())));
  for (const std::vector<std::uint32_t>& levels : images_) {
    deltas(levels.data(), pattern.data());
    for (const std::int16_t value : pattern) energy_ += std::int64_t{value} * value;
  }
}

void MainEffects::sum(const std::uint32_t* levels, std::int32_t* sums) const {
  std::copy(mean_.begin(), mean_.end(), sums);
  for (std::size_t k = 0; k < first_.size(); ++k) {
    const std::int32_t* const own = effect(k, levels[k]);
    for (std::size_t p = 0; p < mean_.size(); ++p) sums[p] += own[p];
  }
}

std::int64_t roundedQuotient(std::int64_t a, std::int64_t b) {
  return a >= 0 ? (a + b / 2) / b : -((-a + b / 2) / b);
}

std::int64_t leastReaching(std::int64_t goal, std::int64_t highest,
                           const std::function<std::int64_t(std::int64_t)>& of) {
  std::int64_t low = 0;
  while (low < highest) {
    const std::int64_t middle = (low + highest) / 2;
    if (of(middle) >= goal) {
      highest = middle;
    } else {
      low = middle + 1;
    }
  }
  return highest;
}

PsiNetwork additiveOf(const PsiNetwork& psi) {
  constexpr std::int64_t kUnit = 4096;            // scale 1
  constexpr std::int64_t kMaxScale = 16 * kUnit;  // beyond, nearly every pixel is at the budget
  constexpr std::int64_t kSteps = 1024;           // of a pattern, per unit
  PsiNetwork free = psi;
  free.restraints.clear();
  PsiNetwork result;
  result.dataset = psi.dataset;
  result.fingerprint = psi.fingerprint;
  result.budget = psi.budget;
  result.provenance = psi.provenance;
  result.features = psi.features;
  result.features.rotation.clear();
  result.features.harmonics.clear();
  result.patterns.side = psi.side();
  result.patterns.channels = psi.channels();
  const std::size_t pixels = result.patterns.pixels();
  const std::vector<std::uint32_t>& sizes = psi.features.factorSizes;
  const MainEffects effects(sizes, pixels,
                            [&](const std::uint32_t* levels, std::int16_t* out) { free.deltas(levels, out); });
  // Where tanh is nearly linear, level d comes of a pre-activation of d / L.
  const auto factors = static_cast<std::int64_t>(sizes.size());
  const std::int64_t divisor = MainEffects::kDraws * kUnit * psi.budget.levels() * factors;
  auto draw = [&](std::int64_t scale) {
    result.patterns.steps.clear();
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      for (std::uint32_t level = 0; level < sizes[k]; ++level) {
        const std::int32_t* const effect = effects.effect(k, level);
        for (std::size_t p = 0; p < pixels; ++p) {
          const std::int64_t share = effect[p] * factors + effects.mean()[p];
          const std::int64_t steps = roundedQuotient(share * scale * kSteps, divisor);
          result.patterns.steps.push_back(static_cast<std::int16_t>(std::clamp<std::int64_t>(steps, -32767, 32767)));
        }
      }
    }
    result.prepare();
  };
  std::vector<std::int16_t> delta(pixels);
  draw(leastReaching(effects.energy(), kMaxScale, [&](std::int64_t scale) {
    draw(scale);
    std::int64_t energy = 0;
    for (const std::vector<std::uint32_t>& levels : effects.images()) {
      result.deltas(levels.data(), delta.data());
      for (const std::int16_t value : delta) energy += std::int64_t{value} * value;
    }
    return energy;
  }));
  result.validate();
  return result;
}

}  // namespace offaxis
