#include "report/score_comparison.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "storage/staged.h"
#include "support/expect_error.h"
#include "support/temp_directory.h"

namespace offaxis {
namespace {

void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  writeTextFile(path, text, Overwrite::Replace);
}

std::string scores(double mig, double d) {
  return R"({"scores": {"mig": {"value": )" + std::to_string(mig) + R"(, "ceiling": 1}, "dci": {"disentanglement": )" +
         std::to_string(d) + R"(, "completeness": null}}})";
}

const RankCorrelation& pairOf(const std::vector<ScoreComparison::Group>& groups, const std::string& group,
                              const std::string& a, const std::string& b) {
  for (const auto& one : groups) {
    if (one.name != group) continue;
    for (const RankCorrelation& pair : one.pairs) {
      if (pair.a == a && pair.b == b) return pair;
    }
  }
  throw std::runtime_error("no such pair");
}

TEST(ScoreComparison, RanksMetricsWithinDatasetsAndDatasetsWithinMetrics) {
  const testing::TempDirectory d;
  // On shapes the two metrics order four models alike, on sprites oppositely; models m0 to m2 are on both.
  const double mig[] = {.1, .2, .3, .4};
  for (int i = 0; i < 4; ++i) put(d / ("shapes/m" + std::to_string(i) + ".json"), scores(mig[i], mig[i] * mig[i]));
  for (int i = 0; i < 3; ++i) put(d / ("sprites/m" + std::to_string(i) + ".json"), scores(mig[2 - i], mig[i]));
  put(d / "sprites/notes.json", R"(["no scores"])");
  put(d / "sprites/broken.json", "{");
  const auto [models, skipped] = readScoredModels(d / "");
  ASSERT_EQ(models.size(), 7u);
  ASSERT_EQ(skipped.size(), 1u) << "notes are no scores, what is cut short may have been";
  EXPECT_EQ(skipped[0].path, d / "sprites/broken.json");
  const ScoreComparison comparison = compareScores(models);
  const RankCorrelation alike = pairOf(comparison.metrics, "shapes", "dci.disentanglement", "mig");
  EXPECT_EQ(alike.models, 4u);
  EXPECT_NEAR(alike.value.value(), 1.0, 1e-12);
  EXPECT_NEAR(pairOf(comparison.metrics, "sprites", "dci.disentanglement", "mig").value.value(), -1.0, 1e-12);
  const RankCorrelation across = pairOf(comparison.datasets, "mig", "shapes", "sprites");
  EXPECT_EQ(across.models, 3u);
  EXPECT_NEAR(across.value.value(), -1.0, 1e-12);
  EXPECT_NEAR(pairOf(comparison.datasets, "dci.disentanglement", "shapes", "sprites").value.value(), 1.0, 1e-12);
}

TEST(ScoreComparison, ReadsTheRowsOfAnEvaluation) {
  const testing::TempDirectory d;
  for (const char* variant : {"original", "noise"}) {
    for (int seed = 0; seed < 2; ++seed) {
      put(d / ("runs/" + std::string(variant) + "_beta-vae_" + std::to_string(seed) + ".json"),
          R"({"variant": ")" + std::string(variant) + R"(", "model": "beta-vae", "seed": )" + std::to_string(seed) +
              R"(, "mig": {"value": 0.5}, "rotated_mig": {"value": 0.1}, "scores": {"sap": {"value": 0.2}}})");
    }
  }
  put(d / "runs/original_beta-vae_0/run.json", R"({"seed": 0, "loss": 3})");
  put(d / "runs/original_probe_0.json",  // has accuracies, which are no score of codes
      R"({"variant": "original", "model": "probe", "seed": 0, "probe": {"mean": 1, "per_factor": {"x": 1}}})");
  const auto [models, skipped] = readScoredModels(d / "");
  ASSERT_EQ(models.size(), 4u);
  EXPECT_TRUE(skipped.empty()) << "neither runs nor probes are scores of codes";
  EXPECT_EQ(models[0].dataset, "noise");
  EXPECT_EQ(models[0].model, "beta-vae 0");
  EXPECT_EQ(models[0].scores, (std::map<std::string, double>{{"mig", .5}, {"rotated_mig", .1}, {"sap", .2}}));
  // Two models are too few to rank.
  const ScoreComparison comparison = compareScores(models);
  EXPECT_FALSE(pairOf(comparison.metrics, "noise", "mig", "sap").value);
  EXPECT_EQ(pairOf(comparison.metrics, "noise", "mig", "sap").models, 2u);
}

TEST(ScoreComparison, SaysWhatItSkipsAndWhy) {
  const testing::TempDirectory d;
  put(d / "shapes/m.json", scores(.1, .2));
  put(d / "shapes/a.json", R"({"status": "error", "error": {"kind": "bad_file", "message": "no codes"}})");
  put(d / "shapes/b.json", R"({"scores": {"mig": {"error": "too few"}}})");
  put(d / "shapes/c.json", R"({"scores": {"mig": {"va)");
  put(d / "runs/d.json", R"({"variant": "x", "model": "ae", "seed": 1, "error": "diverged"})");
  const std::vector<SkippedScores> skipped = readScoredModels(d / "").skipped;
  std::vector<std::string> reasons;
  for (const SkippedScores& file : skipped) reasons.push_back(file.why);
  EXPECT_EQ(reasons, (std::vector<std::string>{"failed: diverged", "failed: no codes", "none of its scores is a number",
                                               "it is not JSON: cut short, perhaps"}));
  EXPECT_EQ(skipped.at(0).path, d / "runs/d.json");
}

TEST(ScoreComparison, RefusesNothingAndDuplicates) {
  const testing::TempDirectory d;
  put(d / "cut/shapes/m.json", "{");
  testing::expectError(ErrorKind::BadFile, "m.json is skipped", [&] { readScoredModels(d / "cut"); });
  testing::expectError(ErrorKind::BadFile, "no scores", [&] { readScoredModels(d / ""); });
  testing::expectError(ErrorKind::BadFile, "nowhere", [&] { readScoredModels(d / "nowhere"); });
  put(d / "a/shapes/m.json", scores(.1, .2));
  put(d / "b/shapes/m.json", scores(.1, .2));
  testing::expectError(ErrorKind::BadFile, "shapes/m.json", [&] { readScoredModels(d / ""); });
}

}  // namespace
}  // namespace offaxis
