#include "measure/restraint.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "core/parallel.h"
#include "measure/separation.h"
#include "measure/squared_distance.h"
#include "variants/modified.h"
#include "variants/psi_pattern.h"

namespace offaxis {
namespace {

// One original dataset with psi bound to it.
class Restrained {
 public:
  Restrained(SourcePtr original, const PsiNetwork& psi)
      : original_(std::move(original)),
        pattern_(psi, "the network", *original_),
        rivals_(*original_),
        bytes_(original_->info().shape.bytes()) {}

  // The strengths below the full one at which row `row` is separated, a bit each.
  std::uint32_t strengthsOf(std::uint64_t row) const {
    static thread_local std::vector<std::uint8_t> own, modified, others;
    static thread_local std::vector<std::int16_t> delta;
    own.resize(bytes_);
    modified.resize(bytes_);
    delta.resize(bytes_);
    original_->read(row, own.data());
    const std::uint64_t index = original_->gridIndex(row);
    pattern_.deltas(original_->canonicalIndex(index), delta.data());
    others.clear();
    rivals_.visit(index, own.data(), [&](std::size_t, std::uint64_t, const std::uint8_t* image) {
      others.insert(others.end(), image, image + bytes_);
    });
    std::uint32_t strengths = 0;
    for (int strength = 0; strength < kFullStrength; ++strength) {
      for (std::size_t p = 0; p < bytes_; ++p) {
        const int level = own[p] + delta[p] * strength / kFullStrength;
        modified[p] = static_cast<std::uint8_t>(std::clamp(level, 0, 255));
      }
      if (separated(modified.data(), own.data(), others)) strengths |= std::uint32_t{1} << strength;
    }
    return strengths;
  }

 private:
  bool separated(const std::uint8_t* modified, const std::uint8_t* own, const std::vector<std::uint8_t>& others) const {
    const std::uint64_t distance = squaredDistance(modified, own, bytes_);
    for (std::size_t at = 0; at < others.size(); at += bytes_) {
      if (squaredDistance(modified, &others[at], bytes_, distance) <= distance) return false;
    }
    return true;
  }

  SourcePtr original_;
  PsiPattern pattern_;
  OneFactorVariants rivals_;
  std::size_t bytes_;
};

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

std::vector<PsiRestraint> restraintsFor(PsiNetwork psi, const std::vector<SourcePtr>& originals,
                                        const Context& context) {
  constexpr std::uint64_t kImagesAtOnce = 16;
  psi.restraints.clear();
  std::vector<std::uint64_t> indices;
  for (const SourcePtr& original : originals) {
    std::vector<std::uint64_t> both;
    const std::vector<std::uint64_t> found = offendingIndices(psi, original, context);
    std::set_union(indices.begin(), indices.end(), found.begin(), found.end(), std::back_inserter(both));
    indices.swap(both);
  }
  // What separates an image need not be a range of strengths where pixels are clipped: keep the strengths themselves.
  std::vector<std::uint32_t> strengths(indices.size(), (std::uint32_t{1} << kFullStrength) - 1);
  context.begin("restraining", indices.size() * originals.size(), "images");
  for (const SourcePtr& original : originals) {
    const Restrained one(original, psi);
    std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> rows;  // by canonical index
    for (const std::uint64_t index : indices) rows[index];
    for (std::uint64_t row = 0; row < original->size(); ++row) {
      const auto found = rows.find(original->canonicalIndex(original->gridIndex(row)));
      if (found != rows.end()) found->second.push_back(row);
    }
    parallelFor(context, indices.size(), kImagesAtOnce, [&](std::uint64_t begin, std::uint64_t end, int) {
      for (std::uint64_t i = begin; i < end; ++i) {
        for (const std::uint64_t row : rows.at(indices[i])) strengths[i] &= one.strengthsOf(row);
      }
      context.advance(end - begin);
    });
  }
  context.end();
  std::vector<PsiRestraint> restraints;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    std::uint8_t strength = kFullStrength - 1;
    while (strength > 0 && (strengths[i] >> strength & 1) == 0) --strength;
    restraints.push_back({indices[i], strength});
  }
  return restraints;
}

}  // namespace offaxis
