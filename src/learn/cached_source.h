// Images that are expensive to make (psi, averaging down, decoding a chunk) and read many times over.
#pragma once

#include <vector>

#include "datasets/source.h"

namespace offaxis {

// `source`, each image kept in memory once it was first read, or another that it is read together with. Memory fills as
// images are read, up to size() images; the source itself is returned where the images would not fit into what all of a
// user's processes may hold together: see learn/image_memory.h. Shared by any number of threads, none of which waits
// for another.
SourcePtr cached(SourcePtr source);

// cached(source) where making an image takes long enough to pay for the memory (psi and a file's compressed chunks do;
// drawing squares, or noise on images that are cached themselves, does not).
SourcePtr cachedWhereSlow(SourcePtr source);

// cachedWhereSlow() of each, the slowest first: where memory does not suffice for all, it goes where it saves most.
std::vector<SourcePtr> cachedWhereSlow(std::vector<SourcePtr> sources);

}  // namespace offaxis
