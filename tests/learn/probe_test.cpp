#include "learn/probe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>
#include <set>

#include "learn/checkpoint.h"
#include "learn/encode.h"
#include "learn/trainer.h"
#include "storage/h5.h"
#include "storage/temporary.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::expectError;
using testing::TemporaryDirectory;

// A bright square on 32x32x1 images: 8 columns, 8 rows and 4 brightnesses, 256 images. A variant that shows one
// brightness alone destroys that factor's labels and nothing else.
class Squares : public Source {
 public:
  explicit Squares(bool brightnessShows = true) : brightnessShows_(brightnessShows) {
    const auto levels = [](std::size_t count) {
      std::vector<double> values(count);
      std::iota(values.begin(), values.end(), 0.0);
      return values;
    };
    info_.dataset = "squares";
    info_.grid = FactorGrid({{"x", FactorKind::Ordinal, levels(8)},
                             {"none", FactorKind::Ordinal, levels(1)},
                             {"y", FactorKind::Cyclic, levels(8)},
                             {"brightness", FactorKind::Categorical, levels(4)}});
    info_.shape = {32, 32, 1};
  }
  const SourceInfo& info() const override { return info_; }
  void read(std::uint64_t row, std::uint8_t* image) const override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      reads.push_back(row);
    }
    const std::vector<std::uint32_t> levels = info_.grid.levelsOf(row);
    const std::uint32_t brightness = brightnessShows_ ? levels[3] : 3;
    std::memset(image, 0, 32 * 32);
    for (std::uint64_t i = 0; i < 8; ++i)
      std::memset(image + (3 * levels[2] + i) * 32 + 3 * levels[0], static_cast<int>(63 + 64 * brightness), 8);
  }

  mutable std::vector<std::uint64_t> reads;
  SourceInfo info_;

 private:
  bool brightnessShows_;
  mutable std::mutex mutex_;
};

TrainSettings settingsOf(std::uint64_t steps) {
  TrainSettings settings;
  settings.model = "probe";
  settings.batch = 32;
  settings.steps = steps;
  settings.learningRate = 1e-3;
  settings.device = "cpu";
  return settings;
}

TEST(Probe, ReadsWhatShowsAndNothingElse) {
  const TemporaryDirectory directory;
  const auto original = std::make_shared<Squares>(), dimmed = std::make_shared<Squares>(false);
  TrainSettings settings = settingsOf(800);
  settings.learningRate = 2e-3;
  trainVae(original, settings, directory / "original", {});
  settings.steps = 400;
  trainVae(dimmed, settings, directory / "dimmed", {});
  const ProbeResult all = probe(original, directory / "original", "cpu", {});
  EXPECT_EQ(all.trainImages + all.testImages, 256u);
  ASSERT_EQ(all.factors.size(), 3u) << "a factor of one level says nothing";
  for (const ProbedFactor& factor : all.factors) {
    EXPECT_GE(factor.accuracy, .95) << factor.name;
    EXPECT_LT(factor.crossEntropy, .3) << factor.name;
    EXPECT_EQ(factor.ceiling, 1.0) << factor.name;
    EXPECT_DOUBLE_EQ(factor.accuracy, static_cast<double>(factor.correct) / static_cast<double>(all.testImages));
  }
  EXPECT_EQ(all.factors[0].error.has_value(), true);
  EXPECT_EQ(all.factors[2].error.has_value(), false) << "levels of a categorical factor are not near each other";

  const ProbeResult without = probe(dimmed, directory / "dimmed", "cpu", {});
  EXPECT_GE(without.factors[0].accuracy, .95);
  EXPECT_LT(without.factors[2].accuracy, .55);
  EXPECT_GT(without.factors[2].crossEntropy, 1.0) << "guessing costs log 4";
  EXPECT_NEAR(without.mean,
              (without.factors[0].accuracy + without.factors[1].accuracy + without.factors[2].accuracy) / 3, 1e-12);
  // The same probe on images that it was not trained on.
  EXPECT_LT(probe(dimmed, directory / "original", "cpu", {}).factors[2].accuracy, .55);
}

// Pairs 2 i and 2 i + 1 look the same: the last factor does not show.
class Pairs final : public testing::ToySource {
 public:
  Pairs() : ToySource({32, 32, 1}, {50, 10, 2}) {}
  std::uint64_t canonicalIndex(std::uint64_t index) const override { return index - index % 2; }
  void read(std::uint64_t row, std::uint8_t* image) const override { ToySource::read(row - row % 2, image); }
};

TEST(Probe, SplitsByCanonicalIndexAndAlikeForAll) {
  const Pairs source;
  const ProbeSplit split = probeSplit(source);
  EXPECT_EQ(split.train.size() + split.heldOut.size(), source.size());
  EXPECT_EQ(split.test, split.heldOut) << "fewer than there may be";
  EXPECT_NEAR(static_cast<double>(split.train.size()) / 1000, kProbeTrainShare, .05);
  const std::set<std::uint64_t> train(split.train.begin(), split.train.end());
  for (const std::uint64_t row : split.heldOut) {
    EXPECT_EQ(train.count(row), 0u);
    EXPECT_EQ(train.count(row ^ 1), 0u) << "an identical image may not be learnt from";
  }
  // A part of the rows, in another order: the same images stay on the same sides.
  std::vector<std::uint64_t> rows(500);
  for (std::uint64_t i = 0; i < 500; ++i) rows[i] = 999 - i;
  const SourcePtr part = subset(std::make_shared<Pairs>(), rows);
  for (const std::uint64_t row : probeSplit(*part).train) EXPECT_EQ(train.count(part->gridIndex(row)), 1u);
  expectError(ErrorKind::Usage, "too few", [&] { probeSplit(*subset(std::make_shared<Pairs>(), {4})); });
}

TEST(Probe, TestsOnAtMostTenThousandRowsEachOnce) {
  const testing::ToySource source({4, 4, 1}, {100, 100, 10});
  const ProbeSplit split = probeSplit(source);
  EXPECT_GT(split.heldOut.size(), kProbeTestImages);
  EXPECT_EQ(split.test.size(), kProbeTestImages);
  EXPECT_TRUE(std::is_sorted(split.test.begin(), split.test.end()));
  EXPECT_TRUE(std::includes(split.heldOut.begin(), split.heldOut.end(), split.test.begin(), split.test.end()));
  EXPECT_EQ(std::set<std::uint64_t>(split.test.begin(), split.test.end()).size(), kProbeTestImages);
}

TEST(Probe, KnowsWhatIdenticalImagesAllow) {
  const TemporaryDirectory directory;
  const auto source = std::make_shared<Pairs>();
  trainVae(source, settingsOf(1), directory / "run", {});
  const ProbeResult result = probe(source, directory / "run", "cpu", {});
  EXPECT_EQ(result.factors[0].ceiling, 1.0);
  EXPECT_EQ(result.factors[1].ceiling, 1.0);
  EXPECT_EQ(result.factors[2].ceiling, 0.5);
  EXPECT_EQ(result.factors[2].accuracy, 0.5) << "one of each pair, whatever it guesses";
}

// An untrained probe of zero weights reads level 0 everywhere, so its errors are the levels' own distances from 0.
TEST(Probe, MeasuresErrorsInLevels) {
  const TemporaryDirectory directory;
  const auto source = std::make_shared<Squares>();
  trainVae(source, settingsOf(1), directory / "run", {});
  const std::string path = directory / "run/checkpoint.h5";
  const std::string identity = checkpointIdentity(path);
  NamedTensors tensors;
  for (const auto& [name, shape] :
       std::vector<std::pair<std::string, std::vector<std::int64_t>>>{{"conv0_weight", {16, 1, 4, 4}},
                                                                      {"conv0_bias", {16}},
                                                                      {"conv1_weight", {32, 16, 4, 4}},
                                                                      {"conv1_bias", {32}},
                                                                      {"conv2_weight", {32, 32, 4, 4}},
                                                                      {"conv2_bias", {32}},
                                                                      {"dense_weight", {128, 512}},
                                                                      {"dense_bias", {128}},
                                                                      {"mu_weight", {20, 128}},
                                                                      {"mu_bias", {20}},
                                                                      {"log_variance_weight", {20, 128}},
                                                                      {"log_variance_bias", {20}}})
    tensors.emplace_back("average/encoder/" + name, torch::zeros(shape));
  saveCheckpoint(path, identity, tensors);
  const ProbeResult result = probe(source, directory / "run", "cpu", {});
  double line = 0, circle = 0;
  const ProbeSplit split = probeSplit(*source);
  for (const std::uint64_t row : split.test) {
    const std::vector<std::uint32_t> levels = source->info().grid.levelsOf(row);
    line += levels[0];
    circle += std::min(levels[2], 8 - levels[2]);
  }
  const auto count = static_cast<double>(split.test.size());
  EXPECT_DOUBLE_EQ(result.factors[0].error.value(), line / count);
  EXPECT_DOUBLE_EQ(result.factors[1].error.value(), circle / count);
  EXPECT_NEAR(result.factors[0].crossEntropy, std::log(8.0), 1e-6);
}

std::vector<float> weightsOf(const std::string& run, const std::string& name, const std::string& of = "parameters") {
  const h5::Reader reader(run + "/checkpoint.h5");
  const std::string path = of + "/encoder/" + name;
  const h5::DatasetShape shape = reader.shapeOf(path);
  std::uint64_t count = 1;
  for (const std::uint64_t dim : shape.dims) count *= dim;
  std::vector<float> values(count);
  reader.readArray(path, h5::Type::F32, shape.dims, values.data());
  return values;
}

TEST(Probe, RunsOfOneSeedBeginAlikeAndSeeTheSameRows) {
  const TemporaryDirectory directory;
  TrainSettings still = settingsOf(2);
  still.learningRate = 1e-12;  // what is kept is the initialisation
  const auto one = std::make_shared<Squares>(), other = std::make_shared<Squares>(false);
  trainVae(one, still, directory / "one", {});
  trainVae(other, still, directory / "other", {});
  for (const char* name : {"conv0_weight", "dense_weight", "mu_weight"}) {
    const std::vector<float> mine = weightsOf(directory / "one", name), others = weightsOf(directory / "other", name);
    for (std::size_t i = 0; i < mine.size(); ++i) ASSERT_NEAR(mine[i], others[i], 1e-11) << name << ' ' << i;
  }
  EXPECT_EQ(one->reads, other->reads);
  const ProbeSplit split = probeSplit(*one);
  // But for the 64 glances that identify a source, before and after, only rows to learn from are read.
  std::uint64_t heldOut = 0;
  for (const std::uint64_t row : one->reads)
    heldOut += std::binary_search(split.heldOut.begin(), split.heldOut.end(), row);
  EXPECT_LE(heldOut, 4 * 64u);
  still.seed = 1;
  trainVae(one, still, directory / "next", {});
  EXPECT_NE(weightsOf(directory / "one", "mu_weight"), weightsOf(directory / "next", "mu_weight"));
}

TEST(Probe, ResumedRunsEndWithTheSameBits) {
  const TemporaryDirectory directory;
  const auto source = std::make_shared<Squares>();
  trainVae(source, settingsOf(8), directory / "whole", {});
  trainVae(source, settingsOf(3), directory / "pieces", {});
  trainVae(source, settingsOf(8), directory / "pieces", {});
  for (const char* name : {"conv0_weight", "mu_weight", "mu_bias"}) {
    for (const char* of : {"parameters", "average"})
      EXPECT_EQ(weightsOf(directory / "whole", name, of), weightsOf(directory / "pieces", name, of)) << of << name;
  }
  EXPECT_NE(weightsOf(directory / "whole", "mu_weight", "average"), weightsOf(directory / "whole", "mu_weight"));
  EXPECT_FALSE(h5::Reader(directory / "whole/checkpoint.h5").has("parameters/decoder/dense_weight"));
  // What plays no part does not make it another run.
  TrainSettings other = settingsOf(8);
  other.beta = 7;
  other.latents = 3;
  other.loss = "squared-error";
  EXPECT_TRUE(trainVae(source, other, directory / "whole", {}).alreadyDone);
}

TEST(Probe, HasNoCodesAndOthersHaveNoAccuracies) {
  const TemporaryDirectory directory;
  const auto source = std::make_shared<Squares>();
  trainVae(source, settingsOf(1), directory / "probe", {});
  expectError(ErrorKind::BadFile, "no codes", [&] { encode(source, directory / "probe", {}, {}); });
  TrainSettings vae = settingsOf(1);
  vae.model = "beta-vae";
  trainVae(source, vae, directory / "vae", {});
  expectError(ErrorKind::BadFile, "beta-vae", [&] { probe(source, directory / "vae", "cpu", {}); });
  expectError(ErrorKind::BadFile, "model", [&] { trainVae(source, settingsOf(1), directory / "vae", {}); });
  expectError(ErrorKind::BadFile, "checkpoint.h5", [&] { probe(source, directory / "nothing", "cpu", {}); });
  const auto toy = std::make_shared<testing::ToySource>(ImageShape{32, 32, 1}, std::vector<std::uint64_t>{1, 1});
  expectError(ErrorKind::Usage, "nothing for a probe to read",
              [&] { trainVae(toy, settingsOf(1), directory / "toy", {}); });
}

// A net that no program knows is the checkpoint's fault.
TEST(Probe, ACheckpointOfAnUnknownNetIsABadFile) {
  const TemporaryDirectory directory;
  const auto source = std::make_shared<Squares>();
  trainVae(source, settingsOf(1), directory / "run", {});
  const std::string path = directory / "run/checkpoint.h5";
  std::string identity = checkpointIdentity(path);
  identity.replace(identity.find("conv32"), 6, "conv99");
  saveCheckpoint(path, identity, {{"progress", torch::zeros({5}, torch::kFloat64)}});
  expectError(ErrorKind::BadFile, "conv99", [&] { probe(source, directory / "run", "cpu", {}); });
  expectError(ErrorKind::BadFile, "conv99", [&] { encode(source, directory / "run", {}, {}); });
}

}  // namespace
}  // namespace offaxis
