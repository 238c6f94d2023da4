// offaxis encode: codes of a trained model, for `offaxis score` or anything that reads npz.
#include "learn/encode.h"

#include <iostream>

#include "tools/cli.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "encode",
    "CODES.npz holds codes, float32 [N,L], the posterior means, and factors, int64 [N,K], the levels.",
    {{"SOURCE", true, false, "the dataset or variant to encode, of the size that the model was trained on"}},
    {{"checkpoint", "RUN/", "", "directory of the training run"},
     {"output,o", "CODES.npz", "", "file to write"},
     {"count", "N", "10000", "images, drawn uniformly with replacement; all: every image once, in order"},
     {"seed", "N", "0", "of the draw"},
     {"device", "NAME", "auto", "auto, cpu, cuda or cuda:N"},
     {"force", "", "", "replace CODES.npz"}},
    {"xysquares:spacing=1 --checkpoint runs/original -o codes.npz"}};

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    EncodeSettings settings;
    settings.count = arguments.text("count") == "all" ? 0 : arguments.integer("count", 1, std::uint64_t{1} << 40);
    settings.seed = arguments.integer("seed", 0, UINT64_MAX);
    settings.device = arguments.required("device");
    const std::string output = arguments.required("output");
    const std::string checkpoint = arguments.required("checkpoint");
    requireWritable(output, arguments.overwrite);
    const Codes codes = encode(openSource(arguments.positional("SOURCE")), checkpoint, settings, arguments.context);
    writeCodes(output, codes, arguments.overwrite);
    if (arguments.json) {
      cli::printJson(
          "complete",
          {{"file", output}, {"images", codes.count}, {"latents", codes.latents}, {"factors", codes.factorCount}});
    } else {
      std::cout << output << ": " << codes.count << " codes of " << codes.latents << " latents, " << codes.factorCount
                << " factors\n";
    }
    return 0;
  });
}
