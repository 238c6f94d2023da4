// Scores as `offaxis score` prints them and `offaxis evaluate` keeps them.
#pragma once

#include <nlohmann/json.hpp>

#include "measure/metrics.h"

namespace offaxis {

// {"value": x, .., "per_factor": [..], "definition": .., "rows": N, .., "seed": .., "notes": [..]}; a number that is
// not finite is null.
nlohmann::ordered_json toJson(const Metric& metric, const Score& score, std::uint64_t seed);
// {"ceiling": .., "independent": .., "floor": .., "floor_sd": .., "floor_rotations": ..}
nlohmann::ordered_json toJson(const Calibration& calibration);

}  // namespace offaxis
