#include "experiment/evaluation_summary.h"

#include <functional>
#include <map>
#include <utility>

#include "experiment/probe_json.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

// A run, and the run of the same seed that it is compared with: no row where there is none.
struct Pair {
  FinishedRun run, partner{nullptr, 0};
};

using Reading = std::function<double(const EvaluationRow&)>;

Summary summarised(const std::vector<Pair>& runs, const Reading& read) {
  Summary summary;
  std::vector<double> from, to;
  std::vector<std::uint64_t> cluster;
  for (const auto& [run, partner] : runs) {
    summary.points.push_back(read(*run.row));
    if (partner.row == nullptr) continue;
    from.push_back(read(*partner.row));
    to.push_back(read(*run.row));
    cluster.push_back(std::uint64_t{run.cluster} << 32 | partner.cluster);
  }
  summary.mean = mean(summary.points);
  summary.sd = standardDeviation(summary.points);
  summary.difference = pairedDifference(from, to, cluster);
  return summary;
}

double averaged(const std::vector<Pair>& runs, const Reading& read) {
  std::vector<double> values;
  for (const Pair& pair : runs) values.push_back(read(*pair.run.row));
  return mean(values);
}

ProbeSummary probeSummary(const std::vector<Pair>& runs) {
  const ProbeResult& any = *runs[0].run.row->probe;
  ProbeSummary summary;
  summary.trainImages = any.trainImages;
  summary.testImages = any.testImages;
  summary.mean = summarised(runs, [](const EvaluationRow& row) { return row.probe->mean; });
  for (std::size_t k = 0; k < any.factors.size(); ++k) {
    const auto factor = [k](const EvaluationRow& row) -> const ProbedFactor& { return row.probe->factors.at(k); };
    ProbeSummary::Of of{any.factors[k].name,
                        summarised(runs, [&](const EvaluationRow& row) { return factor(row).accuracy; }),
                        any.factors[k]};
    of.means.accuracy = of.accuracy.mean;
    of.means.crossEntropy = averaged(runs, [&](const EvaluationRow& row) { return factor(row).crossEntropy; });
    if (of.means.error)
      of.means.error = averaged(runs, [&](const EvaluationRow& row) { return factor(row).error.value_or(0); });
    summary.factors.push_back(std::move(of));
  }
  return summary;
}

EvaluationSummary summaryOf(const std::string& variant, const std::string& model, const std::vector<Pair>& runs) {
  EvaluationSummary summary;
  summary.variant = variant;
  summary.model = model;
  for (const Pair& pair : runs) summary.seeds.push_back(pair.run.row->seed);
  summary.seconds = averaged(runs, [](const EvaluationRow& row) { return row.seconds; });
  if (runs[0].run.row->probe) {
    summary.probe = probeSummary(runs);
    return summary;
  }
  summary.mig = summarised(runs, [](const EvaluationRow& row) { return row.mig.value; });
  summary.rotated = summarised(runs, [](const EvaluationRow& row) { return row.rotated.value; });
  summary.activeUnits = averaged(runs, [](const EvaluationRow& row) { return static_cast<double>(row.activeUnits); });
  summary.reconstruction = averaged(runs, [](const EvaluationRow& row) { return row.reconstruction; });
  summary.kl = averaged(runs, [](const EvaluationRow& row) { return row.kl; });
  return summary;
}

void correct(const std::vector<Summary*>& family) {
  std::vector<double> p;
  for (const Summary* summary : family) p.push_back(summary->difference.p);
  const std::vector<double> corrected = holm(p);
  for (std::size_t i = 0; i < family.size(); ++i) family[i]->pHolm = corrected[i];
}

// The runs of one variant and model.
std::vector<Pair> pairsOf(const std::vector<FinishedRun>& runs, const std::string& variant, const std::string& model,
                          const std::string& against) {
  std::map<std::uint64_t, FinishedRun> baseline;  // by seed
  for (const FinishedRun& run : runs) {
    if (run.row->model == model && run.row->variant == against) baseline[run.row->seed] = run;
  }
  std::vector<Pair> pairs;
  for (const FinishedRun& run : runs) {
    if (run.row->model != model || run.row->variant != variant) continue;
    const auto partner = baseline.find(run.row->seed);
    pairs.push_back(partner == baseline.end() ? Pair{run} : Pair{run, partner->second});
  }
  return pairs;
}

Json withPoints(const Summary& summary, const std::vector<std::uint64_t>& seeds, const std::string& baseline) {
  Json points = Json::array();
  for (std::size_t i = 0; i < seeds.size(); ++i) points.push_back({{"seed", seeds[i]}, {"value", summary.points[i]}});
  // One run has no spread, and one pair no interval: null, not 0.
  Json json{{"mean", summary.mean},
            {"sd", summary.points.size() < 2 ? Json() : Json(summary.sd)},
            {"points", std::move(points)}};
  if (!baseline.empty()) {
    const PairedDifference& d = summary.difference;
    json["difference"] = {
        {"from", baseline}, {"pairs", d.pairs},
        {"mean", d.mean},   {"interval_95", d.pairs < 2 ? Json() : Json{d.interval.low, d.interval.high}},
        {"p", d.p},         {"p_holm", summary.pHolm}};
  }
  return json;
}

Json probeJson(const ProbeSummary& probe, const std::vector<std::uint64_t>& seeds, const std::string& baseline) {
  Json json = withPoints(probe.mean, seeds, baseline);
  json["test_images"] = probe.testImages;
  json["train_images"] = probe.trainImages;
  Json factors = Json::object();
  for (const ProbeSummary::Of& of : probe.factors) {
    Json factor = withPoints(of.accuracy, seeds, baseline);
    factor["levels"] = of.means.levels;
    factor["ceiling"] = of.means.ceiling;
    factor["cross_entropy"] = of.means.crossEntropy;
    if (of.means.error) factor["error"] = *of.means.error;
    factors[of.factor] = std::move(factor);
  }
  json["per_factor"] = std::move(factors);
  return json;
}

}  // namespace

std::vector<EvaluationSummary> summarise(const std::vector<FinishedRun>& runs, const std::vector<std::string>& variants,
                                         const std::vector<std::string>& models, const std::string& against) {
  std::vector<EvaluationSummary> summaries;
  for (const std::string& model : models) {
    const std::size_t before = summaries.size();
    for (const std::string& variant : variants) {
      const std::vector<Pair> pairs = pairsOf(runs, variant, model, against);
      if (!pairs.empty())  // none made yet, or all failed: nothing can be said of it
        summaries.push_back(summaryOf(variant, model, pairs));
    }
    std::vector<Summary*> mig, rotated, means, factors;
    for (std::size_t i = before; i < summaries.size(); ++i) {
      EvaluationSummary& summary = summaries[i];
      if (summary.variant == against) continue;
      if (!summary.probe) {
        mig.push_back(&summary.mig);
        rotated.push_back(&summary.rotated);
        continue;
      }
      means.push_back(&summary.probe->mean);
      for (ProbeSummary::Of& factor : summary.probe->factors) factors.push_back(&factor.accuracy);
    }
    for (const std::vector<Summary*>* family : {&mig, &rotated, &means, &factors}) correct(*family);
  }
  return summaries;
}

Json toJson(const EvaluationSummary& summary, const std::string& against) {
  Json json{{"variant", summary.variant}, {"model", summary.model}, {"runs", summary.seeds.size()}};
  if (summary.probe) {
    json["probe"] = probeJson(*summary.probe, summary.seeds, against);
    json["seconds"] = summary.seconds;
    return json;
  }
  json["mig"] = withPoints(summary.mig, summary.seeds, against);
  json["rotated_mig"] = withPoints(summary.rotated, summary.seeds, against);
  json["active_units"] = summary.activeUnits;
  json["reconstruction"] = summary.reconstruction;
  json["kl"] = summary.kl;
  json["seconds"] = summary.seconds;
  return json;
}

}  // namespace offaxis
