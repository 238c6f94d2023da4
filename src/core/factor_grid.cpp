#include "core/factor_grid.h"

#include <array>
#include <set>

#include "core/error.h"

namespace offaxis {
namespace {

constexpr std::array<const char*, 3> kKindNames{"ordinal", "cyclic", "categorical"};
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 40;

}  // namespace

std::string toString(FactorKind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

FactorKind factorKindFromString(const std::string& name) {
  for (std::size_t i = 0; i < kKindNames.size(); ++i) {
    if (name == kKindNames[i]) return static_cast<FactorKind>(i);
  }
  throw Error(ErrorKind::BadFile, "unknown factor kind '" + name + "'", "known kinds: " + joined(kKindNames));
}

FactorGrid::FactorGrid(std::vector<Factor> factors) : factors_(std::move(factors)), size_(1) {
  std::set<std::string> names;
  for (const Factor& factor : factors_) {
    if (factor.values.empty()) throw Error(ErrorKind::Usage, "factor '" + factor.name + "' has no levels");
    if (!names.insert(factor.name).second) throw Error(ErrorKind::Usage, "two factors are named '" + factor.name + "'");
    if (factor.size() > kMaxSize / size_)
      throw Error(ErrorKind::Usage, "the factor grid has more than 2^40 combinations");
    size_ *= factor.size();
  }
}

void FactorGrid::levelsOf(std::uint64_t index, std::uint32_t* levels) const {
  for (std::size_t k = factors_.size(); k-- > 0;) {
    levels[k] = static_cast<std::uint32_t>(index % factors_[k].size());
    index /= factors_[k].size();
  }
}

std::vector<std::uint32_t> FactorGrid::levelsOf(std::uint64_t index) const {
  std::vector<std::uint32_t> levels(factors_.size());
  levelsOf(index, levels.data());
  return levels;
}

std::uint64_t FactorGrid::indexOf(const std::uint32_t* levels) const {
  std::uint64_t index = 0;
  for (std::size_t k = 0; k < factors_.size(); ++k) index = index * factors_[k].size() + levels[k];
  return index;
}

void FactorGrid::valuesOf(std::uint64_t index, double* values) const {
  for (std::size_t k = factors_.size(); k-- > 0;) {
    values[k] = factors_[k].values[index % factors_[k].size()];
    index /= factors_[k].size();
  }
}

bool FactorGrid::operator==(const FactorGrid& other) const {
  if (factors_.size() != other.factors_.size()) return false;
  for (std::size_t k = 0; k < factors_.size(); ++k) {
    const Factor& a = factors_[k];
    const Factor& b = other.factors_[k];
    if (a.name != b.name || a.kind != b.kind || a.values != b.values) return false;
  }
  return true;
}

std::string toString(const ImageShape& shape) {
  return std::to_string(shape.height) + "x" + std::to_string(shape.width) + "x" + std::to_string(shape.channels);
}

}  // namespace offaxis
