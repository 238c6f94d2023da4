// offaxis score: disentanglement metrics of codes, ours or anyone's.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>

#ifdef OFFAXIS_LEARN
#include "datasets/registry.h"
#include "experiment/encoder_codes.h"
#include "variants/expression.h"
#endif
#include "measure/metrics.h"
#include "measure/score_json.h"
#include "report/score_comparison.h"
#include "storage/codes.h"
#include "tools/cli.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "score",
    "CODES.npz holds codes, float32 or float64 [N,L], and factors, int32 or int64 [N,K], as numpy.savez writes them:\n"
    "any model's codes can be scored. Beside each score stand its ceiling (the factors themselves as codes), what\n"
    "independent codes score, and its floor (randomly rotated factors), all on the rows of the file.\n"
    "factor-vae and beta-vae compare images that share a factor: they need codes that cover the factor grid, or the\n"
    "source and checkpoint that the codes come from.\n"
    "--compare reads a folder of scores instead, DIR/DATASET/MODEL.json as --json prints them or a directory of\n"
    "`offaxis evaluate`, and prints rank correlations between metrics and between datasets.",
    {{"CODES.npz", false, false, "what `offaxis encode` writes, or your own"}},
    {{"metrics", "LIST", "",
      "comma-separated, of `offaxis list metrics`; all: those that the input allows; without: mig"},
     {"source", "SOURCE", "", "the images behind the codes, with --checkpoint"},
     {"checkpoint", "RUN/", "", "the run that encoded them"},
     {"rotations", "N", "", "of the floor, instead of the metric's own number; 0: neither floor nor ceiling"},
     {"seed", "N", "0", "of splits, pairs and rotations"},
     {"device", "NAME", "auto", "auto, cpu, cuda or cuda:N, for --checkpoint"},
     {"compare", "DIR/", "", "compare the scores below DIR/"}},
    {"codes.npz --metrics mig,dci --json", "codes.npz --metrics all", "--compare evaluation/"}};

struct Settings {
  std::string codes, source, checkpoint, device;
  std::vector<std::string> metrics;
  std::optional<int> rotations;
  std::uint64_t seed = 0;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  settings.codes = arguments.positional("CODES.npz");
  if (settings.codes.empty()) throw Error(ErrorKind::Usage, "no CODES.npz to score", "give one, or --compare DIR/");
  settings.source = arguments.text("source");
  settings.checkpoint = arguments.text("checkpoint");
  if (settings.source.empty() != settings.checkpoint.empty())
    throw Error(ErrorKind::Usage, "--source and --checkpoint belong together", "give both or neither");
  settings.device = arguments.required("device");
  if (settings.checkpoint.empty() && settings.device != "auto")
    throw Error(ErrorKind::Usage, "--device is of --checkpoint's model, and would be passed over",
                "leave it out, or give --source and --checkpoint");
  settings.metrics = splitList(arguments.given("metrics") ? arguments.required("metrics") : "mig", "--metrics");
  for (const std::string& name : settings.metrics) {
    if (name != "all") metric(name);  // refuses unknown names
  }
  if (arguments.given("rotations")) settings.rotations = static_cast<int>(arguments.integer("rotations", 0, 1000));
  settings.seed = arguments.integer("seed", 0, UINT64_MAX);
  return settings;
}

// Where images that share a factor come from; empty where nothing gives them.
std::optional<CodeSource> pairsOf(const Settings& settings, MetricInput& input, const Context& context) {
  if (settings.source.empty()) return gridCodes(input.codes, input.sizes);
#ifdef OFFAXIS_LEARN
  SourcePtr source = openSource(settings.source);
  CodeSource pairs =
      encoderCodes(std::move(source), settings.checkpoint, input.codes.latents, settings.device, context);
  if (pairs.sizes.size() != input.sizes.size())
    throw Error(ErrorKind::BadFile, settings.source + " has " + std::to_string(pairs.sizes.size()) + " factors, " +
                                        settings.codes + " " + std::to_string(input.sizes.size()));
  for (std::size_t k = 0; k < input.sizes.size(); ++k) {
    if (input.sizes[k] <= pairs.sizes[k]) continue;
    throw Error(ErrorKind::BadFile, "factor " + std::to_string(k) + " has " + std::to_string(pairs.sizes[k]) +
                                        " levels in " + settings.source + ", and a level " +
                                        std::to_string(input.sizes[k] - 1) + " in " + settings.codes);
  }
  input.sizes = pairs.sizes;  // levels that the sample happens not to show count
  requireCodesOf(pairs, input.codes, settings.codes, settings.checkpoint);
  return pairs;
#else
  (void)context;
  throw Error(ErrorKind::Unavailable, "this build has no encoder for --checkpoint",
              "build with -DOFFAXIS_LEARN=ON, or score codes that cover the grid");
#endif
}

std::string number(const cli::Json& value) {
  if (!value.is_number()) return "inf";  // what is NaN is refused before
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value.get<double>());
  return text;
}

void print(const std::string& name, const Score& score, const cli::Json& json) {
  std::printf("%s", name.c_str());
  for (const auto& [part, value] : score.values)
    std::printf("  %s%s", part == "value" ? "" : (part + " ").c_str(),
                number(std::isfinite(value) ? cli::Json(value) : cli::Json()).c_str());
  std::printf("\n");
  if (json.contains("ceiling")) {
    std::printf("    perfect codes %s, independent codes %s", number(json["ceiling"]).c_str(),
                number(json["independent"]).c_str());
    if (json.contains("floor")) std::printf(", rotated factors %s", number(json["floor"]).c_str());
    if (json.contains("floor_sd")) std::printf(" +- %s", number(json["floor_sd"]).c_str());
    std::printf("\n");
  }
  for (const auto& [detail, values] : score.details) {
    if (detail == "importance") continue;  // a matrix: --json has it
    std::string label = detail;
    for (char& c : label) c = c == '_' ? ' ' : c;
    std::printf("    %s:", label.c_str());
    for (const double value : values) std::printf(" %.3f", value);
    std::printf("\n");
  }
  std::printf("    %s", json["definition"].get<std::string>().c_str());
  for (const auto& [sample, count] : score.samples) {
    std::string label = sample;
    for (char& c : label) c = c == '_' ? ' ' : c;
    std::printf(", %s %llu", label.c_str(), static_cast<unsigned long long>(count));
  }
  std::printf(", seed %llu\n", static_cast<unsigned long long>(json["seed"].get<std::uint64_t>()));
  for (const std::string& note : score.notes) std::printf("    note: %s\n", note.c_str());
}

// The metrics to compute, each once. Of "all", those that the input has images for.
std::vector<const Metric*> chosenMetrics(const Settings& settings, bool pairs) {
  std::vector<const Metric*> chosen;
  const auto choose = [&](const Metric& one) {
    if (std::find(chosen.begin(), chosen.end(), &one) == chosen.end()) chosen.push_back(&one);
  };
  for (const std::string& name : settings.metrics) {
    if (name == "all") {
      for (const Metric& one : metrics()) {
        if (!one.needsPairs || pairs) choose(one);
      }
      continue;
    }
    choose(metric(name));
    if (chosen.back()->needsPairs && !pairs) {
      throw Error(ErrorKind::BadFile, settings.codes + " does not cover the factor grid, which " + name + " needs",
                  "give the codes of every image (offaxis encode --count all), or --source and --checkpoint");
    }
  }
  return chosen;
}

int scoreCodes(const cli::Arguments& arguments) {
  const Settings settings = parse(arguments);
  Codes codes = readCodes(settings.codes);
  if (codes.latents > codes.count) {
    throw Error(ErrorKind::BadFile,
                settings.codes + " has " + std::to_string(codes.latents) + " latents in " +
                    std::to_string(codes.count) + " rows",
                "codes are [N,L], one row per image: transpose them, or give more images");
  }
  MetricInput input;
  // Without a source that says what levels there are, those of the sample are the grid.
  if (settings.source.empty()) input.sizes = rankLevels(codes.factors, codes.factorCount);
  input.codes = viewOf(codes);
  if (!settings.source.empty()) input.sizes = observedSizes(input.codes);
  input.seed = settings.seed;
  input.pairs = pairsOf(settings, input, arguments.context);
  cli::Json scores = cli::Json::object();
  for (const Metric* one : chosenMetrics(settings, input.pairs.has_value())) {
    try {
      const Score score = one->compute(input, arguments.context);
      cli::Json json = toJson(*one, score, settings.seed);
      json["latents"] = codes.latents;
      const int rotations = settings.rotations.value_or(one->rotations);
      if (one->supervised && rotations > 0) json.update(toJson(calibrate(*one, input, rotations, arguments.context)));
      if (!arguments.json) print(one->name, score, json);
      scores[one->name] = std::move(json);
    } catch (const Error& error) {
      const bool named =
          std::find(settings.metrics.begin(), settings.metrics.end(), one->name) != settings.metrics.end();
      if (named || (error.kind() != ErrorKind::BadFile && error.kind() != ErrorKind::Failed)) throw;
      scores[one->name] = {{"error", error.what()}};  // of "all", what this input does not allow
      if (!arguments.json) std::printf("%s  not computed: %s\n", one->name, error.what());
    }
  }
  if (arguments.json) {
    cli::printJson("complete",
                   {{"file", settings.codes}, {"count", codes.count}, {"seed", settings.seed}, {"scores", scores}});
  }
  return 0;
}

int compareFolder(const cli::Arguments& arguments) {
  if (!arguments.positional("CODES.npz").empty())
    throw Error(ErrorKind::Usage, "--compare reads scores, not codes", "leave CODES.npz out");
  for (const char* name : {"metrics", "source", "checkpoint", "rotations"}) {
    if (!arguments.given(name)) continue;
    throw Error(ErrorKind::Usage, "--" + std::string(name) + " does not go with --compare",
                "leave it out: all scores below DIR/ are compared");
  }
  for (const auto& [name, fallback] : {std::pair("seed", "0"), std::pair("device", "auto")}) {
    if (arguments.text(name) != fallback)
      throw Error(ErrorKind::Usage, "--" + std::string(name) + " does not go with --compare",
                  "leave it out: scores are compared as they are");
  }
  const auto [models, skipped] = readScoredModels(arguments.text("compare"));
  const ScoreComparison comparison = compareScores(models);
  auto toJson = [](const std::vector<ScoreComparison::Group>& groups) {
    cli::Json json = cli::Json::object();
    for (const ScoreComparison::Group& group : groups) {
      json[group.name] = cli::Json::array();
      for (const RankCorrelation& pair : group.pairs) {
        json[group.name].push_back({{"a", pair.a},
                                    {"b", pair.b},
                                    {"models", pair.models},
                                    {"spearman", pair.value ? cli::Json(*pair.value) : cli::Json()}});
      }
    }
    return json;
  };
  if (arguments.json) {
    cli::Json skippedFiles = cli::Json::array();
    for (const SkippedScores& file : skipped) skippedFiles.push_back({{"file", file.path}, {"why", file.why}});
    cli::printJson("complete", {{"models", models.size()},
                                {"skipped", skippedFiles},
                                {"between_metrics", toJson(comparison.metrics)},
                                {"between_datasets", toJson(comparison.datasets)}});
    return 0;
  }
  auto print = [](const char* title, const std::vector<ScoreComparison::Group>& groups) {
    std::printf("%s\n", title);
    for (const ScoreComparison::Group& group : groups) {
      if (group.pairs.empty()) continue;
      std::printf("  %s\n", printable(group.name).c_str());
      for (const RankCorrelation& pair : group.pairs) {
        const std::string names = printable(pair.a) + " ~ " + printable(pair.b);
        std::printf(
            "    %-50s  %s  (%llu models)\n", names.c_str(),
            pair.value ? (*pair.value < 0 ? number(*pair.value) : " " + number(*pair.value)).c_str() : "      -",
            static_cast<unsigned long long>(pair.models));
      }
    }
  };
  std::printf("Spearman's rank correlation over %zu scored models\n\n", models.size());
  print("between metrics, by dataset", comparison.metrics);
  std::printf("\n");
  print("between datasets, by metric", comparison.datasets);
  for (const SkippedScores& file : skipped)
    std::printf("skipped %s: %s\n", printable(file.path).c_str(), printable(file.why).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    return arguments.given("compare") ? compareFolder(arguments) : scoreCodes(arguments);
  });
}
