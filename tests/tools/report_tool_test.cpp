// offaxis report, and the pictures of inspect and plot, as a user meets them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
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

const std::string kSource = OFFAXIS_SOURCE_DIR;
const std::string kRun = kSource + "/results/xysquares-s1-quick";

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

TEST(ReportTool, WritesAPageAndSaysWhatItHolds) {
  const TempDirectory d;
  const std::string line = "cd " + kSource + "; offaxis report results/xysquares-s1-quick --samples 64 --pairs 50 -o ";
  const Outcome made = shell(line + (d / "page.html"));
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.err, "");
  EXPECT_NE(made.out.find("figures"), std::string::npos);
  const std::string page = contentsOf(d / "page.html");
  EXPECT_EQ(page.rfind("<!doctype html>", 0), 0u);
  EXPECT_EQ(page.substr(page.size() - 8), "</html>\n");
  EXPECT_EQ(shell(line + (d / "again.html") + " --threads 1").code, 0);
  EXPECT_EQ(contentsOf(d / "again.html"), page) << "same inputs, same bytes, on any number of threads";
  const Outcome refused = shell(line + (d / "page.html"));
  EXPECT_EQ(refused.code, 4);
  EXPECT_EQ(shell(line + (d / "page.html") + " --force").code, 0);
}

TEST(ReportTool, NamesItsFiguresAndDrawsOne) {
  const TempDirectory d;
  const Outcome listed = shell("offaxis report " + kRun + " --no-images --list --json");
  ASSERT_EQ(listed.code, 0) << listed.err;
  const json figures = json::parse(listed.out).at("figures");
  ASSERT_GE(figures.size(), 3u);
  EXPECT_EQ(figures[0].at("id"), "mig");
  ASSERT_EQ(shell("offaxis report " + kRun + " --figure mig -o " + (d / "mig.svg")).code, 0);
  EXPECT_EQ(contentsOf(d / "mig.svg").rfind("<svg xmlns", 0), 0u);
}

TEST(ReportTool, RefusesWhatItCannotShow) {
  const TempDirectory d;
  write(d / "foreign/readme.txt", "nothing of ours");
  write(d / "torn/results.json", "{\"rows\": [");
  write(d / "other/results.json", "{\"accuracy\": 1}");
  write(d / "page.html", "kept");
  const std::string run = kRun + " --no-images -o x.html";
  const std::string unknown = "offaxis report " + kRun + " --no-images --figure nope -o x.svg";
  const std::string denied = "offaxis report " + kRun + " --no-images --figure mig -o x.png";
  const std::string exists = "offaxis report " + kRun + " --no-images -o page.html";
  const std::string nowhere = "offaxis report " + kRun + " --no-images -o no/such/folder/x.html";
  const std::string few = "offaxis report " + run + " --samples 3";
  const std::string unwanted = "offaxis report " + run + " --figures mig";
  testing::expectBadCalls(
      d.path(), std::vector<BadCall>{{"offaxis report", 2, "DIR"},
                                     {"offaxis report foreign", 2, "output"},
                                     {"offaxis report foreign -o x.html", 3, "nothing that a report could show"},
                                     {"offaxis report nowhere -o x.html", 3, "nowhere"},
                                     {"offaxis report torn -o x.html", 3, "damaged"},
                                     {"offaxis report other -o x.html", 3, "results.json"},
                                     {unknown.c_str(), 2, "nope"},
                                     {denied.c_str(), 2, "name it x.svg"},
                                     {exists.c_str(), 4, "page.html"},
                                     {nowhere.c_str(), 4, "no/such"},
                                     {few.c_str(), 2, "--samples"},
                                     {unwanted.c_str(), 2, "figures"}});
  EXPECT_EQ(contentsOf(d / "page.html"), "kept");
}

TEST(ReportTool, AHalfFinishedGridIsRendered) {
  const TempDirectory d;
  std::filesystem::create_directories(d / "grid/runs");
  for (const char* run : {"original_beta-vae_0", "modified_beta-vae_0", "original_beta-vae_2"}) {
    const std::string name = std::string(run) + ".json";
    std::filesystem::copy(kRun + "/runs/" + name, d / ("grid/runs/" + name));
  }
  write(d / "grid/runs/noise_beta-vae_0.json", "{\"variant\": \"noi");
  const Outcome made = shell("offaxis report " + (d / "grid") + " --no-images --json -o " + (d / "page.html"));
  ASSERT_EQ(made.code, 0) << made.err;
  const std::string missing = json::parse(made.out).at("missing").dump();
  EXPECT_NE(missing.find("noise_beta-vae_0.json"), std::string::npos) << missing;
  EXPECT_NE(missing.find("modified, beta-vae: 1 of 2 runs, seed 2"), std::string::npos) << missing;
  EXPECT_NE(contentsOf(d / "page.html").find("MIG of every run"), std::string::npos);
  // A damaged summary gives way to the runs, too.
  write(d / "grid/results.json", "{\"rows\": [");
  const Outcome again = shell("offaxis report " + (d / "grid") + " --no-images -o " + (d / "again.html"));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("results.json cannot be used"), std::string::npos) << again.out;
  EXPECT_NE(contentsOf(d / "again.html").find("MIG of every run"), std::string::npos);
}

TEST(ReportTool, APsiThatIsNotAtHandCostsThePictures) {
  const TempDirectory d;
  std::filesystem::create_directories(d / "alone");
  std::filesystem::copy(kRun + "/results.json", d / "alone/results.json");
  const Outcome made = shell("cd " + d.path() + "; offaxis report alone --samples 64 --pairs 50 -o page.html");
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("missing: no pictures of modified"), std::string::npos) << made.out;
  EXPECT_NE(contentsOf(d / "page.html").find("id=\"comparison\""), std::string::npos) << "the others are drawn";
}

TEST(ReportTool, NamesTheVersionThatItHasNoPicturesOf) {
  const TempDirectory d;
  const Outcome made = shell(
      "cd " + d.path() +
      " && offaxis render xysquares:spacing=1 --indices 0:2 -q -o x.h5 && for name in s t; do offaxis publish x.h5 "
      "--name $name --version 1.0.0 --allow-dirty -q -o v; done && offaxis report v -q -o page.html");
  ASSERT_EQ(made.code, 0) << made.err;
  for (const char* file : {"s/1.0.0/data/x.h5", "t/1.0.0/data/x.h5"})
    EXPECT_NE(made.out.find(std::string("missing: no pictures of ") + file), std::string::npos) << made.out;
}

TEST(ReportTool, SaysHowManyImagesPsiIsHeldBackOn) {
  const TempDirectory d;
  const std::string page = "offaxis report --no-images -o " + (d / "page.html") + " --force ";
  ASSERT_EQ(shell("cd " + kSource + "; " + page + "results/shapes3d-r-fourth/psi-351").code, 0);
  const std::string held = contentsOf(d / "page.html");
  EXPECT_NE(held.find("images held back"), std::string::npos);
  EXPECT_NE(held.find("36441"), std::string::npos);
  ASSERT_EQ(shell("cd " + kSource + "; " + page + "results/shapes3d-r-third/psi-321").code, 0);
  EXPECT_EQ(contentsOf(d / "page.html").find("images held back"), std::string::npos);
}

TEST(ReportTool, InspectDrawsTheSamePicturesOneAtATime) {
  const TempDirectory d;
  const std::string sources = "offaxis inspect xysquares:spacing=1 noise=xysquares:spacing=1+noise:eps=0.1 --picture ";
  for (const std::string picture :
       {"comparison", "traversals", "traversals --factors x_R", "plane --factors x_R,y_R"}) {
    const Outcome drawn = shell(sources + picture + " --columns 4 --force --png " + (d / "p.png"));
    EXPECT_EQ(drawn.code, 0) << drawn.err;
    EXPECT_EQ(drawn.out, (d / "p.png") + "\n");
    EXPECT_EQ(contentsOf(d / "p.png").substr(1, 3), "PNG") << picture;
  }
  const std::string comparison = sources + "comparison";
  const std::string unknown = sources + "collage --png x.png";
  const std::string plane = sources + "plane --factors x_R --png x.png";
  const std::string factor = sources + "traversals --factors hue --png x.png";
  const std::string other = "offaxis inspect xysquares b=xysquares:size=32 --picture comparison --png x.png";
  std::filesystem::remove(d / "p.png");
  testing::expectBadCalls(
      d.path(), std::vector<BadCall>{{comparison.c_str(), 2, "--png"},
                                     {unknown.c_str(), 2, "collage"},
                                     {plane.c_str(), 2, "two factors"},
                                     {factor.c_str(), 2, "hue"},
                                     {other.c_str(), 2, "no variant"},
                                     {"offaxis inspect xysquares noise --picture plane --png x.png", 2, "NAME=SOURCE"},
                                     {"offaxis inspect xysquares b=xysquares --png x.png", 2, "one source"}});
}

TEST(ReportTool, PlotDrawsSavedCharts) {
  const TempDirectory d;
  write(d / "no.json", "{}");
  testing::expectBadCalls(d.path(), std::vector<BadCall>{{"offaxis plot chart no.json -o x.svg", 3, "no.json"},
                                                         {"offaxis plot chart no.json no.json -o x.svg", 2, "one file"},
                                                         {"offaxis plot chart nowhere.json -o x.svg", 3, "nowhere"}});
}

}  // namespace
}  // namespace offaxis
