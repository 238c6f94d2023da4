// What `offaxis verify` says, writes and refuses.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "datasets/content.h"
#include "datasets/image_file.h"
#include "measure/probe_evidence.h"
#include "support/h5_edit.h"
#include "tools/command.h"

namespace offaxis {
namespace {

using json = nlohmann::json;
using testing::contentsOf;
using testing::shell;
using testing::TempDirectory;

constexpr const char* kOriginal = "xysquares:spacing=8,size=16";

// 40 rows of a grid of 262,144.
void writeFiles(const TempDirectory& d) {
  const std::string in = "cd " + d.path() + "; ";
  ASSERT_EQ(shell(in + "offaxis render " + kOriginal + " --indices 100:140 -o original.h5").code, 0);
  ASSERT_EQ(shell(in + "offaxis emit " + kOriginal + "+noise:eps=0.1,seed=3 --indices 100:140 -o noise.h5").code, 0);
}

TEST(VerifyTool, WritesTheCertificateThatItPrints) {
  const TempDirectory d;
  writeFiles(d);
  const std::string in = "cd " + d.path() + "; ";
  const auto verified = shell(in + "offaxis verify noise.h5 --queries 5 --query-seed 2 --worst w.png -o c.json --json");
  ASSERT_EQ(verified.code, 0) << verified.err << verified.out;
  EXPECT_EQ(contentsOf(d / "c.json"), verified.out);
  EXPECT_EQ(contentsOf(d / "w.png").substr(1, 3), "PNG");
  const json certificate = json::parse(verified.out);
  EXPECT_EQ(certificate.at("status"), "ok");
  EXPECT_EQ(certificate.at("preserved"), true);
  EXPECT_EQ(certificate.at("content_roots").at("modified"), openImageFile(d / "noise.h5")->recordedRoot());
  EXPECT_EQ(certificate.at("content_roots").at("original"), openImageFile(d / "original.h5")->recordedRoot());
  EXPECT_EQ(certificate.at("statistics").at("images"), 40);
  EXPECT_EQ(certificate.at("statistics").at("distributions").at("ssim").at("quantiles").size(), 7u);
  EXPECT_EQ(certificate.at("queries").at("recovered"), 5);
  EXPECT_EQ(certificate.at("queries").at("searched"), 262144) << "all originals, though the file holds 40";
  EXPECT_EQ(certificate.at("separation").at("y_B").at("rivals"), 7 * 40);
  EXPECT_EQ(certificate.at("separation").at("x_R").at("missing_rivals"), 0);
  EXPECT_TRUE(certificate.at("probe").is_null());
  for (const json& check : certificate.at("checks")) EXPECT_TRUE(check.at("passed")) << check;

  // The same rows as a file of their own hold no variants outside themselves.
  const json part = json::parse(shell(in + "offaxis verify noise.h5 --original original.h5 --json --threads 1").out);
  EXPECT_EQ(part.at("preserved"), true);
  EXPECT_EQ(part.at("separation").at("x_R").at("missing_rivals"), 7 * 40);
  EXPECT_EQ(part.at("statistics"), certificate.at("statistics"));

  const auto again = shell(in + "offaxis verify noise.h5 -o c.json");
  EXPECT_EQ(again.code, 4) << again.err;
  EXPECT_EQ(again.out, "");
  EXPECT_EQ(shell(in + "offaxis verify noise.h5 -o c.json --worst w.png --force").code, 0);
}

TEST(VerifyTool, AFailureIsSaidAndCertified) {
  const TempDirectory d;
  writeFiles(d);
  const auto outcome = shell("cd " + d.path() + "; offaxis verify noise.h5 --eps 0.05 -o c.json");
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_NE(outcome.out.find("FAIL  budget"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("40 at fault: 0 1 2 3 4 5 6 7 8 9 ..."), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("NOT preserved"), std::string::npos);
  EXPECT_EQ(json::parse(contentsOf(d / "c.json")).at("status"), "failed");
}

TEST(VerifyTool, BadInputIsOneClearError) {
  const TempDirectory d;
  writeFiles(d);
  ASSERT_EQ(shell("cd " + d.path() + "; cp noise.h5 torn.h5; echo '{' > half.json; echo '{}' > empty.json").code, 0);
  testing::rewriteAttribute(d / "torn.h5", "settings", R"({"eps":"x.1","seed":"3"})");
  json results{{"status", "complete"},
               {"rows", json::array()},
               {"sources",
                {{"noise", {{"identity", "0123456789abcdef"}}},
                 {"original", {{"identity", sourceIdentity(*openImageFile(d / "original.h5"))}}}}}};
  std::ofstream(d / "other.json") << results.dump();
  const std::vector<testing::BadCall> calls{
      {"offaxis verify torn.h5", 3, "torn.h5: its settings are damaged"},
      {"offaxis verify noise.h5 --eps x", 2, "--eps"},
      {"offaxis verify noise.h5 --queries -1", 2, "queries"},
      {"offaxis verify noise.h5 --queries 100001", 2, "queries"},
      {"offaxis verify noise.h5 --probe-margin 2", 2, "probe-margin"},
      {"offaxis verify noise.h5 --probe nowhere.json", 3, "nowhere.json"},
      {"offaxis verify noise.h5 --probe half.json", 3, "no JSON object"},
      {"offaxis verify noise.h5 --probe empty.json", 3, "no sources and rows"},
      {"offaxis verify noise.h5 --probe other.json", 3, "none of its sources is the set to verify"},
      {"offaxis verify noise.h5 -o nowhere/c.json", 4, "nowhere"},
      {"offaxis verify noise.h5 --worst noise.h5", 4, "noise.h5"},
      {"offaxis verify noise.h5 --original noise.h5", 2, "variant"},
  };
  testing::expectBadCalls(d.path(), calls);
  EXPECT_EQ(shell("cd " + d.path() + "; offaxis verify torn.h5 --eps 0.1").code, 0) << "the budget can be given";
}

TEST(VerifyTool, TakesProbesIntoTheCertificate) {
  const TempDirectory d;
  writeFiles(d);
  const auto row = [&](const char* variant, int seed, double accuracy) {
    json perFactor;
    for (const char* name : {"x_R", "y_R", "x_G", "y_G", "x_B", "y_B"}) perFactor[name] = accuracy;
    return json{{"variant", variant},
                {"model", "probe"},
                {"seed", seed},
                {"source_root", openImageFile(d / (std::string(variant) + ".h5"))->recordedRoot()},
                {"probe", {{"test_images", 50}, {"per_factor", perFactor}, {"mean", accuracy}}}};
  };
  const json results{
      {"status", "complete"},
      {"sources",
       {{"original", {{"identity", sourceIdentity(*openImageFile(d / "original.h5"))}}},
        {"noise", {{"identity", sourceIdentity(*openImageFile(d / "noise.h5"))}}}}},
      {"rows", {row("original", 0, 0.9), row("original", 1, 0.8), row("noise", 0, 0.88), row("noise", 1, 0.8)}}};
  std::ofstream(d / "results.json") << results.dump();
  const std::string verify = "cd " + d.path() + "; offaxis verify noise.h5 --probe results.json --json";
  const auto passed = shell(verify + " --probe-margin 0.074");
  EXPECT_EQ(passed.code, 0) << passed.err << passed.out;
  const json probe = json::parse(passed.out).at("probe");
  EXPECT_EQ(probe.at("sha256").get<std::string>(), shell("sha256sum " + (d / "results.json")).out.substr(0, 64));
  EXPECT_NEAR(probe.at("per_factor").at("x_G").at("difference").get<double>(), -0.01, 1e-12);
  EXPECT_EQ(probe.at("seeds"), json({0, 1}));
  const auto failed = shell(verify + " --probe-margin 0.073");
  EXPECT_EQ(failed.code, 1);
  EXPECT_EQ(json::parse(failed.out).at("checks").back().at("name"), "probe");
}

}  // namespace
}  // namespace offaxis
