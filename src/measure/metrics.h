// Every metric by name: what `offaxis score` and `offaxis evaluate` offer. Each keeps the definition of the field's
// common evaluation library and says which version of ours it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/context.h"
#include "measure/codes.h"
#include "measure/pair_metrics.h"

namespace offaxis {

// The common library's usual numbers.
constexpr std::uint64_t kTrainRows = 10000;
constexpr std::uint64_t kTestRows = 5000;

struct MetricInput {
  CodeView codes;
  std::vector<std::uint32_t> sizes;  // [K], levels of each factor's grid; all levels lie below
  std::optional<CodeSource> pairs;   // for metrics that need images which share a factor; empty where there is none
  std::uint64_t seed = 0;            // of the split into train and test rows, and of drawn pairs
};

struct Score {
  std::vector<std::pair<std::string, double>> values;                // the first is the headline
  std::vector<std::pair<std::string, std::vector<double>>> details;  // such as per_factor [K]
  std::vector<std::pair<std::string, std::uint64_t>> samples;        // sizes of what it was computed on
  std::vector<std::string> notes;                                    // what was left out, and why
};

struct Metric {
  const char* name;
  const char* summary;
  const char* definition;  // version, constants, units: printed beside every score
  bool supervised;         // compares with the factors, so that a ceiling and a floor mean something
  bool needsPairs;         // reads MetricInput::pairs
  int rotations;           // how many random rotations its floor is the mean of, by default
  // Throws Error(BadFile) for codes that it cannot score; needs pairs where needsPairs.
  Score (*compute)(const MetricInput& input, const Context& context);
};

// In the order in which they are listed.
const std::vector<Metric>& metrics();
// Throws Error(Usage) for an unknown name, listing the known ones.
const Metric& metric(const std::string& name);

// What a supervised metric can say at all on these factors: the headline of three sets of made-up codes of the same
// rows.
struct Calibration {
  double ceiling = 0;      // the whitened factors themselves
  double independent = 0;  // as many standard normal latents as the codes have, which know nothing of the factors
  double floor = 0;        // mean over random rotations of the whitened factors
  double floorSd = 0;      // their standard deviation; 0 for fewer than two
  int rotations = 0;
};
Calibration calibrate(const Metric& metric, const MetricInput& input, int rotations, const Context& context);

// Rows in an order drawn by (seed, "metric split"): the first kTrainRows, or two thirds where there are fewer than
// kTrainRows + kTestRows, to train on, and up to kTestRows of the others to test on. Throws Error(BadFile) for fewer
// than three rows.
struct Split {
  std::vector<double> trainCodes, testCodes;
  std::vector<std::int64_t> trainFactors, testFactors;
  CodeView train, test;  // of the arrays above

  Split(const CodeView& codes, std::uint64_t seed);
  Split(const Split&) = delete;
  Split& operator=(const Split&) = delete;
};

}  // namespace offaxis
