#include "measure/robustness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/expect_error.h"
#include "support/score_sample.h"

namespace offaxis {
namespace {

using testing::goldenSample;
using testing::goldenScores;
using Sample = testing::ScoreSample;

TEST(Irs, AgreesWithNumpy) {
  const nlohmann::json golden = goldenScores()["irs"];
  const Sample sample = goldenSample();
  const IrsResult result = irs(sample.train());
  const std::vector<double> matrix = golden["matrix"];
  const std::vector<double> perLatent = golden["per_latent"];
  ASSERT_EQ(result.matrix.size(), matrix.size());
  for (std::size_t i = 0; i < matrix.size(); ++i) EXPECT_NEAR(result.matrix[i], matrix[i], 1e-12);
  for (std::size_t l = 0; l < perLatent.size(); ++l) EXPECT_NEAR(result.perLatent[l], perLatent[l], 1e-12);
  EXPECT_NEAR(result.value, golden["value"].get<double>(), 1e-12);
  EXPECT_EQ(result.notes, std::vector<std::string>{"latent 4 is constant: left out"});
}

TEST(Irs, ByHand) {
  // Factor 0 splits the latent into {0, 4} and {10}: deviations 2, 2 and 0; the overall mean 14 / 3 is 16 / 3 from 10.
  const Sample sample{1, 2, {0, 4, 10}, {0, 3, 0, 3, 1, 3}};
  const IrsResult result = irs(sample.view());
  EXPECT_NEAR(result.matrix[0], 1 - 1.0 / (16.0 / 3), 1e-15);
  EXPECT_EQ(result.matrix[1], 0.0);
  EXPECT_EQ(result.value, result.perLatent[0]);
  EXPECT_EQ(result.notes, std::vector<std::string>{"factor 1 does not vary: left out"});
}

// The whole grid, codes by `code(factors)`.
template <typename Code>
Sample whole(std::uint64_t latents, const Code& code) {
  Sample sample{latents, 3, {}, {}};
  for (int i = 0; i < 6 * 5 * 4; ++i) {
    const std::vector<double> f{static_cast<double>(i / 20), static_cast<double>(i / 4 % 5),
                                static_cast<double>(i % 4)};
    for (const double level : f) sample.factors.push_back(static_cast<std::int64_t>(level));
    for (const double value : code(f)) sample.codes.push_back(value);
  }
  return sample;
}

TEST(Irs, CodesOfOneFactorEachScoreOne) {
  using Levels = const std::vector<double>&;
  EXPECT_EQ(irs(whole(3, [](Levels f) { return f; }).view()).value, 1.0);
  EXPECT_EQ(irs(whole(5,
                      [](Levels f) {
                        return std::vector<double>{f[2], f[0], f[0], .1, -7 * f[1]};
                      })
                    .view())
                .value,
            1.0);
}

TEST(Irs, MixedAndConstantCodesDoNot) {
  const IrsResult mixed = irs(whole(1, [](const std::vector<double>& f) {
                                return std::vector<double>{f[0] + 1.25 * f[1] + 5. / 3 * f[2]};
                              }).view());
  EXPECT_LT(mixed.value, .5);
  const IrsResult constant = irs(whole(1, [](const std::vector<double>&) { return std::vector<double>{.1}; }).view());
  EXPECT_EQ(constant.value, 0.0);
  EXPECT_EQ(constant.notes.size(), 1u);
}

TEST(Irs, WeighsLatentsByTheirDeviation) {
  const IrsResult result = irs(whole(2, [](const std::vector<double>& f) {
                                 return std::vector<double>{100 * f[0], .01 * (f[0] + f[1] + f[2])};
                               }).view());
  const double weights = result.maxDeviation[0] + result.maxDeviation[1];
  EXPECT_NEAR(result.value,
              (result.perLatent[0] * result.maxDeviation[0] + result.perLatent[1] * result.maxDeviation[1]) / weights,
              1e-15);
  EXPECT_GT(result.value, .999);
}

TEST(Irs, RefusesWhatCannotBeScored) {
  const Sample still{1, 1, {1, 2, 3}, {5, 5, 5}};
  testing::expectError(ErrorKind::BadFile, "no factor varies", [&] { irs(still.view()); });
  const Sample one{1, 1, {1}, {5}};
  testing::expectError(ErrorKind::BadFile, "two rows", [&] { irs(one.view()); });
}

}  // namespace
}  // namespace offaxis
