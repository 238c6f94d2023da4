// offaxis verify: did a modified dataset keep its factors, its order and its budget?
#include <sys/stat.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "datasets/content.h"
#include "datasets/image_file.h"
#include "datasets/original_file.h"
#include "measure/preservation.h"
#include "publish/manifest.h"
#include "publish/preservation_json.h"
#include "report/difference_sheet.h"
#include "tools/cli.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

constexpr std::uint64_t kMostQueries = 100000;  // their images are held in memory

const cli::Verb kVerb{
    "verify",
    "Compares every image and label of FILE with the original's: same keys, shape, number, factors and labels in the\n"
    "same order; no two different images became equal, equal ones stayed equal; no pixel moved by more than the\n"
    "budget; every image is still nearest to its own original among all that differ in one factor. Exit code 1 where\n"
    "a check fails. FILE may be any source expression.",
    {{"FILE", true, false, "the modified dataset: a file or a source expression"}},
    {{"original", "SOURCE", "", "the original; left out: the dataset that FILE names"},
     {"eps", "E", "", "the budget to hold it to; left out: the one that FILE records"},
     {"queries", "N", "0", "also search all originals for the nearest one to each of N images"},
     {"query-seed", "N", "0", "of the choice of those images"},
     {"probe", "FILE", "", "results.json of `offaxis evaluate --models probe` on the original and FILE"},
     {"probe-margin", "M", "0.02", "the drop in a probe's accuracy that must be excluded"},
     {"worst", "FILE.png", "", "draw the images that changed most"},
     {"output,o", "FILE.json", "", "write the certificate: what --json prints"},
     {"force", "", "", "replace existing files"}},
    {"modified.h5 --original xysquares:spacing=1", "noise.h5 --eps 0.1 --json",
     "modified.h5 --queries 1000 --worst worst.png -o certificate.json"}};

struct Settings {
  SourcePtr modified;
  SourcePtr original;
  PreservationSettings preservation;
  std::string worst;   // where to draw, or empty
  std::string output;  // where to write the certificate, or empty
  Overwrite overwrite = Overwrite::Refuse;
};

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// A file's labels are for the verifier to judge, so they must not stop it from being opened.
SourcePtr openModified(const std::string& text) {
  return exists(text) ? openImageFile(text, LabelCheck::Report) : openSource(text);
}

// The same rows of the original, so that a part of the grid is compared with that part.
SourcePtr openOriginalOf(const Source& modified, const std::string& name, const std::string& text) {
  PublishedFile described = publishedFileOf(modified);
  described.file.path = name;
  const std::string rows = std::exchange(described.rows, std::string());
  try {
    SourcePtr original = openOriginal(described, text);
    if (rows.empty() || original->info().grid != modified.info().grid) return original;
    described.rows = rows;
    return openOriginal(described, text);
  } catch (const Error& error) {
    // What nobody said on the command line, the file did; but an imported original has to be named there.
    if (error.kind() != ErrorKind::Usage || !text.empty() || !importedFamily(described.dataset).empty()) throw;
    throw Error(ErrorKind::BadFile,
                "the original of " + name + ", as it describes itself, cannot be made: " + error.what(),
                "name it with --original");
  }
}

int budgetOf(const std::string& name, const std::string& text) {
  try {
    return Budget::parse(text, "eps of " + name).levels();
  } catch (const Error& error) {
    if (!exists(name)) throw;
    throw Error(ErrorKind::BadFile, name + ": its settings are damaged: " + error.what(), "give the budget with --eps");
  }
}

std::optional<int> budget(const cli::Arguments& arguments, const SourceInfo& info) {
  const std::string& name = arguments.positional("FILE");
  if (arguments.given("eps")) return arguments.budget("eps").levels();
  if (const auto eps = info.settings.find("eps"); eps != info.settings.end()) return budgetOf(name, eps->second);
  if (info.variant == "original") return 0;
  throw Error(ErrorKind::Usage, name + " records no budget", "give it with --eps");
}

// What cannot be written should be known before the minutes that it takes.
void checkWritable(const Settings& settings) {
  namespace fs = std::filesystem;
  if (!settings.worst.empty() && !settings.output.empty() &&
      fs::weakly_canonical(fs::absolute(settings.worst)) == fs::weakly_canonical(fs::absolute(settings.output)))
    throw Error(ErrorKind::Usage, "--worst and --output name the same file", "give each its own");
  for (const std::string& path : {settings.worst, settings.output}) {
    if (!path.empty()) StagedFile(path, settings.overwrite);
  }
}

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  settings.modified = openModified(arguments.positional("FILE"));
  settings.original = openOriginalOf(*settings.modified, arguments.positional("FILE"), arguments.text("original"));
  PreservationSettings& preservation = settings.preservation;
  preservation.budgetLevels = budget(arguments, settings.modified->info());
  preservation.queries = arguments.integer("queries", 0, kMostQueries);
  preservation.querySeed = arguments.integer("query-seed", 0, ~std::uint64_t{0});
  preservation.probeMargin = arguments.real("probe-margin", 0, 1);
  settings.worst = arguments.text("worst");
  settings.output = arguments.text("output");
  settings.overwrite = arguments.overwrite;
  checkWritable(settings);
  if (arguments.given("probe")) {
    std::vector<std::string> originals{sourceIdentity(*settings.original)};
    if (const SourcePtr whole = settings.original->parent()) originals.push_back(sourceIdentity(*whole));
    preservation.probe = readProbeEvidence(arguments.text("probe"), *settings.modified, originals);
  }
  return settings;
}

void printChecks(const PreservationReport& report) {
  for (const PreservationCheck& check : report.checks) {
    std::cout << (check.passed ? "ok    " : "FAIL  ") << std::left << std::setw(13) << check.name;
    if (check.firstOffendingIndex) std::cout << "index " << *check.firstOffendingIndex << ": ";
    std::cout << check.detail << '\n';
    if (check.offendingCount < 2) continue;
    std::cout << std::string(19, ' ') << check.offendingCount << " at fault:";
    for (const std::uint64_t index : check.offendingIndices) std::cout << ' ' << index;
    std::cout << (check.offendingCount > check.offendingIndices.size() ? " ...\n" : "\n");
  }
}

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// One line of min, quantiles and max.
void printDistribution(const char* name, const Distribution& values) {
  if (values.count == 0) return;
  std::cout << "  " << std::left << std::setw(16) << name << std::right << std::setw(11)
            << formatted("%.4f", values.minimum);
  for (const double value : values.quantiles) std::cout << std::setw(10) << formatted("%.4f", value);
  std::cout << std::setw(10) << formatted("%.4f", values.maximum) << '\n';
}

void printStatistics(const PreservationStatistics& s) {
  auto percent = [](double share) { return formatted("%.2f %%", 100 * share); };
  std::cout << std::fixed << std::setprecision(5)                                                                   //
            << "\n  pixels are taken as fractions of 255\n"                                                         //
            << "  changed images         " << s.changedImages << " of " << s.images << '\n'                         //
            << "  coinciding originals   " << s.coincidingImages << " in " << s.coincidingClasses << " classes\n"   //
            << "  L-infinity             " << s.maxLevels << " levels\n"                                            //
            << "  mean |delta|           " << s.meanAbsolute << "  (signed " << s.meanSigned << ")\n"               //
            << "  RMS per pixel          " << s.rms << '\n'                                                         //
            << "  L2 per image           mean " << s.meanL2 << ", max " << s.maxL2 << '\n'                          //
            << "  total variance         " << s.totalVarianceOriginal << " -> " << s.totalVarianceModified << '\n'  //
            << "  mean image variance    " << s.imageVarianceOriginal << " -> " << s.imageVarianceModified << '\n'  //
            << "  pixels at 0            " << percent(s.atZeroOriginal) << " -> " << percent(s.atZeroModified) << '\n'
            << "  pixels at 255          " << percent(s.atFullOriginal) << " -> " << percent(s.atFullModified) << '\n';
  if (s.perhapsClipped) std::cout << "  perhaps clipped        at most " << percent(*s.perhapsClipped) << '\n';
  std::cout << "\n  per image               min       .01       .05       .25       .50       .75       .95       .99"
               "       max\n";
  printDistribution("L-inf, levels", s.levels);
  printDistribution("L2", s.l2);
  printDistribution("SSIM", s.ssim);
  printDistribution("variance change", s.varianceChange);
}

// Distances as people read them: Euclidean, pixels as fractions of 255.
std::string distanceText(const std::optional<NearestPair>& pair) {
  if (!pair) return "-";
  return formatted("%.4f", std::sqrt(static_cast<double>(pair->squared)) / 255) + " (" + std::to_string(pair->index) +
         ", " + std::to_string(pair->other) + ")";
}

void printSeparation(const SeparationReport& report) {
  std::cout << "\n  nearest one step apart, L2 (the two)      original                    modified"
               "                 smallest margin\n";
  for (const FactorSeparation& factor : report.factors) {
    std::cout << "  " << std::left << std::setw(20) << factor.name << std::right << std::setw(30)
              << distanceText(factor.original) << std::setw(28) << distanceText(factor.modified) << std::setw(24)
              << (factor.margin ? std::to_string(factor.margin->squared) : "-") << '\n';
  }
}

void printProbe(const ProbeEvidence& probe) {
  std::cout << "\n  probe accuracy, " << probe.seeds.size() << " seeds    original  modified    change  at least\n";
  for (const ProbeFactor& factor : probe.factors) {
    std::cout << "  " << std::left << std::setw(24) << factor.name << std::right << std::setw(10)
              << formatted("%.4f", factor.original) << std::setw(10) << formatted("%.4f", factor.modified) << "  "
              << std::setw(8) << formatted("%+.4f", factor.difference.mean) << std::setw(10)
              << (probe.seeds.size() < 2 ? "-" : formatted("%+.4f", factor.lowest)) << '\n';
  }
}

void printText(const PreservationReport& report) {
  printChecks(report);
  if (report.statistics.images == 0) return;
  printStatistics(report.statistics);
  if (report.separation) printSeparation(*report.separation);
  if (report.recovery) {
    std::cout << "\n  queries found, per factor\n";
    for (const RecoveredFactor& factor : report.recovery->factors) {
      std::cout << "  " << std::left << std::setw(24) << factor.name << factor.recovered << " of "
                << report.recovery->queries << '\n';
    }
  }
  if (report.probe) printProbe(*report.probe);
  std::cout << '\n' << (report.preserved() ? "preserved" : "NOT preserved");
  if (report.preserved() && report.statistics.changedImages == 0) std::cout << ": no image differs from the original";
  std::cout << '\n';
}

DifferenceSection sectionOf(const std::string& title, const std::vector<RankedImage>& images,
                            const Settings& settings) {
  DifferenceSection section{title, settings.original, settings.modified, {}, "original", "modified"};
  for (const RankedImage& image : images)
    section.columns.push_back(
        {image.row, image.row, "#" + std::to_string(image.row) + " " + formatted("%.3f", image.value)});
  return section;
}

void drawWorst(const Settings& settings, const PreservationStatistics& statistics) {
  if (statistics.images == 0) throw Error(ErrorKind::Failed, "no images were compared, so none can be drawn");
  std::vector<DifferenceSection> sections{sectionOf("largest L2", statistics.largestL2, settings)};
  if (!statistics.lowestSsim.empty()) sections.push_back(sectionOf("lowest SSIM", statistics.lowestSsim, settings));
  writeDifferenceSheet(sections, settings.worst, settings.overwrite);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    const PreservationReport report =
        verifyPreservation(*settings.modified, *settings.original, settings.preservation, arguments.context);
    const std::string status = report.preserved() ? "ok" : "failed";
    cli::Json fields{{"modified", settings.modified->info().expression()},
                     {"original", settings.original->info().expression()}};
    fields.update(toJson(report));
    if (!settings.worst.empty()) drawWorst(settings, report.statistics);
    if (!settings.output.empty()) {
      cli::Json certificate{{"schema_version", 1}, {"status", status}};
      certificate.update(fields);
      writeTextFile(settings.output, certificate.dump(2, ' ', false, cli::Json::error_handler_t::replace) + "\n",
                    settings.overwrite);
    }
    if (arguments.json) {
      cli::printJson(status, fields);
    } else {
      printText(report);
    }
    return report.preserved() ? 0 : 1;
  });
}
