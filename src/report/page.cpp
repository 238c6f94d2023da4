#include "report/page.h"

#include <algorithm>
#include <cstdio>

#include "page_css.h"
#include "page_js.h"
#include "report/svg.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kWide = 760, kHalf = 520, kNarrow = 340;

std::string base64(const void* data, std::size_t bytes) {
  constexpr const char* kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* from = static_cast<const unsigned char*>(data);
  std::string text;
  text.reserve((bytes + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes; i += 3) {
    const unsigned a = from[i], b = i + 1 < bytes ? from[i + 1] : 0u, c = i + 2 < bytes ? from[i + 2] : 0u;
    text += kAlphabet[a >> 2];
    text += kAlphabet[(a & 3) << 4 | b >> 4];
    text += i + 1 < bytes ? kAlphabet[(b & 15) << 2 | c >> 6] : '=';
    text += i + 2 < bytes ? kAlphabet[c & 63] : '=';
  }
  return text;
}

std::string dataUri(const std::string& type, const std::string& bytes) {
  return "data:" + type + ";base64," + base64(bytes.data(), bytes.size());
}

std::string e(const std::string& text) {
  return escapedMarkup(text);
}

// JSON inside a script element: no text of it can end the element or open a comment.
std::string scriptJson(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else if (c == '>') {
      safe += "\\u003e";
    } else if (c == '&') {
      safe += "\\u0026";
    } else {
      safe += c;
    }
  }
  return safe;
}

// `code` between backticks.
std::string prose(const std::string& text) {
  const std::string escaped = e(text);
  std::string html;
  bool code = false;
  for (const char c : escaped) {
    if (c != '`') {
      html += c;
      continue;
    }
    html += code ? "</code>" : "<code>";
    code = !code;
  }
  return html + (code ? "</code>" : "");
}

class Page {
 public:
  explicit Page(const Report& report) : report_(report) {}

  std::string html() {
    const Digest script = sha256Of(k_page_js, sizeof k_page_js - 1);
    html_ =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data: blob:; style-src "
        "'unsafe-inline'; script-src 'sha256-" +
        base64(script.data(), script.size()) +
        "'; base-uri 'none'; form-action 'none'\">\n<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<meta name=\"generator\" content=\"offaxis report\">\n<title>" +
        e(report_.title) + " \u2013 Offaxis report</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n" + style() +
        "</style>\n</head>\n<body>\n";
    head();
    html_ += "<main id=\"main\">\n";
    missing();
    for (const ReportSection& section : report_.sections) add(section);
    html_ +=
        "</main>\n<footer><p>Made by <code>offaxis report</code>: the same folder gives the same page. Nothing here is "
        "loaded from elsewhere.</p></footer>\n<div id=\"said\" class=\"said\" role=\"status\" "
        "aria-live=\"polite\"></div>\n<script>" +
        std::string(k_page_js) + "</script>\n</body>\n</html>\n";
    return std::move(html_);
  }

 private:
  static std::string style() {
    const std::string light = chartColours(false), dark = chartColours(true);
    return ":root{color-scheme:light;" + light +
           "}\n@media(prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;" + dark +
           "}}\n:root[data-theme=dark]{color-scheme:dark;" + dark +
           "}\n@media print{:root,:root[data-theme]{color-scheme:light;" + light + "}}\n" + chartStyle(".chart ") +
           "\n" + k_page_css;
  }

  void head() {
    html_ +=
        "<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n<div class=\"top\"><div><p "
        "class=\"kind\">" +
        e(report_.subtitle) + "</p>\n<h1>" + e(report_.title) +
        "</h1></div>\n<button type=\"button\" id=\"theme\" class=\"script\" aria-live=\"polite\">Theme: "
        "auto</button></div>\n";
    if (!report_.numbers.empty()) {
      html_ += "<dl class=\"numbers\">\n";
      for (const ReportNumber& number : report_.numbers) {
        html_ += "<div><dt>" + e(number.label) + "</dt><dd><b>" + e(number.value) + "</b><span>" + e(number.detail) +
                 "</span></dd></div>\n";
      }
      html_ += "</dl>\n";
    }
    html_ += "<nav aria-label=\"Sections\"><ul>\n";
    for (const ReportSection& section : report_.sections)
      html_ += "<li><a href=\"#" + e(section.id) + "\">" + e(section.title) + "</a></li>\n";
    html_ += "</ul></nav>\n</header>\n";
  }

  void missing() {
    if (report_.missing.empty()) return;
    const std::size_t count = report_.missing.size();
    html_ +=
        "<section class=\"missing\" id=\"missing\" aria-labelledby=\"missing-title\"><h2 id=\"missing-title\">Not all "
        "is here</h2>\n<p>"
        "This page shows what there is. What it lacks:</p>\n";
    constexpr std::size_t kShown = 8;
    const auto list = [&](std::size_t from, std::size_t to) {
      html_ += "<ul>\n";
      for (std::size_t i = from; i < to; ++i) html_ += "<li>" + e(report_.missing[i]) + "</li>\n";
      html_ += "</ul>\n";
    };
    list(0, std::min(kShown, count));
    if (count > kShown) {
      html_ += "<details><summary>" + std::to_string(count - kShown) + " more</summary>\n";
      list(kShown, count);
      html_ += "</details>\n";
    }
    html_ += "</section>\n";
  }

  void add(const ReportSection& section) {
    html_ += "<section id=\"" + e(section.id) + "\" aria-labelledby=\"" + e(section.id) + "-title\">\n<h2 id=\"" +
             e(section.id) + "-title\">" + e(section.title) + "</h2>\n";
    if (!section.introduction.empty()) html_ += "<p class=\"intro\">" + prose(section.introduction) + "</p>\n";
    bool row = false;  // inside a row of halves
    for (const ReportBlock& block : section.blocks) {
      const auto* figure = std::get_if<ReportFigure>(&block);
      const bool half = figure != nullptr && figure->half;
      if (half != row) html_ += half ? "<div class=\"halves\">\n" : "</div>\n";
      row = half;
      std::visit([&](const auto& b) { add(b); }, block);
    }
    if (row) html_ += "</div>\n";
    html_ += "</section>\n";
  }

  void add(const ReportFigure& figure) {
    const std::string id = e(figure.id);
    html_ +=
        "<figure id=\"" + id + "\"" + (figure.half ? " class=\"half\"" : "") + ">\n<h3>" + e(figure.title) + "</h3>\n";
    const auto* chart = std::get_if<Chart>(&figure.content);
    if (chart != nullptr) {
      html_ += "<div class=\"chart wide\">" + chartSvg(*chart, {figure.half ? kHalf : kWide, false}) +
               "</div>\n<div class=\"chart narrow\">" + chartSvg(*chart, {kNarrow, false}) + "</div>\n";
    } else {
      pictures(std::get<Pictures>(figure.content));
    }
    if (!figure.gif.empty()) {
      html_ += "<img class=\"gif\" alt=\"" + e(figure.title) + ", as an animation\" src=\"" +
               dataUri("image/gif", figure.gif) + "\">\n";
    }
    html_ += "<figcaption>" + prose(figure.caption) + "</figcaption>\n<div class=\"tools\">";
    if (chart != nullptr) {
      html_ += "<button type=\"button\" class=\"script\" data-save=\"json\" data-of=\"" + id +
               "\" aria-label=\"Save the data of " + e(figure.title) +
               " as JSON\">Data (JSON)</button><button type=\"button\" class=\"script\" data-save=\"svg\" data-of=\"" +
               id + "\" aria-label=\"Save " + e(figure.title) + " as SVG\">Picture (SVG)</button>";
    }
    if (!figure.command.empty()) {
      html_ += "<details><summary>Command</summary>";
      code(figure.id + "-command", figure.command, "sh", "Copy the command that draws " + figure.title);
      html_ += "</details>";
    }
    html_ += "</div>\n";
    if (chart != nullptr)
      html_ += "<script type=\"application/json\" id=\"" + id + "-data\">" + scriptJson(toJson(*chart)) + "</script>\n";
    html_ += "</figure>\n";
  }

  void pictures(const Pictures& groups) {
    for (const PictureGroup& group : groups) {
      if (!group.title.empty()) html_ += "<h4>" + e(group.title) + "</h4>\n";
      if (group.tiles == 0) {
        html_ += "<div class=\"planes\">\n";
        for (const PictureStrip& strip : group.strips) {
          html_ += "<div class=\"plane\"><p>" + e(strip.name) +
                   (strip.detail.empty() ? "" : " <small>" + e(strip.detail) + "</small>") + "</p>" + image(strip) +
                   "</div>\n";
        }
        html_ += "</div>\n";
        continue;
      }
      const std::string tiles = std::to_string(group.tiles);
      html_ += "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"" +
               e(group.title.empty() ? "Images, may be scrolled sideways" : group.title) +
               "\"><div class=\"strips\" style=\"--tiles:" + tiles + "\">\n";
      for (const PictureStrip& strip : group.strips) {
        html_ += "<p>" + e(strip.name) + (strip.detail.empty() ? "" : " <small>" + e(strip.detail) + "</small>") +
                 "</p>" + image(strip) + "\n";
      }
      if (!group.ticks.empty()) {
        html_ += "<p></p><ol class=\"ticks\" style=\"grid-template-columns:repeat(" + tiles + ",1fr)\">";
        for (const std::string& tick : group.ticks) html_ += "<li>" + e(tick) + "</li>";
        html_ += "</ol>\n";
      }
      html_ += "</div></div>\n";
    }
  }

  static std::string image(const PictureStrip& strip) {
    if (strip.picture.empty()) return "<span class=\"gone\">not there</span>";
    return "<img alt=\"" + e(strip.spoken) + "\" width=\"" + std::to_string(strip.picture.width) + "\" height=\"" +
           std::to_string(strip.picture.height) + "\" src=\"" + dataUri("image/png", pngOf(strip.picture)) + "\">";
  }

  static std::string dots(const std::vector<double>& values, double to) {
    constexpr double kWidth = 96, kHeight = 18;
    std::string spoken;
    std::string svg = "<svg class=\"dots\" viewBox=\"0 0 " + svgNumber(kWidth + 8) + " " + svgNumber(kHeight) +
                      "\" width=\"" + svgNumber(kWidth + 8) + "\" height=\"" + svgNumber(kHeight) +
                      "\" role=\"img\" aria-label=\"";
    for (const double value : values) {
      char text[32];
      std::snprintf(text, sizeof text, "%.3f", value);
      spoken += (spoken.empty() ? "" : " ") + std::string(text);
    }
    svg += spoken + "\"><title>" + spoken + "</title>" + svgLine(4, kHeight / 2, kWidth + 4, kHeight / 2, "grid");
    for (const double value : values) {
      const double share = to > 0 ? std::clamp(value / to, 0.0, 1.0) : 0;
      svg += "<circle class=\"dot c0\" cx=\"" + svgNumber(4 + kWidth * share) + "\" cy=\"" + svgNumber(kHeight / 2) +
             "\" r=\"3\"/>";
    }
    return svg + "</svg>";
  }

  void cell(const ReportCell& value, bool head, double dotsTo) {
    html_ += head ? "<th scope=\"row\"" : "<td";
    if (value.number) {
      char text[40];
      std::snprintf(text, sizeof text, "%.9g", *value.number);
      html_ += std::string(" data-sort=\"") + text + "\" class=\"" + (value.theirs ? "number theirs" : "number") + "\"";
    } else if (value.passed) {
      html_ += std::string(" data-sort=\"") + (*value.passed ? "1" : "0") + "\"";
    }
    html_ += ">";
    if (value.passed) {
      html_ += *value.passed ? "<span class=\"passed\">\u2713 passed</span> "
                             : "<span class=\"failed\">\u2717 failed</span> ";
    }
    if (!value.dots.empty()) html_ += dots(value.dots, dotsTo);
    const bool digest =
        value.text.size() == 64 && value.text.find_first_not_of("0123456789abcdef") == std::string::npos;
    html_ += digest ? "<code class=\"digest\">" + e(value.text) + "</code>" : e(value.text);
    if (value.theirs)
      html_ +=
          "<span class=\"mark\" title=\"from the literature, not measured here\">\u2020<span class=\"hidden\"> from "
          "the literature</span></span>";
    if (!value.note.empty()) html_ += " <small>" + e(value.note) + "</small>";
    html_ += head ? "</th>" : "</td>";
  }

  void add(const ReportTable& table) {
    if (!table.folded.empty()) html_ += "<details class=\"more\"><summary>" + e(table.folded) + "</summary>\n";
    html_ += "<div class=\"scroll table\" tabindex=\"0\" role=\"region\" aria-labelledby=\"" + e(table.id) +
             "-caption\"><table class=\"chart sortable\" id=\"" + e(table.id) + "\"><caption id=\"" + e(table.id) +
             "-caption\"><span>" + e(table.caption) + "</span></caption>\n<thead><tr>";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const bool number =
          std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) { return row[c].number.has_value(); });
      html_ +=
          std::string("<th scope=\"col\"") + (number ? " class=\"number\"" : "") + ">" + e(table.columns[c]) + "</th>";
    }
    html_ += "</tr></thead>\n<tbody>\n";
    const auto rows = [&](const std::vector<std::vector<ReportCell>>& all) {
      for (const auto& row : all) {
        html_ += "<tr>";
        for (std::size_t c = 0; c < row.size(); ++c) cell(row[c], c == 0, table.dotsTo);
        html_ += "</tr>\n";
      }
    };
    rows(table.rows);
    html_ += "</tbody>\n";
    if (!table.foot.empty()) {
      html_ += "<tfoot>\n";
      rows(table.foot);
      html_ += "</tfoot>\n";
    }
    html_ += table.folded.empty() ? "</table></div>\n" : "</table></div></details>\n";
  }

  void code(const std::string& id, const std::string& text, const std::string& language, const std::string& label) {
    html_ += "<div class=\"code\"><pre tabindex=\"0\" aria-label=\"" + e(label) + "\"><code id=\"" + e(id) +
             "\" data-language=\"" + e(language) + "\">" + e(text) +
             "</code></pre><button type=\"button\" class=\"script\" data-copy=\"" + e(id) + "\" aria-label=\"" +
             e(label) + "\">Copy</button></div>\n";
  }

  void add(const ReportCode& block) {
    html_ += "<h3>" + e(block.title) + "</h3>\n";
    code(block.id, block.text, block.language, "Copy: " + block.title);
  }

  void add(const ReportFacts& facts) {
    if (!facts.folded.empty()) html_ += "<details class=\"more\"><summary>" + e(facts.folded) + "</summary>\n";
    html_ += "<dl class=\"facts\">\n";
    for (const auto& [name, value] : facts.facts)
      html_ += "<div><dt>" + e(name) + "</dt><dd>" + e(value) + "</dd></div>\n";
    html_ += facts.folded.empty() ? "</dl>\n" : "</dl></details>\n";
  }

  const Report& report_;
  std::string html_;
};

}  // namespace

std::string reportPage(const Report& report) {
  return Page(report).html();
}

FigureFile figureFile(const ReportFigure& figure) {
  if (const auto* chart = std::get_if<Chart>(&figure.content)) return {"svg", chartSvg(*chart, {680, true})};
  return {"png", labelledPng(std::get<Pictures>(figure.content), figure.title)};
}

}  // namespace offaxis
