// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A draw is a pure function of (seed, stream, index, lane); there is no state to carry or share.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace offaxis {

using PhiloxBlock = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

// The bare generator: ten rounds over `counter` under `key`.
PhiloxBlock philox4x32(PhiloxBlock counter, PhiloxKey key);

// Streams are named after their purpose, so that no two purposes share draws by accident.
constexpr std::uint64_t streamId(std::string_view name) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a, 64 bits
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

// The draws of one (seed, stream). Cheap to copy; const and safe to share between threads.
class Philox {
 public:
  Philox(std::uint64_t seed, std::uint64_t stream);
  Philox(std::uint64_t seed, std::string_view stream) : Philox(seed, streamId(stream)) {}

  // Four 32-bit words at (index, lane).
  PhiloxBlock block(std::uint64_t index, std::uint64_t lane) const;
  // Words 4*firstLane .. 4*firstLane + count - 1 at `index`; equal to `block` called lane by lane, but faster.
  void fill(std::uint64_t index, std::uint64_t firstLane, std::uint32_t* words, std::size_t count) const;

  // Uniform on [0, 1), 53 bits, from the first two words at (index, lane).
  double uniform(std::uint64_t index, std::uint64_t lane = 0) const;
  // Uniform on [0, bound), from the same words; bound >= 1. The bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound, std::uint64_t index, std::uint64_t lane = 0) const;
  // Two independent standard normal values (Box-Muller over core/detmath.h) from one block.
  std::array<double, 2> normalPair(std::uint64_t index, std::uint64_t lane = 0) const;
  // `count` standard normal values at `index` from lanes 0, 1, ...
  void normals(std::uint64_t index, float* values, std::size_t count) const;

 private:
  PhiloxKey key_;
};

// A word as one of `levels` equally likely integers 0 .. levels-1 (multiply and shift; bias below levels / 2^32).
constexpr std::uint32_t scaleWord(std::uint32_t word, std::uint32_t levels) {
  return static_cast<std::uint32_t>((std::uint64_t{word} * levels) >> 32);
}

}  // namespace offaxis
