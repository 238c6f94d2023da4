// offaxis render: writes a built-in dataset to an HDF5 file.
#include <iostream>

#include "core/error.h"
#include "datasets/image_file.h"
#include "tools/cli.h"
#include "tools/writing.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "render",
    "The file has the original's own keys, dtypes and order, so that loaders of the original read it unchanged;\n"
    "the same options give the same bytes on every run and number of threads.",
    {{"DATASET", true, false, "a name from `offaxis list datasets`, with settings: xysquares:spacing=3"}},
    cli::writingOptions({{"spacing", "S", "", "of xysquares, 1 to 8; the same as xysquares:spacing=S"}}),
    {"xysquares --spacing 1 -o xysquares-1.h5", "xysquares:spacing=8 --indices 0:1000 -o sample.h5"}};

struct Settings {
  std::string dataset;
  cli::WritingSettings writing;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings{arguments.positional("DATASET"), cli::parseWriting(arguments)};
  if (arguments.given("spacing")) {
    if (settings.dataset != "xysquares") {
      throw Error(ErrorKind::Usage, "--spacing does not go with '" + settings.dataset + "'",
                  "it is for plain xysquares; other settings stand behind the name: xysquares:spacing=3");
    }
    settings.dataset += ":spacing=" + arguments.text("spacing");
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    const SourcePtr source = openSource(settings.dataset);
    if (source->info().variant != "original") {
      throw Error(ErrorKind::Usage, "render writes original datasets, '" + settings.dataset + "' is a variant",
                  "use `offaxis emit` for variants");
    }
    return cli::writeAndReport(source, settings.writing, arguments);
  });
}
