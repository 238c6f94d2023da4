#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "report/plot.h"
#include "report/svg.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kNarrow = 480;
constexpr double kCharacter = 6.3;  // mean advance of the 12 pixel type, for what has to be set beside a text
constexpr int kColours = 6;

double textWidth(const std::string& text) {
  // Continuation bytes take no room.
  const auto characters =
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  return kCharacter * static_cast<double>(characters);
}

std::string shortened(const std::string& text, double width) {
  if (textWidth(text) <= width) return text;
  std::string cut = text;
  while (!cut.empty() && textWidth(cut) + kCharacter > width) {
    while (!cut.empty() && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0x80) cut.pop_back();
    if (!cut.empty()) cut.pop_back();
  }
  return cut + "\u2026";
}

std::string general(double value, int digits = 4) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

std::string colourClass(int colour) {
  return "c" + std::to_string((colour % kColours + kColours) % kColours);
}

// A linear or logarithmic axis between two pixels.
class Axis {
 public:
  // A `tight` axis ends where its range does; others end at ticks.
  Axis(Range range, double from, double to, int count, bool logarithmic = false, bool tight = false)
      : from_(from), to_(to), logarithmic_(logarithmic) {
    if (range.empty()) range = logarithmic ? Range{1, 10} : Range{0, 1};
    if (!logarithmic) {
      ticks_ = roundTicks(range.low, range.high, count);
      step_ = ticks_[1] - ticks_[0];
      low_ = ticks_.front();
      high_ = ticks_.back();
      if (!tight || !(range.high > range.low)) return;
      low_ = range.low;
      high_ = range.high;
      const double slack = 1e-9 * step_;
      ticks_.erase(std::remove_if(ticks_.begin(), ticks_.end(),
                                  [&](double tick) { return tick < low_ - slack || tick > high_ + slack; }),
                   ticks_.end());
      return;
    }
    const int first = static_cast<int>(std::floor(std::log10(range.low) + 1e-9));
    const int last = std::max(first + 1, static_cast<int>(std::ceil(std::log10(range.high) - 1e-9)));
    const int step = std::max(1, (last - first + count - 1) / count);
    for (int power = first; power < last + step; power += step) ticks_.push_back(std::pow(10.0, power));
    low_ = ticks_.front();
    high_ = ticks_.back();
  }

  const std::vector<double>& ticks() const { return ticks_; }
  double from() const { return from_; }
  double to() const { return to_; }
  double at(double value) const {
    const auto scale = [&](double v) { return logarithmic_ ? std::log10(v) : v; };
    const double low = scale(low_), high = scale(high_);
    return from_ + (scale(value) - low) / (high - low) * (to_ - from_);
  }
  std::string text(double tick) const {
    if (logarithmic_) return general(tick);
    return tickText(tick, step_);
  }

 private:
  std::vector<double> ticks_;
  double from_, to_, low_ = 0, high_ = 1, step_ = 1;
  bool logarithmic_;
};

// Names beside samples, in rows as wide as there is room.
class Legend {
 public:
  // `sample` draws 22 pixels from (x, y).
  template <typename Sample>
  void add(const std::string& name, Sample sample) {
    entries_.push_back({name, [sample](double x, double y) { return sample(x, y); }});
  }
  // Draws below `y`; returns where it ends.
  double draw(std::string& svg, double left, double right, double y) const {
    double x = left;
    bool first = true;
    for (const Entry& entry : entries_) {
      const double width = 28 + textWidth(entry.name) + 14;
      if (!first && x + width > right) {
        x = left;
        y += 18;
      }
      svg += entry.sample(x, y + 9) + svgText(x + 28, y + 13, "start", shortened(entry.name, right - x - 28));
      x += width;
      first = false;
    }
    return entries_.empty() ? y : y + 22;
  }

 private:
  struct Entry {
    std::string name;
    std::function<std::string(double, double)> sample;
  };
  std::vector<Entry> entries_;
};

std::string titled(const std::string& note) {
  return note.empty() ? "" : "<title>" + escapedMarkup(note) + "</title>";
}

std::string dot(double x, double y, int colour, const std::string& note, double radius = 4) {
  return "<circle class=\"dot " + colourClass(colour) + "\" cx=\"" + svgNumber(x) + "\" cy=\"" + svgNumber(y) +
         "\" r=\"" + svgNumber(radius) + "\">" + titled(note) + "</circle>\n";
}

std::string diamond(double x, double y, const std::string& note) {
  constexpr double r = 5;
  return "<path class=\"reference\" d=\"M" + svgNumber(x) + " " + svgNumber(y - r) + "l" + svgNumber(r) + " " +
         svgNumber(r) + "l-" + svgNumber(r) + " " + svgNumber(r) + "l-" + svgNumber(r) + " -" + svgNumber(r) + "z\">" +
         titled(note) + "</path>\n";
}

// The lines' dashes and marks tell them apart without their colours.
std::string mark(double x, double y, int colour, const std::string& note) {
  const std::string c = " class=\"dot " + colourClass(colour) + "\"";
  const auto at = [&](double dx, double dy) { return svgNumber(x + dx) + "," + svgNumber(y + dy); };
  switch ((colour % kColours + kColours) % 3) {
    case 0:
      return dot(x, y, colour, note, 3.5);
    case 1:
      return "<rect" + c + " x=\"" + svgNumber(x - 3.2) + "\" y=\"" + svgNumber(y - 3.2) +
             "\" width=\"6.4\" height=\"6.4\">" + titled(note) + "</rect>\n";
    default:
      return "<polygon" + c + " points=\"" + at(0, -4.4) + " " + at(4, 3) + " " + at(-4, 3) + "\">" + titled(note) +
             "</polygon>\n";
  }
}

std::string bottomAxis(const Axis& x, double top, double bottom, const std::string& label) {
  std::string svg;
  for (const double tick : x.ticks()) {
    svg += svgLine(x.at(tick), top, x.at(tick), bottom, "grid");
    svg += svgText(x.at(tick), bottom + 17, "middle", x.text(tick));
  }
  svg += svgLine(x.from(), bottom, x.to(), bottom, "axis");
  return svg + svgText((x.from() + x.to()) / 2, bottom + 36, "middle", shortened(label, x.to() - x.from() + 60));
}

// The head of a drawing; `top` is where the chart itself may begin.
struct Frame {
  std::string body;
  double width = 0, top = 8, height = 0;
};

std::string closed(const Frame& frame, const Chart& chart, const ChartDrawing& drawing) {
  const std::string size = svgNumber(frame.width) + " " + svgNumber(frame.height);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + "\" width=\"" +
                    svgNumber(frame.width) + "\" height=\"" + svgNumber(frame.height) +
                    "\" role=\"img\" aria-label=\"" + escapedMarkup(titleOf(chart) + ". " + descriptionOf(chart)) +
                    "\">\n";
  if (drawing.standalone) {
    svg += "<style>svg{" + chartColours(false) + "}@media(prefers-color-scheme:dark){svg{" + chartColours(true) + "}}" +
           chartStyle("") + "</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
  }
  return svg + frame.body + "</svg>\n";
}

Frame opened(const Chart& chart, const ChartDrawing& drawing) {
  Frame frame;
  frame.width = drawing.width;
  if (drawing.standalone) {
    frame.body = svgText(12, 24, "start", shortened(titleOf(chart), (drawing.width - 24) * 0.85), " class=\"title\"");
    frame.top = 38;
  }
  return frame;
}

std::string draw(const LineChart& chart, const ChartDrawing& drawing) {
  Frame frame = opened(chart, drawing);
  Range xs, ys;
  for (const LineChart::Line& line : chart.lines) {
    for (const auto& [x, y] : line.points) {
      if (chart.logarithmic && !(y > 0)) continue;
      xs.take(x);
      ys.take(y);
    }
  }
  for (const LineChart::Band& band : chart.bands) {
    xs.take(band.from);
    xs.take(band.to);
  }
  for (const ChartRule& rule : chart.rules) ys.take(rule.at);
  const bool narrow = drawing.width < kNarrow;
  Legend legend;
  std::set<std::string> named;
  for (const LineChart::Line& line : chart.lines) {
    const std::string& name = line.group.empty() ? line.name : line.group;
    if (!named.insert(name).second) continue;
    legend.add(name, [&line](double x, double y) {
      return "<line class=\"line " + colourClass(line.colour) + (line.dashed ? " dashed" : "") + "\" x1=\"" +
             svgNumber(x) + "\" y1=\"" + svgNumber(y) + "\" x2=\"" + svgNumber(x + 22) + "\" y2=\"" + svgNumber(y) +
             "\"/>\n" + (line.marked ? mark(x + 11, y, line.colour, "") : "");
    });
  }
  double top = legend.draw(frame.body, 12, drawing.width - 8, frame.top) + 26;
  frame.body += svgText(12, top - 12, "start", shortened(chart.yLabel, drawing.width - 24), " class=\"label\"");
  if (!chart.bands.empty()) top += 18;
  const double bottom = top + (narrow ? 190 : 220);
  frame.height = bottom + 46;
  // The labels of y decide how much room they need.
  const Axis y(ys, bottom, top, 5, chart.logarithmic);
  double left = 30;
  for (const double tick : y.ticks()) left = std::max(left, 14 + textWidth(y.text(tick)));
  const Axis x(xs, left, drawing.width - 20, narrow ? 4 : 6, false, true);
  bool shade = false;
  for (const LineChart::Band& band : chart.bands) {
    const double from = x.at(band.from), to = x.at(band.to);
    if (shade) {
      frame.body += "<rect class=\"band\" x=\"" + svgNumber(from) + "\" y=\"" + svgNumber(top) + "\" width=\"" +
                    svgNumber(to - from) + "\" height=\"" + svgNumber(bottom - top) + "\"/>\n";
    }
    frame.body += svgText((from + to) / 2, top - 6, "middle", shortened(band.name, to - from), " class=\"faint\"");
    shade = !shade;
  }
  frame.body += bottomAxis(x, top, bottom, chart.xLabel);
  for (const double tick : y.ticks()) {
    frame.body += svgLine(x.from(), y.at(tick), x.to(), y.at(tick), "grid");
    frame.body += svgText(left - 8, y.at(tick) + 4, "end", y.text(tick));
  }
  for (const ChartRule& rule : chart.rules) {
    frame.body += svgLine(x.from(), y.at(rule.at), x.to(), y.at(rule.at), "rule");
    if (!rule.name.empty()) frame.body += svgText(x.to() - 4, y.at(rule.at) - 5, "end", rule.name, " class=\"faint\"");
  }
  for (const LineChart::Line& line : chart.lines) {
    std::string points;
    for (const auto& [px, py] : line.points) {
      if (chart.logarithmic && !(py > 0)) continue;
      points += (points.empty() ? "" : " ") + svgNumber(x.at(px)) + "," + svgNumber(y.at(py));
    }
    frame.body += "<polyline class=\"line " + colourClass(line.colour) + (line.dashed ? " dashed" : "") +
                  "\" points=\"" + points + "\">" + titled(line.name) + "</polyline>\n";
    if (!line.marked) continue;
    for (const auto& [px, py] : line.points) {
      if (chart.logarithmic && !(py > 0)) continue;
      frame.body += mark(x.at(px), y.at(py), line.colour, line.name + ", " + general(px) + ": " + general(py));
    }
  }
  return closed(frame, chart, drawing);
}

std::string draw(const StripChart& chart, const ChartDrawing& drawing) {
  Frame frame = opened(chart, drawing);
  const bool narrow = drawing.width < kNarrow;
  Range xs;
  if (chart.fromZero) xs.take(0);
  bool references = false, intervals = false, points = false;
  double longest = 0;
  for (const StripChart::Row& row : chart.rows) {
    for (const StripChart::Point& point : row.points) xs.take(point.value);
    if (row.mean) xs.take(*row.mean);
    if (row.interval) {
      xs.take((*row.interval)[0]);
      xs.take((*row.interval)[1]);
    }
    if (row.reference) {
      // The literature's whiskers may run below what a score can be; the axis need not.
      xs.take(std::max((*row.reference)[0] - (*row.reference)[1], chart.fromZero ? 0.0 : -HUGE_VAL));
      xs.take((*row.reference)[0] + (*row.reference)[1]);
    }
    references = references || row.reference;
    intervals = intervals || row.interval;
    points = points || !row.points.empty();
    longest = std::max(longest, textWidth(row.name));
  }
  for (const ChartRule& rule : chart.rules) xs.take(rule.at);

  Legend legend;
  if (points) legend.add(chart.pointName, [](double x, double y) { return dot(x + 11, y, 0, ""); });
  if (intervals) {
    legend.add(chart.intervalName, [](double x, double y) {
      return svgLine(x, y, x + 22, y, "whisker") + svgLine(x + 11, y - 7, x + 11, y + 7, "mean");
    });
  }
  if (references) {
    legend.add(chart.referenceName,
               [](double x, double y) { return svgLine(x, y, x + 22, y, "reference") + diamond(x + 11, y, ""); });
  }
  double top = legend.draw(frame.body, 12, drawing.width - 8, frame.top) + 6;
  // Names of rules that lie close together go to lines of their own.
  const double left = narrow ? 16 : std::min(26 + longest, 0.42 * drawing.width);
  const double right = drawing.width - 18;
  const Axis x(xs, left, right, narrow ? 4 : 7);
  std::vector<ChartRule> rules = chart.rules;
  std::sort(rules.begin(), rules.end(), [](const ChartRule& a, const ChartRule& b) { return a.at < b.at; });
  std::vector<double> rowEnds;
  std::vector<std::pair<double, std::size_t>> places;
  for (const ChartRule& rule : rules) {
    const double half = textWidth(rule.name) / 2;
    const double centre = std::clamp(x.at(rule.at), half + 4, drawing.width - half - 4);
    std::size_t line = 0;
    while (line < rowEnds.size() && rowEnds[line] > centre - half - 6) ++line;
    if (line == rowEnds.size()) rowEnds.push_back(0);
    rowEnds[line] = centre + half;
    places.emplace_back(centre, line);
  }
  const double ruleText = top + 10;
  top += 15 * static_cast<double>(rowEnds.size()) + 4;
  const double rowHeight = (narrow ? 42 : 30) + (references ? 8 : 0);
  const double bottom = top + rowHeight * static_cast<double>(chart.rows.size()) + 4;
  frame.height = bottom + 46;
  frame.body += bottomAxis(x, top, bottom, chart.label);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    frame.body += svgLine(x.at(rules[i].at), top, x.at(rules[i].at), bottom, "rule");
    frame.body += svgText(places[i].first, ruleText + 15 * static_cast<double>(places[i].second), "middle",
                          rules[i].name, " class=\"faint\"");
  }
  for (std::size_t r = 0; r < chart.rows.size(); ++r) {
    const StripChart::Row& row = chart.rows[r];
    const double begin = top + rowHeight * static_cast<double>(r);
    const double middle = begin + (narrow ? 26 : 15);
    if (r > 0) frame.body += svgLine(narrow ? left : 12, begin, right, begin, "grid");
    if (narrow) {
      frame.body += svgText(left, begin + 13, "start", shortened(row.name, right - left));
    } else {
      frame.body += svgText(left - 12, middle + 4, "end", shortened(row.name, left - 16));
    }
    // Points of like value are spread over three lines, in a fixed order.
    for (std::size_t i = 0; i < row.points.size(); ++i) {
      const StripChart::Point& point = row.points[i];
      const double dy = row.points.size() < 2 ? 0 : 5 * (static_cast<double>(i % 3) - 1);
      frame.body += dot(x.at(point.value), middle + dy, row.colour,
                        row.name + ", " + point.note + ": " + general(point.value), 3.6);
    }
    if (row.interval)
      frame.body += svgLine(x.at((*row.interval)[0]), middle, x.at((*row.interval)[1]), middle, "whisker");
    if (row.mean) frame.body += svgLine(x.at(*row.mean), middle - 9, x.at(*row.mean), middle + 9, "mean");
    if (row.reference) {
      const auto& [centre, sd] = *row.reference;
      const double low = std::max(centre - sd, x.ticks().front());
      const double y = middle + 15;
      frame.body += svgLine(x.at(low), y, x.at(centre + sd), y, "reference");
      frame.body += diamond(x.at(centre), y,
                            chart.referenceName + ", " + row.name + ": " + general(centre) + " \u00b1 " + general(sd));
    }
  }
  return closed(frame, chart, drawing);
}

// Viridis at 17 places (matplotlib's, public domain); between them colours are mixed.
constexpr std::array<std::array<int, 3>, 17> kViridis{{{68, 1, 84},
                                                       {71, 24, 106},
                                                       {71, 44, 122},
                                                       {66, 64, 134},
                                                       {59, 82, 139},
                                                       {51, 99, 141},
                                                       {44, 114, 142},
                                                       {38, 130, 142},
                                                       {33, 145, 140},
                                                       {31, 160, 136},
                                                       {40, 174, 128},
                                                       {63, 188, 115},
                                                       {94, 201, 98},
                                                       {132, 212, 75},
                                                       {173, 220, 48},
                                                       {216, 226, 25},
                                                       {253, 231, 37}}};
constexpr int kShades = 65;

// Blue, grey and orange for values below, at and above 0.
constexpr std::array<std::array<int, 3>, 5> kDiverging{
    {{0, 74, 134}, {88, 158, 204}, {236, 236, 234}, {232, 146, 84}, {178, 68, 0}}};

template <std::size_t N>
std::string mixedColour(const std::array<std::array<int, 3>, N>& stops, double share) {
  const double at = share * (N - 1);
  const std::size_t low = std::min(static_cast<std::size_t>(at), N - 2);
  const double part = at - static_cast<double>(low);
  int mixed[3];
  for (std::size_t c = 0; c < 3; ++c)
    mixed[c] = static_cast<int>(std::lround(stops[low][c] * (1 - part) + stops[low + 1][c] * part));
  char text[32];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", mixed[0], mixed[1], mixed[2]);
  return text;
}

std::string shadeColour(int shade, bool diverging) {
  const double share = static_cast<double>(shade) / (kShades - 1);
  return diverging ? mixedColour(kDiverging, share) : mixedColour(kViridis, share);
}

struct Scale {
  double low = 0, high = 0;
  double share(double value) const { return high > low ? std::clamp((value - low) / (high - low), 0.0, 1.0) : 0; }
};

// One path a shade: small, and the same bytes every time.
std::string squares(const MatrixChart::Panel& panel, const Scale& scale, bool diverging, double x, double y,
                    double width, double height) {
  std::map<int, std::string> paths;
  // A hair of overlap, so that no seam shows.
  const std::string w = svgNumber(width + 0.3), h = svgNumber(height + 0.3);
  for (std::size_t i = 0; i < panel.height; ++i) {
    for (std::size_t j = 0; j < panel.width; ++j) {
      const auto shade = static_cast<int>(std::lround(scale.share(panel.values[i * panel.width + j]) * (kShades - 1)));
      paths[shade] += "M" + svgNumber(x + width * static_cast<double>(j)) + " " +
                      svgNumber(y + height * static_cast<double>(i)) + "h" + w + "v" + h + "h-" + w + "z";
    }
  }
  std::string svg;
  for (const auto& [shade, path] : paths)
    svg += "<path fill=\"" + shadeColour(shade, diverging) + "\" d=\"" + path + "\"/>\n";
  return svg;
}

// Numbers in wide cells, one matrix below the other.
double drawNumbers(const MatrixChart& chart, const MatrixChart::Panel& panel, const Scale& scale, Frame& frame,
                   double y, double margin) {
  const bool narrow = frame.width < kNarrow;
  const auto columns = static_cast<double>(std::max<std::size_t>(panel.width, 1));
  const double cellWidth = std::clamp((frame.width - margin - 24) / columns, 20.0, 76.0), cellHeight = 28;
  const double left = 4 + margin, top = panel.name.empty() ? y + 4 : y + 22;
  if (!panel.name.empty()) frame.body += svgText(left, y + 13, "start", panel.name, " class=\"label\"");
  frame.body += squares(panel, scale, chart.diverging, left, top, cellWidth, cellHeight);
  for (std::size_t i = 0; i < panel.height; ++i) {
    const double middle = top + cellHeight * (static_cast<double>(i) + 0.5) + 4;
    if (i < panel.rows.size()) frame.body += svgText(left - 8, middle, "end", shortened(panel.rows[i], margin - 8));
    for (std::size_t j = 0; j < panel.width; ++j) {
      const double value = panel.values[i * panel.width + j];
      char text[32];
      std::snprintf(text, sizeof text, cellWidth < 30 ? "%.1f" : "%.2f", value);
      const bool bright = scale.share(value) > 0.55;
      frame.body += svgText(left + cellWidth * (static_cast<double>(j) + 0.5), middle, "middle",
                            cellWidth < 30 && text[0] == '0' ? text + 1 : text,
                            bright ? " class=\"onbright\"" : " class=\"ondark\"");
    }
  }
  double labels = 0;
  for (const std::string& name : panel.columns) labels = std::max(labels, textWidth(name));
  const double bottom = top + cellHeight * static_cast<double>(panel.height);
  const bool turned = labels > cellWidth - 4;
  const double longest = narrow ? 90 : 130;
  for (std::size_t j = 0; j < panel.columns.size(); ++j) {
    const double at = left + cellWidth * (static_cast<double>(j) + 0.5);
    if (turned) {
      frame.body +=
          svgText(0, 0, "end", shortened(panel.columns[j], longest),
                  " transform=\"translate(" + svgNumber(at + 4) + " " + svgNumber(bottom + 10) + ") rotate(-45)\"");
    } else {
      frame.body += svgText(at, bottom + 16, "middle", panel.columns[j]);
    }
  }
  return bottom + (panel.columns.empty() ? 4 : turned ? std::min(labels, longest) * 0.72 + 16 : 22);
}

// Squares side by side; a panel with the same labels as the one on its left does not repeat them.
double drawSquares(const MatrixChart& chart, const std::vector<Scale>& scales, Frame& frame, double y, double margin) {
  const bool narrow = frame.width < kNarrow;
  const std::size_t most = narrow ? 2 : frame.width < 600 ? 3 : 4;
  const std::size_t wanted = chart.together > 0 ? chart.together : chart.panels.size();
  const std::size_t perRow = std::clamp<std::size_t>(wanted, 1, most);
  constexpr double kBetween = 16, kOwn = 24;  // kOwn: room for the labels of panels whose labels differ
  const double room = frame.width - 16 - kBetween * static_cast<double>(perRow - 1);
  double rowBottom = y, x = 0;
  // Labels as wide as a third of the drawing leave too little for the squares.
  margin = std::min(margin, narrow ? 70.0 : 130.0);
  const bool repeats = std::all_of(chart.panels.begin(), chart.panels.end(),
                                   [&](const MatrixChart::Panel& p) { return p.rows == chart.panels[0].rows; });
  const double side = repeats ? std::min((room - margin) / static_cast<double>(perRow), 210.0)
                              : std::min(room / static_cast<double>(perRow) - kOwn, 190.0);
  std::size_t column = 0;
  for (std::size_t p = 0; p < chart.panels.size(); ++p, ++column) {
    const MatrixChart::Panel& panel = chart.panels[p];
    if (column == perRow || (chart.together > 0 && p % chart.together == 0)) column = 0;
    const bool first = column == 0;
    if (first) {
      y = rowBottom;
      x = 8;
    }
    const bool labelled = first || panel.rows != chart.panels[p - 1].rows;
    const double own = !repeats ? kOwn : first ? margin : 0;
    const double left = x + own, top = y + 20;
    x = left + side + kBetween;
    const auto longer = static_cast<double>(std::max<std::size_t>({panel.height, panel.width, 1}));
    const double cell = side / longer, height = cell * static_cast<double>(panel.height);
    frame.body += svgText(left, y + 13, "start", shortened(panel.name, side + 10), " class=\"label\"");
    frame.body += squares(panel, scales[p], chart.diverging, left, top, cell, cell);
    const bool all = cell >= 12.5;
    for (std::size_t i = 0; labelled && i < panel.rows.size(); ++i) {
      if (!all && i != 0 && i + 1 != panel.rows.size()) continue;
      frame.body += svgText(left - 5, top + cell * (static_cast<double>(i) + 0.5) + 4, "end",
                            shortened(panel.rows[i], (own - 6) * 1.12), " class=\"small\"");
    }
    for (std::size_t j = 0; j < panel.columns.size(); ++j) {
      if (!all && j != 0 && j + 1 != panel.columns.size()) continue;
      frame.body += svgText(left + cell * (static_cast<double>(j) + 0.5), top + height + 13, "middle",
                            shortened(panel.columns[j], std::max(cell, 20.0)), " class=\"small\"");
    }
    double below = top + height + (panel.columns.empty() ? 2 : 16);
    std::string note = panel.note;
    if (chart.ownScales) note += (note.empty() ? "max " : ", max ") + general(scales[p].high, 2);
    if (!note.empty()) {
      frame.body += svgText(left, below + 11, "start", shortened(note, (side + 12) * 1.14), " class=\"small\"");
      below += 16;
    }
    rowBottom = std::max(rowBottom, below + 12);
  }
  return rowBottom;
}

std::string draw(const MatrixChart& chart, const ChartDrawing& drawing) {
  Frame frame = opened(chart, drawing);
  Range shared;
  shared.take(0);
  double margin = 8;
  std::vector<Scale> scales;
  for (const MatrixChart::Panel& panel : chart.panels) {
    Range own;
    own.take(0);
    for (const double value : panel.values) own.take(value);
    shared.take(own.low);
    shared.take(own.high);
    scales.push_back({own.low, own.high});
    for (const std::string& name : panel.rows) margin = std::max(margin, 12 + textWidth(name));
  }
  if (chart.diverging) {
    const double reach = std::max(std::fabs(shared.low), std::fabs(shared.high));
    shared = {-reach, reach};
  }
  if (!chart.ownScales) scales.assign(chart.panels.size(), {shared.low, shared.high});
  margin = std::min(margin, frame.width < kNarrow ? 92.0 : 200.0);
  double y = frame.top;
  if (!chart.rowLabel.empty() || !chart.columnLabel.empty()) {
    frame.body += svgText(12, y + 12, "start",
                          shortened("down: " + chart.rowLabel + "; across: " + chart.columnLabel, drawing.width - 24),
                          " class=\"faint\"");
    y += 22;
  }
  if (chart.numbers) {
    for (std::size_t p = 0; p < chart.panels.size(); ++p)
      y = drawNumbers(chart, chart.panels[p], scales[p], frame, y, margin) + 8;
  } else if (!chart.panels.empty()) {
    y = drawSquares(chart, scales, frame, y, margin);
  }
  frame.height = y + 24;
  const std::string low = chart.ownScales ? "0" : general(shared.low, 2);
  const double from = 14 + textWidth(low) + 4, bar = 120;
  for (int i = 0; i < 16; ++i) {
    frame.body += "<rect fill=\"" + shadeColour(i * (kShades - 1) / 15, chart.diverging) + "\" x=\"" +
                  svgNumber(from + bar / 16 * i) + "\" y=\"" + svgNumber(y + 3) + "\" width=\"" +
                  svgNumber(bar / 16 + 0.4) + "\" height=\"10\"/>\n";
  }
  frame.body += svgText(from - 6, y + 12, "end", low, " class=\"small\"");
  frame.body += svgText(from + bar + 6, y + 12, "start",
                        chart.ownScales ? "each matrix\u2019s largest" : general(shared.high, 2), " class=\"small\"");
  return closed(frame, chart, drawing);
}

Json rulesJson(const std::vector<ChartRule>& rules) {
  Json json = Json::array();
  for (const ChartRule& rule : rules) json.push_back({{"at", rule.at}, {"name", rule.name}});
  return json;
}

Json pairJson(const std::optional<std::array<double, 2>>& pair) {
  return pair ? Json(*pair) : Json(nullptr);
}

Json json(const LineChart& chart) {
  Json lines = Json::array(), bands = Json::array();
  for (const LineChart::Line& line : chart.lines) {
    lines.push_back({{"name", line.name},
                     {"points", line.points},
                     {"colour", line.colour},
                     {"dashed", line.dashed},
                     {"marked", line.marked},
                     {"group", line.group}});
  }
  for (const LineChart::Band& band : chart.bands)
    bands.push_back({{"name", band.name}, {"from", band.from}, {"to", band.to}});
  return {{"kind", "lines"},         {"title", chart.title},    {"description", chart.description},
          {"x_label", chart.xLabel}, {"y_label", chart.yLabel}, {"logarithmic", chart.logarithmic},
          {"lines", lines},          {"bands", bands},          {"rules", rulesJson(chart.rules)}};
}

Json json(const StripChart& chart) {
  Json rows = Json::array();
  for (const StripChart::Row& row : chart.rows) {
    Json points = Json::array();
    for (const StripChart::Point& point : row.points) points.push_back({{"value", point.value}, {"note", point.note}});
    rows.push_back({{"name", row.name},
                    {"points", points},
                    {"mean", row.mean ? Json(*row.mean) : Json(nullptr)},
                    {"interval", pairJson(row.interval)},
                    {"reference", pairJson(row.reference)},
                    {"colour", row.colour}});
  }
  return {{"kind", "strips"},
          {"title", chart.title},
          {"description", chart.description},
          {"label", chart.label},
          {"point_name", chart.pointName},
          {"interval_name", chart.intervalName},
          {"reference_name", chart.referenceName},
          {"from_zero", chart.fromZero},
          {"rows", rows},
          {"rules", rulesJson(chart.rules)}};
}

Json json(const MatrixChart& chart) {
  Json panels = Json::array();
  for (const MatrixChart::Panel& panel : chart.panels) {
    panels.push_back({{"name", panel.name},
                      {"rows", panel.rows},
                      {"columns", panel.columns},
                      {"height", panel.height},
                      {"width", panel.width},
                      {"values", panel.values},
                      {"note", panel.note}});
  }
  return {{"kind", "matrices"},
          {"title", chart.title},
          {"description", chart.description},
          {"row_label", chart.rowLabel},
          {"column_label", chart.columnLabel},
          {"own_scales", chart.ownScales},
          {"diverging", chart.diverging},
          {"together", chart.together},
          {"numbers", chart.numbers},
          {"panels", panels}};
}

std::vector<ChartRule> rulesOf(const nlohmann::json& json) {
  std::vector<ChartRule> rules;
  for (const auto& rule : json.at("rules")) rules.push_back({rule.at("at"), rule.at("name")});
  return rules;
}

std::optional<std::array<double, 2>> pairOf(const nlohmann::json& json) {
  if (json.is_null()) return std::nullopt;
  return json.get<std::array<double, 2>>();
}

LineChart linesOf(const nlohmann::json& json) {
  LineChart chart;
  json.at("x_label").get_to(chart.xLabel);
  json.at("y_label").get_to(chart.yLabel);
  json.at("logarithmic").get_to(chart.logarithmic);
  for (const auto& line : json.at("lines")) {
    chart.lines.push_back({line.at("name"), line.at("points").get<std::vector<std::array<double, 2>>>(),
                           line.at("colour"), line.at("dashed"), line.at("marked"), line.at("group")});
  }
  for (const auto& band : json.at("bands")) chart.bands.push_back({band.at("name"), band.at("from"), band.at("to")});
  chart.rules = rulesOf(json);
  return chart;
}

StripChart stripsOf(const nlohmann::json& json) {
  StripChart chart;
  json.at("label").get_to(chart.label);
  json.at("point_name").get_to(chart.pointName);
  json.at("interval_name").get_to(chart.intervalName);
  json.at("reference_name").get_to(chart.referenceName);
  json.at("from_zero").get_to(chart.fromZero);
  for (const auto& row : json.at("rows")) {
    StripChart::Row read;
    row.at("name").get_to(read.name);
    for (const auto& point : row.at("points")) read.points.push_back({point.at("value"), point.at("note")});
    if (!row.at("mean").is_null()) read.mean = row.at("mean").get<double>();
    read.interval = pairOf(row.at("interval"));
    read.reference = pairOf(row.at("reference"));
    row.at("colour").get_to(read.colour);
    chart.rows.push_back(std::move(read));
  }
  chart.rules = rulesOf(json);
  return chart;
}

MatrixChart matricesOf(const nlohmann::json& json, const std::string& origin) {
  MatrixChart chart;
  json.at("row_label").get_to(chart.rowLabel);
  json.at("column_label").get_to(chart.columnLabel);
  json.at("own_scales").get_to(chart.ownScales);
  json.at("diverging").get_to(chart.diverging);
  json.at("together").get_to(chart.together);
  json.at("numbers").get_to(chart.numbers);
  for (const auto& panel : json.at("panels")) {
    chart.panels.push_back({panel.at("name"), panel.at("rows").get<std::vector<std::string>>(),
                            panel.at("columns").get<std::vector<std::string>>(), panel.at("height"), panel.at("width"),
                            panel.at("values").get<std::vector<double>>(), panel.at("note")});
    const MatrixChart::Panel& read = chart.panels.back();
    const bool fits = read.height <= 4096 && read.width <= 4096 && read.values.size() == read.height * read.width &&
                      (read.rows.empty() || read.rows.size() == read.height) &&
                      (read.columns.empty() || read.columns.size() == read.width);
    if (!fits)
      throw Error(ErrorKind::BadFile, origin + ": the matrix '" + read.name + "' has another size than it says");
  }
  return chart;
}

}  // namespace

const std::string& titleOf(const Chart& chart) {
  return std::visit([](const auto& c) -> const std::string& { return c.title; }, chart);
}

const std::string& descriptionOf(const Chart& chart) {
  return std::visit([](const auto& c) -> const std::string& { return c.description; }, chart);
}

Json toJson(const Chart& chart) {
  Json object{{"schema_version", kChartSchema}, {"format", "offaxis-chart"}};
  object.update(std::visit([](const auto& c) { return json(c); }, chart));
  return object;
}

Chart chartFromJson(const nlohmann::json& json, const std::string& origin) {
  try {
    if (json.at("format") != "offaxis-chart" || json.at("schema_version") != kChartSchema)
      throw Error(ErrorKind::BadFile, origin + " is no chart that this program can draw",
                  "download one from a page of offaxis report");
    const std::string kind = json.at("kind");
    Chart chart;
    if (kind == "lines") {
      chart = linesOf(json);
    } else if (kind == "strips") {
      chart = stripsOf(json);
    } else if (kind == "matrices") {
      chart = matricesOf(json, origin);
    } else {
      throw Error(ErrorKind::BadFile, origin + " holds an unknown kind of chart, '" + kind + "'");
    }
    std::visit(
        [&](auto& c) {
          json.at("title").get_to(c.title);
          json.at("description").get_to(c.description);
        },
        chart);
    return chart;
  } catch (const nlohmann::json::exception& e) {
    throw Error(ErrorKind::BadFile, origin + " is no chart: " + withoutTag(e.what()),
                "download one from a page of offaxis report");
  }
}

std::string chartSvg(const Chart& chart, const ChartDrawing& drawing) {
  return std::visit([&](const auto& c) { return draw(c, drawing); }, chart);
}

std::string chartColours(bool dark) {
  if (dark) {
    return "--ink:#e6e6e3;--faint:#a9adb3;--grid:#363b42;--axis:#7f868f;--paper:#16191d;--band:#1f242a;"
           "--c0:#4aa8e0;--c1:#ff8f4a;--c2:#2fc79d;--c3:#e7a3c8;--c4:#a3dbf8;--c5:#f3c24f;";
  }
  return "--ink:#20242a;--faint:#5c6570;--grid:#e3e6ea;--axis:#8a929b;--paper:#ffffff;--band:#f3f5f7;"
         "--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b5538b;--c4:#2b93c9;--c5:#b97700;";
}

std::string chartStyle(const std::string& scope) {
  std::string css;
  const auto rule = [&](const std::string& selectors, const std::string& declarations) {
    std::string list;
    for (std::size_t at = 0; at < selectors.size();) {
      const std::size_t end = std::min(selectors.find(',', at), selectors.size());
      list += (list.empty() ? "" : ",") + scope + selectors.substr(at, end - at);
      at = end + 1;
    }
    css += list + "{" + declarations + "}";
  };
  rule("text", "font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:var(--ink)");
  rule("text.title", "font-size:14px;font-weight:600");
  rule("text.label", "font-weight:600");
  rule("text.faint", "fill:var(--faint)");
  rule("text.small", "font-size:11px;fill:var(--faint)");
  rule("text.ondark", "fill:#fff;font-size:11px");
  rule("text.onbright", "fill:#111;font-size:11px");
  rule(".paper", "fill:var(--paper)");
  rule(".band", "fill:var(--band)");
  rule(".grid", "stroke:var(--grid)");
  rule(".axis", "stroke:var(--axis)");
  rule(".rule", "stroke:var(--axis);stroke-dasharray:5 4");
  rule(".mean", "stroke:var(--ink);stroke-width:2.5");
  rule(".whisker", "stroke:var(--ink);stroke-width:1.5");
  rule(".reference", "stroke:var(--faint);fill:var(--paper);stroke-width:1.5");
  rule(".line", "fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round");
  rule(".dashed", "stroke-dasharray:6 4");
  rule(".dot", "fill:var(--c);fill-opacity:.72;stroke:var(--paper);stroke-width:.8");
  for (int i = 0; i < kColours; ++i) rule(".c" + std::to_string(i), "--c:var(--c" + std::to_string(i) + ")");
  return css;
}

}  // namespace offaxis
