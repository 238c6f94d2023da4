// The two scores that need images which share one factor: FactorVAE's (Kim and Mnih, "Disentangling by factorising",
// ICML 2018) and BetaVAE's (Higgins et al., "beta-VAE", ICLR 2017), as the field's common evaluation library computes
// them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "measure/codes.h"

namespace offaxis {

// Printed beside every score: a change of the definition changes it.
constexpr const char* kFactorVaeDefinition =
    "factor-vae/1: majority vote over argmin of local over global variance (both N - 1), latents of standard deviation "
    ">= .05";
constexpr const char* kBetaVaeDefinition =
    "beta-vae/1: logistic regression (multinomial, L2, C 1, at its optimum) on mean |z - z'| of pairs, not "
    "standardised";
constexpr double kLeastDeviation = .05;

// Codes of any image of a factor grid.
struct CodeSource {
  std::vector<std::uint32_t> sizes;  // [K], levels of each factor, each >= 1
  std::uint64_t latents = 0;         // L >= 1
  // Grid indices (mixed radix, the last factor fastest, as in core/factor_grid.h) -> their codes [n,L], finite. The
  // scores call it once each, with ascending indices and none twice, so that an encoder sees each image once.
  std::function<std::vector<double>(const std::vector<std::uint64_t>& gridIndices)> codes;
};

// A source made of codes that cover the whole grid of `sizes`: each combination's first row. Empty where a combination
// is missing. The view's arrays must outlive the source. Throws Error(BadFile) for a level outside its factor.
std::optional<CodeSource> gridCodes(const CodeView& view, const std::vector<std::uint32_t>& sizes);

// The common library's usual numbers; a score names them with its definition.
struct PairSettings {
  std::uint64_t seed = 0;
  std::uint64_t trainVotes = 10000;
  std::uint64_t testVotes = 5000;
  std::uint64_t batch = 64;  // images (FactorVAE) or pairs (BetaVAE) per vote
  std::uint64_t varianceSamples = 10000;
};

// Both scores: every image is drawn uniformly from the grid, with replacement; a vote fixes one factor, drawn uniformly
// among those of two levels or more (the common library also fixes factors of one level, which says nothing). Draws
// are Philox's by (seed, score and sample, vote): equal seeds give equal scores. Both throw Error(BadFile) where fewer
// than two factors have two levels or `codes` returns something else than promised, and Error(Usage) for settings out
// of range.
struct FactorVaeResult {
  double value = 0;                  // accuracy on the test votes
  double trainAccuracy = 0;          // on the votes that the majority was taken of
  std::vector<double> variance;      // [L], over varianceSamples images
  std::vector<std::uint64_t> kept;   // the latents of standard deviation >= kLeastDeviation
  std::vector<std::uint64_t> votes;  // [L,K], training votes; rows are the code's own latents, left out or not
  std::vector<std::string> notes;    // what was left out, and why
};

// A vote is the kept latent whose variance over a batch, in units of its overall variance, is least (the first of equal
// ones); it stands for the factor that most of its training votes fixed. With no latent kept the score is 0.
FactorVaeResult factorVaeScore(const CodeSource& source, const PairSettings& settings, const Context& context);

struct BetaVaeResult {
  double value = 0;  // accuracy on the test votes
  double trainAccuracy = 0;
  std::vector<std::string> notes;  // what was left out, and why
};

// Each pair of a vote has its own level of the fixed factor. varianceSamples is not used.
BetaVaeResult betaVaeScore(const CodeSource& source, const PairSettings& settings, const Context& context);

}  // namespace offaxis
