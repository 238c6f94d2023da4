#include "measure/restraint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <numeric>

#include "measure/separation.h"
#include "support/memory_source.h"
#include "support/random_psi.h"
#include "support/toy_source.h"
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

TEST(RestraintTest, SeparatesEveryImageAtEverySize) {
  const Sizes s;
  ASSERT_GT(separationOf(s.large, s.psi).offendingCount, 0u);
  ASSERT_GT(separationOf(s.small, s.psi).offendingCount, separationOf(s.large, s.psi).offendingCount)
      << "the smaller images should ask for more, or the test says nothing about both";
  const PsiNetwork held = with(s.psi, restraintsFor(s.psi, {s.small, s.large}, Context{}));
  EXPECT_EQ(separationOf(s.large, held).offendingCount, 0u);
  EXPECT_EQ(separationOf(s.small, held).offendingCount, 0u);
}

TEST(RestraintTest, HoldsBackNoImageMoreThanItMust) {
  const Sizes s;
  const std::vector<PsiRestraint> restraints = restraintsFor(s.psi, {s.small, s.large}, Context{});
  ASSERT_FALSE(restraints.empty());
  ASSERT_LT(restraints.size(), s.large->size());
  std::vector<std::uint64_t> offending;
  for (const SourcePtr& original : {s.small, s.large}) {
    for (const std::uint64_t row : separationOf(original, s.psi).offending)
      offending.push_back(original->canonicalIndex(row));
  }
  std::sort(offending.begin(), offending.end());
  offending.erase(std::unique(offending.begin(), offending.end()), offending.end());
  std::vector<std::uint64_t> held;
  bool partly = false;
  for (std::size_t i = 0; i < restraints.size(); ++i) {
    held.push_back(restraints[i].index);
    partly = partly || restraints[i].strength > 0;
    for (std::uint8_t more = restraints[i].strength + 1; more < kFullStrength; ++more) {
      std::vector<PsiRestraint> weaker = restraints;
      weaker[i].strength = more;
      const PsiNetwork psi = with(s.psi, weaker);
      EXPECT_GT(separationOf(s.large, psi).offendingCount + separationOf(s.small, psi).offendingCount, 0u)
          << "image " << held.back() << " is held at " << int{restraints[i].strength} << " but would do with "
          << int{more};
    }
  }
  EXPECT_EQ(held, offending);
  EXPECT_TRUE(partly);
}

TEST(RestraintTest, DependsNeitherOnThreadsNorOnOlderRestraints) {
  const Sizes s;
  Context three;
  three.threads = 3;
  const std::vector<PsiRestraint> once = restraintsFor(s.psi, {s.large}, Context{});
  const std::vector<PsiRestraint> again = restraintsFor(with(s.psi, {{0, 0}, {9, 3}}), {s.large}, three);
  ASSERT_EQ(once.size(), again.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(once[i].index, again[i].index);
    EXPECT_EQ(once[i].strength, again[i].strength);
  }
}

TEST(RestraintTest, RefusesAPsiOfAnotherDataset) {
  const Sizes s;
  PsiNetwork other = s.psi;
  other.dataset = "something else";
  try {
    restraintsFor(other, {s.large}, Context{});
    FAIL() << "took a foreign psi";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::BadFile);
  }
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
