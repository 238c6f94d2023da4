// offaxis emit: writes a variant of a dataset to an HDF5 file.
#include "core/error.h"
#include "tools/cli.h"
#include "tools/writing.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "emit",
    "Same keys, labels and order as the original. SOURCE may also be a whole expression with its variant,\n"
    "xysquares:spacing=1+noise:eps=0.1,seed=7; then --variant and what belongs to it are left out.",
    {{"SOURCE", true, false, "the dataset: a name or a file"}},
    cli::writingOptions({{"variant", "NAME", "", "one of `offaxis list variants`"},
                         {"psi", "FILE", "", "the perturbation network, for modified and the controls made from it"},
                         {"eps", "E", "", "the budget, a number in (0, 1] or a fraction such as 25/255, for noise"},
                         {"seed", "N", "", "of the draws of noise, scrambled, permuted and unaligned"}}),
    {"xysquares:spacing=1 --variant modified --psi run/psi.h5 -o modified.h5",
     "xysquares:spacing=1 --variant noise --eps 0.1 --seed 0 -o noise.h5"}};

SourcePtr open(const cli::Arguments& arguments) {
  SourcePtr source = openSource(arguments.positional("SOURCE"));
  std::map<std::string, std::string> values;
  for (const char* key : {"psi", "eps", "seed"}) {
    if (arguments.given(key)) values[key] = arguments.text(key);
  }
  if (!arguments.given("variant")) {
    if (source->info().variant == "original")
      throw Error(ErrorKind::Usage, "--variant is missing", "see `offaxis list variants`");
    if (!values.empty()) {
      throw Error(ErrorKind::Usage,
                  "SOURCE is a variant already, --" + values.begin()->first + " has nothing to change",
                  "give the original and --variant, or SOURCE as it is to be");
    }
    return source;
  }
  KeyValues settings(arguments.text("variant"), std::move(values));
  return applyVariant(std::move(source), arguments.text("variant"), settings);
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const cli::WritingSettings writing = cli::parseWriting(arguments);
    return cli::writeAndReport(open(arguments), writing, arguments);
  });
}
