// XYSquares (Michlo, Klein, James, "Overlooked implications of the reconstruction loss for VAE disentanglement",
// IJCAI 2023): three 8x8 squares, one per colour channel, that move on a grid of `spacing` pixels.
#pragma once

#include "datasets/registry.h"

namespace offaxis {

// spacing 1..8; 8 placements a coordinate at every spacing, so 8^6 = 262,144 images, uint8 64x64x3.
// Throws Error(Usage) outside the range.
SourcePtr openXySquares(std::uint32_t spacing);

DatasetFamily xySquaresFamily();

}  // namespace offaxis
