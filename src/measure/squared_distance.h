// Squared Euclidean distance between images, exact integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace offaxis {

inline constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

// The sum over `count` pixels of (a - b)^2, in levels of 255 squared. Stops early once the sum is above `limit`: what
// is returned then is above `limit` too, and no more than the distance.
std::uint64_t squaredDistance(const std::uint8_t* a, const std::uint8_t* b, std::size_t count,
                              std::uint64_t limit = kNoLimit);

}  // namespace offaxis
