#include "learn/encode.h"

#include <torch/torch.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/philox.h"
#include "learn/checkpoint.h"
#include "learn/device.h"
#include "learn/image_feed.h"
#include "learn/nets.h"
#include "learn/run_directory.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kChunk = 64;

Encoder loadEncoder(const Source& source, const std::string& path) {
  const std::string identity = checkpointIdentity(path);
  const SourceInfo& info = source.info();
  try {
    const auto run = nlohmann::json::parse(identity);
    if (run.at("dataset") != info.dataset || run.at("image") != toString(info.shape)) {
      throw Error(ErrorKind::BadFile, path + " was trained on " + run.at("dataset").get<std::string>() + " at " +
                                          run.at("image").get<std::string>() + ", the source is " + info.dataset +
                                          " at " + toString(info.shape));
    }
    Encoder encoder(NetSettings::preset(run.at("net"), info.shape, run.at("latents")));
    NamedTensors parameters;
    for (const auto& item : encoder->named_parameters())
      parameters.emplace_back("parameters/encoder/" + item.key(), item.value());
    loadCheckpoint(path, identity, parameters);
    return encoder;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::BadFile, path + " does not say what it was trained on");
  }
}

}  // namespace

Codes encode(SourcePtr source, const std::string& runDirectory, const EncodeSettings& settings,
             const Context& context) {
  prepareTrainingThread();
  const torch::Device device = openDevice(settings.device);
  Encoder encoder = loadEncoder(*source, checkpointPath(runDirectory));
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

}  // namespace offaxis
