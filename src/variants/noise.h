// The noise control: independent uniform noise of the same budget as the perturbation, drawn once per image.
#pragma once

#include <cstdint>

#include "core/text.h"
#include "datasets/source.h"

namespace offaxis {

// x' = clip(x + d, 0, 255), d uniform on the integers -L .. L, L = budget.levels(), for every pixel and channel.
// Draws: Philox(seed, "noise") at (canonical index of the image, position in the image), so that images which were
// identical stay identical. Throws Error(Usage) where `parent` is itself a variant.
SourcePtr withNoise(SourcePtr parent, const Budget& budget, std::uint64_t seed);

}  // namespace offaxis
