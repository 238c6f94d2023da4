#include "measure/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/philox.h"
#include "measure/score_json.h"
#include "support/expect_error.h"

namespace offaxis {
namespace {

// `count` rows drawn from a grid of 4 x 3 x 5, and codes of them.
struct Sample {
  std::vector<std::uint32_t> sizes{4, 3, 5};
  std::vector<std::int64_t> factors;
  std::vector<double> codes;
  std::uint64_t latents = 3;

  explicit Sample(std::uint64_t count, bool wholeGrid = false) {
    const Philox draws(1, "metrics test");
    for (std::uint64_t i = 0; i < count; ++i) {
      std::uint64_t index = wholeGrid ? i % 60 : draws.below(60, i);
      std::int64_t levels[3];
      for (std::size_t k = 3; k-- > 0; index /= sizes[k]) levels[k] = static_cast<std::int64_t>(index % sizes[k]);
      factors.insert(factors.end(), levels, levels + 3);
      for (std::size_t k = 0; k < 3; ++k)
        codes.push_back(static_cast<double>(levels[k]) + 0.01 * draws.normalPair(i, 1 + k)[0]);
    }
  }
  MetricInput input() const {
    MetricInput input;
    input.codes = {codes.data(), factors.data(), factors.size() / 3, latents, 3};
    input.sizes = sizes;
    input.pairs = gridCodes(input.codes, sizes);
    return input;
  }
};

TEST(Metrics, AreAllThereUnderNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Metric& one : metrics()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    EXPECT_EQ(&metric(one.name), &one);
    // The definition starts with the name and a version, so that a printed score says what it is.
    EXPECT_EQ(std::string(one.definition).rfind(std::string(one.name) + "/", 0), 0u) << one.definition;
  }
  EXPECT_EQ(names.size(), 10u);
  testing::expectError(ErrorKind::Usage, "dci", [] { metric("accuracy"); });
}

TEST(Metrics, NearlyPerfectCodesScoreNearTheCeilingAndWellAboveIndependentOnes) {
  const Sample sample(3000);
  for (const Metric& one : metrics()) {
    if (!one.supervised) continue;
    const MetricInput input = sample.input();
    ASSERT_TRUE(input.pairs) << "3000 draws cover 60 cells";
    const double value = one.compute(input, {}).values.front().second;
    const Calibration calibration = calibrate(one, input, 2, {});
    EXPECT_NEAR(value, calibration.ceiling, .2) << one.name;  // SAP's penalty depends on the codes' scale
    EXPECT_LE(calibration.ceiling, 1.0 + 1e-12) << one.name;
    EXPECT_LT(calibration.independent, value) << one.name;
    EXPECT_EQ(calibration.rotations, 2);
    // Explicitness and the BetaVAE score ask whether all codes together tell the factors, which a rotation keeps; the
    // FactorVAE score wants one latent that moves least for each factor, which three rotated coordinates have.
    const std::string name = one.name;
    if (name == "explicitness" || name == "beta-vae" || name == "factor-vae") {
      EXPECT_NEAR(calibration.floor, calibration.ceiling, .1) << name;
    } else {
      EXPECT_LT(calibration.floor, calibration.ceiling - .05) << name;
    }
  }
}

TEST(Metrics, EqualSeedsGiveEqualScoresWhateverTheThreads) {
  const Sample sample(900);
  for (const Metric& one : metrics()) {
    const Score a = one.compute(sample.input(), {1, nullptr, nullptr});
    const Score b = one.compute(sample.input(), {3, nullptr, nullptr});
    EXPECT_EQ(a.values, b.values) << one.name;
    EXPECT_EQ(a.details, b.details) << one.name;
    EXPECT_FALSE(a.samples.empty()) << one.name;
  }
}

TEST(Metrics, SplitsAreDisjointShuffledAndSized) {
  const Sample sample(30, true);
  const CodeView view = sample.input().codes;
  const Split split(view, 4);
  EXPECT_EQ(split.train.count, 20u);
  EXPECT_EQ(split.test.count, 10u);
  std::vector<double> rows(split.trainCodes);
  rows.insert(rows.end(), split.testCodes.begin(), split.testCodes.end());
  EXPECT_NE(rows, sample.codes);
  std::vector<double> sorted = sample.codes;
  std::sort(sorted.begin(), sorted.end());
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, sorted);
  EXPECT_NE(Split(view, 5).trainCodes, split.trainCodes);
  EXPECT_EQ(Split(view, 4).trainCodes, split.trainCodes);
  // A row keeps its factors: codes lie within .1 of the levels.
  for (std::size_t i = 0; i < split.testCodes.size(); ++i)
    EXPECT_NEAR(split.testCodes[i], static_cast<double>(split.testFactors[i]), .1);
  const Sample large(15100);
  const Split full(large.input().codes, 0);
  EXPECT_EQ(full.train.count, kTrainRows);
  EXPECT_EQ(full.test.count, kTestRows);
  const Sample two(2);
  testing::expectError(ErrorKind::BadFile, "2 rows", [&] { Split(two.input().codes, 0); });
}

TEST(Metrics, MigSaysWhatBiasesIt) {
  Sample sample(300);
  for (std::size_t i = 1; i < sample.codes.size(); i += 3) sample.codes[i] = 7;
  for (std::size_t i = 2; i < sample.factors.size(); i += 3) sample.factors[i] = 4;
  const Score few = metric("mig").compute(sample.input(), {});
  ASSERT_EQ(few.notes.size(), 3u);
  EXPECT_EQ(few.notes[0], "latent 1 is constant");
  EXPECT_EQ(few.notes[1], "factor 2 does not vary: left out");
  EXPECT_EQ(few.notes[2], "so few rows make information look larger, by up to about 0.13 nats");  // 19 * 4 / 600
  EXPECT_TRUE(metric("mig").compute(Sample(10000).input(), {}).notes.empty());
}

TEST(Metrics, MigNeedsAFactorThatVaries) {
  Sample sample(50);
  std::fill(sample.factors.begin(), sample.factors.end(), 2);
  testing::expectError(ErrorKind::BadFile, "no factor varies", [&] { metric("mig").compute(sample.input(), {}); });
}

TEST(Metrics, LevelsAreRanked) {
  std::vector<std::int64_t> factors{-5, 100, 7, 100, -5, 2000000000000, 9, 100};
  EXPECT_EQ(rankLevels(factors, 2), (std::vector<std::uint32_t>{3, 2}));
  EXPECT_EQ(factors, (std::vector<std::int64_t>{0, 0, 1, 0, 0, 1, 2, 0}));
}

TEST(Metrics, NotNumbersAreNullInJson) {
  Score score;
  score.values = {{"value", INFINITY}};
  score.notes = {"why"};
  const auto json = toJson(metric("gaussian-tc"), score, 3);
  EXPECT_EQ(nlohmann::ordered_json::parse(json.dump())["value"], nullptr);
  EXPECT_EQ(json["notes"][0], "why");
  EXPECT_EQ(json["seed"], 3);
}

}  // namespace
}  // namespace offaxis
