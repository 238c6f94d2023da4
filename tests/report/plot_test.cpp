#include "report/plot.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "report/evaluation_figures.h"
#include "support/expect_error.h"

namespace offaxis {
namespace {

using Json = nlohmann::json;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(Plot, TicksAreRoundAndCover) {
  EXPECT_EQ(roundTicks(0, 1, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
  EXPECT_EQ(roundTicks(-3, 12, 3), (std::vector<double>{-5, 0, 5, 10, 15}));
  for (const auto& [low, high] : {std::pair{0.013, 0.0131}, {-1e6, 3.0}, {2.0, 2.0}, {0.0, 0.0}}) {
    const std::vector<double> ticks = roundTicks(low, high, 6);
    ASSERT_GE(ticks.size(), 2u);
    const double step = ticks[1] - ticks[0];
    EXPECT_LE(ticks.front(), low + 1e-9 * step);
    EXPECT_GE(ticks.back(), high - 1e-9 * step);
    EXPECT_LE(ticks.size(), 16u);
  }
}

TEST(Plot, PutsEveryPointInItsPlace) {
  Plot plot;
  plot.title = "A < B & \"C\"";
  plot.series = {{"one", {{0, 0, "low"}, {10, 1, "high"}}, true}, {"two", {{5, 0.5, ""}}, false}};
  plot.rules = {{true, 5, "middle"}};
  const std::string svg = scatterSvg(plot);
  EXPECT_NE(svg.find("A &lt; B &amp; &quot;C&quot;"), std::string::npos);
  EXPECT_EQ(svg.find("A < B"), std::string::npos);
  EXPECT_EQ(count(svg, "<circle"), 2u + 1u) << "the points and the legend's mark";
  EXPECT_EQ(count(svg, "<polygon"), 1u + 1u) << "another form for the second series";
  EXPECT_EQ(count(svg, "<polyline"), 1u);
  // x runs from 64 to 620 pixels, y from 368 up to 52.
  EXPECT_NE(svg.find("<circle cx=\"64\" cy=\"368\" r=\"4\""), std::string::npos);
  EXPECT_NE(svg.find("<circle cx=\"620\" cy=\"52\" r=\"4\""), std::string::npos);
  EXPECT_NE(svg.find("<polygon points=\"338,206 346,206 346,214 338,214\""), std::string::npos);
  EXPECT_NE(svg.find("<polyline points=\"64,368 620,52\""), std::string::npos);
  EXPECT_NE(svg.find("<title>one: high</title>"), std::string::npos);
  EXPECT_EQ(scatterSvg(plot), svg);
  EXPECT_NE(scatterSvg(Plot{}).find("</svg>"), std::string::npos) << "nothing to show is no error";
}

// Two perturbations of one variant, each with its own seeds, and an original.
Json evaluation() {
  const auto row = [](const char* variant, int seed, double mig) {
    return Json{{"variant", variant},
                {"model", "beta-vae"},
                {"seed", seed},
                {"mig", {{"value", mig}}},
                {"rotated_mig", {{"value", 0.01}}}};
  };
  Json json;
  json["configuration"] = {{"dataset", "toy"}, {"profile", "quick"}, {"steps", 5}, {"beta", 4.0}};
  json["calibration"] = {{"floor", 0.1}};
  json["models"] = {"beta-vae"};
  json["sources"] = {{"original", {{"identity", "o"}, {"resolved", "toy"}}},
                     {"modified@0:1", {{"identity", "a"}, {"resolved", "toy+modified:eps=0.1,psi_sha256=1"}}},
                     {"modified@1:3", {{"identity", "b"}, {"resolved", "toy+modified:eps=0.2,psi_sha256=2"}}}};
  json["rows"] = {row("original", 0, .4), row("original", 1, .3), row("modified", 0, .2), row("modified", 2, .1)};
  json["rows"].push_back({{"variant", "modified"}, {"model", "beta-vae"}, {"seed", 1}, {"error", "it diverged"}});
  return json;
}

Json axesOf(const char* identity, double gap) {
  return {{"source", {{"identity", identity}, {"expression", "toy"}}},
          {"settings", {{"steps", 5}}},
          {"rungs",
           {{{"kl_weight", 7.0}, {"J_ent_minus_J_dis", 100.0}}, {{"kl_weight", 3.0}, {"J_ent_minus_J_dis", gap}}}}};
}

TEST(EvaluationFigures, ShowEveryRunThatHasAScore) {
  const std::string svg = scoresFigure(evaluation());
  EXPECT_EQ(count(svg, "<circle"), 4u + 1u);
  EXPECT_NE(svg.find("<title>modified, seed 2: 0.100</title>"), std::string::npos);
  EXPECT_NE(svg.find("Mean MIG: original 0.350, modified 0.150"), std::string::npos);
  EXPECT_THROW(scoresFigure(Json{{"rows", 1}}), nlohmann::json::exception);
}

TEST(EvaluationFigures, ShowAccuraciesWhereThereIsNothingElse) {
  Json mixed = evaluation();
  mixed["models"] = {"beta-vae", "probe"};
  mixed["probe"] = {{"steps", 7}};
  const auto row = [](const char* variant, int seed, double shape, double hue) {
    return Json{{"variant", variant},
                {"model", "probe"},
                {"seed", seed},
                {"probe", {{"mean", (shape + hue) / 2}, {"per_factor", {{"shape", shape}, {"hue", hue}}}}}};
  };
  mixed["rows"].push_back(row("original", 0, 1, .9));
  EXPECT_EQ(scoresFigure(mixed), scoresFigure(evaluation())) << "beside scores, probes are left out";
  Json probes = mixed;
  probes["rows"] = {row("original", 0, 1, .9), row("modified", 0, .5, .7)};
  const std::string svg = scoresFigure(probes);
  EXPECT_NE(svg.find("Mean accuracy: original 0.950, modified 0.600"), std::string::npos) << svg;
  EXPECT_NE(svg.find("0.500, shape"), std::string::npos) << "the worst factor is named";
  testing::expectError(ErrorKind::Usage, "supervised probes", [&] { frontierFigure({probes}); });
  testing::expectError(ErrorKind::Usage, "supervised probes", [&] { doseFigure(probes, {axesOf("b", -2)}, 0); });
}

TEST(EvaluationFigures, MatchDosesBySourceAndSeed) {
  // Only b is measured: of modified's runs seed 2 alone belongs to it.
  const std::string svg = doseFigure(evaluation(), {axesOf("b", -2)}, 0);
  EXPECT_NE(svg.find("modified: seed 2: 0.100"), std::string::npos);
  EXPECT_EQ(svg.find("seed 0"), std::string::npos);
  EXPECT_NE(svg.find("KL weight 3.0"), std::string::npos);
  EXPECT_EQ(count(doseFigure(evaluation(), {axesOf("b", -2), axesOf("a", 1), axesOf("o", 2)}, 0), "<title>"), 4u);
  testing::expectError(ErrorKind::Usage, "measured", [] { doseFigure(evaluation(), {axesOf("x", 0)}, 0); });
  testing::expectError(ErrorKind::Usage, "rung 2", [] { doseFigure(evaluation(), {axesOf("b", 0)}, 2); });
  testing::expectError(ErrorKind::Usage, "two records", [] {
    doseFigure(evaluation(), {axesOf("b", 0), axesOf("b", 1)}, 0);
  });
  Json other = axesOf("a", 0);
  other["settings"]["steps"] = 6;
  testing::expectError(ErrorKind::Usage, "other settings", [&] {
    doseFigure(evaluation(), {axesOf("b", 0), other}, 0);
  });
}

TEST(EvaluationFigures, DrawTheFrontierOverWholeLevels) {
  const std::string svg = frontierFigure({evaluation()});
  EXPECT_NE(svg.find("eps 0.1, seed 0: 0.200"), std::string::npos);
  EXPECT_NE(svg.find("eps 0.2, seed 2: 0.100"), std::string::npos);
  EXPECT_EQ(count(svg, "class=\"rule\""), 1u) << "the original's mean";
  Json plain = evaluation();
  plain["sources"] = {{"original", {{"identity", "o"}, {"resolved", "toy"}}}};
  plain["rows"] = {plain["rows"][0]};
  testing::expectError(ErrorKind::Usage, "no variant", [&] { frontierFigure({plain}); });
}

}  // namespace
}  // namespace offaxis
