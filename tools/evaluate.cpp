// offaxis evaluate: how much worse models do on a variant, and on its controls.
#include "experiment/evaluate.h"

#include <cstdio>
#include <iostream>
#include <sstream>

#include "tools/cli.h"
#include "tools/terminal.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "evaluate",
    "train models on variants of one dataset and compare their scores",
    "The first source is what the others are compared with, in pairs: all runs of one seed share initialisation,\n"
    "batches and noise. Runs go side by side, one per thread; interrupted or killed, the same command goes on.\n"
    "DIR/ gets results.json (rows and summary) and runs/. Latents and beta default to the dataset's: see "
    "DIR/results.json.",
    {{"ARM", true, true, "NAME=SOURCE: a source under the name that the table shows it by; the first '=' separates"}},
    {{"output,o", "DIR/", "", "directory of the evaluation, made where it is missing"},
     {"models", "LIST", "beta-vae", "comma-separated, of `offaxis list models`"},
     {"profile", "NAME", "quick", "quick (32x32, minutes a run), pilot (hours on two cores) or paper (300k steps)"},
     {"seeds", "N", "", "runs per source and model, with seeds 0 to N - 1; quick 3, pilot 5, paper 10"},
     {"latents", "L", "", "instead of the dataset's default"},
     {"beta", "B", "", "instead of the dataset's default"},
     {"loss", "NAME", "", "bernoulli or squared-error, instead of the dataset's default"},
     {"steps", "N", "", "instead of the profile's"},
     {"learning-rate", "R", "", "instead of the profile's"},
     {"device", "NAME", "auto", "auto, cpu, cuda or cuda:N"},
     {"force", "", "", "train anew what DIR/ holds"}},
    {"original=xysquares:spacing=1 modified=xysquares:spacing=1+modified:psi=run/psi.h5 "
     "noise=xysquares:spacing=1+noise:eps=0.1 --seeds 3 -o evaluation/"}};

struct Settings {
  EvaluateSettings evaluate;
  std::string output;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  EvaluateSettings& evaluate = settings.evaluate;
  settings.output = arguments.required("output");
  for (const std::string& text : arguments.positionals("ARM")) evaluate.arms.push_back(parseArm(text));
  evaluate.models.clear();
  std::istringstream list(arguments.required("models"));
  for (std::string name; std::getline(list, name, ',');) evaluate.models.push_back(name);
  evaluate.profile = evaluationProfile(arguments.required("profile"));
  TrainSettings& train = evaluate.profile.train;
  if (arguments.given("seeds")) evaluate.profile.seeds = arguments.integer("seeds", 1, 1000);
  if (arguments.given("latents")) evaluate.latents = static_cast<int>(arguments.integer("latents", 1, 1000));
  if (arguments.given("beta")) evaluate.beta = arguments.real("beta", 0, 1e9);
  if (arguments.given("loss")) evaluate.loss = arguments.text("loss");
  if (arguments.given("steps")) train.steps = arguments.integer("steps", 1, std::uint64_t{1} << 40);
  if (arguments.given("learning-rate")) train.learningRate = arguments.real("learning-rate", 1e-12, 10);
  train.device = arguments.required("device");
  evaluate.overwrite = arguments.overwrite == Overwrite::Replace;
  return settings;
}

std::string format(const char* pattern, double a, double b = 0, double c = 0) {
  char text[96];
  std::snprintf(text, sizeof text, pattern, a, b, c);
  return text;
}

void printTable(const EvaluateSettings& settings, const EvaluationResult& result) {
  const TrainSettings& train = settings.profile.train;
  std::cout << "MIG, mean +- sd over " << settings.profile.seeds << " seeds; profile " << settings.profile.name << ": "
            << train.steps << " steps of " << train.batch << ", " << train.net << ", " << result.latents
            << " latents, beta " << formatReal(result.beta) << ", " << result.loss << "\n\n";
  std::size_t width = 0;
  for (const EvaluationSummary& row : result.summary) width = std::max(width, row.variant.size());
  const auto name = [&](const EvaluationSummary& row) {
    return row.variant + std::string(width - row.variant.size() + 2, ' ') + row.model;
  };
  std::size_t names = 0;
  for (const EvaluationSummary& row : result.summary) names = std::max(names, name(row).size());
  const auto line = [&](const std::string& left, const std::string& mig, const std::string& difference,
                        const std::string& rotated, const std::string& active) {
    std::printf("%-*s  %-15s  %-24s  %-15s  %s\n", static_cast<int>(names), left.c_str(), mig.c_str(),
                difference.c_str(), rotated.c_str(), active.c_str());
  };
  line("", "MIG", "change [95 % interval]", "rotated MIG", "active units");
  for (const EvaluationSummary& row : result.summary) {
    const PairedDifference& d = row.mig.difference;
    const bool baseline = row.variant == settings.arms.front().name;
    line(name(row), format("%.3f +- %.3f", row.mig.mean, row.mig.sd),
         baseline ? "" : format("%+.3f [%+.3f, %+.3f]", d.mean, d.interval.low, d.interval.high),
         format("%.3f +- %.3f", row.rotated.mean, row.rotated.sd), format("%.1f", row.activeUnits));
  }
  std::cout << "\nper seed:\n";
  for (const EvaluationSummary& row : result.summary) {
    std::printf("%-*s ", static_cast<int>(names), name(row).c_str());
    for (const double value : row.mig.points) std::printf(" %.3f", value);
    std::printf("\n");
  }
  std::printf("\nperfect codes score %.3f, randomly rotated factors %.3f +- %.3f; R: %s\n", result.calibration.ceiling,
              result.calibration.floor, result.calibration.floorSd, result.rotation.c_str());
  std::printf("%s\n", result.path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    const EvaluationResult result = evaluate(settings.evaluate, settings.output, arguments.context);
    if (arguments.json) {
      std::cout << readTextFile(result.path);
    } else {
      printTable(settings.evaluate, result);
    }
    return 0;
  });
}
