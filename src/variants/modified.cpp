#include "variants/modified.h"

#include "variants/perturbed.h"
#include "variants/psi_pattern.h"

namespace offaxis {
namespace {

class ModifiedSource final : public PerturbedSource {
 public:
  ModifiedSource(SourcePtr parent, PsiPattern psi)
      : PerturbedSource(std::move(parent), "modified", psi.settings()), psi_(std::move(psi)) {}

 protected:
  void deltas(std::uint64_t canonical, std::int16_t* delta) const override { psi_.deltas(canonical, delta); }

 private:
  PsiPattern psi_;
};

}  // namespace

SourcePtr withPsi(SourcePtr parent, const std::string& psiPath) {
  PsiPattern psi(psiPath, parent);
  return std::make_shared<ModifiedSource>(std::move(parent), std::move(psi));
}

SourcePtr withPsi(SourcePtr parent, PsiNetwork psi) {
  PsiPattern pattern(std::move(psi), "the network", parent);
  return std::make_shared<ModifiedSource>(std::move(parent), std::move(pattern));
}

}  // namespace offaxis
