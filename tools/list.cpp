// offaxis list: what this program knows by name.
#include <iomanip>
#include <iostream>

#include "core/error.h"
#include "datasets/registry.h"
#include "measure/metrics.h"
#include "tools/cli.h"
#include "tools/names.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{"list",
                      "",
                      {{"WHAT", false, false, "datasets, variants, models or metrics; all of them where left out"}},
                      {},
                      {"", "datasets --json"}};

struct Entry {
  std::string name, summary, parameters;
};

std::vector<std::pair<std::string, std::vector<Entry>>> sections() {
  std::vector<std::pair<std::string, std::vector<Entry>>> all{
      {"datasets", {}}, {"variants", {}}, {"models", {}}, {"metrics", {}}};
  for (const DatasetFamily& family : datasetFamilies())
    all[0].second.push_back({family.name, family.summary, family.parameters});
  for (const VariantKind& kind : variantKinds()) all[1].second.push_back({kind.name, kind.summary, kind.parameters});
  for (const cli::NamedPart& model : cli::kModels) all[2].second.push_back({model.name, model.summary, ""});
  for (const Metric& metric : metrics()) all[3].second.push_back({metric.name, metric.summary, ""});
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const std::string what = arguments.positional("WHAT");
    cli::Json json = cli::Json::object();
    bool found = false;
    std::vector<std::string> titles;
    for (const auto& [title, entries] : sections()) {
      titles.push_back(title);
      if (!what.empty() && what != title) continue;
      found = true;
      if (!arguments.json) std::cout << title << ":\n";
      json[title] = cli::Json::array();
      for (const Entry& entry : entries) {
        json[title].push_back({{"name", entry.name}, {"summary", entry.summary}, {"parameters", entry.parameters}});
        if (arguments.json) continue;
        std::cout << "  " << std::left << std::setw(16) << entry.name << ' ' << entry.summary;
        if (!entry.parameters.empty()) std::cout << "  [" << entry.parameters << "]";
        std::cout << '\n';
      }
    }
    if (!found) throw Error(ErrorKind::Usage, "there is no list of '" + what + "'", "lists: " + joined(titles));
    if (arguments.json) cli::printJson("ok", json);
    return 0;
  });
}
