#include "learn/run_directory.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "datasets/content.h"
#include "learn/objectives.h"

namespace offaxis {

std::string resolveNet(const std::string& name, const ImageShape& image) {
  if (name != "auto") return name;
  return image.height == 32 ? "conv32" : "conv64";
}

std::string runIdentity(const Source& source, const TrainSettings& settings) {
  nlohmann::ordered_json identity{{"model", settings.model},
                                  {"beta", isVariational(settings.model) ? settings.beta : 0.0},
                                  {"latents", settings.latents},
                                  {"loss", settings.loss},
                                  {"net", settings.net},
                                  {"batch", settings.batch},
                                  {"learning_rate", settings.learningRate},
                                  {"seed", settings.seed},
                                  {"image", toString(source.info().shape)},
                                  {"dataset", source.info().dataset},
                                  {"source", sourceIdentity(source)}};
  identity[kSourceDefinition] = sourceDefinition(source);
  if (!settings.sourceRoot.empty()) identity["source_root"] = settings.sourceRoot;
  // Named only where it is not the first: runs made before there was a choice stay what they are.
  if (settings.precision != "float32") identity["precision"] = settings.precision;
  if (const std::string& definition = modelTraits(settings.model).definition; !definition.empty())
    identity["definition"] = definition;
  return identity.dump();
}

RunClaim::RunClaim(const std::string& runDirectory) {
  try {
    lock_.emplace(runDirectory + "/run.lock");
  } catch (const Error&) {
    return;  // a directory that is not writable is said when the run is written
  }
  if (lock_->held()) return;
  throw Error(ErrorKind::CannotWrite, "another process is at the run in '" + runDirectory + "'",
              "wait until it has ended, or use another directory");
}

}  // namespace offaxis
