#include "report/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "core/utf8.h"

namespace offaxis {

std::string svgNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string result = text;
  while (result.back() == '0') result.pop_back();
  if (result.back() == '.') result.pop_back();
  return result == "-0" ? "0" : result;
}

std::string escapedMarkup(const std::string& text) {
  constexpr const char* kReplacement = "\xef\xbf\xbd";
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8SequenceLength(std::string_view(text).substr(at));
    const auto c = static_cast<unsigned char>(text[at]);
    if (length == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
      result += kReplacement;
      ++at;
      continue;
    }
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result.append(text, at, length);
    }
    at += length;
  }
  return result;
}

std::string tickText(double value, double step) {
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", std::min(decimals, 12), std::fabs(value) < step * 1e-6 ? 0.0 : value);
  return text;
}

std::string svgText(double x, double y, const std::string& anchor, const std::string& text, const std::string& more) {
  return "<text x=\"" + svgNumber(x) + "\" y=\"" + svgNumber(y) + "\" text-anchor=\"" + anchor + "\"" + more + ">" +
         escapedMarkup(text) + "</text>\n";
}

std::string svgLine(double x1, double y1, double x2, double y2, const std::string& kind) {
  return "<line class=\"" + kind + "\" x1=\"" + svgNumber(x1) + "\" y1=\"" + svgNumber(y1) + "\" x2=\"" +
         svgNumber(x2) + "\" y2=\"" + svgNumber(y2) + "\"/>\n";
}

}  // namespace offaxis
