#include "measure/sap.h"

#include <gtest/gtest.h>

#include <cmath>
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
  return testing::drawnSample("sap test", sizes, latents, code);
}

SapResult score(const Sample& sample) {
  return sap(sample.train(), sample.test(), Context{});
}

TEST(Sap, AgreesWithScikitLearn) {
  const nlohmann::json golden = goldenScores();
  const SapResult result = score(goldenSample());
  const std::vector<double> accuracy = golden["sap"]["accuracy"];
  const std::vector<double> perFactor = golden["sap"]["per_factor"];
  ASSERT_EQ(result.accuracy.size(), accuracy.size());
  // One row of 1000 may lie on a boundary.
  for (std::size_t i = 0; i < accuracy.size(); ++i) EXPECT_NEAR(result.accuracy[i], accuracy[i], .0011) << i;
  for (std::size_t k = 0; k < perFactor.size(); ++k) EXPECT_NEAR(result.perFactor[k], perFactor[k], .0011) << k;
  EXPECT_NEAR(result.value, golden["sap"]["value"].get<double>(), .0006);
  EXPECT_NEAR(result.value, golden["default"]["sap"]["value"].get<double>(), .001);
  EXPECT_EQ(result.notes, std::vector<std::string>{"latent 4 is constant in train: it scores 0"});
}

TEST(Sap, PerfectCodesOfTwoLevelsScoreOneLessChance) {
  const SapResult result = score(drawn({2, 2}, 2, [](std::size_t, const std::vector<double>& f) {
    return std::vector<double>{4 * f[1] - 2, 2 - 4 * f[0]};
  }));
  EXPECT_EQ(result.accuracy[1], 1.0);
  EXPECT_EQ(result.accuracy[2], 1.0);
  EXPECT_NEAR(result.value, .5, .05);
}

// One linear function per class: most inner levels of an ordered factor are never the largest, so that even perfect
// codes score low.
TEST(Sap, OfTheFactorsThemselvesAgreesWithScikitLearn) {
  Sample sample = goldenSample();
  sample.latents = 4;
  sample.codes.assign(sample.factors.begin(), sample.factors.end());
  const nlohmann::json golden = goldenScores()["sap_of_factors"];
  const SapResult result = score(sample);
  const std::vector<double> accuracy = golden["accuracy"];
  for (std::size_t i = 0; i < accuracy.size(); ++i) EXPECT_NEAR(result.accuracy[i], accuracy[i], 1e-9) << i;
  EXPECT_NEAR(result.value, golden["value"].get<double>(), 1e-9);
  EXPECT_NEAR(result.accuracy[0], 3. / 8, .03);
  EXPECT_EQ(result.accuracy[4 * 3 + 3], 1.0);
}

TEST(Sap, IndependentAndDuplicatedCodesScoreZero) {
  const Philox noise(3, "independent codes");
  const SapResult independent = score(drawn({4, 3}, 3, [&](std::size_t i, const std::vector<double>&) {
    return std::vector<double>{noise.uniform(i, 0), noise.uniform(i, 1), noise.uniform(i, 2)};
  }));
  EXPECT_LT(independent.value, .04);
  for (std::size_t l = 0; l < 3; ++l) EXPECT_NEAR(independent.accuracy[2 * l], .25, .05);
  const SapResult duplicated = score(drawn({4, 3}, 4, [](std::size_t, const std::vector<double>& f) {
    return std::vector<double>{f[0], f[1], f[0], f[1]};
  }));
  EXPECT_EQ(duplicated.value, 0.0);
}

TEST(Sap, ConstantLatentsScoreZero) {
  const SapResult result = score(drawn({2}, 2, [](std::size_t, const std::vector<double>& f) {
    return std::vector<double>{.3, 2 * f[0] - 1};
  }));
  EXPECT_EQ(result.accuracy, (std::vector<double>{0, 1}));
  EXPECT_EQ(result.value, 1.0);
  ASSERT_EQ(result.notes.size(), 1u);
}

TEST(Sap, FactorsThatDoNotVaryAreLeftOut) {
  const auto code = [](std::size_t, const std::vector<double>& f) {
    return std::vector<double>{f[0], 1 - f[0] * f[0]};
  };
  const SapResult with = score(drawn({5, 1}, 2, code));
  EXPECT_EQ(with.perFactor[1], 0.0);
  EXPECT_EQ(with.value, with.perFactor[0]);
  EXPECT_EQ(with.notes, std::vector<std::string>{"factor 1 shows one level in train: left out"});
}

TEST(Sap, ThreadsDoNotChangeIt) {
  const Sample sample = goldenSample();
  Context several;
  several.threads = 3;
  const SapResult a = score(sample);
  const SapResult b = sap(sample.train(), sample.test(), several);
  EXPECT_EQ(a.accuracy, b.accuracy);
  EXPECT_EQ(a.value, b.value);
}

TEST(Sap, RefusesWhatCannotBeScored) {
  const auto same = [](std::size_t, const std::vector<double>& f) { return f; };
  const Sample still = drawn({1, 1}, 2, same);
  testing::expectError(ErrorKind::BadFile, "no factor varies", [&] { score(still); });
  const Sample sample = drawn({3, 3}, 2, same);
  CodeView one = sample.train();
  one.count = 1;
  testing::expectError(ErrorKind::BadFile, "rows", [&] { sap(one, sample.test(), Context{}); });
  testing::expectError(ErrorKind::BadFile, "latents", [&] { sap(goldenSample().train(), sample.test(), Context{}); });
}

}  // namespace
}  // namespace offaxis
