#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>

#include "core/error.h"
#include "core/text.h"
#include "report/latent_pictures.h"
#include "report/report_parts.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

// The ladder's KL weights in the log's order; empty where the run has not come so far.
std::vector<double> weightsOf(const Json& log) {
  std::vector<double> weights;
  for (const char* set : {"original", "modified"}) {
    if (!log.contains(set) || !weights.empty()) continue;
    for (const Json& rung : log.at(set)) weights.push_back(rung.at("kl_weight"));
  }
  return weights;
}

// "floor_hue-wall_hue at KL weight 47.5", from identity.rotation and the ladder.
std::vector<std::string> rungNames(const Json& log) {
  const std::vector<double> weights = weightsOf(log);
  std::vector<std::string> rotations;
  const std::string all = log.at("identity").value("rotation", std::string());
  for (std::size_t at = 0; at <= all.size();) {
    const std::size_t end = std::min(all.find(';', at), all.size());
    std::string rotation = all.substr(at, end - at);
    if (rotation.rfind("pairs:", 0) == 0) rotation = rotation.substr(6);
    std::replace(rotation.begin(), rotation.end(), ',', '+');
    rotations.push_back(rotation);
    at = end + 1;
  }
  std::size_t rungs = weights.size();
  if (rungs == 0 && !log.at("curves").empty()) rungs = log.at("curves").at(0).at("rungs").size();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < rungs; ++i) {
    std::string name = rotations.size() == rungs && rungs > 1 ? rotations[i] : "";
    if (i < weights.size()) {
      char text[48];
      std::snprintf(text, sizeof text, "KL weight %.3g", weights[i]);
      name += name.empty() ? text : std::string(", ") + text;
    }
    names.push_back(name.empty() ? "rung " + std::to_string(i) : name);
  }
  return names;
}

const char* phaseName(const std::string& phase) {
  if (phase == "warmup") return "warm-up";
  if (phase == "psi") return "psi learns";
  if (phase == "fresh") return "fresh models";
  return "training";
}

std::vector<LineChart::Band> phasesOf(const Json& curves) {
  std::vector<LineChart::Band> bands;
  double from = 0;
  std::string last;
  for (const Json& point : curves) {
    const std::string phase = point.value("phase", std::string());
    const double step = point.at("step");
    if (bands.empty() || phase != last) bands.push_back({phaseName(phase), from, step});
    bands.back().to = from = step;
    last = phase;
  }
  return bands;
}

std::string gapText(const Json& rung, const char* gap, const char* error) {
  return signedText(rung.at(gap), 2) + (rung.contains(error) ? " \u00b1 " + fixedText(rung.at(error), 2) : "");
}

class ManipulationPart {
 public:
  ManipulationPart(ReportParts& parts, const FoundManipulation& found)
      : parts_(parts), found_(found), log_(found.log), names_(rungNames(found.log)) {}

  void add() {
    section_.id = "training";
    section_.title = "Training of psi";
    const Json& identity = log_.at("identity");
    section_.introduction =
        (found_.name.empty() ? "" : found_.name + ": ") + identity.value("profile", std::string("unnamed")) +
        " profile, eps " + identity.at("eps").get<std::string>() + " (" + std::to_string(identity.value("levels", 0)) +
        " levels), seed " + std::to_string(identity.value("seed", std::uint64_t{0})) + ", " +
        identity.value("loss", std::string("?")) + " loss, on " + identity.value("source", std::string("?")) +
        ". L is the reconstruction loss of a reference model, J = L + KL weight \u00d7 KL what a VAE minimises; "
        "\u201cent\u201d codes along the rotated axes, \u201cdis\u201d along the factors\u2019 own. psi is trained to "
        "make "
        "L_ent \u2212 L_dis small.";
    addCurves();
    addTable();
    if (log_.value("status", std::string()) != "done")
      parts_.report.missing.push_back(found_.directory + ": the run is not done (" +
                                      log_.value("status", std::string("no status")) + "); the same command goes on");
    parts_.report.sections.push_back(std::move(section_));
  }

  // What the head of the page says of it.
  void addNumbers() const {
    const Json& identity = log_.at("identity");
    if (log_.contains("original") && log_.contains("modified") && !log_.at("modified").empty()) {
      double before = 0, after = 0;
      for (const Json& rung : log_.at("original")) before += rung.at("J_ent_minus_J_dis").get<double>();
      for (const Json& rung : log_.at("modified")) after += rung.at("J_ent_minus_J_dis").get<double>();
      before /= static_cast<double>(log_.at("original").size());
      after /= static_cast<double>(log_.at("modified").size());
      parts_.report.numbers.push_back({"J_ent \u2212 J_dis, modified", signedText(after, 2),
                                       signedText(before, 2) + " on the original; below 0 rotated codes are cheaper"});
    }
    if (log_.contains("mean_abs_delta") && log_.at("mean_abs_delta").is_number()) {
      parts_.report.numbers.push_back({"mean change of a pixel", shareText(log_.at("mean_abs_delta")),
                                       "of the range; at most " + std::to_string(identity.value("levels", 0)) +
                                           " of 255 levels (eps " + identity.at("eps").get<std::string>() + ")"});
    }
    if (log_.contains("restrained") && log_.at("restrained").is_number_unsigned()) {
      const bool pixels = identity.value("restrain", Json()) == "pixels";
      parts_.report.numbers.push_back({"images held back", std::to_string(log_.at("restrained").get<std::uint64_t>()),
                                       pixels ? "on the pixels that tell them from another factor level's"
                                              : "as wholes, to stay nearest to their own factors"});
    }
  }

 private:
  void addCurves() {
    const Json& curves = log_.at("curves");
    if (curves.empty()) return;
    const std::vector<double> weights = weightsOf(log_);
    const auto value = [](const Json& rung, const char* key) { return rung.at(key).get<double>(); };
    using Read = std::function<double(const Json&, std::size_t)>;
    const auto chart = [&](const std::string& title, const std::string& yLabel,
                           const std::vector<std::pair<std::string, Read>>& reads, bool rule) {
      LineChart result;
      result.title = title;
      result.xLabel = "step";
      result.yLabel = yLabel;
      result.bands = phasesOf(curves);
      if (rule) result.rules.push_back({0, ""});
      for (std::size_t r = 0; r < names_.size(); ++r) {
        for (std::size_t k = 0; k < reads.size(); ++k) {
          LineChart::Line line;
          line.name = reads[k].first + (reads[k].first.empty() ? "" : ", ") + names_[r];
          line.colour = static_cast<int>(r);
          line.dashed = k > 0;
          line.group = names_[r];
          for (const Json& point : curves) {
            if (r < point.at("rungs").size())
              line.points.push_back({point.at("step").get<double>(), reads[k].second(point.at("rungs").at(r), r)});
          }
          if (line.points.empty()) continue;
          result.description +=
              (result.description.empty() ? "Last: " : ", ") + line.name + " " + fixedText(line.points.back()[1], 2);
          result.lines.push_back(std::move(line));
        }
      }
      return result;
    };
    const auto add = [&](const std::string& id, const std::string& title, const std::string& caption, LineChart made) {
      if (!parts_.wants(id) || made.lines.empty()) return;
      ReportFigure figure{id, title, caption, parts_.figureCommand(id), std::move(made), true, {}};
      section_.blocks.emplace_back(std::move(figure));
    };
    add("loss-gap", "L_ent \u2212 L_dis", "What psi minimises. Below 0 the entangled models rebuild the images better.",
        chart("L_ent - L_dis over training", "nats an image",
              {{"", [&](const Json& rung, std::size_t) { return value(rung, "L_ent") - value(rung, "L_dis"); }}},
              true));
    const Json& firstRungs = curves.at(0).at("rungs");
    if (!weights.empty() || (!firstRungs.empty() && firstRungs.at(0).contains("J_ent_minus_J_dis"))) {
      add("j-gap", "J_ent \u2212 J_dis", "The preference for rotated codes, KL included. Fresh models see psi frozen.",
          chart("J_ent - J_dis over training", "nats an image",
                {{"",
                  [&](const Json& rung, std::size_t r) {
                    // Older logs leave it to be worked out.
                    if (rung.contains("J_ent_minus_J_dis")) return value(rung, "J_ent_minus_J_dis");
                    const double weight = r < weights.size() ? weights[r] : 0;
                    return value(rung, "L_ent") - value(rung, "L_dis") +
                           weight * (value(rung, "KL_ent") - value(rung, "KL_dis"));
                  }}},
                true));
    }
    add("losses", "L_ent and L_dis", "Reconstruction losses of both models; solid entangled, dashed disentangled.",
        chart("L_ent and L_dis over training", "nats an image; solid L_ent, dashed L_dis",
              {{"L_ent", [&](const Json& rung, std::size_t) { return value(rung, "L_ent"); }},
               {"L_dis", [&](const Json& rung, std::size_t) { return value(rung, "L_dis"); }}},
              false));
    if (weights.size() == names_.size()) {
      add("j", "J_ent and J_dis", "J = L + KL weight \u00d7 KL; solid entangled, dashed disentangled.",
          chart("J_ent and J_dis over training", "nats an image; solid J_ent, dashed J_dis",
                {{"J_ent", [&](const Json& rung,
                               std::size_t r) { return value(rung, "L_ent") + weights[r] * value(rung, "KL_ent"); }},
                 {"J_dis", [&](const Json& rung,
                               std::size_t r) { return value(rung, "L_dis") + weights[r] * value(rung, "KL_dis"); }}},
                false));
    }
    LineChart strength;
    strength.title = "How strong psi is";
    strength.xLabel = "step";
    strength.yLabel = "share";
    strength.bands = phasesOf(curves);
    strength.rules.push_back({0, ""});
    const std::pair<const char*, const char*> shares[] = {{"mean_abs_m", "mean |m|, of its budget"},
                                                          {"saturated_share", "pixels at the budget"},
                                                          {"clipped_share", "pixels clipped at 0 or 1"}};
    for (int i = 0; i < 3; ++i) {
      LineChart::Line line;
      line.name = shares[i].second;
      line.colour = i;
      line.dashed = i == 2;
      for (const Json& point : curves) {
        if (point.contains(shares[i].first))
          line.points.push_back({point.at("step").get<double>(), point.at(shares[i].first).get<double>()});
      }
      if (line.points.empty()) continue;
      strength.description += (i == 0 ? "Last: " : ", ") + line.name + " " + fixedText(line.points.back()[1]);
      strength.lines.push_back(std::move(line));
    }
    add("strength", "How strong psi is", "Mean size of the perturbation and how often it meets its limits.",
        std::move(strength));
    if (log_.contains("delta_spectrum") && !log_.at("delta_spectrum").empty()) {
      LineChart scales;
      scales.title = "Energy of the perturbation by scale";
      scales.xLabel = "scale: 1, 2, 4, .. pixels";
      scales.yLabel = "share of the energy";
      scales.rules.push_back({0, ""});
      LineChart::Line line;
      line.name = "psi";
      line.marked = true;
      double index = 0;
      for (const Json& share : log_.at("delta_spectrum")) line.points.push_back({index++, share.get<double>()});
      scales.xLabel = "scale (0: single pixels, each further one twice as wide, the last the whole image)";
      scales.description = "Shares from the finest to the coarsest scale";
      scales.lines.push_back(std::move(line));
      add("scales", "Energy of the perturbation by scale",
          "Noise has its energy in single pixels, a tint in the whole image.", std::move(scales));
    }
  }

  void addTable() {
    if (!log_.contains("original") || !log_.contains("modified")) return;
    ReportTable table;
    table.id = "references";
    table.caption = "Reference models on the original, and fresh ones on the modified images with psi frozen; " +
                    log_.at("identity").value("profile", std::string("unnamed")) + " profile";
    table.columns = {
        "rung", "images", "L_ent", "L_dis", "KL_ent", "KL_dis", "L_ent \u2212 L_dis", "J_ent \u2212 J_dis"};
    for (const char* set : {"original", "modified"}) {
      for (std::size_t r = 0; r < log_.at(set).size() && r < names_.size(); ++r) {
        const Json& rung = log_.at(set).at(r);
        std::vector<ReportCell> row(table.columns.size());
        row[0].text = names_[r];
        row[1].text = set;
        const std::pair<const char*, const char*> plain[] = {
            {"entangled", "L"}, {"disentangled", "L"}, {"entangled", "KL"}, {"disentangled", "KL"}};
        for (std::size_t i = 0; i < 4; ++i) {
          const double number = rung.at(plain[i].first).at(plain[i].second);
          row[2 + i].text = fixedText(number, i < 2 ? 1 : 2);
          row[2 + i].number = number;
        }
        row[6].text = gapText(rung, "L_ent_minus_L_dis", "L_gap_standard_error");
        row[6].number = rung.at("L_ent_minus_L_dis").get<double>();
        row[7].text = gapText(rung, "J_ent_minus_J_dis", "J_gap_standard_error");
        row[7].number = rung.at("J_ent_minus_J_dis").get<double>();
        table.rows.push_back(std::move(row));
      }
    }
    section_.blocks.emplace_back(std::move(table));
  }

  ReportParts& parts_;
  const FoundManipulation& found_;
  const Json& log_;
  std::vector<std::string> names_;
  ReportSection section_;
};

// Several runs in one folder: a line each; the curves are those of one.
void addOverview(ReportParts& parts) {
  ReportTable table;
  table.id = "manipulations-table";
  table.caption = "All manipulations in this folder; gaps are means over the rungs, in nats an image";
  table.columns = {"run", "seed", "eps", "profile", "J_ent \u2212 J_dis, original", "modified", "mean change", "state"};
  for (const FoundManipulation& found : parts.findings.manipulations) {
    const Json& identity = found.log.at("identity");
    std::vector<ReportCell> row(table.columns.size());
    row[0].text = found.name.empty() ? "." : found.name;
    const auto seed = identity.value("seed", std::uint64_t{0});
    row[1].text = std::to_string(seed);
    row[1].number = static_cast<double>(seed);
    row[2].text = identity.at("eps").get<std::string>();
    row[3].text = identity.value("profile", std::string("unnamed"));
    const char* sets[] = {"original", "modified"};
    for (std::size_t i = 0; i < 2; ++i) {
      if (!found.log.contains(sets[i]) || found.log.at(sets[i]).empty()) continue;
      double sum = 0;
      for (const Json& rung : found.log.at(sets[i])) sum += rung.at("J_ent_minus_J_dis").get<double>();
      const double mean = sum / static_cast<double>(found.log.at(sets[i]).size());
      row[4 + i].text = signedText(mean, 2);
      row[4 + i].number = mean;
    }
    if (found.log.contains("mean_abs_delta") && found.log.at("mean_abs_delta").is_number()) {
      row[6].text = shareText(found.log.at("mean_abs_delta"));
      row[6].number = found.log.at("mean_abs_delta").get<double>();
    }
    row[7].text = found.log.value("status", std::string("?"));
    table.rows.push_back(std::move(row));
  }
  parts.report.sections.push_back({"manipulations", "Manipulations", "", {std::move(table)}});
}

// What `offaxis traverse` drew of the runs.
void addLatents(ReportParts& parts) {
  constexpr std::size_t kMostRuns = 4;
  std::size_t shown = 0, left = 0;
  for (const FoundTraining& found : parts.findings.trainings) {
    if (found.pictures.is_null()) continue;
    if (shown == kMostRuns) {
      ++left;
      continue;
    }
    LatentPictures pictures;
    const std::string checkpoint = found.directory + "/checkpoint.h5";
    bool stale = false;
    try {
      pictures = readLatentPictures(found.picturesDirectory);
      std::error_code none;
      stale = !pictures.checkpointSha256.empty() && std::filesystem::is_regular_file(checkpoint, none) &&
              toHex(sha256OfFile(checkpoint)) != pictures.checkpointSha256;
    } catch (const Error& e) {
      parts.report.missing.push_back(e.what());
      continue;
    }
    if (stale) {
      parts.report.missing.push_back("no pictures of what the latents draw: " + checkpoint +
                                     " has been trained since; draw them anew with `offaxis traverse --force`");
      continue;
    }
    const std::string number = shown++ == 0 ? "" : std::to_string(shown) + "-";
    ReportSection section{number + "latents",
                          "What the latents draw" + (found.name.empty() ? "" : ": " + found.name),
                          pictures.model + " on " + pictures.source + ".",
                          {}};
    const std::string command = "offaxis traverse " + shellWord(pictures.source) + " --checkpoint " +
                                shellWord(found.directory) + " -o " + shellWord(found.picturesDirectory) + " --force";
    if (parts.wants(number + "traversal")) {
      ReportFigure figure{number + "traversal",
                          "Latent traversals",
                          "One latent at a time, the others as encoded; those whose means vary most come first. Beside "
                          "the name the factor that the latent tells most of, in nats.",
                          command,
                          latentStrips(pictures),
                          false,
                          {}};
      if (parts.settings.only.empty()) figure.gif = latentGif(pictures);
      section.blocks.emplace_back(std::move(figure));
    }
    if (parts.wants(number + "reconstructions"))
      section.blocks.emplace_back(ReportFigure{number + "reconstructions",
                                               "Reconstructions",
                                               "Images and what the model makes of their codes.",
                                               command,
                                               reconstructionStrips(pictures),
                                               false,
                                               {}});
    const std::string id = number + "information";
    if (!pictures.information.empty() && parts.wants(id))
      section.blocks.emplace_back(
          ReportFigure{id,
                       "Latent-factor information",
                       "Mutual information of each latent\u2019s 20 bins and each factor, nats. One "
                       "bright square a row and a column is what disentangled means.",
                       parts.figureCommand(id),
                       informationChart(pictures),
                       false,
                       {}});
    if (!section.blocks.empty()) parts.report.sections.push_back(std::move(section));
  }
  if (left > 0)
    parts.report.missing.push_back("the latents of " + std::to_string(left) +
                                   " more runs: report on each run by itself");
}

}  // namespace

void addManipulations(ReportParts& parts) {
  const auto& found = parts.findings.manipulations;
  if (found.empty()) return;
  if (found.size() > 1) addOverview(parts);
  // The first one that psi was trained in, rather than flipped or left untrained.
  const FoundManipulation* shown = &found[0];
  for (const FoundManipulation& other : found) {
    const std::size_t slash = other.name.rfind('/');
    if (other.name.substr(slash == std::string::npos ? 0 : slash + 1).rfind("psi", 0) != 0) continue;
    shown = &other;
    break;
  }
  ManipulationPart part(parts, *shown);
  if (parts.findings.evaluations.empty()) part.addNumbers();
  part.add();
}

void addTrainings(ReportParts& parts) {
  if (parts.findings.trainings.empty()) return;
  ReportSection section{"runs", parts.findings.trainings.size() == 1 ? "Training" : "Training runs", "", {}};
  constexpr std::size_t kMostLines = 24;
  const std::pair<const char*, const char*> curves[] = {{"reconstruction", "Reconstruction loss"},
                                                        {"kl", "KL divergence"}};
  for (const auto& [key, title] : curves) {
    const std::string id = std::string("training-") + key;
    if (!parts.wants(id)) continue;
    LineChart chart;
    chart.title = title;
    chart.xLabel = "step";
    chart.yLabel = "nats an image";
    std::vector<std::string> groups;
    for (const FoundTraining& found : parts.findings.trainings) {
      if (!found.run.contains("curve") || chart.lines.size() == kMostLines) continue;
      LineChart::Line line;
      line.name = found.name.empty() ? "loss" : found.name;
      const std::size_t slash = line.name.rfind('/');
      if (slash != std::string::npos) line.name = line.name.substr(slash + 1);
      // VARIANT_MODEL_SEED: the seeds of one variant and model share a colour.
      line.group = line.name.substr(0, line.name.rfind('_'));
      auto at = std::find(groups.begin(), groups.end(), line.group);
      if (at == groups.end()) at = groups.insert(groups.end(), line.group);
      line.colour = static_cast<int>(at - groups.begin());
      line.dashed = line.colour >= 6;
      for (const Json& point : found.run.at("curve"))
        if (point.contains(key)) line.points.push_back({point.at("step").get<double>(), point.at(key).get<double>()});
      if (line.points.empty()) continue;
      chart.description +=
          (chart.description.empty() ? "Last: " : ", ") + line.name + " " + fixedText(line.points.back()[1], 1);
      chart.lines.push_back(std::move(line));
    }
    if (chart.lines.empty()) continue;
    ReportFigure figure{id,
                        title,
                        "As run.json has it, averaged over its log\u2019s steps.",
                        parts.figureCommand(id),
                        std::move(chart),
                        true,
                        {}};
    section.blocks.emplace_back(std::move(figure));
  }
  if (parts.findings.trainings.size() == 1) {
    const FoundTraining& found = parts.findings.trainings[0];
    ReportFacts facts;
    const Json& settings = found.run.at("settings");
    for (const auto& [name, value] : settings.items()) {
      if (value.is_primitive())
        facts.facts.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    }
    section.blocks.emplace_back(std::move(facts));
    if (found.run.value("status", std::string()) != "complete")
      parts.report.missing.push_back(found.directory + ": the run is not complete; the same command goes on");
  }
  if (!section.blocks.empty()) parts.report.sections.push_back(std::move(section));
  addLatents(parts);
}

}  // namespace offaxis
