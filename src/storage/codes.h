// Representations and the factors behind them, as they pass between encoders (ours or anyone's) and metrics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/staged.h"

namespace offaxis {

struct Codes {
  std::uint64_t count = 0;            // N images
  std::uint64_t latents = 0;          // L
  std::uint64_t factorCount = 0;      // K
  std::vector<double> codes;          // [N,L]
  std::vector<std::int64_t> factors;  // [N,K], levels
};

// An npz archive with `codes` f32 or f64 [N,L] and `factors` i32 or i64 [N,K], as numpy.savez writes it. Throws
// Error(BadFile) where members are missing, of other types or shapes, disagree in N, or a code is not finite or beyond
// float32.
Codes readCodes(const std::string& path);
// codes rounded to f32, factors i64. Throws Error(CannotWrite).
void writeCodes(const std::string& path, const Codes& codes, Overwrite overwrite);

}  // namespace offaxis
