// Animations as GIF89a files.
#pragma once

#include <string>
#include <vector>

#include "report/pixels.h"

namespace offaxis {

// A looping animation, `centiseconds` a frame, as a file's bytes. All frames share one palette: their own colours where
// these are at most 256, else 256 by median cut (Heckbert, SIGGRAPH 1982) over colours of 5 bits a channel, each pixel
// taking the nearest one. The same frames give the same bytes. Throws Error(Usage) for no frames or frames of different
// sizes, Error(Failed) where giflib fails.
std::string gifOf(const std::vector<Pixels>& frames, int centiseconds);

}  // namespace offaxis
