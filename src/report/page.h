// A report as one HTML file: no network, no other file, readable without JavaScript and on paper.
#pragma once

#include <string>

#include "report/report.h"

namespace offaxis {

// Everything is inside: style, script, pictures as PNG, charts as SVG twice (for wide and for narrow screens) and as
// the JSON that they are drawn from. A content security policy allows the page's own script by its digest and no
// connection of any kind. All texts are escaped. Equal reports give equal bytes.
std::string reportPage(const Report& report);

// One figure alone, as a file of its own: an SVG of a chart, a PNG of pictures.
struct FigureFile {
  std::string extension;  // "svg" or "png"
  std::string bytes;
};
FigureFile figureFile(const ReportFigure& figure);

}  // namespace offaxis
