#include "measure/linear_classifiers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/expect_error.h"
#include "support/score_sample.h"

namespace offaxis {
namespace {

using testing::goldenSample;
using testing::goldenScores;
using testing::kTest;
using testing::kTrain;
using Sample = testing::ScoreSample;

FeatureView featuresOf(const CodeView& view) {
  return {view.codes, view.count, view.latents};
}

TEST(LogisticRegression, AgreesWithScikitLearn) {
  const Sample sample = goldenSample();
  const FeatureView shown{sample.test().codes, 25, 7};
  for (const auto& [name, factor] : {std::pair{"many", 1}, {"binary", 3}}) {
    const std::vector<double> expected = goldenScores()["classifiers"][name]["probabilities"];
    const LinearClassifier model = fitLogisticRegression(
        featuresOf(sample.train()), labelsOf(sample.train(), static_cast<std::uint64_t>(factor)), Context{});
    const std::vector<double> p = probabilities(model, shown);
    ASSERT_EQ(p.size(), expected.size());
    for (std::size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], expected[i], 1e-7) << name << " " << i;
  }
}

// Multiplying a column by s and dividing its penalty's unit by s cannot be had from outside, but probabilities must not
// depend on how hard the scale makes the problem: with columns this large the penalty is nothing, and shifts are free.
TEST(LogisticRegression, TakesAnyScale) {
  const Sample sample = goldenSample();
  const std::vector<std::int64_t> labels = labelsOf(sample.train(), 1);
  std::vector<double> expected;
  for (const double scale : {1e4, 1e7, 1e12, 1e20}) {
    std::vector<double> codes = sample.codes;
    for (double& code : codes) code = scale * (code + 3);
    const FeatureView x{codes.data(), kTrain, 7};
    const std::vector<double> p = probabilities(fitLogisticRegression(x, labels, Context{}), {codes.data(), 25, 7});
    if (expected.empty()) expected = p;
    for (std::size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(p[i], expected[i], 1e-6) << scale;
  }
  std::vector<double> mixed = sample.codes;
  for (std::size_t i = 0; i < mixed.size(); ++i) mixed[i] *= std::pow(10.0, 6.0 * static_cast<double>(i % 7) - 18);
  EXPECT_NO_THROW(fitLogisticRegression({mixed.data(), kTrain, 7}, labels, Context{}));
}

TEST(LogisticRegression, RefusesWhatWouldNotFitInMemory) {
  const std::vector<double> x(900 * 10, 1.0);
  std::vector<std::int64_t> labels(900);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i);
  testing::expectError(ErrorKind::BadFile, "parameters", [&] {
    fitLogisticRegression({x.data(), 900, 10}, labels, {});
  });
}

// At the optimum the residuals balance the penalty; nothing else defines the solution.
TEST(LogisticRegression, IsAtItsOptimum) {
  const Sample sample = goldenSample();
  const FeatureView x = featuresOf(sample.train());
  for (const double cost : {1.0, 0.01}) {
    const std::vector<std::int64_t> labels = labelsOf(sample.train(), 0);
    const LinearClassifier model = fitLogisticRegression(x, labels, Context{}, cost);
    const std::vector<double> p = probabilities(model, x);
    double interceptSum = 0;
    for (std::size_t c = 0; c < 8; ++c) {
      std::vector<double> gradient(8, 0.0);
      for (std::size_t i = 0; i < x.count; ++i) {
        const double residual = p[i * 8 + c] - (labels[i] == model.classes[c] ? 1.0 : 0.0);
        for (std::size_t d = 0; d < 7; ++d) gradient[d] += cost * residual * x.values[i * 7 + d];
        gradient[7] += cost * residual;
      }
      for (std::size_t d = 0; d < 7; ++d) EXPECT_NEAR(gradient[d] + model.weights[c * 7 + d], 0.0, 1e-7);
      EXPECT_NEAR(gradient[7], 0.0, 1e-7);
      interceptSum += model.intercepts[c];
    }
    EXPECT_NEAR(interceptSum, 0.0, 1e-8);
  }
}

TEST(LogisticRegression, WithoutFeaturesGivesTheClassesShares) {
  const std::vector<std::int64_t> labels{5, -2, 5, 9, 5, 9};
  const LinearClassifier model = fitLogisticRegression({nullptr, 6, 0}, labels, Context{});
  EXPECT_EQ(model.classes, (std::vector<std::int64_t>{-2, 5, 9}));
  const std::vector<double> p = probabilities(model, {nullptr, 1, 0});
  EXPECT_NEAR(p[0], 1. / 6, 1e-9);
  EXPECT_NEAR(p[1], 3. / 6, 1e-9);
  EXPECT_NEAR(p[2], 2. / 6, 1e-9);
  EXPECT_EQ(predictions(model, {nullptr, 2, 0}), (std::vector<std::int64_t>{5, 5}));
}

TEST(LogisticRegression, ConvergesOnSeparableAndBadlyScaledFeatures) {
  std::vector<double> x;
  std::vector<std::int64_t> labels;
  for (int i = 0; i < 400; ++i) {
    labels.push_back(i % 4);
    x.push_back(1e4 * (i % 4) + i % 7);
    x.push_back(1e-4 * (i % 3));
  }
  const FeatureView view{x.data(), 400, 2};
  EXPECT_EQ(accuracy(predictions(fitLogisticRegression(view, labels, Context{}), view), labels), 1.0);
}

TEST(LinearSvm, AgreesWithScikitLearn) {
  const Sample sample = goldenSample();
  for (const auto& [name, factor] : {std::pair{"many", 1}, {"binary", 3}}) {
    const nlohmann::json expected = goldenScores()["classifiers"][name];
    const LinearClassifier model =
        fitLinearSvm(featuresOf(sample.train()), labelsOf(sample.train(), static_cast<std::uint64_t>(factor)));
    // scikit-learn keeps the second class's function where there are two.
    const std::vector<double> weights = expected["svm_weights"];
    const std::vector<double> intercepts = expected["svm_intercepts"];
    const std::size_t first = model.classes.size() - intercepts.size();
    for (std::size_t c = 0; c < intercepts.size(); ++c) {
      for (std::size_t d = 0; d < 7; ++d) {
        EXPECT_NEAR(model.weights[(first + c) * 7 + d], weights[c * 7 + d], 1e-6) << name;
      }
      EXPECT_NEAR(model.intercepts[first + c], intercepts[c], 1e-6) << name;
    }
  }
}

TEST(LinearSvm, TwoClassesMirrorEachOther) {
  const std::vector<double> x{-2, -1.5, -1, 1, 1.5, 2, 2.5, 3};
  for (const std::vector<std::int64_t>& labels :
       {std::vector<std::int64_t>{0, 0, 0, 1, 1, 1, 1, 1}, std::vector<std::int64_t>{1, 1, 1, 0, 0, 0, 0, 0}}) {
    const LinearClassifier model = fitLinearSvm({x.data(), 8, 1}, labels);
    EXPECT_EQ(model.weights[0], -model.weights[1]);
    EXPECT_EQ(model.intercepts[0], -model.intercepts[1]);
    EXPECT_EQ(predictions(model, {x.data(), 8, 1}), labels);
  }
}

TEST(LinearSvm, SeveralThreadsFitAsOne) {
  const Sample sample = goldenSample();
  const LinearClassifier alone = fitLinearSvm(featuresOf(sample.train()), labelsOf(sample.train(), 0));
  std::vector<LinearClassifier> together(4);
  std::vector<std::thread> threads;
  for (LinearClassifier& model : together) {
    threads.emplace_back([&] { model = fitLinearSvm(featuresOf(sample.train()), labelsOf(sample.train(), 0)); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const LinearClassifier& model : together) {
    EXPECT_EQ(model.weights, alone.weights);
    EXPECT_EQ(model.intercepts, alone.intercepts);
  }
}

TEST(LinearClassifiers, PrintNothing) {
  const Sample sample = goldenSample();
  ::testing::internal::CaptureStdout();
  fitLinearSvm(featuresOf(sample.train()), labelsOf(sample.train(), 0));
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

TEST(LinearClassifiers, NeedTwoClasses) {
  const std::vector<double> x{1, 2, 3};
  testing::expectError(ErrorKind::BadFile, "1 class", [&] {
    fitLogisticRegression({x.data(), 3, 1}, {4, 4, 4}, Context{});
  });
  testing::expectError(ErrorKind::BadFile, "1 class", [&] { fitLinearSvm({x.data(), 3, 1}, {4, 4, 4}); });
}

}  // namespace
}  // namespace offaxis
