#include "publish/first_difference.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kBlock = 64;  // images that one work item compares

std::optional<Difference> differenceWithin(const Source& found, const Source& expected, std::uint64_t first,
                                           std::uint64_t count) {
  const ImageShape& shape = expected.info().shape;
  const std::size_t bytes = shape.bytes();
  std::vector<std::uint8_t> a(count * bytes), b(count * bytes);
  found.readRange(first, count, a.data());
  expected.readRange(first, count, b.data());
  for (std::uint64_t i = 0; i < count; ++i) {
    Difference difference;
    difference.row = first + i;
    if (found.gridIndex(first + i) != expected.gridIndex(first + i)) {
      difference.dataset = expected.info().layout.labelsKey;
      return difference;
    }
    const auto begin = a.begin() + static_cast<std::ptrdiff_t>(i * bytes);
    const auto end = begin + static_cast<std::ptrdiff_t>(bytes);
    const auto [at, other] = std::mismatch(begin, end, b.begin() + static_cast<std::ptrdiff_t>(i * bytes));
    if (at == end) continue;
    const auto offset = static_cast<std::uint64_t>(at - begin);
    difference.dataset = expected.info().layout.imagesKey;
    difference.y = static_cast<std::uint32_t>(offset / shape.channels / shape.width);
    difference.x = static_cast<std::uint32_t>(offset / shape.channels % shape.width);
    difference.channel = static_cast<std::uint32_t>(offset % shape.channels);
    difference.found = *at;
    difference.expected = *other;
    return difference;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Difference> firstDifference(const Source& found, const Source& expected, std::uint64_t first,
                                          std::uint64_t count, const Context& context) {
  // In rounds, so that little is read beyond the first difference.
  const std::uint64_t round = kBlock * 4 * static_cast<std::uint64_t>(std::max(context.threads, 1));
  for (std::uint64_t begin = first; begin < first + count; begin += round) {
    const std::uint64_t rows = std::min(round, first + count - begin);
    std::optional<Difference> earliest;
    orderedPipeline<std::optional<Difference>>(
        context, (rows + kBlock - 1) / kBlock, 4 * static_cast<std::uint64_t>(std::max(context.threads, 1)),
        [&](std::uint64_t block, int) {
          const std::uint64_t from = block * kBlock;
          return differenceWithin(found, expected, begin + from, std::min(kBlock, rows - from));
        },
        [&](std::uint64_t, std::optional<Difference>&& difference) {
          if (!earliest) earliest = std::move(difference);
        });
    if (earliest) return earliest;
  }
  return std::nullopt;
}

std::string toString(const Difference& difference) {
  const std::string row = difference.dataset + " row " + std::to_string(difference.row);
  // Labels carry no place in a picture.
  if (difference.found == difference.expected) return row + ": another label";
  return row + ", y " + std::to_string(difference.y) + ", x " + std::to_string(difference.x) + ", channel " +
         std::to_string(difference.channel) + ": " + std::to_string(difference.found) + " instead of " +
         std::to_string(difference.expected);
}

}  // namespace offaxis
