// The curves of psi's training, as log.json shows and checkpoints keep them. No LibTorch in this header.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace offaxis {

// What a rung's models of one kind lost in a step: means over batch and ensemble.
struct KindLosses {
  double rec = 0, kl = 0;
};

// What psi did in a step, as means and shares over its pixels.
struct PsiActivity {
  double meanAbs = 0, saturated = 0, clipped = 0;
};

// Means over stretches of kStretch steps.
class LossCurve {
 public:
  static constexpr std::uint64_t kStretch = 50;

  explicit LossCurve(std::size_t rungs);

  // After step number `step`, from 1. `losses` by rung and kind: entangled, disentangled.
  void add(std::uint64_t step, const PsiActivity& psi, const std::vector<KindLosses>& losses);
  // L_ent, L_dis and J_ent - J_dis of the last rung, whose KL weight is `weight`, since the last point; for people.
  // Empty where nothing was added since.
  std::string status(double weight) const;
  // A list of points: {step, phase, mean_abs_m, saturated_share, clipped_share, rungs: [{L_ent, KL_ent, L_dis, KL_dis,
  // J_ent_minus_J_dis}, ..]}. `weights` are the rungs'.
  nlohmann::ordered_json toJson(const std::vector<double>& weights,
                                const std::function<std::string(std::uint64_t step)>& phase) const;

  // All that it holds as numbers, and back: resume() takes what state() gave, and returns whether it could have.
  std::vector<double> state() const;
  bool resume(const double* state, std::size_t count);

 private:
  std::size_t rungs_;
  std::vector<double> sums_;  // since the last point: steps, PsiActivity, then rec and kl by rung and kind
  std::vector<std::vector<double>> points_;  // step, then the means of what sums_ holds
};

}  // namespace offaxis
