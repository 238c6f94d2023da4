// offaxis verify: did a modified dataset keep its factors, its order and its budget?
#include <sys/stat.h>

#include <iomanip>
#include <iostream>

#include "core/error.h"
#include "core/text.h"
#include "datasets/image_file.h"
#include "measure/preservation.h"
#include "publish/preservation_json.h"
#include "tools/cli.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "verify",
    "check that a modified dataset kept its factors and its budget",
    "Compares every image and label of FILE with the original's: same keys, shape, number, factors and labels in the\n"
    "same order; no two different images became equal, equal ones stayed equal; no pixel moved by more than the\n"
    "budget. Exit code 1 where a check fails. FILE may be any source expression.",
    {{"FILE", true, false, "the modified dataset: a file or a source expression"}},
    {{"original", "SOURCE", "", "the original; left out: the dataset that FILE names"},
     {"eps", "E", "", "the budget to hold it to; left out: the one that FILE records"}},
    {"modified.h5 --original xysquares:spacing=1", "noise.h5 --eps 0.1 --json"}};

struct Settings {
  SourcePtr modified;
  SourcePtr original;
  PreservationSettings preservation;
};

// A file's labels are for the verifier to judge, so they must not stop it from being opened.
SourcePtr openModified(const std::string& text) {
  struct stat status {};
  if (::stat(text.c_str(), &status) == 0) return openImageFile(text, LabelCheck::Report);
  return openSource(text);
}

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  settings.modified = openModified(arguments.positional("FILE"));
  const SourceInfo& info = settings.modified->info();
  SourceInfo original = info;
  original.variant = "original";
  settings.original = openSource(arguments.given("original") ? arguments.text("original") : original.expression());
  if (settings.original->info().reduction < info.reduction &&
      info.shape.height < settings.original->info().shape.height) {
    settings.original = reduced(settings.original, info.shape.height);
  }
  if (arguments.given("eps")) {
    settings.preservation.budgetLevels = arguments.budget("eps").levels();
  } else if (const auto eps = info.settings.find("eps"); eps != info.settings.end()) {
    settings.preservation.budgetLevels = Budget::parse(eps->second, "eps of " + arguments.positional("FILE")).levels();
  } else if (info.variant == "original") {
    settings.preservation.budgetLevels = 0;
  } else {
    throw Error(ErrorKind::Usage, arguments.positional("FILE") + " records no budget", "give it with --eps");
  }
  return settings;
}

void printText(const PreservationReport& report) {
  for (const PreservationCheck& check : report.checks) {
    std::cout << (check.passed ? "ok    " : "FAIL  ") << std::left << std::setw(12) << check.name;
    if (check.firstOffendingIndex) std::cout << "index " << *check.firstOffendingIndex << ": ";
    std::cout << check.detail << '\n';
  }
  const PreservationStatistics& s = report.statistics;
  if (s.images == 0) return;
  auto percent = [](double share) { return 100 * share; };
  std::cout << std::fixed << std::setprecision(5)                                                                   //
            << "\n  pixels are taken as fractions of 255\n"                                                         //
            << "  changed images         " << s.changedImages << " of " << s.images << '\n'                         //
            << "  L-infinity             " << s.maxLevels << " levels\n"                                            //
            << "  mean |delta|           " << s.meanAbsolute << "  (signed " << s.meanSigned << ")\n"               //
            << "  RMS per pixel          " << s.rms << '\n'                                                         //
            << "  L2 per image           mean " << s.meanL2 << ", max " << s.maxL2 << '\n'                          //
            << "  total variance         " << s.totalVarianceOriginal << " -> " << s.totalVarianceModified << '\n'  //
            << "  mean image variance    " << s.imageVarianceOriginal << " -> " << s.imageVarianceModified << '\n'  //
            << std::setprecision(2)                                                                                 //
            << "  pixels at 0            " << percent(s.atZeroOriginal) << " % -> " << percent(s.atZeroModified)
            << " %\n"
            << "  pixels at 255          " << percent(s.atFullOriginal) << " % -> " << percent(s.atFullModified)
            << " %\n"
            << "\n"
            << (report.preserved() ? "preserved" : "NOT preserved") << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    const PreservationReport report =
        verifyPreservation(*settings.modified, *settings.original, settings.preservation, arguments.context);
    if (arguments.json) {
      cli::Json fields{{"modified", settings.modified->info().expression()},
                       {"original", settings.original->info().expression()}};
      fields.update(toJson(report));
      cli::printJson(report.preserved() ? "ok" : "failed", fields);
    } else {
      printText(report);
    }
    return report.preserved() ? 0 : 1;
  });
}
