// Publishing: files become a version that is verified, described, checksummed, optionally signed, and never changed
// again.
//   DIR/<name>/<version>/ data/*.h5  psi/psi-<12 hex>.h5  index.csv  manifest.json  croissant.json  datacite.json
//                         README.md  SHA256SUMS  [SHA256SUMS.sig]
#pragma once

#include <string>
#include <vector>

#include "core/context.h"
#include "publish/manifest.h"

namespace offaxis {

struct PublishSettings {
  std::vector<std::string> files;     // our own HDF5 files; published under their own names
  std::string name;                   // [a-z0-9][a-z0-9._-]*
  std::string version;                // X.Y.Z
  std::string directory;              // DIR
  std::vector<std::string> psi;       // psi.h5 of the modified files, matched by SHA-256
  std::string original;               // a source expression; empty: what the files name
  std::vector<std::string> evidence;  // results.json of `offaxis evaluate`
  std::string signKey;                // a private SSH key; empty: unsigned
  std::string manifestsDirectory;     // also writes <this>/<name>/<version>.json and <this>/<name>/psi/; empty: not
  std::string description;            // empty: made from the files
  std::string license = "https://spdx.org/licenses/Apache-2.0.html";  // or "Apache-2.0", or another web address
  std::string url = "./";  // where the version will be found: this, or a web address
  std::string creator = "Offaxis";
  std::string program;      // "offaxis 0.1.0+1a2b3c4"
  std::string created;      // UTC, "2025-01-31T12:00:00Z"
  bool allowDirty = false;  // publish although `program` names no one commit; the manifest says so
};

struct PublishReport {
  std::string directory;  // DIR/<name>/<version>
  Manifest manifest;
  bool completed = false;  // the version was there already; only its copy under manifestsDirectory was missing
};

// Verifies every variant against its original and every original against the dataset that it names, recomputes the
// content roots, and holds the version number to what changed (publish/version_step.h). Throws Error(Usage) for bad
// names and addresses, a wrong version number (saying the right one), a psi that is missing or of no use, or a program
// that names no one commit; Error(BadFile) where a file does not hold what it claims, its verification fails, or
// evidence is of other data; Error(CannotWrite) where the version exists or cannot be written. Nothing is left under
// the version's name unless all of it is there, whenever the process dies. The copy of the manifest appears right after
// it; where the process dies between the two, the same call again adds the copy.
PublishReport publishVersion(const PublishSettings& settings, const Context& context);

// Compilers and libraries that a file's bytes (never its content root) can depend on.
Json buildCircumstances(const std::string& program);

}  // namespace offaxis
