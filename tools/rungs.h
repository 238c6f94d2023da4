// What manipulate and axes share: lists of numbers, and the table of reference models.
#pragma once

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "core/text.h"
#include "learn/perturbation.h"

namespace offaxis::cli {

// "0.1,0.4", each from 0 to below 1e6; throws Error(Usage), naming `option`, also for an empty item.
inline std::vector<double> parseReals(const std::string& text, const std::string& option) {
  std::vector<double> values;
  for (const std::string& item : splitList(text, option)) values.push_back(parseRealBelow(item, option, 0.0, 1e6));
  return values;
}

inline void printRungs(const std::vector<std::pair<std::string, std::vector<RungMeasure>>>& data) {
  std::printf("%-9s %9s %9s %9s %9s %9s %9s %9s %9s (s.e.)\n", "data", "KL weight", "L_ent", "L_dis", "KL_ent",
              "KL_dis", "J_ent", "J_dis", "J gap");
  for (const auto& [name, rungs] : data) {
    for (const RungMeasure& r : rungs) {
      std::printf("%-9s %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %+9.3f (%.3f)\n", name.c_str(), r.weight,
                  r.entangled.rec, r.disentangled.rec, r.entangled.kl, r.disentangled.kl, r.entangled.objective,
                  r.disentangled.objective, r.entangled.objective - r.disentangled.objective, r.objectiveGapError);
    }
  }
}

}  // namespace offaxis::cli
