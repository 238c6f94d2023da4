#include <algorithm>

#include "report/report_parts.h"
#include "report/variants_shown.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

void addFiles(const Json& manifest, ReportSection& section) {
  ReportTable table;
  table.id = section.id + "-files";
  table.caption = "What must come out again: the content roots, however the files are stored";
  table.columns = {"file", "variant", "settings", "images", "shape", "content root"};
  for (const Json& file : manifest.at("reproduces").at("files")) {
    std::vector<ReportCell> row(table.columns.size());
    row[0].text = file.at("path").get<std::string>();
    row[1].text = file.at("variant").get<std::string>();
    if (file.contains("settings")) {
      for (const auto& [key, value] : file.at("settings").items()) {
        std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        if (text.size() > 16) text = text.substr(0, 12) + "\u2026";
        row[2].text += (row[2].text.empty() ? "" : ", ") + key + " " + text;
      }
    }
    const auto images = file.at("images").get<std::uint64_t>();
    row[3].text = countText(images);
    row[3].number = static_cast<double>(images);
    for (const auto side : file.at("shape").get<std::vector<std::uint32_t>>())
      row[4].text += (row[4].text.empty() ? "" : "\u00d7") + std::to_string(side);
    row[5].text = file.at("content_root").get<std::string>();
    table.rows.push_back(std::move(row));
  }
  section.blocks.emplace_back(std::move(table));
}

void addChecks(const Json& manifest, ReportParts& parts) {
  if (!manifest.contains("verification") || manifest.at("verification").empty()) return;
  ReportSection section{"checks",
                        "Are the factors intact?",
                        "What `offaxis verify` found on every image of each variant before it was published.",
                        {}};
  ReportTable table;
  table.id = "verification";
  table.caption = "Checks of every published variant";
  table.columns = {"check"};
  std::vector<std::string> names;
  std::size_t passed = 0, all = 0;
  for (const auto& [path, report] : manifest.at("verification").items()) {
    table.columns.push_back(path);
    for (const Json& check : report.at("checks")) {
      const std::string name = check.at("name").get<std::string>();
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    std::vector<ReportCell> row(table.columns.size());
    row[0].text = name;
    std::size_t column = 1;
    for (const auto& [path, report] : manifest.at("verification").items()) {
      for (const Json& check : report.at("checks")) {
        if (check.at("name") != name) continue;
        std::string detail = check.value("detail", std::string());
        if (detail.size() == 64) detail = detail.substr(0, 12) + "\u2026";
        row[column].text = detail;
        row[column].passed = check.at("passed").get<bool>();
        passed += *row[column].passed ? 1 : 0;
        ++all;
      }
      ++column;
    }
    table.rows.push_back(std::move(row));
  }
  section.blocks.emplace_back(std::move(table));
  parts.report.numbers.push_back({"checks passed", std::to_string(passed) + " of " + std::to_string(all),
                                  "labels, order, collisions, budget, separation"});

  ReportTable statistics;
  statistics.id = "statistics";
  statistics.caption = "How much the images change";
  statistics.columns = {"variant", "mean |delta|", "largest, levels",
                        "mean L2", "SSIM, mean",   "variance between images"};
  for (const auto& [path, report] : manifest.at("verification").items()) {
    if (!report.contains("statistics")) continue;
    const Json& s = report.at("statistics");
    std::vector<ReportCell> row(statistics.columns.size());
    row[0].text = path;
    const auto put = [&](std::size_t column, const Json& value, int decimals) {
      if (!value.is_number()) return;
      row[column].text = fixedText(value, decimals);
      row[column].number = value.get<double>();
    };
    put(1, s.value("mean_absolute", Json()), 4);
    put(2, s.value("linf_levels", Json()), 0);
    put(3, s.value("l2_mean", Json()), 2);
    if (s.contains("distributions") && s.at("distributions").contains("ssim"))
      put(4, s.at("distributions").at("ssim").value("mean", Json()), 3);
    if (s.contains("total_variance")) {
      const double before = s.at("total_variance").at("original"), after = s.at("total_variance").at("modified");
      row[5].text = fixedText(before, 1) + " \u2192 " + fixedText(after, 1);
      row[5].number = after;
    }
    statistics.rows.push_back(std::move(row));
  }
  if (!statistics.rows.empty()) section.blocks.emplace_back(std::move(statistics));

  ReportTable separation;
  separation.id = "separation";
  separation.caption = "Images nearer to another level's original than to their own, of all comparisons";
  separation.columns = {"factor"};
  std::vector<std::string> factors;
  for (const auto& [path, report] : manifest.at("verification").items()) {
    separation.columns.push_back(path);
    if (!report.contains("separation") || !report.at("separation").is_object()) continue;
    for (const auto& [factor, found] : report.at("separation").items()) {
      if (std::find(factors.begin(), factors.end(), factor) == factors.end()) factors.push_back(factor);
    }
  }
  for (const std::string& factor : factors) {
    std::vector<ReportCell> row(separation.columns.size());
    row[0].text = factor;
    std::size_t column = 1;
    for (const auto& [path, report] : manifest.at("verification").items()) {
      if (report.contains("separation") && report.at("separation").is_object() &&
          report.at("separation").contains(factor)) {
        const Json& found = report.at("separation").at(factor);
        if (found.contains("nearer_rivals") && found.contains("rivals")) {
          const auto nearer = found.at("nearer_rivals").get<std::uint64_t>();
          row[column].text = countText(nearer) + " of " + countText(found.at("rivals").get<std::uint64_t>());
          row[column].number = static_cast<double>(nearer);
        }
      }
      ++column;
    }
    separation.rows.push_back(std::move(row));
  }
  if (!separation.rows.empty()) section.blocks.emplace_back(std::move(separation));
  parts.report.sections.push_back(std::move(section));
}

// The summaries that a manifest carries, as tables of an evaluation have them.
void addEvidence(const Json& manifest, ReportParts& parts) {
  if (!manifest.contains("evidence")) return;
  ReportSection section{"evidence", "Evidence", "Evaluations that the manifest names, by their SHA-256.", {}};
  std::size_t number = 0;
  for (const Json& evidence : manifest.at("evidence")) {
    if (!evidence.contains("summary") || !evidence.contains("configuration")) continue;
    const std::string id = "evidence-" + std::to_string(++number);
    StripChart chart;
    chart.title = "MIG by variant: " + evidence.at("configuration").value("dataset", std::string("?"));
    chart.label = "mutual information gap (MIG)";
    chart.pointName = "one run";
    chart.intervalName = "mean \u00b1 sd";
    int colour = 0;
    for (const Json& entry : evidence.at("summary")) {
      if (!entry.contains("mig")) continue;
      StripChart::Row row;
      row.name = entry.at("variant").get<std::string>();
      row.colour = colour++;
      for (const Json& point : entry.at("mig").at("points"))
        row.points.push_back({point.at("value"), "seed " + std::to_string(point.at("seed").get<std::uint64_t>())});
      row.mean = entry.at("mig").at("mean").get<double>();
      std::string runs = "1 run";
      if (row.points.size() > 1) {
        const double sd = entry.at("mig").at("sd");
        row.interval = {*row.mean - sd, *row.mean + sd};
        runs = "\u00b1 " + fixedText(sd) + ", " + std::to_string(row.points.size()) + " runs";
      }
      chart.description += (chart.description.empty() ? "Means: " : ", ") + row.name + " " + fixedText(*row.mean);
      if (number == 1 && parts.findings.evaluations.empty() && parts.report.numbers.size() < 5)
        parts.report.numbers.push_back({"MIG, " + row.name, fixedText(*row.mean), runs});
      chart.rows.push_back(std::move(row));
    }
    if (chart.rows.empty() || !parts.wants(id)) continue;
    const std::string digest = evidence.value("sha256", std::string());
    section.blocks.emplace_back(ReportFigure{id,
                                             "MIG of every run",
                                             profileText(evidence.at("configuration")) + ". From " +
                                                 evidence.value("file", std::string("?")) + ", SHA-256 " +
                                                 digest.substr(0, 12) + "\u2026",
                                             parts.figureCommand(id),
                                             std::move(chart),
                                             false,
                                             {}});
  }
  if (!section.blocks.empty()) parts.report.sections.push_back(std::move(section));
}

}  // namespace

void addVersions(ReportParts& parts) {
  bool first = true;
  std::size_t number = 0;
  for (const FoundVersion& found : parts.findings.versions) {
    ++number;
    const Json& manifest = found.manifest;
    ReportSection section;
    section.id = first ? "version" : "version-" + std::to_string(number);
    section.title =
        "Version: " + manifest.at("name").get<std::string>() + " " + manifest.at("version").get<std::string>();
    section.introduction = manifest.value("description", std::string());
    ReportFacts facts;
    for (const char* key : {"license", "url", "creator"}) {
      if (manifest.contains(key) && manifest.at(key).is_string())
        facts.facts.emplace_back(key, manifest.at(key).get<std::string>());
    }
    if (manifest.contains("circumstances")) {
      for (const auto& [key, value] : manifest.at("circumstances").items()) {
        if (value.is_primitive() && !value.is_null())
          facts.facts.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
      }
    }
    if (manifest.at("reproduces").contains("psi")) {
      for (const Json& psi : manifest.at("reproduces").at("psi"))
        facts.facts.emplace_back(psi.at("path").get<std::string>(), "SHA-256 " + psi.at("sha256").get<std::string>());
    }
    section.blocks.emplace_back(std::move(facts));
    addFiles(manifest, section);
    if (!first) {
      parts.report.sections.push_back(std::move(section));
      continue;
    }
    first = false;
    std::string commands =
        "# every root, from nothing but manifest and psi.h5\noffaxis reproduce " + shellWord(found.path) + "\n";
    const std::size_t slash = found.path.rfind('/');
    if (found.path.substr(slash == std::string::npos ? 0 : slash + 1) == "manifest.json") {
      commands += "# the files beside it: bytes and decoded content\noffaxis check " + shellWord(found.directory) +
                  " --content\n";
    }
    section.blocks.emplace_back(ReportCode{"reproduce", "Reproduce and check", "sh", commands});
    addChecks(manifest, parts);
    addEvidence(manifest, parts);
    parts.report.sections.push_back(std::move(section));
  }
}

}  // namespace offaxis
