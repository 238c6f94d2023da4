// The two linear classifiers that scores are defined by, at the optimum of their objectives. Both optima are unique, so
// a score does not depend on a solver's patience, as it does where a library stops early.
#pragma once

#include <cstdint>
#include <vector>

#include "core/context.h"
#include "measure/codes.h"

namespace offaxis {

// N rows of D features. Not owned.
struct FeatureView {
  const double* values = nullptr;  // [N,D], finite
  std::uint64_t count = 0;         // N >= 1
  std::uint64_t width = 0;         // D >= 0
};

// One linear function per class; the class with the largest value is predicted, the smaller label where two are equal.
struct LinearClassifier {
  std::vector<std::int64_t> classes;  // [C], the labels seen in training, ascending
  std::vector<double> weights;        // [C,D]
  std::vector<double> intercepts;     // [C]
};

constexpr double kLogisticCost = 1;
constexpr double kSvmCost = .01;

// Multinomial logistic regression: the minimum of cost * sum_i -ln p(y_i | x_i) + |W|^2 / 2, p the softmax over
// classes, intercepts free (and fixed by summing to 0). Two classes: the binary regression p = sigmoid(w x + b) with
// penalty |w|^2 / 2. This is scikit-learn's LogisticRegression() since 0.22 (C = 1, lbfgs, "auto"). Newton's method;
// an iteration takes time N (C D)^2. Throws Error(BadFile) for fewer than two classes or more than 8192 parameters,
// Error(Failed) if it does not converge.
LinearClassifier fitLogisticRegression(const FeatureView& x, const std::vector<std::int64_t>& labels,
                                       const Context& context, double cost = kLogisticCost);

// The softmax over the model's classes, [N,C].
std::vector<double> probabilities(const LinearClassifier& logistic, const FeatureView& x);

// Linear support vectors, one class against the rest: for each class the minimum over v = (w, b) of
// |v|^2 / 2 + cost * sum_i a_i max(0, 1 - t_i (w x_i + b))^2, t = +1 in the class and -1 outside. Balanced weights:
// a = N / (C N_c) for the rows of class c, and 1 for "the rest" of three or more classes. This is what scikit-learn's
// LinearSVC(C = cost, class_weight = "balanced") minimises; its intercept is regularised too. liblinear's primal solver
// (Fan et al., JMLR 9, 2008). Safe to call from several threads. Throws Error(BadFile) for fewer than two classes.
LinearClassifier fitLinearSvm(const FeatureView& x, const std::vector<std::int64_t>& labels, double cost = kSvmCost);

std::vector<std::int64_t> predictions(const LinearClassifier& model, const FeatureView& x);

// The share of equal entries; both of one length, at least 1.
double accuracy(const std::vector<std::int64_t>& predicted, const std::vector<std::int64_t>& actual);

}  // namespace offaxis
