#include "learn/trainer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

#include "datasets/content.h"
#include "learn/cached_source.h"
#include "learn/checkpoint.h"
#include "learn/encode.h"
#include "learn/image_memory.h"
#include "learn/torch_errors.h"
#include "storage/file_lock.h"
#include "storage/h5.h"
#include "storage/temporary.h"
#include "support/h5_edit.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

using Json = nlohmann::json;
using testing::bytesOf;
using testing::expectError;
using testing::putBytes;
using testing::TemporaryDirectory;

// 8 x 8 positions of a bright 8x8 square on 32x32x1 images.
class Square : public Source {
 public:
  explicit Square(std::uint8_t fill = 255) : fill_(fill) {
    std::vector<double> levels(8);
    for (int i = 0; i < 8; ++i) levels[static_cast<std::size_t>(i)] = i;
    info_.dataset = "square";
    info_.grid = FactorGrid({{"x", FactorKind::Ordinal, levels}, {"y", FactorKind::Ordinal, levels}});
    info_.shape = {32, 32, 1};
  }
  const SourceInfo& info() const override { return info_; }
  void read(std::uint64_t row, std::uint8_t* image) const override {
    ++reads;
    std::memset(image, 0, 32 * 32);
    for (std::uint64_t i = 0; i < 8; ++i) std::memset(image + (3 * (row % 8) + i) * 32 + 3 * (row / 8), fill_, 8);
  }

  mutable std::atomic<int> reads{0};

 private:
  std::uint8_t fill_;
  SourceInfo info_;
};

TrainSettings tiny() {
  TrainSettings settings;
  settings.latents = 3;
  settings.batch = 8;
  settings.steps = 6;
  settings.learningRate = 1e-3;
  settings.logEvery = 4;
  settings.device = "cpu";
  return settings;
}

// Enough to learn something, with three points of the curve.
TrainSettings sixtySteps() {
  TrainSettings settings = tiny();
  settings.steps = 60;
  settings.logEvery = 20;
  return settings;
}

SourcePtr square() {
  return std::make_shared<Square>();
}

// Every array of a checkpoint but the wall time.
std::vector<std::vector<double>> arraysOf(const std::string& path, const std::vector<std::string>& names) {
  std::vector<std::vector<double>> arrays;
  const h5::Reader reader(path);
  for (const std::string& name : names) {
    const h5::DatasetShape shape = reader.shapeOf(name);
    std::uint64_t count = 1;
    for (const std::uint64_t dim : shape.dims) count *= dim;
    std::vector<float> single(count);
    std::vector<double> values(count);
    if (shape.type == h5::Type::F32) {
      reader.readArray(name, h5::Type::F32, shape.dims, single.data());
      values.assign(single.begin(), single.end());
    } else {
      reader.readArray(name, h5::Type::F64, shape.dims, values.data());
    }
    arrays.push_back(values);
  }
  return arrays;
}

const std::vector<std::string> kState{"parameters/encoder/conv0_weight",   "parameters/encoder/mu_bias",
                                      "parameters/decoder/deconv2_weight", "adam/first/encoder/dense_weight",
                                      "adam/second/decoder/spread_weight", "curve"};

TEST(Trainer, LossFallsAndTheRunIsDescribed) {
  TemporaryDirectory directory;
  const TrainResult result = trainVae(square(), sixtySteps(), directory / "run", {});
  ASSERT_EQ(result.curve.size(), 3u);
  EXPECT_LT(result.curve[2].reconstruction, 0.6 * result.curve[0].reconstruction);
  EXPECT_EQ(result.klPerLatent.size(), 3u);
  EXPECT_FALSE(result.alreadyDone);
  const auto report = nlohmann::json::parse(bytesOf(directory / "run/run.json"));
  EXPECT_EQ(report["schema_version"], 1);
  EXPECT_EQ(report["status"], "complete");
  EXPECT_EQ(report["steps_done"], 60);
  EXPECT_EQ(report["settings"]["model"], "beta-vae");
  EXPECT_EQ(report["settings"]["net"], "conv32");
  EXPECT_EQ(report["source"]["expression"], "square");
  EXPECT_EQ(report["source"]["identity"], sourceIdentity(Square()));
  EXPECT_EQ(report["device"], "cpu");
  EXPECT_EQ(report["curve"].size(), 3u);
  EXPECT_EQ(report["kl_per_latent"].size(), 3u);
}

TEST(Trainer, ResumedRunsEndWithTheSameBits) {
  TemporaryDirectory directory;
  TrainSettings settings = tiny();
  trainVae(square(), settings, directory / "straight", {});
  for (const std::uint64_t stop : {std::uint64_t{3}, std::uint64_t{4}, std::uint64_t{5}}) {
    const std::string run = directory / ("resumed" + std::to_string(stop));
    // Interrupted after `stop` steps, by way of the progress that it reports.
    struct Stopper final : Progress {
      CancelToken token;
      std::uint64_t left = 0;
      void begin(const std::string&, std::uint64_t, const std::string&, std::uint64_t) override {}
      void advance(std::uint64_t) override {
        if (--left == 0) token.request();
      }
      void status(const std::string&) override {}
      void end() override {}
      void note(const std::string&) override {}
    } stopper;
    stopper.left = stop;
    expectError(ErrorKind::Interrupted, "step " + std::to_string(stop), [&] {
      trainVae(square(), settings, run, {1, &stopper.token, &stopper});
    });
    EXPECT_EQ(nlohmann::json::parse(bytesOf(run + "/run.json"))["status"], "partial");
    trainVae(square(), settings, run, {});
    EXPECT_EQ(arraysOf(run + "/checkpoint.h5", kState), arraysOf(directory / "straight/checkpoint.h5", kState)) << stop;
  }
}

TEST(Trainer, SideBySideRunsEqualRunsAlone) {
  TemporaryDirectory directory;
  const SourcePtr source = cached(square());
  trainVae(square(), tiny(), directory / "alone", {});
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] { trainVae(source, tiny(), directory / std::to_string(i), {}); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(arraysOf(directory / (std::to_string(i) + "/checkpoint.h5"), kState),
              arraysOf(directory / "alone/checkpoint.h5", kState));
  }
}

// With a second thread, which reads the next batch.
TEST(Trainer, ThreadsChangeNothing) {
  TemporaryDirectory directory;
  for (const std::string model : {"beta-vae", "pcl", "probe"}) {
    TrainSettings settings = tiny();
    settings.model = model;
    trainVae(square(), settings, directory / (model + "1"), {1, nullptr, nullptr});
    trainVae(square(), settings, directory / (model + "2"), {2, nullptr, nullptr});
    const std::vector<std::string> state{"parameters/encoder/conv0_weight", "adam/first/encoder/dense_weight", "curve"};
    EXPECT_EQ(arraysOf(directory / (model + "1/checkpoint.h5"), state),
              arraysOf(directory / (model + "2/checkpoint.h5"), state))
        << model;
  }
}

TEST(Trainer, AFinishedRunIsReturnedAndALongerOneContinued) {
  TemporaryDirectory directory;
  TrainSettings settings = tiny();
  settings.steps = 4;
  const TrainResult trained = trainVae(square(), settings, directory / "run", {});
  // Who made it, where and when, is not for those who ask again to say.
  const std::string report = directory / "run/run.json";
  Json said = Json::parse(bytesOf(report));
  said["device"] = "cuda:7";
  said["versions"]["libtorch"] = "0.9";
  putBytes(report, said.dump());
  const TrainResult again = trainVae(square(), settings, directory / "run", {});
  EXPECT_TRUE(again.alreadyDone);
  EXPECT_EQ(again.device, "cuda:7");
  EXPECT_EQ(again.reconstruction, trained.reconstruction);
  EXPECT_EQ(again.kl, trained.kl);
  EXPECT_EQ(again.klPerLatent, trained.klPerLatent);
  EXPECT_EQ(again.activeUnits, trained.activeUnits);
  ASSERT_EQ(again.curve.size(), trained.curve.size());
  EXPECT_EQ(again.curve.back().reconstruction, trained.curve.back().reconstruction);
  EXPECT_EQ(bytesOf(report), said.dump());
  // A report that was lost or torn is made anew.
  putBytes(report, "{\"status\": \"comp");
  EXPECT_TRUE(trainVae(square(), settings, directory / "run", {}).alreadyDone);
  EXPECT_EQ(Json::parse(bytesOf(report))["status"], "complete");
  settings.steps = 6;
  EXPECT_FALSE(trainVae(square(), settings, directory / "run", {}).alreadyDone);
  trainVae(square(), settings, directory / "straight", {});
  EXPECT_EQ(arraysOf(directory / "run/checkpoint.h5", {kState[0]}),
            arraysOf(directory / "straight/checkpoint.h5", {kState[0]}));
  settings.steps = 5;
  expectError(ErrorKind::BadFile, "6 steps already", [&] { trainVae(square(), settings, directory / "run", {}); });
}

// Two processes in one directory would leave the report of one beside the weights of the other.
TEST(Trainer, OneProcessMakesARun) {
  TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "run");
  {
    const FileLock other((directory / "run") + "/run.lock");
    expectError(ErrorKind::CannotWrite, "another process", [&] { trainVae(square(), tiny(), directory / "run", {}); });
    EXPECT_FALSE(std::filesystem::exists((directory / "run") + "/run.json"));
  }
  trainVae(square(), tiny(), directory / "run", {});
}

TEST(TorchErrors, AreTheToolkits) {
  EXPECT_EQ(withTorchErrors([] { return 7; }), 7);
  for (const char* shortage : {"DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes",
                               "DefaultCPUAllocator: not enough memory", "CUDA out of memory."})
    EXPECT_THROW(withTorchErrors([&] { TORCH_CHECK(false, shortage); }), std::bad_alloc);
  try {
    withTorchErrors([] { TORCH_CHECK(false, "sizes do not fit"); });
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(dynamic_cast<const Error*>(&error), nullptr) << "it is no run's result";
    EXPECT_EQ(std::string(error.what()).find("frame #"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("sizes do not fit"), std::string::npos);
  }
}

TEST(Trainer, RefusesCheckpointsOfAnotherRun) {
  TemporaryDirectory directory;
  const std::string run = directory / "run";
  trainVae(square(), tiny(), run, {});
  const std::string before = bytesOf(run + "/checkpoint.h5");
  TrainSettings other = tiny();
  other.beta = 2;
  expectError(ErrorKind::BadFile, "beta is 1.0 there, 2.0 here", [&] { trainVae(square(), other, run, {}); });
  other = tiny();
  other.model = "ae";
  expectError(ErrorKind::BadFile, "model", [&] { trainVae(square(), other, run, {}); });
  expectError(ErrorKind::BadFile, "source", [&] { trainVae(std::make_shared<Square>(200), tiny(), run, {}); });
  EXPECT_EQ(bytesOf(run + "/checkpoint.h5"), before);
  testing::putBytes(run + "/checkpoint.h5", before.substr(0, before.size() / 2));
  expectError(ErrorKind::BadFile, "checkpoint.h5", [&] { trainVae(square(), tiny(), run, {}); });
  for (const double steps : {-1.0, 2.5, 1e300, std::nan("")}) {
    testing::putBytes(run + "/checkpoint.h5", before);
    const torch::Tensor progress = loadCheckpointVector(run + "/checkpoint.h5", "progress");
    progress[0] = steps;
    testing::rewriteVector(run + "/checkpoint.h5", "progress", progress.data_ptr<double>());
    expectError(ErrorKind::BadFile, "checkpoint.h5 is damaged", [&] { trainVae(square(), tiny(), run, {}); });
    expectError(ErrorKind::BadFile, "checkpoint.h5 is damaged", [&] { stepsTrained(run); });
  }
  other = tiny();
  other.overwrite = true;
  EXPECT_FALSE(trainVae(square(), other, run, {}).alreadyDone);
}

TEST(Trainer, DivergenceKeepsTheLastGoodCheckpoint) {
  TemporaryDirectory directory;
  const std::string run = directory / "run";
  TrainSettings settings = tiny();
  settings.loss = "squared-error";
  settings.learningRate = 5;  // diverges within a few steps
  settings.steps = 200;
  settings.checkpointEvery = 1;
  expectError(ErrorKind::Failed, "training failed at step", [&] { trainVae(square(), settings, run, {}); });
  for (const std::vector<double>& array : arraysOf(run + "/checkpoint.h5", {kState[0], kState[2]})) {
    for (const double value : array) EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(Trainer, StartingAnewLeavesNoWeightsOfTheOldRun) {
  const TemporaryDirectory directory;
  const std::string run = directory / "run";
  TrainSettings settings = tiny();
  trainVae(square(), settings, run, {});
  settings.loss = "squared-error";
  settings.learningRate = 5;  // diverges within a few steps
  settings.steps = 200;
  settings.overwrite = true;
  try {
    trainVae(square(), settings, run, {});
    ADD_FAILURE() << "it should have diverged";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Failed);
    EXPECT_EQ(error.hint(), "lower the learning rate") << "there is no good checkpoint of this run";
  }
  EXPECT_FALSE(std::filesystem::exists(run + "/checkpoint.h5"));
}

// Losses are read some steps late; the step that is named is the one that diverged all the same.
TEST(Trainer, DivergenceNamesItsStepHoweverSeldomLossesAreRead) {
  TemporaryDirectory directory;
  TrainSettings settings = tiny();
  settings.loss = "squared-error";
  settings.learningRate = 5;
  settings.steps = 200;
  std::vector<std::string> said;
  for (const std::uint64_t every : {std::uint64_t{1}, std::uint64_t{1000}}) {
    settings.logEvery = settings.checkpointEvery = every;
    try {
      trainVae(square(), settings, directory / ("every" + std::to_string(every)), {});
    } catch (const Error& error) {
      said.push_back(error.what());
    }
  }
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0], said[1]);
}

TEST(Trainer, ChecksSettings) {
  TemporaryDirectory directory;
  const auto refuse = [&](ErrorKind kind, const std::string& part, auto change) {
    TrainSettings settings = tiny();
    change(settings);
    expectError(kind, part, [&] { trainVae(square(), settings, directory / "none", {}); });
  };
  refuse(ErrorKind::Usage, "no model is called 'vea'", [](TrainSettings& s) { s.model = "vea"; });
  refuse(ErrorKind::Usage, "no reconstruction loss", [](TrainSettings& s) { s.loss = "l1"; });
  refuse(ErrorKind::Usage, "takes 64x64 images", [](TrainSettings& s) { s.net = "conv64"; });
  refuse(ErrorKind::Usage, "beta", [](TrainSettings& s) { s.beta = -1; });
  refuse(ErrorKind::Usage, "device", [](TrainSettings& s) { s.device = "tpu"; });
  EXPECT_EQ(directory.entries(), 0u);
  testing::putBytes(directory / "file", "x");
  expectError(ErrorKind::CannotWrite, "file", [&] { trainVae(square(), tiny(), directory / "file", {}); });
}

TEST(Trainer, APrecisionIsPartOfARun) {
  TemporaryDirectory directory;
  TrainSettings settings = sixtySteps();
  const TrainResult exact = trainVae(square(), settings, directory / "float32", {});
  const auto described = nlohmann::json::parse(bytesOf(directory / "float32/run.json"));
  EXPECT_FALSE(described["settings"].contains("precision"));  // runs made before there was a choice stay valid
  for (const std::string precision : {"tf32", "bfloat16"}) {
    settings.precision = precision;
    const TrainResult result = trainVae(square(), settings, directory / precision, {});
    ASSERT_EQ(result.curve.size(), 3u);
    EXPECT_NE(result.curve[2].reconstruction, exact.curve[2].reconstruction) << precision;
    EXPECT_NEAR(result.curve[2].reconstruction / exact.curve[2].reconstruction, 1, 0.1) << precision;
    const std::string here = "\"" + precision + "\"";
    expectError(ErrorKind::BadFile, "precision is missing there, " + here + " here",
                [&] { trainVae(square(), settings, directory / "float32", {}); });
    TrainSettings other = tiny();
    expectError(ErrorKind::BadFile, "precision is " + here + " there, missing here",
                [&] { trainVae(square(), other, directory / precision, {}); });
    const auto report = nlohmann::json::parse(bytesOf(directory / (precision + "/run.json")));
    EXPECT_EQ(report["settings"]["precision"], precision);
    EXPECT_EQ(encode(square(), directory / precision, {}, {}).latents, 3u);
  }
  settings.precision = "float64";
  expectError(ErrorKind::Usage, "bfloat16", [&] { trainVae(square(), settings, directory / "other", {}); });
  EXPECT_FALSE(std::filesystem::exists(directory / "other"));
}

TEST(Trainer, EveryRegisteredModelTrains) {
  TemporaryDirectory directory;
  EXPECT_EQ(modelNames(), (std::vector<std::string>{"ae", "beta-vae", "beta-tcvae", "pcl", "probe"}));
  for (const std::string& model : modelNames()) {
    for (const char* loss : {"bernoulli", "squared-error"}) {
      TrainSettings settings = tiny();
      settings.model = model;
      settings.loss = loss;
      const TrainResult result = trainVae(square(), settings, directory / (model + loss), {});
      EXPECT_GT(result.reconstruction, 0) << model << ' ' << loss;
      EXPECT_EQ(result.kl > 0, isVariational(model));
    }
  }
}

// Two positions that move independently: knowing successors is enough for codes that each say much of one of them.
TEST(Trainer, PclLearnsToTellSuccessors) {
  TemporaryDirectory directory;
  TrainSettings settings = tiny();
  settings.model = "pcl";
  settings.steps = 150;
  settings.logEvery = 50;
  settings.batch = 32;
  const std::string whole = directory / "whole", pieces = directory / "pieces";
  const TrainResult result = trainVae(square(), settings, whole, {});
  EXPECT_LT(result.reconstruction, .85 * 2 * std::log(2.0)) << "guessing scores 2 log 2";
  settings.batch = 1;
  expectError(ErrorKind::Usage, "at least 2", [&] { trainVae(square(), settings, pieces, {}); });
  settings.batch = 32;
  settings.steps = 40;
  trainVae(square(), settings, pieces, {});
  settings.steps = 150;
  EXPECT_EQ(trainVae(square(), settings, pieces, {}).reconstruction, result.reconstruction) << "the head is kept too";
}

TEST(Encode, GivesPosteriorMeansAndFactors) {
  TemporaryDirectory directory;
  trainVae(square(), tiny(), directory / "run", {});
  EncodeSettings settings;
  settings.device = "cpu";
  settings.count = 0;
  const Codes all = encode(square(), directory / "run", settings, {});
  ASSERT_EQ(all.count, 64u);
  ASSERT_EQ(all.latents, 3u);
  ASSERT_EQ(all.codes.size(), 64u * 3u);
  for (std::size_t row = 0; row < 64; ++row) {
    EXPECT_EQ(all.factors[2 * row], static_cast<std::int64_t>(row / 8));
    EXPECT_EQ(all.factors[2 * row + 1], static_cast<std::int64_t>(row % 8));
  }
  settings.count = 100;
  settings.seed = 5;
  const Codes drawn = encode(square(), directory / "run", settings, {});
  ASSERT_EQ(drawn.count, 100u);
  bool repeats = false;
  std::vector<int> seen(64, 0);
  for (std::size_t i = 0; i < 100; ++i) {
    const auto row = static_cast<std::size_t>(8 * drawn.factors[2 * i] + drawn.factors[2 * i + 1]);
    repeats = repeats || seen[row]++ > 0;
    for (std::size_t l = 0; l < 3; ++l) EXPECT_NEAR(drawn.codes[3 * i + l], all.codes[3 * row + l], 1e-5f);
  }
  EXPECT_TRUE(repeats);

  writeCodes(directory / "codes.npz", drawn, Overwrite::Refuse);
  const Codes back = readCodes(directory / "codes.npz");
  EXPECT_EQ(back.codes, drawn.codes);
  EXPECT_EQ(back.factors, drawn.factors);
}

TEST(Encode, RefusesOtherDatasetsAndMissingRuns) {
  TemporaryDirectory directory;
  trainVae(square(), tiny(), directory / "run", {});
  class Renamed final : public Source {
   public:
    Renamed() { info_.dataset = "other"; }
    const SourceInfo& info() const override { return info_; }
    void read(std::uint64_t row, std::uint8_t* image) const override { base_.read(row, image); }

   private:
    Square base_;
    SourceInfo info_ = base_.info();
  };
  expectError(ErrorKind::BadFile, "was trained on square",
              [&] { encode(std::make_shared<Renamed>(), directory / "run", {}, {}); });
  expectError(ErrorKind::BadFile, "checkpoint.h5", [&] { encode(square(), directory / "nothing", {}, {}); });
}

TEST(CachedSource, ReadsEachImageOnce) {
  const auto base = std::make_shared<Square>();
  const SourcePtr source = cached(base);
  std::vector<std::uint8_t> once(32 * 32);
  std::vector<std::uint8_t> twice(32 * 32);
  std::vector<std::uint8_t> expected(32 * 32);
  for (const std::uint64_t row : {std::uint64_t{0}, std::uint64_t{63}, std::uint64_t{9}}) {
    source->read(row, once.data());
    source->read(row, twice.data());
    EXPECT_EQ(once, twice);
  }
  EXPECT_EQ(base->reads, 3);
  base->read(9, expected.data());
  EXPECT_EQ(once, expected);
}

// Images that come in eights, as from a file's chunks.
class Eights final : public Square {
 public:
  RowRange together(std::uint64_t row) const override { return {row / 8 * 8, 8}; }
};

TEST(CachedSource, KeepsWhatWasReadTogether) {
  const auto base = std::make_shared<Eights>();
  const SourcePtr source = cached(base);
  std::vector<std::uint8_t> image(32 * 32), expected(32 * 32);
  for (const std::uint64_t row : {std::uint64_t{13}, std::uint64_t{8}, std::uint64_t{15}, std::uint64_t{9}}) {
    source->read(row, image.data());
    Square().read(row, expected.data());
    EXPECT_EQ(image, expected) << row;
  }
  EXPECT_EQ(base->reads, 8);
}

// Two readers of every row at once, many times: each sees the right image.
TEST(CachedSource, ReadersOfTheSameRowsDoNotDisturbEachOther) {
  for (int round = 0; round < 20; ++round) {
    const SourcePtr source = cached(std::make_shared<Eights>());
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        std::vector<std::uint8_t> image(32 * 32), expected(32 * 32);
        for (std::uint64_t row = 0; row < 64; ++row) {
          source->read(row, image.data());
          Square().read(row, expected.data());
          wrong += image != expected;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

// The half of the memory that all of a user's processes share is counted in a file of the temporary directory: these
// tests have one of their own.
class OwnTemporaryDirectory final : public ::testing::Environment {
 public:
  void SetUp() override {
    directory_.emplace();
    ::setenv("TMPDIR", directory_->path().c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("TMPDIR");
    directory_.reset();
  }

 private:
  std::optional<TemporaryDirectory> directory_;
};
[[maybe_unused]] const auto* const kOwnTemporaryDirectory =
    ::testing::AddGlobalTestEnvironment(new OwnTemporaryDirectory);

// Sources that would fill a third of the memory each.
class Third final : public Square {
 public:
  std::uint64_t size() const override { return imageMemory() / 3 * 2 / 1024; }
};

TEST(ImageMemory, AllCachesShareHalfTheMemory) {
  const auto one = std::make_shared<Third>(), two = std::make_shared<Third>();
  SourcePtr first = cached(one);
  EXPECT_NE(first, SourcePtr(one));
  EXPECT_EQ(cached(two), SourcePtr(two)) << "two thirds of the memory would be too much";
  first.reset();
  EXPECT_NE(cached(two), SourcePtr(two)) << "what is given back can be had again";
}

// A batch system bounds a job somewhere along the path of its groups.
TEST(ImageMemory, TheLeastOfAllGroupsAboveCounts) {
  const TemporaryDirectory mount;
  const auto bound = [&](const std::string& group, const std::string& file, const std::string& text) {
    std::filesystem::create_directories(mount / group);
    std::ofstream(mount / (group + "/" + file)) << text << '\n';
  };
  const auto allowed = [&](const std::string& groups) {
    std::istringstream text(groups);
    return groupMemory(text, mount.path());
  };
  EXPECT_EQ(allowed("0::/\n"), UINT64_MAX) << "no file says anything";
  bound("slurm/job/step", "memory.max", "max");
  bound("slurm/job", "memory.max", "3000");
  bound("slurm", "memory.max", "5000");
  EXPECT_EQ(allowed("0::/slurm/job/step\n"), 3000u);
  EXPECT_EQ(allowed("0::/slurm\n"), 5000u);
  EXPECT_EQ(allowed("0::/elsewhere\n"), UINT64_MAX);
  EXPECT_EQ(allowed("0::/out/of/the/mount/slurm/job\n"), 3000u) << "a mount that begins within the path";
  EXPECT_EQ(allowed("0::/out/of/the/mount\n\nno colon\none:colon\n"), UINT64_MAX);
  bound("memory/job", "memory.limit_in_bytes", "2000");
  EXPECT_EQ(allowed("5:cpu,cpuacct:/job\n4:memory:/job\n0::/slurm/job/step\n"), 2000u);
  EXPECT_EQ(allowed("5:cpu,memory:/job/step\n"), 2000u);
  EXPECT_EQ(allowed("5:cpu:/job\n"), UINT64_MAX) << "of no memory";
  bound("unified/job", "memory.max", "1000");
  EXPECT_EQ(allowed("0::/job\n"), 1000u) << "beside version 1";
  EXPECT_EQ(allowed("0::/../..\n"), UINT64_MAX);
  bound(".", "memory.max", "700");
  EXPECT_EQ(allowed(""), 700u) << "the group that is mounted bounds everyone who sees no more";
  EXPECT_EQ(allowed("0::/slurm/job\n"), 700u);
}

TEST(ImageMemory, OtherProcessesCount) {
  const ImageMemory mine(1);
  ASSERT_TRUE(mine.held());
  const std::string path =
      std::filesystem::temp_directory_path() / ("offaxis-image-memory-" + std::to_string(::getuid()));
  const int other = ::open(path.c_str(), O_RDWR);  // locks of another opening conflict as another process's do
  ASSERT_GE(other, 0);
  struct flock all {};
  all.l_type = F_WRLCK;
  all.l_whence = SEEK_SET;
  EXPECT_NE(::fcntl(other, F_OFD_SETLK, &all), 0) << "one slot is taken";
  all.l_start = 1;
  ASSERT_EQ(::fcntl(other, F_OFD_SETLK, &all), 0);
  EXPECT_FALSE(ImageMemory(1).held());
  EXPECT_TRUE(ImageMemory(0).held());
  ::close(other);
  EXPECT_TRUE(ImageMemory(1).held()) << "a process that ends gives back what it held";
}

TEST(CachedSource, VariantsOfACachedOriginalHaveTheSameBytes) {
  const std::string psi = OFFAXIS_SOURCE_DIR "/manifests/xysquares-s1-quick/psi/";
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(psi)) file = entry.path();
  const SourcePtr base = cached(openSource("xysquares:spacing=1,size=32"));
  for (const std::string& variant : {std::string("noise:eps=0.1,seed=2"), "modified:psi=" + file}) {
    const SourcePtr plain = openSource("xysquares:spacing=1,size=32+" + variant);
    const SourcePtr shared = cached(applyVariant(base, variant));
    EXPECT_EQ(sourceIdentity(*shared), sourceIdentity(*plain)) << variant;
    EXPECT_EQ(sourceIdentity(*shared), sourceIdentity(*plain)) << variant << ", from the cache";
    EXPECT_EQ(shared->info().expression(), plain->info().expression());
  }
}

}  // namespace
}  // namespace offaxis
