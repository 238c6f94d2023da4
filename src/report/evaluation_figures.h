// Pictures of what `offaxis evaluate` and `offaxis axes` wrote, made from their JSON alone. All throw
// nlohmann::json::exception where it is not theirs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace offaxis {

// Every run's MIG, and MIG against the rotated factors, a row for each variant (and model, where there are several).
// Runs of supervised probes have no MIG: where there are no others, their accuracies, the mean and the worst factor's.
std::string scoresFigure(const nlohmann::json& results);

// Dose and response: J_ent - J_dis of reference models trained on an arm's images (`axes`: records of `offaxis axes`,
// matched by the identity of their source), against the MIG of its runs. `rung` counts the KL weights from the lowest.
// Throws Error(Usage) where no arm was measured, or not at that rung, records were made with different settings, or all
// runs are of supervised probes.
std::string doseFigure(const nlohmann::json& results, const std::vector<nlohmann::json>& axes, std::size_t rung);

// MIG against eps over several evaluations. A variant without an eps, such as the original, is a dashed line at its
// mean. Throws Error(Usage) where none has an eps, or all runs of one are of supervised probes.
std::string frontierFigure(const std::vector<nlohmann::json>& evaluations);

}  // namespace offaxis
