// Small plots as SVG: one self-contained text, readable in light and dark, by colour-blind readers (the palette of
// Okabe and Ito, and a mark of its own for every series) and by screen readers. The same data give the same bytes.
#pragma once

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace offaxis {

struct PlotPoint {
  double x = 0;
  double y = 0;
  std::string note;  // shown where the pointer rests on it
};

struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> points;
  bool joined = false;  // a line through the means of y at each x
};

struct PlotRule {
  bool vertical = false;
  double at = 0;
  std::string name;
};

struct Plot {
  std::string title;
  std::string description;  // for readers who do not see it
  std::string xLabel, yLabel;
  std::vector<PlotSeries> series;
  std::vector<PlotRule> rules;  // dashed lines across
  bool fromZero = true;         // y starts at 0
};

// Points of every series over two axes.
std::string scatterSvg(const Plot& plot);

// Rows of points over one axis, the value in x, with the mean of each row's first kind as a bar.
struct StripRow {
  std::string name;
  std::vector<PlotPoint> points;  // y is not used
  std::vector<PlotPoint> others;  // a second kind, drawn hollow
};
struct StripPlot {
  std::string title;
  std::string description;
  std::string label;         // of the axis
  std::string kind, others;  // what points and others are
  std::vector<StripRow> rows;
  std::vector<PlotRule> rules;
};
std::string stripSvg(const StripPlot& plot);

// What some values span; empty before the first.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// About `count` round numbers that cover [low, high]: multiples of 1, 2 or 5 times a power of ten.
std::vector<double> roundTicks(double low, double high, int count);

}  // namespace offaxis
