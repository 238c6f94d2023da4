// Measurements of reference models as JSON, as log.json and the tools give them.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "learn/perturbation.h"

namespace offaxis {

// [{kl_weight, entangled: {L, KL, J}, disentangled: {..}, L_ent_minus_L_dis, L_gap_standard_error, J_ent_minus_J_dis,
// J_gap_standard_error}, ..], a rung each.
nlohmann::ordered_json toJson(const std::vector<RungMeasure>& rungs);
// Throws nlohmann::json::exception for anything else.
std::vector<RungMeasure> rungsFromJson(const nlohmann::ordered_json& list);

}  // namespace offaxis
