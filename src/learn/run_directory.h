// The files of a training run, shared by the trainer and the encoder. Needs LibTorch: include only inside src/learn.
#pragma once

#include <string>

#include "datasets/source.h"
#include "learn/nets.h"
#include "learn/trainer.h"

namespace offaxis {

inline std::string checkpointPath(const std::string& runDirectory) {
  return runDirectory + "/checkpoint.h5";
}

// What a checkpoint belongs to, as a flat JSON object: every setting that changes the result but the number of steps,
// the dataset, and what the source shows. `settings.net` must be resolved.
std::string runIdentity(const Source& source, const TrainSettings& settings);

// The name of a preset for "auto". Throws Error(Usage) where no preset takes such images.
std::string resolveNet(const std::string& name, const ImageShape& image);

}  // namespace offaxis
