#include "variants/modified.h"

#include <vector>

#include "core/error.h"
#include "datasets/content.h"
#include "storage/hash.h"
#include "variants/perturbed.h"
#include "variants/psi_network.h"

namespace offaxis {
namespace {

class ModifiedSource final : public PerturbedSource {
 public:
  ModifiedSource(SourcePtr parent, PsiNetwork network, std::map<std::string, std::string> settings)
      : PerturbedSource(std::move(parent), "modified", std::move(settings)),
        network_(std::move(network)),
        repeat_(info().shape.height / network_.side()) {}

 protected:
  void deltas(std::uint64_t canonical, std::int16_t* delta) const override {
    static thread_local std::vector<std::uint32_t> levels;
    static thread_local std::vector<std::int16_t> small;
    levels.resize(info().grid.factorCount());
    info().grid.levelsOf(canonical, levels.data());
    if (repeat_ == 1) {
      network_.deltas(levels.data(), delta);
      return;
    }
    const std::size_t side = network_.side();
    const std::size_t channels = network_.channels();
    small.resize(side * side * channels);
    network_.deltas(levels.data(), small.data());
    const std::size_t width = side * repeat_;
    for (std::size_t y = 0; y < width; ++y) {
      for (std::size_t x = 0; x < width; ++x) {
        const std::int16_t* from = small.data() + ((y / repeat_) * side + x / repeat_) * channels;
        for (std::size_t c = 0; c < channels; ++c) *delta++ = from[c];
      }
    }
  }

 private:
  PsiNetwork network_;
  std::uint32_t repeat_;
};

void requireFit(const PsiNetwork& network, const Source& parent, const std::string& path) {
  const SourcePtr above = parent.parent();
  const SourceInfo& info = parent.info();
  auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::BadFile, path + " was made for another dataset than " + info.dataset + ": " + why,
                "train one for it with `offaxis manipulate " + info.dataset + "`");
  };
  if (network.dataset != info.dataset) refuse("it names " + network.dataset);
  if (network.features.factorSizes.size() != info.grid.factorCount()) refuse("another number of factors");
  for (std::size_t k = 0; k < info.grid.factorCount(); ++k) {
    if (network.features.factorSizes[k] != info.grid.factors()[k].size()) {
      refuse("factor " + info.grid.factors()[k].name + " has another number of levels");
    }
  }
  const std::uint32_t side = network.side();
  if (network.channels() != info.shape.channels || info.shape.height != info.shape.width || side > info.shape.height ||
      info.shape.height % side != 0) {
    refuse("it gives " + toString(ImageShape{side, side, network.channels()}) + " pixels, images are " +
           toString(info.shape));
  }
  const std::string found = fingerprint(above ? *rootOf(above) : parent);
  if (network.fingerprint != found) {
    refuse("the images differ (fingerprint " + network.fingerprint.substr(0, 12) + ", here " + found.substr(0, 12) +
           ")");
  }
}

}  // namespace

SourcePtr withPsi(SourcePtr parent, const std::string& psiPath) {
  PsiNetwork network = PsiNetwork::load(psiPath);
  requireFit(network, *parent, psiPath);
  std::map<std::string, std::string> settings{{"eps", network.budget.text()},
                                              {"psi_sha256", toHex(sha256OfFile(psiPath))}};
  return std::make_shared<ModifiedSource>(std::move(parent), std::move(network), std::move(settings));
}

}  // namespace offaxis
