#include "learn/perturbation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/content.h"
#include "learn/reference.h"
#include "storage/hash.h"
#include "storage/staged.h"
#include "variants/additive.h"
#include "variants/modified.h"
#include "variants/psi_network.h"

namespace offaxis {
namespace {

// 8x8 pixels, 2 channels: a bar of 2 rows in one, 2 columns in the other. `salt` makes another dataset of it.
class Bars : public Source {
 public:
  explicit Bars(std::uint8_t level = 255) : level_(level) {
    std::vector<double> six{0, 1, 2, 3, 4, 5};
    info_.dataset = "bars";
    info_.grid = FactorGrid({{"row", FactorKind::Ordinal, six}, {"column", FactorKind::Ordinal, six}});
    info_.shape = {8, 8, 2};
  }
  const SourceInfo& info() const override { return info_; }
  void read(std::uint64_t row, std::uint8_t* image) const override {
    const auto levels = info_.grid.levelsOf(row);
    for (std::uint32_t y = 0; y < 8; ++y) {
      for (std::uint32_t x = 0; x < 8; ++x) {
        *image++ = y >= levels[0] && y < levels[0] + 2 ? level_ : 0;
        *image++ = x >= levels[1] && x < levels[1] + 2 ? level_ : 0;
      }
    }
  }

 private:
  SourceInfo info_;
  std::uint8_t level_;
};

ManipulateSettings tiny() {
  ManipulateSettings s;
  s.eps = Budget::parse("0.2");
  s.rotation = "pairs";
  s.referenceChannels = {8};
  s.referenceDense = 16;
  s.psiChannels = {8};
  s.psiDense = 16;
  s.sigmaWidths = {8};
  s.ladder = {0.05, 0.3};
  s.batch = 8;
  s.warmupSteps = 30;
  s.psiSteps = 60;
  s.freshSteps = 30;
  s.measureRows = 64;
  s.device = "cpu";
  return s;
}

std::string freshDirectory(const std::string& name) {
  const auto path = std::filesystem::temp_directory_path() / "offaxis_perturbation_test" / name;
  std::filesystem::remove_all(path);
  return path.string();
}

ManipulateResult runTiny(const ManipulateSettings& settings, const std::string& directory, int threads = 1) {
  Context context;
  context.threads = threads;
  return manipulate(std::make_shared<Bars>(), settings, directory, context);
}

// Stops the run once `after` steps of this run of the program are done.
// Asks to stop once so many training steps were made.
class StopAfter : public Progress {
 public:
  StopAfter(CancelToken& token, std::uint64_t after) : token_(token), after_(after) {}
  void begin(const std::string&, std::uint64_t, const std::string& unit, std::uint64_t) override {
    training_ = unit == "steps";
  }
  void advance(std::uint64_t units) override {
    if (training_ && (done_ += units) == after_) token_.request();
  }
  void status(const std::string&) override {}
  void end() override {}
  void note(const std::string&) override {}

 private:
  CancelToken& token_;
  std::uint64_t after_;
  std::uint64_t done_ = 0;
  bool training_ = false;
};

ErrorKind kindOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind{};
}

torch::Tensor draws(const char* stream, at::IntArrayRef shape, double low, double high) {
  torch::Tensor t = torch::empty(shape, torch::kFloat64);
  const Philox philox(1, stream);
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    t.data_ptr<double>()[i] = low + (high - low) * philox.uniform(static_cast<std::uint64_t>(i));
  }
  return t;
}

// L_ent - L_dis as a function of m, the reconstructions held: the signal through the clip must be its slope wherever
// the clip does not act.
TEST(PsiObjectiveTest, GradientMatchesFiniteDifferences) {
  constexpr double kEps = 0.3;
  const torch::Tensor x = draws("x", {2, 1, 8, 8}, 0.0, 1.0);
  const torch::Tensor m = draws("m", {2, 1, 8, 8}, -1.0, 1.0);
  const torch::Tensor ent = draws("ent", {2, 1, 8, 8}, -0.2, 1.2);
  const torch::Tensor dis = draws("dis", {2, 1, 8, 8}, -0.2, 1.2);
  for (const PixelLoss loss : {PixelLoss::SquaredError, PixelLoss::Bernoulli}) {
    auto objective = [&](const torch::Tensor& at) {
      const torch::Tensor moved = perturbed(x, at, kEps);
      auto rec = [&](const torch::Tensor& output) {
        return loss == PixelLoss::SquaredError
                   ? (output - moved).square().sum()
                   : torch::binary_cross_entropy_with_logits(output, moved, {}, {}, at::Reduction::Sum);
      };
      return (rec(ent) - rec(dis)).item<double>();
    };
    const torch::Tensor gradient = throughClip(x, m, kEps, psiSignal(dis, ent, loss));
    const torch::Tensor free = x + kEps * m;
    int inside = 0, inwards = 0, outwards = 0;
    constexpr double kStep = 1e-5;
    for (std::int64_t i = 0; i < m.numel(); ++i) {
      torch::Tensor up = m.clone();
      torch::Tensor down = m.clone();
      up.view(-1)[i] += kStep;
      down.view(-1)[i] -= kStep;
      const double slope = (objective(up) - objective(down)) / (2 * kStep);
      const double got = gradient.view(-1)[i].item<double>();
      const double value = free.view(-1)[i].item<double>();
      if (value > 0.001 && value < 0.999) {
        EXPECT_NEAR(got, slope, 1e-6) << i;
        ++inside;
      } else if (value < -0.001 || value > 1.001) {
        EXPECT_NEAR(slope, 0.0, 1e-9) << "the clip is flat there";
        // What descent wants: up where the gradient is negative.
        const double unclipped = kEps * psiSignal(dis, ent, loss).view(-1)[i].item<double>();
        const bool inward = value > 1.0 ? unclipped > 0 : unclipped < 0;
        EXPECT_EQ(got, inward ? unclipped : 0.0) << i;
        ++(inward ? inwards : outwards);
      }
    }
    EXPECT_GT(inside, 50);
    EXPECT_GT(inwards, 3);
    EXPECT_GT(outwards, 3);
  }
}

TEST(PsiObjectiveTest, ASaturatedPixelFindsItsWayBack) {
  const torch::Tensor m = torch::tensor({0.999, 0.999, -0.999, 0.2}, torch::kFloat64);
  const torch::Tensor gradient = torch::tensor({1.0, -1.0, -2.0, 3.0}, torch::kFloat64);
  const torch::Tensor plain = throughTanh(m, gradient, 0.0);
  EXPECT_TRUE(plain.allclose(gradient * (1.0 - m.square())));
  const torch::Tensor eased = throughTanh(m, gradient, 0.1);
  EXPECT_NEAR(eased[0].item<double>(), 0.1, 1e-12);  // descent lowers m: inwards
  EXPECT_EQ(eased[1].item<double>(), plain[1].item<double>());
  EXPECT_NEAR(eased[2].item<double>(), -0.2, 1e-12);
  EXPECT_EQ(eased[3].item<double>(), plain[3].item<double>()) << "steeper than the least slope already";
}

TEST(ReferenceModelTest, LossesAreWhatTheyAreSaidToBe) {
  const ManipulateSettings s = tiny();
  ReferenceModel model({{8, 8, 2}, 2, s.referenceChannels, {}, s.referenceDense}, s, torch::Tensor(), torch::kCPU);
  model.initialise("test", 3);
  const auto f32 = [](const torch::Tensor& t) { return t.to(torch::kFloat32); };
  const torch::Tensor w = f32(draws("w", {4, 2}, -1.5, 1.5));
  const torch::Tensor eta = f32(draws("eta", {3, 4, 2}, -1.0, 1.0));
  const torch::Tensor target = f32(draws("target", {4, 2, 8, 8}, 0.0, 1.0));
  const ReferenceModel::Step all = model.run(w, eta, target, 1.0, false);
  // Draw by draw: the means must be the means.
  torch::Tensor rec = torch::zeros({4});
  torch::Tensor image = torch::zeros({4, 2, 8, 8});
  for (std::int64_t d = 0; d < 3; ++d) {
    const ReferenceModel::Step one = model.run(w, eta.slice(0, d, d + 1), target, 1.0, false);
    EXPECT_TRUE(one.rec.allclose((one.reconstruction - target).square().sum({1, 2, 3}), 1e-5));
    rec += one.rec / 3;
    image += one.reconstruction / 3;
  }
  EXPECT_TRUE(all.rec.allclose(rec, 1e-5));
  EXPECT_TRUE(all.reconstruction.allclose(image, 1e-4, 1e-5));
  EXPECT_TRUE(all.kl.ge(0).all().item<bool>());
  // Training lowers what it says it lowers.
  const double before = (all.rec + 0.5 * all.kl).mean().item<double>();
  for (int i = 0; i < 60; ++i) model.run(w, eta, target, 0.5, true);
  const ReferenceModel::Step after = model.run(w, eta, target, 0.5, false);
  EXPECT_LT((after.rec + 0.5 * after.kl).mean().item<double>(), 0.8 * before);
}

TEST(ManipulateTest, IsTheSameAgainWhateverTheThreadsAndInterruptions) {
  ManipulateSettings s = tiny();
  s.restartEvery = 20;
  s.ensemble = 2;
  const std::string whole = freshDirectory("whole");
  const ManipulateResult result = runTiny(s, whole);
  EXPECT_FALSE(std::filesystem::exists(whole + "/checkpoint.h5"));
  const Digest expected = sha256OfFile(result.psiPath);

  const std::string threaded = freshDirectory("threaded");
  EXPECT_EQ(sha256OfFile(runTiny(s, threaded, 3).psiPath), expected);

  // Stopped in each phase, and each time gone on from what the last stop left.
  const std::string pieces = freshDirectory("pieces");
  for (const std::uint64_t steps : {10, 37, 30, 29}) {  // ends at 10 (warm-up), 47 and 77 (psi), 106 (fresh)
    CancelToken token;
    StopAfter progress(token, steps);
    Context context;
    context.cancel = &token;
    context.progress = &progress;
    EXPECT_EQ(kindOf([&] { manipulate(std::make_shared<Bars>(), s, pieces, context); }), ErrorKind::Interrupted);
    EXPECT_FALSE(std::filesystem::exists(pieces + "/psi.h5"));
  }
  const ManipulateResult resumed = runTiny(s, pieces);
  EXPECT_TRUE(resumed.resumed);
  EXPECT_EQ(sha256OfFile(resumed.psiPath), expected);
  ASSERT_EQ(resumed.modified.size(), 2u);
  for (std::size_t r = 0; r < 2; ++r) {
    EXPECT_EQ(resumed.original[r].disentangled.objective, result.original[r].disentangled.objective);
    EXPECT_EQ(resumed.modified[r].entangled.objective, result.modified[r].entangled.objective);
  }

  const ManipulateResult again = runTiny(s, whole);
  EXPECT_TRUE(again.alreadyDone);
  EXPECT_EQ(again.modified[1].entangled.rec, result.modified[1].entangled.rec);
}

TEST(ManipulateTest, PsiMovesItsObjectiveItsWay) {
  ManipulateSettings s = tiny();
  s.warmupSteps = s.freshSteps = 80;
  s.psiSteps = 160;
  s.psiRate = 2e-3;
  s.rate = 3e-3;
  auto gap = [](const ManipulateResult& r) { return r.modified[1].entangled.rec - r.modified[1].disentangled.rec; };
  const ManipulateResult towards = runTiny(s, freshDirectory("towards"));
  s.sign = -1;
  const ManipulateResult away = runTiny(s, freshDirectory("away"));
  EXPECT_LT(gap(towards), gap(away)) << "L_ent - L_dis on fresh models: psi against its sign-flipped twin";
  EXPECT_GT(towards.meanDelta, 0.005);
}

// Without noise a decoder undoes any rotation: there is nothing for psi to follow (the degeneracy that noise lifts).
TEST(ManipulateTest, HasNoSignalWithoutNoise) {
  ManipulateSettings s = tiny();
  s.draws = 0;
  const ManipulateResult trained = runTiny(s, freshDirectory("silent"));
  for (const RungMeasure& rung : {trained.original[0], trained.original[1], trained.modified[0], trained.modified[1]}) {
    EXPECT_EQ(rung.entangled.rec, rung.disentangled.rec);
    EXPECT_GT(rung.entangled.rec, 0);
  }
  ManipulateSettings still = s;
  still.psiSteps = 0;
  const PsiNetwork started = PsiNetwork::load(runTiny(still, freshDirectory("started")).psiPath);
  const PsiNetwork ended = PsiNetwork::load(trained.psiPath);
  for (std::size_t l = 0; l < started.layers.size(); ++l) EXPECT_EQ(started.layers[l].weight, ended.layers[l].weight);
}

// Every member's signal counts: psi of two members is neither the first one's nor free of it.
TEST(ManipulateTest, FollowsTheMeanOfAnEnsemble) {
  ManipulateSettings s = tiny();
  const ManipulateResult one = runTiny(s, freshDirectory("one"));
  s.ensemble = 2;
  const ManipulateResult two = runTiny(s, freshDirectory("two"));
  EXPECT_NE(sha256OfFile(one.psiPath), sha256OfFile(two.psiPath));
  // Reference models of the original: the mean of the first one's losses and another's like it.
  for (std::size_t r = 0; r < 2; ++r) {
    EXPECT_NE(two.original[r].entangled.rec, one.original[r].entangled.rec);
    EXPECT_NEAR(two.original[r].entangled.rec, one.original[r].entangled.rec, 0.3 * one.original[r].entangled.rec);
    EXPECT_NEAR(two.original[r].entangled.objective,
                two.original[r].entangled.rec + two.original[r].weight * two.original[r].entangled.kl, 1e-9);
  }
}

TEST(ManipulateTest, ShowsPsiTheInputsThatWereChosen) {
  ManipulateSettings s = tiny();
  s.warmupSteps = s.psiSteps = s.freshSteps = 5;
  s.inputs = "factors";
  const PsiNetwork factors = PsiNetwork::load(runTiny(s, freshDirectory("factors")).psiPath);
  EXPECT_EQ(factors.features.count(), 2u);
  s.inputs = "one-hot";
  const PsiNetwork oneHot = PsiNetwork::load(runTiny(s, freshDirectory("one-hot")).psiPath);
  EXPECT_TRUE(oneHot.features.oneHot);
  EXPECT_EQ(oneHot.features.count(), 12u);
  EXPECT_NE(oneHot.provenance.find("\"inputs\":\"one-hot\""), std::string::npos);
}

TEST(ManipulateTest, WritesAPsiThatNamesItsDataset) {
  const ManipulateSettings s = tiny();
  const ManipulateResult result = runTiny(s, freshDirectory("named"));
  const PsiNetwork psi = PsiNetwork::load(result.psiPath);
  EXPECT_EQ(psi.dataset, "bars");
  EXPECT_EQ(psi.fingerprint, fingerprint(Bars()));
  EXPECT_EQ(psi.budget.text(), "0.2");
  EXPECT_EQ(psi.side(), 8u);
  EXPECT_NE(psi.provenance.find("\"warmup_steps\":30"), std::string::npos);
  EXPECT_LT(result.quantisationMean, 0.5);
  ASSERT_EQ(result.deltaSpectrum.size(), 4u);  // 1, 2, 4 and 8 pixels
  EXPECT_NEAR(std::accumulate(result.deltaSpectrum.begin(), result.deltaSpectrum.end(), 0.0), 1.0, 1e-9);
}

TEST(ManipulateTest, CurvesSayWhatHappensToTheBudgetAndTheObjective) {
  ManipulateSettings s = tiny();
  s.warmupSteps = 50;  // points of the curves come every 50 steps
  s.psiSteps = 100;
  const ManipulateResult result = runTiny(s, freshDirectory("curves"));
  const nlohmann::json log = nlohmann::json::parse(readTextFile(result.logPath));
  ASSERT_GE(log.at("curves").size(), 3u);
  for (const nlohmann::json& point : log.at("curves")) {
    const bool psi = point.at("phase") == "psi";
    EXPECT_EQ(point.at("mean_abs_m").get<double>() > 0, psi);
    EXPECT_LE(point.at("saturated_share").get<double>(), 1);
    EXPECT_EQ(point.at("clipped_share").get<double>() > 0, psi) << "the bars are 0 and 255: every outward move is cut";
    EXPECT_EQ(point.at("rungs").size(), s.ladder.size());
    for (std::size_t r = 0; r < s.ladder.size(); ++r) {
      const nlohmann::json& rung = point.at("rungs").at(r);
      const double weight = log.at("original").at(r).at("kl_weight");
      EXPECT_NEAR(rung.at("J_ent_minus_J_dis").get<double>(),
                  rung.at("L_ent").get<double>() - rung.at("L_dis").get<double>() +
                      weight * (rung.at("KL_ent").get<double>() - rung.at("KL_dis").get<double>()),
                  1e-9);
    }
  }
}

TEST(MeasureReferencesTest, SaysWhatManipulateSaysOfTheOriginal) {
  const ManipulateSettings s = tiny();
  const ManipulateResult made = runTiny(s, freshDirectory("measured"));
  const SourcePtr bars = std::make_shared<Bars>();
  const std::vector<RungMeasure> original = measureReferences(bars, s, Context{});
  const std::vector<RungMeasure> modified = measureReferences(withPsi(bars, made.psiPath), s, Context{});
  ASSERT_EQ(original.size(), 2u);
  for (std::size_t r = 0; r < 2; ++r) {
    EXPECT_EQ(original[r].entangled.objective, made.original[r].entangled.objective);
    EXPECT_EQ(original[r].objectiveGapError, made.original[r].objectiveGapError);
    EXPECT_EQ(modified[r].weight, original[r].weight) << "of the original, whatever the variant";
    EXPECT_NE(modified[r].entangled.rec, original[r].entangled.rec);
  }
  EXPECT_EQ(kindOf([&] { manipulate(withPsi(bars, made.psiPath), s, freshDirectory("twice"), Context{}); }),
            ErrorKind::Usage);
}

TEST(ManipulateTest, NamesTheSettingThatDiffersOnEitherSide) {
  ManipulateSettings s = tiny();
  s.warmupSteps = s.psiSteps = s.freshSteps = 2;
  const std::string directory = freshDirectory("settings");
  s.ensemble = 2;
  runTiny(s, directory);
  s.ensemble = 1;
  try {
    runTiny(s, directory);
    FAIL() << "the directory holds another run";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ensemble is 2 there, not set here"), std::string::npos) << error.what();
  }
}

TEST(ManipulateTest, RefusesWhatDoesNotFit) {
  const ManipulateSettings s = tiny();
  const std::string directory = freshDirectory("refuse");
  CancelToken token;
  StopAfter progress(token, 5);
  Context context;
  context.cancel = &token;
  context.progress = &progress;
  EXPECT_EQ(kindOf([&] { manipulate(std::make_shared<Bars>(), s, directory, context); }), ErrorKind::Interrupted);

  ManipulateSettings other = s;
  other.seed = 9;
  EXPECT_EQ(kindOf([&] { runTiny(other, directory); }), ErrorKind::BadFile);
  EXPECT_EQ(kindOf([&] { manipulate(std::make_shared<Bars>(200), s, directory, Context{}); }), ErrorKind::BadFile);
  std::ofstream(directory + "/checkpoint.h5", std::ios::binary | std::ios::trunc) << "torn";
  EXPECT_EQ(kindOf([&] { runTiny(s, directory); }), ErrorKind::BadFile);
  std::filesystem::remove_all(directory);  // as the hint says
  EXPECT_EQ(kindOf([&] { runTiny(other, directory); }), ErrorKind{});

  auto refused = [](const std::function<void(ManipulateSettings&)>& change) {
    ManipulateSettings bad = tiny();
    change(bad);
    const std::string run = freshDirectory("bad");
    const ErrorKind kind = kindOf([&] { runTiny(bad, run); });
    EXPECT_TRUE(kind != ErrorKind::Usage || !std::filesystem::exists(run)) << "said before any work";
    return kind;
  };
  EXPECT_EQ(refused([](auto& b) { b.psiChannels = {8, 8}; }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.ladder.clear(); }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.sign = 0; }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.loss = "hinge"; }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.inputs = "pixels"; }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.ensemble = 0; }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.harmonics = {2000}; }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.harmonics.assign(65, 1.0); }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.inwardSlope = 2; }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.rotation = "pairs:row,hue"; }), ErrorKind::Usage);
  EXPECT_EQ(refused([](auto& b) { b.rate = 1e30; }), ErrorKind::Failed);
}

// 8x8 pixels, 3 channels: two hues of six levels, one in the upper rows, one in the lower, each as a circle of colours,
// and `tint` times the other's circle on top.
class Hues : public Source {
 public:
  explicit Hues(double tint) : tint_(tint) {
    const std::vector<double> six{0, 1, 2, 3, 4, 5};
    info_.dataset = "hues";
    info_.grid = FactorGrid({{"upper", FactorKind::Cyclic, six}, {"lower", FactorKind::Cyclic, six}});
    info_.shape = {8, 8, 3};
  }
  const SourceInfo& info() const override { return info_; }
  void read(std::uint64_t row, std::uint8_t* image) const override {
    const auto levels = info_.grid.levelsOf(row);
    for (std::uint32_t y = 0; y < 8; ++y) {
      for (std::uint32_t x = 0; x < 8; ++x) {
        for (int c = 0; c < 3; ++c) {
          const double own = colour(levels[y < 4 ? 0 : 1], c);
          const double other = colour(levels[y < 4 ? 1 : 0], c);
          *image++ = static_cast<std::uint8_t>(std::lround(127.5 + 80.0 * (own + tint_ * other)));
        }
      }
    }
  }

 private:
  static double colour(std::uint32_t level, int channel) { return std::cos(2 * M_PI * (level / 6.0 - channel / 3.0)); }
  SourceInfo info_;
  double tint_;
};

// Two circles that show equally strongly have no preferred axes; a little of each in the other's place makes sums and
// differences cheaper than the factors. Models that are handed angles see that, models that are handed levels do not.
TEST(ManipulateTest, AnglesShowWhatATintDoes) {
  ManipulateSettings s = tiny();
  s.ladder = {0.1};
  s.warmupSteps = 400;
  s.measureRows = 128;
  auto gap = [&](const char* codes, double tint) {
    s.codes = codes;
    const RungMeasure rung = measureReferences(std::make_shared<Hues>(tint), s, {}).at(0);
    return (rung.entangled.objective - rung.disentangled.objective) / rung.weight;
  };
  const double none = gap("angles", 0.0);
  const double some = gap("angles", 0.3);
  EXPECT_LT(some, -0.1);
  EXPECT_GT(none, some + 0.1);
  EXPECT_GT(gap("levels", 0.3), some + 0.1);
  s.codes = "degrees";
  EXPECT_EQ(kindOf([&] { measureReferences(std::make_shared<Hues>(0.0), s, {}); }), ErrorKind::Usage);
}

TEST(ManipulateTest, EnergyHasItsPrice) {
  ManipulateSettings s = tiny();
  s.psiSteps = 150;
  s.psiRate = 5e-3;
  const double free = runTiny(s, freshDirectory("energy-free")).meanDelta;
  s.energy = 300;
  const double dear = runTiny(s, freshDirectory("energy-dear")).meanDelta;
  EXPECT_GT(free, 0.03);
  EXPECT_LT(dear, 0.5 * free);
}

// The price of coming near a rival, by its slope; nothing where all rivals are far or the same image.
TEST(PsiObjectiveTest, SeparationsGradientMatchesFiniteDifferences) {
  constexpr double kLimit = 0.5;
  const torch::Tensor x = draws("x", {3, 2, 4, 4}, 0.0, 1.0);
  torch::Tensor rivals = draws("rivals", {3, 2, 4, 4}, 0.0, 1.0);
  rivals[2] = x[2];
  torch::Tensor target = x + 0.1 * draws("delta", {3, 2, 4, 4}, -1.0, 1.0);
  target[0] += 0.4 * (rivals[0] - x[0]);
  auto price = [&](const torch::Tensor& at) {
    const torch::Tensor apart = rivals - x;
    const torch::Tensor ratio = (2 * (at - x) * apart).sum({1, 2, 3}) / (apart * apart).sum({1, 2, 3});
    return (ratio - kLimit).nan_to_num(0.0).clamp_min(0).sum().item<double>();
  };
  const torch::Tensor gradient = separationSignal(x, target, rivals, kLimit);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    torch::Tensor up = target.clone();
    torch::Tensor down = target.clone();
    up.view(-1)[i] += 1e-6;
    down.view(-1)[i] -= 1e-6;
    ASSERT_NEAR(gradient.view(-1)[i].item<double>(), (price(up) - price(down)) / 2e-6, 1e-6) << i;
  }
  EXPECT_GT(gradient[0].abs().max().item<double>(), 0.01);
  EXPECT_EQ(gradient[1].abs().max().item<double>(), 0.0);
  EXPECT_EQ(gradient[2].abs().max().item<double>(), 0.0);
}

// Images that are no nearer to their own original than to that of a neighbouring level.
std::size_t carriedAway(const Source& original, const Source& modified) {
  const FactorGrid& grid = original.info().grid;
  std::vector<std::uint8_t> own(original.info().shape.bytes()), rival(own.size()), image(own.size());
  auto distance = [&](const std::vector<std::uint8_t>& other) {
    std::int64_t sum = 0;
    for (std::size_t p = 0; p < image.size(); ++p) sum += (image[p] - other[p]) * (image[p] - other[p]);
    return sum;
  };
  std::size_t count = 0;
  for (std::uint64_t row = 0; row < original.size(); ++row) {
    original.read(row, own.data());
    modified.read(row, image.data());
    bool near = false;
    for (std::size_t k = 0; k < grid.factorCount(); ++k) {
      for (const int step : {-1, 1}) {
        auto levels = grid.levelsOf(row);
        const int level = static_cast<int>(levels[k]) + step;
        if (level < 0 || level >= static_cast<int>(grid.factors()[k].size())) continue;
        levels[k] = static_cast<std::uint32_t>(level);
        original.read(grid.indexOf(levels), rival.data());
        near = near || distance(rival) <= distance(own);
      }
    }
    count += near;
  }
  return count;
}

// Mean |x' - x| on [0,1] pixels over the rows that manipulate() measures.
double meanChange(const Source& original, const Source& modified, const ManipulateSettings& s) {
  const Philox rows(s.seed, "manipulate:measure");
  const std::size_t bytes = original.info().shape.bytes();
  std::vector<std::uint8_t> before(bytes), after(bytes);
  double sum = 0;
  for (std::uint64_t i = 0; i < s.measureRows; ++i) {
    const std::uint64_t row = rows.below(original.size(), i);
    original.read(row, before.data());
    modified.read(row, after.data());
    for (std::size_t p = 0; p < bytes; ++p) sum += std::abs(after[p] - before[p]);
  }
  return sum / 255.0 / static_cast<double>(s.measureRows * bytes);
}

TEST(ManipulateTest, SeparationKeepsImagesNearestToTheirOwnFactors) {
  ManipulateSettings s = tiny();
  s.psiSteps = 200;
  s.psiRate = 5e-3;
  const auto bars = std::make_shared<Bars>(std::uint8_t{60});  // faint: the budget of 51 levels reaches the neighbours
  auto carried = [&](const char* name) {
    const std::string directory = freshDirectory(name);
    return carriedAway(*bars, *withPsi(bars, manipulate(bars, s, directory, {}).psiPath));
  };
  const std::size_t free = carried("separation-free");
  s.separation = 100;
  const std::size_t held = carried("separation-held");
  EXPECT_GE(free, 3u);
  EXPECT_LE(held, free / 5);
}

TEST(ManipulateTest, RestrainingLeavesNoImageNearerToOtherFactors) {
  for (const std::string scope : {"images", "pixels"}) {
    SCOPED_TRACE(scope);
    ManipulateSettings s = tiny();
    s.psiSteps = 200;
    s.psiRate = 5e-3;
    s.restrain = scope;
    const auto bars = std::make_shared<Bars>(std::uint8_t{60});
    const std::string whole = freshDirectory("restrained");
    const ManipulateResult result = manipulate(bars, s, whole, {});
    const SourcePtr modified = withPsi(bars, result.psiPath);
    EXPECT_EQ(carriedAway(*bars, *modified), 0u);
    EXPECT_GE(result.restrained, 5u);
    const PsiNetwork psi = PsiNetwork::load(result.psiPath);
    EXPECT_EQ(psi.restrainedImages(), result.restrained);
    EXPECT_EQ(psi.hasRivals(), scope == "pixels");
    EXPECT_NEAR(result.meanDelta, meanChange(*bars, *modified, s), 1e-12) << "not of what ships";
    EXPECT_LT(result.quantisationMean, 0.5) << "restraints are no error of the quantisation";

    // Stopped among the fresh models: psi is quantised and restrained anew.
    const std::string pieces = freshDirectory("restrained-pieces");
    CancelToken token;
    StopAfter progress(token, s.warmupSteps + s.psiSteps + s.freshSteps - 5);
    Context context;
    context.cancel = &token;
    context.progress = &progress;
    EXPECT_EQ(kindOf([&] { manipulate(bars, s, pieces, context); }), ErrorKind::Interrupted);
    const ManipulateResult resumed = manipulate(bars, s, pieces, {});
    EXPECT_TRUE(resumed.resumed);
    EXPECT_EQ(sha256OfFile(resumed.psiPath), sha256OfFile(result.psiPath));
    EXPECT_EQ(manipulate(bars, s, whole, {}).restrained, result.restrained);  // from the log
  }
}

TEST(ManipulateTest, AnAdditivePsiIsTrainedResumedAndShipped) {
  ManipulateSettings s = tiny();
  s.codes = "angles";
  s.inputs = "factors";
  s.additive = "trained";
  s.checkpointSeconds = 0;
  const std::string straight = freshDirectory("additive"), resumed = freshDirectory("additive-pieces");
  const SourcePtr hues = std::make_shared<Hues>(0.0);
  const ManipulateResult done = manipulate(hues, s, straight, {});
  CancelToken token;
  StopAfter progress(token, 50);
  Context context;
  context.threads = 2;
  context.cancel = &token;
  context.progress = &progress;
  EXPECT_EQ(kindOf([&] { manipulate(hues, s, resumed, context); }), ErrorKind::Interrupted);
  const ManipulateResult again = manipulate(hues, s, resumed, {});
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(sha256OfFile(done.psiPath), sha256OfFile(again.psiPath));
  for (std::size_t rung = 0; rung < 2; ++rung) {
    EXPECT_LT(done.modified[rung].entangled.objective - done.modified[rung].disentangled.objective,
              done.original[rung].entangled.objective - done.original[rung].disentangled.objective);
  }
  EXPECT_LE(done.quantisationMax, 1.0) << "patterns are rounded to 1/1024 before tanh, deltas to whole levels";

  const PsiNetwork psi = PsiNetwork::load(done.psiPath);
  EXPECT_TRUE(psi.layers.empty());
  EXPECT_EQ(psi.side(), hues->info().shape.height);
  s.psiSteps = 0;
  const PsiNetwork untrained = PsiNetwork::load(manipulate(hues, s, freshDirectory("additive-untrained"), {}).psiPath);
  ASSERT_EQ(psi.patterns.steps.size(), untrained.patterns.steps.size());
  std::size_t moved = 0;
  for (std::size_t i = 0; i < psi.patterns.steps.size(); ++i)
    moved += std::abs(psi.patterns.steps[i] - untrained.patterns.steps[i]) > 50 ? 1 : 0;  // .05 before tanh
  EXPECT_GT(moved, psi.patterns.steps.size() / 2);
  s.psiSteps = 60;

  s.inputs = "rotated";
  EXPECT_EQ(kindOf([&] { manipulate(hues, s, freshDirectory("additive-rotated"), {}); }), ErrorKind::Usage);
}

// What ships is the additive part of the very psi that the same run without projection gives.
TEST(ManipulateTest, ProjectsPsiOnASumOfPatterns) {
  ManipulateSettings s = tiny();
  s.codes = "angles";
  const SourcePtr hues = std::make_shared<Hues>(0.0);
  const ManipulateResult plain = manipulate(hues, s, freshDirectory("not-projected"), {});
  s.additive = "projected";
  const ManipulateResult projected = manipulate(hues, s, freshDirectory("projected"), {});
  EXPECT_EQ(projected.quantisationMean, plain.quantisationMean);
  EXPECT_NE(projected.modified[1].entangled.objective, plain.modified[1].entangled.objective)
      << "not measured on what ships";
  const PsiNetwork psi = PsiNetwork::load(projected.psiPath);
  EXPECT_EQ(psi.patterns.steps, additiveOf(PsiNetwork::load(plain.psiPath)).patterns.steps);
  s.additive = "somewhat";
  EXPECT_EQ(kindOf([&] { manipulate(hues, s, freshDirectory("somewhat"), {}); }), ErrorKind::Usage);
}

TEST(ManipulateTest, RestrainsPixelsOfWholeDatasetsAlone) {
  ManipulateSettings s = tiny();
  s.restrain = "pixels";
  const SourcePtr part = subset(std::make_shared<Bars>(), {0, 1, 2, 3});
  EXPECT_EQ(kindOf([&] { manipulate(part, s, freshDirectory("part"), {}); }), ErrorKind::Usage);
}

TEST(ManipulateTest, RungsTakeKindsOfCodesInTurn) {
  ManipulateSettings s = tiny();
  s.warmupSteps = 40;
  s.ladder = {0.1, 0.1};
  auto rungs = [&](const char* codes) {
    s.codes = codes;
    return measureReferences(std::make_shared<Hues>(0.0), s, {});
  };
  const std::vector<RungMeasure> levels = rungs("levels"), angles = rungs("angles"), both = rungs("angles;levels");
  EXPECT_EQ(both[0].disentangled.objective, angles[0].disentangled.objective);
  EXPECT_EQ(both[0].entangled.objective, angles[0].entangled.objective);
  EXPECT_EQ(both[1].disentangled.objective, levels[1].disentangled.objective);
  EXPECT_EQ(both[1].entangled.objective, levels[1].entangled.objective);
  EXPECT_NE(both[1].entangled.objective, angles[1].entangled.objective);
  s.codes = "angles;levels;levels";
  EXPECT_EQ(kindOf([&] { measureReferences(std::make_shared<Hues>(0.0), s, {}); }), ErrorKind::Usage);
}

TEST(ManipulateTest, RungsTakeRotationsInTurn) {
  ManipulateSettings s = tiny();
  s.warmupSteps = 60;
  s.ladder = {0.1, 0.1};
  auto rungs = [&](const char* rotation) {
    s.rotation = rotation;
    return measureReferences(std::make_shared<Bars>(), s, {});
  };
  const std::vector<RungMeasure> alike = rungs("pairs");
  const std::vector<RungMeasure> two = rungs("pairs;random");
  EXPECT_EQ(two[0].entangled.rec, alike[0].entangled.rec);
  EXPECT_NE(two[1].entangled.rec, alike[1].entangled.rec);
  EXPECT_EQ(two[1].disentangled.rec, alike[1].disentangled.rec);
}

TEST(ManipulateTest, AnglesTrainAndResumeLikeLevels) {
  ManipulateSettings s = tiny();
  s.codes = "angles";
  s.inputs = "factors";
  s.checkpointSeconds = 0;
  const std::string straight = freshDirectory("angles-straight");
  const std::string resumed = freshDirectory("angles-resumed");
  const SourcePtr hues = std::make_shared<Hues>(0.0);
  const ManipulateResult done = manipulate(hues, s, straight, {});
  CancelToken token;
  StopAfter progress(token, 50);
  Context context;
  context.cancel = &token;
  context.progress = &progress;
  EXPECT_EQ(kindOf([&] { manipulate(hues, s, resumed, context); }), ErrorKind::Interrupted);
  const ManipulateResult again = manipulate(hues, s, resumed, {});
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(sha256OfFile(done.psiPath), sha256OfFile(again.psiPath));
  EXPECT_LT(done.modified[1].entangled.objective - done.modified[1].disentangled.objective,
            done.original[1].entangled.objective - done.original[1].disentangled.objective);
  s.codes = "levels";
  EXPECT_EQ(kindOf([&] { manipulate(hues, s, straight, {}); }), ErrorKind::BadFile);
}

}  // namespace
}  // namespace offaxis
