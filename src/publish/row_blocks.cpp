#include "publish/row_blocks.h"

#include <algorithm>

#include "datasets/content.h"

namespace offaxis {
namespace {

constexpr char kTag[] = "offaxis.block.1\n";

}  // namespace

ContentDigests contentDigests(const Source& source, const Context& context) {
  ContentDigests result;
  const std::uint64_t rows = source.size();
  RootHasher root(source.info().grid, rows);
  Sha256 block;
  const auto add = [&](std::uint64_t row, const Digest& digest) {
    root.add(digest);
    if (row % kRowsPerBlock == 0)
      block.update(kTag, sizeof kTag - 1).updateU64(row).updateU64(std::min(kRowsPerBlock, rows - row));
    block.update(digest.data(), digest.size());
    if ((row + 1) % kRowsPerBlock == 0 || row + 1 == rows) result.blocks.push_back(toHex(block.finish()));
  };
  visitRowDigests(source, context, [&](std::uint64_t first, const std::vector<Digest>& digests) {
    for (std::size_t i = 0; i < digests.size(); ++i) add(first + i, digests[i]);
  });
  result.root = toHex(root.finish());
  return result;
}

}  // namespace offaxis
