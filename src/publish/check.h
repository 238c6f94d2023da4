// Is a published version still what it was? By its bytes, or by its decoded content.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"

namespace offaxis {

struct CheckFinding {
  std::string path;   // relative to the version's directory
  std::string check;  // "bytes", "unlisted", "missing", "content", "manifest" or "signature"
  bool passed = true;
  std::string detail;  // one line
};

struct CheckReport {
  std::vector<CheckFinding> findings;

  bool passed() const;
  // The first failed finding, or null.
  const CheckFinding* firstFailure() const;
};

// bytes       the file has the SHA-256 that SHA256SUMS gives it (`sha256sum -c` does this too)
// unlisted    no file, link or other thing lies in the directory that SHA256SUMS does not list
// missing     every listed file is there
// manifest    the manifest's own hashes and sizes agree with SHA256SUMS
// content     (with `content`) the labels and images of every data file, decoded, give the content root of the manifest
// signature   SHA256SUMS.sig, where there is one, fits SHA256SUMS; whose key made it is for the reader to judge
// With `content`, a data file of other bytes but equal content passes ("repacked"): h5repack changes no dataset.
// Throws Error(BadFile) where `directory` is no published version at all.
CheckReport checkVersion(const std::string& directory, bool content, const Context& context);

}  // namespace offaxis
