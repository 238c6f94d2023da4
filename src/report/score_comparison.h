// Do metrics agree on which models are better, and does each rank models alike on two datasets? The tables of Locatello
// et al. ("Challenging common assumptions in the unsupervised learning of disentangled representations", ICML 2019),
// over a folder of scored runs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace offaxis {

struct ScoredModel {
  std::string dataset;                   // or variant
  std::string model;                     // the same text on two datasets: the same model, trained on each
  std::map<std::string, double> scores;  // by metric: "mig", "dci.disentanglement"; finite
};

struct SkippedScores {
  std::string path, why;
};

struct ScoredModels {
  std::vector<ScoredModel> models;
  std::vector<SkippedScores> skipped;  // files that would hold scores, had nothing failed
};

// All JSON files below `directory` that hold scores. Two kinds are known:
//   what `offaxis score --json` prints, kept as DIR/DATASET/MODEL.json
//   the rows of `offaxis evaluate` (DIR/runs/*.json): the variant is the dataset, model and seed the model
// Skipped are those of an error or a failed run, those without a single number, and what is no JSON; other JSON is
// passed over. Throws Error(BadFile) where there are no scores, or where two files hold one model of one dataset.
ScoredModels readScoredModels(const std::string& directory);

struct RankCorrelation {
  std::string a, b;
  std::uint64_t models = 0;     // that have both
  std::optional<double> value;  // Spearman's, ties at mean ranks; empty below 3 models or where one side is constant
};

struct ScoreComparison {
  struct Group {
    std::string name;  // a dataset, or a metric
    std::vector<RankCorrelation> pairs;
  };
  std::vector<Group> metrics;   // for each dataset, each pair of metrics over its models
  std::vector<Group> datasets;  // for each metric, each pair of datasets over the models that both have
};
ScoreComparison compareScores(const std::vector<ScoredModel>& models);

}  // namespace offaxis
