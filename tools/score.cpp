// offaxis score: disentanglement metrics of codes, ours or anyone's.
#include <cstdio>
#include <iostream>
#include <sstream>

#include "measure/mig.h"
#include "storage/codes.h"
#include "tools/cli.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "score",
    "score codes against the factors",
    "CODES.npz holds codes, float32 or float64 [N,L], and factors, int32 or int64 [N,K], as numpy.savez writes them:\n"
    "any model's codes can be scored. The ceiling is what the factors themselves score as codes, the floor what\n"
    "randomly rotated factors score.",
    {{"CODES.npz", true, false, "what `offaxis encode` writes, or your own"}},
    {{"metrics", "LIST", "mig", "comma-separated, of `offaxis list metrics`"},
     {"seed", "N", "0", "of the floor's rotations"}},
    {"codes.npz --metrics mig --json"}};

void scoreMig(const Codes& codes, std::uint64_t seed, cli::Json& scores, std::ostream& text) {
  const CodeView view = viewOf(codes);
  const MigResult result = mig(view);
  const MigCalibration calibration = calibrateMig(view, observedSizes(view), seed);
  scores["mig"] = {{"value", result.value},
                   {"per_factor", result.perFactor},
                   {"definition", kMigDefinition},
                   {"count", codes.count},
                   {"bins", kMigBins},
                   {"latents", codes.latents},
                   {"ceiling", calibration.ceiling},
                   {"floor", calibration.floor},
                   {"floor_sd", calibration.floorSd}};
  char line[160];
  std::snprintf(line, sizeof line, "mig  %.4f   (perfect codes %.3f, rotated factors %.3f +- %.3f)\n", result.value,
                calibration.ceiling, calibration.floor, calibration.floorSd);
  text << line << "     per factor:";
  for (const double value : result.perFactor) {
    std::snprintf(line, sizeof line, " %.3f", value);
    text << line;
  }
  text << "\n     " << kMigDefinition << ", N " << codes.count << ", seed " << seed << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const std::uint64_t seed = arguments.integer("seed", 0, UINT64_MAX);
    std::vector<std::string> metrics;
    std::istringstream list(arguments.required("metrics"));
    for (std::string name; std::getline(list, name, ',');) {
      if (name != "mig") throw Error(ErrorKind::Usage, "no metric is called '" + name + "'", "known: mig");
      metrics.push_back(name);
    }
    const std::string path = arguments.positional("CODES.npz");
    const Codes codes = readCodes(path);
    cli::Json scores = cli::Json::object();
    std::ostringstream text;
    for (std::size_t i = 0; i < metrics.size(); ++i) scoreMig(codes, seed, scores, text);
    if (arguments.json) {
      cli::printJson("complete", {{"file", path}, {"seed", seed}, {"scores", scores}});
    } else {
      std::cout << text.str();
    }
    return 0;
  });
}
