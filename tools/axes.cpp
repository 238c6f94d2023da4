// offaxis axes: trains reference models on a dataset or variant and says which axes it favours.
#include <iostream>

#include "datasets/content.h"
#include "learn/perturbation.h"
#include "learn/rung_json.h"
#include "learn/trainer.h"
#include "storage/staged.h"
#include "tools/cli.h"
#include "tools/rungs.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;
using cli::Json;

// Options without a fallback here keep the profile's value.
const cli::Verb kVerb{
    "axes",
    "Trains the reference models of `offaxis manipulate` on SOURCE and nothing else. J = rec + KL weight x KL is what\n"
    "a VAE minimises: where J_ent < J_dis, codes along R's axes are cheaper than codes along the factors' own. The KL\n"
    "weights are the same for all variants of one original.",
    {{"SOURCE", true, false, "an original or a variant; averaged down to the profile's size where it is larger"}},
    {{"output,o", "FILE", "", "write settings, source and figures as JSON"},
     {"seed", "N", "0", "of every draw"},
     {"profile", "P", "quick", "quick, pilot or paper"},
     {"codes", "NAME", "", "what the reference models are handed: levels, or angles of cyclic factors; A;B: by rung"},
     {"rotation", "NAME", "", "R: blocks, pairs or random; NAME:FACTOR,FACTOR,.. rotates these alone; A;B: by rung"},
     {"loss", "NAME", "", "squared-error or bernoulli"},
     {"ladder", "W,W,...", "", "KL weights, as multiples of the original's pixel variance per factor"},
     {"steps", "N", "", "of training"},
     {"batch", "N", "", "images a step"},
     {"draws", "N", "", "noise draws for each image; 0 for models without noise"},
     {"ensemble", "N", "", "models of each kind at every rung; their mean is given"},
     {"rate", "R", "", "learning rate"},
     {"device", "D", "auto", "auto, cpu or cuda[:N]"},
     {"force", "", "", "replace FILE"}},
    {"xysquares:spacing=1", "shapes3d+modified:psi=run/psi.h5 --steps 600 -o axes.json"}};

ManipulateSettings parse(const cli::Arguments& a) {
  constexpr std::uint64_t kMany = 1'000'000'000;
  ManipulateSettings s = ManipulateSettings::forProfile(a.text("profile"));
  s.seed = a.integer("seed", 0, UINT64_MAX);
  if (a.given("rotation")) s.rotation = a.text("rotation");
  if (a.given("codes")) s.codes = a.text("codes");
  if (a.given("loss")) s.loss = a.text("loss");
  if (a.given("ladder")) s.ladder = cli::parseReals(a.text("ladder"), "--ladder");
  if (a.given("steps")) s.warmupSteps = a.integer("steps", 1, kMany);
  if (a.given("batch")) s.batch = static_cast<int>(a.integer("batch", 2, 4096));
  if (a.given("draws")) s.draws = static_cast<int>(a.integer("draws", 0, 64));
  if (a.given("ensemble")) s.ensemble = static_cast<int>(a.integer("ensemble", 1, 16));
  if (a.given("rate")) s.rate = a.real("rate", 1e-8, 1.0);
  s.device = a.text("device");
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const ManipulateSettings settings = parse(arguments);
    const std::string output = arguments.text("output");
    if (!output.empty()) StagedFile(output, arguments.overwrite);  // fails early where it cannot be written
    const SourcePtr source = openSource(arguments.positional("SOURCE"), {settings.side()});
    const std::vector<RungMeasure> rungs = measureReferences(source, settings, arguments.context);
    const Json record{{"schema_version", 1},
                      {"source", {{"expression", source->info().expression()}, {"identity", sourceIdentity(*source)}}},
                      {"settings",
                       {{"profile", settings.profile},
                        {"seed", settings.seed},
                        {"rotation", settings.rotation},
                        {"codes", settings.codes},
                        {"loss", settings.loss},
                        {"ladder", settings.ladder},
                        {"steps", settings.warmupSteps},
                        {"batch", settings.batch},
                        {"draws", settings.draws},
                        {"ensemble", settings.ensemble},
                        {"rate", settings.rate}}},
                      {"rungs", toJson(rungs)}};
    if (!output.empty()) writeTextFile(output, record.dump(2) + "\n", arguments.overwrite);
    if (arguments.json) {
      cli::printJson("measured", record);
    } else {
      cli::printRungs({{source->info().variant, rungs}});
    }
    return 0;
  });
}
