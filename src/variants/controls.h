// Controls: perturbations as strong as psi that carry no rotated structure. Beside uniform noise (noise.h) they tell
// what a drop in scores owes to psi's structure and what to its mere strength (our design). Each is keyed by the
// canonical index, so images that were identical stay identical, and each throws what withPsi() throws.
#pragma once

#include <cstdint>
#include <string>

#include "datasets/source.h"

namespace offaxis {

// psi's deltas of each image, shuffled over its pixels and channels and given random signs: noise with exactly the
// same L2, L1 and L-infinity norm, before clipping. Draws: Philox(seed, "scrambled-...") at the canonical index.
SourcePtr withScrambledPsi(SourcePtr parent, const std::string& psiPath, std::uint64_t seed);

// Each image gets psi's deltas of another one, by one random permutation of the factor grid: psi's own patterns, which
// no longer say anything about the image's factors. (Where images coincide, some patterns are dealt more than once.)
SourcePtr withPermutedPsi(SourcePtr parent, const std::string& psiPath, std::uint64_t seed);

// The part of psi that is a sum of one pattern per factor: psi's mean pattern plus its main effect of each factor's
// level (each estimated over the same 256 images that differ in the other factors, restraints that have a rival left
// out of account), scaled back to psi's mean square and cut off at its budget. It depends on the factors as strongly as
// psi does, without interactions. Linear functions of rotated factors are such sums: what this control keeps of psi's
// effect is owed to them.
SourcePtr withSeparablePsi(SourcePtr parent, const std::string& psiPath);

// psi's deltas under one random sign for each channel of each 4x4 block of psi's pixels, the same for all images:
// deltas of two images keep their inner product, so psi's own structure is all there, but it is out of step with what
// the factors do to the image itself. Signs: Philox(seed, "unaligned").
SourcePtr withUnalignedPsi(SourcePtr parent, const std::string& psiPath, std::uint64_t seed);

}  // namespace offaxis
