#include "measure/robustness.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.h"
#include "measure/statistics.h"

namespace offaxis {
namespace {

using Groups = std::vector<std::vector<std::uint64_t>>;  // the rows of each level

Groups groupsOf(const CodeView& view, std::uint64_t factor) {
  std::map<std::int64_t, std::vector<std::uint64_t>> byLevel;
  for (std::uint64_t i = 0; i < view.count; ++i) byLevel[view.factors[i * view.factorCount + factor]].push_back(i);
  Groups groups;
  for (auto& [level, rows] : byLevel) groups.push_back(std::move(rows));
  return groups;
}

std::vector<double> absoluteDeviations(std::vector<double> values) {
  const double centre = mean(values);
  for (double& value : values) value = std::abs(value - centre);
  return values;
}

}  // namespace

IrsResult irs(const CodeView& view) {
  if (view.count < 2) throw Error(ErrorKind::BadFile, "IRS needs two rows or more", "the field takes 10,000");
  IrsResult result;
  std::vector<Groups> groups;
  bool anyFactor = false;
  for (std::uint64_t k = 0; k < view.factorCount; ++k) {
    groups.push_back(groupsOf(view, k));
    if (groups[k].size() > 1) {
      anyFactor = true;
    } else {
      result.notes.push_back("factor " + std::to_string(k) + " does not vary: left out");
    }
  }
  if (!anyFactor) throw Error(ErrorKind::BadFile, "no factor varies in the sample", "IRS needs a factor to hold fixed");

  result.perLatent.assign(view.latents, 0.0);
  result.maxDeviation.assign(view.latents, 0.0);
  result.matrix.assign(view.latents * view.factorCount, 0.0);
  double weighted = 0;
  double weights = 0;
  for (std::uint64_t l = 0; l < view.latents; ++l) {
    const std::vector<double> codes = latentOf(view, l);
    if (!varies(codes)) {
      result.notes.push_back("latent " + std::to_string(l) + " is constant: left out");
      continue;
    }
    const std::vector<double> deviations = absoluteDeviations(codes);
    const double furthest = *std::max_element(deviations.begin(), deviations.end());
    double best = -std::numeric_limits<double>::infinity();
    for (std::uint64_t k = 0; k < view.factorCount; ++k) {
      if (groups[k].size() < 2) continue;
      double sum = 0;
      for (const std::vector<std::uint64_t>& rows : groups[k]) {
        std::vector<double> inGroup;
        inGroup.reserve(rows.size());
        for (const std::uint64_t row : rows) inGroup.push_back(codes[row]);
        std::vector<double> deviationsThere = absoluteDeviations(std::move(inGroup));
        std::sort(deviationsThere.begin(), deviationsThere.end());
        sum += quantile(deviationsThere, kIrsQuantile);
      }
      const double robustness = 1 - sum / static_cast<double>(groups[k].size()) / furthest;
      result.matrix[l * view.factorCount + k] = robustness;
      best = std::max(best, robustness);
    }
    result.perLatent[l] = best;
    result.maxDeviation[l] = furthest;
    weighted += furthest * best;
    weights += furthest;
  }
  result.value = weights > 0 ? weighted / weights : 0.0;
  return result;
}

}  // namespace offaxis
