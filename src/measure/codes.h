// What every metric reads: codes and the factors behind them, as plain arrays that it does not own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/rotation.h"
#include "storage/codes.h"

namespace offaxis {

// N codes of L latents with the K factors (or other integer targets) that belong to them. Not owned.
struct CodeView {
  const double* codes = nullptr;          // [N,L], finite
  const std::int64_t* factors = nullptr;  // [N,K], levels
  std::uint64_t count = 0;                // N >= 1
  std::uint64_t latents = 0;              // L >= 1
  std::uint64_t factorCount = 0;          // K >= 1
};

inline CodeView viewOf(const Codes& codes) {
  return {codes.codes.data(), codes.factors.data(), codes.count, codes.latents, codes.factorCount};
}

// Levels with mean 0 and variance 1 over the factor's grid of `factorSizes[k]` levels, [N,K]; 0 for a factor of one
// level. Only view.factors is read.
std::vector<double> whitenedFactors(const CodeView& view, const std::vector<std::uint32_t>& factorSizes);

// The coordinates of every row's factors, [N,D]. Preconditions: levels within the grid that `coordinates` was made for.
std::vector<double> coordinatesOf(const CodeView& view, const FactorCoordinates& coordinates);

// rows [N,K], each multiplied by R [K,K] (row-major) from the left.
std::vector<double> rotatedRows(const std::vector<double>& rows, const std::vector<double>& rotation, std::uint64_t k);

// A random rotation, [K,K] row-major, uniform over the orthogonal group: Gram-Schmidt on Philox normals.
std::vector<double> randomRotation(std::uint64_t k, std::uint64_t seed, std::uint64_t index);

// Of each factor its highest level and one more. Throws Error(BadFile) for a negative level or one beyond 2^31.
std::vector<std::uint32_t> observedSizes(const CodeView& view);

// Renumbers the levels of each of K factors, [N,K], by rank: those that the sample shows become 0, 1, .. in order.
// Returns how many there are of each.
std::vector<std::uint32_t> rankLevels(std::vector<std::int64_t>& factors, std::uint64_t factorCount);

// One factor's levels as labels, [N]; one latent's codes, [N].
std::vector<std::int64_t> labelsOf(const CodeView& view, std::uint64_t factor);
std::vector<double> latentOf(const CodeView& view, std::uint64_t latent);

// Whether any value differs from the first.
template <typename T>
bool varies(const std::vector<T>& values) {
  return std::any_of(values.begin(), values.end(), [&](const T& value) { return value != values.front(); });
}

// Throws Error(BadFile) unless both samples have two rows or more, and as many latents and factors as each other.
void requireSplit(const CodeView& train, const CodeView& test);

}  // namespace offaxis
