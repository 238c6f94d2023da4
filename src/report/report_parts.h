// The parts that makeReport() puts a report together from. Internal to src/report.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/report.h"

namespace offaxis {

struct ReportParts {
  const Findings& findings;
  const ReportSettings& settings;
  const Context& context;
  Report& report;

  // The command that draws a chart of this report alone.
  std::string figureCommand(const std::string& id, const std::string& extension = "svg") const;
  // Whether the figure has to be made at all.
  bool wants(const std::string& id) const;
};

// "0.371", "+0.012", "12 %"
std::string fixedText(double value, int decimals = 3);
std::string optionalText(const std::optional<double>& value, int decimals = 3);  // "-" where there is none
std::string signedText(double value, int decimals = 3);
std::string shareText(double value);
// "1,024"
std::string countText(std::uint64_t value);
// Quoted for a shell where it has to be.
std::string shellWord(const std::string& word);
// "quick profile: 2500 steps of 64, conv32, 6 latents, beta 16, bernoulli, 32x32x3" of an evaluation.
std::string profileText(const nlohmann::ordered_json& configuration);
// Letters, digits and dashes of a name, for an id.
std::string idOf(const std::string& name);

void addEvaluations(ReportParts& parts);
void addManipulations(ReportParts& parts);
void addTrainings(ReportParts& parts);
void addVersions(ReportParts& parts);
// Pictures and what is measured on the images; the factors' names, for those that come after.
void addDatasets(ReportParts& parts);
// What the results were made from: sources, identities, settings, and the commands that make them again.
void addProvenance(ReportParts& parts);
void addLoaders(ReportParts& parts);

}  // namespace offaxis
