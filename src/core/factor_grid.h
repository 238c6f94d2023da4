// The grid of generating factors: a mixed-radix number system between flat indices and factor levels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace offaxis {

enum class FactorKind {
  Ordinal,     // levels lie on a line
  Cyclic,      // levels lie on a circle; the last is a neighbour of the first
  Categorical  // levels have no order
};

std::string toString(FactorKind kind);
// Throws Error(BadFile) for an unknown name.
FactorKind factorKindFromString(const std::string& name);

struct Factor {
  std::string name;
  FactorKind kind = FactorKind::Ordinal;
  std::vector<double> values;  // the value of each level, as the dataset's own labels give it

  std::uint64_t size() const { return values.size(); }
};

// Flat index = C order over the factors as listed: the last factor runs fastest.
class FactorGrid {
 public:
  FactorGrid() = default;
  // Throws Error(Usage) for a factor without levels, two factors of one name, or more than 2^40 combinations.
  explicit FactorGrid(std::vector<Factor> factors);

  const std::vector<Factor>& factors() const { return factors_; }
  std::size_t factorCount() const { return factors_.size(); }
  std::uint64_t size() const { return size_; }

  // Preconditions: index < size(), levels has factorCount() entries, each within its factor.
  void levelsOf(std::uint64_t index, std::uint32_t* levels) const;
  std::vector<std::uint32_t> levelsOf(std::uint64_t index) const;
  std::uint64_t indexOf(const std::uint32_t* levels) const;
  std::uint64_t indexOf(const std::vector<std::uint32_t>& levels) const { return indexOf(levels.data()); }
  // The label row of an image: one value per factor.
  void valuesOf(std::uint64_t index, double* values) const;

  bool operator==(const FactorGrid& other) const;
  bool operator!=(const FactorGrid& other) const { return !(*this == other); }

 private:
  std::vector<Factor> factors_;
  std::uint64_t size_ = 0;
};

// Height, width and channels of every image of a dataset; pixels are uint8, stored height x width x channel.
struct ImageShape {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  std::uint32_t channels = 0;

  std::uint64_t bytes() const { return std::uint64_t{height} * width * channels; }
  bool operator==(const ImageShape& o) const {
    return height == o.height && width == o.width && channels == o.channels;
  }
  bool operator!=(const ImageShape& o) const { return !(*this == o); }
};

// "64x64x3"
std::string toString(const ImageShape& shape);

}  // namespace offaxis
