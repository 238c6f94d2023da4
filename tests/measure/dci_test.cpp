#include "measure/dci.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "measure/gradient_boosting.h"
#include "support/expect_error.h"

namespace offaxis {
namespace {

using testing::expectError;

struct Sample {
  std::uint64_t latents = 0;
  std::uint64_t factorCount = 0;
  std::vector<double> codes;
  std::vector<std::int64_t> factors;

  CodeView view() const { return {codes.data(), factors.data(), factors.size() / factorCount, latents, factorCount}; }
  // Rows [begin, end).
  CodeView rows(std::uint64_t begin, std::uint64_t end) const {
    return {codes.data() + begin * latents, factors.data() + begin * factorCount, end - begin, latents, factorCount};
  }
};

constexpr std::uint64_t kTrain = 1500;
constexpr std::uint64_t kTest = 700;

// The draws of dci_golden.py: `code(row, levels, noise)` gives a row's codes and may change its levels.
template <typename Code>
Sample drawn(std::uint64_t state, const std::vector<double>& sizes, std::size_t noises, const Code& code) {
  const auto draw = [&state] {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state >> 11) * 0x1p-53;
  };
  Sample sample;
  sample.factorCount = sizes.size();
  for (std::uint64_t row = 0; row < kTrain + kTest; ++row) {
    std::vector<double> f;
    std::vector<double> n;
    for (const double size : sizes) f.push_back(std::floor(draw() * size));
    for (std::size_t i = 0; i < noises; ++i) n.push_back(draw() - 0.5);
    const std::vector<double> codes = code(row, f, n);
    sample.latents = codes.size();
    sample.codes.insert(sample.codes.end(), codes.begin(), codes.end());
    for (const double level : f) sample.factors.push_back(static_cast<std::int64_t>(level));
  }
  return sample;
}

using Row = std::vector<double>;

Sample aligned() {
  return drawn(1, {5, 4, 2}, 4, [](std::uint64_t, Row& f, const Row& n) {
    return Row{f[0] + 1.6 * n[0], 3 - f[1] + 1.8 * n[1], f[2] + 2.2 * n[2], n[3], 0 * n[3] + 1.5};
  });
}

Sample rotated(std::uint64_t seed = 2, double noise = 0.4) {
  return drawn(seed, {6, 4, 3}, 4, [noise](std::uint64_t, Row& f, const Row& n) {
    const double a = f[0] - 2.5;
    const double b = f[1] - 1.5;
    const double c = f[2] - 1;
    return Row{(2 * a - b + 2 * c) / 3 + noise * n[0], (2 * a + 2 * b - c) / 3 + noise * n[1],
               (2 * b - a + 2 * c) / 3 + noise * n[2], noise * n[3]};
  });
}

Sample rounded() {
  Sample sample = rotated(4, 3.0);
  for (double& code : sample.codes) code = std::floor(code);
  return sample;
}

// The last factor's level 2 appears in the test rows alone.
Sample discrete() {
  return drawn(3, {4, 2, 5}, 4, [](std::uint64_t row, Row& f, const Row& n) {
    if (row < kTrain && f[2] == 2) f[2] = 4;
    return Row{f[0] + std::floor(3 * n[0]), f[1] + std::floor(3 * n[1]), f[2] + std::floor(2 * n[2]),
               std::floor(6 * n[3]) + f[0]};
  });
}

DciResult score(const Sample& sample, int threads = 1) {
  Context context;
  context.threads = threads;
  return dci(sample.rows(0, kTrain), sample.rows(kTrain, kTrain + kTest), context);
}

void expectNear(const std::vector<double>& actual, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], tolerance) << "at " << i;
}

void expectAgreement(const std::string& name, const Sample& sample, double importanceTolerance,
                     double accuracyTolerance) {
  SCOPED_TRACE(name);
  std::ifstream file(OFFAXIS_SOURCE_DIR "/tests/measure/dci_golden.json");
  const nlohmann::json golden = nlohmann::json::parse(file).at(name);
  const DciResult result = score(sample);
  expectNear(result.importance, golden.at("importance"), importanceTolerance);
  expectNear(result.accuracyPerFactor, golden.at("accuracy"), accuracyTolerance);
  expectNear(result.perLatent, golden.at("per_latent"), 20 * importanceTolerance);
  expectNear(result.perFactor, golden.at("per_factor"), 20 * importanceTolerance);
  const double tolerance = std::min(.005, 20 * importanceTolerance);
  EXPECT_NEAR(result.disentanglement, golden.at("disentanglement"), tolerance);
  EXPECT_NEAR(result.completeness, golden.at("completeness"), tolerance);
  EXPECT_NEAR(result.informativeness, golden.at("informativeness"), std::max(accuracyTolerance, 1e-12));
}

TEST(DciAgreesWithScikitLearn, WhereGainsDoNotTie) {
  expectAgreement("discrete", discrete(), 1e-6, 1e-12);
}

// Small nodes are separated alike by several latents, continuous ones above all; scikit-learn's choice among them is
// random.
TEST(DciAgreesWithScikitLearn, WithinTies) {
  expectAgreement("rounded", rounded(), 5e-4, 1e-12);
  expectAgreement("aligned", aligned(), .002, .006);
  expectAgreement("rotated", rotated(), .002, .006);
}

TEST(DciMatrix, Diagonal) {
  std::vector<double> r(36, 0.0);
  for (std::size_t i = 0; i < 6; ++i) r[i * 6 + (i + 2) % 6] = 0.5 + static_cast<double>(i);
  EXPECT_NEAR(disentanglementOf(r, 6, 6), 1.0, 1e-8);
  EXPECT_NEAR(completenessOf(r, 6, 6), 1.0, 1e-8);
}

TEST(DciMatrix, OneCodeForTwoFactors) {
  std::vector<double> r(50, 0.0);
  for (std::size_t k = 0; k < 10; ++k) r[k / 2 * 10 + k] = 1;
  EXPECT_NEAR(disentanglementOf(r, 5, 10), 1 - std::log(2.0) / std::log(10.0), 1e-8);
  EXPECT_NEAR(completenessOf(r, 5, 10), 1.0, 1e-8);
  std::vector<double> transposed(50);
  for (std::size_t i = 0; i < 50; ++i) transposed[i % 10 * 5 + i / 10] = r[i];
  EXPECT_NEAR(disentanglementOf(transposed, 10, 5), 1.0, 1e-8);
  EXPECT_NEAR(completenessOf(transposed, 10, 5), 1 - std::log(2.0) / std::log(10.0), 1e-8);
}

TEST(DciMatrix, RowsWeighByTheirImportance) {
  // A pure row of weight 3, an even one of weight 1, and one without importance.
  const std::vector<double> r{3, 0, .5, .5, 0, 0};
  EXPECT_NEAR(disentanglementOf(r, 3, 2), .75, 1e-8);
  expectNear(disentanglementPerLatent(r, 3, 2), {1, 0, 0}, 1e-8);
  EXPECT_NEAR(disentanglementOf(std::vector<double>(6, 1.0), 3, 2), 0.0, 1e-12);
  EXPECT_NEAR(completenessOf(std::vector<double>(6, 1.0), 3, 2), 0.0, 1e-12);
}

TEST(DciMatrix, Degenerate) {
  EXPECT_NEAR(disentanglementOf(std::vector<double>(6, 0.0), 3, 2), 0.0, 1e-12);
  EXPECT_NEAR(completenessOf(std::vector<double>(6, 0.0), 3, 2), 0.0, 1e-12);
  EXPECT_EQ(disentanglementOf({1, 0, 0}, 3, 1), 1.0);
  EXPECT_EQ(completenessOf({1, 1}, 1, 2), 1.0);
}

TEST(Dci, FactorsAsCodesScoreOne) {
  const Sample sample = drawn(5, {5, 4, 2}, 0, [](std::uint64_t, Row& f, const Row&) {
    return Row{-f[2], 2.5 * f[0], f[1] * f[1]};
  });
  const DciResult result = score(sample);
  EXPECT_GT(result.disentanglement, .99);
  EXPECT_GT(result.completeness, .99);
  EXPECT_EQ(result.informativeness, 1.0);
  EXPECT_TRUE(result.notes.empty());
}

TEST(Dci, ThreadsDoNotChangeAnything) {
  const Sample sample = rotated();
  const DciResult one = score(sample);
  const DciResult three = score(sample, 3);
  EXPECT_EQ(one.importance, three.importance);
  EXPECT_EQ(one.accuracyPerFactor, three.accuracyPerFactor);
  EXPECT_EQ(one.disentanglement, three.disentanglement);
}

TEST(Dci, ConstantCodesAreWorthNothing) {
  Sample sample = aligned();
  std::fill(sample.codes.begin(), sample.codes.end(), 1.5);
  const DciResult result = score(sample);
  EXPECT_EQ(result.importance, std::vector<double>(15, 0.0));
  EXPECT_NEAR(result.disentanglement, 0.0, 1e-12);
  EXPECT_NEAR(result.completeness, 0.0, 1e-12);
  EXPECT_LT(result.informativeness, .4);
}

TEST(Dci, ConstantFactorsAreLeftOut) {
  const Sample sample = aligned();
  Sample padded = sample;
  padded.factorCount = 4;
  padded.factors.clear();
  for (std::size_t row = 0; row < kTrain + kTest; ++row) {
    const std::int64_t* f = sample.factors.data() + row * 3;
    padded.factors.insert(padded.factors.end(), {f[0], 7, f[1], f[2]});
  }
  const DciResult expected = score(sample);
  const DciResult result = score(padded);
  EXPECT_EQ(result.disentanglement, expected.disentanglement);
  EXPECT_EQ(result.completeness, expected.completeness);
  EXPECT_EQ(result.informativeness, expected.informativeness);
  EXPECT_EQ(result.perLatent, expected.perLatent);
  EXPECT_EQ(result.perFactor,
            (std::vector<double>{expected.perFactor[0], 0, expected.perFactor[1], expected.perFactor[2]}));
  for (std::size_t l = 0; l < 5; ++l) EXPECT_EQ(result.importance[l * 4 + 1], 0.0);
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_EQ(result.notes[0], "factor 1 does not vary in the training sample: left out");
}

TEST(Dci, UnseenLevelsCountAsWrongAndAreNoted) {
  const Sample sample = discrete();
  std::uint64_t unseen = 0;
  for (std::uint64_t row = kTrain; row < kTrain + kTest; ++row) unseen += sample.factors[row * 3 + 2] == 2 ? 1 : 0;
  const DciResult result = score(sample);
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_EQ(result.notes[0].find("factor 2: " + std::to_string(unseen) + " of 700 test samples"), 0U);
  EXPECT_LE(result.accuracyPerFactor[2], 1 - static_cast<double>(unseen) / kTest);
}

TEST(Dci, OneFactorOrOneLatentIsNoted) {
  const Sample sample{1, 1, {0, 1, 2, 3, 10, 11, 12, 13}, {0, 0, 0, 0, 1, 1, 1, 1}};
  const DciResult result = dci(sample.view(), sample.view(), Context{});
  EXPECT_EQ(result.disentanglement, 1.0);
  EXPECT_EQ(result.completeness, 1.0);
  EXPECT_EQ(result.informativeness, 1.0);
  EXPECT_EQ(result.notes.size(), 2U);
}

TEST(Dci, Errors) {
  const Sample still{1, 2, {0, 1, 2}, {4, 1, 4, 1, 4, 1}};
  expectError(ErrorKind::BadFile, "no factor varies", [&] { dci(still.view(), still.view(), Context{}); });
  const Sample wide{2, 2, {0, 1, 2, 3}, {0, 0, 1, 1}};
  expectError(ErrorKind::BadFile, "both must come from one model", [&] { dci(still.view(), wide.view(), Context{}); });
  const Sample huge{1, 1, {0, 1e300, 1}, {0, 1, 1}};
  expectError(ErrorKind::BadFile, "the code of row 1, latent 0", [&] { dci(huge.view(), huge.view(), Context{}); });
  CancelToken cancel;
  cancel.request();
  Context cancelled;
  cancelled.cancel = &cancel;
  const Sample sample = aligned();
  expectError(ErrorKind::Interrupted, "interrupted", [&] { dci(sample.view(), sample.view(), cancelled); });
}

// Three features that separate alike share the trees; the constant one gets none.
TEST(GradientBoosting, EqualGainsFavourNoFeature) {
  std::vector<double> codes;
  std::vector<std::int64_t> labels;
  for (int i = 0; i < 60; ++i) {
    const double code = i * 37 % 60;
    codes.insert(codes.end(), {1.0, -code, code, 2 * code});
    labels.push_back(static_cast<std::int64_t>(code) / 15 - 7);
  }
  const GradientBoosting model(codes.data(), 4, labels, Context{});
  EXPECT_EQ(model.importances()[0], 0.0);
  for (std::size_t f = 1; f < 4; ++f) EXPECT_NEAR(model.importances()[f], 1.0 / 3, .1) << f;
  EXPECT_EQ(model.classes(), (std::vector<std::int64_t>{-7, -6, -5, -4}));
  EXPECT_EQ(model.predict(codes.data(), 60, Context{}), labels);
}

TEST(GradientBoosting, SplitsWithoutAGain) {
  const std::vector<double> codes{0, 0, 0, 1, 1, 0, 1, 1};
  const std::vector<std::int64_t> labels{0, 1, 1, 0};
  EXPECT_EQ(GradientBoosting(codes.data(), 2, labels, Context{}).predict(codes.data(), 4, Context{}), labels);
}

TEST(GradientBoosting, ThresholdsAreMidpointsInFloat32) {
  const std::vector<double> codes{1, 1, 2, 2};
  const GradientBoosting model(codes.data(), 1, {3, 3, 9, 9}, Context{});
  const std::vector<double> asked{1.5, std::nextafter(1.5, 2.0), std::nextafter(1.5F, 2.0F)};
  EXPECT_EQ(model.predict(asked.data(), 3, Context{}), (std::vector<std::int64_t>{3, 3, 9}));
}

TEST(GradientBoosting, CodesOfLessThanAThresholdApartAreOne) {
  const std::vector<double> codes{0, 0, 5e-8, 5e-8, 5e-8};
  const GradientBoosting model(codes.data(), 1, {0, 0, 1, 1, 1}, Context{});
  EXPECT_EQ(model.importances()[0], 0.0);
  EXPECT_EQ(model.predict(codes.data(), 1, Context{}), std::vector<std::int64_t>{1});
}

TEST(GradientBoosting, OneClassIsAnError) {
  const std::vector<double> codes{0, 1};
  expectError(ErrorKind::BadFile, "two classes", [&] { GradientBoosting(codes.data(), 1, {4, 4}, Context{}); });
}

}  // namespace
}  // namespace offaxis
