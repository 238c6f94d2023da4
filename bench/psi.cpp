// Images a second of a psi.h5 on one core, with each kernel's share of what the processor's multiply-add
// instructions could do at best; as JSON.
// usage: psi PSI.h5
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "core/error.h"
#include "variants/integer_matrix.h"
#include "variants/psi_network.h"

namespace {

using namespace offaxis;
using Clock = std::chrono::steady_clock;

constexpr int kRounds = 7;  // the best one counts: the others share the machine

template <typename Work>
double bestSeconds(const Work& work) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

// Multiply-adds of one image, those with the zeros around the map included.
double macsOf(const PsiNetwork& psi) {
  double macs = 0;
  double side = 4;
  for (const PsiNetwork::Layer& layer : psi.layers) {
    const double weights = 1.0 * layer.in * layer.out;
    macs += layer.deconv ? 16 * weights * (side + 1) * (side + 1) : weights;
    if (layer.deconv) side *= 2;
  }
  return macs;
}

// What a matrix that stays in the first cache gives, with as many vectors as a kernel likes: nothing but its own
// multiply-adds and loads.
double bestRate(ProductKernel kernel) {
  constexpr std::size_t kRows = 16, kColumns = 256, kVectors = 30, kRepeats = 2000;
  const IntegerMatrix matrix(std::vector<std::int16_t>(kRows * kColumns, 3), kRows, kColumns);
  const std::vector<std::int16_t> inputs(kVectors * kColumns, 5);
  std::vector<std::int32_t> out(kVectors * kRows);
  const double seconds = bestSeconds([&] {
    for (std::size_t i = 0; i < kRepeats; ++i) matrix.multiply({inputs.data(), kVectors, kColumns}, out.data(), kernel);
  });
  return double{kRows * kColumns * kVectors * kRepeats} / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw Error(ErrorKind::Usage, "a psi.h5 is needed", "usage: psi PSI.h5");
    const PsiNetwork psi = PsiNetwork::load(argv[1]);
    if (psi.layers.empty())
      throw Error(ErrorKind::BadFile, std::string(argv[1]) + " is a sum of patterns", "give a psi with layers");
    std::vector<std::int16_t> delta(std::size_t{psi.side()} * psi.side() * psi.channels());
    constexpr int kImages = 2000;
    std::vector<std::uint32_t> levels(psi.features.factorSizes.size());
    const double seconds = bestSeconds([&] {
      for (int i = 0; i < kImages; ++i) {
        for (std::size_t k = 0; k < levels.size(); ++k)
          levels[k] = static_cast<std::uint32_t>(i) % psi.features.factorSizes[k];
        psi.deltas(levels.data(), delta.data());
      }
    });
    const double rate = macsOf(psi) * kImages / seconds;
    std::printf("{\"images_per_second\": %.0f, \"macs_per_image\": %.0f, \"gmacs_per_second\": %.2f, \"kernels\": {",
                kImages / seconds, macsOf(psi), rate / 1e9);
    const char* separator = "";
    for (const ProductKernel kernel : availableProductKernels()) {
      std::printf("%s\"%s\": {\"gmacs_per_second\": %.2f}", separator, toString(kernel).c_str(),
                  bestRate(kernel) / 1e9);
      separator = ", ";
    }
    std::printf("}, \"share_of_best\": %.3f}\n", rate / bestRate(availableProductKernels().back()));
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "psi: %s\n%s", error.what(), error.hint().empty() ? "" : ("  " + error.hint() + "\n").c_str());
    return static_cast<int>(error.kind());
  }
}
