// Pictures of what `offaxis align` measures.
#pragma once

#include <string>

#include "measure/alignment.h"
#include "measure/perceived_distance.h"

namespace offaxis {

// A PNG's bytes: for every factor the matrix of ground-truth distances beside that of perceived ones, each coloured
// from 0 to its own largest value, with their correlations.
std::string distanceMatricesPng(const PerceivedStructure& structure, const std::string& title);

// An SVG: how uneven the principal directions of the images' changes are, beside the factors' own; both the local ones
// of J^T J and those of the linear response, as shares of their trace. Equal spectra: the axes are the factors'.
std::string spectraSvg(const AxisAlignment& local, const LinearResponse& response, const std::string& title);

}  // namespace offaxis
