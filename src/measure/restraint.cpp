#include "measure/restraint.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "measure/separation.h"
#include "measure/squared_distance.h"
#include "variants/modified.h"
#include "variants/psi_pattern.h"

namespace offaxis {
namespace {

// One original dataset with psi bound to it, and the rows of the images that are to be restrained.
class Restrained {
 public:
  // `indices`: canonical, ascending.
  Restrained(SourcePtr original, const PsiNetwork& psi, const std::vector<std::uint64_t>& indices)
      : original_(std::move(original)), pattern_(psi, "the network", original_), variants_(*original_) {
    for (const std::uint64_t index : indices) rows_[index];
    for (std::uint64_t row = 0; row < original_->size(); ++row) {
      const auto found = rows_.find(original_->canonicalIndex(original_->gridIndex(row)));
      if (found != rows_.end()) found->second.push_back(row);
    }
  }

  std::size_t bytes() const { return original_->info().shape.bytes(); }

  // The image at `index`, what psi adds to it, and the originals that rows which share it must not come near, by their
  // grid indices. An original whose images they all equal is none of them.
  struct Case {
    std::vector<std::uint8_t> own;
    std::vector<std::int16_t> delta;
    std::map<std::uint64_t, std::vector<std::uint8_t>> rivals;
  };
  Case caseOf(std::uint64_t index) const {
    Case found;
    found.own.resize(bytes());
    found.delta.resize(bytes());
    pattern_.deltas(index, found.delta.data());
    for (const std::uint64_t row : rows_.at(index)) {
      original_->read(row, found.own.data());
      variants_.visit(original_->gridIndex(row), found.own.data(),
                      [&](std::size_t, std::uint64_t rival, const std::uint8_t* image) {
                        found.rivals.try_emplace(rival, image, image + bytes());
                      });
    }
    return found;
  }

 private:
  SourcePtr original_;
  PsiPattern pattern_;
  OneFactorVariants variants_;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> rows_;  // by canonical index
};

using Cases = std::vector<Restrained::Case>;  // one image, in each original

using Masks = std::vector<std::vector<std::uint8_t>>;  // by case: 1 for the values that are weakened

// The image's rivals, or those of them that are `asked` for (ascending), that are as near as its own original or nearer
// where it is weakened to `strength`; ascending.
std::vector<std::uint64_t> nearRivals(const Cases& cases, const Masks& mask, int strength,
                                      const std::vector<std::uint64_t>* asked = nullptr) {
  static thread_local std::vector<std::uint8_t> modified;
  std::vector<std::uint64_t> near;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    const Restrained::Case& at = cases[c];
    const std::size_t bytes = at.own.size();
    modified.resize(bytes);
    for (std::size_t p = 0; p < bytes; ++p) {
      const int level = at.own[p] + at.delta[p] * (mask[c][p] != 0 ? strength : kFullStrength) / kFullStrength;
      modified[p] = static_cast<std::uint8_t>(std::clamp(level, 0, 255));
    }
    const std::uint64_t distance = squaredDistance(modified.data(), at.own.data(), bytes);
    for (const auto& [rival, image] : at.rivals) {
      if (asked != nullptr && !std::binary_search(asked->begin(), asked->end(), rival)) continue;
      if (squaredDistance(modified.data(), image.data(), bytes, distance) <= distance) near.push_back(rival);
    }
  }
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  return near;
}

// What separates an image need not be a range of strengths where pixels are clipped: each is tried, from the strongest.
std::vector<PsiRestraint> restraintOfImage(std::uint64_t index, const Cases& cases) {
  Masks mask;
  for (const Restrained::Case& at : cases) mask.emplace_back(at.own.size(), std::uint8_t{1});
  int strength = kFullStrength - 1;
  while (strength > 0 && !nearRivals(cases, mask, strength).empty()) --strength;
  return {{index, static_cast<std::uint8_t>(strength), PsiRestraint::kWholeImage}};
}

// Rivals are added until none is near: at strength 0 those that were added never are, so there is an end.
std::vector<PsiRestraint> restraintsOfPixels(std::uint64_t index, const Cases& cases) {
  Masks mask;
  for (const Restrained::Case& at : cases) mask.emplace_back(at.own.size(), std::uint8_t{0});
  std::vector<std::uint64_t> rivals;
  int strength = kFullStrength;
  for (std::vector<std::uint64_t> near = nearRivals(cases, mask, strength); !near.empty();) {
    for (const std::uint64_t rival : near) {
      rivals.push_back(rival);
      for (std::size_t c = 0; c < cases.size(); ++c) {
        const auto found = cases[c].rivals.find(rival);
        if (found == cases[c].rivals.end()) continue;  // at this size it is the same image
        for (std::size_t p = 0; p < mask[c].size(); ++p)
          mask[c][p] = cases[c].own[p] != found->second[p] ? 1 : mask[c][p];
      }
    }
    std::sort(rivals.begin(), rivals.end());
    // The strongest at which no rival of the list is near; others that then are join it.
    strength = kFullStrength - 1;
    while (strength > 0 && !nearRivals(cases, mask, strength, &rivals).empty()) --strength;
    near = nearRivals(cases, mask, strength);
  }
  std::vector<PsiRestraint> restraints;
  for (const std::uint64_t rival : rivals) restraints.push_back({index, static_cast<std::uint8_t>(strength), rival});
  return restraints;
}

// Canonical indices of the images that are not separated at full strength, ascending.
std::vector<std::uint64_t> offendingIndices(const PsiNetwork& psi, const SourcePtr& original, const Context& context) {
  const SourcePtr modified = withPsi(original, psi);
  std::vector<std::uint64_t> indices;
  for (const std::uint64_t row : measureSeparation(*modified, *original, original->size(), context).offending)
    indices.push_back(original->canonicalIndex(original->gridIndex(row)));
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  return indices;
}

}  // namespace

std::vector<PsiRestraint> restraintsFor(PsiNetwork psi, const std::vector<SourcePtr>& originals, RestraintScope scope,
                                        const Context& context) {
  constexpr std::uint64_t kImagesAtOnce = 16;
  for (const SourcePtr& original : originals) {
    if (scope == RestraintScope::Pixels && original->size() < original->info().grid.size()) {
      throw Error(ErrorKind::Usage, "psi can be restrained by pixels on a whole dataset alone: rivals may be missing",
                  "restrain images, or give the whole dataset");
    }
  }
  psi.restraints.clear();
  std::vector<std::uint64_t> indices;
  for (const SourcePtr& original : originals) {
    std::vector<std::uint64_t> both;
    const std::vector<std::uint64_t> found = offendingIndices(psi, original, context);
    std::set_union(indices.begin(), indices.end(), found.begin(), found.end(), std::back_inserter(both));
    indices.swap(both);
  }
  std::vector<Restrained> sets;
  for (const SourcePtr& original : originals) sets.emplace_back(original, psi, indices);
  std::vector<std::vector<PsiRestraint>> found(indices.size());
  context.begin("restraining", indices.size(), "images");
  parallelFor(context, indices.size(), kImagesAtOnce, [&](std::uint64_t begin, std::uint64_t end, int) {
    for (std::uint64_t i = begin; i < end; ++i) {
      Cases cases;
      for (const Restrained& set : sets) cases.push_back(set.caseOf(indices[i]));
      found[i] =
          scope == RestraintScope::Images ? restraintOfImage(indices[i], cases) : restraintsOfPixels(indices[i], cases);
    }
    context.advance(end - begin);
  });
  context.end();
  std::vector<PsiRestraint> restraints;
  for (const std::vector<PsiRestraint>& some : found) restraints.insert(restraints.end(), some.begin(), some.end());
  return restraints;
}

}  // namespace offaxis
