#include "measure/metrics.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "core/error.h"
#include "core/philox.h"
#include "measure/code_statistics.h"
#include "measure/dci.h"
#include "measure/explicitness.h"
#include "measure/mig.h"
#include "measure/robustness.h"
#include "measure/sap.h"
#include "measure/statistics.h"

namespace offaxis {
namespace {

Score migScore(const MetricInput& input, const Context&) {
  const MigResult result = mig(input.codes);
  if (std::none_of(result.entropy.begin(), result.entropy.end(), [](double entropy) { return entropy > 0; }))
    throw Error(ErrorKind::BadFile, "no factor varies in the sample", "draw it from the whole dataset");
  Score score{{{"value", result.value}}, {{"per_factor", result.perFactor}}, {{"rows", input.codes.count}}, {}};
  for (std::size_t l = 0; l < input.codes.latents; ++l) {
    if (!varies(latentOf(input.codes, l))) score.notes.push_back("latent " + std::to_string(l) + " is constant");
  }
  for (std::size_t k = 0; k < result.entropy.size(); ++k) {
    if (result.entropy[k] <= 0) score.notes.push_back("factor " + std::to_string(k) + " does not vary: left out");
  }
  // Plug-in information of independent variables is (A - 1)(B - 1) / 2N on average, not 0 (Miller, 1955).
  constexpr double kWorthSaying = 0.02;
  const double levels = *std::max_element(input.sizes.begin(), input.sizes.end());
  const double bias = (kMigBins - 1) * (levels - 1) / (2 * static_cast<double>(input.codes.count));
  if (bias > kWorthSaying) {
    char text[96];
    std::snprintf(text, sizeof text, "so few rows make information look larger, by up to about %.2f nats", bias);
    score.notes.emplace_back(text);
  }
  return score;
}

std::vector<std::pair<std::string, std::uint64_t>> samplesOf(const Split& split) {
  return {{"train_rows", split.train.count}, {"test_rows", split.test.count}};
}

Score dciScore(const MetricInput& input, const Context& context) {
  const Split split(input.codes, input.seed);
  DciResult result = dci(split.train, split.test, context);
  return {{{"disentanglement", result.disentanglement},
           {"completeness", result.completeness},
           {"informativeness", result.informativeness}},
          {{"disentanglement_per_latent", std::move(result.perLatent)},
           {"completeness_per_factor", std::move(result.perFactor)},
           {"accuracy_per_factor", std::move(result.accuracyPerFactor)},
           {"importance", std::move(result.importance)}},
          samplesOf(split),
          std::move(result.notes)};
}

Score sapScore(const MetricInput& input, const Context& context) {
  const Split split(input.codes, input.seed);
  SapResult result = sap(split.train, split.test, context);
  return {{{"value", result.value}},
          {{"per_factor", std::move(result.perFactor)}},
          samplesOf(split),
          std::move(result.notes)};
}

Score explicitnessScore(const MetricInput& input, const Context& context) {
  const Split split(input.codes, input.seed);
  ExplicitnessResult result = explicitness(split.train, split.test, context);
  return {{{"value", result.value}},
          {{"per_factor", std::move(result.perFactor)}},
          samplesOf(split),
          std::move(result.notes)};
}

Score irsScore(const MetricInput& input, const Context&) {
  IrsResult result = irs(input.codes);
  return {{{"value", result.value}},
          {{"per_latent", std::move(result.perLatent)}},
          {{"rows", input.codes.count}},
          std::move(result.notes)};
}

PairSettings pairSettings(const MetricInput& input) {
  PairSettings settings;
  settings.seed = input.seed;
  return settings;
}

Score factorVaeScoreOf(const MetricInput& input, const Context& context) {
  const PairSettings settings = pairSettings(input);
  FactorVaeResult result = factorVaeScore(input.pairs.value(), settings, context);
  return {{{"value", result.value}, {"train_accuracy", result.trainAccuracy}},
          {{"variance", std::move(result.variance)}},
          {{"train_votes", settings.trainVotes}, {"test_votes", settings.testVotes}, {"batch", settings.batch}},
          std::move(result.notes)};
}

Score betaVaeScoreOf(const MetricInput& input, const Context& context) {
  const PairSettings settings = pairSettings(input);
  BetaVaeResult result = betaVaeScore(input.pairs.value(), settings, context);
  return {{{"value", result.value}, {"train_accuracy", result.trainAccuracy}},
          {},
          {{"train_votes", settings.trainVotes}, {"test_votes", settings.testVotes}, {"batch", settings.batch}},
          std::move(result.notes)};
}

template <CodeStatistic (*statistic)(const CodeView&)>
Score statisticScore(const MetricInput& input, const Context&) {
  CodeStatistic result = statistic(input.codes);
  Score score{{{"value", result.value}}, {}, {{"rows", input.codes.count}}, std::move(result.notes)};
  if (!result.perLatent.empty()) score.details.emplace_back("per_latent", std::move(result.perLatent));
  return score;
}

MetricInput withCodes(const MetricInput& input, const std::vector<double>& codes, std::uint64_t latents) {
  MetricInput made = input;
  made.codes.codes = codes.data();
  made.codes.latents = latents;
  made.pairs.reset();
  return made;
}

// The whitened factors, or R times them, as codes of any image of the grid.
CodeSource factorsAsCodes(const std::vector<std::uint32_t>& sizes, const std::vector<double>& rotation) {
  return {sizes, sizes.size(), [sizes, rotation](const std::vector<std::uint64_t>& indices) {
            const std::size_t k = sizes.size();
            std::vector<double> w(indices.size() * k);
            for (std::size_t i = 0; i < indices.size(); ++i) {
              std::uint64_t rest = indices[i];
              for (std::size_t j = k; j-- > 0; rest /= sizes[j])
                w[i * k + j] = whitened(static_cast<std::uint32_t>(rest % sizes[j]), sizes[j]);
            }
            return rotation.empty() ? w : rotatedRows(w, rotation, k);
          }};
}

}  // namespace

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> kAll{
      {"mig", "mutual information gap (Chen et al., NeurIPS 2018)", kMigDefinition, true, false, 20, migScore},
      {"dci", "disentanglement, completeness, informativeness (Eastwood and Williams, ICLR 2018)", kDciDefinition, true,
       false, 3, dciScore},
      {"factor-vae", "FactorVAE score (Kim and Mnih, ICML 2018)", kFactorVaeDefinition, true, true, 5,
       factorVaeScoreOf},
      {"beta-vae", "BetaVAE score (Higgins et al., ICLR 2017)", kBetaVaeDefinition, true, true, 5, betaVaeScoreOf},
      {"sap", "separated attribute predictability (Kumar et al., ICLR 2018)", kSapDefinition, true, false, 3, sapScore},
      {"modularity", "each latent tells of one factor (Ridgeway and Mozer, NeurIPS 2018)", kModularityDefinition, true,
       false, 20, statisticScore<modularity>},
      {"explicitness", "all latents together tell the factors (Ridgeway and Mozer, NeurIPS 2018)",
       kExplicitnessDefinition, true, false, 3, explicitnessScore},
      {"irs", "interventional robustness score (Suter et al., ICML 2019)", kIrsDefinition, true, false, 20, irsScore},
      {"gaussian-tc", "total correlation of the codes, unsupervised", kGaussianTcDefinition, false, false, 0,
       statisticScore<gaussianTotalCorrelation>},
      {"code-information", "mean mutual information of two latents, unsupervised", kCodeInformationDefinition, false,
       false, 0, statisticScore<codeInformation>}};
  return kAll;
}

const Metric& metric(const std::string& name) {
  std::vector<std::string> known;
  for (const Metric& candidate : metrics()) {
    if (name == candidate.name) return candidate;
    known.emplace_back(candidate.name);
  }
  throw Error(ErrorKind::Usage, "no metric is called '" + name + "'", "known: " + joined(known));
}

Calibration calibrate(const Metric& metric, const MetricInput& input, int rotations, const Context& context) {
  const std::uint64_t k = input.codes.factorCount;
  const std::uint64_t n = input.codes.count;
  const std::vector<double> w = whitenedFactors(input.codes, input.sizes);
  auto headline = [&](const std::vector<double>& codes, const std::vector<double>& rotation) {
    MetricInput made = withCodes(input, codes, k);
    if (metric.needsPairs) made.pairs = factorsAsCodes(input.sizes, rotation);
    return metric.compute(made, context).values.front().second;
  };
  Calibration result;
  result.rotations = rotations;
  result.ceiling = headline(w, {});

  const Philox normals(input.seed, "independent codes");
  const std::uint64_t latents = input.codes.latents;
  std::vector<double> noise(n * latents);
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = normals.normalPair(i)[0];
  MetricInput independent = withCodes(input, noise, latents);
  if (metric.needsPairs) {
    independent.pairs =
        CodeSource{input.sizes, latents, [&normals, latents](const std::vector<std::uint64_t>& indices) {
                     std::vector<double> codes;
                     for (const std::uint64_t index : indices) {
                       for (std::uint64_t l = 0; l < latents; ++l) codes.push_back(normals.normalPair(index, l)[0]);
                     }
                     return codes;
                   }};
  }
  result.independent = metric.compute(independent, context).values.front().second;

  std::vector<double> floors;
  for (int i = 0; i < rotations; ++i) {
    const std::vector<double> r = randomRotation(k, input.seed, static_cast<std::uint64_t>(i));
    floors.push_back(headline(rotatedRows(w, r, k), r));
  }
  result.floor = mean(floors);
  result.floorSd = standardDeviation(floors);
  return result;
}

Split::Split(const CodeView& codes, std::uint64_t seed) {
  const std::uint64_t n = codes.count;
  if (n < 3) {
    throw Error(ErrorKind::BadFile, "there are " + std::to_string(n) + " rows of codes",
                "metrics that train a classifier need three or more, and say little below some thousands");
  }
  std::vector<std::uint64_t> order(n);
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  const Philox philox(seed, "metric split");
  for (std::uint64_t i = n - 1; i > 0; --i) std::swap(order[i], order[philox.below(i + 1, i)]);
  const std::uint64_t trainRows = n >= kTrainRows + kTestRows ? kTrainRows : n * 2 / 3;
  const std::uint64_t testRows = std::min(kTestRows, n - trainRows);
  auto fill = [&](std::uint64_t first, std::uint64_t count, std::vector<double>& to,
                  std::vector<std::int64_t>& levels) {
    for (std::uint64_t i = first; i < first + count; ++i) {
      const double* row = codes.codes + order[i] * codes.latents;
      const std::int64_t* factors = codes.factors + order[i] * codes.factorCount;
      to.insert(to.end(), row, row + codes.latents);
      levels.insert(levels.end(), factors, factors + codes.factorCount);
    }
    return CodeView{to.data(), levels.data(), count, codes.latents, codes.factorCount};
  };
  train = fill(0, trainRows, trainCodes, trainFactors);
  test = fill(trainRows, testRows, testCodes, testFactors);
}

}  // namespace offaxis
