// Codes of a trained encoder, with the factors that belong to them. No LibTorch in this header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"
#include "storage/codes.h"

namespace offaxis {

struct EncodeSettings {
  std::uint64_t count = 10000;  // images drawn uniformly with replacement; 0: every image once, in order
  std::uint64_t seed = 0;       // of the draw
  // These rows of the source, in this order, instead of a draw; `count` plays no part then.
  std::vector<std::uint64_t> rows;
  std::string device = "auto";
};

// Posterior means of `source`'s images under the run in `runDirectory`, and the images' factor levels. The source may
// be another variant of the dataset that the run was trained on. Throws Error(BadFile) where the checkpoint is damaged,
// made for another dataset or image shape, or holds a supervised probe, which has no codes, Error(Usage) for a row that
// the source has not; std::bad_alloc; std::runtime_error for what LibTorch throws.
Codes encode(SourcePtr source, const std::string& runDirectory, const EncodeSettings& settings, const Context& context);

}  // namespace offaxis
