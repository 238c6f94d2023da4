// A trained encoder as metrics read it: codes of any image of the grid.
#pragma once

#include <string>

#include "core/context.h"
#include "datasets/source.h"
#include "measure/codes.h"
#include "measure/pair_metrics.h"

namespace offaxis {

// Codes under the run in `runDirectory` of the images of `source`, which must hold its full grid; `latents` is the
// encoder's. Each image is encoded once, however often it is asked for, context.threads blocks of them at a time; the
// codes take 8 bytes x latents x images. `context` must outlive what is returned. What it throws when called is
// encode()'s, and Error(BadFile) where the encoder has other latents. Throws Error(Usage) for a source of a part of the
// grid.
CodeSource encoderCodes(SourcePtr source, const std::string& runDirectory, std::uint64_t latents,
                        const std::string& device, const Context& context);

// Throws Error(BadFile), which says "`name` is not of `model`" and names a row, unless `codes` are what `source`
// encodes the images to: up to 16 rows, spread evenly, within a thousandth of the widest latent's range (another
// machine rounds otherwise). Levels in `codes` are within source.sizes.
void requireCodesOf(const CodeSource& source, const CodeView& codes, const std::string& name, const std::string& model);

}  // namespace offaxis
