// offaxis traverse: what the latents of a trained model draw.
#include "learn/traverse.h"

#include <filesystem>
#include <iostream>

#include "core/error.h"
#include "learn/encode.h"
#include "measure/mig.h"
#include "report/latent_pictures.h"
#include "tools/cli.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "traverse",
    "DIR/ gets latents.png (one strip a latent, those that vary most first), latents.gif, reconstructions.png,\n"
    "information.svg (what each latent tells of each factor, nats), traversal.json and the tiles that it names. "
    "Written\n"
    "into RUN/pictures, they are shown by `offaxis report RUN/`.",
    {{"SOURCE", true, false, "the dataset or variant, of the size that the model was trained on"}},
    {{"checkpoint", "RUN/", "", "directory of the training run"},
     {"output,o", "DIR/", "", "RUN/pictures where it is not given"},
     {"steps", "N", "9", "images a latent"},
     {"span", "Z", "2", "each latent runs from -Z to Z"},
     {"reconstructions", "N", "8", "images rebuilt"},
     {"count", "N", "10000", "images that the information is measured on"},
     {"seed", "N", "0", "of the choice of images"},
     {"device", "NAME", "auto", "auto, cpu, cuda or cuda:N"},
     {"force", "", "", "replace what DIR/ holds"}},
    {"xysquares:spacing=1,size=32 --checkpoint evaluation/runs/original_beta-vae_0"}};

struct Settings {
  std::string checkpoint, output;
  TraverseSettings traverse;
  EncodeSettings encode;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  settings.checkpoint = arguments.required("checkpoint");
  settings.output = arguments.given("output") ? arguments.text("output") : settings.checkpoint + "/pictures";
  settings.traverse.steps = static_cast<std::uint32_t>(arguments.integer("steps", 2, 64));
  settings.traverse.span = arguments.real("span", 1e-3, 1e3);
  settings.traverse.reconstructions = static_cast<std::uint32_t>(arguments.integer("reconstructions", 1, 64));
  settings.traverse.seed = arguments.integer("seed", 0, UINT64_MAX);
  settings.traverse.device = arguments.required("device");
  settings.encode.count = arguments.integer("count", 2, std::uint64_t{1} << 40);
  settings.encode.seed = settings.traverse.seed;
  settings.encode.device = settings.traverse.device;
  return settings;
}

LatentPictures picturesOf(const std::string& expression, const SourcePtr& source, const LatentTraversal& drawn,
                          const Codes& codes) {
  const SourceInfo& info = source->info();
  const auto all = [&](const std::vector<LatentTraversal::Image>& images) {
    std::vector<Pixels> pixels;
    for (const LatentTraversal::Image& image : images) pixels.push_back(pixelsOf(image.data(), info.shape));
    return pixels;
  };
  LatentPictures pictures;
  pictures.model = drawn.model;
  pictures.checkpointSha256 = drawn.checkpointSha256;
  pictures.source = expression;
  pictures.offsets = drawn.offsets;
  for (const auto& strip : drawn.strips) pictures.strips.push_back(all(strip));
  pictures.variance = drawn.variance;
  for (const std::uint64_t row : drawn.rows) pictures.rows.push_back(source->gridIndex(row));
  pictures.originals = all(drawn.originals);
  pictures.rebuilt = all(drawn.rebuilt);
  for (const Factor& factor : info.grid.factors()) pictures.factors.push_back(factor.name);
  pictures.information = mig(viewOf(codes)).information;
  return pictures;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    checkLatentPictures(settings.output, arguments.overwrite);
    const SourcePtr source = openSource(arguments.positional("SOURCE"));
    const LatentTraversal drawn = traverseLatents(source, settings.checkpoint, settings.traverse, arguments.context);
    const Codes codes = encode(source, settings.checkpoint, settings.encode, arguments.context);
    writeLatentPictures(picturesOf(arguments.positional("SOURCE"), source, drawn, codes), settings.output,
                        arguments.overwrite);
    if (arguments.json) {
      cli::printJson("complete", {{"directory", settings.output}, {"latents", drawn.latents}});
    } else {
      std::cout << settings.output << ": latents.png, latents.gif, reconstructions.png, information.svg\n";
    }
    return 0;
  });
}
