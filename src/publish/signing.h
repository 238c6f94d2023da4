// Signatures by OpenSSH (`ssh-keygen -Y`), namespace "offaxis": a key that people have already, and nothing to link.
#pragma once

#include <string>

namespace offaxis {

// Writes `path`.sig. Throws Error(Unavailable) where ssh-keygen is missing, Error(CannotWrite) where it refuses the
// key.
void signFile(const std::string& path, const std::string& keyPath);

struct SignatureCheck {
  bool available = true;  // false: no ssh-keygen here
  bool good = false;      // `path`.sig fits the file's bytes; whose key made it is for the reader to judge
  std::string detail;     // what ssh-keygen says, one line: the key's type and fingerprint where good
};
SignatureCheck checkSignature(const std::string& path);

// Also that `signer` made it, by a key that the allowed_signers file (ssh-keygen(1)) gives them.
SignatureCheck checkSignatureOf(const std::string& signer, const std::string& allowedSigners, const std::string& path);

}  // namespace offaxis
