// A report as data: sections of figures, tables, facts and commands, made from what a folder holds. page.h turns it
// into one HTML file. The same inputs give the same report; it knows no time and no machine.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/context.h"
#include "report/chart.h"
#include "report/findings.h"
#include "report/pixels.h"

namespace offaxis {

struct ReportFigure {
  std::string id;  // [a-z0-9-], unique in the report
  std::string title;
  std::string caption;
  std::string command;  // that draws this figure alone
  std::variant<Chart, Pictures> content;
  bool half = false;  // two of them share a row where there is room
  std::string gif;    // an animation of it, as a file's bytes; may be empty
};

struct ReportCell {
  std::string text;
  std::optional<double> number;  // what the column is sorted by; by the text where there is none
  std::string note;              // small, after the text
  std::vector<double> dots;      // every run, drawn between 0 and the table's dotsTo
  bool theirs = false;           // from the literature
  std::optional<bool> passed;    // of a check
};

struct ReportTable {
  std::string id;
  std::string caption;
  std::vector<std::string> columns;
  std::vector<std::vector<ReportCell>> rows;  // as many cells as columns; the first one names the row
  std::vector<std::vector<ReportCell>> foot;  // stays below whatever the order
  double dotsTo = 1;
  std::string folded;  // where not empty, closed at first behind this summary
};

struct ReportCode {
  std::string id;
  std::string title;
  std::string language;  // "sh", "python"
  std::string text;
};

struct ReportFacts {
  std::vector<std::pair<std::string, std::string>> facts;  // name, value
  std::string folded;                                      // as a table's
};

using ReportBlock = std::variant<ReportFigure, ReportTable, ReportCode, ReportFacts>;

struct ReportSection {
  std::string id, title, introduction;
  std::vector<ReportBlock> blocks;
};

struct ReportNumber {
  std::string label, value, detail;
};

struct Report {
  std::string title;
  std::string subtitle;  // what it is, and its profile
  std::vector<ReportNumber> numbers;
  std::vector<std::string> missing;
  std::vector<ReportSection> sections;

  // Null where there is none of that id.
  const ReportFigure* figure(const std::string& id) const;
  std::vector<std::string> figureIds() const;
};

struct ReportSettings {
  bool images = true;           // open the datasets: pictures, spectra, distances; false: what the JSON holds alone
  std::uint64_t seed = 0;       // of the choice of images
  std::uint64_t samples = 512;  // images of a spectrum; 4 times as many for the linear response
  std::uint64_t pairs = 1000;   // a factor, of the perceived distances
  std::string only;             // where not empty, the one figure that is wanted: the others may be left out
};

// Datasets that cannot be opened (a file or psi.h5 that is not at hand) cost the pictures, and the report says so.
// Throws Error(Usage) for settings out of range, Error(BadFile) where the JSON contradicts itself, Error(Interrupted).
Report makeReport(const Findings& findings, const ReportSettings& settings, const Context& context);

}  // namespace offaxis
