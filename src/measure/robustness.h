// The interventional robustness score (Suter, Miladinovic, Schoelkopf, Bauer, "Robustly disentangled causal
// mechanisms", ICML 2019) as the field's common evaluation library computes it: how little a latent moves, once one
// factor is known, while all the others change.
#pragma once

#include <string>
#include <vector>

#include "measure/codes.h"

namespace offaxis {

// Printed beside every score: a change of the definition changes it.
constexpr const char* kIrsDefinition =
    "irs/1: .99 quantile of absolute deviations per level, over the maximal deviation; constant latents and factors "
    "left out, factors not binned";
constexpr double kIrsQuantile = .99;

struct IrsResult {
  double value = 0;                  // mean of perLatent, weighted by maxDeviation; 0 where no latent varies
  std::vector<double> perLatent;     // [L]: the row's maximum; 0 for a latent left out
  std::vector<double> matrix;        // [L,K]: 1 - deviation; 0 for a latent or factor left out
  std::vector<double> maxDeviation;  // [L], from the latent's overall mean
  std::vector<std::string> notes;    // what was left out, and why
};

// deviation(l, k): within each level of factor k, the .99 quantile (linear between order statistics) of latent l's
// absolute deviations from its mean there; averaged over the levels with equal weight, and divided by the latent's
// maximal absolute deviation from its overall mean. Levels are taken as they are; the common library's usual settings
// first bin factors of more than 20 levels down to 20. Throws Error(BadFile) for fewer than two rows or no factor that
// varies.
IrsResult irs(const CodeView& view);

}  // namespace offaxis
