// Factor values as numpy's linspace gives them, which is how the originals' labels were made.
#pragma once

#include <cstdint>
#include <vector>

namespace offaxis {

// `count` >= 2 values from `from` to `to`, both included, the last one exact.
inline std::vector<double> evenLevels(double from, double to, std::uint32_t count) {
  std::vector<double> values(count);
  for (std::uint32_t i = 0; i < count; ++i) values[i] = from + i * ((to - from) / (count - 1));
  values.back() = to;
  return values;
}

}  // namespace offaxis
