// Which rows differ, where a content root only says that some do: one digest for every block of rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

// Few enough digests for a manifest (118 for Shapes3D), few enough rows to make them again at once.
constexpr std::uint64_t kRowsPerBlock = 4096;

struct ContentDigests {
  std::string root;  // contentRoot(), hexadecimal
  // Of rows b * 4096 .. min((b + 1) * 4096, N) - 1, hexadecimal:
  //   SHA-256("offaxis.block.1\n", u64 first row, u64 rows, row digests in order), little-endian (storage/hash.h)
  std::vector<std::string> blocks;
};

// One pass over all rows; the same for any number of threads.
ContentDigests contentDigests(const Source& source, const Context& context);

}  // namespace offaxis
