#include "measure/code_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/philox.h"
#include "measure/mig.h"
#include "support/expect_error.h"

namespace offaxis {
namespace {

struct Sample {
  std::vector<double> codes;
  std::vector<std::int64_t> factors;
  std::uint64_t latents = 0, factorCount = 0;
  CodeView view() const { return {codes.data(), factors.data(), factors.size() / factorCount, latents, factorCount}; }
};

// Every combination of two factors of four levels, 250 times.
template <typename Codes>
Sample sampleOf(std::uint64_t latents, const Codes& codes) {
  Sample sample;
  sample.latents = latents;
  sample.factorCount = 2;
  for (int i = 0; i < 4000; ++i) {
    const std::int64_t a = i % 4;
    const std::int64_t b = i / 4 % 4;
    sample.factors.insert(sample.factors.end(), {a, b});
    for (const double value : codes(static_cast<double>(a), static_cast<double>(b), static_cast<std::uint64_t>(i)))
      sample.codes.push_back(value);
  }
  return sample;
}

TEST(Modularity, OfLatentsThatTellOfOneFactorOrOfTwo) {
  const Sample pure = sampleOf(2, [](double a, double b, auto) { return std::vector<double>{a, -b}; });
  EXPECT_NEAR(modularity(pure.view()).value, 1.0, 1e-12);
  // The second latent tells both factors exactly (I = log 4 each): modularity 0. The third tells nothing.
  const Sample mixed = sampleOf(3, [](double a, double b, auto) { return std::vector<double>{a, a + 4 * b, 7.0}; });
  const CodeStatistic result = modularity(mixed.view());
  EXPECT_NEAR(result.perLatent[0], 1.0, 1e-12);
  EXPECT_NEAR(result.perLatent[1], 0.0, 1e-12);
  EXPECT_EQ(result.perLatent[2], 0.0);
  EXPECT_NEAR(result.value, 1.0 / 3, 1e-12);
}

TEST(Modularity, LeavesOutFactorsThatDoNotVary) {
  Sample sample = sampleOf(1, [](double a, double b, auto) { return std::vector<double>{a + 4 * b}; });
  Sample wider = sample;
  wider.factorCount = 3;
  wider.factors.clear();
  for (std::size_t i = 0; i < sample.factors.size(); i += 2)
    wider.factors.insert(wider.factors.end(), {sample.factors[i], 5, sample.factors[i + 1]});
  const CodeStatistic result = modularity(wider.view());
  EXPECT_NEAR(result.value, modularity(sample.view()).value, 1e-12);
  ASSERT_EQ(result.notes.size(), 1u);
  for (std::size_t i = 1; i < sample.factors.size(); i += 2) sample.factors[i] = 0;
  testing::expectError(ErrorKind::BadFile, "two factors", [&] { modularity(sample.view()); });
}

TEST(GaussianTotalCorrelation, MatchesItsClosedForm) {
  // Correlation r of two latents, exactly: (1, r) and (0, sqrt(1 - r^2)) times uncorrelated +-1 columns.
  for (const double r : {0.0, 0.5, -0.9}) {
    const Sample sample = sampleOf(3, [r](double a, double b, auto) {
      const double x = a < 2 ? -1 : 1;
      const double y = b < 2 ? -1 : 1;
      return std::vector<double>{1e3 * x + 5, r * x + std::sqrt(1 - r * r) * y, 3.0};
    });
    const CodeStatistic result = gaussianTotalCorrelation(sample.view());
    EXPECT_NEAR(result.value, -0.5 * std::log(1 - r * r), 1e-12) << r;
    ASSERT_EQ(result.notes.size(), 1u) << "the constant latent";
  }
}

TEST(GaussianTotalCorrelation, IsInfiniteForALinearFunctionOfOthers) {
  const Sample sample = sampleOf(3, [](double a, double b, auto) { return std::vector<double>{a, b, 2 * a - 3 * b}; });
  const CodeStatistic result = gaussianTotalCorrelation(sample.view());
  EXPECT_TRUE(std::isinf(result.value));
  ASSERT_EQ(result.notes.size(), 1u);
  EXPECT_NE(result.notes[0].find("latent 2"), std::string::npos);
}

TEST(GaussianTotalCorrelation, DoesNotDependOnScale) {
  for (const double scale : {1e-200, 1.0, 1e37}) {
    const Sample sample = sampleOf(2, [scale](double a, double b, auto) {
      return std::vector<double>{scale * a, scale * (a + b)};
    });
    EXPECT_NEAR(gaussianTotalCorrelation(sample.view()).value, 0.5 * std::log(2.0), 1e-12) << scale;
    const Sample same = sampleOf(2, [scale](double a, double, auto) {
      return std::vector<double>{scale * a, scale * a};
    });
    EXPECT_TRUE(std::isinf(gaussianTotalCorrelation(same.view()).value)) << scale;
  }
}

TEST(CodeInformation, IsTheMeanOverPairs) {
  // Two equal latents of four levels and an independent third: log 4, 0, 0.
  const Sample sample = sampleOf(3, [](double a, double b, auto) { return std::vector<double>{a, a, b}; });
  EXPECT_NEAR(codeInformation(sample.view()).value, std::log(4.0) / 3, 1e-12);
  const std::vector<double> matrix = latentInformation(sample.view());
  for (const std::size_t i : {0, 4, 8}) EXPECT_NEAR(matrix[i], std::log(4.0), 1e-12);
  EXPECT_EQ(matrix[1], matrix[3]);
  const Sample one = sampleOf(1, [](double a, double, auto) { return std::vector<double>{a}; });
  EXPECT_EQ(codeInformation(one.view()).value, 0.0);
  EXPECT_EQ(codeInformation(one.view()).notes.size(), 1u);
}

}  // namespace
}  // namespace offaxis
