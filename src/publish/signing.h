// Signatures by OpenSSH (`ssh-keygen -Y`), namespace "offaxis": a key that people have already, and nothing to link.
#pragma once

#include <string>

#include "core/context.h"

namespace offaxis {

// All wait for ssh-keygen, which may ask its user for a passphrase; a stop that is requested meanwhile ends it, too:
// Error(Interrupted).

// What can be known beforehand: throws Error(Unavailable) where ssh-keygen is missing, Error(BadFile) where neither
// the key nor its public half (KEY.pub) can be read.
void requireSigning(const std::string& keyPath, const Context& context);

// Writes `path`.sig. Throws Error(Unavailable) where ssh-keygen is missing, Error(CannotWrite) where it refuses the
// key.
void signFile(const std::string& path, const std::string& keyPath, const Context& context);

struct SignatureCheck {
  bool available = true;  // false: no ssh-keygen here
  bool good = false;      // `path`.sig fits the file's bytes; whose key made it is for the reader to judge
  std::string detail;     // what ssh-keygen says, one line: the key's type and fingerprint where good
};
SignatureCheck checkSignature(const std::string& path, const Context& context);

// Also that `signer` made it, by a key that the allowed_signers file (ssh-keygen(1)) gives them.
SignatureCheck checkSignatureOf(const std::string& signer, const std::string& allowedSigners, const std::string& path,
                                const Context& context);

}  // namespace offaxis
