// The verbs that need no learning, as a user meets them: exit codes, texts, files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

#include "tools/command.h"
#include "tools/verbs.h"

namespace offaxis {
namespace {

using nlohmann::json;
using testing::BadCall;
using testing::contentsOf;
using testing::Outcome;
using testing::shell;
using testing::TempDirectory;

TEST(Tools, RenderWritesWhatInspectReads) {
  const TempDirectory d;
  const Outcome render = shell("offaxis render xysquares --spacing 2 --indices 0:50 -o " + (d / "x.h5"));
  EXPECT_EQ(render.code, 0) << render.err;
  EXPECT_EQ(render.err, "");
  EXPECT_NE(render.out.find("50 images of 64x64x3"), std::string::npos) << render.out;
  const Outcome inspect = shell("offaxis inspect --json " + (d / "x.h5") + " --png " + (d / "x.png"));
  EXPECT_EQ(inspect.code, 0) << inspect.err;
  const json said = json::parse(inspect.out);
  EXPECT_EQ(said.at("schema_version"), 1);
  EXPECT_EQ(said.at("status"), "ok");
  EXPECT_EQ(said.at("name"), "xysquares:spacing=2");
  EXPECT_EQ(said.at("images"), 50);
  EXPECT_EQ(said.at("factors").size(), 6u);
  EXPECT_EQ(said.at("factors")[1].at("name"), "y_R");
  EXPECT_NE(render.out.find(said.at("content_root").get<std::string>()), std::string::npos);
  EXPECT_EQ(contentsOf(d / "x.png").substr(1, 3), "PNG");
}

TEST(Tools, NamesFromAFileCannotActOnATerminal) {
  if (shell("/usr/bin/python3 -c 'import h5py'").code != 0) GTEST_SKIP() << "python3-h5py is not installed";
  const TempDirectory d;
  const std::string path = d / "x.h5";
  for (const char* change :
       {"f.attrs['dataset'] = b'xysquares' + bytes([27]) + b'[2J'",
        "f.attrs['variant'] = b'a' + bytes([10]) + b'ok    b'",
        "f.attrs['factors'] = f.attrs['factors'].replace(b'x_R', b'x' + bytes([92]) + b'u0007')"}) {
    ASSERT_EQ(shell("offaxis render xysquares:spacing=2 --indices 0:2 --force -o " + path).code, 0);
    ASSERT_EQ(shell("/usr/bin/python3 -c \"import h5py; f = h5py.File('" + path + "', 'r+'); " + change + "\"").code,
              0);
    const Outcome outcome = shell("offaxis inspect " + path);
    EXPECT_EQ(outcome.code, 3) << change;
    EXPECT_NE(outcome.err.find("holds control characters"), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find_first_of("\x1b\x07"), std::string::npos) << outcome.err;
  }
}

TEST(Tools, InspectHashSaysThatAFileWasChanged) {
  if (shell("/usr/bin/python3 -c 'import h5py'").code != 0) GTEST_SKIP() << "python3-h5py is not installed";
  const TempDirectory d;
  const std::string path = d / "x.h5";
  ASSERT_EQ(shell("offaxis render xysquares:spacing=2 --indices 0:50 -o " + path).code, 0);
  const Outcome whole = shell("offaxis inspect --hash " + path);
  EXPECT_EQ(whole.code, 0);
  EXPECT_NE(whole.out.find("(computed, as recorded)"), std::string::npos) << whole.out;
  const std::string root = json::parse(shell("offaxis inspect --json " + path).out).at("content_root");
  ASSERT_EQ(
      shell("/usr/bin/python3 -c \"import h5py; f = h5py.File('" + path + "', 'r+'); f['images'][7, 0, 0, 0] ^= 1\"")
          .code,
      0);
  EXPECT_EQ(shell("offaxis inspect " + path).code, 0) << "nothing was asked of the images";
  const Outcome changed = shell("offaxis inspect --hash --json " + path);
  EXPECT_EQ(changed.code, 1);
  const json said = json::parse(changed.out);
  EXPECT_EQ(said.at("status"), "differs");
  EXPECT_EQ(said.at("recorded_content_root"), root);
  EXPECT_NE(said.at("content_root"), root);
  EXPECT_NE(shell("offaxis inspect --hash " + path).out.find("the file records " + root), std::string::npos);
}

TEST(Tools, PlainPythonReadsTheFile) {
  if (shell("/usr/bin/python3 -c 'import h5py'").code != 0) GTEST_SKIP() << "python3-h5py is not installed";
  const TempDirectory d;
  ASSERT_EQ(
      shell("offaxis emit xysquares:spacing=1 --variant noise --eps 0.1 --seed 3 --indices 100:140 -o " + (d / "n.h5"))
          .code,
      0);
  const Outcome python = shell(
      "/usr/bin/python3 - <<'END'\n"
      "import h5py\n"
      "f = h5py.File('" +
      (d / "n.h5") +
      "', 'r')\n"
      "x, y = f['images'], f['labels']\n"
      "print(x.shape, x.dtype, y.shape, y.dtype, y[30].tolist(), x[5].max() > 0, sorted(f.keys()))\n"
      "END");
  EXPECT_EQ(python.out,
            "(40, 64, 64, 3) uint8 (40, 6) float64 [0.0, 0.0, 0.0, 2.0, 0.0, 2.0] True ['images', 'labels']\n")
      << python.err;
}

TEST(Tools, EmitByOptionOrExpressionIsTheSame) {
  const TempDirectory d;
  ASSERT_EQ(shell("offaxis emit xysquares --variant noise --eps 0.1 --seed 3 --indices 0:9 -o " + (d / "a.h5")).code,
            0);
  ASSERT_EQ(shell("offaxis emit xysquares+noise:eps=0.1,seed=3 --indices 0:9 --threads 1 -o " + (d / "b.h5")).code, 0);
  EXPECT_TRUE(contentsOf(d / "a.h5") == contentsOf(d / "b.h5"));
}

TEST(Tools, BadCallsSayWhatIsWrong) {
  const TempDirectory d;
  ASSERT_EQ(
      shell("cd " + d.path() +
            " && offaxis render xysquares --indices 0:2 -o x.h5 && head -c 3000 x.h5 > cut.h5 && echo hello > text.h5"
            " && printf '3 5\\n\\n4\\n5\\n' > rows.txt && mkdir version && echo '{}' > version/manifest.json")
          .code,
      0);
  const BadCall calls[] = {
      {"offaxis", 2, "usage: offaxis VERB"},
      {"offaxis rendre", 2, "unknown verb 'rendre'"},
      {"offaxis render", 2, "DATASET is missing"},
      {"offaxis render squares -o y.h5", 2, "known datasets: dsprites, shapes3d, xysquares"},
      {"offaxis render xysquares --spacing 0 -o y.h5", 2, "1 to 8"},
      {"offaxis render xysquares --spacing 9 -o y.h5", 2, "1 to 8"},
      {"offaxis render xysquares --spacing 3.5 -o y.h5", 2, "1 to 8"},
      {"offaxis render xysquares --spacing -1 -o y.h5", 2, "1 to 8"},
      {"offaxis render xysquares --space 1 -o y.h5", 2, "--space"},
      {"offaxis render xysquares:spacing=1 --spacing 2 -o y.h5", 2, "--spacing does not go with"},
      {"offaxis render xysquares", 2, "--output is missing"},
      {"offaxis render xysquares -o y.h5 -o z.h5", 2, "output"},
      {"offaxis render xysquares extra -o y.h5", 2, "too many arguments"},
      {"offaxis render xysquares --indices 5:5 -o y.h5", 2, "--indices"},
      {"offaxis render xysquares --indices 0:262145 -o y.h5", 2, "262144"},
      {"offaxis render xysquares --threads 0 -o y.h5", 2, "--threads"},
      {"offaxis render xysquares --threads -1 -o y.h5", 2, "--threads"},
      {"offaxis render xysquares --deflate 13 -o y.h5", 2, "--deflate"},
      {"offaxis render xysquares+noise:eps=0.1 -o y.h5", 2, "offaxis emit"},
      {"offaxis render xysquares --indices 0:2 -o x.h5", 4, "--force"},
      {"offaxis render xysquares --indices 0:2 -o no/such/y.h5", 4, "no/such"},
      {"offaxis render xysquares --indices nowhere.txt -o y.h5", 3, "nowhere.txt"},
      {"offaxis render xysquares --indices no/such:rows -o y.h5", 3, "no/such:rows"},
      {"offaxis render xysquares --indices a:b -o y.h5", 2, "--indices' first index is 'a'"},
      {"offaxis render xysquares --indices 1:99999999999999999999999999999999999999999999999999 -o y.h5", 2,
       "--indices"},
      {"offaxis render xysquares --indices 0:2 -o .", 4, "cannot write"},
      {"offaxis render xysquares --indices rows.txt -o y.h5", 3,
       "index 5 is named twice, in line 1 of rows.txt and in line 4 of rows.txt"},
      {"offaxis render xysquares --indices 7,5,5 -o y.h5", 2,
       "index 5 is named twice, in entry 2 of --indices and in entry 3 of --indices"},
      {"offaxis render xysquares --indices 5, -o y.h5", 2, "entry 2 of --indices"},
      {"offaxis reproduce version", 3, "version/manifest.json"},
      {"offaxis score --compare . --metrics dci", 2, "--metrics does not go with --compare"},
      // An empty value is none, and not an option left out.
      {"offaxis render xysquares -o ''", 2, "--output is empty"},
      {"offaxis render xysquares --threads '' -o y.h5", 2, "--threads is empty"},
      {"offaxis inspect x.h5 --png ''", 2, "--png is empty"},
      {"offaxis verify x.h5 --original ''", 2, "--original is empty"},
      {"offaxis verify x.h5 --config ''", 2, "--config is empty"},
      {"offaxis check version --signer ''", 2, "--signer is empty"},
      {"offaxis check version/manifest.json", 3, "`offaxis reproduce` makes the data"},
      {"offaxis emit xysquares --variant modified -o y.h5", 2, "--psi RUN/psi.h5"},
      {"offaxis emit xysquares -o y.h5", 2, "--variant is missing"},
      {"offaxis emit xysquares+noise:eps=0.1 --eps 0.2 -o y.h5", 2, "--eps has nothing to change"},
      {"offaxis emit xysquares --variant blur -o y.h5", 2, "known variants: modified, noise"},
      {"offaxis emit xysquares --variant noise -o y.h5", 2, "needs eps"},
      {"offaxis emit xysquares --variant noise --eps 0 -o y.h5", 2, "(0, 1]"},
      {"offaxis emit xysquares --variant noise --eps 1.01 -o y.h5", 2, "(0, 1]"},
      {"offaxis emit xysquares --variant noise --eps 0.1 --seed -1 -o y.h5", 2, "seed"},
      {"offaxis emit xysquares --variant noise --eps 0.1 --seed '' -o y.h5", 2, "seed"},
      {"offaxis score --compare . --seed 3", 2, "--seed does not go with --compare"},
      {"offaxis score --compare . --device cpu", 2, "--device does not go with --compare"},
      {"offaxis emit xysquares --variant modified --psi text.h5 -o y.h5", 3, "text.h5"},
      {"offaxis emit xysquares --variant modified --psi x.h5 -o y.h5", 3, "x.h5"},
      {"offaxis inspect cut.h5", 3, "cut.h5"},
      {"offaxis inspect text.h5", 3, "text.h5"},
      {"offaxis inspect .", 3, "."},
      {"offaxis list everything", 2, "datasets, variants, models, metrics"},
      {"offaxis list --config nowhere.ini", 3, "nowhere.ini"},
  };
  testing::expectBadCalls(d.path(), calls);
}

TEST(Tools, WhatWouldBePassedOverOrMisledIsRefused) {
  const TempDirectory d;
  const std::string psi = OFFAXIS_SOURCE_DIR "/manifests/xysquares-s1-quick/psi/psi-607e365b15db.h5";
  const std::string in = "cd " + d.path() + "; offaxis ";
  ASSERT_EQ(shell(in +
                  "render xysquares:spacing=1 --indices 0:50 -o part.h5 && offaxis emit xysquares:spacing=1 "
                  "--indices 0:50 --variant modified --psi " +
                  psi + " -o modified.h5")
                .code,
            0);
  const std::vector<std::tuple<std::string, int, std::string>> bad{
      {"emit part.h5 --variant modified --psi " + psi + " -o x.h5", 3, "50 of the 262144 images"},
      {"emit part.h5:size=32 --variant modified --psi " + psi + " -o x.h5", 3, "50 of the 262144 images"},
      {"inspect part.h5 --picture comparison --factors x_R --png x.png", 2, "--factors would be passed over"},
      {"inspect part.h5 --factors x_R --png x.png", 2, "--factors would be passed over"},
      {"inspect part.h5 --png x.svg", 2, "name it x.png"},
      {"score codes.npz --device cpu", 2, "would be passed over"},
      {"verify modified.h5 --worst x.h5 -o ./x.h5", 2, "name the same file"},
      {"inspect part.h5 --hash --picture comparison --png x.h5", 2, "--hash would be passed over"}};
  for (const auto& [call, code, says] : bad) {
    const Outcome outcome = shell(in + call);
    EXPECT_EQ(outcome.code, code) << call;
    EXPECT_NE(outcome.err.find(says), std::string::npos) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(d / "x.h5")) << call;
  }
  ASSERT_EQ(shell(in + "render xysquares:spacing=1,size=32 --indices 0:50 -o small.h5").code, 0);
  const Outcome differ = shell(in + "diff part.h5 small.h5 --png x.png");
  EXPECT_EQ(differ.code, 1);
  EXPECT_NE(differ.err.find("'x.png' is not written"), std::string::npos) << differ.err;
  EXPECT_FALSE(std::filesystem::exists(d / "x.png"));
}

TEST(Tools, PlotDrawsWhatAnEvaluationHolds) {
  const TempDirectory d;
  const std::string evaluation = OFFAXIS_SOURCE_DIR "/results/xysquares-s1-quick";
  const std::string plot = "offaxis plot ";
  const Outcome drawn = shell(plot + "scores " + evaluation + " -o " + (d / "a.svg"));
  ASSERT_EQ(drawn.code, 0) << drawn.err;
  ASSERT_EQ(shell(plot + "scores " + evaluation + " -o " + (d / "b.svg")).code, 0);
  const std::string svg = contentsOf(d / "a.svg");
  EXPECT_EQ(svg.compare(0, 4, "<svg"), 0);
  EXPECT_EQ(svg, contentsOf(d / "b.svg"));
  EXPECT_EQ(shell(plot + "scores " + evaluation + " -o " + (d / "a.svg")).code, 4) << "not without --force";
  EXPECT_NE(shell(plot + "scores " + evaluation + " -o " + (d / "a.png")).err.find("name it"), std::string::npos);
  ASSERT_EQ(shell("cd " + d.path() +
                  "; mkdir empty foreign odd; echo '{}' > foreign/results.json; echo '{}' > x.json"
                  "; echo '{\"rows\": [{\"mig\": 1}]}' > odd/results.json")
                .code,
            0);
  const std::vector<std::array<std::string, 2>> bad{{"pie " + evaluation, "frontier"},
                                                    {"scores empty", "results.json"},
                                                    {"scores foreign", "not an evaluation's"},
                                                    {"scores odd", "cannot be read: key '"},
                                                    {"dose " + evaluation + " x.json", "x.json"},
                                                    {"dose " + evaluation, "offaxis axes"},
                                                    {"scores " + evaluation + " " + evaluation, "there are 2"}};
  for (const auto& [call, says] : bad) {
    const Outcome outcome = shell("cd " + d.path() + "; " + plot + call + " -o c.svg");
    EXPECT_TRUE(outcome.code == 2 || outcome.code == 3) << call << outcome.code;
    EXPECT_NE(outcome.err.find(says), std::string::npos) << call << "\n" << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(d / "c.svg"));
  }
}

TEST(Tools, ErrorsAreJsonUnderJson) {
  const Outcome outcome = shell("offaxis inspect nowhere.h5 --json");
  EXPECT_EQ(outcome.code, 2);
  const json said = json::parse(outcome.out);
  EXPECT_EQ(said.at("status"), "error");
  EXPECT_EQ(said.at("error").at("kind"), "usage");
}

TEST(Tools, ConfigRoundTrips) {
  const TempDirectory d;
  const std::string options = " xysquares:spacing=3 --indices 0:4 --deflate 6 --force --json -o ";
  const Outcome dumped = shell("offaxis render" + options + (d / "a.h5") + " --dump-config | tee " + (d / "c.ini"));
  EXPECT_EQ(dumped.code, 0) << dumped.err;
  EXPECT_FALSE(std::filesystem::exists(d / "a.h5"));
  EXPECT_EQ(shell("offaxis render --config " + (d / "c.ini") + " --dump-config").out, dumped.out);
  const Outcome run = shell("offaxis render --config " + (d / "c.ini"));
  EXPECT_EQ(json::parse(run.out).at("images"), 4) << run.err;
  // The command line wins over the file; unknown and repeated keys are errors.
  EXPECT_EQ(json::parse(shell("offaxis render --config " + (d / "c.ini") + " --indices 0:7").out).at("images"), 7);
  EXPECT_EQ(shell("echo 'colour = red' >> " + (d / "c.ini") + "; offaxis render --config " + (d / "c.ini")).code, 2);
}

TEST(Tools, EveryVerbsConfigRoundTrips) {
  const TempDirectory d;
  for (const std::string line :
       {"inspect xysquares:spacing=1 --png a.png", "emit xysquares:spacing=1+noise:eps=0.1 -o x.h5",
        "verify x.h5 --eps 25/255", "import a.npz --as dsprites -o x.h5",
        "publish a.h5 b.h5 --name n --version 1.0.0 -o out", "check out/n/1.0.0 --content",
        "reproduce m.json -o again"}) {
    const std::string verb = line.substr(0, line.find(' '));
    const Outcome dumped = shell("offaxis " + line + " --dump-config | tee " + (d / "c.ini"));
    EXPECT_EQ(dumped.code, 0) << dumped.err;
    const Outcome again = shell("offaxis " + verb + " --config " + (d / "c.ini") + " --dump-config");
    EXPECT_EQ(again.out, dumped.out) << line << again.err;
  }
}

// What a configuration file cannot hold is refused, and so is an option that is given as empty.
TEST(Tools, ConfigHoldsWhatWasGivenOrRefuses) {
  const TempDirectory d;
  const std::string in = "cd " + d.path() + "; offaxis ";
  std::ofstream(d / "c.ini") << "DATASET = xysquares\noutput = x.h5\nindices =\n";
  const Outcome empty = shell(in + "render --config c.ini");
  EXPECT_EQ(empty.code, 2);
  EXPECT_NE(empty.err.find("--indices is empty"), std::string::npos) << empty.err;
  const std::vector<std::array<std::string, 2>> unheld{
      {"xysquares -o ' x.h5'", "--output"},
      {"xysquares -o 'x.h5\t'", "--output"},
      {"xysquares -o x.h5 --indices ' '", "--indices"},
      {"'xysquares ' -o x.h5", "DATASET"},
      {"xysquares -o 'x.h5\nforce = true'", "--output holds a line break"}};
  for (const auto& [arguments, says] : unheld) {
    const Outcome refused = shell(in + "render " + arguments + " --dump-config");
    EXPECT_EQ(refused.code, 2) << arguments;
    EXPECT_EQ(refused.out, "");
    EXPECT_NE(refused.err.find(says), std::string::npos) << refused.err;
  }
}

TEST(Tools, WhatStandardOutputDoesNotTakeIsAnError) {
  for (const char* line : {"render --help", "render --version", "render xysquares -o x.h5 --dump-config", "list",
                           "--version", "help", "help render"}) {
    const Outcome full = shell("offaxis " + std::string(line) + " > /dev/full");
    EXPECT_EQ(full.code, 4) << line;
    EXPECT_NE(full.err.find("cannot write to standard output"), std::string::npos) << line << full.err;
  }
}

TEST(Tools, IndicesAreARangeAListOrAFile) {
  const TempDirectory d;
  const std::string in = "cd " + d.path() + "; offaxis render xysquares -o ";
  ASSERT_EQ(shell(in + "list.h5 --indices 9,2,5").code, 0);
  ASSERT_EQ(shell("cd " + d.path() + "; printf '9 2\\n5\\n' > rows.txt").code, 0);
  ASSERT_EQ(shell(in + "file.h5 --indices rows.txt").code, 0);
  EXPECT_TRUE(contentsOf(d / "list.h5") == contentsOf(d / "file.h5"));
  ASSERT_EQ(shell(in + "colon.h5 --indices 1:rows").code, 2);
  ASSERT_EQ(shell("cd " + d.path() + "; cp rows.txt 1:rows").code, 0);
  ASSERT_EQ(shell(in + "colon.h5 --indices 1:rows").code, 0) << "a file that is there";
  EXPECT_TRUE(contentsOf(d / "list.h5") == contentsOf(d / "colon.h5"));
  const Outcome pipe =
      shell("cd " + d.path() + "; bash -c 'offaxis render xysquares -o pipe.h5 --indices <(printf \"9\\n2\\n5\\n\")'");
  EXPECT_EQ(pipe.code, 0) << pipe.err;
  EXPECT_TRUE(contentsOf(d / "list.h5") == contentsOf(d / "pipe.h5"));
}

// JSON is UTF-8: verbs that write their arguments into it say so before any work. File names may be any bytes
// elsewhere.
TEST(Tools, ArgumentsThatAreRecordedAreUtf8) {
  const TempDirectory d;
  const std::string in = "cd " + d.path() + "; offaxis ";
  const Outcome creator = shell(in + "publish x.h5 --name n --version 1.0.0 -o out --creator 'a\xff'");
  EXPECT_EQ(creator.code, 2) << creator.err;
  EXPECT_NE(creator.err.find("--creator is not UTF-8"), std::string::npos) << creator.err;
  if (shell("offaxis evaluate --help").code == 0) {
    const Outcome arm = shell(in + "evaluate a=x.h5 'b=c\xff.h5' -o ev");
    EXPECT_EQ(arm.code, 2) << arm.err;
    EXPECT_NE(arm.err.find("ARM number 2 is not UTF-8"), std::string::npos) << arm.err;
  }
  EXPECT_TRUE(std::filesystem::is_empty(d.path()));
  EXPECT_EQ(shell(in + "render xysquares --indices 0:2 -o 'b\xff.h5'").code, 0);
  EXPECT_EQ(shell(in + "inspect 'b\xff.h5' --json").code, 0);
  EXPECT_EQ(shell(in + "render xysquares --indices 0:2 --json -o 'c\xff.h5'").code, 0);
  // Of a file that is published, its own name alone is recorded.
  const Outcome named = shell(in + "publish 'b\xff.h5' --name n --version 1.0.0 -o out --allow-dirty");
  EXPECT_NE(named.err.find("FILE is not UTF-8"), std::string::npos) << named.err;
  ASSERT_EQ(shell("cd " + d.path() + "; mkdir 'd\xff'; mv 'b\xff.h5' 'd\xff/b.h5'").code, 0);
  const Outcome published = shell(in + "publish 'd\xff/b.h5' --name n --version 1.0.0 -o out --allow-dirty");
  EXPECT_EQ(published.code, 0) << published.err;
}

TEST(Tools, ScoresThatCannotBeComparedAreNamed) {
  const TempDirectory d;
  ASSERT_EQ(shell("cd " + d.path() +
                  "; mkdir shapes; echo '{\"scores\": {\"mig\": {\"value\": 0.5}}}' > shapes/a.json"
                  "; echo '{\"scores\": {\"mi' > shapes/cut.json"
                  "; offaxis score nowhere.npz --json > shapes/failed.json; true")
                .code,
            0);
  const std::string compare = "cd " + d.path() + "; offaxis score --compare .";
  const Outcome text = shell(compare);
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("skipped ./shapes/cut.json: it is not JSON"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("skipped ./shapes/failed.json: failed: "), std::string::npos) << text.out;
  const TempDirectory foreign;
  ASSERT_EQ(shell("mkdir " + (foreign / "e") + "; for f in a b c; do echo '" +
                  R"({"scores": {"mig\u001b[31m": {"value": 0.5}, "sap": {"value": 0.1}}})" + "' > " +
                  (foreign / "e/") + "$f.json; done")
                .code,
            0);
  const Outcome odd = shell("offaxis score --compare " + foreign.path());
  EXPECT_EQ(odd.code, 0) << odd.err;
  EXPECT_NE(odd.out.find("mig\\x1b[31m"), std::string::npos) << odd.out;
  const json said = json::parse(shell(compare + " --json").out);
  EXPECT_EQ(said.at("models"), 1);
  ASSERT_EQ(said.at("skipped").size(), 2u);
  EXPECT_EQ(said.at("skipped")[0].at("file"), "./shapes/cut.json");
  // The resolved options are those of the same command.
  EXPECT_EQ(shell(compare + " --dump-config > c.ini; offaxis score --config c.ini").out, text.out);
}

// The verbs that need LibTorch, where they are built.
TEST(Tools, EvaluateShowsResultsOrRefusesInBothForms) {
  if (shell("offaxis evaluate --help").code != 0) GTEST_SKIP() << "built without LibTorch";
  const TempDirectory d;
  const std::string there = OFFAXIS_SOURCE_DIR "/results/xysquares-s1-quick";
  EXPECT_EQ(shell("offaxis evaluate --show --json -o " + there).out, contentsOf(there + "/results.json"));
  // The same file says what it says of another variant, and its own summary when asked for its own.
  EXPECT_EQ(shell("offaxis evaluate --show --against original --json -o " + there).out,
            contentsOf(there + "/results.json"));
  const Outcome turned = shell("offaxis evaluate --show --against noise -o " + there);
  ASSERT_EQ(turned.code, 0) << turned.err;
  EXPECT_NE(turned.out.find("changes are from noise"), std::string::npos) << turned.out;
  EXPECT_NE(turned.out.find("original  beta-vae     3  0.392 +- 0.050   +0.013 [-0.103, +0.114]"), std::string::npos)
      << turned.out;
  EXPECT_EQ(shell("offaxis evaluate --show --against nobody -o " + there).code, 2);
  for (const std::string option : {"--beta 3", "--seeds 2", "--force"}) {
    const Outcome refused = shell("offaxis evaluate --show " + option + " -o " + there);
    EXPECT_EQ(refused.code, 2) << option;
    EXPECT_NE(refused.err.find("plays no part in --show"), std::string::npos) << refused.err;
  }
  for (const std::string text : {"[]", "{\"schema_version\": 99}", "{\"schema_version\": 1}", "{\"schema_ver"}) {
    ASSERT_EQ(shell("cd " + d.path() + "; mkdir -p ev; echo '" + text + "' > ev/results.json").code, 0);
    for (const char* form : {"", " --json"}) {
      const Outcome shown = shell("cd " + d.path() + "; offaxis evaluate --show -o ev" + form);
      EXPECT_EQ(shown.code, 3) << text << form << shown.out;
      EXPECT_NE(shown.err.find("ev/results.json"), std::string::npos) << shown.err;
    }
  }
}

TEST(Tools, ManipulateSaysWhichNumbersItTakes) {
  if (shell("offaxis manipulate --help").code != 0) GTEST_SKIP() << "built without LibTorch";
  const TempDirectory d;
  const std::string call = "cd " + d.path() + "; offaxis manipulate xysquares:spacing=1,size=32 -o run ";
  for (const std::string option : {"--energy", "--separation", "--ladder"}) {
    const Outcome refused = shell(call + option + " 1e6");
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_NE(refused.err.find(option + " is '1e6'\n  give a number of at least 0 and below 1e+06"), std::string::npos)
        << refused.err;
  }
  for (const std::string list : {"1,", ",1", "1,,2", ","}) {
    const Outcome refused = shell(call + "--ladder " + list);
    EXPECT_EQ(refused.code, 2) << list;
    EXPECT_NE(refused.err.find("--ladder '" + list + "' has an empty entry"), std::string::npos) << refused.err;
  }
  const Outcome none = shell(call + "--ladder 0");
  EXPECT_NE(none.err.find("give numbers above 0, below 1e6"), std::string::npos) << none.err;
  EXPECT_TRUE(std::filesystem::is_empty(d.path()));
}

TEST(Tools, HelpNamesEveryOption) {
  const std::string all = shell("offaxis --help").out;
  for (const cli::VerbEntry& entry : cli::kVerbs) {
    const std::string verb(entry.name);
    EXPECT_NE(all.find("\n  " + verb + " "), std::string::npos) << verb;
    const Outcome help = shell("offaxis " + verb + " --help");
    if (entry.learns && help.code == 5) continue;  // built without LibTorch
    EXPECT_EQ(help.code, 0) << help.err;
    EXPECT_EQ(help.out.find("offaxis " + verb + ": " + std::string(entry.summary) + "\n\nusage: offaxis " + verb), 0u)
        << help.out;
    EXPECT_NE(help.out.find("--dump-config"), std::string::npos);
    EXPECT_EQ(help.out, shell("offaxis help " + verb).out);
    for (std::size_t at = 0; at < help.out.size();) {
      const std::size_t end = help.out.find('\n', at);
      EXPECT_LE(end - at, 120u) << help.out.substr(at, end - at);
      at = end + 1;
    }
  }
}

TEST(Tools, InterruptedRenderLeavesNothing) {
  const TempDirectory d;
  const Outcome outcome =
      shell("cd " + d.path() +
            "; offaxis emit xysquares+noise:eps=0.1 -o x.h5 & pid=$!; sleep 0.7; kill -INT $pid; wait $pid");
  EXPECT_EQ(outcome.code, 130) << outcome.err;
  EXPECT_NE(outcome.err.find("interrupted"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(d.path()));
}

TEST(Tools, ForceNeverReplacesWhatIsRead) {
  const TempDirectory d;
  const std::string file = d / "x.h5", in = "cd " + d.path() + "; offaxis ";
  ASSERT_EQ(shell(in + "render xysquares --indices 0:40 -o x.h5").code, 0);
  ASSERT_EQ(shell(in + "emit x.h5+noise:eps=0.1 -o n.h5").code, 0);
  ASSERT_EQ(shell("cd " + d.path() + "; echo psi > psi.h5; echo psi > a,b.h5").code, 0);
  const std::string before = contentsOf(file), noise = contentsOf(d / "n.h5");
  for (const char* command :
       {"inspect x.h5 --png x.h5", "inspect x.h5+noise:eps=0.1 --png ./x.h5", "verify n.h5 -o n.h5",
        "verify n.h5 --original x.h5 --worst x.h5", "diff n.h5 x.h5 --png x.h5", "emit x.h5+noise:eps=0.1 -o x.h5",
        "emit x.h5:size=32+noise:eps=0.1 -o x.h5", "inspect x.h5:size=32 --png x.h5",
        "inspect n.h5 other=x.h5 --picture comparison --png x.h5", "emit xysquares+modified:psi=psi.h5 -o psi.h5",
        "emit xysquares --variant modified --psi psi.h5 -o psi.h5",
        "emit 'xysquares:spacing=1+permuted:seed=2,psi=a\\,b.h5' -o a,b.h5"}) {
    const Outcome refused = shell(in + command + " --force");
    EXPECT_EQ(refused.code, 4) << command << refused.err;
    EXPECT_NE(refused.err.find("is what is read"), std::string::npos) << command << refused.err;
  }
  EXPECT_TRUE(contentsOf(file) == before && contentsOf(d / "n.h5") == noise);
  EXPECT_EQ(shell(in + "emit x.h5+noise:eps=0.2 -o n.h5 --force").code, 0);
  const Outcome empty = shell(in + "render xysquares --indices '' -o all.h5");
  EXPECT_EQ(empty.code, 2) << empty.err;
  // A directory may be called as a dataset or as a setting is.
  ASSERT_EQ(shell("cd " + d.path() + "; mkdir xysquares 1 && cp n.h5 xysquares && cp n.h5 1").code, 0);
  EXPECT_EQ(shell(in + "render xysquares --indices 0:4 -o xysquares/n.h5 --force").code, 0);
  EXPECT_EQ(shell(in + "emit xysquares:spacing=1+noise:eps=0.1 --indices 0:4 -t 1 -o 1/n.h5 --force").code, 0);
  const Outcome nameless =
      shell(in + "render xysquares --indices 0:40 -o /dev/stdout | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}");
  EXPECT_NE(nameless.err.find("not a regular file"), std::string::npos) << nameless.err;
}

TEST(Tools, ForceNeverReplacesWhatIsReadInADirectory) {
  const TempDirectory d;
  const std::string in = "cd " + d.path() + "; offaxis ";
  ASSERT_EQ(shell("cd " + d.path() +
                  "; cp -r " OFFAXIS_SOURCE_DIR
                  "/results/xysquares-s1-quick ev; mkdir -p ev/runs tr; echo model > tr/checkpoint.h5"
                  "; echo '{}' > tr/run.json; echo '{}' > ev/runs/a_ae_0.json; ln -s ev/runs rows; ln -s ev also")
                .code,
            0);
  const std::string results = contentsOf(d / "ev/results.json");
  std::vector<std::string> calls{"report tr -o tr/checkpoint.h5",       "report ./tr/ -o tr/run.json",
                                 "plot scores ev -o ev/results.json",   "report ev -o ev/results.json",
                                 "plot scores also -o ev/results.json", "report ev -o rows/a_ae_0.json",
                                 "report . -o ev/runs/a_ae_0.json",     "report ev -o also/runs/a_ae_0.json"};
  if (shell("offaxis encode --help").code == 0)
    calls.emplace_back("encode xysquares:spacing=1,size=32 --checkpoint tr -o tr/checkpoint.h5");
  for (const std::string& call : calls) {
    const Outcome refused = shell(in + call + " --force");
    EXPECT_EQ(refused.code, 4) << call << refused.err;
    EXPECT_NE(refused.err.find("is what is read"), std::string::npos) << call << refused.err;
  }
  EXPECT_EQ(contentsOf(d / "ev/results.json"), results);
  EXPECT_EQ(contentsOf(d / "tr/checkpoint.h5"), "model\n");
  // Reports and pictures are made again.
  for (const std::string call : {"plot scores ev -o ev/scores.svg", "report ev --no-images -o ev/page.html"}) {
    EXPECT_EQ(shell(in + call).code, 0);
    const Outcome again = shell(in + call + " --force");
    EXPECT_EQ(again.code, 0) << call << again.err;
  }
}

// As for someone at a terminal, also where the tests run under nohup.
class DefaultHangup {
 public:
  DefaultHangup() : before_(std::signal(SIGHUP, SIG_DFL)) {}
  ~DefaultHangup() { std::signal(SIGHUP, before_); }
  DefaultHangup(const DefaultHangup&) = delete;
  DefaultHangup& operator=(const DefaultHangup&) = delete;

 private:
  void (*before_)(int);
};

// A closed terminal is like SIGTERM, unless it is to be outlived.
TEST(Tools, AClosedTerminalEndsInOrderUnlessItIsIgnored) {
  const TempDirectory d;
  const DefaultHangup hangup;
  const auto hungUp = [&](const std::string& before, const std::string& rows) {
    return shell("cd " + d.path() + "; " + before + "offaxis emit xysquares+noise:eps=0.1 " + rows +
                 " -o x.h5 & pid=$!; for i in $(seq 200); do ls -A | grep -q partial && break; sleep 0.05; done; "
                 "kill -HUP $pid || exit 99; wait $pid");
  };
  const Outcome closed = hungUp("", "");
  EXPECT_EQ(closed.code, 130) << closed.err;
  EXPECT_NE(closed.err.find("interrupted"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(d.path()));
  const Outcome outlived = hungUp("trap '' HUP; ", "--indices 0:12000");
  EXPECT_EQ(outlived.code, 0) << outlived.err;
  EXPECT_TRUE(std::filesystem::exists(d / "x.h5"));
}

// Opening a FIFO waits for a writer that may never come.
TEST(Tools, WaitingForAPipeCanBeEnded) {
  const TempDirectory d;
  const DefaultHangup hangup;
  ASSERT_EQ(shell("mkfifo " + (d / "pipe")).code, 0);
  for (const char* signal : {"TERM", "HUP"}) {
    for (const char* waiting :
         {"render xysquares --indices pipe -o x.h5", "render --config pipe -o x.h5", "plot chart pipe -o x.svg"}) {
      const std::string ask = "kill -" + std::string(signal) + " $pid; ";
      const Outcome ended = shell("cd " + d.path() + "; offaxis " + waiting +
                                  " & pid=$!; for i in $(seq 200); do grep -qE '^SigCgt:.*[1-9a-f]' /proc/$pid/status "
                                  "&& break; sleep 0.05; done; sleep 0.2; " +
                                  ask + "sleep 0.4; " + ask + "sleep 0.4; kill -KILL $pid; wait $pid");
      EXPECT_EQ(ended.code, 130) << signal << waiting;
    }
  }
}

// Batch systems send SIGTERM more than once; a second Ctrl-C is someone who does not want to wait.
TEST(Tools, RepeatedTerminationStillEndsInOrderAndASecondInterruptAtOnce) {
  const TempDirectory d;
  const auto signalled = [&](const std::string& signals) {
    return shell("cd " + d.path() +
                 "; offaxis emit xysquares+noise:eps=0.1 -o x.h5 & pid=$!; sleep 0.7; for signal in " + signals +
                 "; do kill -$signal $pid; done; wait $pid");
  };
  const Outcome terminated = signalled("TERM TERM TERM");
  EXPECT_EQ(terminated.code, 130) << terminated.err;
  EXPECT_NE(terminated.err.find("interrupted"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(d.path()));
  EXPECT_EQ(signalled("STOP TERM INT CONT").code, 128 + SIGINT);
}

TEST(Tools, AKilledRenderLeavesNothingUnderTheName) {
  const TempDirectory d;
  shell("cd " + d.path() +
        "; offaxis emit xysquares+noise:eps=0.1 -o x.h5 & pid=$!; sleep 0.5; kill -KILL $pid; wait $pid");
  EXPECT_FALSE(std::filesystem::exists(d / "x.h5"));
  // The next run of the same target tidies up after the dead one.
  EXPECT_EQ(shell("offaxis render xysquares --indices 0:2 -o " + (d / "x.h5")).code, 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(d.path()), {}), 1);
}

// A file size limit stands in for a full disk: writes fail part of the way through.
TEST(Tools, AFullDiskIsOneClearError) {
  const TempDirectory d;
  for (const char* blocks : {"1", "40", "900"}) {
    const Outcome outcome = shell("cd " + d.path() + "; trap '' XFSZ; ulimit -f " + blocks +
                                  "; offaxis emit xysquares+noise:eps=0.1 --indices 0:2000 -o x.h5");
    EXPECT_EQ(outcome.code, 4) << outcome.err;
    EXPECT_NE(outcome.err.find("x.h5"), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.err.find("HDF5-DIAG"), std::string::npos) << outcome.err;
    EXPECT_TRUE(std::filesystem::is_empty(d.path())) << blocks;
  }
}

}  // namespace
}  // namespace offaxis
