// What supervised probes say of a modified set: taken from an evaluation's results, tied to the sets by their content.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/source.h"
#include "measure/statistics.h"

namespace offaxis {

struct ProbeFactor {
  std::string name;
  double original = 0, modified = 0;  // mean accuracy over the paired seeds, 0 .. 1
  PairedDifference difference;        // modified - original, paired by seed
  double chance = 0;                  // of the best constant guess: the share of the commonest level
  double lowest = 0;                  // lowerBound() of the differences: what the margin is held against
};

struct ProbeEvidence {
  std::string file;     // its name, without the folders
  std::string sha256;   // of its bytes
  std::string variant;  // the names that it gives the two sets
  std::string baseline;
  std::vector<std::uint64_t> seeds;  // that both have
  std::uint64_t testImages = 0;      // held out, the fewest of any run
  std::string modifiedRoot;          // content roots (hex) of what they learnt and were tested on
  std::string originalRoot;
  std::vector<ProbeFactor> factors;  // of more than one level, in the grid's order
};

// From a results.json of `offaxis evaluate --models probe`, the runs on `modified` and on an original, which is found
// by any of `originalIdentities`. Accuracies are compared over the seeds that both have. Identities are a sample: that
// modifiedRoot and originalRoot are those of the sets is for the caller to see, once it has read them. Throws
// Error(BadFile) where the file cannot be read or is no such file, is not complete, holds no probes of these sets, or
// none with content roots.
ProbeEvidence readProbeEvidence(const std::string& path, const Source& modified,
                                const std::vector<std::string>& originalIdentities);

// The factors whose accuracy may have dropped by more than `margin`: the difference's lower bound lies below -margin,
// or there are fewer than two pairs and so no bound.
std::vector<std::string> factorsBelowMargin(const ProbeEvidence& evidence, double margin);

// The factors that probes hardly read from the original: not even a drop to chance would exceed `margin`, so that they
// say nothing of the modified set.
std::vector<std::string> factorsNotRead(const ProbeEvidence& evidence, double margin);

}  // namespace offaxis
