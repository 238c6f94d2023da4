#include "experiment/evaluate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "datasets/content.h"
#include "datasets/image_file.h"
#include "experiment/encoder_codes.h"
#include "experiment/results_summary.h"
#include "learn/encode.h"
#include "storage/file_lock.h"
#include "storage/h5.h"
#include "storage/temporary.h"
#include "support/h5_edit.h"
#include "support/memory_source.h"
#include "support/random_psi.h"
#include "support/toy_source.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

using Json = nlohmann::json;
using testing::bytesOf;
using testing::expectError;
using testing::MemorySource;
using testing::putBytes;
using testing::TemporaryDirectory;

EvaluateSettings tiny() {
  EvaluateSettings settings;
  settings.arms = {parseArm("original=xysquares:spacing=1"),
                   parseArm("noise=xysquares:spacing=1+noise:eps=0.1,seed=3")};
  settings.profile.seeds = 2;
  settings.profile.encodeCount = 300;
  settings.profile.train.steps = 3;
  settings.profile.train.batch = 8;
  settings.profile.train.device = "cpu";
  settings.profile.probeSteps = 4;
  return settings;
}

// Rows without the wall time, which alone may differ between two evaluations.
Json rowsOf(const std::string& directory) {
  Json rows = Json::parse(bytesOf(directory + "/results.json"))["rows"];
  for (Json& row : rows) row.erase("seconds");
  return rows;
}

// Asks to stop once `left` more steps were taken.
struct StopAfterSteps final : Progress {
  explicit StopAfterSteps(int steps) : left(steps) {}
  CancelToken token;
  std::atomic<int> left;
  void begin(const std::string&, std::uint64_t, const std::string& unit, std::uint64_t) override {
    training_ = unit == "steps";
  }
  void advance(std::uint64_t units) override {
    if (training_ && (left -= static_cast<int>(units)) <= 0) token.request();
  }
  void status(const std::string&) override {}
  void end() override {}
  void note(const std::string&) override {}

 private:
  std::atomic<bool> training_{false};
};

TEST(Evaluate, FillsTheGridAndComparesInPairs) {
  TemporaryDirectory directory;
  const EvaluationResult result = evaluate(tiny(), directory / "e", {2, nullptr, nullptr});
  EXPECT_TRUE(result.complete);
  ASSERT_EQ(result.rows.size(), 4u);
  ASSERT_EQ(result.summary.size(), 2u);
  EXPECT_EQ(result.summary[0].variant, "original");
  EXPECT_EQ(result.summary[1].variant, "noise");
  EXPECT_EQ(result.rotation, "blocks");
  EXPECT_GT(result.calibration.ceiling, .9);  // .999 from 10,000 codes
  EXPECT_LT(result.calibration.floor, .3);
  double difference = 0;
  for (const std::uint64_t seed : {0u, 1u}) {
    const EvaluationRow& original = result.rows[2 * seed];
    const EvaluationRow& noise = result.rows[2 * seed + 1];
    EXPECT_EQ(original.seed, seed);
    EXPECT_EQ(noise.seed, seed);
    EXPECT_EQ(noise.variant, "noise");
    EXPECT_GT(noise.reconstruction, original.reconstruction) << "noise cannot be rebuilt";
    EXPECT_EQ(original.mig.perFactor.size(), 6u);
    EXPECT_EQ(original.rotated.perFactor.size(), 6u);
    difference += (noise.mig.value - original.mig.value) / 2;
  }
  EXPECT_NEAR(result.summary[1].mig.difference.mean, difference, 1e-12);
  EXPECT_EQ(result.summary[1].mig.difference.pairs, 2u);

  const Json json = Json::parse(bytesOf(directory / "e/results.json"));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["status"], "complete");
  EXPECT_EQ(json["rows"].size(), 4u);
  EXPECT_EQ(json["configuration"]["net"], "conv32");
  EXPECT_EQ(json["configuration"]["image"], "32x32x3");
  EXPECT_EQ(json["sources"]["noise"]["expression"], "xysquares:spacing=1+noise:eps=0.1,seed=3");
  EXPECT_EQ(json["summary"][1]["mig"]["points"].size(), 2u);
  EXPECT_EQ(json["summary"][1]["mig"]["difference"]["from"], "original");
  EXPECT_FALSE(json["summary"][0]["mig"].contains("difference"));
}

TEST(Evaluate, ProbesStandBesideOtherModels) {
  const TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  evaluate(settings, directory / "e", {2, nullptr, nullptr});
  const Json before = Json::parse(bytesOf(directory / "e/results.json"));
  EXPECT_FALSE(before.contains("probe"));
  // A directory without a probe can be given one.
  settings.models = {"beta-vae", "probe"};
  settings.metrics = {"sap"};  // of the codes alone
  const EvaluationResult result = evaluate(settings, directory / "e", {2, nullptr, nullptr});
  ASSERT_EQ(result.rows.size(), 8u);
  ASSERT_EQ(result.summary.size(), 4u);
  const Json json = Json::parse(bytesOf(directory / "e/results.json"));
  EXPECT_EQ(json["probe"]["steps"], 4);
  EXPECT_EQ(json["configuration"], before["configuration"]);
  const std::vector<std::string> factors{"x_R", "y_R", "x_G", "y_G", "x_B", "y_B"};
  std::size_t probes = 0;
  for (const Json& row : json["rows"]) {
    ASSERT_EQ(row.contains("probe"), row["model"] == "probe");
    EXPECT_EQ(row.contains("mig"), row["model"] != "probe");
    EXPECT_EQ(row.contains("rotated_mig"), row["model"] != "probe");
    EXPECT_EQ(row.contains("scores"), row["model"] != "probe");
    if (!row.contains("probe")) continue;
    ++probes;
    const Json& probe = row["probe"];
    EXPECT_EQ(probe["test_images"], 10000);
    EXPECT_NEAR(probe["train_images"].get<double>() / 262144, .8, .005);
    double sum = 0;
    for (const std::string& factor : factors) {
      sum += probe["per_factor"].at(factor).get<double>() / 6;
      EXPECT_EQ(probe["per_factor_levels"].at(factor), 8);
      EXPECT_EQ(probe["per_factor_correct"].at(factor).get<double>() / 10000, probe["per_factor"][factor]);
      EXPECT_GE(probe["per_factor_error"].at(factor), 0.0);
    }
    EXPECT_NEAR(probe["mean"].get<double>(), sum, 1e-12);
  }
  EXPECT_EQ(probes, 4u);
  const Json& noise = json["summary"][3];
  EXPECT_EQ(noise["variant"], "noise");
  EXPECT_FALSE(noise.contains("mig"));
  EXPECT_EQ(noise["probe"]["points"].size(), 2u);
  EXPECT_EQ(noise["probe"]["difference"]["from"], "original");
  EXPECT_EQ(noise["probe"]["per_factor"]["x_R"]["difference"]["pairs"], 2);
  EXPECT_FALSE(json["summary"][2]["probe"].contains("difference"));
  double difference = 0;
  for (const EvaluationRow& row : result.rows) {
    if (row.probe) difference += (row.variant == "noise" ? .5 : -.5) * row.probe->mean;
  }
  EXPECT_NEAR(noise["probe"]["difference"]["mean"].get<double>(), difference, 1e-12);

  // Read again, the rows say the same; the other models' took no part.
  const auto written = std::filesystem::last_write_time(directory / "e/runs/noise_probe_1.json");
  evaluate(settings, directory / "e", {2, nullptr, nullptr});
  EXPECT_EQ(std::filesystem::last_write_time(directory / "e/runs/noise_probe_1.json"), written);
  EXPECT_EQ(Json::parse(bytesOf(directory / "e/results.json")), json);
  settings.profile.probeSteps = 5;
  expectError(ErrorKind::BadFile, "probe", [&] { evaluate(settings, directory / "e", {}); });
  settings.models = {"beta-vae"};
  EXPECT_EQ(evaluate(settings, directory / "e", {}).rows.size(), 4u);
}

TEST(Evaluate, ProbesNameEveryImageOfTheirSets) {
  const TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.models = {"beta-vae", "probe"};
  settings.profile.seeds = 1;
  const EvaluationResult result = evaluate(settings, directory / "e", {2, nullptr, nullptr});
  const Json json = Json::parse(bytesOf(directory / "e/results.json"));
  for (std::size_t i = 0; i < result.rows.size(); ++i) {
    const EvaluationRow& row = result.rows[i];
    const std::string& expression = settings.arms[row.variant == "noise" ? 1 : 0].expression;
    const std::string root = row.probe ? toHex(contentRoot(*openSource(expression, {32}), {2, nullptr, nullptr})) : "";
    EXPECT_EQ(row.sourceRoot, root);
    EXPECT_EQ(json["rows"][i].value("source_root", ""), root);
  }
  // Rows that were made before they named it stay what they are, and do not name it now.
  Json old = Json::parse(bytesOf(directory / "e/runs/noise_probe_0.json"));
  old.erase("source_root");
  putBytes(directory / "e/runs/noise_probe_0.json", old.dump());
  const EvaluationResult again = evaluate(settings, directory / "e", {2, nullptr, nullptr});
  EXPECT_TRUE(again.complete);
  EXPECT_EQ(again.rows[3].variant, "noise");
  EXPECT_EQ(again.rows[3].sourceRoot, "");
}

// Two perturbations that differ in few images have one identity; what their files are tells them apart.
TEST(Evaluate, PerturbationsThatShowTheSameSampleAreToldApart) {
  const TemporaryDirectory directory;
  PsiNetwork psi = testing::randomPsi(openSource("xysquares:spacing=1"), 7);
  psi.save(directory / "a.h5", Overwrite::Refuse);
  psi.provenance = R"({"seed":8})";
  psi.save(directory / "b.h5", Overwrite::Refuse);
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  const auto modified = [&](const char* label, const char* file) {
    return parseArm(std::string(label) + "=xysquares:spacing=1+modified:psi=" + (directory / file));
  };
  settings.arms[1] = modified("modified", "a.h5");
  evaluate(settings, directory / "e", {});
  settings.arms[1] = modified("modified", "b.h5");
  expectError(ErrorKind::BadFile,
              "source_definition is \"modified eps=0.1 psi_sha256=", [&] { evaluate(settings, directory / "e", {}); });
  // The run itself is not taken for the other's either.
  std::filesystem::remove(directory / "e/runs/modified_beta-vae_0.json");
  expectError(ErrorKind::BadFile,
              "source_definition is \"modified eps=0.1 psi_sha256=", [&] { evaluate(settings, directory / "e", {}); });
  // A row of before psi was named stays what it is.
  settings.arms[1] = modified("modified", "a.h5");
  evaluate(settings, directory / "e", {});
  const std::string row = directory / "e/runs/modified_beta-vae_0.json";
  Json old = Json::parse(bytesOf(row));
  EXPECT_EQ(old["identity"]["source_definition"],
            "modified eps=0.1 psi_sha256=" + toHex(sha256OfFile(directory / "a.h5")));
  old["identity"].erase("source_definition");
  putBytes(row, old.dump());
  EXPECT_TRUE(evaluate(settings, directory / "e", {}).complete);
  EXPECT_EQ(bytesOf(row), old.dump());
  const Json sources = Json::parse(bytesOf(directory / "e/results.json"))["sources"];
  EXPECT_TRUE(sources["original"].contains("definition"));
  EXPECT_FALSE(sources["modified"].contains("definition")) << "its row does not say what it was made with";
  // So does its checkpoint, and the row when it is scored once more.
  const std::string checkpoint = directory / "e/runs/modified_beta-vae_0/checkpoint.h5";
  auto identity = nlohmann::ordered_json::parse(h5::Reader(checkpoint).stringAttribute("identity"));
  identity.erase("source_definition");
  testing::replaceAttribute(checkpoint, "identity", identity.dump());
  settings.metrics = {"sap"};
  EXPECT_TRUE(evaluate(settings, directory / "e", {}).complete);
  EXPECT_TRUE(Json::parse(bytesOf(row))["scores"]["sap"].contains("value"));
  EXPECT_EQ(Json::parse(bytesOf(row))["identity"], old["identity"]);
}

// A file may be edited where no sample looks; what a probe learnt from is what its row names.
TEST(Evaluate, ProbesAreNotTakenForThoseOfAnEditedFile) {
  const TemporaryDirectory directory;
  const std::string file = directory / "part.h5";
  const SourcePtr whole = openSource("xysquares:spacing=1", {32});
  std::vector<std::uint64_t> rows(400);
  std::iota(rows.begin(), rows.end(), std::uint64_t{1000});
  MemorySource images(*subset(whole, rows));
  writeImageFile(images, file, {}, {});
  EvaluateSettings settings = tiny();
  settings.arms = {parseArm("original=" + file)};
  settings.models = {"probe"};
  settings.profile.seeds = 1;
  evaluate(settings, directory / "e", {});
  const std::string row = directory / "e/runs/original_probe_0.json";
  const std::string root = Json::parse(bytesOf(row))["source_root"];
  EXPECT_EQ(root, toHex(contentRoot(images, {})));
  // An image that the identity does not look at.
  const std::string identity = sourceIdentity(images);
  std::uint64_t edited = 0;
  for (;; ++edited) {
    *images.image(edited) ^= 1;
    if (sourceIdentity(images) == identity) break;
    *images.image(edited) ^= 1;
  }
  WriteSettings replace;
  replace.overwrite = Overwrite::Replace;
  writeImageFile(images, file, replace, {});
  EXPECT_EQ(evaluate(settings, directory / "e", {}).rows[0].sourceRoot, root) << "it says what it was made with";
  settings.profile.seeds = 2;
  expectError(ErrorKind::BadFile, "other images", [&] { evaluate(settings, directory / "e", {}); });
  const std::vector<EvaluationArm> one = settings.arms;  // the same where one name has the file twice
  settings.arms = {parseArm("original@0:1=" + file), parseArm("original@1:2=" + file)};
  expectError(ErrorKind::BadFile, "other images", [&] { evaluate(settings, directory / "e", {}); });
  settings.arms = one;
  std::filesystem::remove(row);
  expectError(ErrorKind::BadFile, "source_root is", [&] { evaluate(settings, directory / "e", {}); });
  settings.overwrite = true;
  for (const EvaluationRow& anew : evaluate(settings, directory / "e", {}).rows)
    EXPECT_EQ(anew.sourceRoot, toHex(contentRoot(images, {})));
}

// One source under two labels is one cluster: resampling it says nothing of other perturbations.
TEST(Evaluate, ASourceThatIsNamedTwiceIsOneCluster) {
  const TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.train.steps = 40;
  settings.seeds = parseSeeds("0:4", "seeds");
  const std::string noise = "xysquares:spacing=1+noise:eps=0.1,seed=3";
  const EvaluationResult one = evaluate(settings, directory / "one", {2, nullptr, nullptr});
  settings.arms = {settings.arms[0], parseArm("noise@0:1=" + noise), parseArm("noise@1:4=" + noise)};
  const EvaluationResult two = evaluate(settings, directory / "two", {2, nullptr, nullptr});
  EXPECT_EQ(two.summary[1].mig.points, one.summary[1].mig.points);
  EXPECT_NE(one.summary[1].mig.difference.interval.low, one.summary[1].mig.difference.interval.high);
  EXPECT_EQ(two.summary[1].mig.difference.interval.low, one.summary[1].mig.difference.interval.low);
  EXPECT_EQ(two.summary[1].mig.difference.interval.high, one.summary[1].mig.difference.interval.high);
  // The file says enough for its summary to be made anew, and of another variant.
  const auto results = nlohmann::ordered_json::parse(bytesOf(directory / "two/results.json"));
  EXPECT_EQ(comparedWith(results, "original"), results);
  settings.against = "noise";
  const EvaluationResult turned = evaluate(settings, directory / "two", {2, nullptr, nullptr});
  EXPECT_EQ(comparedWith(results, "noise"), nlohmann::ordered_json::parse(bytesOf(turned.path)));
  expectError(ErrorKind::Usage, "there are: original, noise", [&] { comparedWith(results, "modified"); });
  auto foreign = results;
  foreign["rows"][0]["variant"] = "modified";
  expectError(ErrorKind::BadFile, "none of the sources", [&] { comparedWith(foreign, "noise"); });
  auto damaged = results;
  damaged["sources"]["noise@x"] = damaged["sources"]["noise@0:1"];
  expectError(ErrorKind::BadFile, "the seeds of noise@x", [&] { comparedWith(damaged, "noise"); });
}

TEST(Evaluate, WhatForceBeganIsGoneOnWithWithoutIt) {
  const TemporaryDirectory directory;
  for (const double beta : {1.0, 3.0}) {  // anew with the same settings, and with others
    EvaluateSettings settings = tiny();
    settings.beta = 1;
    evaluate(settings, directory / "e", {});
    const auto written = [&](const char* run) {
      return std::filesystem::last_write_time(directory / ("e/runs/" + std::string(run) + ".json"));
    };
    const auto old = written("noise_beta-vae_1");
    settings.beta = beta;
    settings.overwrite = true;
    StopAfterSteps stop(5);  // in the second of four runs of three steps
    try {
      evaluate(settings, directory / "e", {1, &stop.token, &stop});
      FAIL() << "not interrupted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Interrupted);
      EXPECT_NE(error.hint().find("without --force"), std::string::npos) << error.hint();
    }
    settings.overwrite = false;
    const auto first = written("original_beta-vae_0");
    EXPECT_TRUE(evaluate(settings, directory / "e", {}).complete);
    EXPECT_EQ(written("original_beta-vae_0"), first) << "done already";
    EXPECT_GT(written("noise_beta-vae_1"), old) << "made anew, though after the interruption";
    const std::string straight = directory / ("straight" + std::to_string(static_cast<int>(beta)));
    evaluate(settings, straight, {});
    EXPECT_EQ(rowsOf(directory / "e"), rowsOf(straight));
    settings.overwrite = true;
    settings.beta = 1;
    evaluate(settings, directory / "e", {});
  }
}

TEST(Evaluate, ForceRemovesNothingThatItCannotReplace) {
  const TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  evaluate(settings, directory / "e", {});
  const std::string row = directory / "e/runs/original_beta-vae_0.json", results = directory / "e/results.json";
  const std::string before = bytesOf(row), said = bytesOf(results);
  settings.overwrite = true;
  {
    const FileLock other(directory / "e/runs/grid.lock", FileLock::Kind::Shared);  // whatever runs it is at
    ASSERT_TRUE(other.held());
    expectError(ErrorKind::CannotWrite, "would undo its work", [&] { evaluate(settings, directory / "e", {}); });
    settings.overwrite = false;
    evaluate(settings, directory / "e", {});  // joins it
  }
  {
    const FileLock emptying(directory / "e/runs/grid.lock");
    expectError(ErrorKind::CannotWrite, "is removing the runs", [&] { evaluate(settings, directory / "e", {}); });
  }
  settings.profile.train.device = "cuda:99";
  evaluate(settings, directory / "e", {});  // what is finished needs no device
  settings.overwrite = true;
  expectError(ErrorKind::Unavailable, "cuda", [&] { evaluate(settings, directory / "e", {}); });
  expectError(ErrorKind::Unavailable, "cuda", [&] { evaluate(settings, directory / "new", {}); });
  EXPECT_FALSE(std::filesystem::exists(directory / "new"));
  EXPECT_EQ(bytesOf(row), before);
  EXPECT_EQ(bytesOf(results), said);
  EXPECT_TRUE(std::filesystem::exists(directory / "e/runs/original_beta-vae_0/checkpoint.h5"));
}

// A process that is killed leaves a run.json of before its last checkpoint.
TEST(Evaluate, PointsOnTheWayCanBeAskedForAfterAKill) {
  const TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  settings.profile.train.steps = 12;
  settings.profile.train.logEvery = 1;
  StopAfterSteps stop(8);
  expectError(ErrorKind::Interrupted, "", [&] { evaluate(settings, directory / "e", {1, &stop.token, &stop}); });
  const std::string report = directory / "e/runs/original_beta-vae_0/run.json";
  Json said = Json::parse(bytesOf(report));
  EXPECT_EQ(said["steps_done"], 8);
  said["steps_done"] = 0;
  putBytes(report, said.dump());
  settings.pointsOnTheWay = 4;
  const EvaluationResult result = evaluate(settings, directory / "e", {});
  ASSERT_EQ(result.rows.size(), 2u);
  ASSERT_EQ(result.rows[0].migOverSteps.size(), 1u);  // those at 3 and 6 steps were passed
  EXPECT_EQ(result.rows[0].migOverSteps[0].steps, 9u);
  EXPECT_EQ(result.rows[1].migOverSteps.size(), 3u);
}

TEST(Evaluate, AMigLiesInItsRange) {
  const TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  evaluate(settings, directory / "e", {});
  const std::string path = directory / "e/runs/noise_beta-vae_0.json";
  const Json row = Json::parse(bytesOf(path));
  for (const char* score : {"mig", "rotated_mig"}) {
    for (const double value : {1e308, -0.1, 1.001}) {
      Json spoiled = row;
      spoiled[score]["value"] = value;
      putBytes(path, spoiled.dump());
      expectError(ErrorKind::BadFile, "noise_beta-vae_0.json is damaged: a MIG of",
                  [&] { evaluate(settings, directory / "e", {}); });
    }
  }
}

// A file's keys may come in another order, from a program that sorts them say.
TEST(Evaluate, KeysMayStandInAnyOrder) {
  const TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  evaluate(settings, directory / "e", {});
  for (const char* file : {"e/results.json", "e/runs/noise_beta-vae_0.json"})
    putBytes(directory / file, Json::parse(bytesOf(directory / file)).dump());  // sorted
  const auto written = std::filesystem::last_write_time(directory / "e/runs/noise_beta-vae_0.json");
  EXPECT_TRUE(evaluate(settings, directory / "e", {}).complete);
  EXPECT_EQ(std::filesystem::last_write_time(directory / "e/runs/noise_beta-vae_0.json"), written);
}

TEST(Evaluate, ScoresOtherMetricsToo) {
  TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  evaluate(settings, directory / "e", {2, nullptr, nullptr});
  const Json before = rowsOf(directory / "e");
  // Asked for later, they are computed from the checkpoints, and MIG stays what it was.
  settings.metrics = {"sap", "code-information"};
  evaluate(settings, directory / "e", {2, nullptr, nullptr});
  Json after = rowsOf(directory / "e");
  for (Json& row : after) {
    EXPECT_GE(row.at("scores").at("code-information").at("value"), 0.0);
    EXPECT_EQ(row["scores"].at("sap").at("test_rows"), 5000);
    row.erase("scores");
  }
  EXPECT_EQ(after, before);
  // Another metric takes nothing from the first, and one that no run allows is kept as an error.
  settings.metrics = {"mig", "modularity", "modularity"};
  evaluate(settings, directory / "e", {2, nullptr, nullptr});
  for (const Json& row : rowsOf(directory / "e")) {
    EXPECT_EQ(row.at("scores").size(), 3u) << "MIG is in the row as it is";
    EXPECT_TRUE(row["scores"].contains("sap"));
  }
  // A score by another definition is not taken for this one's.
  const std::string path = directory / "e/runs/original_beta-vae_0.json";
  auto stale = nlohmann::ordered_json::parse(bytesOf(path));
  const double value = stale["scores"]["modularity"]["value"];
  stale["scores"]["modularity"]["definition"] = "modularity/0";
  stale["scores"]["modularity"]["value"] = 7;
  putBytes(path, stale.dump());
  evaluate(settings, directory / "e", {2, nullptr, nullptr});
  EXPECT_EQ(Json::parse(bytesOf(path))["scores"]["modularity"]["value"], value);
  // What is there is kept where less is asked for.
  settings.metrics.clear();
  evaluate(settings, directory / "e", {2, nullptr, nullptr});
  EXPECT_TRUE(rowsOf(directory / "e")[0].contains("scores"));
  settings.metrics = {"accuracy"};
  expectError(ErrorKind::Usage, "explicitness", [&] { evaluate(settings, directory / "f", {}); });
}

TEST(EncoderCodes, AreThoseOfEncode) {
  const TemporaryDirectory directory;
  const auto source = std::make_shared<testing::ToySource>(ImageShape{32, 32, 3});  // 24 images
  TrainSettings train = tiny().profile.train;
  train.latents = 3;
  trainVae(source, train, directory / "run", {});
  EncodeSettings whole;
  whole.count = 0;
  const Codes all = encode(source, directory / "run", whole, {});
  const Context two{2, nullptr, nullptr};
  const CodeSource codes = encoderCodes(source, directory / "run", 3, "cpu", two);
  EXPECT_EQ(codes.sizes, (std::vector<std::uint32_t>{3, 4, 2}));
  for (int time = 0; time < 2; ++time) {  // the second time from what was kept
    const std::vector<double> some = codes.codes({2, 5, 23});
    ASSERT_EQ(some.size(), 9u);
    for (std::size_t i = 0; i < 9; ++i) {
      const std::size_t row = i < 3 ? 2 : i < 6 ? 5 : 23;
      EXPECT_NEAR(some[i], all.codes[row * 3 + i % 3], 1e-6);  // another batch size may round otherwise
    }
  }
  EXPECT_LE(factorVaeScore(codes, {}, two).value, 1.0);
  requireCodesOf(codes, viewOf(all), "c.npz", "run");
  Codes other = all;
  double least = other.codes[0], most = least;
  for (const double code : other.codes) least = std::min(least, code), most = std::max(most, code);
  other.codes[0] += 1e-4 * (most - least) / 3;  // as another machine may round
  requireCodesOf(codes, viewOf(other), "c.npz", "run");
  other.codes[0] += (most - least) / 50;
  expectError(ErrorKind::BadFile, "c.npz is not of run: its row 0",
              [&] { requireCodesOf(codes, viewOf(other), "c.npz", "run"); });
  expectError(ErrorKind::BadFile, "3 latents",
              [&] { encoderCodes(source, directory / "run", 4, "cpu", two).codes({1}); });
  expectError(ErrorKind::Usage, "2 of the grid's 24", [&] {
    encoderCodes(subset(source, {0, 1}), directory / "run", 3, "cpu", two);
  });
}

TEST(Evaluate, ThreadsAndInterruptionsDoNotChangeResults) {
  TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.models = {"beta-vae", "probe"};
  evaluate(settings, directory / "straight", {1, nullptr, nullptr});
  // Asked to stop after every few steps, within runs and between them, until it gets through.
  int interruptions = 0;
  for (bool done = false; !done; ++interruptions) {
    ASSERT_LT(interruptions, 30);
    StopAfterSteps stopper(9 + interruptions);  // steps that are resumed from count too
    try {
      evaluate(settings, directory / "stopped", {2, &stopper.token, &stopper});
      done = true;
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), ErrorKind::Interrupted) << error.what();
      EXPECT_EQ(Json::parse(bytesOf(directory / "stopped/results.json"))["status"], "partial");
    }
  }
  EXPECT_GT(interruptions, 1);
  EXPECT_EQ(rowsOf(directory / "stopped"), rowsOf(directory / "straight"));
}

TEST(Evaluate, KeepsFinishedRowsAndAddsSeeds) {
  TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  evaluate(settings, directory / "e", {});
  const std::string row = directory / "e/runs/noise_beta-vae_0.json";
  const std::string before = bytesOf(row);
  const auto written = std::filesystem::last_write_time(row);
  settings.profile.seeds = 2;
  evaluate(settings, directory / "e", {});
  EXPECT_EQ(std::filesystem::last_write_time(row), written);
  evaluate(tiny(), directory / "straight", {});
  EXPECT_EQ(rowsOf(directory / "e"), rowsOf(directory / "straight"));
  EXPECT_EQ(bytesOf(row), before);
}

TEST(Evaluate, NeverMixesConfigurationsOrData) {
  TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  evaluate(settings, directory / "e", {});
  const std::string before = bytesOf(directory / "e/results.json");
  EvaluateSettings other = settings;
  other.profile.train.steps = 4;
  expectError(ErrorKind::BadFile, "steps is 3 there, 4 here", [&] { evaluate(other, directory / "e", {}); });
  other = settings;
  other.beta = 2;
  expectError(ErrorKind::BadFile, "beta", [&] { evaluate(other, directory / "e", {}); });
  other = settings;
  other.arms[1] = parseArm("noise=xysquares:spacing=1+noise:eps=0.1,seed=4");
  expectError(ErrorKind::BadFile, "source", [&] { evaluate(other, directory / "e", {}); });
  EXPECT_EQ(bytesOf(directory / "e/results.json"), before);
  other.overwrite = true;
  EXPECT_TRUE(evaluate(other, directory / "e", {}).complete);
  putBytes(directory / "e/results.json", "not json");
  other.overwrite = false;
  expectError(ErrorKind::BadFile, "results.json", [&] { evaluate(other, directory / "e", {}); });
}

TEST(Evaluate, SourcesOfOneNameFormOneVariant) {
  TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.arms = {parseArm("original=xysquares:spacing=1"),
                   parseArm("noise@5:6=xysquares:spacing=1+noise:eps=0.1,seed=3"),
                   parseArm("noise@6:8=xysquares:spacing=1+noise:eps=0.1,seed=4")};
  settings.seeds = parseSeeds("5:7", "seeds");
  settings.against = "noise";
  const EvaluationResult result = evaluate(settings, directory / "e", {2, nullptr, nullptr});
  ASSERT_EQ(result.summary.size(), 2u);
  EXPECT_EQ(result.summary[0].seeds, (std::vector<std::uint64_t>{5, 6}));
  EXPECT_EQ(result.summary[1].seeds, (std::vector<std::uint64_t>{5, 6, 7}));
  EXPECT_EQ(result.summary[0].mig.difference.pairs, 2u);  // seed 7 has no partner
  EXPECT_EQ(result.summary[1].mig.difference.pairs, 3u);
  EXPECT_NEAR(result.summary[0].mig.difference.mean,
              result.summary[0].mig.mean - (result.summary[1].mig.points[0] + result.summary[1].mig.points[1]) / 2,
              1e-12);
  const Json json = Json::parse(bytesOf(directory / "e/results.json"));
  EXPECT_EQ(json["sources"]["noise@6:8"]["expression"], "xysquares:spacing=1+noise:eps=0.1,seed=4");
  EXPECT_EQ(json["seeds"], Json::parse("[5, 6, 7]"));
  EXPECT_EQ(json["summary"][0]["mig"]["difference"]["from"], "noise");
  EXPECT_GE(json["summary"][0]["mig"]["difference"]["p_holm"].get<double>(), .5);  // two pairs cannot say less
  // The rows hold the source that they came from: the other noise is not taken for it.
  settings.arms[1] = parseArm("noise@5:6=xysquares:spacing=1+noise:eps=0.1,seed=4");
  expectError(ErrorKind::BadFile, "source", [&] { evaluate(settings, directory / "e", {}); });
}

TEST(Evaluate, LeavesToOthersWhatTheyHold) {
  TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "e/runs");
  EvaluateSettings settings = tiny();
  {
    const FileLock other(directory / "e/runs/noise_beta-vae_1.lock");
    ASSERT_TRUE(other.held());
    EXPECT_FALSE(FileLock(directory / "e/runs/noise_beta-vae_1.lock").held());
    const EvaluationResult partial = evaluate(settings, directory / "e", {});
    EXPECT_FALSE(partial.complete);
    EXPECT_EQ(partial.rows.size(), 3u);
    EXPECT_EQ(Json::parse(bytesOf(directory / "e/results.json"))["status"], "partial");
  }
  EXPECT_TRUE(evaluate(settings, directory / "e", {}).complete);
  evaluate(settings, directory / "straight", {});
  EXPECT_EQ(rowsOf(directory / "e"), rowsOf(directory / "straight"));
}

// Does `work` once, when training begins.
struct AtTheBeginning final : Progress {
  explicit AtTheBeginning(std::function<void()> todo) : work(std::move(todo)) {}
  std::function<void()> work;
  void begin(const std::string&, std::uint64_t, const std::string&, std::uint64_t) override {
    if (work) std::exchange(work, nullptr)();
  }
  void advance(std::uint64_t) override {}
  void status(const std::string&) override {}
  void end() override {}
  void note(const std::string&) override {}
};

TEST(Evaluate, MetricsThatAnotherProcessAddsAreWaitedForAndKept) {
  const TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  evaluate(settings, directory / "e", {});
  std::filesystem::copy(directory / "e", directory / "other", std::filesystem::copy_options::recursive);
  settings.metrics = {"sap"};
  evaluate(settings, directory / "other", {});
  const std::string row = "runs/noise_beta-vae_1.json";
  const auto scored = [&] {
    std::size_t count = 0;
    const Json rows = rowsOf(directory / "e");
    for (const Json& r : rows) count += r.value("scores", Json::object()).contains("sap") ? 1 : 0;
    return count;
  };
  const FileLock other(directory / "e/runs/noise_beta-vae_1.lock");
  EXPECT_FALSE(evaluate(settings, directory / "e", {}).complete);
  EXPECT_EQ(Json::parse(bytesOf(directory / "e/results.json"))["status"], "partial");
  EXPECT_EQ(scored(), 3u);
  AtTheBeginning ends([&] { putBytes(directory / ("e/" + row), bytesOf(directory / ("other/" + row))); });
  EXPECT_TRUE(evaluate(settings, directory / "e", {1, nullptr, &ends}).complete);
  EXPECT_EQ(scored(), 4u);
  // Whoever asks for no metrics loses none of them, and cannot be what the others wait for.
  settings.metrics.clear();
  EXPECT_TRUE(evaluate(settings, directory / "e", {}).complete);
  EXPECT_EQ(scored(), 4u);
}

TEST(Evaluate, FailedRunsAreSaidAndTheRestKept) {
  TemporaryDirectory directory;
  EvaluateSettings settings = tiny();
  settings.profile.seeds = 1;
  settings.profile.train.steps = 200;
  settings.profile.train.learningRate = 1e6;
  expectError(ErrorKind::Failed, "2 of 2 runs failed", [&] { evaluate(settings, directory / "e", {}); });
  const Json json = Json::parse(bytesOf(directory / "e/results.json"));
  EXPECT_EQ(json["status"], "partial");
  EXPECT_TRUE(json["rows"][0].contains("error"));
  EXPECT_FALSE(json["rows"][0].contains("mig"));
  EXPECT_TRUE(json["summary"].empty()) << "a mean of no runs would read like a score";
}

TEST(Evaluate, ChecksItsArguments) {
  TemporaryDirectory directory;
  const auto refuse = [&](const std::string& part, auto change) {
    EvaluateSettings settings = tiny();
    change(settings);
    expectError(ErrorKind::Usage, part, [&] { evaluate(settings, directory / "none", {}); });
  };
  refuse("given twice", [](EvaluateSettings& s) { s.arms[1].name = "original"; });
  refuse("no model is called", [](EvaluateSettings& s) { s.models = {"vae9"}; });
  refuse("no sources", [](EvaluateSettings& s) { s.arms.clear(); });
  refuse("no net is called", [](EvaluateSettings& s) { s.profile.train.net = "conv9"; });
  refuse("takes 64x64", [](EvaluateSettings& s) { s.profile.train.net = "conv64"; });
  refuse("at least 2", [](EvaluateSettings& s) {
    s.models = {"beta-vae", "pcl"};
    s.profile.train.batch = 1;
  });
  refuse("shows xysquares:spacing=2", [](EvaluateSettings& s) { s.arms[1].expression = "xysquares:spacing=2"; });
  EXPECT_EQ(directory.entries(), 0u);
  EXPECT_EQ(parseArm("a=b=c").expression, "b=c");
  EXPECT_EQ(parseArm("a@3:5=b").label(), "a@3:5");
  EXPECT_EQ(parseArm("a=b@3:5").expression, "b@3:5");
  expectError(ErrorKind::Usage, "no range", [] { parseArm("a@3=b"); });
  expectError(ErrorKind::Usage, "seeds", [] { parseArm("a@5:5=b"); });
  expectError(ErrorKind::Usage, "--seeds", [] { parseSeeds("0", "--seeds"); });
  refuse("no source is called 'x'", [](EvaluateSettings& s) { s.against = "x"; });
  for (const char* text : {"", "xysquares", "=x", "a=", "a/b=x", ".a=x"}) {
    expectError(ErrorKind::Usage, "NAME=SOURCE", [&] { parseArm(text); });
  }
  expectError(ErrorKind::Usage, "known: quick, pilot, paper", [] { evaluationProfile("fast"); });
}

TEST(ModelDefaults, FollowTheFamilyAndTheImageSize) {
  const auto defaults = [](const std::string& source, const std::string& profile) {
    return modelDefaults(openSource(source)->info(), profile);
  };
  EXPECT_EQ(defaults("shapes3d", "paper").latents, 6);
  EXPECT_EQ(defaults("shapes3d", "paper").beta, 32);
  EXPECT_EQ(defaults("shapes3d", "paper").loss, "bernoulli");
  EXPECT_EQ(defaults("shapes3d", "pilot").beta, 64);
  EXPECT_EQ(defaults("shapes3d:size=32", "quick").beta, 16);
  EXPECT_EQ(defaults("shapes3d:size=32", "quick").steps, 2500u);
  EXPECT_EQ(defaults("dsprites", "paper").latents, 5);
  EXPECT_EQ(defaults("dsprites", "paper").beta, 8);
  EXPECT_EQ(defaults("dsprites:size=32", "quick").beta, 16);
  EXPECT_EQ(defaults("xysquares", "paper").latents, 9);
  EXPECT_EQ(defaults("xysquares", "paper").loss, "squared-error");
  EXPECT_EQ(defaults("xysquares:size=32", "quick").beta, 0.5);
  EXPECT_EQ(defaults("xysquares:size=32", "quick").latents, 6);
  SourceInfo imported = openSource("shapes3d")->info();
  imported.dataset = "shapes3d-import";
  EXPECT_EQ(modelDefaults(imported, "paper").beta, 32);
  imported.dataset = "shapes3daphne";
  EXPECT_EQ(modelDefaults(imported, "paper").beta, 4) << "a family of its own";
}

}  // namespace
}  // namespace offaxis
