// What psi's network starts from, and how a trained one is handed on. Needs LibTorch: include only inside src/learn.
#pragma once

#include <vector>

#include "learn/nets.h"
#include "variants/psi_network.h"

namespace offaxis {

// Makes a fresh psi draw a different pattern along each rotated coordinate, every cell of its 4x4 map following one of
// them, as strongly as its inputs vary (our design). Images that favour no axes give no slope to a psi that starts
// near zero, and one that starts unordered pours its whole budget into whichever coordinate leads by chance. All
// weights, those that start at zero too, are trained.
void shapeStart(Decoder& psi, const PsiFeatures& features);

// The same where the rotated coordinates are those of angles: a unit that follows axis j of R sees sum_k R_jk times the
// sines, the cosines (of cyclic factors) and the levels (of others), each of the three as strongly as a weight drawn
// for it.
void shapeStartOnAngles(Decoder& psi, const PsiFeatures& features, const std::vector<double>& rotation);

// A module as PsiFloatNetwork: psi is a Decoder whose "latents" are the features.
PsiFloatNetwork floatNetwork(const Decoder& decoder, const PsiFeatures& features);

}  // namespace offaxis
