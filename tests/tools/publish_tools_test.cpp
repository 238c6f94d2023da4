// publish, check, reproduce and diff, as a user meets them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/command.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::BadCall;
using testing::contentsOf;
using testing::Outcome;
using testing::shell;
using testing::TempDirectory;

// Two noises of 40 images and a version of the first.
class PublishTools : public ::testing::Test {
 protected:
  PublishTools() {
    for (const char* seed : {"1", "2"}) {
      const std::string name = std::string("n") + seed + ".h5";
      EXPECT_EQ(
          run("offaxis emit xysquares:size=16+noise:eps=0.1,seed=" + std::string(seed) + " --indices 0:40 -o " + name)
              .code,
          0);
    }
    EXPECT_EQ(run("cp n1.h5 n.h5; offaxis publish n.h5 --allow-dirty --name s --version 1.0.0 -o out").code, 0);
  }
  Outcome run(const std::string& line) const { return shell("cd " + d_.path() + "; " + line); }

  TempDirectory d_;
};

TEST_F(PublishTools, DiffSaysWhatChanged) {
  const Outcome same = run("offaxis diff out/s/1.0.0 out/s/1.0.0/manifest.json");
  EXPECT_EQ(same.code, 0) << same.err;
  EXPECT_EQ(same.out, "same     data/n.h5\nthe data is the same\n");

  EXPECT_EQ(run("cp n2.h5 n.h5; offaxis publish n.h5 --allow-dirty --name s --version 2.0.0 -o out").code, 0);
  const Outcome versions = run("offaxis diff out/s/1.0.0 out/s/2.0.0 --png changes.png");
  EXPECT_EQ(versions.code, 1) << versions.err;
  for (const char* part : {"version: 1.0.0 -> 2.0.0", "changed  data/n.h5", "setting seed: 1 -> 2", "40 in both",
                           "40 changed (row 0, 1, 2, 3, 4, ...)", "levels of 255", "the data differs"}) {
    EXPECT_NE(versions.out.find(part), std::string::npos) << part << " in\n" << versions.out;
  }
  EXPECT_EQ(contentsOf(d_ / "changes.png").substr(1, 3), "PNG");
  EXPECT_EQ(run("offaxis diff n1.h5 n2.h5 --png changes.png").code, 4) << "not without --force";
  EXPECT_EQ(run("offaxis diff n1.h5 n2.h5 --png changes.png --force").code, 1);

  const Outcome files = run("offaxis diff n1.h5 n2.h5 --largest 3 --json");
  EXPECT_EQ(files.code, 1);
  const json said = json::parse(files.out);
  EXPECT_EQ(said.at("same"), false);
  const json& rows = said.at("files")[0].at("rows");
  EXPECT_EQ(rows.at("changed"), 40);
  EXPECT_EQ(rows.at("largest").size(), 3u);
  EXPECT_GE(rows.at("largest")[0].at("mean_levels"), rows.at("largest")[2].at("mean_levels"));
  EXPECT_LE(rows.at("max_levels"), 50);
  // A picture of no changes is a picture too.
  EXPECT_EQ(run("offaxis diff n1.h5 n1.h5 --png none.png").code, 0);
  EXPECT_TRUE(fs::exists(d_ / "none.png"));
}

TEST_F(PublishTools, CheckNamesWhatWasChangedAndWho) {
  const Outcome good = run("offaxis check out/s/1.0.0 --content --json");
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_EQ(run("cd out/s/1.0.0; sha256sum --strict -c SHA256SUMS").code, 0);
  ASSERT_EQ(run("cp n2.h5 out/s/1.0.0/data/n.h5").code, 0);
  const Outcome bad = run("offaxis check out/s/1.0.0 --content");
  EXPECT_EQ(bad.code, 1);
  EXPECT_NE(bad.out.find("FAIL  data/n.h5: content, it describes itself otherwise"), std::string::npos) << bad.out;
}

TEST_F(PublishTools, ReproduceWritesOnlyWhereToldTo) {
  const Outcome roots =
      run("mkdir alone; cp out/s/1.0.0/manifest.json alone; cd alone; offaxis reproduce manifest.json");
  EXPECT_EQ(roots.code, 0) << roots.err;
  EXPECT_EQ(roots.out, "ok    data/n.h5: the same content\nreproduced\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(d_ / "alone"), {}), 1);
  const Outcome written = run("offaxis reproduce alone/manifest.json -o again");
  EXPECT_EQ(written.out, "ok    data/n.h5: the same bytes\nreproduced\n");
  EXPECT_EQ(contentsOf(d_ / "again/data/n.h5"), contentsOf(d_ / "n1.h5"));
}

TEST_F(PublishTools, EveryVersionSaysWhatMadeIt) {
  const json manifest = json::parse(contentsOf(d_ / "out/s/1.0.0/manifest.json"));
  const std::string program = manifest.at("circumstances").at("program");
  EXPECT_EQ(program + "\n", run("offaxis --version").out);
  // Allowed to be dirty, and said to be exactly where it was.
  const bool dirty = program.size() > 6 && program.compare(program.size() - 6, 6, "-dirty") == 0;
  const bool bare = program.find('+') == std::string::npos && program.find(" v") == std::string::npos;
  EXPECT_EQ(manifest.at("circumstances").contains("allow_dirty"), dirty || bare);
  const int code = run("offaxis publish n.h5 --name other --version 1.0.0 -o out").code;
  EXPECT_EQ(code, dirty || bare ? 2 : 0);
}

TEST_F(PublishTools, BadCallsSayWhatToDo) {
  std::ofstream(d_ / "other.json") << json{{"status", "complete"},
                                           {"summary", json::array({{{"mig", 0.1}}})},
                                           {"configuration", {{"dataset", "shapes3d-r"}}},
                                           {"sources", {{"original", {{"resolved", "shapes3d-r"}}}}}};
  const std::vector<BadCall> calls{
      {"offaxis diff n1.h5", 2, "B is missing"},
      {"offaxis diff n1.h5 out/s/1.0.0", 2, "two versions, or two files"},
      {"offaxis diff n1.h5 none.h5", 2, "none.h5"},
      {"offaxis diff out out/s/1.0.0", 3, "no published version"},
      {"offaxis diff n1.h5 n2.h5 --largest 0", 2, "--largest"},
      {"offaxis diff n1.h5 n2.h5 --png no/such/x.png", 4, "no/such"},
      {"offaxis check out/s/1.0.0 --signer me", 2, "--allowed-signers"},
      {"offaxis check out/s/1.0.0 --signer me --allowed-signers none", 3, "none"},
      {"offaxis check out", 3, "no SHA256SUMS"},
      {"offaxis reproduce n1.h5", 3, "not JSON"},
      {"offaxis publish n.h5 --allow-dirty --name s --version 1.0.0 -o out", 4, "published already"},
      {"offaxis publish n.h5 --allow-dirty --name s --version 3.0.0 -o out", 2, "publish them as 1.0.1"},
      {"offaxis publish n.h5 --allow-dirty --name s --version 1.0.1 -o n1.h5", 4, "not a directory"},
      {"offaxis publish n.h5 --allow-dirty --name s --version 1.0.1 -o out --url 'not a url'", 2, "no address"},
      {"offaxis publish n.h5 --allow-dirty --name s --version 1.0.1 -o out --license 'as you like'", 2, "SPDX"},
      {"offaxis publish n.h5 --allow-dirty --name t --version 1.0.0 -o out --evidence other.json", 3, "scores of"},
  };
  testing::expectBadCalls(d_.path(), calls);
}

TEST_F(PublishTools, TheFirstVersionHasAnyNumber) {
  EXPECT_EQ(run("offaxis publish n.h5 --allow-dirty --name first --version 3.1.4 -o out").code, 0);
  EXPECT_NE(run("offaxis help publish").out.find("of the first in DIR/NAME any"), std::string::npos);
}

TEST_F(PublishTools, ConfigurationsRoundTrip) {
  for (const std::string line : {"diff a b --png c.png --largest 3", "check d --content --signer w --allowed-signers f",
                                 "publish a --name n --version 1.0.0 -o out --allow-dirty", "reproduce m.json"}) {
    const std::string verb = line.substr(0, line.find(' '));
    const Outcome dumped = run("offaxis " + line + " --dump-config | tee c.ini");
    EXPECT_EQ(dumped.code, 0) << dumped.err;
    EXPECT_EQ(run("offaxis " + verb + " --config c.ini --dump-config").out, dumped.out) << line;
  }
  const Outcome help = run("offaxis help diff");
  EXPECT_NE(help.out.find("usage: offaxis diff"), std::string::npos) << help.err;
}

}  // namespace
}  // namespace offaxis
