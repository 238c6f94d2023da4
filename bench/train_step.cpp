// One conv64 beta-VAE training step on random images, in milliseconds: the trainer's own objective, nets and optimiser,
// images converted from uint8 as in training. The same step in eager PyTorch: train_step_eager.py. usage: train_step
// --channels C --batch B --threads T --steps N --json
#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "core/philox.h"
#include "core/text.h"
#include "learn/adam.h"
#include "learn/device.h"
#include "learn/image_feed.h"
#include "learn/objectives.h"

namespace {

using namespace offaxis;

struct Settings {
  std::uint32_t channels = 3;
  std::uint64_t batch = 64;
  std::uint64_t threads = 1;  // intra-op; the trainer itself uses one per model and runs models side by side
  std::uint64_t steps = 10;
  bool json = false;
};

// Uniform random pixels, the same ones for every row modulo 256.
class RandomImages final : public Source {
 public:
  explicit RandomImages(std::uint32_t channels) {
    info_.dataset = "random";
    info_.grid = FactorGrid({{"row", FactorKind::Ordinal, std::vector<double>(kRows)}});
    info_.shape = {64, 64, channels};
    std::vector<std::uint32_t> words((kRows * info_.shape.bytes() + 3) / 4);
    Philox(0, "bench images").fill(0, 0, words.data(), words.size());
    pixels_.resize(kRows * info_.shape.bytes());
    std::memcpy(pixels_.data(), words.data(), pixels_.size());
  }
  const SourceInfo& info() const override { return info_; }
  void read(std::uint64_t row, std::uint8_t* image) const override {
    std::memcpy(image, pixels_.data() + (row % kRows) * info_.shape.bytes(), info_.shape.bytes());
  }

 private:
  static constexpr std::size_t kRows = 256;
  SourceInfo info_;
  std::vector<std::uint8_t> pixels_;
};

// The milliseconds per step after two steps of warming up.
double train(const SourcePtr& source, const Settings& settings) {
  prepareTrainingThread();
  at::set_num_threads(static_cast<int>(settings.threads));
  constexpr int kLatents = 10;
  const NetSettings net = NetSettings::conv64(source->info().shape, kLatents);
  Encoder encoder(net);
  Decoder decoder(net);
  initialise(*encoder, "encoder", 0);
  initialise(*decoder, "decoder", 0);
  std::vector<torch::Tensor> parameters = encoder->parameters();
  for (const torch::Tensor& parameter : decoder->parameters()) parameters.push_back(parameter);
  Adam adam(parameters, 1e-4);
  const auto objective = makeObjective("beta-vae", {PixelLoss::Bernoulli, 4});
  const Philox rows(0, "bench batches");
  const Philox eta(0, "bench eta");
  ImageFeed feed(source, torch::kCPU, {});
  constexpr std::uint64_t kWarmup = 2;
  auto start = std::chrono::steady_clock::now();
  for (std::uint64_t step = 0; step < kWarmup + settings.steps; ++step) {
    if (step == kWarmup) start = std::chrono::steady_clock::now();
    std::vector<std::int64_t> drawn(settings.batch);
    for (std::uint64_t i = 0; i < settings.batch; ++i) drawn[i] = static_cast<std::int64_t>(rows.below(256, step, i));
    torch::Tensor noise = torch::empty({static_cast<std::int64_t>(settings.batch), kLatents});
    eta.normals(step, noise.data_ptr<float>(), static_cast<std::size_t>(noise.numel()));
    const Losses losses = objective->evaluate(encoder, decoder, {feed.gather(drawn), noise});
    if (!losses.total.isfinite().item<bool>()) throw Error(ErrorKind::Failed, "the loss is not finite");
    adam.step(torch::autograd::grad({losses.total}, adam.parameters()));
  }
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  return elapsed.count() / static_cast<double>(settings.steps);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") {
      settings.json = true;
      continue;
    }
    if (i + 1 == argc) throw Error(ErrorKind::Usage, name + " needs a value");
    const std::string value = argv[++i];
    if (name == "--channels") {
      settings.channels = static_cast<std::uint32_t>(parseUnsigned(value, name, 1, 16));
    } else if (name == "--batch") {
      settings.batch = parseUnsigned(value, name, 1, 65536);
    } else if (name == "--threads") {
      settings.threads = parseUnsigned(value, name, 1, 1024);
    } else if (name == "--steps") {
      settings.steps = parseUnsigned(value, name, 1, 1000000);
    } else {
      throw Error(ErrorKind::Usage, "unknown option '" + name + "'",
                  "usage: train_step --channels C --batch B --threads T --steps N --json");
    }
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings settings = parse(argc, argv);
    const SourcePtr source = std::make_shared<RandomImages>(settings.channels);
    const double perStep = train(source, settings);
    std::printf(settings.json ? "{\"ms_per_step\": %.3f}\n" : "%.3f ms per step\n", perStep);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "train_step: %s\n%s", error.what(),
                 error.hint().empty() ? "" : ("  " + error.hint() + "\n").c_str());
    return static_cast<int>(error.kind());
  }
}
