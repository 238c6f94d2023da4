#include "report/page.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "report/literature.h"
#include "storage/staged.h"
#include "support/expect_error.h"
#include "support/temp_directory.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;
using testing::expectError;
using testing::TempDirectory;

const std::string kResults = OFFAXIS_SOURCE_DIR "/results/";

ReportSettings plain() {
  ReportSettings settings;
  settings.images = false;
  return settings;
}

Report reportOf(const std::string& path, ReportSettings settings = plain()) {
  return makeReport(readFindings(path), settings, {});
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

bool mentions(const std::vector<std::string>& lines, const std::string& part) {
  for (const std::string& line : lines) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

const ReportTable* tableOf(const Report& report, const std::string& id) {
  for (const ReportSection& section : report.sections) {
    for (const ReportBlock& block : section.blocks) {
      const auto* table = std::get_if<ReportTable>(&block);
      if (table != nullptr && table->id == id) return table;
    }
  }
  return nullptr;
}

Json read(const std::string& path) {
  return Json::parse(readTextFile(path));
}

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  writeTextFile(path, text, Overwrite::Replace);
}

TEST(Findings, ReadsAFolderOfSeveralKinds) {
  const Findings third = readFindings(kResults + "shapes3d-r-third");
  EXPECT_EQ(third.manipulations.size(), 9u);
  ASSERT_EQ(third.evaluations.size(), 1u);
  EXPECT_EQ(third.evaluations[0].name, "evaluation");
  EXPECT_TRUE(third.missing.empty());
  const Findings manifest = readFindings(OFFAXIS_SOURCE_DIR "/manifests/dsprites-r-quick/1.0.0.json");
  EXPECT_EQ(manifest.versions.size(), 1u);
  EXPECT_EQ(manifest.psi.size(), 1u);
}

TEST(Findings, RefusesForeignFolders) {
  const TempDirectory d;
  expectError(ErrorKind::BadFile, "neither a folder", [&] { readFindings(d / "nowhere"); });
  std::filesystem::create_directory(d / "empty");
  expectError(ErrorKind::BadFile, "nothing that a report could show", [&] { readFindings(d / "empty"); });
  // Names alone do not make them ours.
  write(d / "foreign/results.json", R"({"accuracy": 0.9})");
  expectError(ErrorKind::BadFile, "results.json", [&] { readFindings(d / "foreign"); });
  write(d / "torn/log.json", R"({"identity": {)");
  expectError(ErrorKind::BadFile, "damaged", [&] { readFindings(d / "torn"); });
  write(d / "text.json", "{}");
  expectError(ErrorKind::BadFile, "manifest", [&] { readFindings(d / "text.json"); });
  // A part of the wrong type is told with the file's name.
  Json results = read(kResults + "xysquares-s1-quick/results.json");
  results["summary"][0]["mig"]["mean"] = "high";
  write(d / "typed/results.json", results.dump());
  expectError(ErrorKind::BadFile, "typed/results.json", [&] { readFindings(d / "typed"); });
  Json log = read(kResults + "xysquares-s1-quick/psi-log.json");
  log["curves"][0]["rungs"] = 3;
  write(d / "log/log.json", log.dump());
  expectError(ErrorKind::BadFile, "log", [&] { reportOf(d / "log"); });
}

TEST(Findings, ADamagedPartCostsThatPartAlone) {
  const TempDirectory d;
  write(d / "grid/evaluation/results.json", readTextFile(kResults + "xysquares-s1-quick/results.json"));
  write(d / "grid/run/log.json", "not JSON");
  const Report report = reportOf(d / "grid");
  EXPECT_NE(report.figure("mig"), nullptr);
  EXPECT_TRUE(mentions(report.missing, "log.json"));
}

TEST(Findings, AHalfFinishedGridSaysWhatIsMissing) {
  const TempDirectory d;
  Json results = read(kResults + "xysquares-s1-quick/results.json");
  results["status"] = "partial";
  Json rows = Json::array();
  for (const Json& row : results["rows"]) {
    if (row["variant"] != "noise" && !(row["variant"] == "modified" && row["seed"] == 1)) rows.push_back(row);
  }
  rows.push_back({{"variant", "noise"}, {"model", "beta-vae"}, {"seed", 2}, {"error", "the loss is nan"}});
  results["rows"] = rows;
  const std::vector<std::string> missing = missingRuns(results);
  ASSERT_EQ(missing.size(), 3u);
  EXPECT_EQ(missing[0], "noise, beta-vae, seed 2 failed: the loss is nan");
  EXPECT_EQ(missing[1], "modified, beta-vae: 1 of 3 runs, seed 1");
  EXPECT_EQ(missing[2], "noise, beta-vae: 2 of 3 runs, seeds 0, 1");
  results["seeds"] = {0, 1, 2};  // as newer files have it
  EXPECT_EQ(missingRuns(results), missing);
  Json none = results;
  none["rows"] = none["summary"] = Json::array();
  write(d / "none/results.json", none.dump());
  EXPECT_TRUE(mentions(reportOf(d / "none").missing, "no run has ended yet"));
}

TEST(Findings, SingleRunsDoWithoutTheirResults) {
  const TempDirectory d;
  std::filesystem::create_directories(d / "grid");
  std::filesystem::copy(kResults + "xysquares-s1-quick/runs", d / "grid/runs");
  std::filesystem::remove(d / "grid/runs/noise_beta-vae_1.json");
  const Findings findings = readFindings(d / "grid");
  ASSERT_EQ(findings.evaluations.size(), 1u);
  EXPECT_TRUE(mentions(findings.missing, "results.json is not there"));
  const Json& made = findings.evaluations[0].results;
  const Json whole = read(kResults + "xysquares-s1-quick/results.json");
  for (const Json& entry : whole["summary"]) {
    for (const Json& other : made["summary"]) {
      if (other["variant"] != entry["variant"] || other["variant"] == "noise") continue;
      EXPECT_NEAR(other["mig"]["mean"].get<double>(), entry["mig"]["mean"].get<double>(), 1e-12);
      EXPECT_NEAR(other["mig"]["sd"].get<double>(), entry["mig"]["sd"].get<double>(), 1e-12);
    }
  }
  EXPECT_TRUE(mentions(makeReport(findings, plain(), {}).missing, "noise, beta-vae: 1 of 3 runs, seed 1"));
}

TEST(Report, TableHoldsEveryArmWithItsIntervalAndCalibration) {
  const Report report = reportOf(kResults + "shapes3d-r-third");
  const ReportTable* table = tableOf(report, "table");
  ASSERT_NE(table, nullptr);
  ASSERT_EQ(table->rows.size(), 9u);
  EXPECT_EQ(table->rows[1][0].text, "modified");
  EXPECT_EQ(table->rows[1][2].text, "0.122 \u00b1 0.053");
  EXPECT_EQ(table->rows[1][3].dots.size(), 12u) << "every seed";
  EXPECT_EQ(table->rows[1][4].text + " " + table->rows[1][4].note, "\u22120.249 [\u22120.311, \u22120.178]");
  EXPECT_EQ(table->rows[1][5].text, "< 0.001");
  EXPECT_NE(table->caption.find("quick profile: 2500 steps"), std::string::npos);
  ASSERT_EQ(table->foot.size(), 2u);
  EXPECT_EQ(table->foot[0][2].text, "0.997");
  EXPECT_EQ(table->foot[1][2].text, "0.099 \u00b1 0.035");
}

TEST(Report, LiteratureStandsBesideOursAndIsMarked) {
  const Report report = reportOf(kResults + "shapes3d-r-third");
  const ReportTable* table = tableOf(report, "literature");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->rows.size(), 7u);
  EXPECT_EQ(table->rows[1][0].text, "beta-VAE");
  EXPECT_EQ(table->rows[1][1].text, "0.37 \u00b1 0.09");
  EXPECT_EQ(table->rows[1][2].text, "0.60 \u00b1 0.31");
  EXPECT_FALSE(table->rows[1][1].theirs);
  EXPECT_TRUE(table->rows[1][2].theirs);
  EXPECT_EQ(table->rows[0][1].text, "") << "no autoencoder of ours";
  EXPECT_EQ(tableOf(reportOf(kResults + "xysquares-s1-quick"), "literature"), nullptr) << "the paper has no XYSquares";
  // In the chart too, on the three variants that the paper has and no other.
  const auto& chart = std::get<StripChart>(std::get<Chart>(report.figure("mig")->content));
  for (const StripChart::Row& row : chart.rows) {
    const bool has = row.name == "original" || row.name == "modified" || row.name == "noise";
    EXPECT_EQ(row.reference.has_value(), has) << row.name;
  }
  EXPECT_EQ((*chart.rows[1].reference)[0], 0.09);
  EXPECT_EQ(literatureFor("dsprites-r").size(), 7u);
}

TEST(Report, TrainingOfPsiIsDrawn) {
  const Report report = reportOf(kResults + "shapes3d-r-third/psi-321");
  for (const char* id : {"loss-gap", "j-gap", "losses", "j", "strength", "scales"})
    ASSERT_NE(report.figure(id), nullptr) << id;
  const Json log = read(kResults + "shapes3d-r-third/psi-321/log.json");
  const auto& gap = std::get<LineChart>(std::get<Chart>(report.figure("j-gap")->content));
  ASSERT_EQ(gap.lines.size(), 3u);
  EXPECT_EQ(gap.lines[1].points.back()[1], log["curves"].back()["rungs"][1]["J_ent_minus_J_dis"].get<double>());
  EXPECT_EQ(gap.bands.size(), 3u);
  const auto& j = std::get<LineChart>(std::get<Chart>(report.figure("j")->content));
  const Json& last = log["curves"].back()["rungs"][0];
  const double weight = log["modified"][0]["kl_weight"];
  EXPECT_NEAR(j.lines[0].points.back()[1], last["L_ent"].get<double>() + weight * last["KL_ent"].get<double>(), 1e-9);
  // Without the end of the run the curves are there all the same, and the end is missed.
  const TempDirectory d;
  Json half = log;
  half["status"] = "interrupted";
  half.erase("modified");
  half.erase("original");
  write(d / "run/log.json", half.dump());
  const Report partial = reportOf(d / "run");
  EXPECT_NE(partial.figure("j-gap"), nullptr);
  EXPECT_TRUE(mentions(partial.missing, "interrupted"));
  EXPECT_TRUE(mentions(partial.missing, "no psi.h5 yet"));
}

TEST(Report, MigOverStepsTakesEvaluationsThatDifferInThem) {
  const Report report = reportOf(kResults + "dsprites-r-development");
  const ReportFigure* figure = report.figure("mig-over-steps");
  ASSERT_NE(figure, nullptr);
  const auto& chart = std::get<LineChart>(std::get<Chart>(figure->content));
  for (const LineChart::Line& line : chart.lines) EXPECT_GE(line.points.size(), 2u) << line.name;
  EXPECT_EQ(reportOf(kResults + "shapes3d-r-third").figure("mig-over-steps"), nullptr);
}

TEST(Report, ProvenanceNamesSourcesAndMakesTheRunsAgain) {
  const Report report = reportOf(kResults + "shapes3d-r-third");
  const ReportTable* sources = tableOf(report, "provenance-1-sources");
  ASSERT_NE(sources, nullptr);
  EXPECT_EQ(sources->rows.size(), 27u) << "nine arms of three perturbations";
  EXPECT_EQ(sources->rows[0][3].text, "9fce0ff01f8b0d040fee1ec243fda0e082e10f1d59dbdcb6470a30d64d7014dd");
  const std::string page = reportPage(report);
  EXPECT_NE(page.find("original@3000:3004=shapes3d"), std::string::npos);
  EXPECT_NE(page.find("--profile quick --steps 2500 --latents 6 --beta 16 --loss bernoulli --net conv32"),
            std::string::npos);
  EXPECT_NE(page.find("SHA-256 71941360c4d817125f542efaadeb33"), std::string::npos) << "psi.h5's own digest";
}

TEST(Report, AVersionShowsItsChecksAndRoots) {
  const Report report = reportOf(OFFAXIS_SOURCE_DIR "/manifests/dsprites-r-quick/1.0.0.json");
  EXPECT_EQ(report.title, "dsprites-r-quick 1.0.0");
  const ReportTable* checks = tableOf(report, "verification");
  ASSERT_NE(checks, nullptr);
  EXPECT_EQ(checks->rows.size(), 10u);
  EXPECT_EQ(checks->rows[0][1].passed, true);
  const std::string page = reportPage(report);
  EXPECT_NE(page.find("1dd6827771bff260e61de189f21fcc9945a351f0d3f4b6c76ae163d18454b696"), std::string::npos);
  EXPECT_NE(page.find("offaxis reproduce"), std::string::npos);
}

TEST(Page, EqualInputsGiveEqualBytes) {
  ReportSettings settings;
  settings.samples = 64;
  settings.pairs = 50;
  const std::string path = kResults + "shapes3d-r-third/psi-321";
  const std::string page = reportPage(reportOf(path, settings));
  EXPECT_EQ(reportPage(reportOf(path, settings)), page);
  EXPECT_EQ(count(page, "<img "), count(page, "src=\"data:image/png;base64,"));
  EXPECT_EQ(count(page, "<img "), count(page, "<img alt=\""));
  EXPECT_GE(count(page, "<img "), 20u);
}

TEST(Page, LoadsNothingFromElsewhere) {
  const std::string page = reportPage(reportOf(kResults + "shapes3d-r-third"));
  for (const char* reference :
       {"src=\"http", "href=\"http", "url(", "@import", "<link rel=\"stylesheet", "fetch(", "XMLHttpRequest"})
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(count(page, "<script>"), 1u);
}

TEST(Page, HostileNamesStayText) {
  const std::string hostile = "</script><img src=x onerror=alert(1)>'\"&\x7f";
  const TempDirectory d;
  Json results = read(kResults + "xysquares-s1-quick/results.json");
  results["configuration"]["dataset"] = hostile;
  results["configuration"]["profile"] = hostile;
  for (Json& row : results["rows"]) row["variant"] = hostile;
  for (Json& row : results["summary"]) row["variant"] = row["model"] = hostile;
  results["sources"][hostile] = {{"expression", hostile}, {"resolved", hostile}};
  results["rows"][0] = {{"variant", hostile}, {"model", hostile}, {"seed", 7}, {"error", hostile}};
  write(d / "grid/evaluation/results.json", results.dump(-1, ' ', false, Json::error_handler_t::replace));
  Json log = read(kResults + "xysquares-s1-quick/psi-log.json");
  for (const char* key : {"dataset", "source", "profile", "rotation", "loss", "eps"}) log["identity"][key] = hostile;
  log["status"] = hostile;
  for (Json& point : log["curves"]) point["phase"] = hostile;
  write(d / "grid/run/log.json", log.dump());
  ReportSettings settings;  // with images: there are none that could be opened
  const std::string page = reportPage(reportOf(d / "grid", settings));
  EXPECT_EQ(page.find("<img src=x"), std::string::npos);
  EXPECT_EQ(page.find("onerror=alert(1)>"), std::string::npos);
  EXPECT_EQ(count(page, "</script>"), 1 + count(page, "<script type=\"application/json\""));
  EXPECT_NE(page.find("&lt;img src=x"), std::string::npos);
}

TEST(Page, EveryFigureIsAFileOfItsOwnAndSaysHow) {
  const Report report = reportOf(kResults + "shapes3d-r-third");
  std::set<std::string> ids;
  for (const std::string& id : report.figureIds()) {
    const ReportFigure& figure = *report.figure(id);
    EXPECT_TRUE(ids.insert(id).second);
    EXPECT_NE(figure.command.find("--figure " + id), std::string::npos) << figure.command;
    const FigureFile file = figureFile(figure);
    EXPECT_EQ(file.extension, "svg");
    EXPECT_EQ(file.bytes.rfind("<svg xmlns=", 0), 0u);
    // Alone, it is the same figure.
    ReportSettings only = plain();
    only.only = id;
    const Report alone = reportOf(kResults + "shapes3d-r-third", only);
    ASSERT_NE(alone.figure(id), nullptr) << id;
    EXPECT_EQ(figureFile(*alone.figure(id)).bytes, file.bytes);
  }
  EXPECT_GE(ids.size(), 8u);
}

}  // namespace
}  // namespace offaxis
