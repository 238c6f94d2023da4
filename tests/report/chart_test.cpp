#include "report/chart.h"

#include <gtest/gtest.h>

#include "report/svg.h"
#include "support/expect_error.h"

namespace offaxis {
namespace {

using nlohmann::json;
using testing::expectError;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

LineChart lines() {
  LineChart chart;
  chart.title = "A <b> & \"c\"";
  chart.description = "what it says";
  chart.xLabel = "step";
  chart.yLabel = "loss";
  chart.lines = {{"one", {{0, 0}, {100, 10}}, 0, false, true, ""}, {"two", {{0, 5}, {50, -5}}, 1, true, false, "pair"}};
  chart.bands = {{"warm-up", 0, 50}, {"psi", 50, 100}};
  chart.rules = {{0, "nothing"}};
  return chart;
}

StripChart strips() {
  StripChart chart;
  chart.title = "MIG";
  chart.label = "MIG";
  chart.pointName = "one run";
  chart.intervalName = "mean and sd";
  chart.referenceName = "others";
  StripChart::Row row;
  row.name = "original";
  row.points = {{0.2, "seed 0"}, {0.4, "seed 1"}};
  row.mean = 0.3;
  row.interval = {0.2, 0.4};
  row.reference = {0.6, 0.3};
  chart.rows = {row, {"modified", {{0.1, "seed 0"}}, 0.1, {}, {}, 1}};
  chart.rules = {{0.1, "floor"}};
  return chart;
}

MatrixChart matrices() {
  MatrixChart chart;
  chart.title = "distances";
  chart.panels = {{"truth", {"0", "1"}, {"0", "1"}, 2, 2, {0, 1, 1, 0}, "note"},
                  {"seen", {}, {}, 1, 2, {0.5, 0.25}, ""}};
  return chart;
}

TEST(Chart, IsDrawnFromItsJsonAlone) {
  MatrixChart numbered = matrices();
  numbered.numbers = true;
  MatrixChart diverging = matrices();
  diverging.diverging = true;
  for (const Chart& chart : {Chart(lines()), Chart(strips()), Chart(matrices()), Chart(numbered), Chart(diverging)}) {
    const std::string text = toJson(chart).dump();
    const Chart read = chartFromJson(json::parse(text), "a.json");
    EXPECT_EQ(toJson(read).dump(), text);
    for (const double width : {340.0, 680.0}) {
      for (const bool standalone : {false, true}) {
        EXPECT_EQ(chartSvg(read, {width, standalone}), chartSvg(chart, {width, standalone}));
      }
    }
  }
}

TEST(Chart, RefusesWhatIsNoChart) {
  for (const char* text : {"[]", "{}", R"({"format": "offaxis-chart", "schema_version": 2})",
                           R"({"format": "offaxis-chart", "schema_version": 1, "kind": "pie"})",
                           R"({"format": "offaxis-chart", "schema_version": 1, "kind": "lines"})"})
    expectError(ErrorKind::BadFile, "a.json", [&] { chartFromJson(json::parse(text), "a.json"); });
  json matrix = toJson(Chart(matrices()));
  matrix["panels"][0]["height"] = 3;
  expectError(ErrorKind::BadFile, "truth", [&] { chartFromJson(matrix, "a.json"); });
}

TEST(Chart, PutsPointsInTheirPlace) {
  const std::string svg = chartSvg(Chart(lines()), {680, false});
  // x runs from its first to its last value: the lines' ends lie on the frame's.
  const std::size_t at = svg.find("<polyline class=\"line c0\" points=\"");
  ASSERT_NE(at, std::string::npos);
  const std::string points = svg.substr(at + 34, svg.find('"', at + 34) - at - 34);
  EXPECT_EQ(points.substr(points.find(' ') + 1, 4), "660,") << points;
  EXPECT_EQ(count(svg, "class=\"line c1 dashed\""), 2u) << "the line and its sample in the legend";
  EXPECT_NE(svg.find(">pair</text>"), std::string::npos) << "the legend names the group";
  EXPECT_EQ(svg.find(">two</text>"), std::string::npos);
  EXPECT_EQ(count(svg, "class=\"band\""), 1u) << "every second phase is shaded";
}

TEST(Chart, StripsShowEveryRunAndWhoseFiguresTheyAre) {
  const std::string svg = chartSvg(Chart(strips()), {680, false});
  EXPECT_EQ(count(svg, "<circle class=\"dot c0\""), 1u + 2u) << "the legend's and the runs";
  EXPECT_EQ(count(svg, "<circle class=\"dot c1\""), 1u);
  EXPECT_EQ(count(svg, "<path class=\"reference\""), 1u + 1u);
  EXPECT_NE(svg.find("<title>original, seed 1: 0.4</title>"), std::string::npos);
  EXPECT_NE(svg.find("others, original: 0.6"), std::string::npos);
  StripChart ours = strips();
  ours.rows[0].reference.reset();
  EXPECT_EQ(chartSvg(Chart(ours), {680, false}).find("others"), std::string::npos) << "no legend for what is not there";
}

TEST(Chart, NamesCannotBecomeMarkup) {
  const std::string hostile = "</text><script>alert(1)</script>\"'\x01\xff";
  LineChart chart = lines();
  chart.title = chart.description = chart.xLabel = chart.yLabel = hostile;
  chart.lines[0].name = chart.bands[0].name = chart.rules[0].name = hostile;
  StripChart strip = strips();
  strip.rows[0].name = strip.rows[0].points[0].note = strip.label = strip.referenceName = hostile;
  MatrixChart matrix = matrices();
  matrix.panels[0].name = matrix.panels[0].rows[0] = matrix.panels[0].note = hostile;
  for (const Chart& drawn : {Chart(chart), Chart(strip), Chart(matrix)}) {
    for (const bool standalone : {false, true}) {
      const std::string svg = chartSvg(drawn, {680, standalone});
      EXPECT_EQ(svg.find("<script"), std::string::npos);
      EXPECT_EQ(svg.find('\x01'), std::string::npos);
      EXPECT_EQ(svg.find('\xff'), std::string::npos);
      EXPECT_EQ(count(svg, "<svg"), 1u);
      EXPECT_EQ(count(svg, "</svg>"), 1u);
    }
  }
}

TEST(Chart, NothingToShowIsNoError) {
  for (const Chart& chart : {Chart(LineChart{}), Chart(StripChart{}), Chart(MatrixChart{})}) {
    for (const double width : {300.0, 680.0})
      EXPECT_NE(chartSvg(chart, {width, true}).find("</svg>"), std::string::npos);
  }
}

TEST(Chart, ALogarithmicAxisLeavesOutWhatIsNotAboveNothing) {
  LineChart chart;
  chart.logarithmic = true;
  chart.lines = {{"share", {{1, 0.1}, {2, 0}, {3, 0.001}}, 0, false, true, ""}};
  const std::string svg = chartSvg(Chart(chart), {680, false});
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_EQ(count(svg, "<title>share, "), 2u);
  EXPECT_NE(svg.find(">0.01</text>"), std::string::npos);
}

TEST(Markup, EscapesAndReplaces) {
  EXPECT_EQ(escapedMarkup("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
  EXPECT_EQ(escapedMarkup("\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82");
  // Overlong, surrogate, beyond Unicode, cut short, stray.
  for (const char* bad : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    EXPECT_EQ(escapedMarkup(bad).find(bad), std::string::npos);
  EXPECT_EQ(svgNumber(-0.001), "0");
  EXPECT_EQ(svgNumber(2.50), "2.5");
}

}  // namespace
}  // namespace offaxis
