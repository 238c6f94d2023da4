#include "experiment/probe_json.h"

namespace offaxis {

using Json = nlohmann::ordered_json;

Json toJson(const ProbeResult& result) {
  Json accuracy = Json::object(), correct = Json::object(), levels = Json::object(), ceiling = Json::object(),
       crossEntropy = Json::object(), error = Json::object();
  for (const ProbedFactor& factor : result.factors) {
    accuracy[factor.name] = factor.accuracy;
    correct[factor.name] = factor.correct;
    levels[factor.name] = factor.levels;
    ceiling[factor.name] = factor.ceiling;
    crossEntropy[factor.name] = factor.crossEntropy;
    if (factor.error) error[factor.name] = *factor.error;
  }
  return {{"test_images", result.testImages},
          {"train_images", result.trainImages},
          {"mean", result.mean},
          {"per_factor", std::move(accuracy)},
          {"per_factor_correct", std::move(correct)},
          {"per_factor_levels", std::move(levels)},
          {"per_factor_ceiling", std::move(ceiling)},
          {"per_factor_cross_entropy", std::move(crossEntropy)},
          {"per_factor_error", std::move(error)}};
}

ProbeResult probeFromJson(const Json& json) {
  ProbeResult result;
  result.testImages = json.at("test_images");
  result.trainImages = json.at("train_images");
  result.mean = json.at("mean");
  for (const auto& [name, accuracy] : json.at("per_factor").items()) {
    ProbedFactor factor;
    factor.name = name;
    factor.accuracy = accuracy;
    factor.correct = json.at("per_factor_correct").at(name);
    factor.levels = json.at("per_factor_levels").at(name);
    factor.ceiling = json.at("per_factor_ceiling").at(name);
    factor.crossEntropy = json.at("per_factor_cross_entropy").at(name);
    const Json& errors = json.at("per_factor_error");
    if (errors.contains(name)) factor.error = errors.at(name).get<double>();
    result.factors.push_back(std::move(factor));
  }
  return result;
}

}  // namespace offaxis
