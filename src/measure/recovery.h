// Can the factors be read back from a modified image by looking for the nearest original?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

// Squared Euclidean distances in levels of 255 squared, exact.
struct MissedQuery {
  std::uint64_t row = 0;      // of the modified set
  std::uint64_t nearest = 0;  // grid index of the original found
  std::uint64_t ownSquared = 0, nearestSquared = 0;
};

struct RecoveredFactor {
  std::string name;
  std::uint64_t recovered = 0;  // queries whose nearest original has their level of it
};

struct RecoveryReport {
  std::uint64_t queries = 0;
  std::uint64_t seed = 0;
  std::uint64_t searched = 0;            // originals
  std::vector<std::uint64_t> firstRows;  // of the queries, in the order drawn, at most `keep`
  std::uint64_t recovered = 0;           // queries whose nearest original is their own, or has the same bytes
  std::vector<RecoveredFactor> factors;
  std::vector<MissedQuery> missed;  // of the lowest rows, ascending, at most `keep`
};

// The rows that are asked for: the first `queries` different ones of Philox(seed, "verify.queries").below(rows, i) for
// i = 0, 1, ...; all rows, in order, where there are no more than that.
std::vector<std::uint64_t> queryRows(std::uint64_t rows, std::uint64_t queries, std::uint64_t seed);

// Full search: the distance of every query to every original. An original as near as its own but with other bytes
// counts as found in its place, so a query is recovered only where its own is strictly the nearest. Preconditions as
// for measureSeparation(). Memory: the queries' images.
RecoveryReport measureRecovery(const Source& modified, const Source& original, std::uint64_t queries,
                               std::uint64_t seed, std::size_t keep, const Context& context);

}  // namespace offaxis
