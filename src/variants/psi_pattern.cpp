#include "variants/psi_pattern.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "datasets/content.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

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
  const Source& root = above ? *rootOf(above) : parent;
  const std::string found = fingerprint(root);
  if (network.fingerprint == found) return;
  if (root.size() != info.grid.size()) {
    throw Error(ErrorKind::BadFile,
                path + " cannot be matched with a file of " + std::to_string(root.size()) + " of the " +
                    std::to_string(info.grid.size()) + " images of " + info.dataset,
                "name the whole dataset, and with --indices the rows of it");
  }
  refuse("the images differ (fingerprint " + network.fingerprint.substr(0, 12) + ", here " + found.substr(0, 12) + ")");
}

// The dataset that `part` is a subset of, a subset of a subset, .., or `part` itself.
SourcePtr wholeOf(const SourcePtr& part) {
  const SourceInfo& info = part->info();
  SourcePtr whole = part;
  for (SourcePtr above = part->parent(); above; above = above->parent()) {
    if (above->info().shape == info.shape && above->info().reduction == info.reduction) whole = above;
  }
  return whole;
}

Error outOfReach(const std::string& psi, const std::string& dataset) {
  return Error(ErrorKind::Usage, psi + " is held back for images which are not in this part of " + dataset,
               "apply it to the whole dataset");
}

}  // namespace

PsiPattern::PsiPattern(const std::string& psiPath, const SourcePtr& parent)
    : PsiPattern(PsiNetwork::load(psiPath), psiPath, parent) {
  settings_["psi_sha256"] = toHex(sha256OfFile(psiPath));
}

PsiPattern::PsiPattern(PsiNetwork network, const std::string& name, const SourcePtr& parent)
    : network_(std::move(network)), grid_(parent->info().grid) {
  requireFit(network_, *parent, name);
  repeat_ = parent->info().shape.height / network_.side();
  if (network_.hasRivals()) {
    originals_.emplace(wholeOf(parent));
    if (originals_->source->size() < grid_.size()) throw outOfReach(name, parent->info().dataset);
  }
  settings_ = {{"eps", network_.budget.text()}};
}

void PsiPattern::deltas(std::uint64_t gridIndex, std::int16_t* delta) const {
  if (repeat_ == 1) {
    smallDeltas(gridIndex, delta);
  } else {
    static thread_local std::vector<std::int16_t> small;
    small.resize(smallCount());
    smallDeltas(gridIndex, small.data());
    enlarge(small.data(), delta);
  }
  if (originals_) restrain(gridIndex, delta);
}

void PsiPattern::restrain(std::uint64_t gridIndex, std::int16_t* delta) const {
  static thread_local std::vector<std::uint8_t> own, rival, strength;
  const auto [first, last] = network_.restraintsOf(gridIndex);
  if (first == last || first->rival == PsiRestraint::kWholeImage) return;
  const Source& source = *originals_->source;
  const std::size_t bytes = source.info().shape.bytes();
  own.resize(bytes);
  rival.resize(bytes);
  strength.assign(bytes, kFullStrength);
  source.read(rowOfOriginal(gridIndex), own.data());
  for (const PsiRestraint* r = first; r != last && r->rival != PsiRestraint::kWholeImage; ++r) {
    source.read(rowOfOriginal(r->rival), rival.data());
    for (std::size_t p = 0; p < bytes; ++p) {
      if (own[p] != rival[p]) strength[p] = std::min(strength[p], r->strength);
    }
  }
  for (std::size_t p = 0; p < bytes; ++p) delta[p] = static_cast<std::int16_t>(delta[p] * strength[p] / kFullStrength);
}

std::uint64_t PsiPattern::rowOfOriginal(std::uint64_t gridIndex) const {
  const std::uint64_t row = originals_->rowOf(gridIndex);
  // A source as long as the grid may still lack an image: one that holds others twice.
  if (row == RowFinder::kNone) throw outOfReach("psi", originals_->source->info().dataset);
  return row;
}

void PsiPattern::smallDeltas(std::uint64_t gridIndex, std::int16_t* delta) const {
  static thread_local std::vector<std::uint32_t> levels;
  levels.resize(grid_.factorCount());
  grid_.levelsOf(gridIndex, levels.data());
  network_.deltas(levels.data(), delta);
}

void PsiPattern::enlarge(const std::int16_t* small, std::int16_t* delta) const {
  const std::size_t side = network_.side(), channels = network_.channels(), width = side * repeat_;
  for (std::size_t y = 0; y < width; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      const std::int16_t* from = small + ((y / repeat_) * side + x / repeat_) * channels;
      delta = std::copy_n(from, channels, delta);
    }
  }
}

}  // namespace offaxis
