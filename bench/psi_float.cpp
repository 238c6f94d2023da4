// The integer psi beside the float network that it was quantised from: images a second of either on one core, as JSON.
// The float network, of the same layers with untrained weights, takes batches of 64, its kernels' favourite; the
// integer one takes image by image, as reading does, and works out its features too.
// usage: psi_float PSI.h5
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "core/error.h"
#include "learn/device.h"
#include "learn/nets.h"
#include "variants/psi_network.h"

namespace {

using namespace offaxis;

constexpr std::int64_t kBatch = 64;
constexpr int kBatches = 20;

template <typename Work>
double imagesPerSecond(const Work& work) {
  constexpr int kRounds = 7;  // the best one counts
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return static_cast<double>(kBatch * kBatches) / best;
}

Decoder floatNetwork(const PsiNetwork& psi) {
  NetSettings net;
  net.image = {psi.side(), psi.side(), psi.channels()};
  net.latents = static_cast<int>(psi.features.count());
  net.dense = static_cast<int>(psi.layers.front().out);
  for (const PsiNetwork::Layer& layer : psi.layers) {
    if (layer.deconv) net.channels.insert(net.channels.begin(), static_cast<int>(layer.in));
  }
  Decoder network(net);
  initialise(*network, "psi", 0);
  return network;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw Error(ErrorKind::Usage, "a psi.h5 is needed", "usage: psi_float PSI.h5");
    const PsiNetwork psi = PsiNetwork::load(argv[1]);
    if (psi.layers.empty())
      throw Error(ErrorKind::BadFile, std::string(argv[1]) + " is a sum of patterns", "give a psi with layers");
    prepareTrainingThread();
    const torch::NoGradGuard noGrad;
    Decoder network = floatNetwork(psi);
    const torch::Tensor features = torch::rand({kBatch, static_cast<std::int64_t>(psi.features.count())});
    const double real = imagesPerSecond([&] {
      for (int batch = 0; batch < kBatches; ++batch) network->forward(features).tanh_();
    });
    std::vector<std::int16_t> delta(std::size_t{psi.side()} * psi.side() * psi.channels());
    std::vector<std::uint32_t> levels(psi.features.factorSizes.size());
    const double integer = imagesPerSecond([&] {
      for (std::uint32_t i = 0; i < kBatch * kBatches; ++i) {
        for (std::size_t k = 0; k < levels.size(); ++k) levels[k] = i % psi.features.factorSizes[k];
        psi.deltas(levels.data(), delta.data());
      }
    });
    std::printf("{\"integer_images_per_second\": %.0f, \"float_images_per_second\": %.0f, \"ratio\": %.2f}\n", integer,
                real, integer / real);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "psi_float: %s\n%s", error.what(),
                 error.hint().empty() ? "" : ("  " + error.hint() + "\n").c_str());
    return static_cast<int>(error.kind());
  }
}
