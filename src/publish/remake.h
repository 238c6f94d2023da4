// The sources of a published version's files, made anew from its manifest and psi.h5 alone.
#pragma once

#include <string>
#include <vector>

#include "publish/manifest.h"

namespace offaxis {

struct RemakeSettings {
  std::string manifest;          // its path: psi.h5 is looked for at the manifest's own paths from there, and beside it
  std::vector<std::string> psi;  // and here; its SHA-256 decides
  std::string original;          // a source expression, for originals that this program cannot render
};

// Throws Error(BadFile) where the manifest does not fit together, names what this program cannot make (an imported
// original among it), or its psi.h5 is not found; Error(Usage) where `original` is not what it should be.
SourcePtr remake(const PublishedFile& file, const Manifest& manifest, const RemakeSettings& settings);

}  // namespace offaxis
