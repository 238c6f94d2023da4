#include "learn/encode.h"

#include <torch/torch.h>

#include <algorithm>

#include "core/error.h"
#include "core/philox.h"
#include "learn/device.h"
#include "learn/image_feed.h"
#include "learn/torch_errors.h"
#include "learn/trained_encoder.h"
#include "learn/trainer.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kChunk = 64;

Codes encodeAll(const SourcePtr& source, const std::string& runDirectory, const EncodeSettings& settings,
                const Context& context) {
  prepareTrainingThread();
  const torch::Device device = openDevice(settings.device);
  const TrainedEncoder trained = loadEncoder(*source, runDirectory);
  if (isSupervised(trained.model)) {
    throw Error(ErrorKind::BadFile, runDirectory + " holds a supervised " + trained.model + ", which has no codes",
                "encode with an autoencoder or pcl; `offaxis evaluate --models probe` gives a probe's accuracies");
  }
  for (const std::uint64_t row : settings.rows) {
    if (row < source->size()) continue;
    throw Error(ErrorKind::Usage, "there is no row " + std::to_string(row) + " to encode",
                source->info().expression() + " has " + std::to_string(source->size()) + ", numbered from 0");
  }
  Encoder encoder = trained.encoder;
  encoder->to(device);

  Codes result;
  result.count = !settings.rows.empty() ? settings.rows.size() : settings.count == 0 ? source->size() : settings.count;
  result.factorCount = source->info().grid.factorCount();
  result.factors.reserve(result.count * result.factorCount);

  torch::NoGradGuard noGrad;
  const Philox philox(settings.seed, "encode");
  ImageFeed feed(source, device, context, ImageFeed::Reads::Few);
  std::vector<std::int64_t> rows;
  context.begin("encoding", result.count, "images");
  for (std::uint64_t first = 0; first < result.count; first += kChunk) {
    context.throwIfCancelled();
    rows.resize(std::min(kChunk, result.count - first));
    for (std::uint64_t i = 0; i < rows.size(); ++i) {
      const std::uint64_t row = !settings.rows.empty() ? settings.rows[first + i]
                                : settings.count == 0  ? first + i
                                                       : philox.below(source->size(), first + i);
      rows[i] = static_cast<std::int64_t>(row);
      for (const std::uint32_t level : source->info().grid.levelsOf(source->gridIndex(row)))
        result.factors.push_back(level);
    }
    const torch::Tensor mu = encoder->forward(feed.gather(rows)).first.to(torch::kCPU).contiguous();
    result.latents = static_cast<std::uint64_t>(mu.size(1));
    result.codes.insert(result.codes.end(), mu.data_ptr<float>(), mu.data_ptr<float>() + mu.numel());
    context.advance(rows.size());
  }
  context.end();
  return result;
}

}  // namespace

Codes encode(SourcePtr source, const std::string& runDirectory, const EncodeSettings& settings,
             const Context& context) {
  return withTorchErrors([&] { return encodeAll(source, runDirectory, settings, context); });
}

}  // namespace offaxis
