// The encoder of a finished or interrupted run. Needs LibTorch: include only inside src/learn.
#pragma once

#include <string>

#include "datasets/source.h"
#include "learn/nets.h"

namespace offaxis {

struct TrainedEncoder {
  std::string model;
  std::int64_t latents = 0;  // of a probe, the width of its heads
  NetSettings net;
  std::string loss;  // as TrainSettings has it
  Encoder encoder = nullptr;
};

// The encoder of the run in `runDirectory`, for images of `source`. Throws Error(BadFile) where the checkpoint is
// missing, damaged, or was made for another dataset or image shape.
TrainedEncoder loadEncoder(const Source& source, const std::string& runDirectory);

}  // namespace offaxis
