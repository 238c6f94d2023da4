#include "datasets/content.h"

#include <algorithm>

#include "core/parallel.h"
#include "core/philox.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kSampledRows = 64;
constexpr std::uint64_t kBlock = 64;  // images that one work item reads and hashes

std::uint64_t blockCount(const Source& source) {
  return (source.size() + kBlock - 1) / kBlock;
}
std::uint64_t rowsInBlock(const Source& source, std::uint64_t block) {
  return std::min(kBlock, source.size() - block * kBlock);
}
std::uint64_t window(const Context& context) {
  return 4 * static_cast<std::uint64_t>(std::max(context.threads, 1));
}

}  // namespace

void visitRowDigests(const Source& source, const Context& context,
                     const std::function<void(std::uint64_t first, const std::vector<Digest>& digests)>& visit) {
  const SourceInfo& info = source.info();
  context.begin("hashing " + info.dataset, source.size(), "images");
  orderedPipeline<std::vector<Digest>>(
      context, blockCount(source), window(context),
      [&](std::uint64_t block, int) {
        const std::uint64_t rows = rowsInBlock(source, block);
        std::vector<std::uint8_t> images(rows * info.shape.bytes());
        source.readRange(block * kBlock, rows, images.data());
        return rowDigests(source, block * kBlock, rows, images.data());
      },
      [&](std::uint64_t block, std::vector<Digest>&& digests) {
        visit(block * kBlock, digests);
        context.advance(digests.size());
      });
  context.end();
}

Digest contentRoot(const Source& source, const Context& context) {
  RootHasher root(source.info().grid, source.size());
  visitRowDigests(source, context, [&](std::uint64_t, const std::vector<Digest>& digests) {
    for (const Digest& digest : digests) root.add(digest);
  });
  return root.finish();
}

Digest rawSha256(const Source& source, const Context& context) {
  const std::uint64_t bytes = source.info().shape.bytes();
  Sha256 hash;
  context.begin("hashing " + source.info().dataset, source.size(), "images");
  orderedPipeline<std::vector<std::uint8_t>>(
      context, blockCount(source), window(context),
      [&](std::uint64_t block, int) {
        std::vector<std::uint8_t> images(rowsInBlock(source, block) * bytes);
        source.readRange(block * kBlock, images.size() / bytes, images.data());
        return images;
      },
      [&](std::uint64_t, std::vector<std::uint8_t>&& images) {
        hash.update(images.data(), images.size());
        context.advance(images.size() / bytes);
      });
  context.end();
  return hash.finish();
}

std::string sampledRoot(const Source& source, std::string_view stream, std::uint64_t count) {
  const Philox philox(0, stream);
  RootHasher all(source.info().grid, count);
  std::vector<std::uint8_t> image(source.info().shape.bytes());
  for (std::uint64_t i = 0; i < kSampledRows; ++i) {
    const std::uint64_t row = philox.below(source.size(), i);
    source.read(row, image.data());
    for (const Digest& digest : rowDigests(source, row, 1, image.data())) all.add(digest);
  }
  return toHex(all.finish());
}

std::string fingerprint(const Source& root) {
  return sampledRoot(root, "fingerprint", kSampledRows);
}

std::vector<Digest> rowDigests(const Source& source, std::uint64_t first, std::uint64_t count,
                               const std::uint8_t* images) {
  const SourceInfo& info = source.info();
  RowHasher hashRow(info.shape, info.grid.factorCount());
  std::vector<double> values(info.grid.factorCount());
  std::vector<Digest> digests(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    info.grid.valuesOf(source.gridIndex(first + i), values.data());
    digests[i] = hashRow(values.data(), images + i * info.shape.bytes());
  }
  return digests;
}

std::string sourceIdentity(const Source& source) {
  return sampledRoot(source, "source identity", source.size());
}

std::string sourceDefinition(const Source& source) {
  std::string text = source.info().variant;
  for (const auto& [key, value] : source.info().settings) text += " " + key + "=" + value;
  bool whole = source.size() == source.info().grid.size();
  Sha256 rows;
  for (std::uint64_t row = 0; row < source.size(); ++row) {
    const std::uint64_t index = source.gridIndex(row);
    whole = whole && index == row;
    rows.updateU64(index);
  }
  return whole ? text : text + " rows_sha256=" + toHex(rows.finish());
}

}  // namespace offaxis
