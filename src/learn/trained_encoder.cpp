#include "learn/trained_encoder.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "learn/checkpoint.h"
#include "learn/run_directory.h"
#include "learn/trainer.h"

namespace offaxis {
namespace {

// The net that a checkpoint names. What a file says wrongly is the file's fault, not the caller's.
NetSettings namedNet(const std::string& name, const ImageShape& image, int latents, const std::string& path) {
  try {
    return NetSettings::preset(name, image, latents);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Usage) throw;
    throw Error(ErrorKind::BadFile, path + " cannot be used: " + error.what(), error.hint());
  }
}

}  // namespace

TrainedEncoder loadEncoder(const Source& source, const std::string& runDirectory) {
  std::error_code none;  // a path that cannot be looked at is reported when its checkpoint is opened
  if (std::filesystem::is_regular_file(runDirectory, none)) {
    throw Error(ErrorKind::Usage, runDirectory + " is a file, where a run's directory is asked for",
                "give the directory that holds its checkpoint.h5");
  }
  const std::string path = checkpointPath(runDirectory);
  const std::string identity = checkpointIdentity(path);
  const SourceInfo& info = source.info();
  try {
    const auto run = nlohmann::json::parse(identity);
    if (run.at("dataset") != info.dataset || run.at("image") != toString(info.shape)) {
      throw Error(ErrorKind::BadFile, path + " was trained on " + run.at("dataset").get<std::string>() + " at " +
                                          run.at("image").get<std::string>() + ", the source is " + info.dataset +
                                          " at " + toString(info.shape));
    }
    TrainedEncoder trained;
    trained.model = run.at("model");
    trained.latents = run.at("latents");
    trained.loss = run.at("loss");
    trained.net = namedNet(run.at("net"), info.shape, static_cast<int>(trained.latents), path);
    trained.encoder = Encoder(trained.net);
    const std::string weights = isSupervised(trained.model) ? "average/encoder/" : "parameters/encoder/";
    NamedTensors parameters;
    for (const auto& item : trained.encoder->named_parameters())
      parameters.emplace_back(weights + item.key(), item.value());
    loadCheckpoint(path, identity, parameters);
    return trained;
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::BadFile, path + " does not say what it was trained on");
  }
}

}  // namespace offaxis
