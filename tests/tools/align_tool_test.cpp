// offaxis align, as a user meets it.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/command.h"

namespace offaxis {
namespace {

using nlohmann::json;
using testing::BadCall;
using testing::contentsOf;
using testing::Outcome;
using testing::shell;
using testing::TempDirectory;

const std::string kQuick = " --points 16 --samples 256 --pairs 64";

TEST(AlignTool, PrintsAndWritesWhatItMeasured) {
  const TempDirectory d;
  const Outcome outcome = shell("offaxis align xysquares:spacing=4 --interior --json -o " + (d / "a") + kQuick);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const json said = json::parse(outcome.out);
  EXPECT_EQ(said.at("schema_version"), 1);
  EXPECT_EQ(said.at("status"), "measured");
  EXPECT_EQ(said.at("source"), "xysquares:spacing=4");
  EXPECT_EQ(said.at("settings").at("points"), 16);
  const json& local = said.at("local");
  EXPECT_NEAR(local.at("preference").at("mean"), 0, 1e-12);
  EXPECT_EQ(local.at("preference").at("points"), 16);
  EXPECT_EQ(local.at("noise_subtracted"), "none");
  EXPECT_EQ(local.at("factors").size(), 6u);
  EXPECT_EQ(local.at("pairs").size(), 15u);
  EXPECT_EQ(local.at("rotation")[5].size(), 6u);
  EXPECT_TRUE(local.at("best_frame").contains("best_angle"));
  const json& linear = said.at("linear");
  EXPECT_EQ(linear.at("coordinates").size(), 6u);
  EXPECT_EQ(linear.at("directions")[5].size(), 6u);
  const json& distances = said.at("distances");
  EXPECT_EQ(distances.at("loss"), "mse");
  EXPECT_NEAR(distances.at("factors")[2].at("correlation").at("pearson"), 0.7538, 5e-5);
  EXPECT_NEAR(distances.at("factors")[2].at("distances")[0][1], 4 / 768.0, 1e-12);

  const json record = json::parse(contentsOf(d / "a/alignment.json"));
  EXPECT_EQ(record.at("local"), local);
  EXPECT_EQ(record.at("distances"), distances);
  EXPECT_EQ(contentsOf(d / "a/matrices.png").substr(1, 3), "PNG");
  EXPECT_EQ(contentsOf(d / "a/spectra.svg").compare(0, 4, "<svg"), 0);
}

TEST(AlignTool, TextNamesWhatItFound) {
  const Outcome outcome = shell("offaxis align dsprites:size=16+noise:eps=0.1,seed=1 --loss box-blur" + kQuick);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* words : {"dsprites", "without shape (categorical)", "noise subtracted: exact", "Hadamard gap",
                            "preference, R = blocks", "orientation cos", "box-blur", "(random pairs)"})
    EXPECT_NE(outcome.out.find(words), std::string::npos) << words << "\n" << outcome.out;
  EXPECT_EQ(outcome.out,
            shell("offaxis align dsprites:size=16+noise:eps=0.1,seed=1 --loss box-blur --threads 1" + kQuick).out);
}

TEST(AlignTool, ReadsFilesOfTheFullGridAlone) {
  const TempDirectory d;
  ASSERT_EQ(shell("offaxis render xysquares --indices 0:50 -o " + (d / "part.h5")).code, 0);
  const Outcome part = shell("offaxis align " + (d / "part.h5") + kQuick);
  EXPECT_EQ(part.code, 2);
  EXPECT_NE(part.err.find("full dataset"), std::string::npos) << part.err;
}

TEST(AlignTool, BadCallsSayWhatIsWrong) {
  const TempDirectory d;
  ASSERT_EQ(shell("mkdir " + (d / "there")).code, 0);
  const BadCall calls[] = {
      {"offaxis align", 2, "SOURCE is missing"},
      {"offaxis align squares", 2, "squares"},
      {"offaxis align xysquares --points 1", 2, "--points"},
      {"offaxis align xysquares --samples 255", 2, "--samples"},
      {"offaxis align xysquares --pairs 0", 2, "--pairs"},
      {"offaxis align xysquares --loss l1", 2, "known: mse, box-blur"},
      {"offaxis align xysquares --rotation spiral", 2, "known: blocks"},
      {"offaxis align xysquares --rotation pairs:x_R,z", 2, "known: x_R"},
      {"offaxis align xysquares --rotation spiral -o new", 2, "known: blocks"},
      {"offaxis align xysquares -o there", 4, "there"},
      {"offaxis align xysquares -o no/such", 4, "no"},
      {"offaxis align nowhere.h5", 2, "nowhere.h5"},
  };
  testing::expectBadCalls(d.path(), calls);
}

}  // namespace
}  // namespace offaxis
