// Explicitness (Ridgeway and Mozer, "Learning deep disentangled embeddings with the F-statistic loss", NeurIPS 2018) as
// the field's common evaluation library computes it: how well all codes together tell a factor's levels apart.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"
#include "measure/codes.h"

namespace offaxis {

// Printed beside every score: a change of the definition changes it.
constexpr const char* kExplicitnessDefinition =
    "explicitness/1: logistic regression (multinomial, L2, C 1, at its optimum) on codes standardised by train, macro "
    "one-against-rest ROC-AUC on test, not rescaled (chance .5)";

struct ExplicitnessResult {
  double value = 0;                // mean of perFactor over the factors that were not left out
  std::vector<double> perFactor;   // [K]: the AUC itself, not 2 AUC - 1; 0 for a factor left out
  std::vector<std::string> notes;  // what was left out, and why
};

// Mean and standard deviation (N) of each latent come from train; constant latents are left out, and with no other the
// AUC is .5. A factor's AUC is the mean over the levels that train and test both show; a factor without two levels in
// train and in test is left out. Throws Error(BadFile) for samples that do not fit together, fewer than two rows, or
// no factor left.
ExplicitnessResult explicitness(const CodeView& train, const CodeView& test, const Context& context);

// Area under the receiver operating characteristic by the trapezoid rule: the share of (positive, negative) pairs that
// `scores` orders rightly, a tie counting one half. Both of one length, with at least one of each kind.
double rocAuc(const std::vector<double>& scores, const std::vector<bool>& positive);

}  // namespace offaxis
