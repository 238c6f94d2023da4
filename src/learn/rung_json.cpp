#include "learn/rung_json.h"

namespace offaxis {

using Json = nlohmann::ordered_json;

namespace {

Json toJson(const ReferenceMeasure& m) {
  return {{"L", m.rec}, {"KL", m.kl}, {"J", m.objective}};
}

}  // namespace

Json toJson(const std::vector<RungMeasure>& rungs) {
  Json list = Json::array();
  for (const RungMeasure& r : rungs) {
    list.push_back({{"kl_weight", r.weight},
                    {"entangled", toJson(r.entangled)},
                    {"disentangled", toJson(r.disentangled)},
                    {"L_ent_minus_L_dis", r.entangled.rec - r.disentangled.rec},
                    {"L_gap_standard_error", r.recGapError},
                    {"J_ent_minus_J_dis", r.entangled.objective - r.disentangled.objective},
                    {"J_gap_standard_error", r.objectiveGapError}});
  }
  return list;
}

std::vector<RungMeasure> rungsFromJson(const Json& list) {
  auto one = [](const Json& m) { return ReferenceMeasure{m.at("L"), m.at("KL"), m.at("J")}; };
  std::vector<RungMeasure> rungs;
  for (const Json& r : list) {
    rungs.push_back({r.at("kl_weight"), one(r.at("entangled")), one(r.at("disentangled")), r.at("L_gap_standard_error"),
                     r.at("J_gap_standard_error")});
  }
  return rungs;
}

}  // namespace offaxis
