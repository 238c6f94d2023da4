// The verbs that learn, as a user meets them: tiny runs of the real chain, bad input, interruption.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>
#include <vector>

#include "core/philox.h"
#include "learn/trainer.h"
#include "measure/metrics.h"
#include "storage/codes.h"
#include "tools/command.h"
#include "tools/names.h"
#include "variants/psi_network.h"

namespace offaxis {
namespace {

using nlohmann::json;
using testing::contentsOf;
using testing::Outcome;
using testing::shell;
using testing::TempDirectory;

const std::string kSource = "xysquares:spacing=1,size=32";
const std::string kTiny = " --steps 4 --batch 4 --latents 3 --threads 1 ";
const std::string kTinyPsi = " --warmup-steps 2 --psi-steps 2 --fresh-steps 2 --batch 2 --ladder 0.3 --threads 2 ";

TEST(LearnTools, ListKnowsWhatTheRegistryKnows) {
  std::vector<std::string> listed;
  for (const cli::NamedPart& model : cli::kModels) listed.emplace_back(model.name);
  std::vector<std::string> known = modelNames();
  std::sort(known.begin(), known.end());
  std::sort(listed.begin(), listed.end());
  EXPECT_EQ(listed, known);
}

TEST(LearnTools, EveryVerbsConfigRoundTrips) {
  const TempDirectory d;
  for (const std::string line :
       {"manipulate xysquares:spacing=1 --eps 0.05 -o run", "train xysquares:spacing=1 --beta 2 -o run",
        "encode xysquares:spacing=1 --checkpoint run -o c.npz",
        "traverse xysquares:spacing=1 --checkpoint run --steps 5", "score c.npz --seed 3",
        "evaluate a=xysquares b=xysquares+noise:eps=0.1,seed=2 --seeds 2 -o e"}) {
    const std::string verb = line.substr(0, line.find(' '));
    const Outcome dumped = shell("offaxis " + line + " --dump-config | tee " + (d / "c.ini"));
    EXPECT_EQ(dumped.code, 0) << dumped.err;
    EXPECT_EQ(shell("offaxis " + verb + " --config " + (d / "c.ini") + " --dump-config").out, dumped.out) << line;
  }
}

TEST(LearnTools, TraverseDrawsWhatReportShows) {
  const TempDirectory d;
  const std::string run = d / "run";
  ASSERT_EQ(shell("offaxis train " + kSource + kTiny + "-o " + run).code, 0);
  const std::string line =
      "offaxis traverse " + kSource + " --checkpoint " + run + " --steps 3 --reconstructions 2 --count 200";
  const Outcome drawn = shell(line);
  ASSERT_EQ(drawn.code, 0) << drawn.err;
  EXPECT_EQ(contentsOf(run + "/pictures/latents.gif").substr(0, 6), "GIF89a");
  const json record = json::parse(contentsOf(run + "/pictures/traversal.json"));
  EXPECT_EQ(record.at("strips").at("latents"), 3);
  EXPECT_EQ(record.at("information").size(), 3u);
  EXPECT_EQ(record.at("strips").at("offsets"), json({-2.0, 0.0, 2.0}));
  EXPECT_EQ(shell(line).code, 4) << "they are there already";
  const std::string before = contentsOf(run + "/pictures/latents.png");
  EXPECT_EQ(shell(line + " --force").code, 0);
  EXPECT_EQ(contentsOf(run + "/pictures/latents.png"), before);
  EXPECT_EQ(shell(line + " --force --span 0").code, 2);
  const Outcome made = shell("offaxis report " + run + " --list");
  ASSERT_EQ(made.code, 0) << made.err;
  for (const char* id : {"training-reconstruction", "traversal", "reconstructions", "information"})
    EXPECT_NE(made.out.find(id), std::string::npos) << made.out;
  // Nothing is written beside what is there.
  ASSERT_EQ(shell("mkdir " + (d / "p") + " && touch " + (d / "p/information.svg")).code, 0);
  EXPECT_EQ(shell(line + " -o " + (d / "p")).code, 4);
  EXPECT_EQ(shell("ls " + (d / "p")).out, "information.svg\n");
  // Pictures of a model that has been trained since are not shown as its own.
  ASSERT_EQ(shell("offaxis train " + kSource + kTiny + "--seed 9 --force -o " + run).code, 0);
  const Outcome stale = shell("offaxis report " + run + " --list");
  EXPECT_EQ(stale.out.find("traversal"), std::string::npos) << stale.out;
  ASSERT_EQ(shell("offaxis report " + run + " -o " + (d / "stale.html")).code, 0);
  EXPECT_NE(contentsOf(d / "stale.html").find("has been trained since"), std::string::npos);
  // A model without a decoder, a foreign dataset, a missing run.
  ASSERT_EQ(shell("offaxis train " + kSource + kTiny + "--model pcl -o " + (d / "pcl")).code, 0);
  const Outcome pcl = shell("offaxis traverse " + kSource + " --checkpoint " + (d / "pcl"));
  EXPECT_EQ(pcl.code, 3);
  EXPECT_NE(pcl.err.find("draws no images"), std::string::npos) << pcl.err;
  EXPECT_EQ(shell("offaxis traverse xysquares:spacing=2,size=32 --checkpoint " + run + " -o " + (d / "q")).code, 3);
  EXPECT_EQ(shell("offaxis traverse " + kSource + " --checkpoint " + (d / "none")).code, 3);
}

TEST(LearnTools, ScoringOnTheWayChangesNoRun) {
  const TempDirectory d;
  const std::string line =
      "offaxis evaluate original=" + kSource + " --seeds 1 --steps 200 --net conv32 --latents 2 -o ";
  ASSERT_EQ(shell(line + (d / "plain")).code, 0);
  const Outcome scored = shell(line + (d / "scored") + " --over-steps 2");
  ASSERT_EQ(scored.code, 0) << scored.err;
  const json plain = json::parse(contentsOf(d / "plain/results.json")).at("rows")[0];
  json row = json::parse(contentsOf(d / "scored/results.json")).at("rows")[0];
  ASSERT_EQ(row.at("mig_over_steps").size(), 1u);
  EXPECT_EQ(row.at("mig_over_steps")[0].at("steps"), 100);
  EXPECT_EQ(row.at("mig"), plain.at("mig")) << "the same bits";
  EXPECT_EQ(row.at("kl"), plain.at("kl"));
  EXPECT_NE(shell("offaxis report " + (d / "scored") + " --list --no-images").out.find("mig-over-steps"),
            std::string::npos);
  // Another run in its place has none of its points.
  const std::string points = d / "scored/runs/original_beta-vae_0/mig_over_steps.json";
  EXPECT_TRUE(std::filesystem::exists(points));
  ASSERT_EQ(shell(line + (d / "scored") + " --beta 3 --force").code, 0);
  EXPECT_FALSE(std::filesystem::exists(points));
}

TEST(LearnTools, TablesFitTheTerminal) {
  if (shell("script -qec true /dev/null").code != 0) GTEST_SKIP() << "no script(1) or no pseudo-terminals here";
  const std::string show = "offaxis evaluate --show -o " OFFAXIS_SOURCE_DIR "/results/shapes3d-r-third/evaluation";
  const auto on = [&](const std::string& columns, const std::string& environment) {
    return shell("script -qec 'stty cols " + columns + "; " + environment + " " + show + "' /dev/null").out;
  };
  const std::string narrow = on("70", "NO_COLOR= TERM=xterm"), plain = on("70", "NO_COLOR=1 TERM=xterm");
  std::size_t longest = 0;
  std::istringstream lines(plain);
  std::string heading;
  std::getline(lines, heading);  // what the table is of
  for (std::string line; std::getline(lines, line);) {
    if (line.find("results.json") != std::string::npos || line.find("perfect") == 0 || line.find("changes") == 0)
      continue;
    longest = std::max(longest, line.size());
  }
  EXPECT_LE(longest, 71u) << plain;
  EXPECT_NE(plain.find("not shown for want of width: active units"), std::string::npos) << plain;
  EXPECT_NE(narrow.find("\x1b[1m"), std::string::npos) << "a bold header";
  EXPECT_EQ(plain.find('\x1b'), std::string::npos) << "NO_COLOR";
  const std::string piped = shell(show).out;
  EXPECT_EQ(piped.find('\x1b'), std::string::npos);
  EXPECT_NE(piped.find("active units"), std::string::npos) << "a pipe gets every column";
}

TEST(LearnTools, ManipulatePicksItsRotation) {
  const TempDirectory d;
  int runs = 0;
  const auto identityOf = [&](const std::string& line) {
    const std::string run = d / ("run-" + std::to_string(runs++));
    const Outcome made = shell("offaxis manipulate " + line + kTinyPsi + "-o " + run);
    EXPECT_EQ(made.code, 0) << made.err;
    return json::parse(contentsOf(run + "/log.json")).at("identity");
  };
  const json squares = identityOf(kSource);
  EXPECT_EQ(squares.at("rotation"), "pairs");
  EXPECT_EQ(squares.at("loss"), "bernoulli");
  EXPECT_EQ(squares.at("energy"), 0.1);
  EXPECT_FALSE(squares.contains("separation"));
  EXPECT_EQ(squares.at("psi_steps"), 2) << "options go before the recipe";
  const json shapes = identityOf("shapes3d:size=32 --restrain no");
  EXPECT_EQ(shapes.at("codes"), "angles");
  EXPECT_EQ(shapes.at("separation"), 10);
  EXPECT_FALSE(shapes.contains("restrain"));
  const std::string rotation = shapes.at("rotation");
  EXPECT_EQ(std::count(rotation.begin(), rotation.end(), ';'), 2) << rotation;
  EXPECT_EQ(shapes.at("ladder"), json({0.3, 0.3, 0.3})) << "one rung each";
  EXPECT_EQ(identityOf(kSource + " --recipe levels").at("rotation"), "blocks");
}

// Codes of every image of a 3 x 4 grid, `copies` times, near their factors.
void writeToyCodes(const std::string& path, std::uint64_t copies, std::uint64_t leftOut = 0) {
  Codes codes;
  codes.latents = 3;
  codes.factorCount = 2;
  const Philox noise(1, "toy codes");
  for (std::uint64_t i = 0; i < 12 * copies; ++i) {
    const std::uint64_t index = i % 12;
    if (index < leftOut) continue;
    codes.factors.insert(codes.factors.end(),
                         {static_cast<std::int64_t>(index / 4), static_cast<std::int64_t>(index % 4)});
    codes.codes.insert(codes.codes.end(),
                       {static_cast<double>(index / 4),
                        2.0 * static_cast<double>(index % 4) + 0.1 * noise.normalPair(i)[0], noise.normalPair(i)[1]});
    ++codes.count;
  }
  writeCodes(path, codes, Overwrite::Replace);
}

TEST(LearnTools, ScoresEveryMetricOfAnyonesCodes) {
  const TempDirectory d;
  writeToyCodes(d / "toy.npz", 60);
  const Outcome all = shell("offaxis score " + (d / "toy.npz") + " --metrics all --rotations 2 --json");
  ASSERT_EQ(all.code, 0) << all.err;
  const json said = json::parse(all.out).at("scores");
  for (const Metric& metric : metrics()) {
    const json& score = said.at(metric.name);
    EXPECT_EQ(score.at("definition"), metric.definition);
    EXPECT_EQ(score.contains("ceiling"), metric.supervised) << metric.name;
    EXPECT_EQ(score.contains("floor_sd"), metric.supervised) << metric.name;
    EXPECT_EQ(score.at("latents"), 3);
  }
  EXPECT_GT(said.at("mig").at("value"), .8);
  EXPECT_GT(said.at("dci").at("disentanglement"), .9);
  EXPECT_EQ(said.at("factor-vae").at("value"), 1.0);
  EXPECT_EQ(said.at("factor-vae").at("batch"), 64);
  const Outcome text = shell("offaxis score " + (d / "toy.npz") + " --metrics sap,mig --rotations 0");
  EXPECT_EQ(text.out.rfind("sap  ", 0), 0u) << text.out;
  EXPECT_EQ(text.out.find("perfect"), std::string::npos) << "neither floor nor ceiling was asked for";
  EXPECT_EQ(shell("offaxis score " + (d / "toy.npz") + " --metrics all --rotations 2 --json -t 2").out, all.out);

  // Without the whole grid there are no images that share a factor.
  writeToyCodes(d / "part.npz", 60, 1);
  const Outcome part = shell("offaxis score " + (d / "part.npz") + " --metrics mig,factor-vae");
  EXPECT_EQ(part.code, 3);
  EXPECT_NE(part.err.find("--checkpoint"), std::string::npos) << part.err;
  const json fewer =
      json::parse(shell("offaxis score " + (d / "part.npz") + " --metrics all --rotations 0 --json").out);
  EXPECT_FALSE(fewer.at("scores").contains("factor-vae"));
  EXPECT_TRUE(fewer.at("scores").contains("irs"));

  // A folder of scores; three models are the least that can be ranked.
  for (const char* model : {"a", "b", "c"}) {
    writeToyCodes(d / "toy.npz", model[0] == 'a' ? 20 : model[0] == 'b' ? 40 : 60);
    ASSERT_EQ(shell("mkdir -p " + (d / "scores/toy") + "; offaxis score " + (d / "toy.npz") +
                    " --metrics mig,dci --rotations 0 --json > " + (d / "scores/toy/") + model + ".json")
                  .code,
              0);
  }
  const Outcome compared = shell("offaxis score --compare " + (d / "scores") + " --json");
  ASSERT_EQ(compared.code, 0) << compared.err;
  const json ranks = json::parse(compared.out).at("between_metrics").at("toy");
  EXPECT_EQ(ranks.size(), 6u) << "pairs of mig and dci's three";
  EXPECT_EQ(ranks.at(0).at("models"), 3);
  EXPECT_NE(shell("offaxis score --compare " + (d / "scores")).out.find("mig"), std::string::npos);
}

TEST(LearnTools, TrainEncodeScore) {
  const TempDirectory d;
  const Outcome train = shell("offaxis train " + kSource + kTiny + "-o " + (d / "run") + " --json");
  ASSERT_EQ(train.code, 0) << train.err;
  EXPECT_EQ(json::parse(train.out).at("schema_version"), 1);
  const Outcome encode =
      shell("offaxis encode " + kSource + " --checkpoint " + (d / "run") + " --count 300 -o " + (d / "c.npz"));
  ASSERT_EQ(encode.code, 0) << encode.err;
  const Outcome score = shell("offaxis score " + (d / "c.npz") + " --json");
  ASSERT_EQ(score.code, 0) << score.err;
  const json said = json::parse(score.out);
  EXPECT_EQ(said.at("schema_version"), 1);
  const double mig = said.at("scores").at("mig").at("value");
  EXPECT_GE(mig, 0);
  EXPECT_LE(mig, 1);
  // The same again gives the same codes; another model's checkpoint is refused.
  ASSERT_EQ(shell("offaxis train " + kSource + kTiny + "-o " + (d / "run2")).code, 0);
  ASSERT_EQ(
      shell("offaxis encode " + kSource + " --checkpoint " + (d / "run2") + " --count 300 -o " + (d / "c2.npz")).code,
      0);
  EXPECT_TRUE(contentsOf(d / "c.npz") == contentsOf(d / "c2.npz"));
  const Outcome other = shell("offaxis train " + kSource + kTiny + "--model ae -o " + (d / "run"));
  EXPECT_EQ(other.code, 3) << other.err;
  EXPECT_EQ(shell("offaxis encode xysquares:spacing=1 --checkpoint " + (d / "run") + " -o " + (d / "c3.npz")).code, 3);
}

TEST(LearnTools, ManipulateEmitVerifyPublishReproduce) {
  const TempDirectory d;
  const Outcome manipulate =
      shell("cd " + d.path() + "; offaxis manipulate xysquares:spacing=1" + kTinyPsi + "-o run --json");
  ASSERT_EQ(manipulate.code, 0) << manipulate.err;
  const json log = json::parse(contentsOf(d / "run/log.json"));
  EXPECT_EQ(log.at("schema_version"), 1);
  const Outcome chain =
      shell("cd " + d.path() +
            "; set -e; offaxis emit xysquares:spacing=1 --variant modified --psi run/psi.h5 --indices 0:200 -o m.h5"
            "; offaxis emit xysquares:spacing=1 --variant noise --eps 0.1 --seed 4 --indices 0:200 -o n.h5"
            "; offaxis publish --allow-dirty m.h5 n.h5 --psi run/psi.h5 --name tiny --version 1.0.0 -o out"
            "; offaxis check out/tiny/1.0.0 --content"
            "; (cd out/tiny/1.0.0 && sha256sum --quiet -c SHA256SUMS)"
            "; offaxis reproduce out/tiny/1.0.0/manifest.json -o again");
  EXPECT_EQ(chain.code, 0) << chain.out << chain.err;
  EXPECT_TRUE(contentsOf(d / "again/data/m.h5") == contentsOf(d / "m.h5"));
  const Outcome other =
      shell("cd " + d.path() + "; offaxis emit xysquares:spacing=2 --variant modified --psi run/psi.h5 -o x.h5");
  EXPECT_EQ(other.code, 3);
  EXPECT_NE(other.err.find("another dataset"), std::string::npos) << other.err;
  EXPECT_FALSE(std::filesystem::exists(d / "x.h5"));
}

// A sum of patterns, held back for rivals, of a part of the images: everything that psi.h5 has come to say.
TEST(LearnTools, AnAdditiveRestrainedPsiGoesTheSameWay) {
  const TempDirectory d;
  const Outcome made = shell("cd " + d.path() + "; offaxis manipulate xysquares:spacing=1" + kTinyPsi +
                             "--recipe levels --eps 0.5 --additive projected -o run");
  ASSERT_EQ(made.code, 0) << made.err;
  PsiNetwork psi = PsiNetwork::load(d / "run/psi.h5");
  ASSERT_FALSE(psi.patterns.empty());
  psi.restraints = {{3, 0, 4}, {3, 0, 11}, {150, 2, 151}};
  psi.save(d / "held.h5", Overwrite::Refuse);
  const Outcome chain =
      shell("cd " + d.path() +
            "; set -e; offaxis emit xysquares:spacing=1 --variant modified --psi held.h5 --indices 2:200 -o m.h5"
            "; offaxis emit xysquares:spacing=1 --variant modified --psi run/psi.h5 --indices 2:200 -o free.h5"
            "; offaxis emit xysquares:spacing=1 --variant noise --eps 0.5 --seed 4 --indices 2:200 -o n.h5"
            "; offaxis publish --allow-dirty m.h5 n.h5 --psi held.h5 --name tiny --version 1.0.0 -o out"
            "; offaxis check out/tiny/1.0.0 --content"
            "; offaxis reproduce out/tiny/1.0.0/manifest.json -o again");
  ASSERT_EQ(chain.code, 0) << chain.out << chain.err;
  EXPECT_TRUE(contentsOf(d / "again/data/m.h5") == contentsOf(d / "m.h5"));
  const Outcome diff = shell("cd " + d.path() + "; offaxis diff free.h5 m.h5 --json");
  EXPECT_NE(diff.out.find("\"changed\": 2"), std::string::npos) << "two images alone are held back: " << diff.out;
  // A part of the images in a file of its own has not the rivals.
  const Outcome part = shell("cd " + d.path() +
                             "; offaxis render xysquares:spacing=1 --indices 2:200 -o part.h5 -q"
                             "; offaxis emit part.h5 --variant modified --psi held.h5 -o x.h5");
  EXPECT_NE(part.code, 0);
  EXPECT_FALSE(std::filesystem::exists(d / "x.h5"));
}

TEST(LearnTools, AxesMeasuresVariantsOfOneOriginal) {
  const TempDirectory d;
  const std::string call = "cd " + d.path() + "; offaxis axes ", few = " --steps 2 --batch 2 --ladder 0.3,0.6 ";
  const Outcome original = shell(call + "xysquares:spacing=1" + few + "-o a.json");
  ASSERT_EQ(original.code, 0) << original.err;
  EXPECT_EQ(std::count(original.out.begin(), original.out.end(), '\n'), 3) << original.out;
  const Outcome noise = shell(call + "xysquares:spacing=1+noise:eps=0.1" + few + "-o n.json");
  ASSERT_EQ(noise.code, 0) << noise.err;
  const json a = json::parse(contentsOf(d / "a.json")), n = json::parse(contentsOf(d / "n.json"));
  ASSERT_EQ(a.at("rungs").size(), 2u);
  EXPECT_EQ(a["rungs"][0].at("kl_weight"), n["rungs"][0].at("kl_weight"));
  EXPECT_NE(a["source"].at("identity"), n["source"].at("identity"));
  EXPECT_NEAR(a["rungs"][1].at("J_ent_minus_J_dis").get<double>(),
              a["rungs"][1]["entangled"]["J"].get<double>() - a["rungs"][1]["disentangled"]["J"].get<double>(), 1e-9);
  const Outcome again = shell(call + "xysquares:spacing=1" + few + "-o a.json");
  EXPECT_EQ(again.code, 4) << again.err;
  EXPECT_EQ(shell(call + "xysquares:spacing=1" + few + "--force -o a.json").code, 0);
}

TEST(LearnTools, BadCallsSayWhatIsWrong) {
  const TempDirectory d;
  ASSERT_EQ(shell("cd " + d.path() + "; echo nonsense > text.npz; mkdir foreign; echo '{}' > foreign/run.json").code,
            0);
  const struct {
    std::string line;
    int code;
    const char* says;
  } calls[] = {
      {"train " + kSource + kTiny + "--model vae-9000 -o r", 2, "beta-vae"},
      {"train " + kSource + kTiny + "--beta -1 -o r", 2, "--beta"},
      {"train " + kSource + kTiny + "--loss l3 -o r", 2, "squared-error"},
      {"train " + kSource + kTiny + "--net resnet -o r", 2, "conv64"},
      {"train " + kSource + kTiny + "--device tpu -o r", 2, "cpu"},
      {"train " + kSource + " --batch 4 --steps 0 -o r", 2, "--steps"},
      {"train squares" + kTiny + "-o r", 2, "known datasets"},
      {"train " + kSource + " --batch 4 --learning-rate 1 --beta 1000000 --steps 400 -o r", 6, "step"},
      {"encode " + kSource + " --checkpoint nowhere -o c.npz", 3, "nowhere"},
      {"encode " + kSource + " --checkpoint foreign -o c.npz", 3, "foreign"},
      {"score", 2, "CODES.npz"},
      {"score text.npz --metrics mig,accuracy", 2, "explicitness"},
      {"score text.npz --source xysquares", 2, "--checkpoint"},
      {"score text.npz --compare .", 2, "leave CODES.npz out"},
      {"score --compare foreign", 3, "no scores"},
      {"score --compare nowhere", 3, "nowhere"},
      {"evaluate a=" + kSource + " --metrics accuracy -o e", 2, "explicitness"},
      {"score text.npz", 3, "text.npz"},
      {"score nowhere.npz", 3, "nowhere.npz"},
      {"manipulate " + kSource + kTinyPsi + "--eps 0 -o r2", 2, "(0, 1]"},
      {"manipulate " + kSource + kTinyPsi + "--eps 1.5 -o r2", 2, "(0, 1]"},
      {"manipulate " + kSource + kTinyPsi + "--rotation sideways -o r2", 2, "blocks"},
      {"manipulate " + kSource + kTinyPsi + "--rotation pairs:x1,hue -o r2", 2, "'x1'"},
      {"manipulate " + kSource + kTinyPsi + "--inputs pixels -o r2", 2, "one-hot"},
      {"manipulate " + kSource + kTinyPsi + "--codes degrees -o r2", 2, "angles"},
      {"manipulate " + kSource + kTinyPsi + "--recipe cake -o r2", 2, "tint"},
      {"manipulate " + kSource + kTinyPsi + "--restrain perhaps -o r2", 2, "images, pixels"},
      {"manipulate " + kSource + kTinyPsi + "--energy -1 -o r2", 2, "--energy"},
      {"manipulate " + kSource + kTinyPsi + "--rotation 'blocks;pairs' -o r2", 2, "rungs"},
      {"manipulate " + kSource + kTinyPsi + "--rotation 'blocks;' -o r2", 2, "empty"},
      {"axes " + kSource + " --ladder 0.1,x", 2, "--ladder"},
      {"axes nowhere.h5", 2, "nowhere.h5"},
      {"manipulate " + kSource + kTinyPsi + "--profile fast -o r2", 2, "quick"},
      {"manipulate " + kSource + "+noise:eps=0.1" + kTinyPsi + "-o r2", 2, "original"},
      {"evaluate " + kSource + " -o e", 2, "="},
      {"evaluate a=" + kSource + " a=" + kSource + " -o e", 2, "twice"},
      {"evaluate a=" + kSource + " b=xysquares:spacing=2 -o e", 2, "one dataset"},
      {"evaluate a=" + kSource + " --models gan -o e", 2, "beta-vae"},
      {"evaluate a=" + kSource + " --profile fast -o e", 2, "quick"},
  };
  for (const auto& call : calls) {
    const Outcome outcome = shell("cd " + d.path() + "; offaxis " + call.line);
    EXPECT_EQ(outcome.code, call.code) << call.line << "\n" << outcome.err;
    EXPECT_NE(outcome.err.find(call.says), std::string::npos) << call.line << "\n" << outcome.err;
    EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 3) << outcome.err;
  }
}

TEST(LearnTools, AProbeHasAccuraciesAndNoCodes) {
  const TempDirectory d;
  const std::string train = "offaxis train " + kSource + kTiny + "--model probe -o " + (d / "r");
  const Outcome made = shell(train);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("10000 held-out images"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("\n  y_B 0."), std::string::npos) << made.out;
  EXPECT_EQ(json::parse(shell(train + " --json").out).at("per_factor").size(), 6u);
  const Outcome encoded = shell("offaxis encode " + kSource + " --checkpoint " + (d / "r") + " -o " + (d / "c.npz"));
  EXPECT_EQ(encoded.code, 3);
  EXPECT_NE(encoded.err.find("no codes"), std::string::npos) << encoded.err;
  writeToyCodes(d / "toy.npz", 60);
  const Outcome scored = shell("offaxis score " + (d / "toy.npz") + " --metrics factor-vae --source " + kSource +
                               " --checkpoint " + (d / "r"));
  EXPECT_EQ(scored.code, 3) << scored.err;
}

TEST(LearnTools, EvaluatePrintsProbesInABlockOfTheirOwn) {
  const TempDirectory d;
  const std::string grid =
      "offaxis evaluate original=xysquares:spacing=1 noise=xysquares:spacing=1+noise:eps=0.1 --seeds 2 --steps 3 ";
  const Outcome both = shell(grid + "--models beta-vae,probe -o " + (d / "both"));
  ASSERT_EQ(both.code, 0) << both.err;
  const std::size_t mig = both.out.find("MIG, mean"), accuracy = both.out.find("Accuracy of supervised probes");
  EXPECT_LT(mig, accuracy);
  EXPECT_NE(accuracy, std::string::npos) << both.out;
  EXPECT_NE(both.out.find("0.125    1.000", accuracy), std::string::npos) << both.out;
  const Outcome alone = shell(grid + "--models probe -o " + (d / "alone"));
  ASSERT_EQ(alone.code, 0) << alone.err;
  EXPECT_EQ(alone.out.find("MIG"), std::string::npos) << alone.out;
  EXPECT_EQ(shell("offaxis plot scores " + (d / "alone") + " -o " + (d / "a.svg")).code, 0);
  EXPECT_EQ(shell("offaxis plot frontier " + (d / "alone") + " -o " + (d / "b.svg")).code, 2);
}

TEST(LearnTools, AMissingGpuIsSaid) {
  if (shell("test -e /dev/nvidia0").code == 0) GTEST_SKIP() << "this machine has a GPU";
  const TempDirectory d;
  const Outcome outcome = shell("offaxis train " + kSource + kTiny + "--device cuda -o " + (d / "r"));
  EXPECT_EQ(outcome.code, 5) << outcome.err;
  EXPECT_NE(outcome.err.find("cuda"), std::string::npos);
}

TEST(LearnTools, InterruptedTrainingGoesOnToTheSameCodes) {
  const TempDirectory d;
  const std::string run =
      "offaxis train " + kSource + " --steps 400 --batch 16 --latents 3 --threads 1 --checkpoint-every 50 -o ";
  const Outcome stopped = shell("cd " + d.path() + "; " + run + "a & pid=$!; sleep 2; kill -INT $pid; wait $pid");
  EXPECT_TRUE(stopped.code == 130 || stopped.code == 0) << stopped.code << stopped.err;
  ASSERT_EQ(shell("cd " + d.path() + "; " + run + "a").code, 0);
  ASSERT_EQ(shell("cd " + d.path() + "; " + run + "b").code, 0);
  const std::string encode = "cd " + d.path() + "; offaxis encode " + kSource + " --count 100 --checkpoint ";
  ASSERT_EQ(shell(encode + "a -o a.npz; offaxis encode " + kSource + " --count 100 --checkpoint b -o b.npz").code, 0);
  EXPECT_TRUE(contentsOf(d / "a.npz") == contentsOf(d / "b.npz"));
}

TEST(LearnTools, EvaluateFillsItsGridAndRefusesAnother) {
  const TempDirectory d;
  const std::string grid =
      "offaxis evaluate original=xysquares:spacing=1 noise=xysquares:spacing=1+noise:eps=0.1 "
      "--seeds 2 --steps 3 -o " +
      (d / "e");
  const Outcome first = shell(grid);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.out.find("original"), std::string::npos);
  const json results = json::parse(contentsOf(d / "e/results.json"));
  EXPECT_EQ(results.at("status"), "complete");
  EXPECT_EQ(results.at("rows").size(), 4u);
  EXPECT_TRUE(results.contains("summary"));
  EXPECT_EQ(shell(grid).out, first.out);  // nothing is trained again
  // Two runs have an interval, one has neither spread nor interval.
  EXPECT_NE(first.out.find("+-"), std::string::npos) << first.out;
  const json& two = results.at("summary").at(1).at("mig");
  EXPECT_TRUE(two.at("sd").is_number() && two.at("difference").at("interval_95").is_array());
  const std::string single = grid.substr(0, grid.find("--seeds")) + "--seeds 1 --steps 3 -o " + (d / "one");
  const Outcome one = shell(single);
  ASSERT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(one.out.substr(0, one.out.find("perfect codes")).find("+-", 20), std::string::npos) << one.out;
  const json summary = json::parse(contentsOf(d / "one/results.json")).at("summary").at(1).at("mig");
  EXPECT_TRUE(summary.at("sd").is_null() && summary.at("difference").at("interval_95").is_null());
  EXPECT_EQ(shell("offaxis report " + (d / "one") + " -o " + (d / "one.html")).code, 0);
  const Outcome other = shell(grid + " --beta 3");
  EXPECT_EQ(other.code, 3) << other.err;
}

TEST(LearnTools, EvaluateShowsWhatADirectoryHolds) {
  const TempDirectory d;
  const Outcome made = shell(
      "offaxis evaluate original=xysquares:spacing=1 noise@0:1=xysquares:spacing=1+noise:eps=0.1 "
      "noise@1:2=xysquares:spacing=1+noise:eps=0.1,seed=1 --seeds 2 --steps 3 --against noise -o " +
      (d / "e"));
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find("changes are from noise"), std::string::npos) << made.out;
  EXPECT_EQ(shell("offaxis evaluate --show -o " + (d / "e")).out, made.out);
  EXPECT_EQ(shell("offaxis evaluate --show a=xysquares -o " + (d / "e")).code, 2);
  EXPECT_EQ(shell("offaxis evaluate -o " + (d / "e")).code, 2);
  EXPECT_EQ(shell("offaxis evaluate --show -o " + (d / "none")).code, 3);
  std::ofstream(d / "results.json") << "{}";
  EXPECT_EQ(shell("offaxis evaluate --show -o " + d.path()).code, 3);
}

// The tables of README and docs are what their results say.
TEST(LearnTools, ThePrintedTablesAreThoseOfTheResults) {
  const std::string source = OFFAXIS_SOURCE_DIR;
  for (const auto& [page, results] : {std::pair{"/README.md", "/results/xysquares-s1-quick"},
                                      std::pair{"/docs/probes.md", "/results/shapes3d-r-probes/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-first/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-quick/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-third/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-fourth/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-long/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-pilot/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-pilot-second/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-pilot-third/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-pilot-fourth/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-pilot-fourth/quick"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-victims/pcl"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-victims/ae"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-victims/wide"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-victims/beta-8"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-victims/beta-32"},
                                      std::pair{"/docs/manipulation.md", "/results/shapes3d-r-victims/beta-tcvae"},
                                      std::pair{"/docs/manipulation.md", "/results/xysquares-confirmation/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/dsprites-r-confirmation/evaluation"},
                                      std::pair{"/docs/manipulation.md", "/results/dsprites-r-quick/evaluation"}}) {
    const std::string text = contentsOf(source + page);
    const Outcome shown = shell("offaxis evaluate --show -o '" + source + results + "'");
    ASSERT_EQ(shown.code, 0) << shown.err;
    std::istringstream lines(shown.out);
    int compared = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line[0] == '/') continue;  // the path at the end
      line.erase(line.find_last_not_of(' ') + 1);
      EXPECT_NE(text.find("\n    " + line + "\n"), std::string::npos) << line;
      ++compared;
    }
    EXPECT_GT(compared, 8);
  }
}

// What docs/manipulation.md says of modified against each control.
TEST(LearnTools, TheRowsOfControlsAreThoseOfTheResults) {
  const std::string source = OFFAXIS_SOURCE_DIR;
  const std::string text = contentsOf(source + "/docs/manipulation.md");
  using Names = std::vector<std::string>;
  const Names shapes{"noise", "flipped", "untrained", "unaligned", "permuted", "scrambled", "separable"};
  const Names sprites{"noise", "flipped", "untrained", "separable", "unaligned", "permuted", "scrambled"};
  for (const auto& [results, controls] : {std::pair{"shapes3d-r-third", shapes},
                                          {"shapes3d-r-fourth", shapes},
                                          {"dsprites-r-confirmation", sprites},
                                          {"xysquares-confirmation", sprites}}) {
    const Outcome shown = shell("offaxis evaluate --show --against modified --json -o '" + source + "/results/" +
                                results + "/evaluation'");
    ASSERT_EQ(shown.code, 0) << shown.err;
    std::map<std::string, json> differences;
    const json summary = json::parse(shown.out).at("summary");
    for (const json& row : summary) {
      if (row.at("variant") != "modified") differences[row.at("variant")] = row.at("mig").at("difference");
    }
    std::string line;
    for (const std::string& control : controls) {
      char cell[64];
      const json& d = differences.at(control);
      std::snprintf(cell, sizeof cell, "| %+.2f [%+.2f, %+.2f] ", d.at("mean").get<double>(),
                    d.at("interval_95").at(0).get<double>(), d.at("interval_95").at(1).get<double>());
      line += cell;
    }
    EXPECT_NE(text.find(line + "|\n"), std::string::npos) << results << ": " << line;
  }
}

TEST(LearnTools, TheCommittedPicturesAreThoseOfTheResults) {
  const TempDirectory d;
  const std::string results = std::string(OFFAXIS_SOURCE_DIR) + "/results/";
  const std::vector<std::array<std::string, 2>> pictures{
      {"scores third/evaluation", "third/scores.svg"},
      {"scores fourth/evaluation", "fourth/scores.svg"},
      {"dose fourth/evaluation fourth/dose/*.json", "fourth/dose/dose.svg"},
      {"frontier frontier/original frontier/eps-*", "frontier/frontier.svg"}};
  for (const auto& [figure, picture] : pictures) {
    std::string inputs;
    std::istringstream words(figure.substr(figure.find(' ')));
    for (std::string word; words >> word;) inputs += " " + results + "shapes3d-r-" + word;
    const std::string verb = "offaxis plot " + figure.substr(0, figure.find(' '));
    const Outcome drawn = shell(verb + inputs + " --force -o " + (d / "picture.svg"));
    ASSERT_EQ(drawn.code, 0) << drawn.err;
    EXPECT_TRUE(contentsOf(d / "picture.svg") == contentsOf(results + "shapes3d-r-" + picture)) << picture;
  }
}

// The README's short table of Shapes3D: means to two digits, in the order of the results.
TEST(LearnTools, TheReadmesShortTableIsThatOfTheResults) {
  const std::string source = OFFAXIS_SOURCE_DIR;
  const json results = json::parse(contentsOf(source + "/results/shapes3d-r-fourth/evaluation/results.json"));
  std::string mig = "\n| MIG |", rotated = "\n| rotated MIG |";
  for (const json& row : results.at("summary")) {
    for (const auto& [line, key] : {std::pair{&mig, "mig"}, std::pair{&rotated, "rotated_mig"}}) {
      char text[32];
      std::snprintf(text, sizeof text, line == &mig ? " %.2f |" : " %.3f |", row.at(key).at("mean").get<double>());
      line->append(text);
    }
  }
  const std::string readme = contentsOf(source + "/README.md");
  EXPECT_NE(readme.find(mig + "\n"), std::string::npos) << mig;
  EXPECT_NE(readme.find(rotated + "\n"), std::string::npos) << rotated;
}

}  // namespace
}  // namespace offaxis
