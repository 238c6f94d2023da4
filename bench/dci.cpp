// Seconds of one DCI, and its scores, as JSON; the data and the other side: dci.py. usage: dci TRAIN.npz TEST.npz
// --threads T
#include <chrono>
#include <cstdio>

#include "core/error.h"
#include "core/text.h"
#include "measure/dci.h"
#include "storage/codes.h"

int main(int argc, char** argv) {
  using namespace offaxis;
  try {
    if (argc != 5 || std::string(argv[3]) != "--threads") {
      throw Error(ErrorKind::Usage, "two files and a number of threads are needed",
                  "usage: dci TRAIN.npz TEST.npz --threads T");
    }
    const Codes train = readCodes(argv[1]);
    const Codes test = readCodes(argv[2]);
    Context context;
    context.threads = static_cast<int>(parseUnsigned(argv[4], "--threads", 1, 1024));
    const auto start = std::chrono::steady_clock::now();
    const DciResult result = dci(viewOf(train), viewOf(test), context);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::printf("{\"seconds\": %.3f, \"disentanglement\": %.6f, \"completeness\": %.6f, \"informativeness\": %.6f}\n",
                elapsed.count(), result.disentanglement, result.completeness, result.informativeness);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "dci: %s\n%s", error.what(), error.hint().empty() ? "" : ("  " + error.hint() + "\n").c_str());
    return static_cast<int>(error.kind());
  }
}
