// The small words of SVG and HTML that all pictures share.
#pragma once

#include <string>

namespace offaxis {

// A coordinate: two decimals at most, no trailing zeros, never "-0".
std::string svgNumber(double value);

// Text made safe for elements and for attributes in double or single quotes, in SVG and in HTML. Bytes that are not
// UTF-8, and control characters, which neither allows, become U+FFFD.
std::string escapedMarkup(const std::string& text);

// "0.25" for a tick at .25 of an axis whose ticks are `step` apart: as many decimals as the step has.
std::string tickText(double value, double step);

// An element of text at (x, y); `anchor` is "start", "middle" or "end", `more` further attributes with a leading space.
std::string svgText(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& more = "");

// A line of class `kind`.
std::string svgLine(double x1, double y1, double x2, double y2, const std::string& kind);

}  // namespace offaxis
