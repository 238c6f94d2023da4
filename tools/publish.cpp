// offaxis publish: files become a verified, described and checksummed version.
#include <chrono>
#include <ctime>
#include <iostream>

#include "core/error.h"
#include "core/version.h"
#include "publish/publish.h"
#include "tools/cli.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "publish",
    "Writes DIR/NAME/X.Y.Z/ with the data, psi.h5, index.csv, manifest.json, croissant.json, datacite.json, README.md\n"
    "and SHA256SUMS. Every variant is verified against its original first, and a program that was built from changed\n"
    "sources is refused. A version never changes; its number follows from what changed: same content PATCH, all old\n"
    "rows and new ones MINOR, else MAJOR.",
    {{"FILE", true, true, "HDF5 files of `offaxis render` and `offaxis emit`, of one dataset"}},
    {{"name", "NAME", "", "of the published set: lower-case letters, digits, '-', '_', '.'"},
     {"version", "X.Y.Z", "", "of the first in DIR/NAME any, such as 1.0.0; then the one that the changes ask for"},
     {"output,o", "DIR", "", "where published sets lie"},
     {"psi", "FILE,...", "", "the psi.h5 files that modified files were made with"},
     {"original", "SOURCE", "", "the original; left out: the dataset that each file names"},
     {"evidence", "FILE,...", "", "results.json files of `offaxis evaluate`, of this data and psi, for the manifest"},
     {"manifests", "DIR", "", "also write DIR/NAME/X.Y.Z.json and DIR/NAME/psi/, small enough to be committed"},
     {"sign", "KEY", "", "sign SHA256SUMS with this private SSH key (`ssh-keygen -Y sign -n offaxis`)"},
     {"description", "TEXT", "", "one sentence; left out: made from the files"},
     {"license", "ID|URL", PublishSettings().license, "a common SPDX identifier or an address"},
     {"url", "URL", PublishSettings().url, "the web address where the version will be found"},
     {"allow-dirty", "", "", "publish although this program was built from changed sources; the manifest will say so"},
     {"creator", "NAME", PublishSettings().creator, "who publishes"}},
    {"x.h5 modified.h5 noise.h5 --name xysquares-adversarial --version 1.0.0 --psi run/psi.h5 -o published/"}};

// "a,b" of the option `name`.
std::vector<std::string> listOf(const cli::Arguments& arguments, const std::string& name) {
  if (arguments.text(name).empty()) return {};
  return splitList(arguments.text(name), "--" + name);
}

std::string utcNow() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

PublishSettings parse(const cli::Arguments& arguments) {
  PublishSettings settings;
  settings.files = arguments.positionals("FILE");
  settings.name = arguments.required("name");
  settings.version = arguments.required("version");
  settings.directory = arguments.required("output");
  settings.psi = listOf(arguments, "psi");
  settings.original = arguments.text("original");
  settings.evidence = listOf(arguments, "evidence");
  settings.manifestsDirectory = arguments.text("manifests");
  settings.signKey = arguments.text("sign");
  settings.description = arguments.text("description");
  settings.license = arguments.required("license");
  settings.url = arguments.required("url");
  settings.creator = arguments.required("creator");
  settings.program = std::string("offaxis ") + version();
  settings.created = utcNow();
  settings.allowDirty = arguments.flag("allow-dirty");
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const PublishReport report = publishVersion(parse(arguments), arguments.context);
    if (arguments.json) {
      cli::Json files = cli::Json::array();
      for (const PublishedFile& file : report.manifest.files) {
        files.push_back({{"path", file.file.path}, {"sha256", file.file.sha256}, {"content_root", file.contentRoot}});
      }
      cli::printJson("ok", {{"directory", report.directory}, {"completed", report.completed}, {"files", files}});
    } else {
      for (const PublishedFile& file : report.manifest.files) {
        std::cout << file.file.path << "  content root " << file.contentRoot << '\n';
      }
      std::cout << (report.completed ? "was published already, the manifest's copy was added: " : "published ")
                << report.directory << '\n';
    }
    return 0;
  });
}
