#include "publish/preservation_json.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

Json toJson(const Distribution& values) {
  if (values.count == 0) return {};
  Json quantiles = Json::object();
  for (std::size_t i = 0; i < values.quantiles.size(); ++i)
    quantiles[Json(Distribution::kLevels[i]).dump()] = values.quantiles[i];
  return {{"min", values.minimum}, {"quantiles", std::move(quantiles)}, {"max", values.maximum}, {"mean", values.mean}};
}

Json toJson(const std::vector<RankedImage>& images) {
  Json all = Json::array();
  for (const RankedImage& image : images) all.push_back({{"index", image.row}, {"value", image.value}});
  return all;
}

Json toJson(const PreservationCheck& check) {
  return {{"name", check.name},
          {"passed", check.passed},
          {"first_offending_index", check.firstOffendingIndex ? Json(*check.firstOffendingIndex) : Json()},
          {"detail", check.detail},
          {"offending_indices", check.offendingIndices},
          {"offending_count", check.offendingCount}};
}

Json toJson(const PreservationStatistics& s) {
  return {
      {"images", s.images},
      {"changed_images", s.changedImages},
      {"distinct_images", {{"original", s.distinctOriginal}, {"modified", s.distinctModified}}},
      {"coinciding_originals",
       {{"images", s.coincidingImages}, {"classes", s.coincidingClasses}, {"first", s.firstCoinciding}}},
      {"linf_levels", s.maxLevels},
      {"mean_absolute", s.meanAbsolute},
      {"mean_signed", s.meanSigned},
      {"rms_per_pixel", s.rms},
      {"l2_mean", s.meanL2},
      {"l2_max", s.maxL2},
      {"total_variance", {{"original", s.totalVarianceOriginal}, {"modified", s.totalVarianceModified}}},
      {"image_variance", {{"original", s.imageVarianceOriginal}, {"modified", s.imageVarianceModified}}},
      {"share_at_0", {{"original", s.atZeroOriginal}, {"modified", s.atZeroModified}}},
      {"share_at_255", {{"original", s.atFullOriginal}, {"modified", s.atFullModified}}},
      {"share_perhaps_clipped", s.perhapsClipped ? Json(*s.perhapsClipped) : Json()},
      {"distributions",
       {{"linf_levels", toJson(s.levels)},
        {"l2", toJson(s.l2)},
        {"ssim", toJson(s.ssim)},
        {"image_variance_change", toJson(s.varianceChange)}}},
      {"worst", {{"largest_l2", toJson(s.largestL2)}, {"lowest_ssim", toJson(s.lowestSsim)}}},
  };
}

Json toJson(const std::optional<NearestPair>& pair) {
  if (!pair) return {};
  return {{"squared", pair->squared}, {"index", pair->index}, {"other", pair->other}};
}

Json toJson(const std::optional<SeparationReport>& report) {
  if (!report) return {};
  Json factors = Json::object();
  for (const FactorSeparation& factor : report->factors) {
    factors[factor.name] = {{"steps", factor.steps},
                            {"coinciding_steps", factor.coincidingSteps},
                            {"nearest_original", toJson(factor.original)},
                            {"nearest_modified", toJson(factor.modified)},
                            {"rivals", factor.rivals},
                            {"nearer_rivals", factor.nearerRivals},
                            {"coinciding_rivals", factor.coincidingRivals},
                            {"missing_rivals", factor.missingRivals},
                            {"smallest_margin", toJson(factor.margin)}};
  }
  return factors;
}

Json toJson(const std::optional<RecoveryReport>& report) {
  if (!report) return {};
  Json perFactor = Json::object();
  for (const RecoveredFactor& factor : report->factors)
    perFactor[factor.name] = static_cast<double>(factor.recovered) / static_cast<double>(report->queries);
  Json missed = Json::array();
  for (const MissedQuery& query : report->missed) {
    missed.push_back({{"index", query.row},
                      {"nearest", query.nearest},
                      {"own_squared", query.ownSquared},
                      {"nearest_squared", query.nearestSquared}});
  }
  return {{"queries", report->queries},       {"seed", report->seed},           {"searched", report->searched},
          {"first_drawn", report->firstRows}, {"recovered", report->recovered}, {"per_factor", std::move(perFactor)},
          {"missed", std::move(missed)}};
}

Json toJson(const std::optional<ProbeEvidence>& probe, double margin) {
  if (!probe) return {};
  Json factors = Json::object();
  for (const ProbeFactor& factor : probe->factors) {
    factors[factor.name] = {{"original", factor.original},
                            {"modified", factor.modified},
                            {"difference", factor.difference.mean},
                            {"interval", {factor.difference.interval.low, factor.difference.interval.high}},
                            {"lowest", probe->seeds.size() < 2 ? Json() : Json(factor.lowest)},
                            {"chance", factor.chance}};
  }
  return {{"file", probe->file},       {"sha256", probe->sha256},
          {"variant", probe->variant}, {"baseline", probe->baseline},
          {"seeds", probe->seeds},     {"test_images", probe->testImages},
          {"margin", margin},          {"per_factor", std::move(factors)}};
}

}  // namespace

Json toJson(const PreservationReport& report) {
  Json checks = Json::array();
  for (const PreservationCheck& check : report.checks) checks.push_back(toJson(check));
  const auto rootText = [](const std::string& root) { return root.empty() ? Json() : Json(root); };
  return {{"preserved", report.preserved()},
          {"budget_levels", report.budgetLevels ? Json(*report.budgetLevels) : Json()},
          {"content_roots", {{"original", rootText(report.originalRoot)}, {"modified", rootText(report.modifiedRoot)}}},
          {"checks", std::move(checks)},
          {"statistics", toJson(report.statistics)},
          {"separation", toJson(report.separation)},
          {"queries", toJson(report.recovery)},
          {"probe", toJson(report.probe, report.probeMargin)}};
}

}  // namespace offaxis
