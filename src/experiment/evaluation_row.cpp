#include "experiment/evaluation_row.h"

#include "core/error.h"
#include "core/text.h"
#include "experiment/probe_json.h"

namespace offaxis {

using Json = nlohmann::ordered_json;

Json toJson(const std::vector<StepScore>& scores) {
  Json json = Json::array();
  for (const StepScore& score : scores) json.push_back({{"steps", score.steps}, {"mig", score.mig}});
  return json;
}

namespace {

double migFrom(const Json& json) {
  const double value = json;
  constexpr double kRounding = 1e-9;
  if (value >= 0 && value <= 1 + kRounding) return value;
  throw Error(ErrorKind::BadFile, "a MIG of " + formatReal(value) + " is none: it lies in [0, 1]");
}

}  // namespace

std::vector<StepScore> stepScoresFromJson(const Json& json) {
  std::vector<StepScore> scores;
  for (const Json& point : json) scores.push_back({point.at("steps"), migFrom(point.at("mig"))});
  return scores;
}

Json toJson(const EvaluationRow& row) {
  Json json{{"variant", row.variant}, {"model", row.model}, {"seed", row.seed}};
  if (!row.error.empty()) {
    json["error"] = row.error;
    return json;
  }
  if (row.probe) {
    json["probe"] = toJson(*row.probe);
    if (!row.sourceRoot.empty()) json["source_root"] = row.sourceRoot;
    json["seconds"] = row.seconds;
    return json;
  }
  json["mig"] = {{"value", row.mig.value}, {"per_factor", row.mig.perFactor}};
  json["rotated_mig"] = {{"value", row.rotated.value}, {"per_factor", row.rotated.perFactor}};
  if (!row.migOverSteps.empty()) json["mig_over_steps"] = toJson(row.migOverSteps);
  if (!row.scores.empty()) json["scores"] = row.scores;
  json["active_units"] = row.activeUnits;
  json["reconstruction"] = row.reconstruction;
  json["kl"] = row.kl;
  json["seconds"] = row.seconds;
  return json;
}

EvaluationRow rowFromJson(const Json& json) {
  EvaluationRow row;
  row.variant = json.at("variant");
  row.model = json.at("model");
  row.seed = json.at("seed");
  row.seconds = json.at("seconds");
  if (json.contains("probe")) {
    row.probe = probeFromJson(json.at("probe"));
    row.sourceRoot = json.value("source_root", "");
    return row;
  }
  row.mig.value = migFrom(json.at("mig").at("value"));
  row.mig.perFactor = json.at("mig").at("per_factor").get<std::vector<double>>();
  row.rotated.value = migFrom(json.at("rotated_mig").at("value"));
  row.rotated.perFactor = json.at("rotated_mig").at("per_factor").get<std::vector<double>>();
  row.scores = json.value("scores", Json::object());
  row.migOverSteps = stepScoresFromJson(json.value("mig_over_steps", Json::array()));
  row.reconstruction = json.at("reconstruction");
  row.kl = json.at("kl");
  row.activeUnits = json.at("active_units");
  return row;
}

}  // namespace offaxis
