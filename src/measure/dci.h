// Disentanglement, completeness and informativeness (Eastwood and Williams, "A framework for the quantitative
// evaluation of disentangled representations", ICLR 2018) as the field's common evaluation library computes them:
// importances R of one gradient-boosted classifier per factor, and its accuracy on other samples.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "measure/codes.h"

namespace offaxis {

// Printed beside every score: a change of the definition changes it.
constexpr const char* kDciDefinition =
    "dci/1: gradient boosting, 100 stages, rate .1, depth 3 (scikit-learn's definition), importances + 1e-11";

struct DciResult {
  double disentanglement = 0;
  double completeness = 0;
  double informativeness = 0;             // mean of accuracyPerFactor over the factors that vary in `train`
  std::vector<double> importance;         // [L,K], columns sum to 1; 0 for a factor that does not vary in `train`
  std::vector<double> perLatent;          // [L]: disentanglementPerLatent() over the factors that vary
  std::vector<double> perFactor;          // [K]: completenessPerFactor(); 0 for a factor that does not vary
  std::vector<double> accuracyPerFactor;  // [K]: share of `test` classified right; 0 for a factor that does not vary
  std::vector<std::string> notes;         // what a reader of the score should know: factors left out, unseen levels
};

// Factors that do not vary in `train` are left out. A level that only `test` shows counts as wrong. Throws
// Error(BadFile) where no factor varies, the two do not have the same L and K, or a code does not fit float32.
DciResult dci(const CodeView& train, const CodeView& test, const Context& context);

// From a matrix R [L,K] of importances, row-major. Entropies are of rows or columns with 1e-11 added and normalised, in
// the base of their length, so that scores lie in [0, 1]; a row or column of one entry scores 1.
std::vector<double> disentanglementPerLatent(const std::vector<double>& importance, std::uint64_t latents,
                                             std::uint64_t factorCount);  // [L]: 1 - H_K(row)
std::vector<double> completenessPerFactor(const std::vector<double>& importance, std::uint64_t latents,
                                          std::uint64_t factorCount);  // [K]: 1 - H_L(column)
// Their means, weighted by the row's, or the column's, share of all importance; unweighted where R is 0.
double disentanglementOf(const std::vector<double>& importance, std::uint64_t latents, std::uint64_t factorCount);
double completenessOf(const std::vector<double>& importance, std::uint64_t latents, std::uint64_t factorCount);

}  // namespace offaxis
