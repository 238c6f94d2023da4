#include "report/report.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "report/report_parts.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

// The datasets that the folder is about.
std::vector<std::string> datasetsOf(const Findings& findings) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const FoundEvaluation& found : findings.evaluations)
    add(found.results.at("configuration").at("dataset").get<std::string>());
  for (const FoundManipulation& found : findings.manipulations)
    add(found.log.at("identity").value("dataset", std::string()));
  for (const FoundVersion& found : findings.versions) {
    for (const Json& file : found.manifest.at("reproduces").at("files")) add(file.at("dataset").get<std::string>());
  }
  return names;
}

void nameReport(const Findings& findings, Report& report) {
  const std::string datasets = joined(datasetsOf(findings));
  std::vector<std::string> kinds;
  const auto count = [&](std::size_t n, const char* what) {
    const std::size_t all = findings.versions.size() + findings.manipulations.size() + findings.evaluations.size() +
                            findings.trainings.size();
    if (n == 1) kinds.push_back((n == all ? "" : "1 ") + std::string(what));
    if (n > 1) kinds.push_back(std::to_string(n) + " " + what + "s");
  };
  count(findings.versions.size(), "published version");
  count(findings.manipulations.size(), "manipulation");
  count(findings.evaluations.size(), "evaluation");
  count(findings.trainings.size(), "training run");
  if (findings.versions.size() == 1) {
    const Json& manifest = findings.versions[0].manifest;
    report.title = manifest.at("name").get<std::string>() + " " + manifest.at("version").get<std::string>();
  } else {
    report.title = datasets.empty() ? "Training" : datasets;
  }
  for (std::size_t i = 0; i < kinds.size(); ++i)
    report.subtitle += (i == 0 ? "" : i + 1 == kinds.size() ? " and " : ", ") + kinds[i];
  if (findings.versions.size() == 1 && !datasets.empty()) report.subtitle += " of " + datasets;
}

// What decides comes first: images, scores, then how they came about.
void sortSections(Report& report) {
  const std::vector<std::string> order{"images",  "scores",     "evidence",      "checks", "latents",
                                       "steps",   "training",   "manipulations", "runs",   "measures",
                                       "version", "provenance", "load"};
  const auto rank = [&](const ReportSection& section) {
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::string& name = order[i];
      const std::string& id = section.id;
      const bool ends = id.size() > name.size() && id.compare(id.size() - name.size(), name.size(), name) == 0;
      if (id == name || ends || id.rfind(name + "-", 0) == 0) return i;
    }
    return order.size();
  };
  std::stable_sort(report.sections.begin(), report.sections.end(),
                   [&](const ReportSection& a, const ReportSection& b) { return rank(a) < rank(b); });
}

// An HTML id names one thing.
void checkIds(const Report& report) {
  std::set<std::string> ids;
  const auto take = [&](const std::string& id) {
    if (!ids.insert(id).second) throw Error(ErrorKind::Failed, "two parts of the report are called " + id);
  };
  for (const ReportSection& section : report.sections) {
    take(section.id);
    for (const ReportBlock& block : section.blocks) {
      if (const auto* figure = std::get_if<ReportFigure>(&block)) take(figure->id);
      if (const auto* table = std::get_if<ReportTable>(&block)) take(table->id);
      if (const auto* code = std::get_if<ReportCode>(&block)) take(code->id);
    }
  }
}

}  // namespace

std::string ReportParts::figureCommand(const std::string& id, const std::string& extension) const {
  return "offaxis report " + shellWord(findings.path) + " --figure " + id + " -o " + id + "." + extension;
}

bool ReportParts::wants(const std::string& id) const {
  return settings.only.empty() || settings.only == id;
}

std::string fixedText(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

std::string optionalText(const std::optional<double>& value, int decimals) {
  return value ? fixedText(*value, decimals) : "-";
}

std::string signedText(double value, int decimals) {
  char text[64];
  if (std::fabs(value) < 0.5 * std::pow(10.0, -decimals)) value = 0;  // no "-0.00"
  std::snprintf(text, sizeof text, "%+.*f", decimals, value);
  if (value == 0) return text + 1;
  // A true minus sign is as wide as the plus.
  std::string result = text;
  if (result[0] == '-') result = "\u2212" + result.substr(1);
  return result;
}

std::string shareText(double value) {
  return fixedText(100 * value, std::fabs(value) < 0.0995 ? 1 : 0) + " %";
}

std::string countText(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string shellWord(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string("/._-+:=,@%").find(static_cast<char>(c)) != std::string::npos;
  });
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string profileText(const Json& configuration) {
  const auto number = [&](const char* key) {
    return configuration.contains(key) && configuration.at(key).is_number()
               ? formatReal(configuration.at(key).get<double>())
               : std::string("?");
  };
  std::string text = configuration.value("profile", std::string("unnamed")) + " profile: " + number("steps") +
                     " steps of " + number("batch") + ", " + configuration.value("net", std::string("?")) + ", " +
                     number("latents") + " latents, beta " + number("beta") + ", " +
                     configuration.value("loss", std::string("?"));
  if (configuration.contains("precision")) text += ", " + configuration.at("precision").get<std::string>();
  if (configuration.contains("image")) text += ", images of " + configuration.at("image").get<std::string>();
  return text;
}

std::string idOf(const std::string& name) {
  std::string id;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      id += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!id.empty() && id.back() != '-') {
      id += '-';
    }
  }
  while (!id.empty() && id.back() == '-') id.pop_back();
  return id;
}

const ReportFigure* Report::figure(const std::string& id) const {
  for (const ReportSection& section : sections) {
    for (const ReportBlock& block : section.blocks) {
      const auto* figure = std::get_if<ReportFigure>(&block);
      if (figure != nullptr && figure->id == id) return figure;
    }
  }
  return nullptr;
}

std::vector<std::string> Report::figureIds() const {
  std::vector<std::string> ids;
  for (const ReportSection& section : sections) {
    for (const ReportBlock& block : section.blocks) {
      if (const auto* figure = std::get_if<ReportFigure>(&block)) ids.push_back(figure->id);
    }
  }
  return ids;
}

Report makeReport(const Findings& findings, const ReportSettings& settings, const Context& context) {
  Report report;
  report.missing = findings.missing;
  ReportParts parts{findings, settings, context, report};
  try {
    nameReport(findings, report);
    addVersions(parts);
    addDatasets(parts);
    addEvaluations(parts);
    addManipulations(parts);
    addTrainings(parts);
    addProvenance(parts);
    addLoaders(parts);
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorKind::BadFile,
                findings.path + " holds JSON that does not say what it should: " + withoutTag(e.what()),
                "make it anew with this program, or report on its other parts alone");
  }
  sortSections(report);
  checkIds(report);
  return report;
}

}  // namespace offaxis
