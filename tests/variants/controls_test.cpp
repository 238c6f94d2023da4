#include "variants/controls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "support/expect_error.h"
#include "support/random_psi.h"
#include "support/temp_directory.h"
#include "support/toy_source.h"
#include "variants/expression.h"
#include "variants/modified.h"

namespace offaxis {
namespace {

using testing::TempDirectory;

// Grey images, so that nothing is clipped and an image minus 128 is its delta.
class Grey : public testing::ToySource {
 public:
  Grey() : ToySource({16, 16, 3}, {5, 4, 6}) {}
  void read(std::uint64_t, std::uint8_t* image) const override { std::fill_n(image, info_.shape.bytes(), 128); }
};

std::vector<int> deltaOf(const Source& source, std::uint64_t row) {
  std::vector<std::uint8_t> image(source.info().shape.bytes());
  source.read(row, image.data());
  std::vector<int> delta;
  for (const std::uint8_t pixel : image) delta.push_back(int{pixel} - 128);
  return delta;
}

std::vector<int> sortedMagnitudes(std::vector<int> delta) {
  for (int& value : delta) value = std::abs(value);
  std::sort(delta.begin(), delta.end());
  return delta;
}

class Controls : public ::testing::Test {
 protected:
  Controls() : grey_(std::make_shared<Grey>()), psi_(directory_ / "psi.h5") {
    testing::randomPsi(grey_, 3).save(psi_, Overwrite::Refuse);
    modified_ = withPsi(grey_, psi_);
  }

  TempDirectory directory_;
  SourcePtr grey_, modified_;
  std::string psi_;
};

TEST_F(Controls, ScrambledKeepsEveryMagnitudeAndNoPlace) {
  const SourcePtr scrambled = withScrambledPsi(grey_, psi_, 7), other = withScrambledPsi(grey_, psi_, 8);
  for (std::uint64_t row = 0; row < grey_->size(); ++row) {
    const std::vector<int> psi = deltaOf(*modified_, row), noise = deltaOf(*scrambled, row);
    EXPECT_TRUE(sortedMagnitudes(psi) == sortedMagnitudes(noise)) << row;
    EXPECT_FALSE(psi == noise) << row;
    EXPECT_FALSE(deltaOf(*other, row) == noise) << row;
    // Independent of psi: the correlation over 768 values stays within 4.5 standard errors.
    double product = 0, square = 0;
    for (std::size_t i = 0; i < psi.size(); ++i) {
      product += psi[i] * noise[i];
      square += psi[i] * psi[i];
    }
    ASSERT_GT(square, 0);
    EXPECT_LT(std::fabs(product / square), 4.5 / std::sqrt(768.0)) << row;
  }
}

TEST_F(Controls, PermutedDealsEveryPatternOnce) {
  const SourcePtr permuted = withPermutedPsi(grey_, psi_, 7);
  std::multiset<std::vector<int>> psi, dealt;
  std::uint64_t same = 0;
  for (std::uint64_t row = 0; row < grey_->size(); ++row) {
    psi.insert(deltaOf(*modified_, row));
    dealt.insert(deltaOf(*permuted, row));
    same += deltaOf(*modified_, row) == deltaOf(*permuted, row);
  }
  EXPECT_TRUE(psi == dealt);
  EXPECT_LT(same, 10u);  // of 120; a random permutation leaves one in place on average
}

TEST_F(Controls, SeparableIsASumOverFactorsAsStrongAsPsi) {
  const SourcePtr separable = withSeparablePsi(grey_, psi_);
  const FactorGrid& grid = grey_->info().grid;
  double own = 0, square = 0;
  int clipped = 0, largest = 0;
  const int limit = Budget::parse("0.1").levels();
  for (std::uint64_t row = 0; row < grid.size(); ++row) {
    for (const int value : deltaOf(*modified_, row)) own += value * value;
    for (const int value : deltaOf(*separable, row)) {
      square += value * value;
      ASSERT_LE(std::abs(value), limit);
    }
  }
  EXPECT_NEAR(std::sqrt(square / own), 1, .05);  // measured over 256 draws, here over all
  // No interaction between the first two factors: a second difference is 0 but for four roundings.
  for (const std::uint32_t c : {0u, 3u}) {
    const auto at = [&](std::uint32_t a, std::uint32_t b) { return deltaOf(*separable, grid.indexOf({a, b, c})); };
    const std::vector<int> d00 = at(0, 0), d10 = at(4, 0), d01 = at(0, 3), d11 = at(4, 3);
    for (std::size_t i = 0; i < d00.size(); ++i) {
      const int extreme = std::max({std::abs(d00[i]), std::abs(d10[i]), std::abs(d01[i]), std::abs(d11[i])});
      if (extreme == limit) {
        ++clipped;
      } else {
        largest = std::max(largest, std::abs(d00[i] - d10[i] - d01[i] + d11[i]));
      }
    }
  }
  EXPECT_LE(largest, 2);
  EXPECT_LT(clipped, 768);  // most are not clipped, or the check above would be empty
}

// A psi at its budget nearly everywhere, as trained ones are: scaling before the cut would leave the control weaker.
TEST_F(Controls, SeparableIsAsStrongAsASaturatedPsi) {
  const std::string path = directory_ / "loud.h5";
  PsiNetwork loud = testing::randomPsi(grey_, 4);
  loud.layers.back().shift -= 5;  // 32 times the pre-activation
  loud.prepare();
  loud.save(path, Overwrite::Refuse);
  const SourcePtr psi = withPsi(grey_, path), separable = withSeparablePsi(grey_, path);
  double own = 0, square = 0, count = 0;
  for (std::uint64_t row = 0; row < grey_->size(); ++row) {
    for (const int value : deltaOf(*psi, row)) own += value * value;
    for (const int value : deltaOf(*separable, row)) square += value * value;
    count += static_cast<double>(grey_->info().shape.bytes());
  }
  EXPECT_GT(std::sqrt(own / count), .6 * Budget::parse("0.1").levels());
  EXPECT_NEAR(std::sqrt(square / own), 1, .05);
}

TEST_F(Controls, SeparableIsPsiItselfWherePsiSeesOneFactor) {
  const std::string path = directory_ / "one.h5";
  testing::randomPsi(grey_, 3, true).save(path, Overwrite::Refuse);
  const SourcePtr psi = withPsi(grey_, path), separable = withSeparablePsi(grey_, path);
  int different = 0;
  for (std::uint64_t row = 0; row < grey_->size(); row += 7) {
    const std::vector<int> a = deltaOf(*psi, row), b = deltaOf(*separable, row);
    for (std::size_t i = 0; i < a.size(); ++i) different = std::max(different, std::abs(a[i] - b[i]));
  }
  EXPECT_LE(different, 1);
}

TEST_F(Controls, UnalignedKeepsPsisOwnStructureUnderFixedSigns) {
  const SourcePtr unaligned = withUnalignedPsi(grey_, psi_, 7), other = withUnalignedPsi(grey_, psi_, 8);
  std::vector<int> sign(grey_->info().shape.bytes(), 0);
  int negative = 0, positive = 0;
  for (std::uint64_t row = 0; row < grey_->size(); ++row) {
    const std::vector<int> psi = deltaOf(*modified_, row), moved = deltaOf(*unaligned, row);
    for (std::size_t i = 0; i < psi.size(); ++i) {
      ASSERT_EQ(std::abs(psi[i]), std::abs(moved[i]));
      if (psi[i] == 0) continue;
      const int here = psi[i] == moved[i] ? 1 : -1;
      if (sign[i] == 0) {
        sign[i] = here;
        ++(here > 0 ? positive : negative);
      }
      ASSERT_EQ(sign[i], here) << "row " << row << ", value " << i;
    }
  }
  EXPECT_GT(positive, 200);  // of 768, in 48 groups of 16
  EXPECT_GT(negative, 200);
  for (std::size_t y = 0; y < 16; ++y) {
    for (std::size_t i = 3; i < 48; ++i) {
      if (i / 3 % 4 == 0) continue;  // a block's first pixel
      const int here = sign[y * 48 + i], before = sign[y * 48 + i - 3];
      if (here == 0 || before == 0) continue;
      EXPECT_EQ(here, before) << "one sign a block and channel";
    }
  }
  EXPECT_FALSE(deltaOf(*other, 5) == deltaOf(*unaligned, 5));
}

TEST_F(Controls, SayWhatTheyAre) {
  const SourcePtr scrambled = withScrambledPsi(grey_, psi_, 7);
  EXPECT_EQ(scrambled->info().variant, "scrambled");
  EXPECT_EQ(scrambled->info().settings.at("seed"), "7");
  EXPECT_EQ(scrambled->info().settings.at("eps"), "0.1");
  EXPECT_EQ(scrambled->info().settings.at("psi_sha256").size(), 64u);
  testing::expectError(ErrorKind::Usage, "variant already", [&] { withPermutedPsi(scrambled, psi_, 0); });
  testing::expectError(ErrorKind::Usage, "needs psi", [] { openSource("xysquares+separable"); });
  testing::expectError(ErrorKind::BadFile, "another dataset", [&] { openSource("xysquares+permuted:psi=" + psi_); });
}

}  // namespace
}  // namespace offaxis
