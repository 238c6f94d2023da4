// offaxis import: an original file, checked and re-written as one of ours.
#include <chrono>
#include <cmath>
#include <iostream>

#include "core/error.h"
#include "datasets/import.h"
#include "tools/cli.h"
#include "tools/terminal.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "import",
    "FILE is recognised by its content: the dSprites npz or HDF5 file, or the Shapes3D HDF5 file. Its digest is "
    "compared\n"
    "with the published one's; a file of another digest and the right content is imported too, under a name that says\n"
    "so. Labels, levels, shapes, types and dSprites' pixels are checked before anything is written. A file in another\n"
    "order is put in order by its labels. Use the result as any SOURCE, or as --original FILE.h5.",
    {{"FILE", true, false, "the original: dsprites_...64x64.npz, 3dshapes.h5 or the like"}},
    {{"as", "DATASET", "", "what it has to be, dsprites or shapes3d; left out: whichever it is"},
     {"output,o", "FILE", "", "the HDF5 file to write"},
     {"deflate", "LEVEL", "1", "1 (fast) to 12 (small); the content root does not depend on it"},
     {"force", "", "", "replace an existing file"}},
    {"3dshapes.h5 -o shapes3d-original.h5", "dsprites.npz --as dsprites -o dsprites-original.h5 --json"}};

struct Settings {
  std::string path;
  std::string output;
  ImportSettings import;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  settings.path = arguments.positional("FILE");
  settings.output = arguments.required("output");
  settings.import.original.as = arguments.text("as");
  settings.import.writing.overwrite = arguments.overwrite;
  settings.import.writing.deflateLevel = static_cast<int>(arguments.integer("deflate", 1, 12));
  return settings;
}

void printText(const ImportReport& report, const Settings& settings, double seconds) {
  const OriginalDescription& original = report.original;
  const std::string digest =
      original.published && original.kind.npz ? "MD5 " + original.md5 : "SHA-256 " + original.sha256;
  std::cout << settings.path << ": " << toString(original.kind) << ", "
            << (original.published ? "the published original (" : "not the published original: an unknown file of the ")
            << (original.published ? "" : "right shape (") << digest << ")\n"
            << settings.output << ": " << report.written.images << " images of " << toString(report.info.shape) << ", "
            << formatBytes(report.written.fileBytes) << ", " << cli::formatDuration(seconds) << " ("
            << std::llround(static_cast<double>(report.written.images) / seconds) << " images/s)\n"
            << "name          " << report.info.dataset << "\nrows moved    " << original.movedRows
            << (original.movedRows == 0 ? ": the file is in order\n" : ": put in order by their labels\n")
            << "coincidences  " << report.written.coincidences << " images equal one of a lower index\n"
            << "content root  " << toHex(report.written.root) << '\n';
}

void printAsJson(const ImportReport& report, const Settings& settings, double seconds) {
  const OriginalDescription& original = report.original;
  cli::Json json{{"original", settings.path},
                 {"format", original.kind.npz ? "npz" : "hdf5"},
                 {"family", original.kind.family},
                 {"published", original.published},
                 {"original_sha256", original.sha256}};
  if (original.kind.npz) json["original_md5"] = original.md5;
  json.update(cli::Json{{"file", settings.output},
                        {"name", report.info.dataset},
                        {"images", report.written.images},
                        {"rows_moved", original.movedRows},
                        {"coincidences", report.written.coincidences},
                        {"content_root", toHex(report.written.root)},
                        {"file_bytes", report.written.fileBytes},
                        {"seconds", seconds},
                        {"images_per_second", static_cast<double>(report.written.images) / seconds}});
  cli::printJson("ok", json);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    const auto start = std::chrono::steady_clock::now();
    const ImportReport report = importOriginal(settings.path, settings.output, settings.import, arguments.context);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (arguments.json) {
      printAsJson(report, settings, seconds);
    } else {
      printText(report, settings, seconds);
    }
    return 0;
  });
}
