#include "measure/explicitness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/philox.h"
#include "support/expect_error.h"
#include "support/score_sample.h"

namespace offaxis {
namespace {

using testing::goldenSample;
using testing::goldenScores;
using testing::kTest;
using testing::kTrain;
using Sample = testing::ScoreSample;

template <typename Code>
Sample drawn(const std::vector<std::uint32_t>& sizes, std::uint64_t latents, const Code& code) {
  return testing::drawnSample("explicitness test", sizes, latents, code);
}

ExplicitnessResult score(const Sample& sample) {
  return explicitness(sample.train(), sample.test(), Context{});
}

TEST(RocAuc, ByHand) {
  EXPECT_EQ(rocAuc({1, 2, 3, 4}, {false, false, true, true}), 1.0);
  EXPECT_EQ(rocAuc({4, 3, 2, 1}, {false, false, true, true}), 0.0);
  EXPECT_EQ(rocAuc({7, 7, 7}, {true, false, true}), 0.5);
  // Pairs (positive, negative): .5 > .2, .5 = .5, .9 > .2, .9 > .5.
  EXPECT_EQ(rocAuc({.2, .5, .5, .9}, {false, true, false, true}), 3.5 / 4);
}

TEST(Explicitness, AgreesWithScikitLearn) {
  std::ifstream file(OFFAXIS_SOURCE_DIR "/tests/measure/scores_golden.json");
  const nlohmann::json golden = nlohmann::json::parse(file);
  const ExplicitnessResult result = score(goldenSample());
  const std::vector<double> perFactor = golden["explicitness"]["per_factor"];
  for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(result.perFactor[k], perFactor[k], 1e-7);
  EXPECT_NEAR(result.value, golden["explicitness"]["value"].get<double>(), 1e-7);
  EXPECT_NEAR(result.value, golden["default"]["explicitness"]["value"].get<double>(), 1e-4);
  EXPECT_EQ(result.notes, std::vector<std::string>{"latent 4 is constant in train: left out"});
}

TEST(Explicitness, OneLatentPerLevelScoresOne) {
  const ExplicitnessResult result = score(drawn({3, 2}, 4, [](std::size_t, const std::vector<double>& f) {
    return std::vector<double>{f[0] == 0 ? 5.0 : 1.0, f[0] == 1 ? -2.0 : 0.0, f[0] == 2 ? 1.0 : 0.0, 9 - f[1]};
  }));
  EXPECT_EQ(result.value, 1.0);
  EXPECT_TRUE(result.notes.empty());
}

// Unlike a line, the softmax peaks where an inner level's code lies.
TEST(Explicitness, IdentityCodesScoreOne) {
  const ExplicitnessResult result =
      score(drawn({6, 4}, 2, [](std::size_t, const std::vector<double>& f) { return f; }));
  EXPECT_EQ(result.value, 1.0);
}

TEST(Explicitness, CodesThatSayNothingScoreAHalf) {
  const Philox noise(3, "independent codes");
  const ExplicitnessResult independent = score(drawn({4, 3}, 2, [&](std::size_t i, const std::vector<double>&) {
    return std::vector<double>{noise.uniform(i, 0), noise.uniform(i, 1)};
  }));
  EXPECT_NEAR(independent.value, .5, .04);
  const ExplicitnessResult constant =
      score(drawn({4, 3}, 1, [](std::size_t, const std::vector<double>&) { return std::vector<double>{.1}; }));
  EXPECT_EQ(constant.value, .5);
}

TEST(Explicitness, ADuplicatedCodeAddsNothing) {
  const Philox noise(5, "noisy codes");
  const auto code = [&](std::size_t i, const std::vector<double>& f) { return f[0] + 4 * noise.uniform(i); };
  const double once = score(drawn({4}, 1, [&](std::size_t i, const std::vector<double>& f) {
                        return std::vector<double>{code(i, f)};
                      })).value;
  const double twice = score(drawn({4}, 2, [&](std::size_t i, const std::vector<double>& f) {
                         return std::vector<double>{code(i, f), code(i, f)};
                       })).value;
  EXPECT_LT(once, .9);
  EXPECT_NEAR(twice, once, .002);
}

TEST(Explicitness, LevelsOfOneSampleAloneAreLeftOut) {
  Sample sample = drawn({4, 1}, 2, [](std::size_t, const std::vector<double>& f) { return f; });
  for (std::size_t i = 0; i < kTrain + kTest; ++i) {
    std::int64_t& level = sample.factors[2 * i];
    if (level == 3) level = i < kTrain ? 3 : 7;
  }
  const ExplicitnessResult result = score(sample);
  EXPECT_EQ(result.value, result.perFactor[0]);
  EXPECT_EQ(result.perFactor[1], 0.0);
  ASSERT_EQ(result.notes.size(), 3u);
  EXPECT_EQ(result.notes[1],
            "factor 0: 1 of 4 levels are absent from test: left out of its mean; 1 levels of test are absent from "
            "train: they have no AUC");
  EXPECT_EQ(result.notes[2], "factor 1 shows one level in train: left out");
}

TEST(Explicitness, ThreadsDoNotChangeIt) {
  const Sample sample = goldenSample();
  Context several;
  several.threads = 3;
  EXPECT_EQ(score(sample).perFactor, explicitness(sample.train(), sample.test(), several).perFactor);
}

TEST(Explicitness, RefusesWhatCannotBeScored) {
  const Sample still = drawn({1, 1}, 2, [](std::size_t, const std::vector<double>& f) { return f; });
  testing::expectError(ErrorKind::BadFile, "no factor varies", [&] { score(still); });
  CodeView one = still.test();
  one.count = 1;
  testing::expectError(ErrorKind::BadFile, "rows", [&] { explicitness(still.train(), one, Context{}); });
}

}  // namespace
}  // namespace offaxis
