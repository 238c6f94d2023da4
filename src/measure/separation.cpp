#include "measure/separation.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/parallel.h"
#include "measure/squared_distance.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kStripeBytes = 96 * 1024;  // the longest usual chunk: shorter runs would decode it twice
constexpr std::uint64_t kRun = 64;                 // rows that one work item reads
constexpr std::uint64_t kLines = 8;                // lines of one work item
constexpr std::uint64_t kNone = RowFinder::kNone;

// Lower distances first; of equal ones the lower indices, so that no order of visiting shows.
void keepNearest(std::optional<NearestPair>& best, const NearestPair& pair) {
  const auto key = [](const NearestPair& p) { return std::tuple(p.squared, p.index, p.other); };
  if (!best || key(pair) < key(*best)) best = pair;
}

std::uint64_t limitOf(const std::optional<NearestPair>& best) {
  return best ? static_cast<std::uint64_t>(best->squared) : kNoLimit;
}

void add(FactorSeparation& total, const FactorSeparation& part) {
  total.steps += part.steps;
  total.coincidingSteps += part.coincidingSteps;
  total.rivals += part.rivals;
  total.nearerRivals += part.nearerRivals;
  total.coincidingRivals += part.coincidingRivals;
  total.missingRivals += part.missingRivals;
  if (part.original) keepNearest(total.original, *part.original);
  if (part.modified) keepNearest(total.modified, *part.modified);
  if (part.margin) keepNearest(total.margin, *part.margin);
}

// Factors first .. last - 1 of the grid vary together: all their combinations are held in memory at once, for as many
// combinations of the others as there is room.
struct Group {
  std::size_t first = 0, last = 0;
  std::uint64_t span = 1;    // combinations of its factors
  std::uint64_t suffix = 1;  // of the factors after it
};

// What is in memory: prefixes p0 .. p0 + prefixes - 1 (combinations of the factors before the group), the whole span,
// suffixes r0 .. r0 + suffixes - 1. Cells are numbered in that order, the last fastest, which is the grid's too.
struct Tile {
  std::uint64_t p0 = 0, prefixes = 1;
  std::uint64_t r0 = 0, suffixes = 1;
};

class Separation {
 public:
  Separation(const Source& modified, const Source& original, const Context& context, std::uint64_t memory)
      : modified_(modified),
        original_(original),
        context_(context),
        grid_(modified.info().grid),
        bytes_(modified.info().shape.bytes()),
        maxCells_(std::max<std::uint64_t>(memory / (2 * bytes_), 1)),
        modifiedRow_(modified),
        originalRow_(original),
        totals_(grid_.factorCount()),
        failed_(modified.size()) {
    for (std::size_t k = 0; k < totals_.size(); ++k) totals_[k].name = grid_.factors()[k].name;
  }

  SeparationReport run(std::size_t keep) {
    const std::vector<Group> groups = partition();
    context_.begin("separating", modified_.size() * groups.size(), "images");
    for (const Group& group : groups) measureGroup(group);
    context_.end();
    SeparationReport report;
    for (std::size_t k = 0; k < totals_.size(); ++k) {
      if (size(k) > 1) report.factors.push_back(totals_[k]);
    }
    for (std::uint64_t row = 0; row < failed_.size(); ++row) {
      if (!failed_[row]) continue;
      if (report.offending.size() < keep) report.offending.push_back(row);
      ++report.offendingCount;
    }
    if (!report.offending.empty()) report.detail = explain(report.offending[0]);
    return report;
  }

 private:
  std::uint64_t size(std::size_t factor) const { return grid_.factors()[factor].size(); }
  std::uint64_t stripe() const { return std::max<std::uint64_t>(kStripeBytes / bytes_, 1); }

  // From the last factor on, as many together as fit.
  std::vector<Group> partition() const {
    std::vector<Group> groups;
    Group group;
    group.first = group.last = grid_.factorCount();
    while (group.first > 0) {
      const std::uint64_t levels = size(group.first - 1);
      const std::uint64_t run = std::min(group.suffix, stripe());
      if (group.span > 1 && group.span * levels * run > maxCells_) {
        groups.push_back(group);
        group.last = group.first;
        group.suffix *= group.span;
        group.span = 1;
      }
      group.span *= levels;
      --group.first;
    }
    if (group.span > 1) groups.push_back(group);
    return groups;
  }

  void measureGroup(const Group& group) {
    const std::uint64_t prefixes = grid_.size() / (group.span * group.suffix);
    const std::uint64_t room = std::max<std::uint64_t>(maxCells_ / group.span, 1);
    Tile tile;
    std::uint64_t prefixStep = 1, suffixStep = 1;
    if (group.suffix == 1) {
      prefixStep = std::min(room, prefixes);
    } else {
      suffixStep = std::min(room >= stripe() ? room / stripe() * stripe() : room, group.suffix);
    }
    for (tile.p0 = 0; tile.p0 < prefixes; tile.p0 += prefixStep) {
      for (tile.r0 = 0; tile.r0 < group.suffix; tile.r0 += suffixStep) {
        tile.prefixes = std::min(prefixStep, prefixes - tile.p0);
        tile.suffixes = std::min(suffixStep, group.suffix - tile.r0);
        measureTile(group, tile);
      }
    }
  }

  void measureTile(const Group& group, const Tile& tile) {
    context_.throwIfCancelled();
    const std::uint64_t held = place(group, tile);
    if (held == 0) return;
    load(modified_, modifiedCells_, modifiedImages_);
    if (held < cells_) keepNeededOriginals(group, tile);
    load(original_, originalCells_, originalImages_);
    own_.assign(cells_, 0);
    parallelFor(context_, cells_, kRun, [&](std::uint64_t begin, std::uint64_t end, int) {
      for (std::uint64_t cell = begin; cell < end; ++cell) {
        if (tested(cell)) own_[cell] = squaredDistance(modifiedAt(cell), originalAt(cell), bytes_);
      }
    });
    std::uint64_t inner = tile.suffixes;
    for (std::size_t k = group.last; k-- > group.first;) {
      if (size(k) > 1) measureFactor(k, inner);
      inner *= size(k);
    }
    context_.advance(held);
  }

  // Finds the rows of the tile's cells. Returns how many of the modified set are among them.
  std::uint64_t place(const Group& group, const Tile& tile) {
    cells_ = tile.prefixes * group.span * tile.suffixes;
    indices_.resize(cells_);
    modifiedCells_.resize(cells_);
    originalCells_.resize(cells_);
    std::uint64_t held = 0;
    for (std::uint64_t cell = 0; cell < cells_; ++cell) {
      const std::uint64_t combination = tile.p0 * group.span + cell / tile.suffixes;
      indices_[cell] = combination * group.suffix + tile.r0 + cell % tile.suffixes;
      modifiedCells_[cell] = modifiedRow_(indices_[cell]);
      originalCells_[cell] = originalRow_(indices_[cell]);
      held += modifiedCells_[cell] != kNone ? 1 : 0;
    }
    return held;
  }

  bool tested(std::uint64_t cell) const { return modifiedCells_[cell] != kNone && originalCells_[cell] != kNone; }

  // Calls visit(first cell) for lines begin .. end - 1 of the cells that differ in one factor alone; `inner` cells lie
  // between neighbouring levels.
  template <typename Visit>
  void forLines(std::uint64_t levels, std::uint64_t inner, std::uint64_t begin, std::uint64_t end,
                const Visit& visit) const {
    for (std::uint64_t line = begin; line < end; ++line) visit(line / inner * (levels * inner) + line % inner);
  }

  // Of a subset of few rows only their own originals and rivals are worth reading.
  void keepNeededOriginals(const Group& group, const Tile& tile) {
    std::vector<std::uint8_t> needed(cells_);
    std::uint64_t inner = tile.suffixes;
    for (std::size_t k = group.last; k-- > group.first;) {
      const std::uint64_t levels = size(k);
      forLines(levels, inner, 0, cells_ / levels, [&](std::uint64_t start) {
        bool any = false;
        for (std::uint64_t i = 0; i < levels; ++i) any = any || modifiedCells_[start + i * inner] != kNone;
        for (std::uint64_t i = 0; any && i < levels; ++i) needed[start + i * inner] = 1;
      });
      inner *= levels;
    }
    for (std::uint64_t cell = 0; cell < cells_; ++cell) {
      if (!needed[cell]) originalCells_[cell] = kNone;
    }
  }

  void load(const Source& source, const std::vector<std::uint64_t>& rows, std::vector<std::uint8_t>& images) const {
    images.resize(std::max<std::size_t>(images.size(), cells_ * bytes_));
    struct Run {
      std::uint64_t cell, count;
    };
    std::vector<Run> runs;
    for (std::uint64_t cell = 0; cell < cells_; ++cell) {
      if (rows[cell] == kNone) continue;
      const bool goesOn = !runs.empty() && runs.back().cell + runs.back().count == cell && runs.back().count < kRun &&
                          rows[cell - 1] + 1 == rows[cell];
      if (goesOn) {
        ++runs.back().count;
      } else {
        runs.push_back({cell, 1});
      }
    }
    parallelFor(context_, runs.size(), 1, [&](std::uint64_t begin, std::uint64_t end, int) {
      for (std::uint64_t i = begin; i < end; ++i)
        source.readRange(rows[runs[i].cell], runs[i].count, images.data() + runs[i].cell * bytes_);
    });
  }

  const std::uint8_t* modifiedAt(std::uint64_t cell) const { return modifiedImages_.data() + cell * bytes_; }
  const std::uint8_t* originalAt(std::uint64_t cell) const { return originalImages_.data() + cell * bytes_; }

  void measureFactor(std::size_t factor, std::uint64_t inner) {
    const std::uint64_t levels = size(factor);
    std::vector<FactorSeparation> found(static_cast<std::size_t>(std::max(context_.threads, 1)));
    parallelFor(context_, cells_ / levels, kLines, [&](std::uint64_t begin, std::uint64_t end, int worker) {
      FactorSeparation& part = found[static_cast<std::size_t>(worker)];
      forLines(levels, inner, begin, end, [&](std::uint64_t start) {
        compareRivals(start, levels, inner, part);
        compareSteps(start, levels, inner, grid_.factors()[factor].kind, part);
      });
    });
    for (const FactorSeparation& part : found) add(totals_[factor], part);
  }

  void compareRivals(std::uint64_t start, std::uint64_t levels, std::uint64_t inner, FactorSeparation& found) {
    for (std::uint64_t i = 0; i < levels; ++i) {
      const std::uint64_t cell = start + i * inner;
      if (!tested(cell)) continue;
      for (std::uint64_t j = 0; j < levels; ++j) {
        const std::uint64_t rival = start + j * inner;
        if (rival == cell) continue;
        if (originalCells_[rival] == kNone) {
          ++found.missingRivals;
        } else {
          compareRival(cell, rival, found);
        }
      }
    }
  }

  void compareRival(std::uint64_t cell, std::uint64_t rival, FactorSeparation& found) {
    const std::uint64_t own = own_[cell];
    const std::int64_t most = found.margin ? std::max<std::int64_t>(found.margin->squared, 0) : -1;
    const std::uint64_t limit = most < 0 ? kNoLimit : own + static_cast<std::uint64_t>(most);
    const std::uint64_t distance = squaredDistance(modifiedAt(cell), originalAt(rival), bytes_, limit);
    if (distance == own && std::memcmp(originalAt(cell), originalAt(rival), bytes_) == 0) {
      ++found.coincidingRivals;
      return;
    }
    ++found.rivals;
    if (distance <= own) {
      failed_[modifiedCells_[cell]] = 1;
      ++found.nearerRivals;
    }
    if (distance > limit) return;
    keepNearest(found.margin, {static_cast<std::int64_t>(distance) - static_cast<std::int64_t>(own), indices_[cell],
                               indices_[rival]});
  }

  void compareSteps(std::uint64_t start, std::uint64_t levels, std::uint64_t inner, FactorKind kind,
                    FactorSeparation& found) const {
    for (std::uint64_t i = 0; i < levels; ++i) {
      const std::uint64_t last = kind == FactorKind::Categorical ? levels - 1 : std::min(i + 1, levels - 1);
      for (std::uint64_t j = i + 1; j <= last; ++j) compareStep(start + i * inner, start + j * inner, found);
    }
    if (kind == FactorKind::Cyclic && levels > 2) compareStep(start, start + (levels - 1) * inner, found);
  }

  void compareStep(std::uint64_t cell, std::uint64_t other, FactorSeparation& found) const {
    if (!tested(cell) || !tested(other)) return;
    ++found.steps;
    const std::uint64_t before = squaredDistance(originalAt(cell), originalAt(other), bytes_, limitOf(found.original));
    if (before == 0) {
      ++found.coincidingSteps;
      return;
    }
    const std::uint64_t after = squaredDistance(modifiedAt(cell), modifiedAt(other), bytes_, limitOf(found.modified));
    if (before <= limitOf(found.original))
      keepNearest(found.original, {static_cast<std::int64_t>(before), indices_[cell], indices_[other]});
    if (after <= limitOf(found.modified))
      keepNearest(found.modified, {static_cast<std::int64_t>(after), indices_[cell], indices_[other]});
  }

  // Names the nearest original among the one-factor variants of a row that failed.
  std::string explain(std::uint64_t row) const {
    const std::uint64_t index = modified_.gridIndex(row);
    std::vector<std::uint8_t> image(bytes_), mine(bytes_);
    modified_.read(row, image.data());
    original_.read(originalRow_(index), mine.data());
    std::optional<NearestPair> nearest;
    std::size_t factor = 0;
    OneFactorVariants(original_).visit(
        index, mine.data(), [&](std::size_t k, std::uint64_t rival, const std::uint8_t* other) {
          const std::optional<NearestPair> before = nearest;
          keepNearest(nearest, {static_cast<std::int64_t>(squaredDistance(image.data(), other, bytes_)), index, rival});
          if (!before || nearest->other != before->other) factor = k;
        });
    return "at squared distance " + std::to_string(squaredDistance(image.data(), mine.data(), bytes_)) +
           " from its own original and " + std::to_string(nearest->squared) + " from original " +
           std::to_string(nearest->other) + ", which differs in " + grid_.factors()[factor].name;
  }

  const Source& modified_;
  const Source& original_;
  const Context& context_;
  const FactorGrid& grid_;
  const std::size_t bytes_;
  const std::uint64_t maxCells_;
  const RowFinder modifiedRow_, originalRow_;
  std::vector<FactorSeparation> totals_;
  std::vector<std::uint8_t> failed_;  // by row; lines of one factor share no cell, so no two threads share an entry

  // The tile in memory, by cell.
  std::uint64_t cells_ = 0;
  std::vector<std::uint64_t> indices_, modifiedCells_, originalCells_;  // grid index; rows or kNone
  std::vector<std::uint8_t> modifiedImages_, originalImages_;
  std::vector<std::uint64_t> own_;  // |m - o|^2
};

}  // namespace

OneFactorVariants::OneFactorVariants(const Source& original) : original_(original), rowOf_(original) {}

void OneFactorVariants::visit(std::uint64_t index, const std::uint8_t* own,
                              const std::function<void(std::size_t, std::uint64_t, const std::uint8_t*)>& visit) const {
  const FactorGrid& grid = original_.info().grid;
  const std::size_t bytes = original_.info().shape.bytes();
  std::vector<std::uint8_t> other(bytes);
  std::vector<std::uint32_t> levels = grid.levelsOf(index);
  for (std::size_t k = 0; k < levels.size(); ++k) {
    const std::uint32_t level = levels[k];
    for (levels[k] = 0; levels[k] < grid.factors()[k].size(); ++levels[k]) {
      const std::uint64_t variant = grid.indexOf(levels);
      const std::uint64_t row = rowOf_(variant);
      if (variant == index || row == RowFinder::kNone) continue;
      original_.read(row, other.data());
      if (std::memcmp(other.data(), own, bytes) != 0) visit(k, variant, other.data());
    }
    levels[k] = level;
  }
}

SeparationReport measureSeparation(const Source& modified, const Source& original, std::size_t keep,
                                   const Context& context, std::uint64_t memory) {
  return Separation(modified, original, context, memory).run(keep);
}

}  // namespace offaxis
