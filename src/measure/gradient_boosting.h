// Gradient-boosted classification trees (Friedman, "Greedy function approximation: a gradient boosting machine", Annals
// of Statistics, 2001) by the definition that scikit-learn's GradientBoostingClassifier has at its defaults.
//
// Two classes: one tree per stage, p = 1 / (1 + exp(-F)). K > 2 classes: K trees per stage, p = softmax(F). F starts at
// the log odds, or the logs, of the training shares. Each stage grows a least-squares tree on the residuals r = y - p
// by Friedman's gain, n_l n_r / (n_l + n_r) (mean_l - mean_r)^2, and adds the rate times each leaf's Newton step,
// sum(r) / sum(p (1 - p)), for K > 2 times (K - 1) / K. A node of variance <= 2^-52 is a leaf; otherwise the best split
// is made, be its gain 0. Codes are rounded to float32, sorted codes no further apart than 1e-7 are not separated, and
// a threshold is the middle of two codes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/context.h"

namespace offaxis {

constexpr int kBoostingStages = 100;
constexpr double kBoostingRate = 0.1;
constexpr int kBoostingDepth = 3;
constexpr std::size_t kMostBoostingClasses = 1000;

// Each tree tries features in an order drawn by Philox, and of equal gains the first feature tried wins, then the
// lowest threshold: scikit-learn's order is random too, and a fixed one would favour low-numbered latents wherever
// small nodes tie. Sums that choose splits are exact, in fixed point, so that two features which separate alike do have
// equal gains.
class GradientBoosting {
 public:
  // Fits to `codes` [N,L] and `labels` [N], any integers; 2 <= N < 2^32. Parallel over a stage's trees. Throws
  // Error(BadFile) for fewer than two classes, more than kMostBoostingClasses, and for codes beyond float32.
  GradientBoosting(const double* codes, std::uint64_t latents, const std::vector<std::int64_t>& labels,
                   const Context& context);

  // The label of the most probable class, of equal ones the lowest, for each row of `codes` [count,L].
  std::vector<std::int64_t> predict(const double* codes, std::uint64_t count, const Context& context) const;

  // [L]: each feature's decrease of squared error over all trees, as a share of all features'; 0 for all where no tree
  // found a split.
  const std::vector<double>& importances() const { return importances_; }
  const std::vector<std::int64_t>& classes() const { return classes_; }  // ascending

  static constexpr std::size_t kInner = (std::size_t{1} << kBoostingDepth) - 1;
  static constexpr std::size_t kNodes = 2 * kInner + 1;

  // Nodes in heap order: the children of i are 2i + 1 (code <= threshold) and 2i + 2.
  struct Tree {
    std::array<std::int32_t, kInner> feature{};  // -1: a leaf
    std::array<double, kInner> threshold{};
    std::array<double, kNodes> step{};  // of leaves: what is added to F
  };

 private:
  std::size_t latents_ = 0;
  std::vector<std::int64_t> classes_;
  std::vector<double> start_;  // one per tree of a stage
  std::vector<Tree> trees_;    // [stage, tree of the stage]
  std::vector<double> importances_;
};

}  // namespace offaxis
