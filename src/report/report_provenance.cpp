#include <algorithm>

#include "core/text.h"
#include "report/report_parts.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

std::string plainText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return formatReal(value.get<double>());
  return value.dump();
}

// Scalars, and short lists of them; matrices are left to the JSON.
void addScalars(const Json& object, ReportFacts& facts) {
  constexpr std::size_t kLongest = 8;
  for (const auto& [key, value] : object.items()) {
    if (value.is_primitive() && !value.is_null()) facts.facts.emplace_back(key, plainText(value));
    if (!value.is_array() || value.empty() || value.size() > kLongest) continue;
    std::string text;
    for (const Json& item : value) text += (text.empty() ? "" : ", ") + plainText(item);
    facts.facts.emplace_back(key, text);
  }
}

// "3000:3012"; empty where the seeds are no range.
std::string seedsText(const Json& seeds) {
  if (seeds.is_number_unsigned()) return std::to_string(seeds.get<std::uint64_t>());
  if (!seeds.is_array() || seeds.empty()) return {};
  std::vector<std::uint64_t> values = seeds.get<std::vector<std::uint64_t>>();
  std::sort(values.begin(), values.end());
  if (values.back() - values.front() + 1 != values.size()) return {};
  return std::to_string(values.front()) + ":" + std::to_string(values.back() + 1);
}

// The command that makes an evaluation again, or goes on with it; empty where its file does not say enough.
std::string evaluateCommand(const FoundEvaluation& found) {
  const Json& results = found.results;
  if (!results.contains("sources") || !results.contains("seeds") || !results.contains("models")) return {};
  std::string command = "offaxis evaluate";
  bool ranges = true;  // whether every source brings its own seeds
  for (const auto& [label, source] : results.at("sources").items()) {
    ranges = ranges && label.find('@') != std::string::npos;
    command += " \\\n    " + shellWord(label + "=" + source.at("expression").get<std::string>());
  }
  command += " \\\n   ";
  if (!ranges) {
    const std::string seeds = seedsText(results.at("seeds"));
    if (seeds.empty()) return {};
    command += " --seeds " + seeds;
  }
  std::string models;
  for (const Json& model : results.at("models")) models += (models.empty() ? "" : ",") + model.get<std::string>();
  command += " --models " + shellWord(models);
  const std::pair<const char*, const char*> options[] = {
      {"profile", "profile"}, {"steps", "steps"}, {"latents", "latents"},     {"beta", "beta"},
      {"loss", "loss"},       {"net", "net"},     {"precision", "precision"}, {"learning_rate", "learning-rate"}};
  for (const auto& [key, option] : options) {
    if (results.at("configuration").contains(key))
      command += " --" + std::string(option) + " " + shellWord(plainText(results.at("configuration").at(key)));
  }
  return command + " \\\n    -o " + shellWord(found.directory) + "\n";
}

void addEvaluation(const FoundEvaluation& found, const std::string& prefix, ReportSection& section) {
  const Json& results = found.results;
  if (results.contains("sources")) {
    ReportTable table;
    table.id = prefix + "sources";
    table.caption = "Sources of the runs" + (found.name.empty() ? "" : " in " + found.name) +
                    "; the identity is a digest of what the models saw";
    table.columns = {"name", "expression", "as resolved", "identity"};
    for (const auto& [label, source] : results.at("sources").items()) {
      std::vector<ReportCell> row(4);
      row[0].text = label;
      row[1].text = source.value("expression", std::string());
      row[2].text = source.value("resolved", std::string());
      row[3].text = source.value("identity", std::string());
      table.rows.push_back(std::move(row));
    }
    if (table.rows.size() > 6) table.folded = std::to_string(table.rows.size()) + " sources";
    section.blocks.emplace_back(std::move(table));
  }
  ReportFacts facts;
  addScalars(results.at("configuration"), facts);
  facts.folded = "Settings of the evaluation" + (found.name.empty() ? "" : ": " + found.name);
  section.blocks.emplace_back(std::move(facts));
  const std::string command = evaluateCommand(found);
  if (!command.empty())
    section.blocks.emplace_back(
        ReportCode{prefix + "evaluate-command", "Make the runs again, or go on with them", "sh", command});
}

void addManipulation(const FoundManipulation& found, ReportSection& section) {
  ReportFacts facts;
  facts.facts.emplace_back("log", found.directory + "/log.json");
  if (!found.psi.empty()) facts.facts.emplace_back("psi.h5", "SHA-256 " + toHex(sha256OfFile(found.psi)));
  addScalars(found.log.at("identity"), facts);
  if (found.log.contains("circumstances")) addScalars(found.log.at("circumstances"), facts);
  facts.folded = "Settings of the manipulation" + (found.name.empty() ? "" : ": " + found.name);
  section.blocks.emplace_back(std::move(facts));
}

}  // namespace

void addProvenance(ReportParts& parts) {
  if (!parts.settings.only.empty()) return;
  ReportSection section{"provenance", "Provenance", "What the figures above were made from.", {}};
  std::size_t number = 0;
  for (const FoundEvaluation& found : parts.findings.evaluations)
    addEvaluation(found, "provenance-" + std::to_string(++number) + "-", section);
  for (const FoundManipulation& found : parts.findings.manipulations) addManipulation(found, section);
  if (!section.blocks.empty()) parts.report.sections.push_back(std::move(section));
}

}  // namespace offaxis
