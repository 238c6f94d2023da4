// dsprites-r: a re-creation of dSprites (Matthey, Higgins, Hassabis, Lerchner, 2017) by a rule that reproduces every
// public sample bit for bit. It never claims to be the original file; README.md beside this says how close it is.
#pragma once

#include "datasets/registry.h"

namespace offaxis {

// 737,280 images, [N,64,64] stored as {0,1} like the original; read as 0 and 255.
SourcePtr openDSprites();

DatasetFamily dSpritesFamily();

}  // namespace offaxis
