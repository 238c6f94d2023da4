#include "report/score_comparison.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "measure/statistics.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

using Json = nlohmann::json;

// {"mig": {"value": x}, "dci": {"disentanglement": x, ..}, ..} -> "mig", "dci.disentanglement", ..
void flatten(const Json& scores, std::map<std::string, double>& to) {
  static const std::vector<std::string> kParts{"disentanglement", "completeness", "informativeness"};
  for (const auto& [metric, score] : scores.items()) {
    if (!score.is_object()) continue;
    if (score.contains("value") && score["value"].is_number()) to[metric] = score["value"];
    for (const std::string& part : kParts) {
      if (score.contains(part) && score[part].is_number()) to[metric + "." + part] = score[part];
    }
  }
}

// The error that stands where scores would, said by `offaxis score --json` or by a row of `offaxis evaluate`; empty
// where there is none.
std::string failureIn(const Json& json) {
  const auto error = json.find("error");
  if (error == json.end()) return {};
  if (error->is_string()) return error->get<std::string>();
  const bool says = error->is_object() && error->contains("message") && (*error)["message"].is_string();
  return says ? (*error)["message"].get<std::string>() : "it holds an error";
}

// Why `json`, without a single score, would hold some; empty where it is something else.
std::string whySkipped(const Json& json) {
  if (json.is_discarded()) return "it is not JSON: cut short, perhaps";
  if (!json.is_object()) return {};
  if (const std::string failure = failureIn(json); !failure.empty()) return "failed: " + failure;
  return json.contains("scores") && !json.contains("probe") ? "none of its scores is a number" : "";
}

std::optional<ScoredModel> scoredModel(const Json& json, const std::filesystem::path& path) {
  if (!json.is_object()) return std::nullopt;
  auto text = [&](const char* key) { return json.contains(key) && json[key].is_string(); };
  ScoredModel model;
  if (json.contains("scores") && json["scores"].is_object()) flatten(json["scores"], model.scores);
  if (text("variant") && text("model") && json.contains("seed") && json["seed"].is_number_unsigned()) {
    model.dataset = json["variant"];
    model.model = json["model"].get<std::string>() + " " + std::to_string(json["seed"].get<std::uint64_t>());
    for (const char* metric : {"mig", "rotated_mig"}) {
      if (json.contains(metric)) flatten({{metric, json[metric]}}, model.scores);
    }
  } else {
    model.dataset = path.parent_path().filename().string();
    model.model = path.stem().string();
  }
  if (model.scores.empty()) return std::nullopt;
  return model;
}

RankCorrelation correlate(const std::string& a, const std::string& b,
                          const std::vector<std::pair<double, double>>& pairs) {
  RankCorrelation result{a, b, pairs.size(), std::nullopt};
  std::vector<double> x, y;
  for (const auto& [first, second] : pairs) {
    x.push_back(first);
    y.push_back(second);
  }
  if (x.size() >= 3) result.value = spearman(x, y);
  return result;
}

}  // namespace

namespace {

std::vector<std::filesystem::path> jsonFilesBelow(const std::string& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  const auto options = std::filesystem::directory_options::skip_permission_denied;
  for (std::filesystem::recursive_directory_iterator entry(directory, options, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;  // a link to nowhere is not a file
    if (entry->path().extension() == ".json" && entry->is_regular_file(ignored)) paths.push_back(entry->path());
  }
  if (error) throw Error(ErrorKind::BadFile, "cannot read the directory '" + directory + "': " + error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

[[noreturn]] void refuseEmpty(const std::string& directory, const std::vector<SkippedScores>& skipped) {
  std::string message = "no scores below '" + directory + "'";
  if (!skipped.empty()) message += "; " + skipped.front().path + " is skipped: " + skipped.front().why;
  throw Error(ErrorKind::BadFile, message,
              "keep what `offaxis score --json` prints as DIR/DATASET/MODEL.json, or name a directory of `offaxis "
              "evaluate`");
}

}  // namespace

ScoredModels readScoredModels(const std::string& directory) {
  ScoredModels result;
  std::map<std::pair<std::string, std::string>, std::string> seen;
  for (const std::filesystem::path& path : jsonFilesBelow(directory)) {
    const Json json = Json::parse(readTextFile(path.string()), nullptr, false);
    std::optional<ScoredModel> model = scoredModel(json, path);
    if (!model) {
      if (std::string why = whySkipped(json); !why.empty()) result.skipped.push_back({path.string(), std::move(why)});
      continue;
    }
    const auto [there, added] = seen.emplace(std::make_pair(model->dataset, model->model), path.string());
    if (!added) {
      throw Error(ErrorKind::BadFile,
                  there->second + " and " + path.string() + " both hold the scores of " + model->model + " on " +
                      model->dataset,
                  "keep one of them below '" + directory + "'");
    }
    result.models.push_back(std::move(*model));
  }
  if (result.models.empty()) refuseEmpty(directory, result.skipped);
  return result;
}

ScoreComparison compareScores(const std::vector<ScoredModel>& models) {
  std::set<std::string> datasets, metrics;
  for (const ScoredModel& model : models) {
    datasets.insert(model.dataset);
    for (const auto& score : model.scores) metrics.insert(score.first);
  }
  auto pairsOf = [](const std::set<std::string>& names,
                    const std::function<RankCorrelation(const std::string&, const std::string&)>& correlation) {
    std::vector<RankCorrelation> pairs;
    for (auto a = names.begin(); a != names.end(); ++a) {
      for (auto b = std::next(a); b != names.end(); ++b) {
        RankCorrelation pair = correlation(*a, *b);
        if (pair.models > 0) pairs.push_back(std::move(pair));
      }
    }
    return pairs;
  };
  ScoreComparison result;
  for (const std::string& dataset : datasets) {
    result.metrics.push_back({dataset, pairsOf(metrics, [&](const std::string& a, const std::string& b) {
                                std::vector<std::pair<double, double>> pairs;
                                for (const ScoredModel& model : models) {
                                  if (model.dataset != dataset) continue;
                                  const auto x = model.scores.find(a);
                                  const auto y = model.scores.find(b);
                                  if (x != model.scores.end() && y != model.scores.end())
                                    pairs.emplace_back(x->second, y->second);
                                }
                                return correlate(a, b, pairs);
                              })});
  }
  for (const std::string& metric : metrics) {
    std::map<std::string, std::map<std::string, double>> scores;  // dataset -> model -> score
    for (const ScoredModel& model : models) {
      const auto score = model.scores.find(metric);
      if (score != model.scores.end()) scores[model.dataset][model.model] = score->second;
    }
    result.datasets.push_back({metric, pairsOf(datasets, [&](const std::string& a, const std::string& b) {
                                 std::vector<std::pair<double, double>> pairs;
                                 for (const auto& [model, score] : scores[a]) {
                                   const auto other = scores[b].find(model);
                                   if (other != scores[b].end()) pairs.emplace_back(score, other->second);
                                 }
                                 return correlate(a, b, pairs);
                               })});
  }
  return result;
}

}  // namespace offaxis
