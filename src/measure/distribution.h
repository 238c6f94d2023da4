// What a value does over all images.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace offaxis {

struct Distribution {
  static constexpr std::array<double, 7> kLevels{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99};

  std::uint64_t count = 0;
  double minimum = 0, maximum = 0, mean = 0;
  std::array<double, 7> quantiles{};  // at kLevels; of all values, linear between order statistics
};

// All zero for no values. The mean is summed in the order given.
Distribution distributionOf(std::vector<double> values);

struct RankedImage {
  std::uint64_t row = 0;
  double value = 0;
};

// Up to `count` rows of the lowest values, lowest first (highest(): of the highest, highest first); equal values by
// row.
std::vector<RankedImage> lowest(const std::vector<double>& values, std::size_t count);
std::vector<RankedImage> highest(const std::vector<double>& values, std::size_t count);

}  // namespace offaxis
