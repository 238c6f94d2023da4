// One conv64 beta-VAE training step on random images, in milliseconds: the trainer's own objective, nets and optimiser,
// images converted from uint8 as in training. The same step in eager PyTorch: train_step_eager.py. usage: train_step
// --channels C --batch B --steps N --json [--latents L]
// --limits adds what the step's arithmetic would take at the rate that a large matrix product reaches on one thread in
// the same run; --source EXPRESSION reads the images from there, a file or a dataset of 64x64 images, and
// adds the share of a step that this takes; --device cuda trains on a GPU, --precision tf32 or bfloat16 on its tensor
// cores (a CPU imitates them); --cached keeps images in memory as `offaxis evaluate` does, --ahead reads those of the
// next step on a second thread, as `offaxis train` does.
#include <dlfcn.h>
#include <torch/cuda.h>
#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>

#include "core/error.h"
#include "core/philox.h"
#include "core/text.h"
#include "learn/adam.h"
#include "learn/cached_source.h"
#include "learn/device.h"
#include "learn/image_feed.h"
#include "learn/objectives.h"
#include "learn/precision.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

struct Settings {
  std::uint32_t channels = 3;
  std::uint64_t batch = 64;
  std::uint64_t steps = 10;
  std::uint64_t latents = 10;
  std::string source;
  std::string device = "cpu";
  std::string precision = "float32";
  bool cached = false;
  bool ahead = false;
  bool limits = false;
  bool json = false;
};

struct Times {
  double step = 0;  // milliseconds
  double read = 0;  // of them, for putting the batch together
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

// Floating-point operations of one step: a multiplication and an addition for each weight at each place it is applied,
// forward, for the weights' gradient and, but for the first layer, for the inputs'.
double operations(const NetSettings& net, std::uint64_t batch) {
  double macs = 0, first = 0;
  double side = net.image.height, in = net.image.channels;
  for (std::size_t i = 0; i < net.channels.size(); ++i) {
    side /= 2;
    const double layer = side * side * net.kernels[i] * net.kernels[i] * in * net.channels[i];
    if (i == 0) first = layer;
    macs += layer;
    in = net.channels[i];
  }
  macs += side * side * in * net.dense + 2.0 * net.dense * net.latents;  // encoder's dense layer, heads
  macs += 1.0 * net.latents * net.dense + side * side * in * net.dense;  // decoder's
  for (std::size_t i = net.channels.size(); i-- > 0;) {
    const double out = i == 0 ? net.image.channels : net.channels[i - 1];
    macs += side * side * 16 * net.channels[i] * out;
    side *= 2;
  }
  return 2.0 * static_cast<double>(batch) * (3 * macs - first);
}

// oneDNN's matrix product, where LibTorch links it as a library of its own (Debian's does).
using Sgemm = int(char, char, std::int64_t, std::int64_t, std::int64_t, float, const float*, std::int64_t, const float*,
                  std::int64_t, float, float*, std::int64_t);

// Floating-point operations a second of LibTorch's or oneDNN's product of large matrices, whichever is faster; the best
// of several rounds.
double matrixRate() {
  at::set_num_threads(1);
  const torch::NoGradGuard noGrad;
  constexpr std::int64_t kSide = 1024;
  const torch::Tensor a = torch::ones({kSide, kSide}), b = torch::ones({kSide, kSide});
  torch::Tensor c = torch::zeros({kSide, kSide});
  double best = 0;
  const auto measure = [&](int rounds, const std::function<void()>& product) {
    for (int round = 0; round < rounds; ++round) {
      const auto start = std::chrono::steady_clock::now();
      product();
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      best = std::max(best, 2.0 * kSide * kSide * kSide / spent.count());
    }
  };
  measure(2, [&] { torch::mm_out(c, a, b); });
  if (auto* const sgemm = reinterpret_cast<Sgemm*>(dlsym(RTLD_DEFAULT, "dnnl_sgemm"))) {
    measure(20, [&] {
      sgemm('N', 'N', kSide, kSide, kSide, 1, a.data_ptr<float>(), kSide, b.data_ptr<float>(), kSide, 0,
            c.data_ptr<float>(), kSide);
    });
  }
  return best;
}

void waitFor(const torch::Device& device) {
  if (device.is_cuda()) torch::cuda::synchronize(device.index());
}

// After two steps of warming up.
Times train(const SourcePtr& source, const Settings& settings) {
  prepareTrainingThread();
  const torch::Device device = openDevice(settings.device);
  NetSettings net = NetSettings::conv64(source->info().shape, static_cast<int>(settings.latents));
  net.precision = precisionFromString(settings.precision);
  allowPrecision(net.precision);
  Encoder encoder(net);
  Decoder decoder(net);
  initialise(*encoder, "encoder", 0);
  initialise(*decoder, "decoder", 0);
  encoder->to(device);
  decoder->to(device);
  std::vector<torch::Tensor> parameters = encoder->parameters();
  for (const torch::Tensor& parameter : decoder->parameters()) parameters.push_back(parameter);
  Adam adam(parameters, 1e-4);
  const auto objective = makeObjective("beta-vae", {PixelLoss::Bernoulli, 4});
  const Philox rows(0, "bench batches");
  const Philox eta(0, "bench eta");
  Context context;
  context.threads = settings.ahead ? 2 : 1;
  ImageFeed feed(source, device, context);
  const auto draw = [&](std::uint64_t step) {
    std::vector<std::int64_t> drawn(settings.batch);
    for (std::uint64_t i = 0; i < settings.batch; ++i)
      drawn[i] = static_cast<std::int64_t>(rows.below(source->size(), step, i));
    return drawn;
  };
  constexpr std::uint64_t kWarmup = 2;
  auto start = std::chrono::steady_clock::now();
  Times times;
  torch::Tensor sum = torch::zeros({}, device);
  for (std::uint64_t step = 0; step < kWarmup + settings.steps; ++step) {
    if (step == kWarmup) {
      waitFor(device);
      start = std::chrono::steady_clock::now();
    }
    const std::vector<std::int64_t> drawn = draw(step);
    torch::Tensor noise =
        torch::empty({static_cast<std::int64_t>(settings.batch), static_cast<std::int64_t>(settings.latents)});
    eta.normals(step, noise.data_ptr<float>(), static_cast<std::size_t>(noise.numel()));
    const auto before = std::chrono::steady_clock::now();
    const torch::Tensor images = feed.gather(drawn);
    if (step >= kWarmup)
      times.read += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
    feed.announce(draw(step + 1));
    const Losses losses = objective->evaluate(encoder, decoder, {images, sentTo(device, noise)});
    sum += losses.total.detach();  // read once at the end, as reading waits for a GPU
    adam.step(torch::autograd::grad({losses.total}, adam.parameters()));
  }
  waitFor(device);
  const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
  if (!sum.isfinite().item<bool>()) throw Error(ErrorKind::Failed, "the loss is not finite");
  times.step = elapsed.count() / static_cast<double>(settings.steps);
  times.read /= static_cast<double>(settings.steps);
  return times;
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    bool* const flag = name == "--json"     ? &settings.json
                       : name == "--limits" ? &settings.limits
                       : name == "--cached" ? &settings.cached
                       : name == "--ahead"  ? &settings.ahead
                                            : nullptr;
    if (flag != nullptr) {
      *flag = true;
      continue;
    }
    if (i + 1 == argc) throw Error(ErrorKind::Usage, name + " needs a value");
    const std::string value = argv[++i];
    if (name == "--channels") {
      settings.channels = static_cast<std::uint32_t>(parseUnsigned(value, name, 1, 16));
    } else if (name == "--batch") {
      settings.batch = parseUnsigned(value, name, 1, 65536);
    } else if (name == "--steps") {
      settings.steps = parseUnsigned(value, name, 1, 1000000);
    } else if (name == "--latents") {
      settings.latents = parseUnsigned(value, name, 1, 4096);
    } else if (name == "--source") {
      settings.source = value;
    } else if (name == "--device") {
      settings.device = value;
    } else if (name == "--precision") {
      settings.precision = value;
    } else {
      throw Error(ErrorKind::Usage, "unknown option '" + name + "'",
                  "usage: train_step --channels C --batch B --steps N --json [--latents L] [--limits] "
                  "[--source S [--cached] [--ahead]] [--device D] [--precision P]");
    }
  }
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Settings settings = parse(argc, argv);
    SourcePtr source =
        settings.source.empty() ? std::make_shared<RandomImages>(settings.channels) : openSource(settings.source);
    if (settings.cached) source = cachedWhereSlow(std::move(source));
    const Times times = train(source, settings);
    std::printf(settings.json ? "{\"ms_per_step\": %.3f" : "%.3f ms per step", times.step);
    if (!settings.source.empty())
      std::printf(settings.json ? ", \"read_share\": %.4f" : ", %.4f of it to read the images",
                  times.read / times.step);
    if (settings.limits) {
      const double flop =
          operations(NetSettings::conv64(source->info().shape, static_cast<int>(settings.latents)), settings.batch);
      const double reached = flop / times.step / 1e6, rate = matrixRate() / 1e9;
      std::printf(settings.json ? ", \"gflop_per_step\": %.3f, \"gflops\": %.2f, \"matrix_gflops\": %.2f, "
                                  "\"share_of_matrix_rate\": %.3f"
                                : ", %.3f GFLOP at %.2f GFLOP/s where a matrix product reaches %.2f: a share of %.3f",
                  flop / 1e9, reached, rate, reached / rate);
    }
    std::printf(settings.json ? "}\n" : "\n");
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "train_step: %s\n%s", error.what(),
                 error.hint().empty() ? "" : ("  " + error.hint() + "\n").c_str());
    return static_cast<int>(error.kind());
  }
}
