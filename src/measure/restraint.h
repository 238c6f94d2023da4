// How far psi must be held back, image by image, for every modified image to stay nearest to its own factors.
#pragma once

#include <cstdint>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"
#include "variants/psi_network.h"

namespace offaxis {

// What a restraint weakens: the whole image, or the values alone in which it differs from the rivals that it would come
// too near to (for a neighbouring scale a ring of a pixel; the rest of the pattern stays as it is).
enum class RestraintScope { Images, Pixels };

// The restraints that a psi needs so that measureSeparation() finds every image of its modified sets separated, in each
// of `originals` (the same dataset, at the sizes where it is to hold; whole, for Pixels). An image is restrained where
// it is not separated at full strength, to the greatest strength, in sixteenths, at which it is separated in all of
// them; with Pixels from the rivals that come too near at full strength, and those that then still do. Rows that share
// a canonical index share its restraints. An image that no strength separates does not exist: at 0 it is its own
// original, or equal to it wherever that tells it from a rival. Restraints that `psi` has already are left out of
// account. Throws Error(BadFile) where psi does not fit an original, Error(Usage) for Pixels of a part of a dataset,
// Error(Interrupted). Memory: as measureSeparation(), and the originals that differ from one image in one factor, a set
// for each thread. The result does not depend on the threads.
std::vector<PsiRestraint> restraintsFor(PsiNetwork psi, const std::vector<SourcePtr>& originals, RestraintScope scope,
                                        const Context& context);

}  // namespace offaxis
