// Regenerates a published version from its manifest and psi.h5 alone, and compares what comes out with what was
// published.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"
#include "storage/staged.h"

namespace offaxis {

struct ReproduceSettings {
  std::string manifest;          // manifest.json of a version, or its copy under manifests/
  std::string output;            // a directory; the files go to output/data/. Empty: only roots are computed
  std::vector<std::string> psi;  // besides those found at, beside or in psi/ beside the manifest; matched by SHA-256
  std::string original;          // a source expression, for originals that this program cannot render
  std::string program;  // "offaxis 0.1.0": where it and the libraries are the publisher's, bytes are compared too
  Overwrite overwrite = Overwrite::Refuse;
};

struct ReproducedFile {
  std::string path;  // as the manifest names it
  std::string expectedRoot;
  std::string foundRoot;
  bool sameContent = false;
  bool written = true;  // false: nothing was written, so there are no bytes to compare
  bool sameBytes = false;
  bool bytesExpected = false;  // whether equal bytes are due: same program, same libraries
  std::string difference;      // empty, or the first difference, one line

  bool passed() const { return sameContent && (sameBytes || !bytesExpected); }
};

struct ReproduceReport {
  std::vector<ReproducedFile> files;
  bool passed() const;
};

// Reads the manifest and psi.h5 and nothing else, unless a root differs: then the first differing row and pixel are
// named where the published file lies beside the manifest, else the first differing block of rows and whether the
// original differs already. Throws Error(BadFile) for a manifest or psi that cannot be used, Error(CannotWrite) where
// an output exists.
ReproduceReport reproduceVersion(const ReproduceSettings& settings, const Context& context);

}  // namespace offaxis
