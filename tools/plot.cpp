// offaxis plot: pictures of evaluations.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/text.h"
#include "report/chart.h"
#include "report/evaluation_figures.h"
#include "storage/staged.h"
#include "tools/cli.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "plot",
    "FIGURE is\n"
    "  scores    every run's MIG, a row for each variant, of one evaluation\n"
    "  dose      its MIG against J_ent - J_dis of its images: needs records of `offaxis axes` among the INPUTs\n"
    "  frontier  MIG against eps, over one evaluation or several\n"
    "  chart     a chart's data, saved as JSON from a page of `offaxis report`\n"
    "An evaluation is a directory of `offaxis evaluate`, finished or not. The picture is one SVG file; the same files\n"
    "give the same bytes.",
    {{"FIGURE", true, false, "scores, dose, frontier or chart"},
     {"INPUT", true, true, "an evaluation's directory, or a record of `offaxis axes`"}},
    {{"output,o", "FILE.svg", "", "the picture"},
     {"rung", "N", "0", "of dose: which KL weight, counted from the lowest"},
     {"force", "", "", "replace FILE.svg"}},
    {"scores evaluation/ -o scores.svg", "dose evaluation/ axes/original.json axes/modified.json -o dose.svg"}};

std::string drawChart(const std::vector<std::string>& inputs) {
  if (inputs.size() != 1)
    throw Error(ErrorKind::Usage, "chart draws one file, there are " + std::to_string(inputs.size()));
  const nlohmann::json json = nlohmann::json::parse(cli::readInput(inputs[0]), nullptr, false);
  ChartDrawing drawing;
  drawing.standalone = true;
  return chartSvg(chartFromJson(json, inputs[0]), drawing);
}

std::string draw(const std::string& figure, const std::vector<std::string>& inputs, std::size_t rung) {
  if (figure == "chart") return drawChart(inputs);
  std::vector<nlohmann::json> evaluations, records;
  std::vector<std::string> paths;
  for (const std::string& input : inputs) {
    std::error_code none;
    const bool directory = std::filesystem::is_directory(input, none);
    const std::string path = directory ? (std::filesystem::path(input) / "results.json").string() : input;
    nlohmann::json json = nlohmann::json::parse(cli::readInput(path), nullptr, false);
    if (!json.is_object() || !json.contains(directory ? "rows" : "rungs")) {
      throw Error(ErrorKind::BadFile, path + (directory ? " is not an evaluation's" : " is no record of offaxis axes"),
                  directory ? "give a directory of offaxis evaluate" : "an evaluation is given by its directory");
    }
    (directory ? evaluations : records).push_back(std::move(json));
    paths.push_back(path);
  }
  const auto one = [&]() -> const nlohmann::json& {
    if (evaluations.size() == 1) return evaluations[0];
    throw Error(ErrorKind::Usage, figure + " draws one evaluation, there are " + std::to_string(evaluations.size()));
  };
  try {
    if (figure == "scores") return scoresFigure(one());
    if (figure == "dose") return doseFigure(one(), records, rung);
    if (figure == "frontier") return frontierFigure(evaluations);
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorKind::BadFile, joined(paths) + (paths.size() > 1 ? " cannot all be read: " : " cannot be read: ") +
                                        withoutTag(e.what()));
  }
  throw Error(ErrorKind::Usage, "no figure is called '" + figure + "'", "known: scores, dose, frontier, chart");
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const std::string output = arguments.required("output");
    cli::requireEnding(output, "svg");
    const std::string svg = draw(arguments.positional("FIGURE"), arguments.positionals("INPUT"),
                                 static_cast<std::size_t>(arguments.integer("rung", 0, 63)));
    writeTextFile(output, svg, arguments.overwrite);
    if (arguments.json) {
      cli::printJson("drawn", {{"picture", output}});
    } else {
      std::cout << output << "\n";
    }
    return 0;
  });
}
