// offaxis report: one page of what a folder holds.
#include <iostream>

#include "core/error.h"
#include "report/findings.h"
#include "report/page.h"
#include "report/report.h"
#include "storage/staged.h"
#include "tools/cli.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "report",
    "DIR is what `offaxis manipulate`, `evaluate`, `train` or `publish` wrote, finished or not, a folder of several "
    "of\n"
    "them, or a version's manifest. The page needs no network and no other file, shows what is there and says what is\n"
    "missing. The same inputs give the same bytes. --figure writes one of its pictures alone: an SVG, or a PNG of "
    "images.",
    {{"DIR", true, false, "a folder, or a manifest"}},
    {{"output,o", "FILE", "", "page.html; with --figure the picture"},
     {"figure", "ID", "", "write this figure alone; --list names them"},
     {"list", "", "", "print the figures' ids and titles and write nothing"},
     {"no-images", "", "", "open no dataset: what the JSON says alone"},
     {"seed", "N", "0", "of the choice of images"},
     {"samples", "N", "512", "images of a variance spectrum; four times as many for the linear response"},
     {"pairs", "N", "1000", "pairs a factor of the perceived distances"},
     {"force", "", "", "replace FILE"}},
    {"evaluation/ -o page.html", "run/ --figure j-gap -o j-gap.svg"}};

struct Settings {
  std::string directory, output, figure;
  bool list = false;
  ReportSettings report;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  settings.directory = arguments.positional("DIR");
  settings.list = arguments.flag("list");
  settings.figure = arguments.text("figure");
  if (!settings.list) settings.output = arguments.required("output");
  settings.report.images = !arguments.flag("no-images");
  settings.report.seed = arguments.integer("seed", 0, UINT64_MAX);
  settings.report.samples = arguments.integer("samples", 64, 4096);
  settings.report.pairs = arguments.integer("pairs", 1, 1'000'000);
  settings.report.only = settings.figure;
  return settings;
}

int list(const Report& report, bool json) {
  cli::Json figures = cli::Json::array();
  for (const std::string& id : report.figureIds()) {
    figures.push_back({{"id", id}, {"title", report.figure(id)->title}});
    if (!json) std::cout << id << "  " << report.figure(id)->title << '\n';
  }
  if (json) cli::printJson("ok", {{"figures", figures}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    if (!settings.list) requireWritable(settings.output, arguments.overwrite);
    const Findings findings = readFindings(settings.directory);
    const Report report = makeReport(findings, settings.report, arguments.context);
    if (settings.list) return list(report, arguments.json);
    std::string bytes;
    if (settings.figure.empty()) {
      bytes = reportPage(report);
    } else {
      const ReportFigure* figure = report.figure(settings.figure);
      if (figure == nullptr) {
        throw Error(ErrorKind::Usage,
                    "the report of " + settings.directory + " has no figure '" + settings.figure + "'",
                    "offaxis report DIR --list names those that it has");
      }
      FigureFile file = figureFile(*figure);
      cli::requireEnding(settings.output, file.extension);
      bytes = std::move(file.bytes);
    }
    writeTextFile(settings.output, bytes, arguments.overwrite);
    if (arguments.json) {
      cli::printJson("written", {{"file", settings.output},
                                 {"bytes", bytes.size()},
                                 {"figures", report.figureIds()},
                                 {"missing", report.missing}});
    } else {
      const std::size_t figures = report.figureIds().size();
      std::cout << settings.output << ": " << figures << (figures == 1 ? " figure, " : " figures, ")
                << formatBytes(bytes.size()) << '\n';
      for (const std::string& line : report.missing) std::cout << "missing: " << printable(line) << '\n';
    }
    return 0;
  });
}
