#include "experiment/results_summary.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/error.h"
#include "experiment/evaluate.h"
#include "experiment/evaluation_row.h"
#include "experiment/evaluation_summary.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

// One of "sources": "modified@8000:8004", or "modified" for all seeds.
struct ShownSource {
  std::string variant;
  SeedRange seeds;
  std::uint32_t cluster = 0;  // equal for sources that show the same images
};

SeedRange seedsFrom(const std::string& label, std::size_t begin) {
  try {
    return parseSeeds(label.substr(begin), "the seeds of " + label);
  } catch (const Error& error) {
    throw Error(ErrorKind::BadFile, error.what(), error.hint());
  }
}

std::vector<ShownSource> sourcesOf(const Json& results) {
  std::vector<ShownSource> sources;
  std::vector<std::pair<Json, Json>> shown;
  for (const auto& [label, source] : results.at("sources").items()) {
    const std::size_t at = label.find('@');
    ShownSource entry{label.substr(0, at), {}, 0};
    if (at != std::string::npos) entry.seeds = seedsFrom(label, at + 1);
    shown.emplace_back(source.at("identity"), source.value("definition", Json()));
    entry.cluster = static_cast<std::uint32_t>(std::find(shown.begin(), shown.end(), shown.back()) - shown.begin());
    sources.push_back(std::move(entry));
  }
  return sources;
}

std::uint32_t clusterOf(const EvaluationRow& row, const std::vector<ShownSource>& sources) {
  for (const ShownSource& source : sources) {
    if (source.variant == row.variant && (source.seeds.empty() || source.seeds.holds(row.seed))) return source.cluster;
  }
  throw Error(ErrorKind::BadFile, "seed " + std::to_string(row.seed) + " of " + row.variant +
                                      " belongs to none of the sources that the results name");
}

}  // namespace

Json comparedWith(Json results, const std::string& against) {
  const std::vector<ShownSource> sources = sourcesOf(results);
  std::vector<std::string> variants;
  for (const ShownSource& source : sources) {
    if (std::find(variants.begin(), variants.end(), source.variant) == variants.end())
      variants.push_back(source.variant);
  }
  if (std::find(variants.begin(), variants.end(), against) == variants.end())
    throw Error(ErrorKind::Usage, "no variant is called '" + against + "'", "there are: " + joined(variants));
  std::vector<EvaluationRow> rows;
  for (const Json& row : results.at("rows")) {
    if (!row.contains("error")) rows.push_back(rowFromJson(row));
  }
  std::vector<FinishedRun> runs;
  for (const EvaluationRow& row : rows) runs.push_back({&row, clusterOf(row, sources)});
  Json summary = Json::array();
  for (const EvaluationSummary& entry :
       summarise(runs, variants, results.at("models").get<std::vector<std::string>>(), against))
    summary.push_back(toJson(entry, entry.variant == against ? "" : against));
  results["summary"] = std::move(summary);
  return results;
}

}  // namespace offaxis
