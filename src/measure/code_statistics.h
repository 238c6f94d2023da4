// Scores that follow from the codes' own statistics: Modularity, and two that look at no factors.
#pragma once

#include <string>
#include <vector>

#include "measure/codes.h"

namespace offaxis {

constexpr const char* kModularityDefinition = "modularity/1: 20 equal-width bins per latent, plug-in, nats";
constexpr const char* kGaussianTcDefinition = "gaussian-tc/1: of the codes' covariance, nats; lower is better";
constexpr const char* kCodeInformationDefinition =
    "code-information/1: mean over pairs of latents, 20 equal-width bins, plug-in, nats; lower is better";

struct CodeStatistic {
  double value = 0;
  std::vector<double> perLatent;   // [L], or empty
  std::vector<std::string> notes;  // what was left out, and why
};

// Modularity (Ridgeway and Mozer, NeurIPS 2018): of each latent, 1 - sum over all factors but its best of
// I^2 / (I_best^2 (K - 1)), I as in MIG; 0 for a latent that tells of none. The mean over latents, K the factors that
// vary. Throws Error(BadFile) where fewer than two do.
CodeStatistic modularity(const CodeView& view);

// Total correlation of the Gaussian with the codes' covariance C: (sum_j log C_jj - log det C) / 2; 0 where they are
// uncorrelated. Constant latents are left out; infinite where a latent is a linear function of others (a correlation
// matrix with a pivot below 1e-12). Throws Error(BadFile) for fewer than two rows.
CodeStatistic gaussianTotalCorrelation(const CodeView& view);

// Mean mutual information of two different latents, binned as in MIG; 0 for a single latent.
CodeStatistic codeInformation(const CodeView& view);

}  // namespace offaxis
