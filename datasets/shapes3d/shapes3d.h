// shapes3d-r: a re-creation of Shapes3D (Burgess and Kim, 2018). It never claims to be the original file; README.md
// beside this says how close it is.
#pragma once

#include "datasets/registry.h"

namespace offaxis {

// 480,000 images [N,64,64,3].
SourcePtr openShapes3D();

DatasetFamily shapes3DFamily();

}  // namespace offaxis
