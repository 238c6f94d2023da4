// offaxis reproduce: regenerates a published version from its manifest and psi.h5 alone.
#include <filesystem>
#include <iostream>

#include "core/version.h"
#include "publish/reproduce.h"
#include "tools/cli.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "reproduce",
    "Makes every data file anew from the manifest and psi.h5 alone and compares the content roots. With -o the files\n"
    "are written under DIR/data/ and, with the publisher's program and libraries, their bytes compared too. psi.h5 is\n"
    "looked for beside the manifest, where the manifest says, and in --psi. Exit code 1 where anything differs.",
    {{"MANIFEST", true, false, "a version's directory or manifest.json, or the copy under manifests/"}},
    {{"output,o", "DIR", "", "where to write; left out: nothing is written"},
     {"psi", "FILE", "", "a psi.h5 that lies elsewhere"},
     {"original", "SOURCE", "", "the original, where this program cannot render it"},
     {"force", "", "", "replace files that are there"}},
    {"manifests/xysquares-adversarial/1.0.0.json -o again/"}};

// `path`, or the manifest of the version's directory that it is.
std::string manifestAt(const std::string& path) {
  std::error_code none;
  return std::filesystem::is_directory(path, none) ? (std::filesystem::path(path) / "manifest.json").string() : path;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    ReproduceSettings settings;
    settings.manifest = manifestAt(arguments.positional("MANIFEST"));
    settings.output = arguments.text("output");
    if (arguments.given("psi")) settings.psi.push_back(arguments.text("psi"));
    settings.original = arguments.text("original");
    settings.program = std::string("offaxis ") + version();
    settings.overwrite = arguments.overwrite;
    const ReproduceReport report = reproduceVersion(settings, arguments.context);
    if (arguments.json) {
      cli::Json files = cli::Json::array();
      for (const ReproducedFile& file : report.files) {
        files.push_back({{"path", file.path},
                         {"content_root", file.foundRoot},
                         {"expected_content_root", file.expectedRoot},
                         {"same_content", file.sameContent},
                         {"same_bytes", file.written ? cli::Json(file.sameBytes) : cli::Json()},
                         {"passed", file.passed()},
                         {"first_difference", file.difference.empty() ? cli::Json() : cli::Json(file.difference)}});
      }
      cli::printJson(report.passed() ? "ok" : "failed", {{"reproduced", report.passed()}, {"files", files}});
    } else {
      for (const ReproducedFile& file : report.files) {
        std::cout << (file.passed() ? "ok    " : "FAIL  ") << file.path << ": "
                  << (file.sameBytes                      ? "the same bytes"
                      : file.sameContent && !file.written ? "the same content"
                      : file.sameContent                  ? "the same content, other bytes"
                                         : "content root " + file.foundRoot + " instead of " + file.expectedRoot)
                  << '\n';
        if (!file.difference.empty()) std::cout << "      " << file.difference << '\n';
      }
      std::cout << (report.passed() ? "reproduced" : "NOT reproduced") << '\n';
    }
    return report.passed() ? 0 : 1;
  });
}
