// The verification report as `offaxis verify --json` prints it and manifests hold it.
#pragma once

#include <nlohmann/json.hpp>

#include "measure/preservation.h"

namespace offaxis {

// {"preserved", "budget_levels", "checks": [{"name", "passed", "first_offending_index", "detail"}], "statistics":
// {...}}
nlohmann::ordered_json toJson(const PreservationReport& report);

}  // namespace offaxis
