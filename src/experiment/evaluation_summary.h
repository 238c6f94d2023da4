// What the runs of a grid say together: means, paired differences from one variant, corrected p values.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiment/evaluation_row.h"
#include "measure/statistics.h"

namespace offaxis {

struct Summary {
  std::vector<double> points;  // by seed
  double mean = 0;
  double sd = 0;
  PairedDifference difference;  // to the runs of the same model and seeds of the variant compared with
  double pHolm = 1;             // difference.p, corrected for all variants of one model
};

// Accuracies on held-out images.
struct ProbeSummary {
  struct Of {
    std::string factor;
    Summary accuracy;    // pHolm: corrected for all variants and factors
    ProbedFactor means;  // over the runs; its counts are those of one run
  };
  Summary mean;  // over the factors
  std::vector<Of> factors;
  std::uint64_t trainImages = 0;
  std::uint64_t testImages = 0;
};

struct EvaluationSummary {
  std::string variant;
  std::string model;
  std::vector<std::uint64_t> seeds;   // of the points
  std::optional<ProbeSummary> probe;  // of a supervised model; what follows, but the seconds, is of the others
  Summary mig;
  Summary rotated;
  double activeUnits = 0;  // means
  double reconstruction = 0;
  double kl = 0;
  double seconds = 0;
};

struct FinishedRun {
  const EvaluationRow* row;   // without an error
  std::uint32_t cluster = 0;  // equal for runs on one set of images: what the bootstrap draws first
};

// In the order of `models`, then of `variants`; those without a run are left out. Differences are from `against`, over
// the seeds that both have; Holm's correction is over all other variants of one model.
std::vector<EvaluationSummary> summarise(const std::vector<FinishedRun>& runs, const std::vector<std::string>& variants,
                                         const std::vector<std::string>& models, const std::string& against);

// `against` is what differences are from; empty for the summary of that variant itself, which has none.
nlohmann::ordered_json toJson(const EvaluationSummary& summary, const std::string& against);

}  // namespace offaxis
