#include "measure/restraint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <set>

#include "measure/separation.h"
#include "support/memory_source.h"
#include "support/random_psi.h"
#include "support/temp_directory.h"
#include "support/toy_source.h"
#include "variants/controls.h"
#include "variants/modified.h"

namespace offaxis {
namespace {

using testing::MemorySource;
using testing::randomPsi;
using testing::ToySource;

// 32x32 images that differ faintly in one corner alone, so that a psi of 25 levels confuses many of them; image 7 is a
// second copy of image 2.
class CloseSource final : public MemorySource {
 public:
  CloseSource() : MemorySource(ToySource({32, 32, 3}, {3, 4, 2})) {
    for (std::size_t i = 0; i < images_.size(); ++i) {
      const bool corner = i / 3 % 32 < 8 && i / 96 % 32 < 8;
      images_[i] = static_cast<std::uint8_t>(corner ? 240 + images_[i] % 12 : 100);  // partly clipped
    }
    copyImage(2, 7);
  }
  std::uint64_t canonicalIndex(std::uint64_t index) const override { return index == 7 ? 2 : index; }
};

struct Sizes {
  SourcePtr large = std::make_shared<CloseSource>();
  SourcePtr small = reduced(large, 16);
  PsiNetwork psi = randomPsi(large, 4);
};

SeparationReport separationOf(const SourcePtr& original, const PsiNetwork& psi) {
  return measureSeparation(*withPsi(original, psi), *original, original->size(), Context{});
}

PsiNetwork with(PsiNetwork psi, std::vector<PsiRestraint> restraints) {
  psi.restraints = std::move(restraints);
  psi.validate();
  return psi;
}

constexpr RestraintScope kScopes[] = {RestraintScope::Images, RestraintScope::Pixels};

// Canonical indices of the images that are not separated, at either size.
std::vector<std::uint64_t> offendingOf(const Sizes& s, const PsiNetwork& psi) {
  std::vector<std::uint64_t> offending;
  for (const SourcePtr& original : {s.small, s.large}) {
    for (const std::uint64_t row : separationOf(original, psi).offending)
      offending.push_back(original->canonicalIndex(row));
  }
  std::sort(offending.begin(), offending.end());
  offending.erase(std::unique(offending.begin(), offending.end()), offending.end());
  return offending;
}

TEST(RestraintTest, SeparatesEveryImageAtEverySize) {
  const Sizes s;
  ASSERT_GT(separationOf(s.large, s.psi).offendingCount, 0u);
  ASSERT_GT(separationOf(s.small, s.psi).offendingCount, separationOf(s.large, s.psi).offendingCount)
      << "the smaller images should ask for more, or the test says nothing about both";
  for (const RestraintScope scope : kScopes) {
    const PsiNetwork held = with(s.psi, restraintsFor(s.psi, {s.small, s.large}, scope, Context{}));
    EXPECT_EQ(separationOf(s.large, held).offendingCount, 0u);
    EXPECT_EQ(separationOf(s.small, held).offendingCount, 0u);
  }
}

TEST(RestraintTest, HoldsBackNoImageMoreThanItMust) {
  const Sizes s;
  const std::vector<PsiRestraint> restraints =
      restraintsFor(s.psi, {s.small, s.large}, RestraintScope::Images, Context{});
  ASSERT_FALSE(restraints.empty());
  ASSERT_LT(restraints.size(), s.large->size());
  std::vector<std::uint64_t> held;
  bool partly = false;
  for (std::size_t i = 0; i < restraints.size(); ++i) {
    EXPECT_EQ(restraints[i].rival, PsiRestraint::kWholeImage);
    held.push_back(restraints[i].index);
    partly = partly || restraints[i].strength > 0;
    for (std::uint8_t more = restraints[i].strength + 1; more < kFullStrength; ++more) {
      std::vector<PsiRestraint> weaker = restraints;
      weaker[i].strength = more;
      EXPECT_FALSE(offendingOf(s, with(s.psi, weaker)).empty())
          << "image " << held.back() << " is held at " << int{restraints[i].strength} << " but would do with "
          << int{more};
    }
  }
  EXPECT_EQ(held, offendingOf(s, s.psi));
  EXPECT_TRUE(partly);
}

TEST(RestraintTest, HoldsBackNoMorePixelsThanItMust) {
  const Sizes s;
  const std::vector<PsiRestraint> restraints =
      restraintsFor(s.psi, {s.small, s.large}, RestraintScope::Pixels, Context{});
  const PsiNetwork held = with(s.psi, restraints);
  EXPECT_TRUE(held.hasRivals());
  std::vector<std::uint64_t> images;
  bool partly = false;
  for (std::size_t i = 0; i < restraints.size(); ++i) {
    if (images.empty() || images.back() != restraints[i].index) images.push_back(restraints[i].index);
    ASSERT_NE(restraints[i].rival, PsiRestraint::kWholeImage);
    partly = partly || restraints[i].strength > 0;
    // One step stronger, or free where that would be full strength.
    std::vector<PsiRestraint> weaker;
    for (PsiRestraint other : restraints) {
      if (other.index == restraints[i].index && ++other.strength == kFullStrength) continue;
      weaker.push_back(other);
    }
    EXPECT_FALSE(offendingOf(s, with(s.psi, weaker)).empty())
        << "image " << images.back() << " would do with more than " << int{restraints[i].strength};
  }
  EXPECT_EQ(images, offendingOf(s, s.psi));
  EXPECT_EQ(images.size(), held.restrainedImages());
  EXPECT_TRUE(partly);

  // Weakened where an image differs from its rivals, and nowhere else.
  const SourcePtr free = withPsi(s.large, s.psi), restrained = withPsi(s.large, held);
  const std::size_t bytes = s.large->info().shape.bytes();
  std::vector<std::uint8_t> own(bytes), rival(bytes), before(bytes), after(bytes);
  std::uint64_t spared = 0;
  for (const std::uint64_t index : images) {
    s.large->read(index, own.data());
    free->read(index, before.data());
    restrained->read(index, after.data());
    std::vector<int> strength(bytes, kFullStrength);
    for (const PsiRestraint& restraint : restraints) {
      if (restraint.index != index) continue;
      s.large->read(restraint.rival, rival.data());
      for (std::size_t p = 0; p < bytes; ++p) {
        if (own[p] != rival[p]) strength[p] = restraint.strength;
      }
    }
    for (std::size_t p = 0; p < bytes; ++p) {
      if (strength[p] == kFullStrength) {
        ASSERT_EQ(after[p], before[p]);
        spared += after[p] != own[p] ? 1 : 0;
      } else {
        ASSERT_LE(std::abs(after[p] - own[p]), std::abs(before[p] - own[p]));
        if (strength[p] == 0) {
          ASSERT_EQ(after[p], own[p]);
        }
      }
    }
  }
  EXPECT_GT(spared, 0u);
}

TEST(RestraintTest, DependsNeitherOnThreadsNorOnOlderRestraints) {
  const Sizes s;
  Context three;
  three.threads = 3;
  for (const RestraintScope scope : kScopes) {
    const std::vector<PsiRestraint> once = restraintsFor(s.psi, {s.large}, scope, Context{});
    const std::vector<PsiRestraint> again = restraintsFor(with(s.psi, {{0, 0}, {9, 3}}), {s.large}, scope, three);
    ASSERT_EQ(once.size(), again.size());
    for (std::size_t i = 0; i < once.size(); ++i) {
      EXPECT_EQ(once[i].index, again[i].index);
      EXPECT_EQ(once[i].strength, again[i].strength);
      EXPECT_EQ(once[i].rival, again[i].rival);
    }
  }
}

TEST(RestraintTest, RefusesAPsiOfAnotherDataset) {
  const Sizes s;
  PsiNetwork other = s.psi;
  other.dataset = "something else";
  try {
    restraintsFor(other, {s.large}, RestraintScope::Images, Context{});
    FAIL() << "took a foreign psi";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::BadFile);
  }
}

// The definition: where the originals differ, delta times the least strength, in sixteenths, rounded towards zero.
TEST(RestraintTest, WeakensByTheLeastStrengthWhereOriginalsDiffer) {
  const Sizes s;
  const std::uint64_t index = 9;
  const std::vector<PsiRestraint> restraints{{index, 11, 1}, {index, 5, 10}, {index, 14, 17}};
  const PsiNetwork held = with(s.psi, restraints);
  for (const SourcePtr& original : {s.small, s.large}) {  // the network's own size, and each delta for four pixels
    const std::size_t side = original->info().shape.height, bytes = original->info().shape.bytes();
    const std::size_t repeat = side / s.psi.side();
    std::vector<std::uint8_t> own(bytes), rival(bytes), found(bytes);
    std::vector<std::int16_t> deltas(std::size_t{s.psi.side()} * s.psi.side() * 3);
    s.psi.deltas(original->info().grid.levelsOf(index).data(), deltas.data());
    original->read(index, own.data());
    std::vector<int> strength(bytes, 16);
    for (const PsiRestraint& restraint : restraints) {
      original->read(restraint.rival, rival.data());
      for (std::size_t p = 0; p < bytes; ++p) {
        if (own[p] != rival[p]) strength[p] = std::min<int>(strength[p], restraint.strength);
      }
    }
    withPsi(original, held)->read(index, found.data());
    std::set<int> met;
    for (std::size_t p = 0; p < bytes; ++p) {
      const std::size_t x = p / 3 % side / repeat, y = p / 3 / side / repeat;
      const int delta = deltas[(y * s.psi.side() + x) * 3 + p % 3];
      const int level = own[p] + static_cast<int>(std::trunc(delta * strength[p] / 16.0));
      ASSERT_EQ(int{found[p]}, std::clamp(level, 0, 255)) << p;
      met.insert(strength[p]);
    }
    EXPECT_EQ(met.count(5) + met.count(16), 2u);
    EXPECT_GE(met.size(), 3u) << "the rivals' differences overlap entirely";
  }
}

// A part of a dataset is restrained as the whole is, which has the rivals; where the whole is out of reach, not at all.
TEST(RestraintTest, APartIsRestrainedLikeTheWhole) {
  const Sizes s;
  const PsiNetwork held = with(s.psi, restraintsFor(s.psi, {s.large}, RestraintScope::Pixels, Context{}));
  const std::uint64_t index = held.restraints.front().index;
  const std::size_t bytes = s.large->info().shape.bytes();
  std::vector<std::uint8_t> expected(bytes), found(bytes);
  withPsi(s.large, held)->read(index, expected.data());
  withPsi(subset(s.large, {index}), held)->read(0, found.data());
  EXPECT_EQ(found, expected);
  try {
    withPsi(reduced(subset(s.large, {index}), 16), held);
    FAIL() << "restrained without the rivals";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    EXPECT_NE(std::string(error.what()).find("held back"), std::string::npos) << error.what();
  }

  // As many rows as the grid, one of them twice: a subset still finds the rest, a source of its own cannot.
  std::vector<std::uint64_t> rows(s.large->size());
  std::iota(rows.begin(), rows.end(), std::uint64_t{0});
  const std::uint64_t missing = held.restraints.front().rival;
  rows[missing] = missing == 0 ? 1 : 0;
  withPsi(subset(s.large, rows), held)->read(index, found.data());
  EXPECT_EQ(found, expected);
  try {
    withPsi(reduced(subset(s.large, rows), 16), held)->read(index, found.data());
    FAIL() << "restrained without the rivals";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
  }
  try {
    restraintsFor(s.psi, {subset(s.large, {0, 1, 2})}, RestraintScope::Pixels, Context{});
    FAIL() << "restrained without the rivals";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
  }
}

// The signs of `unaligned` leave the size of every delta as it is, restrained or not.
TEST(RestraintTest, UnalignedIsRestrainedLikeModified) {
  const Sizes s;
  PsiNetwork held = with(s.psi, restraintsFor(s.psi, {s.large}, RestraintScope::Pixels, Context{}));
  const testing::TempDirectory d;
  held.save(d / "psi.h5", Overwrite::Refuse);
  const SourcePtr modified = withPsi(s.large, d / "psi.h5"), unaligned = withUnalignedPsi(s.large, d / "psi.h5", 3);
  const std::size_t bytes = s.large->info().shape.bytes();
  std::vector<std::uint8_t> own(bytes), one(bytes), other(bytes);
  std::uint64_t turned = 0;
  for (std::uint64_t row = 0; row < s.large->size(); ++row) {
    s.large->read(row, own.data());
    modified->read(row, one.data());
    unaligned->read(row, other.data());
    for (std::size_t p = 0; p < bytes; ++p) {
      if (own[p] < 60 || own[p] > 195) continue;  // out of the clip's reach
      ASSERT_EQ(std::abs(one[p] - own[p]), std::abs(other[p] - own[p]));
      turned += one[p] != other[p] ? 1 : 0;
    }
  }
  EXPECT_GT(turned, 0u);
}

TEST(OneFactorVariantsTest, VisitsWhatDiffersInOneFactor) {
  const CloseSource source;
  std::vector<std::uint64_t> found;
  std::vector<std::size_t> factors;
  OneFactorVariants(source).visit(
      6, CloseSource().image(6), [&](std::size_t factor, std::uint64_t index, const std::uint8_t* image) {
        EXPECT_EQ(std::memcmp(image, CloseSource().image(index), source.info().shape.bytes()), 0);
        found.push_back(index);
        factors.push_back(factor);
      });
  EXPECT_EQ(found, (std::vector<std::uint64_t>{14, 22, 0, 2, 4, 7}));  // 3 x 4 x 2, the last factor fastest
  EXPECT_EQ(factors, (std::vector<std::size_t>{0, 0, 1, 1, 1, 2}));
  found.clear();
  OneFactorVariants(source).visit(
      3, CloseSource().image(7),
      [&](std::size_t, std::uint64_t index, const std::uint8_t*) { found.push_back(index); });
  EXPECT_EQ(std::count(found.begin(), found.end(), 2u), 0) << "a copy of the own image is no variant";
}

}  // namespace
}  // namespace offaxis
