// offaxis inspect: describes a source and draws it.
#include <iomanip>
#include <iostream>
#include <optional>

#include "core/error.h"
#include "datasets/content.h"
#include "datasets/image_file.h"
#include "measure/perceived_distance.h"
#include "report/contact_sheet.h"
#include "report/dataset_pictures.h"
#include "tools/cli.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "inspect",
    "A file's content root is the one that it records; for anything else, and with --hash, it is computed.\n"
    "Where --hash finds another than the file records, the exit status is 1.\n"
    "--picture draws SOURCE beside its VARIANTs, into --png, and describes nothing:\n"
    "  sheet        a contact sheet of SOURCE alone: samples, and a traversal for each factor (and the description)\n"
    "  comparison   the same images of each, with their amplified differences from SOURCE\n"
    "  traversals   a strip for each factor, all others fixed; --factors draws one alone\n"
    "  plane        two factors at once, and the difference of the first VARIANT: needs --factors A,B",
    {{"SOURCE", true, false, "a source expression: xysquares:spacing=1, x.h5, xysquares+noise:eps=0.1"},
     {"VARIANT", false, true, "NAME=SOURCE: what is drawn beside it, under that name"}},
    {{"png", "FILE", "", "write the picture: a labelled contact sheet unless --picture names another"},
     {"picture", "NAME", "sheet", "sheet, comparison, traversals or plane"},
     {"factors", "A,B", "", "of a plane: down, across; of traversals: the one to draw"},
     {"columns", "N", "10", "images a row of the picture"},
     {"seed", "N", "0", "of the choice of samples in the picture and of the pairs"},
     {"distances", "", "", "mean squared error where one factor alone varies, over 20,000 pairs a factor"},
     {"hash", "", "", "compute the content root and the SHA-256 over all raw image bytes"},
     {"force", "", "", "replace an existing PNG"}},
    {"xysquares:spacing=1 --png sheet.png", "modified.h5 --hash --json",
     "shapes3d.h5 modified=m.h5 --picture plane --factors floor_hue,wall_hue --png plane.png"}};

constexpr std::uint64_t kDistancePairs = 20000;

struct Description {
  SourceInfo info;
  std::uint64_t images = 0;
  std::string root;
  std::string recordedRoot;   // of a file; empty otherwise
  bool rootComputed = false;  // from the images; otherwise it is the recorded one
  std::string raw;            // empty unless asked for
  std::optional<PerceivedDistances> distances;
  std::string picture;  // that was drawn; empty where none was

  bool differs() const { return !recordedRoot.empty() && root != recordedRoot; }
};

Description describe(const SourcePtr& source, bool hash, const Context& context) {
  Description result{source->info(), source->size(), {}, {}, false, {}, {}, {}};
  if (const auto* file = dynamic_cast<const ImageFile*>(source.get())) result.recordedRoot = file->recordedRoot();
  result.rootComputed = hash || result.recordedRoot.empty();
  result.root = result.rootComputed ? toHex(contentRoot(*source, context)) : result.recordedRoot;
  if (hash) result.raw = toHex(rawSha256(*source, context));
  return result;
}

void printText(const Description& d) {
  std::cout << "name          " << d.info.dataset << "\nvariant       " << d.info.variant;
  for (const auto& [key, value] : d.info.settings) std::cout << ' ' << key << '=' << value;
  std::cout << "\nimages        " << d.images << " of " << toString(d.info.shape) << ", uint8";
  if (d.info.reduction != 1) std::cout << ", averaged down by " << d.info.reduction;
  std::cout << "\ncontent root  " << d.root;
  if (d.differs()) {
    std::cout << "\n              the file records " << d.recordedRoot << ": its images or labels were changed";
  } else if (!d.recordedRoot.empty()) {
    std::cout << (d.rootComputed ? " (computed, as recorded)" : " (as recorded)");
  }
  std::cout << '\n';
  if (!d.raw.empty()) std::cout << "raw sha-256   " << d.raw << '\n';
  std::cout << "factors\n";
  for (const Factor& factor : d.info.grid.factors()) {
    std::cout << "  " << std::left << std::setw(16) << factor.name << std::right << std::setw(4) << factor.size()
              << "  " << std::left << std::setw(12) << toString(factor.kind) << formatReal(factor.values.front());
    if (factor.size() > 1) std::cout << " .. " << formatReal(factor.values.back());
    std::cout << '\n';
  }
}

void printDistances(const PerceivedDistances& distances) {
  std::cout << "mean squared error, one factor varying, pixels on [0,1]\n" << std::fixed << std::setprecision(4);
  for (const PerceivedDistances::Entry& entry : distances.perFactor)
    std::cout << "  " << std::left << std::setw(16) << entry.factor << entry.meanSquaredError << '\n';
  std::cout << "  " << std::setw(16) << "(random pairs)" << distances.randomPairs << '\n';
}

void printAsJson(const Description& d) {
  cli::Json factors = cli::Json::array();
  for (const Factor& factor : d.info.grid.factors()) {
    factors.push_back(
        {{"name", factor.name}, {"size", factor.size()}, {"kind", toString(factor.kind)}, {"values", factor.values}});
  }
  cli::Json json{{"name", d.info.dataset},
                 {"variant", d.info.variant},
                 {"settings", d.info.settings},
                 {"expression", d.info.expression()},
                 {"images", d.images},
                 {"shape", {d.info.shape.height, d.info.shape.width, d.info.shape.channels}},
                 {"reduction", d.info.reduction},
                 {"content_root", d.root},
                 {"content_root_recorded", !d.rootComputed},
                 {"factors", factors}};
  if (d.differs()) json["recorded_content_root"] = d.recordedRoot;
  if (!d.raw.empty()) json["raw_sha256"] = d.raw;
  if (!d.picture.empty()) json["picture"] = d.picture;
  if (d.distances) {
    cli::Json distances{{"pairs", kDistancePairs}, {"random_pairs", d.distances->randomPairs}};
    for (const PerceivedDistances::Entry& entry : d.distances->perFactor)
      distances["per_factor"][entry.factor] = entry.meanSquaredError;
    json["mean_squared_error"] = distances;
  }
  cli::printJson(d.differs() ? "differs" : "ok", json);
}

// The picture that --picture asks for, of SOURCE and its VARIANTs.
std::string pictureOf(const cli::Arguments& arguments, const std::string& kind) {
  NamedSources sources{{"original", openSource(arguments.positional("SOURCE"))}};
  if (sources[0].source->info().variant != "original") sources[0].name = sources[0].source->info().variant;
  for (const std::string& text : arguments.positionals("VARIANT")) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
      throw Error(ErrorKind::Usage, "'" + text + "' is not NAME=SOURCE", "such as modified=m.h5");
    sources.push_back({text.substr(0, equals), openSource(text.substr(equals + 1))});
  }
  const std::string factors = arguments.text("factors");
  const std::size_t comma = factors.find(',');
  const auto columns = static_cast<int>(arguments.integer("columns", 1, 64));
  Pictures pictures;
  if (kind == "comparison") {
    if (!factors.empty())
      throw Error(ErrorKind::Usage, "a comparison is of all factors, --factors would be passed over",
                  "leave it out, or give --picture traversals");
    pictures = comparisonPictures(sources, columns, arguments.integer("seed", 0, UINT64_MAX));
  } else if (kind == "traversals") {
    pictures = traversalPictures(sources, columns, factors);
  } else if (kind == "plane") {
    if (comma == std::string::npos) throw Error(ErrorKind::Usage, "a plane needs two factors", "give --factors A,B");
    pictures = planePictures(sources, factors.substr(0, comma), factors.substr(comma + 1), columns);
  } else {
    throw Error(ErrorKind::Usage, "no picture is called '" + kind + "'", "known: sheet, comparison, traversals, plane");
  }
  return labelledPng(pictures, sources[0].source->info().expression());
}

int draw(const cli::Arguments& arguments, const std::string& kind) {
  const std::string path = arguments.required("png");
  requireWritable(path, arguments.overwrite);
  writeTextFile(path, pictureOf(arguments, kind), arguments.overwrite);
  if (arguments.json) {
    cli::printJson("ok", {{"picture", path}});
  } else {
    std::cout << path << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const std::string kind = arguments.text("picture");
    if (arguments.given("png")) cli::requireEnding(arguments.text("png"), "png");
    for (const char* name : {"hash", "distances"}) {
      if (kind != "sheet" && arguments.flag(name))
        throw Error(ErrorKind::Usage, "--picture " + kind + " describes nothing, --" + name + " would be passed over",
                    "give the command once for each");
    }
    if (kind != "sheet") return draw(arguments, kind);
    if (arguments.given("factors"))
      throw Error(ErrorKind::Usage, "a contact sheet shows all factors, --factors would be passed over",
                  "give --picture traversals or plane");
    if (!arguments.positionals("VARIANT").empty())
      throw Error(ErrorKind::Usage, "a contact sheet shows one source", "give --picture comparison");
    const SourcePtr source = openSource(arguments.positional("SOURCE"));
    ContactSheetSettings sheet;
    sheet.columns = static_cast<std::uint32_t>(arguments.integer("columns", 1, 64));
    sheet.seed = arguments.integer("seed", 0, UINT64_MAX);
    sheet.overwrite = arguments.overwrite;
    if (arguments.given("png")) writeContactSheet(*source, arguments.text("png"), sheet);
    Description description = describe(source, arguments.flag("hash"), arguments.context);
    if (arguments.given("png")) description.picture = arguments.text("png");
    if (arguments.flag("distances"))
      description.distances = perceivedDistances(*source, kDistancePairs, sheet.seed, arguments.context);
    if (arguments.json) {
      printAsJson(description);
    } else {
      printText(description);
      if (description.distances) printDistances(*description.distances);
      if (!description.picture.empty()) std::cout << "picture       " << description.picture << '\n';
    }
    return description.differs() ? 1 : 0;
  });
}
