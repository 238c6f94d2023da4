// Separated attribute predictability (Kumar, Sattigeri, Balakrishnan, "Variational inference of disentangled latent
// concepts from unlabeled observations", ICLR 2018), for discrete factors as the field's common evaluation library
// computes it.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"
#include "measure/codes.h"

namespace offaxis {

// Printed beside every score: a change of the definition changes it.
constexpr const char* kSapDefinition =
    "sap/1: linear SVM on one latent (squared hinge, C .01, balanced, intercept regularised, one against the rest, at "
    "its optimum), test accuracy; latents of variance <= 1e-12 score 0";
constexpr double kSapLeastVariance = 1e-12;

struct SapResult {
  double value = 0;                // mean of perFactor over the factors that vary in train
  std::vector<double> perFactor;   // [K]: best latent's accuracy minus the second best's; 0 for a factor left out
  std::vector<double> accuracy;    // [L,K], on test; 0 for a latent or factor left out
  std::vector<std::string> notes;  // what was left out, and why
};

// Codes are taken as they are, not standardised. A latent whose variance in train (N - 1) is at most kSapLeastVariance
// scores 0. The common library draws that line only where factors are continuous; for discrete ones its SVM sees a
// constant and earns the share of one class, so that with a single live latent its score is lower than this one. With a
// single latent the second best is 0. Levels that test alone shows count as errors. Throws Error(BadFile) for samples
// that do not fit together, fewer than two rows, or no factor that varies in train.
SapResult sap(const CodeView& train, const CodeView& test, const Context& context);

}  // namespace offaxis
