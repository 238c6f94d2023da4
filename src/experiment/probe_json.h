// A probe's readings as a row of results.json has them.
#pragma once

#include <nlohmann/json.hpp>

#include "learn/probe.h"

namespace offaxis {

// {"test_images", "train_images", "mean", and by factor "per_factor" (accuracies), "per_factor_correct",
// "per_factor_levels", "per_factor_ceiling", "per_factor_cross_entropy" (nats), "per_factor_error" (levels; without
// categorical factors)}: see ProbedFactor.
nlohmann::ordered_json toJson(const ProbeResult& result);

// Throws nlohmann::json::exception for anything else than toJson() gives.
ProbeResult probeFromJson(const nlohmann::ordered_json& json);

}  // namespace offaxis
