#include "measure/sap.h"

#include <algorithm>

#include "core/parallel.h"
#include "measure/linear_classifiers.h"
#include "measure/statistics.h"

namespace offaxis {
SapResult sap(const CodeView& train, const CodeView& test, const Context& context) {
  requireSplit(train, test);
  SapResult result;
  std::vector<std::uint64_t> latents;
  for (std::uint64_t l = 0; l < train.latents; ++l) {
    const double deviation = standardDeviation(latentOf(train, l));
    if (deviation * deviation > kSapLeastVariance) {
      latents.push_back(l);
    } else {
      result.notes.push_back("latent " + std::to_string(l) + " is constant in train: it scores 0");
    }
  }
  std::vector<std::uint64_t> factors;
  for (std::uint64_t k = 0; k < train.factorCount; ++k) {
    if (varies(labelsOf(train, k))) {
      factors.push_back(k);
    } else {
      result.notes.push_back("factor " + std::to_string(k) + " shows one level in train: left out");
    }
  }
  if (factors.empty()) {
    throw Error(ErrorKind::BadFile, "no factor varies in the training sample", "SAP needs a factor to predict");
  }

  result.accuracy.assign(train.latents * train.factorCount, 0.0);
  parallelFor(context, factors.size() * latents.size(), 1, [&](std::uint64_t begin, std::uint64_t end, int) {
    for (std::uint64_t at = begin; at < end; ++at) {
      const std::uint64_t k = factors[at / latents.size()];
      const std::uint64_t l = latents[at % latents.size()];
      const std::vector<double> codes = latentOf(train, l);
      const std::vector<double> unseen = latentOf(test, l);
      const LinearClassifier svm = fitLinearSvm({codes.data(), codes.size(), 1}, labelsOf(train, k));
      result.accuracy[l * train.factorCount + k] =
          accuracy(predictions(svm, {unseen.data(), unseen.size(), 1}), labelsOf(test, k));
    }
  });

  result.perFactor.assign(train.factorCount, 0.0);
  for (const std::uint64_t k : factors) {
    double best = 0;
    double second = 0;
    for (std::uint64_t l = 0; l < train.latents; ++l) {
      const double score = result.accuracy[l * train.factorCount + k];
      second = std::max(second, std::min(best, score));
      best = std::max(best, score);
    }
    result.perFactor[k] = best - second;
    result.value += result.perFactor[k] / static_cast<double>(factors.size());
  }
  return result;
}

}  // namespace offaxis
