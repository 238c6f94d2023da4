#include "learn/traverse.h"

#include <torch/torch.h>

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/philox.h"
#include "learn/checkpoint.h"
#include "learn/device.h"
#include "learn/image_feed.h"
#include "learn/objectives.h"
#include "learn/run_directory.h"
#include "learn/torch_errors.h"
#include "learn/trained_encoder.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kVarianceImages = 512;
constexpr std::uint64_t kChunk = 64;

// The decoder beside a loaded encoder, and the loss that says what its output means.
struct TrainedDecoder {
  Decoder decoder = nullptr;
  PixelLoss loss = PixelLoss::Bernoulli;
};

// What `name` gives of what the checkpoint says. A name that is unknown is the file's fault, not the caller's.
template <typename Named>
auto named(const std::string& path, const Named& name) {
  try {
    return name();
  } catch (const Error& error) {
    throw Error(ErrorKind::BadFile, path + " cannot be used: " + error.what(), error.hint());
  }
}

TrainedDecoder loadDecoder(const std::string& runDirectory, const TrainedEncoder& encoder) {
  const std::string path = checkpointPath(runDirectory);
  if (!named(path, [&] { return modelTraits(encoder.model); }).decodes) {
    throw Error(ErrorKind::BadFile, path + " holds a " + encoder.model + ", which draws no images",
                "traverse an autoencoder: ae, beta-vae or beta-tcvae");
  }
  TrainedDecoder trained;
  trained.loss = named(path, [&] { return pixelLossFromString(encoder.loss); });
  trained.decoder = Decoder(encoder.net);
  NamedTensors parameters;
  for (const auto& item : trained.decoder->named_parameters())
    parameters.emplace_back("parameters/decoder/" + item.key(), item.value());
  loadCheckpoint(path, checkpointIdentity(path), parameters);
  return trained;
}

// Of the checkpoint; empty where there is none, which loadEncoder() says.
std::string digestOf(const std::string& runDirectory) {
  const std::string path = checkpointPath(runDirectory);
  std::error_code none;
  return std::filesystem::is_regular_file(path, none) ? toHex(sha256OfFile(path)) : std::string();
}

// f32 [N,C,H,W], the decoder's output, to uint8 [H,W,C] each.
std::vector<LatentTraversal::Image> imagesOf(const torch::Tensor& output, PixelLoss loss) {
  const torch::Tensor pixels = loss == PixelLoss::Bernoulli ? torch::sigmoid(output) : output.clamp(0, 1);
  const torch::Tensor bytes =
      (pixels * 255).round().clamp(0, 255).to(torch::kU8).permute({0, 2, 3, 1}).to(torch::kCPU).contiguous();
  std::vector<LatentTraversal::Image> images;
  const auto size = static_cast<std::size_t>(bytes.numel() / std::max<std::int64_t>(bytes.size(0), 1));
  for (std::int64_t i = 0; i < bytes.size(0); ++i) {
    const std::uint8_t* from = bytes.data_ptr<std::uint8_t>() + static_cast<std::size_t>(i) * size;
    images.emplace_back(from, from + size);
  }
  return images;
}

void check(const TraverseSettings& settings) {
  const auto within = [](std::uint64_t value, std::uint64_t low, std::uint64_t high, const std::string& what) {
    if (value < low || value > high)
      throw Error(ErrorKind::Usage, what + " must be " + std::to_string(low) + " to " + std::to_string(high) +
                                        ", not " + std::to_string(value));
  };
  within(settings.steps, 2, 64, "the steps of a traversal");
  within(settings.reconstructions, 1, 64, "the number of reconstructions");
  if (!(settings.span > 0)) throw Error(ErrorKind::Usage, "the span of a traversal must be above 0");
}

LatentTraversal traverse(const SourcePtr& source, const std::string& runDirectory, const TraverseSettings& settings,
                         const Context& context) {
  check(settings);
  prepareTrainingThread();
  const torch::Device device = openDevice(settings.device);
  const std::string digest = digestOf(runDirectory);
  const TrainedEncoder trained = loadEncoder(*source, runDirectory);
  TrainedDecoder decoder = loadDecoder(runDirectory, trained);
  if (digestOf(runDirectory) != digest)
    throw Error(ErrorKind::BadFile, checkpointPath(runDirectory) + " was replaced while it was read",
                "wait until training has ended");
  Encoder encoder = trained.encoder;
  encoder->to(device);
  decoder.decoder->to(device);
  const torch::NoGradGuard noGrad;
  ImageFeed feed(source, device, context, ImageFeed::Reads::Few);
  const Philox philox(settings.seed, "traverse");
  const auto encoded = [&](std::uint64_t first, std::uint64_t count, std::vector<std::uint64_t>* rows) {
    std::vector<std::int64_t> drawn;
    for (std::uint64_t i = 0; i < count; ++i) {
      drawn.push_back(static_cast<std::int64_t>(philox.below(source->size(), first + i)));
      if (rows != nullptr) rows->push_back(static_cast<std::uint64_t>(drawn.back()));
    }
    return encoder->forward(feed.gather(drawn)).first;
  };

  LatentTraversal result;
  result.model = trained.model;
  result.latents = static_cast<std::uint64_t>(trained.latents);
  result.checkpointSha256 = digest;
  for (std::uint32_t i = 0; i < settings.steps; ++i)
    result.offsets.push_back(settings.span * (2.0 * i / (settings.steps - 1) - 1));

  const torch::Tensor codes = encoded(0, settings.reconstructions, &result.rows);
  result.rebuilt = imagesOf(decoder.decoder->forward(codes), decoder.loss);
  for (const std::uint64_t row : result.rows) {
    result.originals.emplace_back(source->info().shape.bytes());
    source->read(row, result.originals.back().data());
  }
  result.startRow = result.rows[0];
  for (std::int64_t latent = 0; latent < trained.latents; ++latent) {
    context.throwIfCancelled();
    torch::Tensor along = codes.slice(0, 0, 1).repeat({static_cast<std::int64_t>(settings.steps), 1});
    for (std::uint32_t i = 0; i < settings.steps; ++i)
      along[static_cast<std::int64_t>(i)][latent] = static_cast<float>(result.offsets[i]);
    result.strips.push_back(imagesOf(decoder.decoder->forward(along), decoder.loss));
  }
  std::vector<torch::Tensor> all;
  for (std::uint64_t first = 0; first < kVarianceImages; first += kChunk) {
    context.throwIfCancelled();
    all.push_back(encoded(first, kChunk, nullptr).to(torch::kCPU));
  }
  const torch::Tensor variance = torch::cat(all).to(torch::kFloat64).var(0, /*unbiased=*/true).contiguous();
  result.variance.assign(variance.data_ptr<double>(), variance.data_ptr<double>() + variance.numel());
  return result;
}

}  // namespace

LatentTraversal traverseLatents(SourcePtr source, const std::string& runDirectory, const TraverseSettings& settings,
                                const Context& context) {
  return withTorchErrors([&] { return traverse(source, runDirectory, settings, context); });
}

}  // namespace offaxis
