#include "learn/loss_curve.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

enum Sum : std::size_t { kSteps, kMeanAbs, kSaturated, kClipped, kLosses };
constexpr std::size_t kLossesARung = 4;  // rec and kl of the entangled kind, then of the disentangled one

// J_ent - J_dis of a rung's four sums or means.
double gapOf(const double* losses, double weight) {
  return losses[0] - losses[2] + weight * (losses[1] - losses[3]);
}

std::string shortReal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace

LossCurve::LossCurve(std::size_t rungs) : rungs_(rungs), sums_(kLosses + kLossesARung * rungs) {}

void LossCurve::add(std::uint64_t step, const PsiActivity& psi, const std::vector<KindLosses>& losses) {
  sums_[kSteps] += 1;
  sums_[kMeanAbs] += psi.meanAbs;
  sums_[kSaturated] += psi.saturated;
  sums_[kClipped] += psi.clipped;
  double* sum = &sums_[kLosses];
  for (const KindLosses& kind : losses) {
    *sum++ += kind.rec;
    *sum++ += kind.kl;
  }
  if (step % kStretch != 0) return;
  std::vector<double> point{static_cast<double>(step)};
  for (const double value : sums_) point.push_back(value / sums_[kSteps]);
  points_.push_back(std::move(point));
  std::fill(sums_.begin(), sums_.end(), 0.0);
}

std::string LossCurve::status(double weight) const {
  const double steps = sums_[kSteps];
  if (steps == 0) return {};
  const double* losses = &sums_[kLosses + kLossesARung * (rungs_ - 1)];
  return "L_ent " + shortReal(losses[0] / steps) + "  L_dis " + shortReal(losses[2] / steps) + "  J_ent-J_dis " +
         shortReal(gapOf(losses, weight) / steps);
}

Json LossCurve::toJson(const std::vector<double>& weights,
                       const std::function<std::string(std::uint64_t step)>& phase) const {
  Json points = Json::array();
  for (const std::vector<double>& point : points_) {
    const double* means = &point[1];
    Json rungs = Json::array();
    for (std::size_t r = 0; r < rungs_; ++r) {
      const double* losses = means + kLosses + kLossesARung * r;
      rungs.push_back({{"L_ent", losses[0]},
                       {"KL_ent", losses[1]},
                       {"L_dis", losses[2]},
                       {"KL_dis", losses[3]},
                       {"J_ent_minus_J_dis", gapOf(losses, weights[r])}});
    }
    const auto step = static_cast<std::uint64_t>(point[0]);
    points.push_back({{"step", step},
                      {"phase", phase(step)},
                      {"mean_abs_m", means[kMeanAbs]},
                      {"saturated_share", means[kSaturated]},
                      {"clipped_share", means[kClipped]},
                      {"rungs", std::move(rungs)}});
  }
  return points;
}

std::vector<double> LossCurve::state() const {
  std::vector<double> all = sums_;
  for (const std::vector<double>& point : points_) all.insert(all.end(), point.begin(), point.end());
  return all;
}

bool LossCurve::resume(const double* state, std::size_t count) {
  const std::size_t width = sums_.size() + 1;
  if (count < sums_.size() || (count - sums_.size()) % width != 0) return false;
  std::copy(state, state + sums_.size(), sums_.begin());
  points_.clear();
  for (const double* at = state + sums_.size(); at != state + count; at += width) points_.emplace_back(at, at + width);
  return true;
}

}  // namespace offaxis
