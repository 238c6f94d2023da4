#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/text.h"
#include "datasets/registry.h"
#include "report/literature.h"
#include "report/report_parts.h"
#include "report/variants_shown.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

std::string textOf(const Json& json, const char* key) {
  return json.at(key).get<std::string>();
}

// Names of scores besides MIG: "dci.disentanglement" -> mean, sd and points over the rows of a variant and model.
struct OtherScore {
  std::vector<std::pair<std::uint64_t, double>> points;
};

struct Arm {
  std::string variant, model, kind;  // kind: "original", "modified", "noise", "unaligned", ...
  const Json* summary = nullptr;
  int colour = 0;
  std::map<std::string, OtherScore> others;
};

// A summarised score of an arm.
struct Score {
  double mean = 0, sd = 0;
  std::vector<std::pair<std::uint64_t, double>> points;
  const Json* difference = nullptr;
};

// "[-0.1, +0.2]"; one pair has none.
std::string intervalText(const Json& difference) {
  if (difference.at("pairs") < 2) return {};
  const Json& interval = difference.at("interval_95");
  return "[" + signedText(interval.at(0)) + ", " + signedText(interval.at(1)) + "]";
}

Score scoreOf(const Json& entry, const char* key) {
  Score score;
  const Json& json = entry.at(key);
  score.mean = json.at("mean");
  if (json.at("points").size() > 1) score.sd = json.at("sd");
  for (const Json& point : json.at("points"))
    score.points.emplace_back(point.at("seed").get<std::uint64_t>(), point.at("value").get<double>());
  if (json.contains("difference") && json.at("difference").value("pairs", 0) > 0)
    score.difference = &json["difference"];
  return score;
}

std::string meanText(const Score& score) {
  return fixedText(score.mean) + (score.points.size() < 2 ? "" : " \u00b1 " + fixedText(score.sd));
}

std::vector<double> valuesOf(const Score& score) {
  std::vector<double> values;
  for (const auto& [seed, value] : score.points) values.push_back(value);
  return values;
}

class EvaluationPart {
 public:
  EvaluationPart(ReportParts& parts, const FoundEvaluation& found, bool first)
      : parts_(parts), found_(found), results_(found.results), first_(first) {
    configuration_ = results_.at("configuration");
    dataset_ = textOf(configuration_, "dataset");
    prefix_ = first ? "" : idOf(found.name) + "-";
    const auto taken = [&] {
      return std::any_of(parts.report.sections.begin(), parts.report.sections.end(),
                         [&](const ReportSection& section) { return section.id == prefix_ + "scores"; });
    };
    while (taken()) prefix_ = "other-" + prefix_;
    gatherArms();
  }

  void add() {
    if (arms_.empty() && probes_.empty()) {
      parts_.report.missing.push_back(found_.directory + ": no run has ended yet");
      return;
    }
    section_.id = prefix_ + "scores";
    section_.title = first_ ? "Scores" : "Scores: " + found_.name;
    section_.introduction = capitalised(profileText(configuration_)) + ". " +
                            (status() == "complete" ? "All runs are there." : "Not all runs are there yet.");
    if (!arms_.empty()) {
      addMigChart();
      addChangeCharts();
      addFactorMatrix();
      addTable();
      addLiterature();
    }
    addProbes();
    if (first_) addNumbers();
    section_.blocks.emplace_back(ReportCode{prefix_ + "table-command", "The table on a terminal", "sh",
                                            "offaxis evaluate --show -o " + shellWord(found_.directory)});
    parts_.report.sections.push_back(std::move(section_));
    addMissing();
  }

 private:
  static std::string capitalised(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
  }

  std::string status() const { return results_.value("status", std::string("partial")); }

  std::string kindOf(const std::string& variant) const {
    if (!results_.contains("sources")) return variant;
    for (const auto& [label, source] : results_.at("sources").items()) {
      if (label.substr(0, label.find('@')) == variant)
        return variantKindOf(source.value("resolved", source.value("expression", std::string())));
    }
    return variant;
  }

  void gatherArms() {
    std::vector<std::string> variants;
    std::set<std::string> models;
    for (const Json& entry : results_.at("summary")) {
      Arm arm;
      arm.variant = textOf(entry, "variant");
      arm.model = textOf(entry, "model");
      arm.kind = kindOf(arm.variant);
      arm.summary = &entry;
      auto at = std::find(variants.begin(), variants.end(), arm.variant);
      if (at == variants.end()) at = variants.insert(variants.end(), arm.variant);
      const auto index = static_cast<int>(at - variants.begin());
      arm.colour = index < 3 ? index : 3 + index % 3;  // the controls keep off the first three's colours
      if (entry.contains("probe")) {
        probes_.push_back(std::move(arm));
        continue;
      }
      if (!entry.contains("mig")) continue;
      models.insert(arm.model);
      for (const Json& row : results_.at("rows")) {
        if (row.at("variant") != arm.variant || row.at("model") != arm.model || !row.contains("scores")) continue;
        const std::uint64_t seed = row.at("seed");
        for (const auto& [metric, parts] : row.at("scores").items()) {
          if (!parts.is_object()) continue;
          for (const auto& [part, value] : parts.items()) {
            if (!value.is_number_float() && !(part == "value" && value.is_number())) continue;
            arm.others[part == "value" ? metric : metric + "." + part].points.emplace_back(seed, value);
          }
        }
      }
      arms_.push_back(std::move(arm));
    }
    severalModels_ = models.size() > 1;
  }

  std::string rowName(const Arm& arm) const { return severalModels_ ? arm.variant + ", " + arm.model : arm.variant; }

  // What the literature calls the arm: only the three versions that it has.
  std::optional<LiteratureRow::Score> theirs(const Arm& arm) const {
    for (const LiteratureRow& row : literatureFor(dataset_)) {
      if (row.model != arm.model) continue;
      if (arm.kind == "original") return row.original;
      if (arm.kind == "modified" && arm.variant == "modified") return row.modified;
      if (arm.kind == "noise") return row.noise;
    }
    return std::nullopt;
  }

  std::optional<double> calibration(const char* key) const {
    if (!results_.contains("calibration") || !results_.at("calibration").contains(key)) return std::nullopt;
    return results_.at("calibration").at(key).get<double>();
  }

  StripChart strip(const std::vector<Arm>& arms, const char* key, const std::string& title,
                   const std::string& label) const {
    StripChart chart;
    chart.title = title;
    chart.label = label;
    chart.pointName = "one run";
    chart.intervalName = "mean \u00b1 sd";
    for (const Arm& arm : arms) {
      if (!arm.summary->contains(key)) continue;
      const Score score = scoreOf(*arm.summary, key);
      StripChart::Row row;
      row.name = rowName(arm);
      row.colour = arm.colour;
      for (const auto& [seed, value] : score.points) row.points.push_back({value, "seed " + std::to_string(seed)});
      row.mean = score.mean;
      if (score.points.size() > 1) row.interval = {score.mean - score.sd, score.mean + score.sd};
      chart.description += (chart.description.empty() ? "Means: " : ", ") + row.name + " " + fixedText(score.mean);
      chart.rows.push_back(std::move(row));
    }
    return chart;
  }

  void addMigChart() {
    StripChart chart = strip(arms_, "mig", "MIG by variant: " + dataset_, "mutual information gap (MIG)");
    bool references = false;
    for (std::size_t i = 0; i < chart.rows.size(); ++i) {
      const auto score = theirs(arms_[i]);
      if (!score) continue;
      chart.rows[i].reference = {score->mean, score->sd};
      references = true;
    }
    if (references) chart.referenceName = std::string(kLiteratureName) + ", mean \u00b1 sd";
    if (const auto floor = calibration("floor"))
      chart.rules.push_back({*floor, "rotated factors " + fixedText(*floor)});
    std::string caption = capitalised(profileText(configuration_)) + ".";
    if (const auto ceiling = calibration("ceiling"))
      caption += " Perfect codes score " + fixedText(*ceiling) + " on these factors, randomly rotated ones " +
                 fixedText(calibration("floor").value_or(0)) + ".";
    if (references) caption += " The diamonds are not ours: " + std::string(kLiteratureSettings) + ".";
    addFigure(prefix_ + "mig", "MIG of every run", caption, std::move(chart), false);
  }

  void addChangeCharts() {
    StripChart change;
    change.title = "Change of MIG: " + dataset_;
    change.label = "change of MIG";
    change.intervalName = "mean of pairs, 95 % interval";
    change.fromZero = true;
    std::string from;
    for (const Arm& arm : arms_) {
      const Score score = scoreOf(*arm.summary, "mig");
      if (score.difference == nullptr) continue;
      from = score.difference->value("from", std::string());
      StripChart::Row row;
      row.name = rowName(arm);
      row.colour = arm.colour;
      row.mean = score.difference->at("mean").get<double>();
      if (score.difference->at("pairs") > 1)
        row.interval = score.difference->at("interval_95").get<std::array<double, 2>>();
      change.description += (change.description.empty() ? "" : ", ") + row.name + " " + signedText(*row.mean) + " " +
                            intervalText(*score.difference);
      change.rows.push_back(std::move(row));
    }
    if (!change.rows.empty()) {
      change.rules.push_back({0, "as " + from});
      addFigure(prefix_ + "change", "Change of MIG from " + from,
                "Means over pairs of runs that share a seed; intervals by a bootstrap over perturbations and runs.",
                std::move(change), true);
    }
    StripChart rotated = strip(arms_, "rotated_mig", "MIG against the rotated factors: " + dataset_, "MIG against R w");
    addFigure(prefix_ + "rotated-mig", "Do codes follow the rotated factors?",
              "MIG against the rotated factors (R: " + configuration_.value("rotation", std::string("?")) +
                  "). It rises where codes lie along the axes that psi makes cheaper, and stays low on the controls.",
              std::move(rotated), true);
  }

  std::vector<std::string> factorNames(std::size_t count) const {
    std::vector<std::string> names;
    try {
      if (const SourcePtr source = openNamedDataset(dataset_)) {
        for (const Factor& factor : source->info().grid.factors()) names.push_back(factor.name);
      }
    } catch (const Error&) {
      // Numbers will do.
    }
    if (names.size() != count) {
      names.clear();
      for (std::size_t k = 0; k < count; ++k) names.push_back("factor " + std::to_string(k));
    }
    return names;
  }

  void addFactorMatrix() {
    if (!parts_.wants(prefix_ + "factors")) return;
    MatrixChart::Panel panel;
    for (const Arm& arm : arms_) {
      std::vector<double> sum;
      double runs = 0;
      for (const Json& row : results_.at("rows")) {
        if (row.at("variant") != arm.variant || row.at("model") != arm.model || !row.contains("mig")) continue;
        if (!row.at("mig").contains("per_factor")) continue;
        const auto values = row.at("mig").at("per_factor").get<std::vector<double>>();
        if (sum.empty()) sum.assign(values.size(), 0);
        if (values.size() != sum.size()) continue;
        for (std::size_t k = 0; k < values.size(); ++k) sum[k] += values[k];
        runs += 1;
      }
      if (runs == 0 || (panel.width != 0 && sum.size() != panel.width)) continue;
      panel.width = sum.size();
      panel.rows.push_back(rowName(arm));
      for (const double value : sum) panel.values.push_back(value / runs);
    }
    panel.height = panel.rows.size();
    if (panel.height == 0 || panel.width == 0) return;
    panel.columns = factorNames(panel.width);
    MatrixChart chart;
    chart.title = "MIG of each factor: " + dataset_;
    chart.numbers = true;
    for (std::size_t i = 0; i < panel.height; ++i) {
      chart.description += (i == 0 ? "" : "; ") + panel.rows[i] + ":";
      for (std::size_t k = 0; k < panel.width; ++k)
        chart.description += " " + panel.columns[k] + " " + fixedText(panel.values[i * panel.width + k], 2);
    }
    chart.panels.push_back(std::move(panel));
    addFigure(prefix_ + "factors", "Which factors keep a latent of their own",
              "The gap of each factor, mean over the runs: MIG is the mean of a row.", std::move(chart), false);
  }

  void addTable() {
    ReportTable table;
    table.id = prefix_ + "table";
    table.caption =
        "Scores of original, modified and controls; " + profileText(configuration_) + ". Mean \u00b1 sd over the runs.";
    std::set<std::string> others;
    double largest = 0;
    for (const Arm& arm : arms_) {
      for (const auto& [name, score] : arm.others) others.insert(name);
      for (const double value : valuesOf(scoreOf(*arm.summary, "mig"))) largest = std::max(largest, value);
    }
    table.dotsTo = largest > 0 ? largest : 1;
    table.columns = {"variant",  "model",       "runs",        "MIG", "every run", "change [95 % interval]",
                     "p (Holm)", "rotated MIG", "active units"};
    for (const std::string& name : others) table.columns.push_back(name);
    for (const Arm& arm : arms_) {
      const Score mig = scoreOf(*arm.summary, "mig");
      std::vector<ReportCell> row(table.columns.size());
      row[0].text = arm.variant;
      row[1].text = arm.model;
      row[2] = {std::to_string(mig.points.size()), static_cast<double>(mig.points.size()), {}, {}, false, {}};
      row[3] = {meanText(mig), mig.mean, {}, {}, false, {}};
      row[4].dots = valuesOf(mig);
      row[4].number = mig.mean;
      if (mig.difference != nullptr) {
        const Json& d = *mig.difference;
        row[5] = {signedText(d.at("mean")), d.at("mean").get<double>(), intervalText(d), {}, false, {}};
        if (d.contains("p"))
          row[6] = {d.at("p").get<double>() < 0.0005 ? "< 0.001" : fixedText(d.at("p")),
                    d.at("p").get<double>(),
                    "(" + fixedText(d.value("p_holm", 1.0)) + ")",
                    {},
                    false,
                    {}};
      }
      if (arm.summary->contains("rotated_mig")) {
        const Score rotated = scoreOf(*arm.summary, "rotated_mig");
        row[7] = {meanText(rotated), rotated.mean, {}, {}, false, {}};
      }
      if (arm.summary->contains("active_units") && (arm.model == "beta-vae" || arm.model == "beta-tcvae")) {
        const double units = arm.summary->at("active_units");
        row[8] = {fixedText(units, 1), units, {}, {}, false, {}};
      }
      std::size_t column = 9;
      for (const std::string& name : others) {
        const auto found = arm.others.find(name);
        if (found != arm.others.end() && !found->second.points.empty()) {
          double sum = 0, squares = 0;
          const auto n = static_cast<double>(found->second.points.size());
          for (const auto& [seed, value] : found->second.points) sum += value;
          for (const auto& [seed, value] : found->second.points) squares += (value - sum / n) * (value - sum / n);
          row[column] = {fixedText(sum / n) + (n > 1 ? " \u00b1 " + fixedText(std::sqrt(squares / (n - 1))) : ""),
                         sum / n,
                         {},
                         {},
                         false,
                         {}};
        }
        ++column;
      }
      table.rows.push_back(std::move(row));
    }
    const auto foot = [&](const std::string& name, const std::string& text, double value) {
      std::vector<ReportCell> row(table.columns.size());
      row[0].text = name;
      row[3] = {text, value, {}, {}, false, {}};
      table.foot.push_back(std::move(row));
    };
    if (const auto ceiling = calibration("ceiling")) foot("perfect codes", fixedText(*ceiling), *ceiling);
    if (const auto floor = calibration("floor"))
      foot("randomly rotated factors", fixedText(*floor) + " \u00b1 " + fixedText(calibration("floor_sd").value_or(0)),
           *floor);
    if (!severalModels_) {
      // It stands in the caption.
      table.caption = arms_[0].model + ". " + table.caption;
      const auto drop = [](auto& row) { row.erase(row.begin() + 1); };
      drop(table.columns);
      for (auto* rows : {&table.rows, &table.foot}) std::for_each(rows->begin(), rows->end(), drop);
    }
    section_.blocks.emplace_back(std::move(table));
  }

  void addLiterature() {
    const std::vector<LiteratureRow>& rows = literatureFor(dataset_);
    if (rows.empty()) return;
    ReportTable table;
    table.id = prefix_ + "literature";
    table.caption = "MIG beside the literature. Ours: " + profileText(configuration_) +
                    ". Marked \u2020: " + kLiteratureSettings +
                    ". The two are not measured alike: read them side by side, not as one ranking.";
    table.columns = {"method",          "original, ours", "original \u2020", "modified, ours",
                     "modified \u2020", "noise, ours",    "noise \u2020"};
    for (const LiteratureRow& row : rows) {
      std::vector<ReportCell> cells(7);
      cells[0].text = row.method;
      const LiteratureRow::Score* scores[] = {&row.original, &row.modified, &row.noise};
      const char* kinds[] = {"original", "modified", "noise"};
      for (std::size_t i = 0; i < 3; ++i) {
        cells[2 + 2 * i] = {fixedText(scores[i]->mean, 2) + " \u00b1 " + fixedText(scores[i]->sd, 2),
                            scores[i]->mean,
                            {},
                            {},
                            true,
                            {}};
        for (const Arm& arm : arms_) {
          if (arm.model != row.model || arm.kind != kinds[i] || (i == 1 && arm.variant != "modified")) continue;
          const Score mig = scoreOf(*arm.summary, "mig");
          cells[1 + 2 * i] = {fixedText(mig.mean, 2) + " \u00b1 " + fixedText(mig.sd, 2), mig.mean, {}, {}, false, {}};
          break;
        }
      }
      table.rows.push_back(std::move(cells));
    }
    section_.blocks.emplace_back(std::move(table));
  }

  void addProbes() {
    if (probes_.empty()) return;
    StripChart chart = strip(probes_, "probe", "Accuracy of supervised probes: " + dataset_,
                             "share of held-out images read correctly, mean over the factors");
    chart.fromZero = false;  // they differ in the last per cent
    addFigure(prefix_ + "accuracy", "Accuracy of supervised probes",
              "Factors read off held-out images by models that are told them: what the images still show.",
              std::move(chart), false);
    ReportTable table;
    table.id = prefix_ + "probes";
    const Json& any = probes_[0].summary->at("probe");
    table.caption = "Accuracy of supervised probes on held-out images, mean \u00b1 sd over the runs";
    if (any.contains("test_images"))
      table.caption += "; " + countText(any.at("test_images").get<std::uint64_t>()) + " images";
    table.columns = {"variant", "model", "runs", "mean"};
    std::vector<std::string> factors;
    if (any.contains("per_factor")) {
      for (const auto& [name, factor] : any.at("per_factor").items()) factors.push_back(name);
    }
    table.columns.insert(table.columns.end(), factors.begin(), factors.end());
    for (const Arm& arm : probes_) {
      const Score score = scoreOf(*arm.summary, "probe");
      std::vector<ReportCell> row(table.columns.size());
      row[0].text = arm.variant;
      row[1].text = arm.model;
      row[2] = {std::to_string(score.points.size()), static_cast<double>(score.points.size()), {}, {}, false, {}};
      row[3] = {meanText(score), score.mean, {}, {}, false, {}};
      for (std::size_t k = 0; k < factors.size(); ++k) {
        const Json& all = arm.summary->at("probe").at("per_factor");
        if (!all.contains(factors[k])) continue;
        const double value = all.at(factors[k]).at("mean");
        row[4 + k] = {fixedText(value, 4), value, {}, {}, false, {}};
      }
      table.rows.push_back(std::move(row));
    }
    section_.blocks.emplace_back(std::move(table));
  }

  void addNumbers() {
    const Arm* original = nullptr;
    const Arm* modified = nullptr;
    const Arm* noise = nullptr;
    for (const Arm& arm : arms_) {
      if (arm.model != arms_[0].model) continue;
      if (arm.kind == "original" && original == nullptr) original = &arm;
      if (arm.kind == "modified" && (modified == nullptr || arm.variant == "modified")) modified = &arm;
      if (arm.kind == "noise" && noise == nullptr) noise = &arm;
    }
    for (const auto& [arm, name] : {std::pair{original, "original"}, {modified, "modified"}, {noise, "noise"}}) {
      if (arm == nullptr) continue;
      const Score score = scoreOf(*arm->summary, "mig");
      std::string detail = "\u00b1 " + fixedText(score.sd) + ", " + std::to_string(score.points.size()) +
                           (score.points.size() == 1 ? " run" : " runs");
      if (arm != original && original != nullptr) {
        const double base = scoreOf(*original->summary, "mig").mean;
        if (base > 0) detail += "; " + shareText(score.mean / base) + " of the original\u2019s";
      }
      parts_.report.numbers.push_back({"MIG, " + std::string(name), fixedText(score.mean), detail});
    }
    const std::string profile = configuration_.value("profile", std::string("unnamed"));
    parts_.report.numbers.push_back(
        {"profile", profile,
         profile == "paper" ? "300,000 steps, ten seeds" : "a small budget: no figure of the paper\u2019s size"});
  }

  void addMissing() {
    std::vector<std::string> lines;
    try {
      lines = missingRuns(results_);
    } catch (const Error&) {
      return;  // labels that this program did not write
    }
    if (lines.empty()) return;
    const std::string where = found_.name.empty() ? "" : found_.name + ": ";
    for (const std::string& line : lines) parts_.report.missing.push_back(where + line);
  }

  void addFigure(const std::string& id, const std::string& title, const std::string& caption, Chart chart, bool half) {
    if (!parts_.wants(id)) return;
    ReportFigure figure;
    figure.id = id;
    figure.title = title;
    figure.caption = caption;
    figure.command = parts_.figureCommand(id);
    figure.content = std::move(chart);
    figure.half = half;
    section_.blocks.emplace_back(std::move(figure));
  }

  ReportParts& parts_;
  const FoundEvaluation& found_;
  const Json& results_;
  Json configuration_;
  std::string dataset_, prefix_;
  bool first_, severalModels_ = false;
  std::vector<Arm> arms_, probes_;
  ReportSection section_;
};

// MIG over steps: from runs that were scored on their way, and from evaluations that differ in their steps alone.
void addSteps(ReportParts& parts) {
  if (!parts.wants("mig-over-steps")) return;
  using Key = std::tuple<std::size_t, std::string, std::uint64_t>;  // variant, model with what else differs, seed
  std::map<Key, std::map<double, double>> curves;
  std::vector<std::string> variants;
  std::string dataset, profile;
  for (const FoundEvaluation& found : parts.findings.evaluations) {
    const Json& c = found.results.at("configuration");
    if (dataset.empty()) dataset = textOf(c, "dataset");
    if (textOf(c, "dataset") != dataset) continue;
    profile = c.value("profile", std::string());
    const double steps = c.at("steps");
    const std::string settings = parts.findings.evaluations.size() < 2
                                     ? std::string()
                                     : ", beta " + (c.contains("beta") ? formatReal(c.at("beta").get<double>()) : "?");
    for (const Json& row : found.results.at("rows")) {
      if (!row.contains("mig")) continue;
      const std::string variant = textOf(row, "variant");
      auto at = std::find(variants.begin(), variants.end(), variant);
      if (at == variants.end()) at = variants.insert(variants.end(), variant);
      auto& curve = curves[{static_cast<std::size_t>(at - variants.begin()), textOf(row, "model") + settings,
                            row.at("seed").get<std::uint64_t>()}];
      curve[steps] = row.at("mig").at("value");
      if (!row.contains("mig_over_steps")) continue;
      for (const Json& point : row.at("mig_over_steps")) curve[point.at("steps").get<double>()] = point.at("mig");
    }
  }
  LineChart chart;
  chart.title = "MIG over training: " + dataset;
  chart.xLabel = "training steps";
  chart.yLabel = "MIG, a line for each run";
  chart.rules.push_back({0, ""});
  for (const auto& [key, curve] : curves) {
    if (curve.size() < 2) continue;
    const auto& [variant, model, seed] = key;
    LineChart::Line line;
    line.colour = static_cast<int>(variant);
    line.dashed = variant >= 6;
    line.marked = true;
    line.group = variants[variant] + ", " + model;
    line.name = line.group + ", seed " + std::to_string(seed);
    for (const auto& [steps, mig] : curve) line.points.push_back({steps, mig});
    chart.lines.push_back(std::move(line));
  }
  if (chart.lines.empty()) return;
  chart.description = std::to_string(chart.lines.size()) + " runs, each scored at several numbers of steps";
  ReportFigure figure;
  figure.id = "mig-over-steps";
  figure.title = "MIG over training steps, every seed";
  figure.caption = "One line a run (" + profile + " profile).";
  figure.command = parts.figureCommand(figure.id);
  figure.content = std::move(chart);
  ReportSection section{"steps", "Over training", "", {}};
  section.blocks.emplace_back(std::move(figure));
  parts.report.sections.push_back(std::move(section));
}

}  // namespace

void addEvaluations(ReportParts& parts) {
  bool first = true;
  for (const FoundEvaluation& found : parts.findings.evaluations) {
    EvaluationPart(parts, found, first).add();
    first = false;
  }
  addSteps(parts);
}

}  // namespace offaxis
