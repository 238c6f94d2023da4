#include "measure/preservation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/parallel.h"
#include "core/target_clones.h"
#include "core/text.h"
#include "datasets/content.h"
#include "datasets/image_file.h"
#include "measure/squared_distance.h"
#include "measure/ssim.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kBlock = 64;    // images of one work item
constexpr std::size_t kSpan = 1 << 12;  // pixels whose sums of squares fit 31 bits, and that stay in the nearest cache

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
  std::uint64_t perhapsClipped = 0;
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
    perhapsClipped += o.perhapsClipped;
    maxLevels = std::max(maxLevels, o.maxLevels);
  }
};

// Each of these takes at most kSpan pixels and keeps to the narrowest type that holds its sums, which is what makes the
// compiler's vectors long.

OFFAXIS_INTEGER_KERNEL
std::uint32_t sumAbsolute(const std::uint8_t* a, const std::uint8_t* b, std::size_t count) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<std::uint32_t>(std::abs(int{a[i]} - int{b[i]}));
  return sum;
}

OFFAXIS_INTEGER_KERNEL
std::uint16_t countLevel(const std::uint8_t* a, std::size_t count, std::uint8_t level) {
  std::uint16_t found = 0;
  for (std::size_t i = 0; i < count; ++i) found = static_cast<std::uint16_t>(found + (a[i] == level ? 1 : 0));
  return found;
}

OFFAXIS_INTEGER_KERNEL
std::uint8_t largestDifference(const std::uint8_t* a, const std::uint8_t* b, std::size_t count) {
  std::uint8_t top = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto d = static_cast<std::uint8_t>(a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]);
    top = d > top ? d : top;
  }
  return top;
}

// Pixels of `modified` at the end `level` of the range that moved by less than `budget`.
OFFAXIS_INTEGER_KERNEL
std::uint16_t countShort(const std::uint8_t* original, const std::uint8_t* modified, std::size_t count,
                         std::uint8_t level, std::uint8_t budget) {
  std::uint16_t found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto moved = static_cast<std::uint8_t>(level > original[i] ? level - original[i] : original[i] - level);
    found = static_cast<std::uint16_t>(found + ((modified[i] == level) & (moved < budget) ? 1 : 0));
  }
  return found;
}

Sums sumImage(const std::uint8_t* original, const std::uint8_t* modified, std::size_t count, int budget) {
  static const std::array<std::uint8_t, kSpan> zeros{};
  const auto limit = static_cast<std::uint8_t>(std::clamp(budget, 0, 255));
  Sums total;
  for (std::size_t done = 0; done < count; done += kSpan) {
    const std::uint8_t* const o = original + done;
    const std::uint8_t* const m = modified + done;
    const std::size_t n = std::min(kSpan, count - done);
    Sums s;
    s.original = sumAbsolute(o, zeros.data(), n);
    s.modified = sumAbsolute(m, zeros.data(), n);
    s.absolute = sumAbsolute(o, m, n);
    s.originalSquares = squaredDistance(o, zeros.data(), n);
    s.modifiedSquares = squaredDistance(m, zeros.data(), n);
    s.squares = s.absolute == 0 ? 0 : squaredDistance(o, m, n);
    s.zerosOriginal = countLevel(o, n, 0);
    s.zerosModified = countLevel(m, n, 0);
    s.fullsOriginal = countLevel(o, n, 255);
    s.fullsModified = countLevel(m, n, 255);
    s.perhapsClipped = limit == 0 ? 0 : countShort(o, m, n, 0, limit) + countShort(o, m, n, 255, limit);
    s.maxLevels = largestDifference(o, m, n);
    total.add(s);
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

struct Worker {
  std::vector<std::uint8_t> originals, modifieds;  // the images of a block
  Positions positions;
  std::optional<Ssim> ssim;
};

// The values of each image, in the order of the rows.
struct PerImage {
  std::vector<double> levels, l2, ssim, varianceChange;

  void append(const PerImage& o) {
    levels.insert(levels.end(), o.levels.begin(), o.levels.end());
    l2.insert(l2.end(), o.l2.begin(), o.l2.end());
    ssim.insert(ssim.end(), o.ssim.begin(), o.ssim.end());
    varianceChange.insert(varianceChange.end(), o.varianceChange.begin(), o.varianceChange.end());
  }
};

// Rows at fault: the lowest of them, and how many there are.
struct Offenders {
  std::vector<std::uint64_t> first;
  std::uint64_t count = 0;

  void add(std::uint64_t row) {  // in ascending order
    if (first.size() < PreservationCheck::kListed) first.push_back(row);
    ++count;
  }
  void append(const Offenders& o) {
    for (const std::uint64_t row : o.first) {
      if (first.size() < PreservationCheck::kListed) first.push_back(row);
    }
    count += o.count;
  }
  bool none() const { return count == 0; }
};

// What one work item found. Floating-point sums are added in the order of the blocks, whoever computed them.
struct BlockResult {
  std::vector<Key> originalKeys, modifiedKeys;
  std::vector<Digest> originalDigests, modifiedDigests;  // of the rows, labels included
  Sums sums;
  PerImage perImage;
  double varianceOriginal = 0, varianceModified = 0;
  std::uint64_t changed = 0;
  Offenders overBudget;
  std::string overBudgetDetail;  // of the first
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
template <typename Read>
std::vector<std::uint64_t> representatives(const std::vector<Key>& keys, std::size_t bytes, const Read& read,
                                           const Context& context) {
  std::vector<std::uint64_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::uint64_t a, std::uint64_t b) { return keys[a] != keys[b] ? keys[a] < keys[b] : a < b; });
  std::vector<std::uint64_t> first(keys.size());
  std::vector<std::uint8_t> image(bytes), other(bytes);
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && keys[order[end]] == keys[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) first[order[i]] = order[i];
    for (std::size_t leader = begin; leader + 1 < end; ++leader) {  // more than one round only if the hash collides
      if (first[order[leader]] != order[leader]) continue;
      bool leftOver = false;
      read(order[leader], image.data());
      for (std::size_t i = leader + 1; i < end; ++i) {
        context.throwIfCancelled();
        if (first[order[i]] != order[i]) continue;
        read(order[i], other.data());
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

// The rows that joined, in `coarse`, an earlier row which `fine` tells apart from them.
Offenders merged(const std::vector<std::uint64_t>& fine, const std::vector<std::uint64_t>& coarse) {
  Offenders rows;
  for (std::uint64_t row = 0; row < coarse.size(); ++row) {
    if (fine[row] != fine[coarse[row]]) rows.add(row);
  }
  return rows;
}

constexpr std::size_t kShownDigits = 12;  // of a hash, to people

// The set that a part of it was taken from: where its images come from, as far as they are the same ones.
const Source& wholeOf(const Source& source, SourcePtr& keep) {
  const Source* whole = &source;
  for (SourcePtr parent = source.parent(); parent && whole->size() < whole->info().grid.size();
       parent = whole->parent()) {
    const SourceInfo& from = parent->info();
    const SourceInfo& to = whole->info();
    if (from.shape != to.shape || from.reduction != to.reduction || from.variant != to.variant || from.grid != to.grid)
      break;
    keep = parent;
    whole = keep.get();
  }
  return *whole;
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
      : modified_(modified),
        original_(original),
        settings_(settings),
        context_(context),
        file_(dynamic_cast<const ImageFile*>(&modified)) {
    report_.budgetLevels = settings.budgetLevels;
  }

  PreservationReport run() {
    const SourceInfo& from = original_.info();
    const SourceInfo& to = modified_.info();
    StorageLayout expected = from.layout;
    if (to.variant != "original" && !to.layout.binary) expected.binary = false;  // variants need all levels
    add("keys", expected == to.layout,
        expected == to.layout ? "'" + to.layout.imagesKey + "', '" + to.layout.labelsKey + "'"
                              : "the datasets inside the file are named otherwise");
    // Of one shape, images that say another reduction than the original's say a falsehood.
    const bool sameReduction = from.shape != to.shape || from.reduction == to.reduction;
    add("shape", from.shape == to.shape && sameReduction,
        sameReduction ? difference(toString(to.shape), toString(from.shape))
                      : difference("averaged down by " + std::to_string(to.reduction), std::to_string(from.reduction)));
    pairRows();
    add("images", true, difference(std::to_string(modified_.size()), std::to_string(original_.size())));
    const std::size_t imagesCheck = report_.checks.size() - 1;  // concluded once the content root is known
    add("factors", from.grid == to.grid,
        from.grid == to.grid ? std::to_string(to.grid.factorCount()) + " factors" : "the factor grids differ");
    checkLabels();
    if (from.shape == to.shape) compareImages();
    concludeImages(report_.checks[imagesCheck]);
    if (from.shape == to.shape && from.grid == to.grid && rows() > 0) compareFactors();
    if (settings_.probe) checkProbe();
    return std::move(report_);
  }

 private:
  static std::string difference(const std::string& found, const std::string& expected) {
    return found == expected ? found : found + ", the original has " + expected;
  }

  void add(const std::string& name, const Offenders& rows, const std::string& detail) {
    PreservationCheck check{name, rows.none(), std::nullopt, detail, rows.first, rows.count};
    if (!rows.first.empty()) check.firstOffendingIndex = rows.first.front();
    report_.checks.push_back(std::move(check));
  }
  void add(const std::string& name, bool passed, const std::string& detail) {
    add(name, Offenders(), detail);
    report_.checks.back().passed = passed;
  }

  std::uint64_t rows() const { return pairedRows_; }
  std::uint64_t originalRow(std::uint64_t row) const { return originalRows_.empty() ? row : originalRows_[row]; }

  // A file that says it is a part of the grid is compared with the rows that its labels name; anything else row by row.
  void pairRows() {
    pairedRows_ = std::min(modified_.size(), original_.size());
    const bool part = file_ && !file_->recordedRoot().empty() && modified_.size() < original_.size() &&
                      modified_.info().grid == original_.info().grid;
    if (!part) return;
    std::unordered_map<std::uint64_t, std::uint64_t> rowOf;
    for (std::uint64_t row = 0; row < original_.size(); ++row) rowOf.emplace(original_.gridIndex(row), row);
    for (std::uint64_t row = 0; row < modified_.size(); ++row) {
      const auto found = rowOf.find(modified_.gridIndex(row));
      if (found == rowOf.end()) {
        originalRows_.clear();
        return;
      }
      originalRows_.push_back(found->second);
    }
    pairedRows_ = modified_.size();
  }

  void concludeImages(PreservationCheck& check) const {
    const bool part = file_ && modified_.size() < modified_.info().grid.size();
    const bool compared = !report_.modifiedRoot.empty() && rows() == modified_.size();
    const bool asWritten = !compared || (file_ && file_->recordedRoot() == report_.modifiedRoot);
    const bool sameNumber = modified_.size() == original_.size();
    if ((sameNumber || !originalRows_.empty()) && (!part || asWritten)) {
      if (!originalRows_.empty())
        check.detail = std::to_string(modified_.size()) + " of the original's " + std::to_string(original_.size());
      return;
    }
    if (part && !asWritten) {
      check.detail = std::to_string(modified_.size()) + " of the grid's " +
                     std::to_string(modified_.info().grid.size()) +
                     ", and they are not the ones that the file was written with: it was cut short or edited";
    }
    const bool fewer = sameNumber || (part && modified_.size() < original_.size());
    const std::uint64_t expected = fewer ? modified_.info().grid.size() : original_.size();
    Offenders missing;
    for (std::uint64_t row = std::min(modified_.size(), expected); row < std::max(modified_.size(), expected); ++row)
      missing.add(row);
    check.passed = false;
    check.firstOffendingIndex = missing.first.front();
    check.offendingIndices = missing.first;
    check.offendingCount = missing.count;
  }

  void checkLabels() {
    std::vector<std::uint8_t> bad(rows());
    for (const Source* source : {&modified_, &original_}) {
      const auto* file = dynamic_cast<const ImageFile*>(source);
      if (!file) continue;
      const std::vector<std::uint64_t>& wrong = file->badLabels();
      const std::unordered_set<std::uint64_t> known(wrong.begin(), wrong.end());
      for (std::uint64_t row = 0; row < rows() && !known.empty(); ++row) {
        if (known.count(source == &original_ ? originalRow(row) : row) != 0) bad[row] = source == &original_ ? 1 : 2;
      }
    }
    Offenders offenders;
    std::string detail = "every row in its place in the grid";
    for (std::uint64_t row = 0; row < rows(); ++row) {
      const std::uint64_t expected = original_.gridIndex(originalRow(row));
      const bool moved = modified_.gridIndex(row) != expected;
      if (!moved && bad[row] == 0) continue;
      if (offenders.none()) {
        detail = bad[row] != 0 ? std::string("the label stored in the ") + (bad[row] == 1 ? "original" : "modified") +
                                     " file is not the one of its place in the grid"
                               : rowText(modified_.info(), modified_.gridIndex(row)) + " instead of " +
                                     rowText(original_.info(), expected);
      }
      offenders.add(row);
    }
    add("labels", offenders, detail);
  }

  void readOriginals(std::uint64_t first, std::uint64_t count, std::uint8_t* images) const {
    const std::size_t bytes = original_.info().shape.bytes();
    for (std::uint64_t done = 0; done < count;) {
      std::uint64_t run = 1;
      while (done + run < count && originalRow(first + done + run) == originalRow(first + done) + run) ++run;
      original_.readRange(originalRow(first + done), run, images + done * bytes);
      done += run;
    }
  }

  BlockResult compareBlock(std::uint64_t first, std::uint64_t count, Worker& worker) const {
    const ImageShape& shape = original_.info().shape;
    const std::size_t bytes = shape.bytes();
    std::vector<std::uint8_t>& originals = worker.originals;
    std::vector<std::uint8_t>& modifieds = worker.modifieds;
    originals.resize(kBlock * bytes);
    modifieds.resize(kBlock * bytes);
    readOriginals(first, count, originals.data());
    modified_.readRange(first, count, modifieds.data());
    worker.positions.resize(bytes);
    if (!worker.ssim && Ssim::fits(shape)) worker.ssim.emplace(shape);
    BlockResult result;
    Sha256 hash;
    RowHasher originalRows(shape, original_.info().grid.factorCount());
    RowHasher modifiedRows(shape, modified_.info().grid.factorCount());
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint8_t* const o = originals.data() + i * bytes;
      const std::uint8_t* const m = modifieds.data() + i * bytes;
      result.originalKeys.push_back(keyOf(hash, o, bytes));
      result.modifiedKeys.push_back(keyOf(hash, m, bytes));
      result.originalDigests.push_back(rowDigest(originalRows, original_, originalRow(first + i), o));
      result.modifiedDigests.push_back(rowDigest(modifiedRows, modified_, first + i, m));
      addPositions(o, bytes, worker.positions.blockOriginal.data());
      addPositions(m, bytes, worker.positions.blockModified.data());
      compareImage(first + i, o, m, worker, result);
    }
    worker.positions.flushBlock();
    return result;
  }

  static Digest rowDigest(RowHasher& hasher, const Source& source, std::uint64_t row, const std::uint8_t* image) {
    std::vector<double> values(source.info().grid.factorCount());
    source.info().grid.valuesOf(source.gridIndex(row), values.data());
    return hasher(values.data(), image);
  }

  void compareImage(std::uint64_t row, const std::uint8_t* o, const std::uint8_t* m, Worker& worker,
                    BlockResult& result) const {
    const ImageShape& shape = original_.info().shape;
    const std::size_t bytes = shape.bytes();
    const Sums sums = sumImage(o, m, bytes, settings_.budgetLevels.value_or(0));
    const double before = imageVariance(sums.original, sums.originalSquares, bytes);
    const double after = imageVariance(sums.modified, sums.modifiedSquares, bytes);
    result.sums.add(sums);
    result.varianceOriginal += before;
    result.varianceModified += after;
    result.changed += sums.squares != 0 ? 1 : 0;
    result.perImage.levels.push_back(sums.maxLevels);
    result.perImage.l2.push_back(std::sqrt(static_cast<double>(sums.squares)) / 255);
    result.perImage.varianceChange.push_back((after - before) / (255.0 * 255));
    if (worker.ssim) result.perImage.ssim.push_back((*worker.ssim)(o, m));
    if (!settings_.budgetLevels || sums.maxLevels <= *settings_.budgetLevels) return;
    if (result.overBudget.none()) result.overBudgetDetail = overBudgetText(shape, o, m, *settings_.budgetLevels);
    result.overBudget.add(row);
  }

  void compareImages() {
    const std::uint64_t count = rows();
    const std::uint64_t blocks = (count + kBlock - 1) / kBlock;
    const auto threads = static_cast<std::size_t>(std::max(context_.threads, 1));
    std::vector<Worker> workers(threads);
    std::vector<Key> originalKeys, modifiedKeys;
    originalKeys.reserve(count);
    modifiedKeys.reserve(count);
    RootHasher originalRoot(original_.info().grid, count), modifiedRoot(modified_.info().grid, count);
    BlockResult total;
    context_.begin("verifying", count, "images");
    orderedPipeline<BlockResult>(
        context_, blocks, 4 * threads,
        [&](std::uint64_t block, int worker) {
          const std::uint64_t first = block * kBlock;
          return compareBlock(first, std::min(kBlock, count - first), workers[static_cast<std::size_t>(worker)]);
        },
        [&](std::uint64_t, BlockResult&& block) {
          originalKeys.insert(originalKeys.end(), block.originalKeys.begin(), block.originalKeys.end());
          modifiedKeys.insert(modifiedKeys.end(), block.modifiedKeys.begin(), block.modifiedKeys.end());
          for (const Digest& digest : block.originalDigests) originalRoot.add(digest);
          for (const Digest& digest : block.modifiedDigests) modifiedRoot.add(digest);
          total.sums.add(block.sums);
          total.perImage.append(block.perImage);
          total.varianceOriginal += block.varianceOriginal;
          total.varianceModified += block.varianceModified;
          total.changed += block.changed;
          if (total.overBudget.none()) total.overBudgetDetail = block.overBudgetDetail;
          total.overBudget.append(block.overBudget);
          context_.advance(block.originalKeys.size());
        });
    const std::size_t bytes = original_.info().shape.bytes();
    const std::vector<std::uint64_t> originalFirst = representatives(
        originalKeys, bytes, [&](std::uint64_t row, std::uint8_t* image) { original_.read(originalRow(row), image); },
        context_);
    const std::vector<std::uint64_t> modifiedFirst = representatives(
        modifiedKeys, bytes, [&](std::uint64_t row, std::uint8_t* image) { modified_.read(row, image); }, context_);
    context_.end();

    report_.originalRoot = toHex(originalRoot.finish());
    report_.modifiedRoot = toHex(modifiedRoot.finish());
    checkRoots();
    checkClasses(originalFirst, modifiedFirst);
    if (settings_.budgetLevels) {
      add("budget", total.overBudget,
          "at most " + std::to_string(total.sums.maxLevels) + " levels, budget " +
              std::to_string(*settings_.budgetLevels) + (total.overBudget.none() ? "" : "; " + total.overBudgetDetail));
    }
    fillStatistics(count, total, workers);
  }

  void checkRoots() {
    const auto* original = dynamic_cast<const ImageFile*>(&original_);
    const bool part = !originalRows_.empty();
    const bool wholeOriginal = original && !original->recordedRoot().empty() && (part || rows() == original_.size());
    // Of an original that holds more than what was compared, all has to be read again.
    const std::string originalRoot =
        wholeOriginal && part ? toHex(contentRoot(original_, context_)) : report_.originalRoot;
    const bool recorded = file_ && !file_->recordedRoot().empty() && rows() == modified_.size();
    if (!recorded && !wholeOriginal) return;
    const bool modifiedHolds = !recorded || file_->recordedRoot() == report_.modifiedRoot;
    const bool originalHolds = !wholeOriginal || original->recordedRoot() == originalRoot;
    std::string detail = recorded ? report_.modifiedRoot : "the original's " + originalRoot;
    if (!modifiedHolds) detail += ", the modified file records " + file_->recordedRoot();
    if (modifiedHolds && !originalHolds) {
      detail = "the original has " + originalRoot + ", its file records " + original->recordedRoot();
    }
    add("content_root", modifiedHolds && originalHolds, detail);
  }

  void checkClasses(const std::vector<std::uint64_t>& originalFirst, const std::vector<std::uint64_t>& modifiedFirst) {
    PreservationStatistics& out = report_.statistics;
    out.distinctOriginal = countDistinct(originalFirst);
    out.distinctModified = countDistinct(modifiedFirst);
    const Offenders joined = merged(originalFirst, modifiedFirst);
    add("distinct", joined,
        joined.none() ? std::to_string(out.distinctModified) + " different images"
                      : "became equal to image " + std::to_string(modifiedFirst[joined.first.front()]) +
                            ", which differed from it");
    const Offenders split = merged(modifiedFirst, originalFirst);
    countCoincidences(originalFirst);
    add("duplicates", split,
        split.none()
            ? std::to_string(originalFirst.size() - out.distinctOriginal) + " images equal to an earlier one"
            : "differs from image " + std::to_string(originalFirst[split.first.front()]) + ", to which it was equal");
  }

  void countCoincidences(const std::vector<std::uint64_t>& first) {
    PreservationStatistics& out = report_.statistics;
    std::vector<std::uint8_t> shared(first.size());
    Offenders later;
    for (std::uint64_t row = 0; row < first.size(); ++row) {
      if (first[row] == row) continue;
      out.coincidingClasses += std::exchange(shared[first[row]], std::uint8_t{1}) == 0 ? 1 : 0;
      later.add(row);
    }
    out.coincidingImages = later.count + out.coincidingClasses;
    out.firstCoinciding = later.first;
  }

  // What needs other images than an image's own.
  void compareFactors() {
    SourcePtr keep;
    const Source& whole = wholeOf(original_, keep);
    if (settings_.separation) {
      report_.separation = measureSeparation(modified_, whole, PreservationCheck::kListed, context_);
      const SeparationReport& found = *report_.separation;
      std::uint64_t rivals = 0, missing = 0;
      for (const FactorSeparation& factor : found.factors) {
        rivals += factor.rivals;
        missing += factor.missingRivals;
      }
      add("separation", Offenders{found.offending, found.offendingCount},
          found.offendingCount > 0
              ? found.detail
              : "nearest to its own original in " + std::to_string(rivals) + " comparisons" +
                    (missing > 0 ? ", " + std::to_string(missing) + " variants are not there" : ""));
    }
    if (settings_.queries > 0) checkQueries(whole);
  }

  void checkQueries(const Source& whole) {
    for (const PreservationCheck& check : report_.checks) {
      if ((check.name != "images" && check.name != "labels") || check.passed) continue;
      add("queries", false, "not asked: check '" + check.name + "' failed");
      return;
    }
    report_.recovery =
        measureRecovery(modified_, whole, settings_.queries, settings_.querySeed, PreservationCheck::kListed, context_);
    const RecoveryReport& found = *report_.recovery;
    Offenders missed;
    for (const MissedQuery& query : found.missed) missed.add(query.row);
    missed.count = found.queries - found.recovered;
    add("queries", missed,
        std::to_string(found.recovered) + " of " + std::to_string(found.queries) + " found among " +
            std::to_string(found.searched) + " originals" +
            (missed.none() ? "" : "; nearer to original " + std::to_string(found.missed.front().nearest)));
  }

  void checkProbe() {
    report_.probe = settings_.probe;
    report_.probeMargin = settings_.probeMargin;
    const std::string wrong = probesWrong();
    add("probe", wrong.empty(),
        wrong.empty() ? "accuracies within " + formatReal(settings_.probeMargin) + " over " +
                            std::to_string(settings_.probe->seeds.size()) + " seeds"
                      : wrong);
  }

  // Why the probes do not show that the factors can be read as before; empty where they do.
  std::string probesWrong() {
    const ProbeEvidence& probe = *settings_.probe;
    const auto others = [](const char* set, const std::string& theirs) {
      return "made with another " + std::string(set) + " set: content root " + theirs.substr(0, kShownDigits) + "...";
    };
    if (probe.modifiedRoot != report_.modifiedRoot) return others("modified", probe.modifiedRoot);
    if (probe.originalRoot != report_.originalRoot) {
      SourcePtr keep;
      const Source& whole = wholeOf(original_, keep);
      if (&whole == &original_ || probe.originalRoot != toHex(contentRoot(whole, context_)))
        return others("original", probe.originalRoot);
    }
    const std::string margin = formatReal(settings_.probeMargin);
    if (const auto unread = factorsNotRead(probe, settings_.probeMargin); !unread.empty())
      return "no better than chance by more than " + margin + " on the original: " + joined(unread);
    if (probe.seeds.size() < 2) return "one seed gives no interval: run probes of two or more";
    const auto below = factorsBelowMargin(probe, settings_.probeMargin);
    return below.empty() ? "" : "may have dropped by more than " + margin + ": " + joined(below);
  }

  void fillStatistics(std::uint64_t count, const BlockResult& total, const std::vector<Worker>& workers) {
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
    out.levels = distributionOf(total.perImage.levels);
    out.l2 = distributionOf(total.perImage.l2);
    out.ssim = distributionOf(total.perImage.ssim);
    out.varianceChange = distributionOf(total.perImage.varianceChange);
    out.largestL2 = highest(total.perImage.l2, PreservationStatistics::kWorst);
    out.lowestSsim = lowest(total.perImage.ssim, PreservationStatistics::kWorst);
    out.meanL2 = out.l2.mean;
    out.maxL2 = out.l2.maximum;
    out.imageVarianceOriginal = total.varianceOriginal / images / (255.0 * 255);
    out.imageVarianceModified = total.varianceModified / images / (255.0 * 255);
    double originalMeans = 0, modifiedMeans = 0;  // sums over positions of the squared mean
    for (std::size_t i = 0; i < bytes; ++i) {
      std::uint64_t o = 0, m = 0;
      for (const Worker& worker : workers) {
        if (worker.positions.original.empty()) continue;
        o += worker.positions.original[i];
        m += worker.positions.modified[i];
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
    if (settings_.budgetLevels) out.perhapsClipped = static_cast<double>(sums.perhapsClipped) / pixels;
    out.changedImages = total.changed;
  }

  const Source& modified_;
  const Source& original_;
  const PreservationSettings& settings_;
  const Context& context_;
  const ImageFile* file_;  // the modified set, where it is a file
  std::uint64_t pairedRows_ = 0;
  std::vector<std::uint64_t> originalRows_;  // of a part of the grid; empty: row by row
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
