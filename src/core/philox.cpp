#include "core/philox.h"

#include <algorithm>

#include "core/detmath.h"
#include "core/target_clones.h"

namespace offaxis {
namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53u;
constexpr std::uint32_t kMultiplier1 = 0xCD9E8D57u;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9u;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85u;
constexpr int kRounds = 10;

// Sixteen consecutive lanes side by side, laid out so that the compiler can vectorise across them.
constexpr std::size_t kWide = 16;

OFFAXIS_INTEGER_KERNEL
void wideBlocks(std::uint64_t index, std::uint64_t firstLane, PhiloxKey key, std::uint32_t* words) {
  std::uint32_t c0[kWide];
  std::uint32_t c1[kWide];
  std::uint32_t c2[kWide];
  std::uint32_t c3[kWide];
  for (std::size_t i = 0; i < kWide; ++i) {
    const std::uint64_t lane = firstLane + i;
    c0[i] = static_cast<std::uint32_t>(lane);
    c1[i] = static_cast<std::uint32_t>(lane >> 32);
    c2[i] = static_cast<std::uint32_t>(index);
    c3[i] = static_cast<std::uint32_t>(index >> 32);
  }
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kWide; ++i) {
      const std::uint64_t p0 = std::uint64_t{kMultiplier0} * c0[i];
      const std::uint64_t p1 = std::uint64_t{kMultiplier1} * c2[i];
      const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1[i] ^ key[0];
      const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3[i] ^ key[1];
      c1[i] = static_cast<std::uint32_t>(p1);
      c3[i] = static_cast<std::uint32_t>(p0);
      c0[i] = n0;
      c2[i] = n2;
    }
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  for (std::size_t i = 0; i < kWide; ++i) {
    words[4 * i] = c0[i];
    words[4 * i + 1] = c1[i];
    words[4 * i + 2] = c2[i];
    words[4 * i + 3] = c3[i];
  }
}

double unitInterval(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace

PhiloxBlock philox4x32(PhiloxBlock c, PhiloxKey key) {
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t p0 = std::uint64_t{kMultiplier0} * c[0];
    const std::uint64_t p1 = std::uint64_t{kMultiplier1} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return c;
}

Philox::Philox(std::uint64_t seed, std::uint64_t stream) {
  // The 64-bit key must depend on 64 bits of seed and 64 of stream: one block under the seed's key mixes them.
  const PhiloxBlock mixed = philox4x32(
      {static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32), 0x6f666661u, 0x78697321u},
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  key_ = {mixed[0], mixed[1]};
}

PhiloxBlock Philox::block(std::uint64_t index, std::uint64_t lane) const {
  return philox4x32({static_cast<std::uint32_t>(lane), static_cast<std::uint32_t>(lane >> 32),
                     static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32)},
                    key_);
}

void Philox::fill(std::uint64_t index, std::uint64_t firstLane, std::uint32_t* words, std::size_t count) const {
  std::uint64_t lane = firstLane;
  for (; count >= 4 * kWide; count -= 4 * kWide, words += 4 * kWide, lane += kWide)
    wideBlocks(index, lane, key_, words);
  if (count > 0) {
    std::uint32_t rest[4 * kWide];
    wideBlocks(index, lane, key_, rest);
    std::copy(rest, rest + count, words);
  }
}

double Philox::uniform(std::uint64_t index, std::uint64_t lane) const {
  const PhiloxBlock words = block(index, lane);
  return unitInterval(words[0], words[1]);
}

std::uint64_t Philox::below(std::uint64_t bound, std::uint64_t index, std::uint64_t lane) const {
  const PhiloxBlock words = block(index, lane);
  // High half of (64-bit word) x bound, from two 32-bit halves: no 128-bit type needed.
  const std::uint64_t low = words[1] * (bound & 0xffffffffu);
  const std::uint64_t mid = words[0] * (bound & 0xffffffffu) + (low >> 32);
  const std::uint64_t cross = words[1] * (bound >> 32) + (mid & 0xffffffffu);
  return words[0] * (bound >> 32) + (mid >> 32) + (cross >> 32);
}

std::array<double, 2> Philox::normalPair(std::uint64_t index, std::uint64_t lane) const {
  const PhiloxBlock words = block(index, lane);
  const double radius = sqrtDet(-2.0 * logDet(1.0 - unitInterval(words[0], words[1])));
  const double angle = kTwoPi * unitInterval(words[2], words[3]);
  return {radius * cosDet(angle), radius * sinDet(angle)};
}

void Philox::normals(std::uint64_t index, float* values, std::size_t count) const {
  for (std::size_t i = 0; i < count; i += 2) {
    const std::array<double, 2> pair = normalPair(index, i / 2);
    values[i] = static_cast<float>(pair[0]);
    if (i + 1 < count) values[i + 1] = static_cast<float>(pair[1]);
  }
}

}  // namespace offaxis
