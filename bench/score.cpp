// Seconds of one metric, and its scores, as JSON; the data and the other sides: mig.py and dci.py.
// usage: score mig CODES.npz | score dci TRAIN.npz TEST.npz, each with --threads T
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#include "core/error.h"
#include "core/text.h"
#include "measure/dci.h"
#include "measure/mig.h"
#include "storage/codes.h"

namespace {

using namespace offaxis;

double secondsOf(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string metric = argc > 1 ? argv[1] : "";
    const int files = metric == "dci" ? 2 : 1;
    if ((metric != "mig" && metric != "dci") || argc != 4 + files || std::string(argv[2 + files]) != "--threads") {
      throw Error(ErrorKind::Usage, "a metric, its files and a number of threads are needed",
                  "usage: score mig CODES.npz --threads T, or score dci TRAIN.npz TEST.npz --threads T");
    }
    const Codes first = readCodes(argv[2]);
    Context context;
    context.threads = static_cast<int>(parseUnsigned(argv[3 + files], "--threads", 1, 1024));
    if (metric == "mig") {
      MigResult result;
      double best = 1e9;
      for (int i = 0; i < 20; ++i) best = std::min(best, secondsOf([&] { result = mig(viewOf(first)); }));
      std::printf("{\"seconds\": %.6f, \"mig\": %.9f}\n", best, result.value);
      return 0;
    }
    const Codes test = readCodes(argv[3]);
    DciResult result;
    const double seconds = secondsOf([&] { result = dci(viewOf(first), viewOf(test), context); });
    std::printf("{\"seconds\": %.3f, \"disentanglement\": %.6f, \"completeness\": %.6f, \"informativeness\": %.6f}\n",
                seconds, result.disentanglement, result.completeness, result.informativeness);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "score: %s\n%s", error.what(),
                 error.hint().empty() ? "" : ("  " + error.hint() + "\n").c_str());
    return static_cast<int>(error.kind());
  }
}
