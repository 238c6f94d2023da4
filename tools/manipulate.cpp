// offaxis manipulate: trains psi, the perturbation network, and writes a run directory.
#include <iostream>
#include <sstream>

#include "core/error.h"
#include "core/rotation.h"
#include "learn/perturbation.h"
#include "learn/rung_json.h"
#include "measure/alignment.h"
#include "tools/cli.h"
#include "tools/rungs.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;
using cli::Json;

// Options without a fallback here keep the profile's value.
const cli::Verb kVerb{
    "manipulate",
    "Trains an entangled and a disentangled reference model at each rung of a ladder of KL weights, and psi so that\n"
    "the entangled ones rebuild the images better (Zietlow, Rolinek and Martius, ICML 2021; the noise-limited models,\n"
    "the ladder and psi's inputs are our design). RUN/ receives psi.h5, the integer network that `offaxis emit` "
    "applies,\n"
    "and log.json. Ctrl-C keeps a checkpoint there; the same command goes on from it. Options that name no default "
    "have\n"
    "the recipe's and the profile's; docs/manipulation.md says what each is good for.",
    {{"SOURCE", true, false,
      "the original, such as xysquares:spacing=1; averaged down to the profile's size where it is larger"}},
    {{"output,o", "RUN", "", "the run's directory"},
     {"eps", "E", "",
      "budget: |delta| <= floor(255 E) levels; the dataset's where left out: shapes3d 0.175, others 0.1"},
     {"seed", "N", "0", "of every draw"},
     {"profile", "P", "quick", "quick, pilot or paper"},
     {"recipe", "NAME", "tint",
      "settings to start from: tint, those of the dataset's confirmation, or levels, the first design; the options "
      "below change them"},
     {"rotation", "NAME", "",
      "of the entangled model: blocks, pairs or random; NAME:FACTOR,FACTOR,.. rotates these alone; A;B is one for each "
      "rung of the ladder in turn; auto: pairs of the factors that show most, each with the whole ladder"},
     {"codes", "NAME", "",
      "what the reference models are handed: levels, or angles of cyclic factors; A;B is one for each rung in turn"},
     {"loss", "NAME", "", "of the reference models: squared-error or bernoulli"},
     {"ladder", "W,W,...", "", "KL weights, as multiples of the pixel variance per factor"},
     {"harmonics", "H,H,...", "", "of psi's rotated inputs; 'none' for none"},
     {"batch", "N", "", "images a step"},
     {"draws", "N", "", "noise draws for each image; 0 for reference models without noise"},
     {"ensemble", "N", "", "reference models of each kind at every rung"},
     {"inputs", "NAME", "", "of psi: rotated, factors or one-hot"},
     {"additive", "HOW", "no",
      "psi as a sum of patterns, one for each factor's level: trained (as one), projected (on one after training) or "
      "no"},
     {"separation", "W", "", "what psi pays where it carries an image towards another factor level's"},
     {"restrain", "HOW", "",
      "hold psi back until each image is nearest to its own factors (`offaxis verify`): images, or pixels (those that "
      "tell an image from its rivals); no"},
     {"energy", "W", "", "what psi pays for the sum of its squared changes to an image's pixels"},
     {"inward-slope", "S", "0", "least slope of psi's tanh for gradients that point inwards"},
     {"rate", "R", "", "learning rate of the reference models"},
     {"psi-rate", "R", "", "learning rate of psi"},
     {"warmup-steps", "N", "", "reference models alone, on the original"},
     {"psi-steps", "N", "", "psi and reference models in turn; 0 keeps psi untrained"},
     {"fresh-steps", "N", "", "new reference models on the result"},
     {"restart-every", "N", "", "psi steps after which one rung's models start anew"},
     {"sign", "+1|-1", "1", "-1 trains the sign-flipped control, which favours the factors"},
     {"device", "D", "auto", "auto, cpu or cuda[:N]"}},
    {"shapes3d -o run/", "xysquares:spacing=1 --eps 0.05 --seed 3 -o run-3/"}};

ManipulateSettings parse(const cli::Arguments& a, const SourceInfo& original) {
  constexpr std::uint64_t kMany = 1'000'000'000;
  ManipulateSettings s = ManipulateSettings::forProfile(a.text("profile"));
  s.follow(a.text("recipe"), original);
  if (a.given("eps")) s.eps = a.budget("eps");
  s.seed = a.integer("seed", 0, UINT64_MAX);
  if (a.given("rotation")) s.rotation = a.text("rotation");
  if (a.given("codes")) s.codes = a.text("codes");
  if (a.given("loss")) s.loss = a.text("loss");
  if (a.given("ladder")) s.ladder = cli::parseReals(a.text("ladder"), "--ladder");
  if (a.given("harmonics")) {
    s.harmonics =
        a.text("harmonics") == "none" ? std::vector<double>{} : cli::parseReals(a.text("harmonics"), "--harmonics");
  }
  if (a.given("batch")) s.batch = static_cast<int>(a.integer("batch", 2, 4096));
  if (a.given("draws")) s.draws = static_cast<int>(a.integer("draws", 0, 64));
  if (a.given("ensemble")) s.ensemble = static_cast<int>(a.integer("ensemble", 1, 16));
  s.additive = a.text("additive");
  if (a.given("separation")) s.separation = a.realBelow("separation", 0.0, 1e6);
  if (a.given("restrain")) s.restrain = a.text("restrain");
  if (a.given("energy")) s.energy = a.realBelow("energy", 0.0, 1e6);
  s.inwardSlope = a.real("inward-slope", 0.0, 1.0);
  if (a.given("inputs")) s.inputs = a.text("inputs");
  if (a.given("rate")) s.rate = a.real("rate", 1e-8, 1.0);
  if (a.given("psi-rate")) s.psiRate = a.real("psi-rate", 1e-8, 1.0);
  if (a.given("warmup-steps")) s.warmupSteps = a.integer("warmup-steps", 1, kMany);
  if (a.given("psi-steps")) s.psiSteps = a.integer("psi-steps", 0, kMany);
  if (a.given("fresh-steps")) s.freshSteps = a.integer("fresh-steps", 1, kMany);
  if (a.given("restart-every")) s.restartEvery = a.integer("restart-every", 0, kMany);
  const std::string& sign = a.text("sign");
  if (sign != "1" && sign != "+1" && sign != "-1")
    throw Error(ErrorKind::Usage, "--sign is '" + sign + "'", "give 1 or -1");
  s.sign = sign == "-1" ? -1 : 1;
  s.device = a.text("device");
  return s;
}

// "auto" as the images' linear response has it, the same for every seed; every rotation takes the whole ladder.
void chooseRotation(ManipulateSettings& settings, const Source& source, const Context& context) {
  constexpr std::uint64_t kSamples = 8192;
  if (settings.rotation != "auto") return;
  settings.rotation = mixingRotations(linearResponse(source, kSamples, 0, context));
  const std::size_t rotations = rotationSpecs(settings.rotation).size();
  std::vector<double> ladder;
  for (const double weight : settings.ladder) ladder.insert(ladder.end(), rotations, weight);
  settings.ladder = std::move(ladder);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const std::string directory = arguments.required("output");
    SourcePtr source = openSource(arguments.positional("SOURCE"));
    ManipulateSettings settings = parse(arguments, source->info());
    if (const std::uint32_t side = settings.side(); source->info().shape.height > side) source = reduced(source, side);
    chooseRotation(settings, *source, arguments.context);
    const ManipulateResult result = manipulate(source, settings, directory, arguments.context);
    if (arguments.json) {
      cli::printJson(
          "done", {{"psi", result.psiPath},
                   {"log", result.logPath},
                   {"already_done", result.alreadyDone},
                   {"original", toJson(result.original)},
                   {"modified", toJson(result.modified)},
                   {"quantisation", {{"mean_levels", result.quantisationMean}, {"max_levels", result.quantisationMax}}},
                   {"mean_abs_delta", result.meanDelta},
                   {"clipped_share", result.clippedShare},
                   {"restrained", result.restrained},
                   {"delta_spectrum", result.deltaSpectrum}});
      return 0;
    }
    if (result.alreadyDone) std::cout << "already finished\n";
    cli::printRungs({{"original", result.original}, {"modified", result.modified}});
    std::printf("mean |delta| %.4f, clipped %.1f %%; integer against float network: mean %.2f, at most %.2f levels\n",
                result.meanDelta, 100.0 * result.clippedShare, result.quantisationMean, result.quantisationMax);
    if (!result.deltaSpectrum.empty()) {
      std::printf("energy by scale:");
      for (std::size_t i = 0; i < result.deltaSpectrum.size(); ++i)
        std::printf("%s %d px %.0f %%", i > 0 ? "," : "", 1 << i, 100.0 * result.deltaSpectrum[i]);
      std::printf("\n");
    }
    if (settings.restrain != "no") std::cout << "held back on " << result.restrained << " images\n";
    std::cout << "psi: " << result.psiPath << "\nlog: " << result.logPath << "\n";
    return 0;
  });
}
