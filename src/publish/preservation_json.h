// The verification report as `offaxis verify --json` prints it and manifests hold it.
#pragma once

#include <nlohmann/json.hpp>

#include "measure/preservation.h"

namespace offaxis {

// {"preserved", "budget_levels", "content_roots", "checks": [{"name", "passed", "first_offending_index", "detail",
// "offending_indices", "offending_count"}], "statistics", "separation", "queries", "probe"}; the last three are null
// where they were not measured. docs/verification.md describes all of it.
nlohmann::ordered_json toJson(const PreservationReport& report);

}  // namespace offaxis
