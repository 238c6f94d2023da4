// Is a published version still what it was? By its bytes, or by its decoded content.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"

namespace offaxis {

struct CheckSettings {
  bool content = false;  // decode the data files and recompute their content roots
  // An allowed_signers file of OpenSSH and who of it has to have signed; both empty: any key that fits.
  std::string allowedSigners;
  std::string signer;
};

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

// bytes       the file has the SHA-256 that SHA256SUMS gives it (`sha256sum -c` does this too); where the manifest
//             sides with the file, the finding is of SHA256SUMS
// unlisted    no file, link, empty directory or other thing lies there that SHA256SUMS does not list
// missing     every listed file is there, and every file that a version has is listed
// manifest    the manifest's own hashes and sizes agree with SHA256SUMS
// content     (with `content`) the labels and images of every data file, decoded, give the content root of the
//             manifest. Where they do not: the dataset, row and pixel of the first difference, from the manifest's row
//             blocks and from making those rows again
// signature   SHA256SUMS.sig, where there is one or the manifest says so, fits SHA256SUMS; of `signer` where given,
//             else whose key made it is for the reader to judge
// With `content`, a data file of other bytes but equal content passes ("repacked"): h5repack changes no dataset.
// Throws Error(BadFile) where `directory` is no published version at all, Error(Unavailable) where a signer is to be
// checked and ssh-keygen is missing.
CheckReport checkVersion(const std::string& directory, const CheckSettings& settings, const Context& context);

}  // namespace offaxis
