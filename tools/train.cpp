// offaxis train: trains one model on a source.
#include "learn/trainer.h"

#include <cstdio>
#include <iostream>
#include <optional>

#include "learn/cached_source.h"
#include "learn/probe.h"
#include "tools/cli.h"
#include "tools/terminal.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "train",
    "RUN/ gets checkpoint.h5 and run.json. Stopped by Ctrl-C or killed, the same command goes on from the last\n"
    "checkpoint (without --force) and ends with the same bits. A run is a pure function of source and options on one\n"
    "machine. The defaults are the paper's: days on a CPU. `offaxis evaluate` trains runs of its quick profile.\n"
    "The model probe is supervised: beta, latents and loss play no part, and its accuracies on held-out images are "
    "said.",
    {{"SOURCE", true, false, "a dataset, a file, or either with a variant: xysquares:spacing=1+noise:eps=0.1"}},
    {{"output,o", "RUN/", "", "directory of the run, made where it is missing"},
     {"model", "NAME", "beta-vae", "one of `offaxis list models`"},
     {"beta", "B", "1", "weight of the KL term, on sums over pixels and latents"},
     {"latents", "L", "10", "dimensions of the code"},
     {"loss", "NAME", "bernoulli", "bernoulli or squared-error"},
     {"net", "NAME", "auto", "conv64, conv32, conv32-wide, or auto: by the image's side"},
     {"batch", "N", "64", "images a step"},
     {"steps", "N", "300000", "steps in all; a finished run is continued where this grows"},
     {"learning-rate", "R", "0.0001", "of Adam"},
     {"seed", "N", "0", "of initialisation, batches and noise"},
     {"precision", "NAME", "float32", "of the networks: float32, tf32 or bfloat16 (a CPU imitates these, slower)"},
     {"device", "NAME", "auto", "auto, cpu, cuda or cuda:N"},
     {"log-every", "N", "100", "steps averaged into one point of the loss curve"},
     {"checkpoint-every", "N", "2000", "steps between checkpoints"},
     {"force", "", "", "start anew where RUN/ holds another run"}},
    {"shapes3d:size=32 --beta 16 --latents 6 --steps 2500 --learning-rate 0.001 -o runs/original",
     "shapes3d.h5:size=32+modified:psi=run/psi.h5 --beta 8 --steps 6000 --learning-rate 0.001 -o runs/modified"}};

struct Settings {
  std::string source;
  std::string output;
  TrainSettings train;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings{arguments.positional("SOURCE"), arguments.required("output"), {}};
  constexpr std::uint64_t kMany = std::uint64_t{1} << 40;
  TrainSettings& train = settings.train;
  train.model = arguments.required("model");
  train.beta = arguments.real("beta", 0, 1e9);
  train.latents = static_cast<int>(arguments.integer("latents", 1, 1000));
  train.loss = arguments.required("loss");
  train.net = arguments.required("net");
  train.batch = arguments.integer("batch", 1, 65536);
  train.steps = arguments.integer("steps", 1, kMany);
  train.learningRate = arguments.real("learning-rate", 1e-12, 10);
  train.seed = arguments.integer("seed", 0, UINT64_MAX);
  train.precision = arguments.required("precision");
  train.device = arguments.required("device");
  train.logEvery = arguments.integer("log-every", 1, kMany);
  train.checkpointEvery = arguments.integer("checkpoint-every", 1, kMany);
  train.overwrite = arguments.overwrite == Overwrite::Replace;
  return settings;
}

void printAccuracies(const ProbeResult& probed) {
  std::printf("accuracy on %llu held-out images, learnt from %llu: mean %.3f\n",
              static_cast<unsigned long long>(probed.testImages), static_cast<unsigned long long>(probed.trainImages),
              probed.mean);
  for (const ProbedFactor& factor : probed.factors) std::printf("  %s %.3f\n", factor.name.c_str(), factor.accuracy);
}

cli::Json accuraciesOf(const ProbeResult& probed) {
  cli::Json accuracies = cli::Json::object();
  for (const ProbedFactor& factor : probed.factors) accuracies[factor.name] = factor.accuracy;
  return accuracies;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    const SourcePtr source = openSource(settings.source);
    const TrainResult result = trainVae(cachedWhereSlow(source), settings.train, settings.output, arguments.context);
    std::optional<ProbeResult> probed;
    if (isSupervised(settings.train.model))
      probed = probe(source, settings.output, settings.train.device, arguments.context);
    if (arguments.json && probed) {
      cli::printJson("complete", {{"run", settings.output},
                                  {"steps", result.steps},
                                  {"test_images", probed->testImages},
                                  {"train_images", probed->trainImages},
                                  {"mean", probed->mean},
                                  {"per_factor", accuraciesOf(*probed)},
                                  {"device", result.device},
                                  {"seconds", result.seconds}});
      return 0;
    }
    if (arguments.json) {
      cli::printJson("complete", {{"run", settings.output},
                                  {"steps", result.steps},
                                  {"reconstruction", result.reconstruction},
                                  {"kl", result.kl},
                                  {"kl_per_latent", result.klPerLatent},
                                  {"active_units", result.activeUnits},
                                  {"device", result.device},
                                  {"seconds", result.seconds}});
      return 0;
    }
    std::printf("%s on %s: %llu steps on %s in %s%s\n", settings.train.model.c_str(),
                source->info().expression().c_str(), static_cast<unsigned long long>(result.steps),
                result.device.c_str(), cli::formatDuration(result.seconds).c_str(),
                result.alreadyDone ? " (was done already)" : "");
    if (probed) {
      printAccuracies(*probed);
    } else if (isVariational(settings.train.model)) {
      std::printf("reconstruction %.2f, KL %.2f nats, %llu of %d units active\n", result.reconstruction, result.kl,
                  static_cast<unsigned long long>(result.activeUnits), settings.train.latents);
    } else {
      std::printf("loss %.4f\n", result.reconstruction);
    }
    std::printf("%s/run.json holds the settings and the loss curve\n", settings.output.c_str());
    return 0;
  });
}
