#include "publish/preservation_json.h"

namespace offaxis {

using Json = nlohmann::ordered_json;

Json toJson(const PreservationReport& report) {
  Json checks = Json::array();
  for (const PreservationCheck& check : report.checks) {
    checks.push_back({{"name", check.name},
                      {"passed", check.passed},
                      {"first_offending_index", check.firstOffendingIndex ? Json(*check.firstOffendingIndex) : Json()},
                      {"detail", check.detail}});
  }
  const PreservationStatistics& s = report.statistics;
  Json statistics{{"images", s.images},
                  {"changed_images", s.changedImages},
                  {"distinct_images", {{"original", s.distinctOriginal}, {"modified", s.distinctModified}}},
                  {"linf_levels", s.maxLevels},
                  {"mean_absolute", s.meanAbsolute},
                  {"mean_signed", s.meanSigned},
                  {"rms_per_pixel", s.rms},
                  {"l2_mean", s.meanL2},
                  {"l2_max", s.maxL2},
                  {"total_variance", {{"original", s.totalVarianceOriginal}, {"modified", s.totalVarianceModified}}},
                  {"image_variance", {{"original", s.imageVarianceOriginal}, {"modified", s.imageVarianceModified}}},
                  {"share_at_0", {{"original", s.atZeroOriginal}, {"modified", s.atZeroModified}}},
                  {"share_at_255", {{"original", s.atFullOriginal}, {"modified", s.atFullModified}}}};
  return {{"preserved", report.preserved()},
          {"budget_levels", report.budgetLevels ? Json(*report.budgetLevels) : Json()},
          {"checks", std::move(checks)},
          {"statistics", std::move(statistics)}};
}

}  // namespace offaxis
