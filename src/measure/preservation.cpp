#include "measure/preservation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "core/parallel.h"
#include "core/target_clones.h"
#include "core/text.h"
#include "datasets/image_file.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kBlock = 64;    // images of one work item
constexpr std::size_t kSpan = 1 << 14;  // pixels whose sums of squares fit 32 bits

using Key = std::array<std::uint64_t, 2>;

Key keyOf(Sha256& hash, const std::uint8_t* image, std::size_t bytes) {
  const Digest digest = hash.update(image, bytes).finish();
  Key key{};
  std::memcpy(key.data(), digest.data(), sizeof key);
  return key;
}

// Sums over pixels, exact.
struct Sums {
  std::uint64_t original = 0, modified = 0;                // x
  std::uint64_t originalSquares = 0, modifiedSquares = 0;  // x^2
  std::uint64_t absolute = 0, squares = 0;                 // |d|, d^2
  std::uint64_t zerosOriginal = 0, zerosModified = 0;
  std::uint64_t fullsOriginal = 0, fullsModified = 0;
  int maxLevels = 0;

  void add(const Sums& o) {
    original += o.original;
    modified += o.modified;
    originalSquares += o.originalSquares;
    modifiedSquares += o.modifiedSquares;
    absolute += o.absolute;
    squares += o.squares;
    zerosOriginal += o.zerosOriginal;
    zerosModified += o.zerosModified;
    fullsOriginal += o.fullsOriginal;
    fullsModified += o.fullsModified;
    maxLevels = std::max(maxLevels, o.maxLevels);
  }
};

// `count` <= kSpan.
OFFAXIS_INTEGER_KERNEL
void sumSpan(const std::uint8_t* original, const std::uint8_t* modified, std::size_t count, std::uint32_t* sums) {
  std::uint32_t o1 = 0, m1 = 0, o2 = 0, m2 = 0, a = 0, d2 = 0, zo = 0, zm = 0, fo = 0, fm = 0, top = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t o = original[i];
    const std::uint32_t m = modified[i];
    const std::uint32_t d = o > m ? o - m : m - o;
    o1 += o;
    m1 += m;
    o2 += o * o;
    m2 += m * m;
    a += d;
    d2 += d * d;
    zo += o == 0 ? 1u : 0u;
    zm += m == 0 ? 1u : 0u;
    fo += o == 255 ? 1u : 0u;
    fm += m == 255 ? 1u : 0u;
    top = d > top ? d : top;
  }
  const std::uint32_t all[] = {o1, m1, o2, m2, a, d2, zo, zm, fo, fm, top};
  for (std::size_t i = 0; i < 11; ++i) sums[i] = all[i];
}

Sums sumImage(const std::uint8_t* original, const std::uint8_t* modified, std::size_t count) {
  Sums total;
  for (std::size_t done = 0; done < count; done += kSpan) {
    std::array<std::uint32_t, 11> s{};
    sumSpan(original + done, modified + done, std::min(kSpan, count - done), s.data());
    total.add({s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], static_cast<int>(s[10])});
  }
  return total;
}

// 16 bits hold the sums over one block of 64 images.
OFFAXIS_INTEGER_KERNEL
void addPositions(const std::uint8_t* image, std::size_t count, std::uint16_t* sums) {
  for (std::size_t i = 0; i < count; ++i) sums[i] = static_cast<std::uint16_t>(sums[i] + image[i]);
}
static_assert(kBlock * 255 < 65536);

// Sums over images at every pixel position, one per worker; adding integers commutes.
struct Positions {
  std::vector<std::uint16_t> blockOriginal, blockModified;
  std::vector<std::uint64_t> original, modified;

  void resize(std::size_t bytes) {
    blockOriginal.resize(bytes);
    blockModified.resize(bytes);
    original.resize(bytes);
    modified.resize(bytes);
  }
  void flushBlock() {
    for (std::size_t i = 0; i < original.size(); ++i) {
      original[i] += std::exchange(blockOriginal[i], std::uint16_t{0});
      modified[i] += std::exchange(blockModified[i], std::uint16_t{0});
    }
  }
};

// What one work item found. Floating-point sums are added in the order of the blocks, whoever computed them.
struct BlockResult {
  std::vector<Key> originalKeys, modifiedKeys;
  Sums sums;
  double l2 = 0, maxL2 = 0;
  double varianceOriginal = 0, varianceModified = 0;
  std::uint64_t changed = 0;
  std::optional<std::uint64_t> overBudget;
  std::string overBudgetDetail;
};

// Variance over one image's pixels, in levels squared.
double imageVariance(std::uint64_t sum, std::uint64_t squares, std::size_t count) {
  const double mean = static_cast<double>(sum) / static_cast<double>(count);
  return static_cast<double>(squares) / static_cast<double>(count) - mean * mean;
}

std::string pixelText(const ImageShape& shape, std::size_t offset) {
  const std::size_t channel = offset % shape.channels;
  const std::size_t column = offset / shape.channels % shape.width;
  const std::size_t line = offset / shape.channels / shape.width;
  return "y " + std::to_string(line) + ", x " + std::to_string(column) + ", channel " + std::to_string(channel);
}

std::string overBudgetText(const ImageShape& shape, const std::uint8_t* original, const std::uint8_t* modified,
                           int budget) {
  std::size_t at = 0;
  while (std::abs(int{modified[at]} - int{original[at]}) <= budget) ++at;
  return pixelText(shape, at) + ": " + std::to_string(original[at]) + " became " + std::to_string(modified[at]);
}

// The lowest row whose image has the same bytes, for every row.
std::vector<std::uint64_t> representatives(const Source& source, const std::vector<Key>& keys, const Context& context) {
  std::vector<std::uint64_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::uint64_t a, std::uint64_t b) { return keys[a] != keys[b] ? keys[a] < keys[b] : a < b; });
  const std::size_t bytes = source.info().shape.bytes();
  std::vector<std::uint64_t> first(keys.size());
  std::vector<std::uint8_t> image(bytes), other(bytes);
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && keys[order[end]] == keys[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) first[order[i]] = order[i];
    for (std::size_t leader = begin; leader + 1 < end; ++leader) {  // more than one round only if the hash collides
      if (first[order[leader]] != order[leader]) continue;
      bool leftOver = false;
      source.read(order[leader], image.data());
      for (std::size_t i = leader + 1; i < end; ++i) {
        context.throwIfCancelled();
        if (first[order[i]] != order[i]) continue;
        source.read(order[i], other.data());
        if (image == other) {
          first[order[i]] = order[leader];
        } else {
          leftOver = true;
        }
      }
      if (!leftOver) break;
    }
    begin = end;
  }
  return first;
}

std::uint64_t countDistinct(const std::vector<std::uint64_t>& first) {
  std::uint64_t count = 0;
  for (std::uint64_t row = 0; row < first.size(); ++row) count += first[row] == row ? 1 : 0;
  return count;
}

// The lowest row that joined, in `coarse`, an earlier row which `fine` tells apart from it.
std::optional<std::uint64_t> firstMerged(const std::vector<std::uint64_t>& fine,
                                         const std::vector<std::uint64_t>& coarse) {
  for (std::uint64_t row = 0; row < coarse.size(); ++row) {
    if (fine[row] != fine[coarse[row]]) return row;
  }
  return std::nullopt;
}

std::string rowText(const SourceInfo& info, std::uint64_t gridIndex) {
  std::vector<double> values(info.grid.factorCount());
  info.grid.valuesOf(gridIndex, values.data());
  std::string text;
  for (std::size_t k = 0; k < values.size(); ++k) {
    text += (k ? ", " : "") + info.grid.factors()[k].name + " " + formatReal(values[k]);
  }
  return text;
}

class Verification {
 public:
  Verification(const Source& modified, const Source& original, const PreservationSettings& settings,
               const Context& context)
      : modified_(modified), original_(original), settings_(settings), context_(context) {
    report_.budgetLevels = settings.budgetLevels;
  }

  PreservationReport run() {
    const SourceInfo& from = original_.info();
    const SourceInfo& to = modified_.info();
    StorageLayout expected = from.layout;
    if (to.variant != "original" && !to.layout.binary) expected.binary = false;  // variants need all levels
    add("keys", expected == to.layout, std::nullopt,
        expected == to.layout ? "'" + to.layout.imagesKey + "', '" + to.layout.labelsKey + "'"
                              : "the datasets inside the file are named otherwise");
    add("shape", from.shape == to.shape, std::nullopt, difference(toString(to.shape), toString(from.shape)));
    const bool sameCount = modified_.size() == original_.size();
    add("images", sameCount,
        sameCount ? std::nullopt : std::optional<std::uint64_t>(std::min(modified_.size(), original_.size())),
        difference(std::to_string(modified_.size()), std::to_string(original_.size())));
    add("factors", from.grid == to.grid, std::nullopt,
        from.grid == to.grid ? std::to_string(to.grid.factorCount()) + " factors" : "the factor grids differ");
    checkLabels();
    if (from.shape == to.shape) compareImages();
    return std::move(report_);
  }

 private:
  static std::string difference(const std::string& found, const std::string& expected) {
    return found == expected ? found : found + ", the original has " + expected;
  }

  void add(const std::string& name, bool passed, std::optional<std::uint64_t> index, const std::string& detail) {
    report_.checks.push_back({name, passed, index, detail});
  }

  std::uint64_t rows() const { return std::min(modified_.size(), original_.size()); }

  void checkLabels() {
    std::optional<std::uint64_t> bad;
    std::string detail = "every row in its place in the grid";
    for (const Source* source : {&original_, &modified_}) {
      const auto* file = dynamic_cast<const ImageFile*>(source);
      if (!file || !file->firstBadLabel() || (bad && *bad <= *file->firstBadLabel())) continue;
      bad = file->firstBadLabel();
      detail = std::string("the label stored in the ") + (source == &original_ ? "original" : "modified") +
               " file is not the one of its place in the grid";
    }
    for (std::uint64_t row = 0; row < rows() && (!bad || row < *bad); ++row) {
      if (modified_.gridIndex(row) == original_.gridIndex(row)) continue;
      bad = row;
      detail = rowText(modified_.info(), modified_.gridIndex(row)) + " instead of " +
               rowText(original_.info(), original_.gridIndex(row));
    }
    add("labels", !bad, bad, detail);
  }

  BlockResult compareBlock(std::uint64_t first, std::uint64_t count, Positions& positions) const {
    const ImageShape& shape = original_.info().shape;
    const std::size_t bytes = shape.bytes();
    std::vector<std::uint8_t> originals(count * bytes), modifieds(count * bytes);
    original_.readRange(first, count, originals.data());
    modified_.readRange(first, count, modifieds.data());
    positions.resize(bytes);
    BlockResult result;
    Sha256 hash;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint8_t* const o = originals.data() + i * bytes;
      const std::uint8_t* const m = modifieds.data() + i * bytes;
      result.originalKeys.push_back(keyOf(hash, o, bytes));
      result.modifiedKeys.push_back(keyOf(hash, m, bytes));
      const Sums sums = sumImage(o, m, bytes);
      addPositions(o, bytes, positions.blockOriginal.data());
      addPositions(m, bytes, positions.blockModified.data());
      result.sums.add(sums);
      const double l2 = std::sqrt(static_cast<double>(sums.squares)) / 255;
      result.l2 += l2;
      result.maxL2 = std::max(result.maxL2, l2);
      result.varianceOriginal += imageVariance(sums.original, sums.originalSquares, bytes);
      result.varianceModified += imageVariance(sums.modified, sums.modifiedSquares, bytes);
      result.changed += sums.squares != 0 ? 1 : 0;
      if (settings_.budgetLevels && sums.maxLevels > *settings_.budgetLevels && !result.overBudget) {
        result.overBudget = first + i;
        result.overBudgetDetail = overBudgetText(shape, o, m, *settings_.budgetLevels);
      }
    }
    positions.flushBlock();
    return result;
  }

  void compareImages() {
    const std::uint64_t count = rows();
    const std::uint64_t blocks = (count + kBlock - 1) / kBlock;
    const auto threads = static_cast<std::size_t>(std::max(context_.threads, 1));
    std::vector<Positions> positions(threads);
    std::vector<Key> originalKeys, modifiedKeys;
    originalKeys.reserve(count);
    modifiedKeys.reserve(count);
    BlockResult total;
    context_.begin("verifying", count, "images");
    orderedPipeline<BlockResult>(
        context_, blocks, 4 * threads,
        [&](std::uint64_t block, int worker) {
          const std::uint64_t first = block * kBlock;
          return compareBlock(first, std::min(kBlock, count - first), positions[static_cast<std::size_t>(worker)]);
        },
        [&](std::uint64_t, BlockResult&& block) {
          originalKeys.insert(originalKeys.end(), block.originalKeys.begin(), block.originalKeys.end());
          modifiedKeys.insert(modifiedKeys.end(), block.modifiedKeys.begin(), block.modifiedKeys.end());
          total.sums.add(block.sums);
          total.l2 += block.l2;
          total.maxL2 = std::max(total.maxL2, block.maxL2);
          total.varianceOriginal += block.varianceOriginal;
          total.varianceModified += block.varianceModified;
          total.changed += block.changed;
          if (block.overBudget && !total.overBudget) {
            total.overBudget = block.overBudget;
            total.overBudgetDetail = block.overBudgetDetail;
          }
          context_.advance(block.originalKeys.size());
        });
    const std::vector<std::uint64_t> originalFirst = representatives(original_, originalKeys, context_);
    const std::vector<std::uint64_t> modifiedFirst = representatives(modified_, modifiedKeys, context_);
    context_.end();

    checkClasses(originalFirst, modifiedFirst);
    if (settings_.budgetLevels) {
      add("budget", !total.overBudget, total.overBudget,
          "at most " + std::to_string(total.sums.maxLevels) + " levels, budget " +
              std::to_string(*settings_.budgetLevels) + (total.overBudget ? "; " + total.overBudgetDetail : ""));
    }
    fillStatistics(count, total, positions);
  }

  void checkClasses(const std::vector<std::uint64_t>& originalFirst, const std::vector<std::uint64_t>& modifiedFirst) {
    report_.statistics.distinctOriginal = countDistinct(originalFirst);
    report_.statistics.distinctModified = countDistinct(modifiedFirst);
    const std::optional<std::uint64_t> merged = firstMerged(originalFirst, modifiedFirst);
    add("distinct", !merged, merged,
        merged ? "became equal to image " + std::to_string(modifiedFirst[*merged]) + ", which differed from it"
               : std::to_string(report_.statistics.distinctModified) + " different images");
    const std::optional<std::uint64_t> split = firstMerged(modifiedFirst, originalFirst);
    add("duplicates", !split, split,
        split ? "differs from image " + std::to_string(originalFirst[*split]) + ", to which it was equal"
              : std::to_string(originalFirst.size() - report_.statistics.distinctOriginal) +
                    " images equal to an earlier one");
  }

  void fillStatistics(std::uint64_t count, const BlockResult& total, const std::vector<Positions>& positions) {
    if (count == 0) return;
    PreservationStatistics& out = report_.statistics;
    const std::size_t bytes = original_.info().shape.bytes();
    const auto images = static_cast<double>(count);
    const double pixels = images * static_cast<double>(bytes);
    const Sums& sums = total.sums;
    out.images = count;
    out.maxLevels = sums.maxLevels;
    out.meanAbsolute = static_cast<double>(sums.absolute) / pixels / 255;
    out.meanSigned = (static_cast<double>(sums.modified) - static_cast<double>(sums.original)) / pixels / 255;
    out.rms = std::sqrt(static_cast<double>(sums.squares) / pixels) / 255;
    out.meanL2 = total.l2 / images;
    out.maxL2 = total.maxL2;
    out.imageVarianceOriginal = total.varianceOriginal / images / (255.0 * 255);
    out.imageVarianceModified = total.varianceModified / images / (255.0 * 255);
    double originalMeans = 0, modifiedMeans = 0;  // sums over positions of the squared mean
    for (std::size_t i = 0; i < bytes; ++i) {
      std::uint64_t o = 0, m = 0;
      for (const Positions& worker : positions) {
        if (worker.original.empty()) continue;
        o += worker.original[i];
        m += worker.modified[i];
      }
      const double originalMean = static_cast<double>(o) / images;
      const double modifiedMean = static_cast<double>(m) / images;
      originalMeans += originalMean * originalMean;
      modifiedMeans += modifiedMean * modifiedMean;
    }
    out.totalVarianceOriginal = (static_cast<double>(sums.originalSquares) / images - originalMeans) / (255.0 * 255);
    out.totalVarianceModified = (static_cast<double>(sums.modifiedSquares) / images - modifiedMeans) / (255.0 * 255);
    out.atZeroOriginal = static_cast<double>(sums.zerosOriginal) / pixels;
    out.atZeroModified = static_cast<double>(sums.zerosModified) / pixels;
    out.atFullOriginal = static_cast<double>(sums.fullsOriginal) / pixels;
    out.atFullModified = static_cast<double>(sums.fullsModified) / pixels;
    out.changedImages = total.changed;
  }

  const Source& modified_;
  const Source& original_;
  const PreservationSettings& settings_;
  const Context& context_;
  PreservationReport report_;
};

}  // namespace

const PreservationCheck* PreservationReport::firstFailure() const {
  for (const PreservationCheck& check : checks) {
    if (!check.passed) return &check;
  }
  return nullptr;
}

bool PreservationReport::preserved() const {
  return firstFailure() == nullptr;
}

PreservationReport verifyPreservation(const Source& modified, const Source& original,
                                      const PreservationSettings& settings, const Context& context) {
  return Verification(modified, original, settings, context).run();
}

}  // namespace offaxis
