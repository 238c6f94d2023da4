// The modified variant: the perturbation psi applied to every image.
#pragma once

#include <string>

#include "datasets/source.h"
#include "variants/psi_network.h"

namespace offaxis {

// x' = clip(x + psi(levels), 0, 255); psi from `psiPath`, keyed by the canonical index. A network that was trained at a
// lower resolution is applied by repeating its pixels. Throws Error(BadFile) where psi.h5 is damaged or was made for
// another dataset or image shape, Error(Usage) where `parent` is itself a variant.
SourcePtr withPsi(SourcePtr parent, const std::string& psiPath);
// The same of a network that is no file yet: its info lacks psi_sha256.
SourcePtr withPsi(SourcePtr parent, PsiNetwork psi);

}  // namespace offaxis
