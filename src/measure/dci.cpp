#include "measure/dci.h"

#include <algorithm>
#include <cmath>

#include "measure/gradient_boosting.h"
#include "measure/statistics.h"

namespace offaxis {
namespace {

constexpr double kAdded = 1e-11;

// 1 - the entropy of `n` values, `stride` apart, in base n.
double concentration(const double* values, std::size_t n, std::size_t stride) {
  if (n == 1) return 1.0;
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += values[i * stride] + kAdded;
  double entropy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double p = (values[i * stride] + kAdded) / sum;
    entropy -= p * std::log(p);
  }
  return 1.0 - entropy / std::log(static_cast<double>(n));
}

double weightedMean(const std::vector<double>& values, const std::vector<double>& weights) {
  double sum = 0;
  double all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += weights[i] * values[i];
    all += weights[i];
  }
  return all > 0 ? sum / all : mean(values);
}

}  // namespace

std::vector<double> disentanglementPerLatent(const std::vector<double>& importance, std::uint64_t latents,
                                             std::uint64_t factorCount) {
  std::vector<double> result;
  for (std::uint64_t l = 0; l < latents; ++l) {
    result.push_back(concentration(importance.data() + l * factorCount, factorCount, 1));
  }
  return result;
}

std::vector<double> completenessPerFactor(const std::vector<double>& importance, std::uint64_t latents,
                                          std::uint64_t factorCount) {
  std::vector<double> result;
  for (std::uint64_t k = 0; k < factorCount; ++k) {
    result.push_back(concentration(importance.data() + k, latents, factorCount));
  }
  return result;
}

double disentanglementOf(const std::vector<double>& importance, std::uint64_t latents, std::uint64_t factorCount) {
  std::vector<double> weights(latents, 0.0);
  for (std::size_t i = 0; i < importance.size(); ++i) weights[i / factorCount] += importance[i];
  return weightedMean(disentanglementPerLatent(importance, latents, factorCount), weights);
}

double completenessOf(const std::vector<double>& importance, std::uint64_t latents, std::uint64_t factorCount) {
  std::vector<double> weights(factorCount, 0.0);
  for (std::size_t i = 0; i < importance.size(); ++i) weights[i % factorCount] += importance[i];
  return weightedMean(completenessPerFactor(importance, latents, factorCount), weights);
}

DciResult dci(const CodeView& train, const CodeView& test, const Context& context) {
  requireSplit(train, test);
  DciResult result;
  std::vector<std::uint64_t> varying;
  for (std::uint64_t k = 0; k < train.factorCount; ++k) {
    if (varies(labelsOf(train, k))) {
      varying.push_back(k);
    } else {
      result.notes.push_back("factor " + std::to_string(k) + " does not vary in the training sample: left out");
    }
  }
  if (varying.empty()) {
    throw Error(ErrorKind::BadFile, "no factor varies in the training sample of " + std::to_string(train.count),
                "draw the sample from the whole dataset");
  }

  result.importance.assign(train.latents * train.factorCount, 0.0);
  result.perFactor.assign(train.factorCount, 0.0);
  result.accuracyPerFactor.assign(train.factorCount, 0.0);
  std::vector<double> importance(train.latents * varying.size());  // without the columns that are left out
  for (std::size_t v = 0; v < varying.size(); ++v) {
    const std::uint64_t k = varying[v];
    const GradientBoosting model(train.codes, train.latents, labelsOf(train, k), context);
    for (std::uint64_t l = 0; l < train.latents; ++l) {
      importance[l * varying.size() + v] = model.importances()[l];
      result.importance[l * train.factorCount + k] = model.importances()[l];
    }
    const std::vector<std::int64_t> truth = labelsOf(test, k);
    const std::vector<std::int64_t> predicted = model.predict(test.codes, test.count, context);
    std::uint64_t right = 0;
    std::uint64_t unseen = 0;
    for (std::uint64_t i = 0; i < test.count; ++i) {
      right += predicted[i] == truth[i] ? 1 : 0;
      unseen += std::binary_search(model.classes().begin(), model.classes().end(), truth[i]) ? 0 : 1;
    }
    if (unseen > 0) {
      result.notes.push_back("factor " + std::to_string(k) + ": " + std::to_string(unseen) + " of " +
                             std::to_string(test.count) +
                             " test samples show levels that the training sample lacks: counted as wrong");
    }
    result.accuracyPerFactor[k] = static_cast<double>(right) / static_cast<double>(test.count);
    result.informativeness += result.accuracyPerFactor[k] / static_cast<double>(varying.size());
  }
  if (varying.size() == 1) result.notes.push_back("one factor varies: disentanglement is 1 whatever the codes");
  if (train.latents == 1) result.notes.push_back("there is one latent: completeness is 1 whatever the codes");

  result.perLatent = disentanglementPerLatent(importance, train.latents, varying.size());
  const std::vector<double> perFactor = completenessPerFactor(importance, train.latents, varying.size());
  for (std::size_t v = 0; v < varying.size(); ++v) result.perFactor[varying[v]] = perFactor[v];
  result.disentanglement = disentanglementOf(importance, train.latents, varying.size());
  result.completeness = completenessOf(importance, train.latents, varying.size());
  return result;
}

}  // namespace offaxis
