#include "report/evaluation_figures.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "report/plot.h"

namespace offaxis {
namespace {

using Json = nlohmann::json;

std::string textOf(const Json& json, const char* key) {
  return json.at(key).get<std::string>();
}

// "quick profile, 2500 steps, beta 16"
std::string settingsOf(const Json& results) {
  const Json& c = results.at("configuration");
  return textOf(c, "profile") + " profile, " + std::to_string(c.at("steps").get<std::uint64_t>()) + " steps, beta " +
         formatReal(c.at("beta"));
}

std::string fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

std::string seedNote(const Json& point, double value) {
  return "seed " + std::to_string(point.at("seed").get<std::uint64_t>()) + ": " + fixed(value);
}

// The sources' entry that a run belongs to: labels are NAME or NAME@A:B.
const Json& sourceOf(const Json& results, const Json& row) {
  const std::string variant = textOf(row, "variant");
  const std::uint64_t seed = row.at("seed");
  for (const auto& [label, source] : results.at("sources").items()) {
    const std::size_t at = label.find('@');
    if (label.substr(0, at) != variant) continue;
    if (at == std::string::npos) return source;
    const std::size_t colon = label.find(':', at);
    const std::uint64_t first = parseUnsigned(label.substr(at + 1, colon - at - 1), "seeds", 0, UINT64_MAX);
    const std::uint64_t end = parseUnsigned(label.substr(colon + 1), "seeds", 0, UINT64_MAX);
    if (seed >= first && seed < end) return source;
  }
  throw Error(ErrorKind::BadFile, "the results name no source for " + variant + ", seed " + std::to_string(seed));
}

// Rows that hold `key` ("mig", "probe") by variant, in the order of the summary. Failed runs hold neither.
std::vector<std::pair<std::string, std::vector<const Json*>>> byVariant(const Json& results, const char* key = "mig") {
  std::set<std::string> models;
  for (const Json& row : results.at("rows")) {
    if (row.contains(key)) models.insert(textOf(row, "model"));
  }
  std::vector<std::pair<std::string, std::vector<const Json*>>> groups;
  for (const Json& row : results.at("rows")) {
    if (!row.contains(key)) continue;
    const std::string name = textOf(row, "variant") + (models.size() > 1 ? ", " + textOf(row, "model") : "");
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == name; });
    if (group == groups.end()) group = groups.insert(groups.end(), {name, {}});
    group->second.push_back(&row);
  }
  return groups;
}

// Whether all that an evaluation holds is accuracies of supervised probes.
bool onlyProbes(const Json& results) {
  return byVariant(results).empty() && !byVariant(results, "probe").empty();
}

void requireMig(const Json& results, const std::string& figure) {
  if (!onlyProbes(results)) return;
  throw Error(ErrorKind::Usage, figure + " draws MIG, which supervised probes do not have",
              "give an evaluation of other models, or draw scores");
}

// Every run's accuracies: the mean over the factors, and the factor that it reads worst.
std::string probesFigure(const Json& results) {
  StripPlot plot;
  const Json& configuration = results.at("configuration");
  plot.title = "Accuracy of supervised probes: " + textOf(configuration, "dataset");
  plot.label = "share of held-out images read correctly, a mark for each run (" + textOf(configuration, "profile") +
               " profile, " + std::to_string(results.at("probe").at("steps").get<std::uint64_t>()) + " steps)";
  plot.kind = "mean over the factors";
  plot.others = "its worst factor";
  for (const auto& [name, rows] : byVariant(results, "probe")) {
    StripRow strip{name, {}, {}};
    double sum = 0;
    for (const Json* row : rows) {
      const Json& probe = row->at("probe");
      const double mean = probe.at("mean");
      std::string worst;
      double least = 2;
      for (const auto& [factor, accuracy] : probe.at("per_factor").items()) {
        if (accuracy.get<double>() >= least) continue;
        worst = factor;
        least = accuracy;
      }
      strip.points.push_back({mean, 0, seedNote(*row, mean)});
      strip.others.push_back({least, 0, seedNote(*row, least) + ", " + worst});
      sum += mean;
    }
    plot.description += (plot.description.empty() ? "Mean accuracy: " : ", ") + name + " " +
                        fixed(sum / static_cast<double>(rows.size()));
    plot.rows.push_back(std::move(strip));
  }
  return stripSvg(plot);
}

double meanMig(const std::vector<const Json*>& rows) {
  double sum = 0;
  for (const Json* row : rows) sum += row->at("mig").at("value").get<double>();
  return sum / static_cast<double>(rows.size());
}

}  // namespace

std::string scoresFigure(const Json& results) {
  if (onlyProbes(results)) return probesFigure(results);
  StripPlot plot;
  plot.title = "MIG by variant: " + textOf(results.at("configuration"), "dataset");
  plot.label = "MIG, a mark for each run (" + settingsOf(results) + ")";
  plot.kind = "against the factors";
  plot.others = "against the rotated factors";
  plot.rules = {{true, results.at("calibration").at("floor"), "rotated factors"}};
  for (const auto& [name, rows] : byVariant(results)) {
    StripRow strip{name, {}, {}};
    for (const Json* row : rows) {
      const double mig = row->at("mig").at("value"), rotated = row->at("rotated_mig").at("value");
      strip.points.push_back({mig, 0, seedNote(*row, mig)});
      strip.others.push_back({rotated, 0, seedNote(*row, rotated)});
    }
    plot.description += (plot.description.empty() ? "Mean MIG: " : ", ") + name + " " + fixed(meanMig(rows));
    plot.rows.push_back(std::move(strip));
  }
  return stripSvg(plot);
}

std::string doseFigure(const Json& results, const std::vector<Json>& axes, std::size_t rung) {
  requireMig(results, "dose");
  std::map<std::string, double> doses;  // by source
  double weight = 0;
  for (const Json& record : axes) {
    const Json& rungs = record.at("rungs");
    if (rung >= rungs.size()) {
      throw Error(ErrorKind::Usage,
                  "there is no rung " + std::to_string(rung) + ": " + textOf(record.at("source"), "expression") +
                      " was measured at " + std::to_string(rungs.size()),
                  "count them from 0");
    }
    if (record.at("settings") != axes[0].at("settings")) {
      throw Error(ErrorKind::Usage,
                  "the records of " + textOf(record.at("source"), "expression") + " and " +
                      textOf(axes[0].at("source"), "expression") + " were made with other settings",
                  "measure all sources alike");
    }
    std::vector<std::pair<double, double>> byWeight;
    for (const Json& measured : rungs)
      byWeight.emplace_back(measured.at("kl_weight"), measured.at("J_ent_minus_J_dis"));
    std::sort(byWeight.begin(), byWeight.end());
    weight = byWeight[rung].first;
    if (!doses.emplace(textOf(record.at("source"), "identity"), byWeight[rung].second).second)
      throw Error(ErrorKind::Usage, "there are two records of " + textOf(record.at("source"), "expression"));
  }
  Plot plot;
  plot.title = "Dose and response: " + textOf(results.at("configuration"), "dataset");
  char label[96];
  std::snprintf(label, sizeof label, "J_ent - J_dis at KL weight %.1f (below 0 the rotated axes are cheaper)", weight);
  plot.xLabel = label;
  plot.yLabel = "MIG (" + settingsOf(results) + ")";
  plot.rules = {{true, 0, ""}, {false, results.at("calibration").at("floor"), "rotated factors"}};
  for (const auto& [name, rows] : byVariant(results)) {
    PlotSeries series{name, {}, false};
    for (const Json* row : rows) {
      const auto dose = doses.find(textOf(sourceOf(results, *row), "identity"));
      if (dose == doses.end()) continue;
      const double mig = row->at("mig").at("value");
      series.points.push_back({dose->second, mig, seedNote(*row, mig)});
    }
    if (!series.points.empty()) plot.series.push_back(std::move(series));
  }
  if (plot.series.empty()) {
    throw Error(ErrorKind::Usage, "none of the evaluation's sources was measured",
                "make a record of each with offaxis axes SOURCE -o FILE.json");
  }
  plot.description = "MIG of each run over the preference of its images for rotated axes.";
  return scatterSvg(plot);
}

std::string frontierFigure(const std::vector<Json>& evaluations) {
  Plot plot;
  std::map<std::string, std::size_t> order;
  std::map<std::string, std::vector<double>> flat;
  for (const Json& results : evaluations) {
    requireMig(results, "frontier");
    const std::string dataset = textOf(results.at("configuration"), "dataset");
    const std::string title = "MIG against eps: " + dataset;
    if (!plot.title.empty() && plot.title != title)
      throw Error(ErrorKind::Usage, "the evaluations are of different datasets", "draw one at a time");
    plot.title = title;
    plot.yLabel = "MIG (" + settingsOf(results) + ")";
    for (const auto& [name, rows] : byVariant(results)) {
      for (const Json* row : rows) {
        const std::string resolved = textOf(sourceOf(results, *row), "resolved");
        const double mig = row->at("mig").at("value");
        const std::size_t at = resolved.rfind("eps=");
        if (at == std::string::npos) {
          flat[name].push_back(mig);
          continue;
        }
        const std::string eps = resolved.substr(at + 4, resolved.find(',', at) - at - 4);
        const auto [entry, fresh] = order.emplace(name, plot.series.size());
        if (fresh) plot.series.push_back({name, {}, true});
        plot.series[entry->second].points.push_back(
            {Budget::parse(eps).levels() / 255.0, mig, "eps " + eps + ", " + seedNote(*row, mig)});
      }
    }
  }
  if (plot.series.empty()) throw Error(ErrorKind::Usage, "no variant of the evaluations has an eps");
  for (const auto& [name, values] : flat) {
    double sum = 0;
    for (const double value : values) sum += value;
    plot.rules.push_back({false, sum / static_cast<double>(values.size()), name});
  }
  plot.xLabel = "budget in [0,1] levels: floor(255 eps) / 255";
  plot.description = "MIG of each run over its budget; lines join the means.";
  return scatterSvg(plot);
}

}  // namespace offaxis
