#include "measure/squared_distance.h"

#include <algorithm>

#include "core/target_clones.h"

namespace offaxis {
namespace {

// Pixels between two looks at the limit: their sum fits 32 bits, and the look costs little beside them.
constexpr std::size_t kSpan = 1024;

// The product of two 16-bit differences added into 32 bits is one instruction on most processors.
OFFAXIS_INTEGER_KERNEL
std::int32_t spanDistance(const std::uint8_t* a, const std::uint8_t* b, std::size_t count) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto difference = static_cast<std::int16_t>(a[i] - b[i]);
    sum += static_cast<std::int32_t>(difference) * difference;
  }
  return sum;
}

}  // namespace

std::uint64_t squaredDistance(const std::uint8_t* a, const std::uint8_t* b, std::size_t count, std::uint64_t limit) {
  std::uint64_t sum = 0;
  for (std::size_t done = 0; done < count && sum <= limit; done += kSpan) {
    sum += static_cast<std::uint64_t>(spanDistance(a + done, b + done, std::min(kSpan, count - done)));
  }
  return sum;
}

}  // namespace offaxis
