#include "report/contact_sheet.h"

#include <algorithm>
#include <cstdio>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"
#include "core/philox.h"
#include "core/text.h"
#include "datasets/row_finder.h"

namespace offaxis {
namespace {

constexpr int kTile = 96;  // pixels an image takes, at least
constexpr int kGap = 6;
constexpr int kCaption = 16;  // height of a line of text
constexpr int kMargin = 128;  // left column, for the names of the rows
const cv::Scalar kPaper(255, 255, 255);
const cv::Scalar kInk(40, 40, 40);
const cv::Scalar kFaint(225, 225, 225);

class Sheet {
 public:
  Sheet(const Source& source, int columns, int rows, int height)
      : source_(source),
        tile_(std::max(kTile, static_cast<int>(source.info().shape.width))),
        canvas_(height + rows * (tile_ + kCaption + kGap) + kGap, kMargin + columns * (tile_ + kGap) + kGap, CV_8UC3,
                kPaper) {}

  int tile() const { return tile_; }
  const cv::Mat& canvas() const { return canvas_; }

  void text(const std::string& words, int x, int y, double scale = 0.4) {
    cv::putText(canvas_, words, {x, y}, cv::FONT_HERSHEY_SIMPLEX, scale, kInk, 1, cv::LINE_AA);
  }

  // A row outside [0, size), such as RowFinder::kNone, leaves an empty frame.
  void image(std::uint64_t row, int column, int y, const std::string& caption) {
    const int x = kMargin + column * (tile_ + kGap);
    text(caption, x, y + tile_ + kCaption - 4, 0.36);
    const cv::Rect place(x, y, tile_, tile_);
    if (row >= source_.size()) {
      cv::rectangle(canvas_, place, kFaint);
      return;
    }
    const ImageShape& shape = source_.info().shape;
    std::vector<std::uint8_t> pixels(shape.bytes());
    source_.read(row, pixels.data());
    const int channels = static_cast<int>(shape.channels);
    const cv::Mat raw(static_cast<int>(shape.height), static_cast<int>(shape.width), CV_8UC(channels), pixels.data());
    cv::Mat colour;
    if (channels == 3) {
      cv::cvtColor(raw, colour, cv::COLOR_RGB2BGR);
    } else {
      cv::Mat first;
      cv::extractChannel(raw, first, 0);
      cv::cvtColor(first, colour, cv::COLOR_GRAY2BGR);
    }
    cv::resize(colour, canvas_(place), place.size(), 0, 0, cv::INTER_NEAREST);
  }

 private:
  const Source& source_;
  int tile_;
  cv::Mat canvas_;
};

// The traversals run through the middle of the grid, or through a subset's middle row.
std::vector<std::uint32_t> centre(const Source& source) {
  if (source.size() != source.info().grid.size())
    return source.info().grid.levelsOf(source.gridIndex(source.size() / 2));
  std::vector<std::uint32_t> levels;
  for (const Factor& factor : source.info().grid.factors())
    levels.push_back(static_cast<std::uint32_t>(factor.size() / 2));
  return levels;
}

// The expression with long values (hashes) cut to their first digits.
std::string shortExpression(SourceInfo info) {
  constexpr std::size_t kLongest = 16, kShown = 12;
  for (auto& [key, value] : info.settings) {
    if (value.size() > kLongest) value.resize(kShown);
  }
  return info.expression();
}

std::string shortNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace

void writeContactSheet(const Source& source, const std::string& path, const ContactSheetSettings& settings) {
  const SourceInfo& info = source.info();
  const auto columns = static_cast<int>(std::clamp<std::uint32_t>(settings.columns, 1, 64));
  int rows = static_cast<int>(settings.sampleRows);
  for (const Factor& factor : info.grid.factors()) rows += factor.size() > 1 ? 1 : 0;

  constexpr int kHeader = 34;
  Sheet sheet(source, columns, rows, kHeader);
  sheet.text(shortExpression(info) + "   " + std::to_string(source.size()) + " images of " + toString(info.shape), kGap,
             22, 0.5);

  int y = kHeader;
  const int step = sheet.tile() + kCaption + kGap;
  const Philox philox(settings.seed, "contact sheet");
  for (std::uint32_t sample = 0; sample < settings.sampleRows; ++sample, y += step) {
    if (sample == 0) sheet.text("samples", kGap, y + sheet.tile() / 2);
    for (int column = 0; column < columns; ++column) {
      const std::uint64_t draw = std::uint64_t{sample} * columns + column;
      const std::uint64_t row = philox.below(source.size(), draw);
      sheet.image(row, column, y, "#" + std::to_string(source.gridIndex(row)));
    }
  }

  const RowFinder rowOf(source);
  for (std::size_t k = 0; k < info.grid.factorCount(); ++k) {
    const Factor& factor = info.grid.factors()[k];
    if (factor.size() < 2) continue;
    sheet.text(factor.name, kGap, y + sheet.tile() / 2);
    sheet.text(std::to_string(factor.size()) + " levels", kGap, y + sheet.tile() / 2 + kCaption, 0.36);
    const int shown = static_cast<int>(std::min<std::uint64_t>(factor.size(), static_cast<std::uint64_t>(columns)));
    std::vector<std::uint32_t> levels = centre(source);
    for (int column = 0; column < shown; ++column) {
      const std::uint64_t level =
          shown == 1 ? 0 : static_cast<std::uint64_t>(column) * (factor.size() - 1) / (shown - 1);
      levels[k] = static_cast<std::uint32_t>(level);
      sheet.image(rowOf(info.grid.indexOf(levels)), column, y, shortNumber(factor.values[level]));
    }
    y += step;
  }

  std::vector<std::uint8_t> png;
  if (!cv::imencode(".png", sheet.canvas(), png)) throw Error(ErrorKind::Failed, "cannot encode " + path + " as PNG");
  writeTextFile(path, std::string(png.begin(), png.end()), settings.overwrite);
}

}  // namespace offaxis
