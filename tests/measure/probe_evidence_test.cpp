#include "measure/probe_evidence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "datasets/content.h"
#include "measure/preservation.h"
#include "storage/hash.h"
#include "storage/staged.h"
#include "support/expect_error.h"
#include "support/memory_source.h"
#include "support/temp_directory.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using Json = nlohmann::json;
using testing::MemorySource;
using testing::ToySource;

MemorySource brightened() {
  MemorySource copy((ToySource()));
  for (std::uint8_t& pixel : copy.images_) pixel = static_cast<std::uint8_t>(pixel ^ 1);
  return copy;
}

std::string rootOf(const Source& source) {
  return toHex(contentRoot(source, {}));
}

Json probeRow(const std::string& variant, std::uint64_t seed, std::vector<double> accuracies) {
  Json perFactor = Json::object();
  for (std::size_t k = 0; k < accuracies.size(); ++k) perFactor["factor" + std::to_string(k)] = accuracies[k];
  static const std::string original = rootOf(ToySource()), modified = rootOf(brightened());
  return {{"variant", variant},
          {"model", "probe"},
          {"seed", seed},
          {"source_root", variant == "original" ? original : modified},
          {"probe", {{"test_images", 100 + seed}, {"per_factor", perFactor}, {"mean", 0.5}}}};
}

class ProbeEvidenceTest : public ::testing::Test {
 protected:
  ProbeEvidenceTest() : modified_(brightened()) {
    results_ = {{"schema_version", 1},
                {"status", "complete"},
                {"sources",
                 {{"original", {{"identity", sourceIdentity(original_)}}},
                  {"psi@0:3", {{"identity", sourceIdentity(modified_)}}},
                  {"psi@3:6", {{"identity", "another perturbation"}}}}},
                {"rows", Json::array()}};
    Json& rows = results_["rows"];
    rows.push_back({{"variant", "original"}, {"model", "beta-vae"}, {"seed", 0}, {"mig", {{"value", 0.5}}}});
    for (std::uint64_t seed = 0; seed < 6; ++seed) rows.push_back(probeRow("original", seed, {1, 0.9, 0.8}));
    rows.push_back(probeRow("psi", 0, {1, 0.89, 0.70}));
    rows.push_back(probeRow("psi", 1, {1, 0.88, 0.72}));
    rows.push_back(probeRow("psi", 2, {1, 0.90, 0.71}));
    rows.push_back(probeRow("psi", 3, {0, 0, 0}));  // of the other perturbation
  }

  ProbeEvidence read() {
    writeTextFile(path_, results_.dump(), Overwrite::Replace);
    return readProbeEvidence(path_, modified_, {"no such", sourceIdentity(original_)});
  }
  PreservationCheck checkOf(const ProbeEvidence& evidence, double margin) const {
    PreservationSettings settings;
    settings.probe = evidence;
    settings.probeMargin = margin;
    const PreservationReport report = verifyPreservation(modified_, original_, settings, {});
    EXPECT_EQ(report.checks.back().name, "probe");
    EXPECT_EQ(report.probeMargin, margin);
    return report.checks.back();
  }
  void expectRefused(const std::string& mentions, const std::function<void(Json&)>& spoil) {
    const Json good = results_;
    spoil(results_);
    testing::expectError(ErrorKind::BadFile, mentions, [&] { read(); });
    testing::expectError(ErrorKind::BadFile, "results.json", [&] { read(); });
    results_ = good;
  }

  const ToySource original_;
  const MemorySource modified_;
  const testing::TempDirectory directory_;
  const std::string path_ = directory_ / "results.json";
  Json results_;
};

TEST_F(ProbeEvidenceTest, PairsBySeedAndContent) {
  const ProbeEvidence evidence = read();
  EXPECT_EQ(evidence.file, "results.json");
  EXPECT_EQ(evidence.sha256, toHex(sha256OfFile(path_)));
  EXPECT_EQ(evidence.variant, "psi");
  EXPECT_EQ(evidence.baseline, "original");
  EXPECT_EQ(evidence.seeds, (std::vector<std::uint64_t>{0, 1, 2}));
  EXPECT_EQ(evidence.testImages, 100u);
  ASSERT_EQ(evidence.factors.size(), 3u);
  EXPECT_EQ(evidence.factors[1].name, "factor1");
  EXPECT_NEAR(evidence.factors[1].original, 0.9, 1e-12);
  EXPECT_NEAR(evidence.factors[1].modified, 0.89, 1e-12);
  EXPECT_NEAR(evidence.factors[1].difference.mean, -0.01, 1e-12);
  EXPECT_NEAR(evidence.factors[1].difference.interval.low, -0.02, 1e-12);
  EXPECT_NEAR(evidence.factors[2].difference.mean, -0.09, 1e-12);
  EXPECT_EQ(evidence.modifiedRoot, rootOf(modified_));
  EXPECT_EQ(evidence.originalRoot, rootOf(original_));
  // Drops of 0.01, 0.02 and 0: their mean less 2.9200 standard errors of 0.01 / sqrt(3).
  EXPECT_NEAR(evidence.factors[1].lowest, -0.01 - 2.91998558 * 0.01 / std::sqrt(3), 1e-9);
  EXPECT_EQ(evidence.factors[0].chance, 1.0 / static_cast<double>(original_.info().grid.factors()[0].size()));
}

// eps 0.175 and 44/255 are one budget: a set is what it shows. Of several that show the sample, the one that is defined
// alike is meant.
TEST_F(ProbeEvidenceTest, TakesASetThatIsSpeltOtherwise) {
  Json& sources = results_["sources"];
  sources["psi@0:3"]["definition"] = "another spelling";
  EXPECT_EQ(read().seeds.size(), 3u);
  sources["psi@3:6"] = {{"identity", sourceIdentity(modified_)}, {"definition", sourceDefinition(modified_)}};
  for (std::uint64_t seed = 4; seed < 6; ++seed) results_["rows"].push_back(probeRow("psi", seed, {0, 0, 0}));
  EXPECT_EQ(read().seeds, (std::vector<std::uint64_t>{3, 4, 5}));
}

TEST_F(ProbeEvidenceTest, AFactorBelowTheMarginFailsTheCheck) {
  const ProbeEvidence evidence = read();
  EXPECT_EQ(factorsBelowMargin(evidence, 0.027), std::vector<std::string>{"factor2"});
  EXPECT_EQ(factorsBelowMargin(evidence, 0.026), (std::vector<std::string>{"factor1", "factor2"}))
      << "the mean drop is 0.01, but three seeds do not say it is below 0.0269";
  EXPECT_TRUE(factorsBelowMargin(evidence, 0.12).empty());
  for (const auto& [margin, passes] : {std::pair{0.02, false}, {0.12, true}}) {
    const PreservationCheck check = checkOf(evidence, margin);
    EXPECT_EQ(check.passed, passes) << check.detail;
    EXPECT_EQ(check.detail.find("factor2") == std::string::npos, passes);
  }
}

TEST_F(ProbeEvidenceTest, ADropOfJustTheMarginIsWithin) {
  results_["rows"] = {probeRow("original", 0, {1, 1, 1}), probeRow("original", 1, {1, 1, 1}),
                      probeRow("psi", 0, {1, 1, 0.98}), probeRow("psi", 1, {1, 1, 0.98})};
  EXPECT_TRUE(factorsBelowMargin(read(), 0.02).empty());
  EXPECT_EQ(factorsBelowMargin(read(), 0.0199), std::vector<std::string>{"factor2"});
}

// Of twelve images nine show level 0 of factor1 and all show level 0 of factor0.
TEST_F(ProbeEvidenceTest, OfAPartOfTheGridAGuessKnowsTheCommonestLevel) {
  std::vector<std::uint64_t> rows;
  for (const std::uint32_t level1 : {0u, 0u, 0u, 0u, 1u, 0u, 2u, 3u, 0u, 0u, 0u, 0u})
    rows.push_back(original_.info().grid.indexOf({0, level1, static_cast<std::uint32_t>(rows.size() % 2)}));
  const SourcePtr part = subset(std::make_shared<MemorySource>(modified_), rows);
  results_["sources"]["psi@0:3"]["identity"] = sourceIdentity(*part);
  results_["rows"] = {probeRow("original", 0, {1, 0.8, 1}), probeRow("original", 1, {1, 0.8, 1}),
                      probeRow("psi", 0, {1, 0.8, 1}), probeRow("psi", 1, {1, 0.8, 1})};
  writeTextFile(path_, results_.dump(), Overwrite::Replace);
  const ProbeEvidence evidence = readProbeEvidence(path_, *part, {sourceIdentity(original_)});
  EXPECT_EQ(evidence.factors[0].chance, 1);
  EXPECT_EQ(evidence.factors[1].chance, 0.75);
  EXPECT_EQ(evidence.factors[2].chance, 0.5);
  EXPECT_EQ(factorsNotRead(evidence, 0.0501), std::vector<std::string>{"factor1"}) << "factor0 has nothing to lose";
  EXPECT_TRUE(factorsNotRead(evidence, 0.0499).empty());
}

TEST_F(ProbeEvidenceTest, ProbesThatReadNothingShowNothing) {
  const double chance = 1.0 / static_cast<double>(original_.info().grid.factors()[1].size());
  results_["rows"] = {probeRow("original", 0, {1, chance + 0.01, 1}), probeRow("original", 1, {1, chance + 0.03, 1}),
                      probeRow("psi", 0, {1, chance + 0.01, 1}), probeRow("psi", 1, {1, chance + 0.03, 1})};
  EXPECT_EQ(factorsNotRead(read(), 0.0201), std::vector<std::string>{"factor1"});
  EXPECT_TRUE(factorsNotRead(read(), 0.0199).empty());
  const PreservationCheck check = checkOf(read(), 0.0201);
  EXPECT_FALSE(check.passed);
  EXPECT_NE(check.detail.find("no better than chance"), std::string::npos) << check.detail;
  EXPECT_TRUE(checkOf(read(), 0.0199).passed);
}

// Identities look at 64 rows; evidence of a set that differs in one other row is of another set.
TEST_F(ProbeEvidenceTest, EvidenceOfASetThatDiffersInOneRowFailsTheCheck) {
  ASSERT_TRUE(checkOf(read(), 0.12).passed);
  for (Json& row : results_["rows"]) {
    if (row["variant"] == "psi") row["source_root"] = std::string(64, 'a');
  }
  PreservationCheck check = checkOf(read(), 0.12);
  EXPECT_FALSE(check.passed);
  EXPECT_NE(check.detail.find("another modified set: content root aaaaaaaaaaaa..."), std::string::npos) << check.detail;
  for (Json& row : results_["rows"]) row["source_root"] = rootOf(modified_);
  check = checkOf(read(), 0.12);
  EXPECT_FALSE(check.passed);
  EXPECT_NE(check.detail.find("another original set"), std::string::npos) << check.detail;
}

// A part of the grid may be verified with probes whose baseline was the whole original.
TEST_F(ProbeEvidenceTest, TheBaselineMayBeTheWholeThatAPartWasTakenFrom) {
  const auto whole = std::make_shared<ToySource>();
  const auto changed = std::make_shared<MemorySource>(modified_);
  const std::vector<std::uint64_t> rows{0, 2, 3, 5};
  const SourcePtr part = subset(whole, rows), changedPart = subset(changed, rows);
  results_["sources"]["psi@0:3"]["identity"] = sourceIdentity(*changedPart);
  for (Json& row : results_["rows"]) {
    if (row["variant"] == "psi") row["source_root"] = rootOf(*changedPart);
  }
  writeTextFile(path_, results_.dump(), Overwrite::Replace);
  PreservationSettings settings;
  settings.probe = readProbeEvidence(path_, *changedPart, {sourceIdentity(*whole)});
  settings.probeMargin = 0.12;
  const PreservationReport report = verifyPreservation(*changedPart, *part, settings, {});
  EXPECT_TRUE(report.checks.back().passed) << report.checks.back().detail;
}

TEST_F(ProbeEvidenceTest, OneSeedIsNoInterval) {
  results_["rows"] = {probeRow("original", 1, {1, 1, 1}), probeRow("psi", 1, {1, 1, 1})};
  EXPECT_EQ(factorsBelowMargin(read(), 0.5).size(), 3u);
}

TEST_F(ProbeEvidenceTest, OtherSetsAreRefused) {
  expectRefused("none of its sources is the set to verify", [](Json& j) { j["sources"]["psi@0:3"]["identity"] = "x"; });
  expectRefused("none of its sources is the original", [](Json& j) { j["sources"]["original"]["identity"] = "x"; });
  expectRefused("no probes of the set", [](Json& j) { j["rows"] = Json::array(); });
  expectRefused("with one seed", [](Json& j) {
    j["rows"] = {probeRow("original", 1, {1, 1, 1}), probeRow("psi", 2, {1, 1, 1})};
  });
  expectRefused("more than one probe of psi, seed 1", [](Json& j) {
    j["rows"].push_back(probeRow("psi", 1, {1, 1, 1}));
  });
  expectRefused("evaluate the probes anew", [](Json& j) { j["rows"][7].erase("source_root"); });
  expectRefused("other images than the seeds before", [](Json& j) { j["rows"][2]["source_root"] = "x"; });
  expectRefused("no source of its row 'noise'", [](Json& j) { j["rows"].push_back(probeRow("noise", 1, {1, 1, 1})); });
}

TEST_F(ProbeEvidenceTest, MalformedFilesAreRefused) {
  expectRefused("not complete", [](Json& j) { j["status"] = "running"; });
  expectRefused("no sources and rows", [](Json& j) { j.erase("sources"); });
  expectRefused("no sources and rows", [](Json& j) { j.erase("rows"); });
  expectRefused("not laid out", [](Json& j) { j["rows"] = 5; });
  expectRefused("not laid out", [](Json& j) { j["rows"].push_back("text"); });
  expectRefused("not laid out", [](Json& j) { j["sources"] = {1, 2}; });
  expectRefused("not laid out", [](Json& j) { j["sources"]["original"].erase("identity"); });
  expectRefused("not laid out", [](Json& j) {
    j["rows"].back().erase("probe");
    j["rows"].back()["seed"] = 1;
  });
  expectRefused("not laid out", [](Json& j) { j["rows"][1]["seed"] = "one"; });
  expectRefused("not laid out", [](Json& j) { j["rows"][1]["probe"]["per_factor"]["factor0"] = "high"; });
  expectRefused("accuracy of 1.5", [](Json& j) { j["rows"][1]["probe"]["per_factor"]["factor0"] = 1.5; });
  expectRefused("unknown factor", [](Json& j) { j["rows"][1]["probe"]["per_factor"]["floor"] = 1; });
  expectRefused("lacks the factor factor0", [](Json& j) { j["rows"][1]["probe"]["per_factor"].erase("factor0"); });
  expectRefused("no image", [](Json& j) { j["rows"][1]["probe"]["test_images"] = 0; });
  expectRefused("are no A:B", [](Json& j) { j["sources"]["psi@x"] = {{"identity", "y"}}; });
  expectRefused("no JSON object", [](Json& j) { j = Json::array(); });
  writeTextFile(path_, "{\"status\": ", Overwrite::Replace);
  testing::expectError(ErrorKind::BadFile, "no JSON object", [&] { readProbeEvidence(path_, modified_, {}); });
  testing::expectError(ErrorKind::BadFile, "nowhere.json",
                       [&] { readProbeEvidence(directory_ / "nowhere.json", modified_, {}); });
}

}  // namespace
}  // namespace offaxis
