#include "measure/score_json.h"

namespace offaxis {

using Json = nlohmann::ordered_json;

Json toJson(const Metric& metric, const Score& score, std::uint64_t seed) {
  Json json = Json::object();
  for (const auto& [name, value] : score.values) json[name] = value;
  for (const auto& [name, values] : score.details) json[name] = values;
  json["definition"] = metric.definition;
  for (const auto& [name, count] : score.samples) json[name] = count;
  json["seed"] = seed;
  if (!score.notes.empty()) json["notes"] = score.notes;
  return json;
}

Json toJson(const Calibration& calibration) {
  Json json{{"ceiling", calibration.ceiling}, {"independent", calibration.independent}};
  if (calibration.rotations > 0) json["floor"] = calibration.floor;
  if (calibration.rotations > 1) json["floor_sd"] = calibration.floorSd;
  json["floor_rotations"] = calibration.rotations;
  return json;
}

}  // namespace offaxis
