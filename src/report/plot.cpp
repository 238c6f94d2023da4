#include "report/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>

#include "report/svg.h"

namespace offaxis {
namespace {

constexpr double kWidth = 640;
constexpr double kTop = 52;
constexpr double kRight = 20;
constexpr double kBottom = 52;

// The palette of Okabe and Ito, without its yellow, which is faint on white, and its black, which is the text's.
constexpr std::array<const char*, 6> kColours{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00"};

// Series differ in form as well as in colour.
std::string mark(std::size_t series, double x, double y, const std::string& note, bool hollow = false) {
  constexpr double r = 4;
  const std::string colour = kColours[series % kColours.size()];
  const std::string paint = hollow ? "fill=\"none\" stroke=\"" + colour + "\" stroke-width=\"1.5\""
                                   : "fill=\"" + colour + "\" fill-opacity=\"0.75\"";
  const std::string title = note.empty() ? "" : "<title>" + escapedMarkup(note) + "</title>";
  const auto polygon = [&](const std::vector<std::pair<double, double>>& corners) {
    std::string points;
    for (const auto& [dx, dy] : corners)
      points += (points.empty() ? "" : " ") + svgNumber(x + dx) + "," + svgNumber(y + dy);
    return "<polygon points=\"" + points + "\" " + paint + ">" + title + "</polygon>\n";
  };
  switch (series % 4) {
    case 0:
      return "<circle cx=\"" + svgNumber(x) + "\" cy=\"" + svgNumber(y) + "\" r=\"" + svgNumber(r) + "\" " + paint +
             ">" + title + "</circle>\n";
    case 1:
      return polygon({{-r, -r}, {r, -r}, {r, r}, {-r, r}});
    case 2:
      return polygon({{0, -1.2 * r}, {1.2 * r, r}, {-1.2 * r, r}});
    default:
      return polygon({{0, -1.3 * r}, {1.3 * r, 0}, {0, 1.3 * r}, {-1.3 * r, 0}});
  }
}

struct Axis {
  std::vector<double> ticks;
  double from, to;  // pixels
  double at(double value) const {
    return from + (value - ticks.front()) / (ticks.back() - ticks.front()) * (to - from);
  }
  double step() const { return ticks[1] - ticks[0]; }
};

Axis axisOf(Range range, double from, double to, int count) {
  if (range.empty()) range = {0, 1};  // nothing to show
  return {roundTicks(range.low, range.high, count), from, to};
}

std::string opening(double height, const std::string& title, const std::string& description) {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + svgNumber(kWidth) + " " + svgNumber(height) +
         "\" width=\"" + svgNumber(kWidth) + "\" height=\"" + svgNumber(height) +
         "\" role=\"img\" aria-labelledby=\"title description\">\n<title id=\"title\">" + escapedMarkup(title) +
         "</title>\n<desc id=\"description\">" + escapedMarkup(description) +
         "</desc>\n<style>text{font:12px system-ui,sans-serif;fill:#222}.title{font-size:14px;font-weight:600}"
         ".paper{fill:#fff}.grid{stroke:#ddd}.axis{stroke:#666}.rule{stroke:#666;stroke-dasharray:5 4}"
         ".mean{stroke:#222;stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#ddd}.paper{fill:#16181c}"
         ".grid{stroke:#333}.axis,.rule{stroke:#999}.mean{stroke:#ddd}}</style>\n<rect class=\"paper\" width=\"100%\" "
         "height=\"100%\"/>\n" +
         svgText(16, 24, "start", title, " class=\"title\"");
}

std::string bottomAxis(const Axis& x, double top, double bottom, const std::string& label) {
  std::string svg;
  for (const double tick : x.ticks) {
    svg += svgLine(x.at(tick), top, x.at(tick), bottom, "grid");
    svg += svgText(x.at(tick), bottom + 18, "middle", tickText(tick, x.step()));
  }
  svg += svgLine(x.from, bottom, x.to, bottom, "axis");
  return svg + svgText((x.from + x.to) / 2, bottom + 40, "middle", label);
}

}  // namespace

std::vector<double> roundTicks(double low, double high, int count) {
  if (!(high > low)) {
    const double around = std::max(std::fabs(low) * 0.1, 1e-3);
    low -= around;
    high += around;
  }
  const double raw = (high - low) / std::max(count, 1);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const auto first = static_cast<long>(std::floor(low / step + 1e-9));
  const auto last = static_cast<long>(std::ceil(high / step - 1e-9));
  for (long i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::string scatterSvg(const Plot& plot) {
  constexpr double kLeft = 64;
  constexpr double kLegendRow = 18;
  const double height = 420 + kLegendRow * static_cast<double>((plot.series.size() + 2) / 3);
  Range xs, ys;
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      xs.take(point.x);
      ys.take(point.y);
    }
  }
  for (const PlotRule& rule : plot.rules) (rule.vertical ? xs : ys).take(rule.at);
  if (plot.fromZero) ys.take(0);
  const double bottom = 420 - kBottom;
  const Axis x = axisOf(xs, kLeft, kWidth - kRight, 7);
  const Axis y = axisOf(ys, bottom, kTop, 6);
  std::string svg = opening(height, plot.title, plot.description) + bottomAxis(x, kTop, bottom, plot.xLabel);
  for (const double tick : y.ticks) {
    svg += svgLine(x.from, y.at(tick), x.to, y.at(tick), "grid");
    svg += svgText(kLeft - 8, y.at(tick) + 4, "end", tickText(tick, y.step()));
  }
  svg += svgText(0, 0, "middle", plot.yLabel,
                 " transform=\"translate(16 " + svgNumber((bottom + kTop) / 2) + ") rotate(-90)\"");
  for (const PlotRule& rule : plot.rules) {
    if (rule.vertical) {
      svg += svgLine(x.at(rule.at), kTop, x.at(rule.at), bottom, "rule");
      svg += svgText(x.at(rule.at) + 4, kTop + 12, "start", rule.name);
    } else {
      svg += svgLine(x.from, y.at(rule.at), x.to, y.at(rule.at), "rule");
      svg += svgText(x.to - 4, y.at(rule.at) - 5, "end", rule.name);
    }
  }
  for (std::size_t s = 0; s < plot.series.size(); ++s) {
    const PlotSeries& series = plot.series[s];
    if (series.joined) {
      std::map<double, std::pair<double, int>> means;
      for (const PlotPoint& point : series.points) {
        means[point.x].first += point.y;
        ++means[point.x].second;
      }
      std::string points;
      for (const auto& [at, sum] : means)
        points += (points.empty() ? "" : " ") + svgNumber(x.at(at)) + "," + svgNumber(y.at(sum.first / sum.second));
      svg += "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" + kColours[s % kColours.size()] +
             "\" stroke-width=\"2\"/>\n";
    }
    for (const PlotPoint& point : series.points)
      svg += mark(s, x.at(point.x), y.at(point.y), series.name + (point.note.empty() ? "" : ": " + point.note));
    const double left = kLeft + 190 * static_cast<double>(s % 3);
    const double down = 420 + kLegendRow * static_cast<double>(s / 3);
    svg += mark(s, left, down, "") + svgText(left + 10, down + 4, "start", series.name);
  }
  return svg + "</svg>\n";
}

std::string stripSvg(const StripPlot& plot) {
  constexpr double kRow = 26;
  std::size_t longest = 4;
  for (const StripRow& row : plot.rows) longest = std::max(longest, row.name.size());
  const double left = std::min(28.0 + 7.0 * static_cast<double>(longest), 300.0);
  const double bottom = kTop + 16 + kRow * static_cast<double>(plot.rows.size());
  Range xs;
  xs.take(0);
  for (const StripRow& row : plot.rows) {
    for (const std::vector<PlotPoint>* points : {&row.points, &row.others}) {
      for (const PlotPoint& point : *points) xs.take(point.x);
    }
  }
  for (const PlotRule& rule : plot.rules) xs.take(rule.at);
  const Axis x = axisOf(xs, left, kWidth - kRight, 7);
  std::string svg =
      opening(bottom + kBottom + 22, plot.title, plot.description) + bottomAxis(x, kTop, bottom, plot.label);
  for (const PlotRule& rule : plot.rules) {
    svg += svgLine(x.at(rule.at), kTop, x.at(rule.at), bottom, "rule");
    svg += svgText(x.at(rule.at), kTop - 6, "middle", rule.name);
  }
  for (std::size_t r = 0; r < plot.rows.size(); ++r) {
    const StripRow& row = plot.rows[r];
    const double middle = kTop + 8 + kRow * (static_cast<double>(r) + 0.5);
    svg += svgText(left - 12, middle + 4, "end", row.name);
    double sum = 0;
    for (const PlotPoint& point : row.points) {
      svg += mark(0, x.at(point.x), middle, row.name + (point.note.empty() ? "" : ", " + point.note));
      sum += point.x;
    }
    for (const PlotPoint& point : row.others)
      svg += mark(3, x.at(point.x), middle, row.name + (point.note.empty() ? "" : ", " + point.note), true);
    if (!row.points.empty()) {
      const double at = x.at(sum / static_cast<double>(row.points.size()));
      svg += svgLine(at, middle - 10, at, middle + 10, "mean");
    }
  }
  const double down = bottom + kBottom + 4;
  svg += mark(0, left, down, "") + svgText(left + 10, down + 4, "start", plot.kind + " (bar: mean)");
  if (!plot.others.empty())
    svg += mark(3, left + 220, down, "", true) + svgText(left + 230, down + 4, "start", plot.others);
  return svg + "</svg>\n";
}

}  // namespace offaxis
