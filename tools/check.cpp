// offaxis check: is a published version still what it was?
#include <algorithm>
#include <iostream>

#include "core/text.h"
#include "publish/check.h"
#include "tools/cli.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "check",
    "Every file by its bytes (as `sha256sum -c SHA256SUMS` does), that nothing is missing and nothing else lies "
    "there,\n"
    "the manifest and the signature. With --content also the decoded labels and images of every data file: files that\n"
    "were repacked pass then, and of others the first differing row and pixel are named. Exit code 1 where anything\n"
    "differs.",
    {{"DIR", true, false, "a directory <name>/<version> that `offaxis publish` made"}},
    {{"content", "", "", "decode the data files and recompute their content roots"},
     {"signer", "WHO", "", "who has to have signed, as --allowed-signers names them: you@example.org"},
     {"allowed-signers", "FILE", "", "whose keys are whose, as ssh-keygen(1) says; goes with --signer"}},
    {"published/xysquares-adversarial/1.0.0 --content",
     "published/xysquares-adversarial/1.0.0 --signer you@example.org --allowed-signers signers"}};

CheckSettings parse(const cli::Arguments& arguments) {
  CheckSettings settings;
  settings.content = arguments.flag("content");
  settings.signer = arguments.text("signer");
  settings.allowedSigners = arguments.text("allowed-signers");
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const CheckReport report = checkVersion(arguments.positional("DIR"), parse(arguments), arguments.context);
    if (arguments.json) {
      cli::Json findings = cli::Json::array();
      for (const CheckFinding& finding : report.findings) {
        findings.push_back(
            {{"path", finding.path}, {"check", finding.check}, {"passed", finding.passed}, {"detail", finding.detail}});
      }
      cli::printJson(report.passed() ? "ok" : "failed", {{"passed", report.passed()}, {"findings", findings}});
    } else {
      std::size_t failures = 0;
      for (const CheckFinding& finding : report.findings) {
        if (!finding.passed) ++failures;
        if (finding.passed && !arguments.verbose && finding.check != "content" && finding.check != "signature" &&
            finding.detail.rfind("repacked", 0) != 0) {
          continue;
        }
        std::cout << (finding.passed ? "ok    " : "FAIL  ") << printable(finding.path) << ": " << finding.check << ", "
                  << printable(finding.detail) << '\n';
      }
      std::cout << (failures == 0 ? "intact: " + std::to_string(report.findings.size()) + " checks passed"
                                  : "NOT intact: " + std::to_string(failures) + " of " +
                                        std::to_string(report.findings.size()) + " checks failed")
                << '\n';
    }
    return report.passed() ? 0 : 1;
  });
}
