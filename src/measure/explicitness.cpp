#include "measure/explicitness.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/parallel.h"
#include "measure/linear_classifiers.h"

namespace offaxis {
namespace {

struct Standardisation {
  std::vector<std::uint64_t> latents;  // those that vary
  std::vector<double> mean;
  std::vector<double> deviation;

  std::vector<double> operator()(const CodeView& view) const {
    std::vector<double> rows;
    rows.reserve(view.count * latents.size());
    for (std::uint64_t i = 0; i < view.count; ++i) {
      for (std::size_t j = 0; j < latents.size(); ++j) {
        rows.push_back((view.codes[i * view.latents + latents[j]] - mean[j]) / deviation[j]);
      }
    }
    return rows;
  }
};

Standardisation standardisationOf(const CodeView& view, std::vector<std::string>& notes) {
  Standardisation result;
  for (std::uint64_t l = 0; l < view.latents; ++l) {
    const auto code = [&](std::uint64_t i) { return view.codes[i * view.latents + l]; };
    double lowest = code(0);
    double highest = code(0);
    double sum = 0;
    for (std::uint64_t i = 0; i < view.count; ++i) {
      lowest = std::min(lowest, code(i));
      highest = std::max(highest, code(i));
      sum += code(i);
    }
    const double mean = sum / static_cast<double>(view.count);
    double squares = 0;
    for (std::uint64_t i = 0; i < view.count; ++i) squares += (code(i) - mean) * (code(i) - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(view.count));
    // A rounded mean can leave a constant with a deviation above 0, and tiny values one of 0 by underflow.
    if (lowest == highest || deviation <= 0) {
      notes.push_back("latent " + std::to_string(l) + " is constant in train: left out");
      continue;
    }
    result.latents.push_back(l);
    result.mean.push_back(mean);
    result.deviation.push_back(deviation);
  }
  return result;
}

struct FactorScore {
  double value = 0;
  bool counts = false;
  std::string note;
};

FactorScore scoreOf(std::uint64_t factor, const FeatureView& train, const std::vector<std::int64_t>& trainLabels,
                    const FeatureView& test, const std::vector<std::int64_t>& testLabels, const Context& context) {
  const auto oneLevel = [](const std::vector<std::int64_t>& labels) {
    return std::all_of(labels.begin(), labels.end(), [&](std::int64_t label) { return label == labels.front(); });
  };
  const std::string name = "factor " + std::to_string(factor);
  if (oneLevel(trainLabels)) return {0, false, name + " shows one level in train: left out"};
  if (oneLevel(testLabels)) return {0, false, name + " shows one level in test: left out"};

  const LinearClassifier model = fitLogisticRegression(train, trainLabels, context);
  const std::vector<double> p = probabilities(model, test);
  const std::size_t classes = model.classes.size();
  double sum = 0;
  std::size_t counted = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    std::vector<double> scores(test.count);
    std::vector<bool> positive(test.count);
    for (std::size_t i = 0; i < test.count; ++i) {
      scores[i] = p[i * classes + c];
      positive[i] = testLabels[i] == model.classes[c];
    }
    if (std::find(positive.begin(), positive.end(), true) == positive.end()) continue;
    sum += rocAuc(scores, positive);
    ++counted;
  }
  if (counted == 0) return {0, false, name + " shows no level in both train and test: left out"};
  FactorScore result{sum / static_cast<double>(counted), true, ""};

  std::vector<std::int64_t> levels = testLabels;
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  if (counted < classes) {
    result.note = name + ": " + std::to_string(classes - counted) + " of " + std::to_string(classes) +
                  " levels are absent from test: left out of its mean";
  }
  if (counted < levels.size()) {
    result.note += (result.note.empty() ? name + ": " : "; ") + std::to_string(levels.size() - counted) +
                   " levels of test are absent from train: they have no AUC";
  }
  return result;
}

}  // namespace

ExplicitnessResult explicitness(const CodeView& train, const CodeView& test, const Context& context) {
  requireSplit(train, test);
  ExplicitnessResult result;
  const Standardisation standardised = standardisationOf(train, result.notes);
  const std::vector<double> trainRows = standardised(train);
  const std::vector<double> testRows = standardised(test);
  const std::uint64_t width = standardised.latents.size();

  std::vector<FactorScore> scores(train.factorCount);
  parallelFor(context, train.factorCount, 1, [&](std::uint64_t begin, std::uint64_t end, int) {
    for (std::uint64_t k = begin; k < end; ++k) {
      scores[k] = scoreOf(k, {trainRows.data(), train.count, width}, labelsOf(train, k),
                          {testRows.data(), test.count, width}, labelsOf(test, k), context);
    }
  });

  double sum = 0;
  std::size_t counted = 0;
  for (const FactorScore& score : scores) {
    result.perFactor.push_back(score.value);
    if (!score.note.empty()) result.notes.push_back(score.note);
    if (!score.counts) continue;
    sum += score.value;
    ++counted;
  }
  if (counted == 0) {
    throw Error(ErrorKind::BadFile, "no factor varies in both samples", "explicitness needs a factor to predict");
  }
  result.value = sum / static_cast<double>(counted);
  return result;
}

double rocAuc(const std::vector<double>& scores, const std::vector<bool>& positive) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  double pairs = 0;
  double negatives = 0;
  double positives = 0;
  for (std::size_t first = 0; first < order.size();) {
    double tiedNegatives = 0;
    double tiedPositives = 0;
    std::size_t at = first;
    for (; at < order.size() && scores[order[at]] == scores[order[first]]; ++at) {
      (positive[order[at]] ? tiedPositives : tiedNegatives) += 1;
    }
    pairs += tiedPositives * (negatives + tiedNegatives / 2);
    negatives += tiedNegatives;
    positives += tiedPositives;
    first = at;
  }
  return pairs / (positives * negatives);
}

}  // namespace offaxis
