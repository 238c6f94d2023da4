#include "measure/recovery.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "core/parallel.h"
#include "core/philox.h"
#include "measure/squared_distance.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kBlock = 64;  // originals of one work item

// The nearest so far. The query's own image, and those with its bytes, come last among equally near ones.
struct Nearest {
  std::uint64_t squared = 0;
  bool own = true;
  std::uint64_t row = 0;  // of the originals

  bool operator<(const Nearest& o) const { return std::tie(squared, own, row) < std::tie(o.squared, o.own, o.row); }
};

class Recovery {
 public:
  Recovery(const Source& modified, const Source& original, const Context& context)
      : modified_(modified), original_(original), context_(context), bytes_(original.info().shape.bytes()) {}

  RecoveryReport run(std::uint64_t queries, std::uint64_t seed, std::size_t keep) {
    rows_ = queryRows(modified_.size(), queries, seed);
    RecoveryReport report;
    report.queries = rows_.size();
    report.seed = seed;
    report.searched = original_.size();
    report.firstRows.assign(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(std::min(keep, rows_.size())));
    context_.begin("searching", original_.size(), "images");
    readQueries();
    search();
    context_.end();
    conclude(keep, report);
    return report;
  }

 private:
  void readQueries() {
    images_.resize(rows_.size() * bytes_);
    nearest_.resize(rows_.size());
    std::unordered_map<std::uint64_t, std::uint64_t> rowOf;
    for (std::uint64_t row = 0; row < original_.size(); ++row) rowOf.emplace(original_.gridIndex(row), row);
    parallelFor(context_, rows_.size(), 1, [&](std::uint64_t begin, std::uint64_t end, int) {
      std::vector<std::uint8_t> own(bytes_);
      for (std::uint64_t i = begin; i < end; ++i) {
        modified_.read(rows_[i], images_.data() + i * bytes_);
        const std::uint64_t row = rowOf.at(modified_.gridIndex(rows_[i]));
        original_.read(row, own.data());
        nearest_[i] = {squaredDistance(images_.data() + i * bytes_, own.data(), bytes_), true, row};
      }
    });
  }

  void search() {
    const std::vector<Nearest> own = nearest_;
    std::vector<std::vector<Nearest>> found(static_cast<std::size_t>(std::max(context_.threads, 1)), own);
    parallelFor(context_, original_.size(), kBlock, [&](std::uint64_t begin, std::uint64_t end, int worker) {
      std::vector<std::uint8_t> originals((end - begin) * bytes_), mine(bytes_);
      original_.readRange(begin, end - begin, originals.data());
      std::vector<Nearest>& best = found[static_cast<std::size_t>(worker)];
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        for (std::uint64_t row = begin; row < end; ++row) {
          const std::uint8_t* const other = originals.data() + (row - begin) * bytes_;
          const std::uint64_t squared = squaredDistance(images_.data() + i * bytes_, other, bytes_, best[i].squared);
          if (squared > best[i].squared || row == own[i].row) continue;
          if (squared == own[i].squared) {
            original_.read(own[i].row, mine.data());
            if (std::memcmp(mine.data(), other, bytes_) == 0) continue;
          }
          best[i] = std::min(best[i], Nearest{squared, false, row});
        }
      }
      context_.advance(end - begin);
    });
    for (const std::vector<Nearest>& best : found) {
      for (std::size_t i = 0; i < best.size(); ++i) nearest_[i] = std::min(nearest_[i], best[i]);
    }
    own_ = own;
  }

  void conclude(std::size_t keep, RecoveryReport& report) const {
    const FactorGrid& grid = original_.info().grid;
    for (const Factor& factor : grid.factors()) report.factors.push_back({factor.name, 0});
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::uint64_t index = original_.gridIndex(nearest_[i].row);
      const auto expected = grid.levelsOf(modified_.gridIndex(rows_[i]));
      const auto found = grid.levelsOf(index);
      for (std::size_t k = 0; k < found.size(); ++k) report.factors[k].recovered += found[k] == expected[k] ? 1 : 0;
      report.recovered += nearest_[i].own ? 1 : 0;
      if (!nearest_[i].own) report.missed.push_back({rows_[i], index, own_[i].squared, nearest_[i].squared});
    }
    std::sort(report.missed.begin(), report.missed.end(),
              [](const MissedQuery& a, const MissedQuery& b) { return a.row < b.row; });
    if (report.missed.size() > keep) report.missed.resize(keep);
  }

  const Source& modified_;
  const Source& original_;
  const Context& context_;
  const std::size_t bytes_;
  std::vector<std::uint64_t> rows_;
  std::vector<std::uint8_t> images_;
  std::vector<Nearest> nearest_, own_;
};

}  // namespace

std::vector<std::uint64_t> queryRows(std::uint64_t rows, std::uint64_t queries, std::uint64_t seed) {
  std::vector<std::uint64_t> chosen;
  if (queries >= rows) {
    chosen.resize(rows);
    std::iota(chosen.begin(), chosen.end(), std::uint64_t{0});
    return chosen;
  }
  const Philox philox(seed, "verify.queries");
  std::unordered_set<std::uint64_t> seen;
  for (std::uint64_t i = 0; chosen.size() < queries; ++i) {
    const std::uint64_t row = philox.below(rows, i);
    if (seen.insert(row).second) chosen.push_back(row);
  }
  return chosen;
}

RecoveryReport measureRecovery(const Source& modified, const Source& original, std::uint64_t queries,
                               std::uint64_t seed, std::size_t keep, const Context& context) {
  return Recovery(modified, original, context).run(queries, seed, keep);
}

}  // namespace offaxis
