#include "measure/separation.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "core/philox.h"
#include "measure/recovery.h"
#include "measure/squared_distance.h"
#include "support/memory_source.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::MemorySource;
using testing::ToySource;

FactorGrid mixedGrid() {
  const auto values = [](std::size_t count) {
    std::vector<double> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<double>(i);
    return all;
  };
  return FactorGrid({{"hue", FactorKind::Cyclic, values(5)},
                     {"one", FactorKind::Ordinal, values(1)},
                     {"size", FactorKind::Ordinal, values(4)},
                     {"shape", FactorKind::Categorical, values(3)},
                     {"turn", FactorKind::Cyclic, values(2)}});
}

// Images that lie so close together that a strong perturbation confuses some of them; a few coincide.
MemorySource closeOriginal() {
  ToySource toy({3, 4, 3}, {5, 1, 4, 3, 2});
  toy.info_.grid = mixedGrid();
  MemorySource source(toy);
  for (std::uint8_t& pixel : source.images_) pixel = static_cast<std::uint8_t>(100 + pixel % 5);
  source.copyImage(0, 1);    // one step in turn
  source.copyImage(0, 24);   // one step in hue
  source.copyImage(50, 54);  // two steps in shape
  source.copyImage(96, 0);   // hue's last level and its first: one step around the circle
  return source;
}

MemorySource perturbed(const MemorySource& original, int strength) {
  MemorySource copy(original);
  const Philox random(3, "test.separation");
  for (std::size_t i = 0; i < copy.images_.size(); ++i) {
    const int delta = static_cast<int>(random.below(2 * static_cast<std::uint64_t>(strength) + 1, i)) - strength;
    copy.images_[i] = static_cast<std::uint8_t>(copy.images_[i] + delta);
  }
  return copy;
}

std::int64_t plainDistance(const std::uint8_t* a, const std::uint8_t* b, std::size_t count) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += (std::int64_t{a[i]} - b[i]) * (std::int64_t{a[i]} - b[i]);
  return sum;
}

void keep(std::optional<NearestPair>& best, std::int64_t squared, std::uint64_t index, std::uint64_t other) {
  const auto key = std::tuple(squared, index, other);
  if (!best || key < std::tuple(best->squared, best->index, best->other)) best = NearestPair{squared, index, other};
}

struct Expected {
  std::map<std::string, FactorSeparation> factors;
  std::set<std::uint64_t> failed;
};

// Every pair of rows, straight from the definitions.
Expected bruteForce(MemorySource& modified, MemorySource& original) {
  Expected expected;
  const FactorGrid& grid = modified.info().grid;
  const std::size_t bytes = modified.info().shape.bytes();
  std::map<std::uint64_t, std::uint64_t> originalRow, modifiedRow;
  for (std::uint64_t row = 0; row < original.size(); ++row) originalRow[original.gridIndex(row)] = row;
  for (std::uint64_t row = 0; row < modified.size(); ++row) modifiedRow[modified.gridIndex(row)] = row;
  for (const Factor& factor : grid.factors()) expected.factors[factor.name].name = factor.name;
  for (std::uint64_t i = 0; i < grid.size(); ++i) {
    if (modifiedRow.count(i) == 0) continue;
    for (std::uint64_t j = 0; j < grid.size(); ++j) {
      const auto a = grid.levelsOf(i), b = grid.levelsOf(j);
      std::size_t differ = 0, factor = 0;
      for (std::size_t k = 0; k < a.size(); ++k) {
        if (a[k] == b[k]) continue;
        ++differ;
        factor = k;
      }
      if (differ != 1) continue;
      const Factor& f = grid.factors()[factor];
      FactorSeparation& out = expected.factors[f.name];
      if (originalRow.count(j) == 0) {
        ++out.missingRivals;
        continue;
      }
      const std::uint8_t* const oi = original.image(originalRow[i]);
      const std::uint8_t* const oj = original.image(originalRow[j]);
      const std::uint8_t* const mi = modified.image(modifiedRow[i]);
      if (std::memcmp(oi, oj, bytes) == 0) {
        ++out.coincidingRivals;
      } else {
        ++out.rivals;
        const std::int64_t margin = plainDistance(mi, oj, bytes) - plainDistance(mi, oi, bytes);
        keep(out.margin, margin, i, j);
        if (margin <= 0) expected.failed.insert(modifiedRow[i]);
        out.nearerRivals += margin <= 0 ? 1 : 0;
      }
      if (j < i || modifiedRow.count(j) == 0) continue;
      const std::uint32_t apart = b[factor] - a[factor];
      const bool step =
          apart == 1 || f.kind == FactorKind::Categorical || (f.kind == FactorKind::Cyclic && apart == f.size() - 1);
      if (!step) continue;
      ++out.steps;
      if (std::memcmp(oi, oj, bytes) == 0) {
        ++out.coincidingSteps;
        continue;
      }
      keep(out.original, plainDistance(oi, oj, bytes), i, j);
      keep(out.modified, plainDistance(mi, modified.image(modifiedRow[j]), bytes), i, j);
    }
  }
  return expected;
}

void expectPair(const std::optional<NearestPair>& found, const std::optional<NearestPair>& expected) {
  ASSERT_EQ(found.has_value(), expected.has_value());
  if (!found) return;
  EXPECT_EQ(found->squared, expected->squared);
  EXPECT_EQ(found->index, expected->index);
  EXPECT_EQ(found->other, expected->other);
}

void expectEqual(const SeparationReport& found, const Expected& expected) {
  for (const FactorSeparation& factor : found.factors) {
    SCOPED_TRACE(factor.name);
    const FactorSeparation& want = expected.factors.at(factor.name);
    EXPECT_EQ(factor.steps, want.steps);
    EXPECT_EQ(factor.coincidingSteps, want.coincidingSteps);
    EXPECT_EQ(factor.rivals, want.rivals);
    EXPECT_EQ(factor.nearerRivals, want.nearerRivals);
    EXPECT_EQ(factor.coincidingRivals, want.coincidingRivals);
    EXPECT_EQ(factor.missingRivals, want.missingRivals);
    expectPair(factor.original, want.original);
    expectPair(factor.modified, want.modified);
    expectPair(factor.margin, want.margin);
  }
  EXPECT_EQ(found.offendingCount, expected.failed.size());
  std::vector<std::uint64_t> first(expected.failed.begin(), expected.failed.end());
  if (first.size() > 10) first.resize(10);
  EXPECT_EQ(found.offending, first);
}

Context withThreads(int threads) {
  Context context;
  context.threads = threads;
  return context;
}

// Whatever the memory, so whatever the groups and tiles, and whatever the threads.
TEST(Separation, MatchesADoubleLoop) {
  MemorySource original = closeOriginal();
  for (const int strength : {1, 6, 20}) {
    MemorySource modified = perturbed(original, strength);
    const Expected expected = bruteForce(modified, original);
    EXPECT_EQ(expected.failed.empty(), strength == 1) << expected.failed.size();
    for (const std::uint64_t memory : {1u, 500u, 3000u, 1u << 20}) {
      for (const int threads : {1, 3}) {
        SCOPED_TRACE(std::to_string(strength) + " " + std::to_string(memory) + " " + std::to_string(threads));
        const SeparationReport report = measureSeparation(modified, original, 10, withThreads(threads), memory);
        ASSERT_EQ(report.factors.size(), 4u) << "factors of one level have no step";
        expectEqual(report, expected);
        EXPECT_EQ(report.detail.empty(), expected.failed.empty());
      }
    }
  }
}

TEST(Separation, PartsOfTheGridAreComparedWithAllThereIs) {
  MemorySource whole = closeOriginal();
  MemorySource modified = perturbed(whole, 6);
  MemorySource part(modified);
  const std::vector<std::uint64_t> rows{117, 3, 4, 5, 60, 61, 62, 2, 29};  // in any order
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(modified.image(rows[i]), part.info().shape.bytes(), part.image(i));
    part.gridIndices_[i] = rows[i];
  }
  part.truncate(rows.size());
  MemorySource fewer(whole);
  fewer.truncate(118);  // the originals of the last levels are missing
  for (MemorySource* original : {&whole, &fewer}) {
    const Expected expected = bruteForce(part, *original);
    EXPECT_FALSE(expected.failed.empty());
    EXPECT_EQ(expected.factors.at("turn").missingRivals, 0u);
    for (const std::uint64_t memory : {1u, 2000u, 1u << 20})
      expectEqual(measureSeparation(part, *original, 10, withThreads(2), memory), expected);
  }
  EXPECT_GT(bruteForce(part, fewer).factors.at("shape").missingRivals, 0u);
}

TEST(Separation, SaysWhichOriginalLiesNearer) {
  MemorySource original((ToySource({3, 4, 3}, {5, 4})));
  MemorySource modified(original);
  std::copy_n(original.image(13), 36, modified.image(5));  // levels 3, 1 in the place of 1, 1
  const SeparationReport report = measureSeparation(modified, original, 10, {});
  EXPECT_EQ(report.offending, std::vector<std::uint64_t>{5});
  EXPECT_EQ(report.detail, "at squared distance " +
                               std::to_string(plainDistance(original.image(5), original.image(13), 36)) +
                               " from its own original and 0 from original 13, which differs in factor0");
}

TEST(SquaredDistance, StopsOnlyAboveTheLimit) {
  const Philox random(8, "test.distance");
  std::vector<std::uint8_t> a(40000), b(40000);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<std::uint8_t>(random.below(256, i));
    b[i] = static_cast<std::uint8_t>(random.below(256, i, 1));
  }
  for (const std::size_t count : {0u, 1u, 1023u, 1025u, 40000u}) {
    const auto exact = static_cast<std::uint64_t>(plainDistance(a.data(), b.data(), count));
    EXPECT_EQ(squaredDistance(a.data(), b.data(), count), exact);
    EXPECT_EQ(squaredDistance(a.data(), b.data(), count, exact), exact);
    if (exact == 0) continue;
    const std::uint64_t stopped = squaredDistance(a.data(), b.data(), count, exact - 1);
    EXPECT_GT(stopped, exact - 1);
    EXPECT_LE(squaredDistance(a.data(), b.data(), count, exact / 2), exact);
    EXPECT_GT(squaredDistance(a.data(), b.data(), count, exact / 2), exact / 2);
  }
  const std::vector<std::uint8_t> black(40000, 0), white(40000, 255);
  EXPECT_EQ(squaredDistance(black.data(), white.data(), 40000), 40000u * 65025u);
}

TEST(Recovery, FindsTheNearestOfAll) {
  MemorySource original = closeOriginal();
  MemorySource modified = perturbed(original, 6);
  const std::size_t bytes = original.info().shape.bytes();
  for (const int threads : {1, 3}) {
    const RecoveryReport report = measureRecovery(modified, original, 60, 7, 5, withThreads(threads));
    const std::vector<std::uint64_t> rows = queryRows(120, 60, 7);
    EXPECT_EQ(std::set<std::uint64_t>(rows.begin(), rows.end()).size(), 60u) << "no row twice";
    EXPECT_EQ(report.firstRows, std::vector<std::uint64_t>(rows.begin(), rows.begin() + 5));
    std::map<std::uint64_t, std::uint64_t> missed;
    std::vector<std::uint64_t> perFactor(5);
    for (const std::uint64_t row : rows) {
      std::uint64_t nearest = row;
      std::int64_t least = plainDistance(modified.image(row), original.image(row), bytes);
      bool own = true;
      for (std::uint64_t j = 0; j < 120; ++j) {
        const std::int64_t d = plainDistance(modified.image(row), original.image(j), bytes);
        if (std::memcmp(original.image(j), original.image(row), bytes) == 0 || d > least || (d == least && !own))
          continue;
        least = d;
        nearest = j;
        own = false;
      }
      if (!own) missed[row] = nearest;
      for (std::size_t k = 0; k < 5; ++k)
        perFactor[k] += original.info().grid.levelsOf(row)[k] == original.info().grid.levelsOf(nearest)[k] ? 1 : 0;
    }
    EXPECT_GT(missed.size(), 5u);
    EXPECT_EQ(report.recovered, 60 - missed.size());
    EXPECT_EQ(report.searched, 120u);
    ASSERT_EQ(report.missed.size(), 5u);
    auto expected = missed.begin();
    for (const MissedQuery& query : report.missed) {
      EXPECT_EQ(query.row, expected->first);
      EXPECT_EQ(query.nearest, expected->second);
      ++expected;
    }
    ASSERT_EQ(report.factors.size(), 5u);
    for (std::size_t k = 0; k < 5; ++k) EXPECT_EQ(report.factors[k].recovered, perFactor[k]);
  }
}

TEST(Recovery, EqualOriginalsCountAsOwnAndAskingForAllTakesAll) {
  MemorySource original = closeOriginal();
  const RecoveryReport report = measureRecovery(original, original, 5000, 0, 10, {});
  EXPECT_EQ(report.queries, 120u);
  EXPECT_EQ(report.recovered, 120u);
  EXPECT_TRUE(report.missed.empty());
}

}  // namespace
}  // namespace offaxis
