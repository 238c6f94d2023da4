// offaxis evaluate: how much worse models do on a variant, and on its controls.
#include "experiment/evaluate.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "core/error.h"
#include "core/text.h"
#include "experiment/results_summary.h"
#include "learn/trainer.h"
#include "tools/cli.h"
#include "tools/terminal.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "evaluate",
    "Variants are compared in pairs: all runs of one seed share initialisation, batches and noise. NAME@A:B=SOURCE\n"
    "gives a source its own seeds; sources of one name are one variant made with several perturbations, which the\n"
    "intervals allow for (p speaks of these perturbations alone). Runs go side by side, one per thread; interrupted\n"
    "or killed, the same command goes on, and several processes may fill one directory.\n"
    "DIR/ gets results.json (rows and summary) and runs/. Latents, beta, loss and the quick profile's steps are the\n"
    "dataset's where nothing is said: see DIR/results.json. The model probe is supervised: it has accuracies on\n"
    "held-out images, see docs/probes.md.",
    {{"ARM", false, true,
      "NAME=SOURCE or NAME@A:B=SOURCE, B not included: a source under the name that the table shows it by"}},
    {{"output,o", "DIR/", "", "directory of the evaluation, made where it is missing"},
     {"models", "LIST", "beta-vae", "comma-separated, of `offaxis list models`"},
     {"metrics", "LIST", "", "scored besides MIG, comma-separated, of `offaxis list metrics`"},
     {"profile", "NAME", "quick", "quick (32x32, minutes a run), pilot (hours on two cores) or paper (300k steps)"},
     {"seeds", "N|A:B", "", "runs per source and model: seeds 0 to N - 1 or A to B - 1; quick 3, pilot 5, paper 10"},
     {"against", "NAME", "", "compare with this variant instead of the first"},
     {"latents", "L", "", "instead of the dataset's default"},
     {"beta", "B", "", "instead of the dataset's default"},
     {"loss", "NAME", "", "bernoulli or squared-error, instead of the dataset's default"},
     {"steps", "N", "", "instead of the profile's, for every model"},
     {"net", "NAME", "", "conv64, conv32 or conv32-wide, instead of the profile's"},
     {"learning-rate", "R", "", "instead of the profile's"},
     {"precision", "NAME", "float32", "while training: float32, tf32 or bfloat16 (a CPU imitates these, slower)"},
     {"over-steps", "N", "0", "score MIG at N evenly spaced numbers of steps too, for `offaxis report`"},
     {"show", "", "", "print the table of DIR/results.json and train nothing; takes --against, and no ARM"},
     {"device", "NAME", "auto", "auto, cpu, cuda or cuda:N"},
     {"force", "", "", "remove what DIR/ holds of these runs first, and train them anew"}},
    {"original=shapes3d modified=shapes3d+modified:psi=run/psi.h5 noise=shapes3d+noise:eps=0.175 -o e/",
     "--show --against noise -o e/"}};

struct Settings {
  EvaluateSettings evaluate;
  std::string output;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  EvaluateSettings& evaluate = settings.evaluate;
  settings.output = arguments.required("output");
  if (arguments.positionals("ARM").empty()) {
    throw Error(ErrorKind::Usage, "no sources to evaluate", "give NAME=SOURCE at least once, or --show");
  }
  for (const std::string& text : arguments.positionals("ARM")) evaluate.arms.push_back(parseArm(text));
  evaluate.models = splitList(arguments.required("models"), "--models");
  if (arguments.given("metrics")) evaluate.metrics = splitList(arguments.text("metrics"), "--metrics");
  evaluate.profile = evaluationProfile(arguments.required("profile"));
  TrainSettings& train = evaluate.profile.train;
  if (arguments.given("seeds")) evaluate.seeds = parseSeeds(arguments.text("seeds"), "--seeds");
  evaluate.against = arguments.text("against");
  if (arguments.given("latents")) evaluate.latents = static_cast<int>(arguments.integer("latents", 1, 1000));
  if (arguments.given("beta")) evaluate.beta = arguments.real("beta", 0, 1e9);
  if (arguments.given("loss")) evaluate.loss = arguments.text("loss");
  if (arguments.given("steps")) {
    train.steps = arguments.integer("steps", 1, std::uint64_t{1} << 40);
    evaluate.profile.probeSteps = train.steps;
  }
  if (arguments.given("net")) train.net = arguments.text("net");
  if (arguments.given("learning-rate")) train.learningRate = arguments.real("learning-rate", 1e-12, 10);
  train.precision = arguments.required("precision");
  train.device = arguments.required("device");
  evaluate.pointsOnTheWay = arguments.integer("over-steps", 0, 1000);
  evaluate.overwrite = arguments.overwrite == Overwrite::Replace;
  return settings;
}

std::string format(const char* pattern, double a, double b = 0, double c = 0) {
  char text[96];
  std::snprintf(text, sizeof text, pattern, a, b, c);
  return text;
}

std::string textOf(const cli::Json& row, const char* key) {
  return row.at(key).get<std::string>();
}

// One run has no spread.
std::string meanAndSd(const cli::Json& score) {
  if (score.at("points").size() < 2) return format("%.3f", score.at("mean"));
  return format("%.3f +- %.3f", score.at("mean"), score.at("sd"));
}

// What a score has to say of the variant compared with; empty texts where it says nothing.
struct Change {
  std::string from, text, p;
};

Change changeOf(const cli::Json& score) {
  if (!score.contains("difference") || score["difference"].at("pairs") == 0) return {};
  const cli::Json& d = score["difference"];
  Change change{textOf(d, "from"), format("%+.3f", d.at("mean")), {}};
  if (d.at("pairs") > 1) change.text += format(" [%+.3f, %+.3f]", d.at("interval_95").at(0), d.at("interval_95").at(1));
  if (d.contains("p")) change.p = format("%.3f (%.3f)", d.at("p"), d.at("p_holm"));  // older files have none
  return change;
}

// The first columns of a table: variants and their models.
class Names {
 public:
  explicit Names(const std::vector<cli::Json>& rows) {
    for (const cli::Json& row : rows) variant_ = std::max(variant_, textOf(row, "variant").size());
    for (const cli::Json& row : rows) width_ = std::max(width_, of(row).size());
  }
  std::string of(const cli::Json& row) const {
    const std::string variant = textOf(row, "variant");
    return variant + std::string(variant_ - variant.size() + 2, ' ') + textOf(row, "model");
  }
  int width() const { return static_cast<int>(width_); }

 private:
  std::size_t variant_ = 0, width_ = 0;
};

std::string profileOf(const cli::Json& configuration, const cli::Json& steps) {
  std::ostringstream text;
  text << "profile " << textOf(configuration, "profile") << ": " << steps << " steps of " << configuration.at("batch")
       << ", " << textOf(configuration, "net");
  if (configuration.contains("precision")) text << ", " << textOf(configuration, "precision");
  return text.str();
}

void printChanges(const std::string& against) {
  if (!against.empty())
    std::printf("changes are from %s, over pairs of one seed; p: sign-flip test over the runs\n", against.c_str());
}

void printMig(const cli::Json& results, const std::vector<cli::Json>& summary) {
  const cli::Json& configuration = results.at("configuration");
  std::cout << "MIG, mean +- sd; " << profileOf(configuration, configuration.at("steps")) << ", "
            << configuration.at("latents") << " latents, beta " << formatReal(configuration.at("beta")) << ", "
            << textOf(configuration, "loss") << "\n\n";
  const Names names(summary);
  cli::Table table;
  table.columns = {{"", static_cast<std::size_t>(names.width()), false, 0},
                   {"runs", 4, true, 3},
                   {"MIG", 15, false, 0},
                   {"change [95 % interval]", 24, false, 1},
                   {"p (Holm)", 13, false, 4},
                   {"rotated MIG", 15, false, 2},
                   {"active units", 0, false, 5}};
  std::string against;
  for (const cli::Json& row : summary) {
    const Change change = changeOf(row.at("mig"));
    if (!change.from.empty()) against = change.from;
    table.rows.push_back({names.of(row), std::to_string(row.at("runs").get<std::uint64_t>()), meanAndSd(row.at("mig")),
                          change.text, change.p, meanAndSd(row.at("rotated_mig")),
                          isVariational(textOf(row, "model")) ? format("%.1f", row.at("active_units")) : "-"});
  }
  const std::size_t width = cli::columnsOf(STDOUT_FILENO);
  std::vector<std::string> leftOut;
  std::cout << cli::formatTable(table, width, cli::takesColours(STDOUT_FILENO), leftOut) << "\nper seed:\n";
  for (const cli::Json& row : summary) {
    std::string text = names.of(row);
    text.resize(static_cast<std::size_t>(names.width()), ' ');
    text += ' ';
    std::size_t used = text.size();
    for (const cli::Json& point : row.at("mig").at("points")) {
      const std::string value = format(" %.3f", point.at("value").get<double>());
      if (width > 0 && used + value.size() > width) {
        text += '\n' + std::string(static_cast<std::size_t>(names.width()) + 1, ' ');
        used = static_cast<std::size_t>(names.width()) + 1;
      }
      text += value;
      used += value.size();
    }
    std::cout << text << '\n';
  }
  if (!leftOut.empty()) std::cout << "\nnot shown for want of width: " << joined(leftOut) << '\n';
  std::cout.flush();
  const cli::Json& calibration = results.at("calibration");
  std::printf("\nperfect codes score %.3f, randomly rotated factors %.3f +- %.3f; R: %s\n",
              calibration.at("ceiling").get<double>(), calibration.at("floor").get<double>(),
              calibration.at("floor_sd").get<double>(), textOf(configuration, "rotation").c_str());
  printChanges(against);
}

// Accuracies: of each variant and model the mean over the factors, then every factor.
void printProbes(const cli::Json& results, const std::vector<cli::Json>& summary) {
  const cli::Json& any = summary.front().at("probe");
  std::cout << "Accuracy of supervised probes on " << any.at("test_images") << " held-out images, learnt from "
            << any.at("train_images") << ", mean +- sd;\n"
            << profileOf(results.at("configuration"), results.at("probe").at("steps")) << "\n\n";
  const Names names(summary);
  std::size_t factors = 4;  // "mean"
  for (const auto& item : any.at("per_factor").items()) factors = std::max(factors, item.key().size());
  const auto line = [&](const std::string& left, const std::string& runs, const std::string& factor,
                        const std::string& accuracy, const Change& change, const std::string& error,
                        const std::string& chance, const std::string& ceiling) {
    char text[512];
    std::snprintf(text, sizeof text, "%-*s  %4s  %-*s  %-15s  %-24s  %-13s  %-10s  %-7s  %s", names.width(),
                  left.c_str(), runs.c_str(), static_cast<int>(factors), factor.c_str(), accuracy.c_str(),
                  change.text.c_str(), change.p.c_str(), error.c_str(), chance.c_str(), ceiling.c_str());
    std::string trimmed = text;
    trimmed.erase(trimmed.find_last_not_of(' ') + 1);
    std::printf("%s\n", trimmed.c_str());
  };
  std::string against;
  line("", "runs", "", "accuracy", {"", "change [95 % interval]", "p (Holm)"}, "levels off", "a guess", "at most");
  for (const cli::Json& row : summary) {
    const cli::Json& probe = row.at("probe");
    const Change change = changeOf(probe);
    if (!change.from.empty()) against = change.from;
    line(names.of(row), std::to_string(row.at("runs").get<std::uint64_t>()), "mean", meanAndSd(probe), change, "", "",
         "");
    for (const auto& [name, factor] : probe.at("per_factor").items()) {
      line("", "", name, meanAndSd(factor), changeOf(factor),
           factor.contains("error") ? format("%.3f", factor["error"]) : "-",
           format("%.3f", 1 / factor.at("levels").get<double>()), format("%.3f", factor.at("ceiling")));
    }
  }
  std::printf("\n");
  printChanges(against);
}

void printFailures(const cli::Json& results) {
  std::size_t failed = 0;
  for (const cli::Json& row : results.at("rows")) {
    if (!row.contains("error")) continue;
    if (failed++ < 3) {
      std::printf("failed: %s, %s, seed %llu: %s\n", textOf(row, "variant").c_str(), textOf(row, "model").c_str(),
                  static_cast<unsigned long long>(row.at("seed").get<std::uint64_t>()), textOf(row, "error").c_str());
    }
  }
  if (failed > 3) std::printf("failed: %zu runs in all\n", failed);
}

void printMissing(const cli::Json& results) {
  std::size_t wanted = 0;
  for (const auto& [label, source] : results.at("sources").items()) {
    const std::size_t at = label.find('@');
    for (const cli::Json& seed : results.at("seeds")) {
      const SeedRange range = at == std::string::npos ? SeedRange{} : parseSeeds(label.substr(at + 1), "seeds");
      wanted += (range.empty() || range.holds(seed)) ? results.at("models").size() : 0;
    }
  }
  if (results.at("rows").size() < wanted)
    std::printf("%zu of %zu runs are still missing\n", wanted - results.at("rows").size(), wanted);
}

// The table of a results.json, whoever made it and wherever.
void printTable(const cli::Json& results, const std::string& path) {
  std::vector<cli::Json> scored, probed;
  for (const cli::Json& row : results.at("summary")) (row.contains("probe") ? probed : scored).push_back(row);
  if (!scored.empty() || probed.empty()) printMig(results, scored);
  if (!scored.empty() && !probed.empty()) std::printf("\n");
  if (!probed.empty()) printProbes(results, probed);
  printFailures(results);
  printMissing(results);
  std::printf("%s\n", path.c_str());
}

// Throws Error(BadFile), or a JSON exception, where these are not the results of an evaluation, finished or not.
void checkResults(const cli::Json& results, const std::string& path) {
  constexpr int kSchema = 1;
  if (results.at("schema_version") != kSchema) {
    throw Error(ErrorKind::BadFile,
                path + " has schema_version " + results["schema_version"].dump() + ", this program reads " +
                    std::to_string(kSchema),
                "show it with the program that wrote it");
  }
  for (const char* part : {"configuration", "sources", "calibration", "seeds", "models"}) results.at(part);
  for (const char* list : {"summary", "rows"}) {
    for (const cli::Json& row : results.at(list)) {
      textOf(row, "variant");
      textOf(row, "model");
    }
  }
}

// `text` is a results.json's; anything else is refused. `against`: the variant to compare with; empty: the one that
// the file compares with.
void showResults(std::string text, const std::string& path, const std::string& against, bool json) {
  try {
    cli::Json results = cli::Json::parse(text);
    checkResults(results, path);
    if (!against.empty()) {
      results = comparedWith(std::move(results), against);
      text = results.dump(2) + "\n";
    }
    if (json) {
      std::cout << text;
    } else {
      printTable(results, path);
    }
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorKind::BadFile,
                path + " is not a results.json that this program can read: " + withoutTag(e.what()));
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadFile || std::string(e.what()).find(path) == 0) throw;
    throw Error(ErrorKind::BadFile, path + " is damaged: " + e.what(), e.hint());
  }
}

void requireNothingToTrain(const cli::Arguments& arguments, const std::string& path) {
  if (!arguments.positionals("ARM").empty())
    throw Error(ErrorKind::Usage, "--show takes no sources", "leave them out: the table comes from " + path);
  for (const cli::Option& option : kVerb.options) {
    const std::string name = option.name.substr(0, option.name.find(','));
    if (name != "show" && name != "output" && name != "against" && arguments.given(name))
      throw Error(ErrorKind::Usage, "--" + name + " plays no part in --show, which trains nothing", "leave one out");
  }
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    std::string path = (std::filesystem::path(arguments.required("output")) / "results.json").string();
    std::string against;
    if (arguments.flag("show")) {
      requireNothingToTrain(arguments, path);
      against = arguments.text("against");
    } else {
      const Settings settings = parse(arguments);
      path = evaluate(settings.evaluate, settings.output, arguments.context).path;
    }
    showResults(readTextFile(path), path, against, arguments.json);
    return 0;
  });
}
