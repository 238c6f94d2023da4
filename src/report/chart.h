// Charts as data, and their drawing as SVG. A chart is one JSON object, drawn by nothing but that object: pages embed
// the JSON beside the picture, and `offaxis plot chart FILE.json` draws a downloaded one again. Colours are those of
// Okabe and Ito with a lighter set on dark paper, and series differ in form or dashes too.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace offaxis {

constexpr int kChartSchema = 1;

struct ChartRule {
  double at = 0;
  std::string name;
};

// Lines over a common x.
struct LineChart {
  struct Line {
    std::string name;
    std::vector<std::array<double, 2>> points;  // x, y; finite
    int colour = 0;                             // 0 .. 5
    bool dashed = false;
    bool marked = false;  // a mark at every point
    std::string group;    // the legend names groups once, where lines have them, instead of every line
  };
  struct Band {  // a stretch of x, such as a phase of training
    std::string name;
    double from = 0, to = 0;
  };
  std::string title, description;
  std::string xLabel, yLabel;
  bool logarithmic = false;  // y; points that are not above 0 are left out
  std::vector<Line> lines;
  std::vector<Band> bands;
  std::vector<ChartRule> rules;  // across, at y
};

// Rows over one axis: every run a point, their mean a bar, and what others report beside it, marked as theirs.
struct StripChart {
  struct Point {
    double value = 0;
    std::string note;  // "seed 3"
  };
  struct Row {
    std::string name;
    std::vector<Point> points;
    std::optional<double> mean;
    std::optional<std::array<double, 2>> interval;   // drawn as a whisker through the mean
    std::optional<std::array<double, 2>> reference;  // mean and standard deviation from the literature
    int colour = 0;
  };
  std::string title, description;
  std::string label;          // of the axis
  std::string pointName;      // "one run"
  std::string intervalName;   // "mean +- sd"; empty without intervals
  std::string referenceName;  // whose figures the references are
  bool fromZero = true;
  std::vector<Row> rows;
  std::vector<ChartRule> rules;  // at x
};

// Matrices of numbers as coloured squares, from dark (0, or the lowest) to bright.
struct MatrixChart {
  struct Panel {
    std::string name;
    std::vector<std::string> rows, columns;  // labels; as many as the matrix has, or empty
    std::size_t height = 0, width = 0;
    std::vector<double> values;  // [height,width], finite
    std::string note;            // a line below it
  };
  std::string title, description;
  std::string rowLabel, columnLabel;
  bool ownScales = false;  // each panel from 0 to its own largest value; otherwise all share one scale
  bool diverging = false;  // the scale lies evenly around 0, from blue over grey to orange
  bool numbers = false;    // written into the squares
  std::size_t together =
      0;  // this many panels begin a new line of panels each; 0: as many in a line as there is room for
  std::vector<Panel> panels;
};

using Chart = std::variant<LineChart, StripChart, MatrixChart>;

const std::string& titleOf(const Chart& chart);
const std::string& descriptionOf(const Chart& chart);

nlohmann::ordered_json toJson(const Chart& chart);
// Throws Error(BadFile) naming `origin` where the object is no such chart.
Chart chartFromJson(const nlohmann::json& json, const std::string& origin);

struct ChartDrawing {
  double width = 680;       // pixels; below 480 labels move above their rows
  bool standalone = false;  // with its title, colours and paper, as a file of its own
};

// One <svg>. Inside a page its colours are chartColours()' variables and its classes those of chartStyle().
std::string chartSvg(const Chart& chart, const ChartDrawing& drawing);

// CSS: rules for the classes of the drawing, each selector below `scope` ("" or ".chart ").
std::string chartStyle(const std::string& scope);
// CSS declarations of the colours, for light and for dark paper.
std::string chartColours(bool dark);

}  // namespace offaxis
