#include "learn/objectives.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "learn/trainer.h"

namespace offaxis {
namespace {

using torch::Tensor;

Tensor matrix(const std::vector<std::vector<double>>& rows) {
  Tensor result = torch::empty({static_cast<long>(rows.size()), static_cast<long>(rows[0].size())}, torch::kFloat64);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows[i].size(); ++j) result[static_cast<long>(i)][static_cast<long>(j)] = rows[i][j];
  }
  return result;
}

// The definition, term by term.
double totalCorrelationByHand(const Tensor& z, const Tensor& mu, const Tensor& logVariance) {
  const long n = z.size(0), l = z.size(1);
  double sum = 0;
  for (long i = 0; i < n; ++i) {
    double joint = 0;
    std::vector<double> marginal(static_cast<std::size_t>(l));
    for (long k = 0; k < n; ++k) {
      double product = 1;
      for (long j = 0; j < l; ++j) {
        const double variance = std::exp(logVariance[k][j].item<double>());
        const double distance = z[i][j].item<double>() - mu[k][j].item<double>();
        const double density = std::exp(-distance * distance / (2 * variance)) / std::sqrt(2 * M_PI * variance);
        product *= density;
        marginal[static_cast<std::size_t>(j)] += density / static_cast<double>(n);
      }
      joint += product / static_cast<double>(n);
    }
    sum += std::log(joint);
    for (const double m : marginal) sum -= std::log(m);
  }
  return sum / static_cast<double>(n);
}

TEST(TotalCorrelation, FollowsItsDefinition) {
  const Tensor mu = matrix({{0, 1, -1}, {.5, -1, 2}, {-1, .2, .3}, {2, 2, -.5}});
  const Tensor logVariance = matrix({{0, -1, -2}, {.3, 0, -1}, {-3, -.2, 0}, {-1, -1, -1}});
  const Tensor z = mu + matrix({{.3, -.1, .2}, {-.4, .5, 0}, {.1, .1, -.9}, {0, -.3, .4}});
  EXPECT_NEAR(totalCorrelation(z, mu, logVariance).item<double>(), totalCorrelationByHand(z, mu, logVariance), 1e-9);
}

// Far apart clusters: two latents that say the same thing share log 4, a grid of two independent ones share nothing.
TEST(TotalCorrelation, KnowsCopiesFromIndependence) {
  const Tensor narrow = torch::full({4, 2}, -6.0, torch::kFloat64);
  const Tensor copies = matrix({{0, 0}, {10, 10}, {20, 20}, {30, 30}});
  EXPECT_NEAR(totalCorrelation(copies, copies, narrow).item<double>(), std::log(4.0), 1e-6);
  const Tensor grid = matrix({{0, 0}, {0, 10}, {10, 0}, {10, 10}});
  EXPECT_NEAR(totalCorrelation(grid, grid, narrow).item<double>(), 0, 1e-6);
}

TEST(TotalCorrelation, GradientAgreesWithDifferences) {
  Tensor mu = matrix({{0, 1}, {.5, -1}, {-1, .2}}).requires_grad_();
  Tensor logVariance = matrix({{0, -1}, {.3, 0}, {-1, -.2}}).requires_grad_();
  const Tensor eta = matrix({{.3, -.4}, {1, .2}, {-.7, .5}});
  const auto value = [&] { return totalCorrelation(mu + (0.5 * logVariance).exp() * eta, mu, logVariance); };
  value().backward();
  for (Tensor* leaf : {&mu, &logVariance}) {
    const Tensor gradient = leaf->grad().clone();
    const torch::NoGradGuard noGrad;
    for (long i = 0; i < 3; ++i) {
      for (long j = 0; j < 2; ++j) {
        constexpr double kStep = 1e-5;
        (*leaf)[i][j] += kStep;
        const double above = value().item<double>();
        (*leaf)[i][j] -= 2 * kStep;
        const double below = value().item<double>();
        (*leaf)[i][j] += kStep;
        EXPECT_NEAR(gradient[i][j].item<double>(), (above - below) / (2 * kStep), 1e-7);
      }
    }
  }
}

// beta-TCVAE is the VAE with (beta - 1) times the total correlation on top; at beta 1 they are one.
TEST(Objectives, BetaTcVaeAddsToTheVae) {
  const NetSettings settings = NetSettings::preset("conv32", {32, 32, 1}, 3);
  Encoder encoder(settings);
  Decoder decoder(settings);
  initialise(*encoder, "encoder", 1);
  initialise(*decoder, "decoder", 1);
  {
    const torch::NoGradGuard noGrad;  // codes that depend on the image, or there is nothing to correlate
    for (Tensor& parameter : encoder->parameters()) parameter.mul_(2.5);
  }
  torch::manual_seed(0);
  const Batch batch{torch::rand({8, 1, 32, 32}), torch::randn({8, 3})};
  const auto total = [&](const char* model, double beta) {
    return makeObjective(model, {PixelLoss::SquaredError, beta})
        ->evaluate(encoder, decoder, batch)
        .total.item<double>();
  };
  EXPECT_DOUBLE_EQ(total("beta-tcvae", 1), total("beta-vae", 1));
  const auto [mu, logVariance] = encoder->forward(batch.images);
  const double tc = totalCorrelation(mu + (0.5 * logVariance).exp() * batch.eta, mu, logVariance).item<double>();
  EXPECT_NEAR(total("beta-tcvae", 5) - total("beta-tcvae", 1), 4 * tc, 1e-2 * std::fabs(tc));
  EXPECT_GT(tc, .1);
  EXPECT_THROW(makeObjective("beta-tcvae", {PixelLoss::SquaredError, .5}), Error);
}

// At its start PCL's regression is minus the sum of absolute changes, whatever else it will learn.
TEST(Objectives, PclTellsSuccessorsByTheirChanges) {
  const NetSettings settings = NetSettings::preset("conv32", {32, 32, 1}, 3);
  Encoder encoder(settings);
  Decoder decoder(settings);
  initialise(*encoder, "encoder", 1);
  torch::manual_seed(0);
  const Batch batch{torch::rand({4, 1, 32, 32}), torch::zeros({4, 3}), torch::rand({4, 1, 32, 32})};
  const std::unique_ptr<Objective> pcl = makeObjective("pcl", {PixelLoss::Bernoulli, 1, 3});
  ASSERT_TRUE(pcl->needsPairs());
  EXPECT_FALSE(isVariational("pcl"));
  const Tensor now = encoder->forward(batch.images).first, next = encoder->forward(batch.following).first;
  double expected = 0;
  for (long i = 0; i < 4; ++i) {
    const double right = -(next[i] - now[i]).abs().sum().item<double>();
    const double wrong = -(next[(i + 3) % 4] - now[i]).abs().sum().item<double>();
    expected += (std::log1p(std::exp(-right)) + std::log1p(std::exp(wrong))) / 4;
  }
  const Losses losses = pcl->evaluate(encoder, decoder, batch);
  EXPECT_NEAR(losses.total.item<double>(), expected, 1e-5);
  EXPECT_EQ(losses.kl.item<double>(), 0);
  // All of the head is trained: each parameter has a slope once it has left its start.
  torch::nn::Module& head = *pcl->head();
  {
    const torch::NoGradGuard noGrad;
    for (Tensor& parameter : head.parameters()) parameter.add_(.1);
  }
  for (const Tensor& gradient :
       torch::autograd::grad({pcl->evaluate(encoder, decoder, batch).total}, head.parameters()))
    EXPECT_TRUE(gradient.ne(0).all().item<bool>());
}

TEST(Objectives, BernoulliAndSquaredErrorClosedForms) {
  const Tensor target = torch::full({2, 1, 1, 2}, .25), logits = torch::zeros({2, 1, 1, 2});
  EXPECT_NEAR(pixelLoss(PixelLoss::Bernoulli, logits, target).item<double>(), 2 * std::log(2.0), 1e-6);
  EXPECT_NEAR(pixelLoss(PixelLoss::SquaredError, logits, target).item<double>(), 2 * .0625, 1e-7);
  const Tensor kl = gaussianKl(matrix({{1, 0}}), matrix({{0, std::log(4.0)}}));
  EXPECT_NEAR(kl[0][0].item<double>(), .5, 1e-12);
  EXPECT_NEAR(kl[0][1].item<double>(), .5 * (4 - 1 - std::log(4.0)), 1e-12);
}

}  // namespace
}  // namespace offaxis
