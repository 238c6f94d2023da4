#include "learn/objectives.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/philox.h"
#include "learn/adam.h"
#include "learn/bernoulli.h"
#include "learn/trainer.h"
#include "storage/hash.h"

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
  EXPECT_FALSE(isVariational("no such model"));
  EXPECT_FALSE(isSupervised("no such model"));
  EXPECT_THROW(modelTraits("no such model"), Error);
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

// Against the definition in double precision, in both memory orders, and for as many pixels as leave a rest.
TEST(BernoulliLosses, AgreeWithTheDefinition) {
  torch::manual_seed(4);
  for (const auto order : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
    for (const long side : {1L, 5L, 24L}) {
      const Tensor logits = (4 * torch::randn({3, 3, side, side})).contiguous(order).requires_grad_();
      const Tensor target = torch::rand({3, 3, side, side});  // not in the order of the logits
      const Tensor x = logits.detach().to(torch::kFloat64), t = target.to(torch::kFloat64);
      const Tensor expected = (-t * x.sigmoid().log() - (1 - t) * (-x).sigmoid().log()).sum({1, 2, 3});
      const Tensor losses = bernoulliLosses(logits, target);
      EXPECT_LT(((losses - expected) / expected).abs().max().item<double>(), 1e-6);
      const Tensor weights = torch::tensor({1.f, -2.f, .5f});
      const Tensor gradient = torch::autograd::grad({(losses * weights).sum()}, {logits})[0];
      EXPECT_LT((gradient - (x.sigmoid() - t) * weights.view({3, 1, 1, 1})).abs().max().item<double>(), 5e-7);
    }
  }
}

TEST(BernoulliLosses, FarOutLogitsAreExact) {
  const Tensor logits =
      torch::tensor({0.f, 30.f, -30.f, 200.f, -200.f, 1e30f, -1e30f}).view({7, 1, 1, 1}).requires_grad_();
  const Tensor losses = bernoulliLosses(logits, torch::zeros({7, 1, 1, 1}));
  const std::vector<double> expected{std::log(2.0), 30, std::exp(-30.0), 200, 0, 1e30, 0};
  for (long i = 0; i < 7; ++i) {
    const double value = expected[static_cast<std::size_t>(i)];
    EXPECT_NEAR(losses[i].item<double>(), value, 1e-6 * value + 1e-15) << i;
  }
  const Tensor gradient = torch::autograd::grad({losses.sum()}, {logits})[0].flatten();
  EXPECT_NEAR(gradient[2].item<double>(), std::exp(-30.0), 1e-19) << "small probabilities keep their digits";
  EXPECT_EQ(gradient[5].item<float>(), 1.f);
  EXPECT_LT(gradient[6].item<float>(), 1e-37f);
  for (const float bad : {NAN, INFINITY, -INFINITY})
    EXPECT_FALSE(bernoulliLosses(torch::full({1, 1, 1, 1}, bad), torch::ones({1, 1, 1, 1})).isfinite().item<bool>() &&
                 bernoulliLosses(torch::full({1, 1, 1, 1}, bad), torch::zeros({1, 1, 1, 1})).isfinite().item<bool>())
        << bad;
}

// LibTorch's own, which other devices and types take.
TEST(BernoulliLosses, OtherTypesGiveTheSame) {
  torch::manual_seed(5);
  const Tensor logits = torch::randn({2, 1, 8, 8}), target = torch::rand({2, 1, 8, 8});
  const Tensor general = bernoulliLosses(logits.to(torch::kFloat64), target.to(torch::kFloat64));
  EXPECT_LT((bernoulliLosses(logits, target) - general).abs().max().item<double>(), 1e-4);
  EXPECT_THROW(bernoulliLosses(logits, torch::zeros({2, 1, 8, 7})), c10::Error);
  EXPECT_THROW(bernoulliLosses(logits, target.clone().requires_grad_()), c10::Error);
}

// Three steps by hand (Kingma and Ba, algorithm 1); the one pass over plain floats and the general operations.
// Uniform in [lowest,highest).
Tensor draws(const std::string& stream, std::vector<std::int64_t> shape, float lowest, float highest) {
  Tensor values = torch::empty(shape);
  std::vector<std::uint32_t> words(static_cast<std::size_t>(values.numel()));
  Philox(3, stream).fill(0, 0, words.data(), words.size());
  for (std::size_t i = 0; i < words.size(); ++i)
    values.data_ptr<float>()[i] = lowest + (highest - lowest) * static_cast<float>(words[i] >> 8) * 0x1p-24F;
  return values;
}

std::string hashOf(const Tensor& values) {
  const Tensor whole = values.contiguous();
  return toHex(sha256Of(whole.data_ptr<float>(), static_cast<std::size_t>(whole.numel()) * sizeof(float)));
}

// Of the compiler's clones for wider vectors each processor takes another one, and the sanitizers' builds have none.
TEST(BernoulliLosses, HaveTheSameBitsFromEveryClone) {
  Tensor logits = draws("logits", {5, 3, 21, 19}, -30, 30).requires_grad_();
  const Tensor losses = bernoulliLosses(logits, draws("target", {5, 3, 21, 19}, 0, 1));
  losses.sum().backward();
  EXPECT_EQ(hashOf(losses.detach()), "6b87892007d1eb8f5cc4999cf848a3c175def5950ea9307ca1a7f50fbb569df8");
  EXPECT_EQ(hashOf(logits.grad()), "f9f959f02b1fd47bc254b5e7786538201795f1ebfda2a977803f4ada968bf706");
}

TEST(Adam, HasTheSameBitsFromEveryClone) {
  const Tensor parameter = draws("parameter", {1001}, -1, 1).requires_grad_();
  Adam adam({parameter}, .01);
  for (const char* const step : {"first", "second", "third"}) adam.step({draws(step, {1001}, -2, 2)});
  EXPECT_EQ(hashOf(parameter.detach()), "13b3b78c2ffd2545df6e1c580b8efa31ac27e7eca32ce208e265c3e9ae2a4f67");
}

TEST(Adam, FollowsItsDefinition) {
  torch::manual_seed(6);
  const Tensor start = torch::randn({7, 5}, torch::kFloat64);
  std::vector<Tensor> gradients;
  for (int i = 0; i < 3; ++i) gradients.push_back(torch::randn({5, 7}, torch::kFloat64).t());  // not contiguous
  Tensor expected = start.clone(), first = torch::zeros_like(start), second = torch::zeros_like(start);
  for (int i = 0; i < 3; ++i) {
    const Tensor& g = gradients[static_cast<std::size_t>(i)];
    first = .9 * first + .1 * g;
    second = .999 * second + .001 * g * g;
    expected =
        expected - .01 * (first / (1 - std::pow(.9, i + 1))) / ((second / (1 - std::pow(.999, i + 1))).sqrt() + 1e-8);
  }
  for (const auto type : {torch::kFloat32, torch::kFloat64}) {
    const Tensor parameter = start.clone().to(type), untouched = start.clone().to(type);
    Adam adam({parameter, untouched}, .01);
    for (const Tensor& gradient : gradients) adam.step({gradient.to(type), {}});
    EXPECT_LT((parameter - expected).abs().max().item<double>(), type == torch::kFloat32 ? 1e-6 : 1e-9);
    EXPECT_TRUE(untouched.equal(start.to(type))) << "no gradient, no change";
  }
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
