#include "measure/pair_metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/philox.h"
#include "support/expect_error.h"

namespace offaxis {
namespace {

std::vector<double> levelsOf(std::uint64_t index, const std::vector<std::uint32_t>& sizes) {
  std::vector<double> levels(sizes.size());
  for (std::size_t k = sizes.size(); k-- > 0; index /= sizes[k]) levels[k] = static_cast<double>(index % sizes[k]);
  return levels;
}

// A source that computes `code(factors) -> L values`.
template <typename Code>
CodeSource computed(const std::vector<std::uint32_t>& sizes, std::uint64_t latents, const Code& code) {
  return {sizes, latents, [sizes, code](const std::vector<std::uint64_t>& gridIndices) {
            std::vector<double> codes;
            for (const std::uint64_t index : gridIndices) {
              for (const double value : code(levelsOf(index, sizes))) codes.push_back(value);
            }
            return codes;
          }};
}

const std::vector<std::uint32_t> kSizes{6, 5, 4};
using Levels = const std::vector<double>&;

PairSettings fewer() {
  PairSettings settings;
  settings.trainVotes = 1000;
  settings.testVotes = 500;
  settings.varianceSamples = 2000;
  return settings;
}

double factorVae(const CodeSource& source) {
  return factorVaeScore(source, fewer(), Context{}).value;
}
double betaVae(const CodeSource& source) {
  return betaVaeScore(source, fewer(), Context{}).value;
}

// The codes of scores_golden.py over the whole grid, as rows.
struct GoldenCodes {
  std::vector<std::uint32_t> sizes{6, 4, 1, 5};
  std::vector<double> codes;
  std::vector<std::int64_t> factors;

  GoldenCodes() {
    std::uint64_t state = 20230817;
    for (std::uint64_t i = 0; i < 120; ++i) {
      const std::vector<double> f = levelsOf(i, sizes);
      double n[5];
      for (double& value : n) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        value = static_cast<double>(state >> 11) * 0x1p-53 - 0.5;
      }
      codes.insert(codes.end(), {0.01 * n[0], f[0] + 6 * n[1], 0.6 * f[1] + 0.4 * f[0] + n[2], f[3] + 5 * n[3],
                                 0.25 * f[1] * f[3] + n[4]});
      for (const double level : f) factors.push_back(static_cast<std::int64_t>(level));
    }
  }
  CodeView view() const { return {codes.data(), factors.data(), 120, 5, 4}; }
};

nlohmann::json golden() {
  std::ifstream file(OFFAXIS_SOURCE_DIR "/tests/measure/scores_golden.json");
  return nlohmann::json::parse(file);
}

// Both sides draw their own samples: four standard deviations of one draw, and of the mean that it is held against.
void expectWithin(double value, const nlohmann::json& expected) {
  const double sd = expected["sd"].get<double>() * std::sqrt(1 + 1 / expected["runs"].get<double>());
  EXPECT_NEAR(value, expected["mean"].get<double>(), 4 * sd);
}

TEST(FactorVaeScore, AgreesWithNumpyWithinItsSamplingError) {
  const GoldenCodes codes;
  const FactorVaeResult result = factorVaeScore(*gridCodes(codes.view(), codes.sizes), PairSettings{}, Context{});
  expectWithin(result.value, golden()["factor_vae"]);
  EXPECT_NEAR(result.trainAccuracy, result.value, .03);
  EXPECT_EQ(result.kept, (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(result.notes, (std::vector<std::string>{"factor 2 has one level: never fixed",
                                                    "latent 0 has a standard deviation below .05: left out"}));
  std::uint64_t votes = 0;
  for (const std::uint64_t count : result.votes) votes += count;
  EXPECT_EQ(votes, 10000u);
  for (std::size_t l = 0; l < 5; ++l) EXPECT_EQ(result.votes[4 * l + 2], 0u);
}

TEST(BetaVaeScore, AgreesWithScikitLearnWithinItsSamplingError) {
  const GoldenCodes codes;
  const BetaVaeResult result = betaVaeScore(*gridCodes(codes.view(), codes.sizes), PairSettings{}, Context{});
  expectWithin(result.value, golden()["beta_vae"]);
  EXPECT_NEAR(result.trainAccuracy, result.value, .01);
}

TEST(PairMetrics, IdentityCodesScoreOne) {
  const CodeSource identity = computed(kSizes, 3, [](Levels f) { return f; });
  EXPECT_EQ(factorVae(identity), 1.0);
  EXPECT_EQ(betaVae(identity), 1.0);
  const CodeSource permuted = computed(kSizes, 3, [](Levels f) {
    return std::vector<double>{-3 * f[2], 7 + f[0], f[1] * f[1]};
  });
  EXPECT_EQ(factorVae(permuted), 1.0);
  EXPECT_EQ(betaVae(permuted), 1.0);
}

TEST(PairMetrics, CodesThatSayNothingScoreAtChance) {
  const Philox noise(9, "independent codes");
  const CodeSource independent{kSizes, 2, [&](const std::vector<std::uint64_t>& gridIndices) {
                                 std::vector<double> codes;
                                 for (const std::uint64_t index : gridIndices) {
                                   codes.push_back(noise.uniform(index, 0));
                                   codes.push_back(noise.uniform(index, 1));
                                 }
                                 return codes;
                               }};
  // 120 images: the noise repeats, so that a level's images are a little alike.
  EXPECT_NEAR(factorVae(independent), 1. / 3, .15);
  const CodeSource constant = computed(kSizes, 2, [](Levels) { return std::vector<double>{.1, .1}; });
  EXPECT_NEAR(betaVae(constant), 1. / 3, .08);
}

TEST(FactorVaeScore, VotesAreForTheCodesOwnLatents) {
  const CodeSource source = computed(kSizes, 5, [](Levels f) {
    return std::vector<double>{0, f[1], .001 * f[0], f[2], f[0]};
  });
  const FactorVaeResult result = factorVaeScore(source, fewer(), Context{});
  EXPECT_EQ(result.value, 1.0);
  EXPECT_EQ(result.kept, (std::vector<std::uint64_t>{1, 3, 4}));
  for (const std::size_t left : {0, 2}) {
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(result.votes[3 * left + k], 0u);
  }
  const std::size_t factorOf[] = {0, 1, 0, 2, 0};
  for (const std::uint64_t l : result.kept) {
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(result.votes[3 * l + k] > 0, k == factorOf[l]) << l << " " << k;
  }
}

TEST(FactorVaeScore, ADuplicatedCodeChangesNothing) {
  const CodeSource source =
      computed(kSizes, 6, [](Levels f) { return std::vector<double>{0, f[0], f[0], f[1], f[2], f[2]}; });
  EXPECT_EQ(factorVae(source), 1.0);
  EXPECT_EQ(betaVae(source), 1.0);
}

TEST(FactorVaeScore, WithoutALiveLatentIsZero) {
  const FactorVaeResult result =
      factorVaeScore(computed(kSizes, 1, [](Levels f) { return std::vector<double>{.01 * f[0]}; }), fewer(), Context{});
  EXPECT_EQ(result.value, 0.0);
  EXPECT_EQ(result.trainAccuracy, 0.0);
  ASSERT_EQ(result.notes.size(), 2u);
  EXPECT_EQ(result.notes.back(), "no latent is left: the score is 0");
}

TEST(PairMetrics, AskOnceForAscendingDistinctImages) {
  int calls = 0;
  CodeSource source = computed(kSizes, 3, [](Levels f) { return f; });
  source.codes = [&calls, inner = source.codes](const std::vector<std::uint64_t>& gridIndices) {
    ++calls;
    EXPECT_TRUE(std::is_sorted(gridIndices.begin(), gridIndices.end(), std::less_equal<std::uint64_t>()));
    EXPECT_LT(gridIndices.back(), 120u);
    return inner(gridIndices);
  };
  factorVae(source);
  EXPECT_EQ(calls, 1);
  betaVae(source);
  EXPECT_EQ(calls, 2);
}

TEST(PairMetrics, ThreadsDoNotChangeThemAndSeedsDo) {
  const GoldenCodes codes;
  const CodeSource source = *gridCodes(codes.view(), codes.sizes);
  Context several;
  several.threads = 3;
  PairSettings settings = fewer();
  const FactorVaeResult one = factorVaeScore(source, settings, Context{});
  EXPECT_EQ(one.votes, factorVaeScore(source, settings, several).votes);
  EXPECT_EQ(one.value, factorVaeScore(source, settings, several).value);
  EXPECT_EQ(betaVaeScore(source, settings, Context{}).value, betaVaeScore(source, settings, several).value);
  settings.seed = 1;
  EXPECT_NE(one.votes, factorVaeScore(source, settings, Context{}).votes);
}

TEST(GridCodes, TakesEachCombinationsFirstRow) {
  // The grid 2 x 3 in descending order, and two rows again.
  const std::vector<std::int64_t> factors{1, 2, 1, 1, 1, 0, 0, 2, 0, 1, 0, 0, 1, 1, 0, 0};
  const std::vector<double> codes{5, 4, 3, 2, 1, 0, 99, 99};
  const std::optional<CodeSource> source = gridCodes({codes.data(), factors.data(), 8, 1, 2}, {2, 3});
  ASSERT_TRUE(source);
  EXPECT_EQ(source->codes({0, 3, 4, 5}), (std::vector<double>{0, 3, 4, 5}));
  EXPECT_EQ(source->latents, 1u);
  EXPECT_FALSE(gridCodes({codes.data(), factors.data(), 5, 1, 2}, {2, 3}));
  EXPECT_FALSE(gridCodes({codes.data() + 1, factors.data() + 2, 7, 1, 2}, {2, 3}));
  EXPECT_FALSE(gridCodes({codes.data(), factors.data(), 8, 1, 2}, {1U << 30, 1U << 30}));
  testing::expectError(ErrorKind::BadFile, "level 2 of factor 1", [&] {
    gridCodes({codes.data(), factors.data(), 8, 1, 2}, {2, 2});
  });
}

TEST(PairMetrics, RefuseWhatCannotBeScored) {
  const auto same = [](Levels f) { return f; };
  const auto both = [](ErrorKind kind, const std::string& mentions, const CodeSource& source, PairSettings settings) {
    testing::expectError(kind, mentions, [&] { factorVaeScore(source, settings, Context{}); });
    testing::expectError(kind, mentions, [&] { betaVaeScore(source, settings, Context{}); });
  };
  both(ErrorKind::BadFile, "0 of 2 factors vary", computed({1, 1}, 2, same), fewer());
  both(ErrorKind::BadFile, "1 of 2 factors vary", computed({1, 7}, 2, same), fewer());
  both(ErrorKind::BadFile, "must return 2 for each", computed(kSizes, 2, same), fewer());
  both(ErrorKind::BadFile, "not finite",
       computed(kSizes, 1, [](Levels) { return std::vector<double>{std::numeric_limits<double>::quiet_NaN()}; }),
       fewer());
  PairSettings none = fewer();
  none.batch = 0;
  testing::expectError(ErrorKind::Usage, "a variance needs",
                       [&] { factorVaeScore(computed(kSizes, 3, same), none, {}); });
  testing::expectError(ErrorKind::Usage, "a vote needs", [&] { betaVaeScore(computed(kSizes, 3, same), none, {}); });
}

}  // namespace
}  // namespace offaxis
