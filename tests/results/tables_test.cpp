// The tables of docs/manipulation.md that no program prints are what results/ says: each is counted anew from the JSON.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace offaxis {
namespace {

using Json = nlohmann::json;

std::string fileText(const std::string& path) {
  std::ifstream file(std::string(OFFAXIS_SOURCE_DIR) + "/" + path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

Json result(const std::string& path) {
  return Json::parse(fileText("results/" + path));
}

// Three and more decimals are rounded as printf does, from the double itself; tables write .12 for 0.12 but keep the 0
// where digits is 1.
std::string number(double value, int digits, bool sign = false) {
  char text[40];
  std::snprintf(text, sizeof text, sign ? "%+.*f" : "%.*f", digits, value);
  std::string shown = text;
  if (digits < 2) return shown;
  const std::size_t zero = shown.find("0.");
  if (zero == 0 || (zero == 1 && (shown[0] == '-' || shown[0] == '+'))) shown.erase(zero, 1);
  return shown;
}

double meanOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// By seed, as rows come.
std::vector<double> scores(const Json& evaluation, const std::string& variant, const char* key = "mig") {
  std::vector<double> values;
  for (const Json& row : evaluation.at("rows")) {
    if (row.at("variant") == variant) values.push_back(row.at(key).at("value"));
  }
  EXPECT_FALSE(values.empty()) << variant;
  return values;
}

std::string joined(const std::vector<double>& values, int digits) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : " ") + number(value, digits);
  return text;
}

std::string seedsAndMean(const Json& evaluation, const std::string& variant) {
  const std::vector<double> values = scores(evaluation, variant);
  return joined(values, 2) + ", " + number(meanOf(values), 2);
}

// J_ent - J_dis of every rung of a log's "original" or "modified".
std::string gaps(const Json& rungs, int digits = 1, bool errors = false) {
  std::string text;
  for (const Json& rung : rungs) {
    text += (text.empty() ? "" : ", ") + number(rung.at("J_ent_minus_J_dis"), digits, true);
    if (errors) text += " (" + number(rung.at("J_gap_standard_error"), digits) + ")";
  }
  return text;
}

std::string thousands(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

class Tables : public ::testing::Test {
 protected:
  // The section that begins with `heading` has this row, emphasis aside.
  void expectRow(const std::string& heading, const std::vector<std::string>& cells) const {
    const std::size_t begin = page_.find("\n" + heading);
    ASSERT_NE(begin, std::string::npos) << heading;
    std::string row;
    for (const std::string& cell : cells) row += cell.empty() ? "| " : "| " + cell + " ";
    row = "\n" + row + "|\n";
    const std::size_t end = page_.find("\n#", begin + 1);
    EXPECT_NE(page_.substr(begin, end - begin).find(row), std::string::npos) << heading << row;
  }

  const std::string page_ = [] {
    std::string text = fileText("docs/manipulation.md"), plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text.compare(at, 2, "**") == 0) {
        ++at;
      } else {
        plain += text[at];
      }
    }
    return plain;
  }();
};

TEST_F(Tables, MigAgainstEps) {
  const std::string at = "shapes3d-r-frontier/";
  const Json any = result(at + "psi-0.1/log.json");
  expectRow("## MIG against eps", {"original", "", gaps(any.at("original")),
                                   seedsAndMean(result(at + "original/results.json"), "original"), "", ""});
  for (const auto& [eps, shown] :
       std::map<std::string, std::string>{{"0.05", ".05"}, {"0.1", ".1"}, {"0.175", ".175"}, {"0.25", ".25"}}) {
    const Json log = result(at + "psi-" + eps + "/log.json");
    const Json runs = result(at + "eps-" + eps + "/results.json");
    expectRow("## MIG against eps",
              {shown, number(log.at("mean_abs_delta"), 3), gaps(log.at("modified")), seedsAndMean(runs, "modified"),
               seedsAndMean(runs, "noise"), seedsAndMean(runs, "flipped")});
  }
}

// The measurement of a source, and the scores of the models that were trained on it, by perturbation and arm.
struct Dose {
  std::map<std::string, std::map<std::string, double>> gap, mig;  // by the first seed of the perturbation's models
};

Dose doseOf(const std::string& confirmation) {
  std::map<std::string, double> measured;  // by source
  const std::string folder = "results/" + confirmation + "/dose";
  for (const auto& entry : std::filesystem::directory_iterator(std::string(OFFAXIS_SOURCE_DIR) + "/" + folder)) {
    if (entry.path().extension() != ".json") continue;
    const Json json = Json::parse(fileText(folder + "/" + entry.path().filename().string()));
    measured[json.at("source").at("expression")] = json.at("rungs").at(0).at("J_ent_minus_J_dis");
  }
  const Json evaluation = result(confirmation + "/evaluation/results.json");
  Dose dose;
  for (const auto& [label, source] : evaluation.at("sources").items()) {
    const std::size_t at = label.find('@'), colon = label.find(':');
    const std::string name = label.substr(0, at), first = label.substr(at + 1, colon - at - 1);
    dose.gap[first][name] = measured.at(source.at("resolved"));
    const std::uint64_t begin = std::stoull(first), end = std::stoull(label.substr(colon + 1));
    std::vector<double> values;
    for (const Json& row : evaluation.at("rows")) {
      if (row.at("variant") == name && row.at("seed") >= begin && row.at("seed") < end)
        values.push_back(row.at("mig").at("value"));
    }
    dose.mig[first][name] = meanOf(values);
  }
  return dose;
}

const std::vector<std::string> kArms{"original",  "modified",  "noise",    "flipped",  "untrained",
                                     "separable", "unaligned", "permuted", "scrambled"};

TEST_F(Tables, DoseAndResponse) {
  const Dose dose = doseOf("shapes3d-r-fourth");
  ASSERT_EQ(dose.gap.size(), 3u);
  int perturbation = 351;
  for (const auto& [first, gap] : dose.gap) {
    std::vector<std::string> gapRow{std::to_string(perturbation++), "J_ent - J_dis"}, migRow{"", "MIG"};
    for (const std::string& arm : kArms) {
      gapRow.push_back(number(gap.at(arm), 1, true));
      migRow.push_back(number(dose.mig.at(first).at(arm), 2));
    }
    expectRow("### Dose and response", gapRow);
    expectRow("### Dose and response", migRow);
  }
}

TEST_F(Tables, DoseOfXYSquares) {
  const Dose dose = doseOf("xysquares-confirmation");
  ASSERT_EQ(dose.gap.size(), 3u);
  int perturbation = 391;
  for (const auto& [first, gap] : dose.gap) {
    std::vector<std::string> row{std::to_string(perturbation++)};
    for (const std::string& arm : kArms) row.push_back(number(gap.at(arm), 1, true));
    expectRow("### The confirmation's first two rounds, spacing 1", row);
  }
}

// A point of the sweep over spacings and budgets: what fresh reference models see, and each seed's MIG in four arms.
std::vector<std::string> sweepRow(const std::string& first, const std::string& spacing, const std::string& eps) {
  const std::string at = "xysquares-spacings/", point = spacing + "-" + eps;
  const Json psi = result(at + "psi-" + point + "/log.json");
  std::vector<std::string> row{first, gaps(psi.at("original"), 2), gaps(psi.at("modified")),
                               gaps(result(at + "flipped-" + point + "/log.json").at("modified"))};
  const Json runs = result(at + "spacing-" + spacing + "-eps-" + eps + "/results.json");
  for (const char* arm : {"original", "modified", "noise", "flipped"})
    row.push_back(joined(scores(runs, arm), 2) + " (" + number(meanOf(scores(runs, arm, "rotated_mig")), 2) + ")");
  return row;
}

TEST_F(Tables, SpacingsOfXYSquares) {
  for (const std::string spacing : {"2", "3", "8"})
    expectRow("### Spacings 2, 3 and 8", sweepRow(spacing, spacing, "0.1"));
}

TEST_F(Tables, BudgetsOfXYSquares) {
  for (const std::string eps : {"0.05", "0.025"})
    expectRow("### Smaller budgets, spacing 1", sweepRow(eps.substr(1), "1", eps));
}

TEST_F(Tables, Ablations) {
  std::string original = gaps(result("shapes3d-r-ablations/original-axes.json").at("rungs"), 1, true);
  original.erase(original.find("(0.") + 1, 1);
  expectRow("## Ablations on Shapes3D",
            {"(the original, no psi)", "", "", original, "", "",
             joined(scores(result("shapes3d-r-ablations/original-evaluation/results.json"), "original"), 3)});
  for (const auto& [name, label] :
       std::map<std::string, std::string>{{"whole", "nothing"},
                                          {"levels", "hues as levels, not angles (`--codes levels`)"},
                                          {"one-hot", "psi fed one-hot levels (`--inputs one-hot`)"},
                                          {"low-rung", "one rung, a third of the weight (`--ladder 0.13`)"},
                                          {"two-rungs", "both rungs (`--ladder 0.13,0.38`)"},
                                          {"ensemble", "two models for one (`--ensemble 2`)"},
                                          {"free-energy", "no price on energy (`--energy 0`)"},
                                          {"block", "one block of the three hues for three pairs"},
                                          {"random-rotation", "random R over all factors (`--rotation random`)"},
                                          {"no-noise", "no latent noise (`--draws 0`)"}}) {
    const std::string at = "shapes3d-r-ablations/" + name;
    const Json log = result(at + "/log.json");
    std::vector<std::string> measured{gaps(log.at("original"), 1, true), gaps(log.at("modified"), 1, true),
                                      gaps(result(at + "-axes.json").at("rungs"), 1, true)};
    for (std::string& text : measured) {  // standard errors are written without their 0
      for (std::size_t zero; (zero = text.find("(0.")) != std::string::npos;) text.erase(zero + 1, 1);
    }
    expectRow("## Ablations on Shapes3D",
              {label, measured[0], measured[1], measured[2], number(log.at("mean_abs_delta"), 3),
               thousands(log.at("restrained").get<std::uint64_t>()),
               joined(scores(result(at + "-evaluation/results.json"), name), 3)});
  }
}

// Of a summary, as the README writes it: "0.16", "-0.14 [-0.17, -0.11]".
std::string meanOf(const Json& evaluation, const std::string& variant, const char* key = "mig", bool change = false) {
  for (const Json& row : evaluation.at("summary")) {
    if (row.at("variant") != variant) continue;
    char text[80];
    if (change) {
      const Json& d = row.at(key).at("difference");
      std::snprintf(text, sizeof text, "%+.2f [%+.2f, %+.2f]", d.at("mean").get<double>(),
                    d.at("interval_95").at(0).get<double>(), d.at("interval_95").at(1).get<double>());
    } else {
      std::snprintf(text, sizeof text, "%.2f", row.at(key).at("mean").get<double>());
    }
    return text;
  }
  ADD_FAILURE() << variant;
  return {};
}

void expectInReadme(const std::string& sentence) {
  std::string text = fileText("README.md");
  std::replace(text.begin(), text.end(), '\n', ' ');
  EXPECT_NE(text.find(sentence), std::string::npos) << sentence;
}

TEST(Readme, DSpritesAsTheResultsHaveIt) {
  const Json runs = result("dsprites-r-confirmation/evaluation/results.json");
  expectInReadme("MIG " + meanOf(runs, "original") + " on the original, " + meanOf(runs, "modified") +
                 " on the modified set (change " + meanOf(runs, "modified", "mig", true) + "), " +
                 meanOf(runs, "noise") + " on noise, " + meanOf(runs, "flipped") + " on the flipped psi; rotated MIG " +
                 meanOf(runs, "modified", "rotated_mig") + " on the modified set against " +
                 meanOf(runs, "noise", "rotated_mig") + " on noise. Here `unaligned` falls nearly as far as psi (" +
                 meanOf(runs, "unaligned") + ")");
}

TEST(Readme, XYSquaresAsTheResultsHaveIt) {
  const Json runs = result("xysquares-confirmation/evaluation/results.json");
  expectInReadme("MIG " + meanOf(runs, "original") + " on the original, " + meanOf(runs, "modified") +
                 " on the modified set (change " + meanOf(runs, "modified", "mig", true) + "), " +
                 meanOf(runs, "noise") + " on noise, " + meanOf(runs, "flipped") +
                 " on the flipped psi; modified lies below both on every seed.");
  expectInReadme("`unaligned` " + meanOf(runs, "unaligned") + ", `permuted` " + meanOf(runs, "permuted") + ".");
  const Json half = result("xysquares-spacings/spacing-1-eps-0.05/results.json");
  expectInReadme("eps 0.05): MIG " + meanOf(half, "original") + " on the original, " + meanOf(half, "modified") +
                 " on modified, " + meanOf(half, "noise") + " on noise, " + meanOf(half, "flipped") +
                 " on the flipped psi.");
  const Json quarter = result("xysquares-spacings/spacing-1-eps-0.025/results.json");
  expectInReadme("A quarter does part of it (" + meanOf(quarter, "modified") + " on modified, " +
                 meanOf(quarter, "noise") + " on noise).");
}

TEST(Readme, VictimsAsTheResultsHaveThem) {
  for (const auto& [name, label] :
       std::map<std::string, std::string>{{"wide", "twice the width"},
                                          {"beta-8", "half the beta"},
                                          {"beta-tcvae", "beta-TCVAE"},
                                          {"pcl", "PCL, not variational"},
                                          {"ae", "autoencoder, which has no axes to lose"},
                                          {"beta-32", "twice the beta, under which nothing is learnt"}}) {
    const Json runs = result("shapes3d-r-victims/" + name + "/results.json");
    std::string row = "| " + label + " |";
    for (const char* variant : {"original", "modified", "noise", "flipped"}) row += " " + meanOf(runs, variant) + " |";
    expectInReadme(row);
  }
}

}  // namespace
}  // namespace offaxis
