#include "report/difference_sheet.h"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"

namespace offaxis {
namespace {

constexpr int kTile = 128;  // pixels an image takes, at least
constexpr int kGap = 6;
constexpr int kCaption = 16;  // height of a line of text
constexpr int kHeader = 34;   // height of a title
constexpr int kMargin = 128;  // left column, for the names of the rows
constexpr int kMiddle = 128;  // the grey of no difference
const cv::Scalar kPaper(255, 255, 255);
const cv::Scalar kInk(40, 40, 40);

using Images = std::vector<std::vector<std::uint8_t>>;

Images imagesOf(const Source& source, const DifferenceSection& section, std::uint64_t DifferenceColumn::*row) {
  Images images;
  for (const DifferenceColumn& column : section.columns) {
    images.emplace_back(source.info().shape.bytes());
    source.read(column.*row, images.back().data());
  }
  return images;
}

// The largest whole factor that keeps every difference within the picture's range.
int amplification(const Images& before, const Images& after) {
  int largest = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    for (std::size_t k = 0; k < before[i].size(); ++k)
      largest = std::max(largest, std::abs(after[i][k] - before[i][k]));
  }
  return largest == 0 ? 1 : std::max(1, (kMiddle - 1) / largest);
}

Images amplified(const Images& before, const Images& after, int factor) {
  Images images = before;
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (std::size_t k = 0; k < images[i].size(); ++k) {
      const int value = kMiddle + factor * (after[i][k] - before[i][k]);
      images[i][k] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
    }
  }
  return images;
}

class Canvas {
 public:
  Canvas(int width, int height) : picture_(height, width, CV_8UC3, kPaper) {}

  void text(const std::string& words, int x, int y, double scale) {
    cv::putText(picture_, words, {x, y}, cv::FONT_HERSHEY_SIMPLEX, scale, kInk, 1, cv::LINE_AA);
  }

  void image(std::vector<std::uint8_t>& pixels, const ImageShape& shape, int x, int y, cv::Size size) {
    const cv::Mat raw(static_cast<int>(shape.height), static_cast<int>(shape.width),
                      CV_8UC(static_cast<int>(shape.channels)), pixels.data());
    cv::Mat colour;
    if (shape.channels == 3) {
      cv::cvtColor(raw, colour, cv::COLOR_RGB2BGR);
    } else {
      cv::Mat first;
      cv::extractChannel(raw, first, 0);
      cv::cvtColor(first, colour, cv::COLOR_GRAY2BGR);
    }
    cv::Mat place = picture_(cv::Rect({x, y}, size));
    cv::resize(colour, place, place.size(), 0, 0, cv::INTER_NEAREST);
  }

  std::string png(const std::string& path) const {
    std::vector<std::uint8_t> bytes;
    if (!cv::imencode(".png", picture_, bytes)) throw Error(ErrorKind::Failed, "cannot encode " + path + " as PNG");
    return {bytes.begin(), bytes.end()};
  }

 private:
  cv::Mat picture_;
};

cv::Size tileOf(const DifferenceSection& section) {
  const ImageShape& shape = section.before->info().shape;
  const int width = std::max(kTile, static_cast<int>(shape.width));
  return {width, width * static_cast<int>(shape.height) / static_cast<int>(shape.width)};
}

int heightOf(const DifferenceSection& section) {
  return kHeader + 3 * (tileOf(section).height + kGap) + kCaption + kGap;
}

int widthOf(const DifferenceSection& section) {
  constexpr int kFewest = 4;  // columns that leave room for the title
  return kMargin + std::max(kFewest, static_cast<int>(section.columns.size())) * (tileOf(section).width + kGap) + kGap;
}

void drawSection(Canvas& canvas, const DifferenceSection& section, int y) {
  const cv::Size tile = tileOf(section);
  const Images before = imagesOf(*section.before, section, &DifferenceColumn::rowBefore);
  const Images after = imagesOf(*section.after, section, &DifferenceColumn::rowAfter);
  const int factor = amplification(before, after);
  Images rows[] = {before, after, amplified(before, after, factor)};
  const std::string names[] = {section.beforeName, section.afterName, "difference x" + std::to_string(factor)};
  canvas.text(section.title, kGap, y + 22, 0.5);
  y += kHeader;
  for (std::size_t row = 0; row < 3; ++row, y += tile.height + kGap) {
    canvas.text(names[row], kGap, y + tile.height / 2, 0.4);
    for (std::size_t i = 0; i < section.columns.size(); ++i) {
      const int x = kMargin + static_cast<int>(i) * (tile.width + kGap);
      canvas.image(rows[row][i], section.before->info().shape, x, y, tile);
      if (row == 2) canvas.text(section.columns[i].caption, x, y + tile.height + kCaption - 3, 0.36);
    }
  }
}

}  // namespace

void writeDifferenceSheet(const std::vector<DifferenceSection>& sections, const std::string& path,
                          Overwrite overwrite) {
  int width = kMargin, height = kHeader;
  for (const DifferenceSection& section : sections) {
    width = std::max(width, widthOf(section));
    height += heightOf(section);
  }
  if (!sections.empty()) height -= kHeader;
  Canvas canvas(width, height);
  if (sections.empty()) canvas.text("no difference", kGap, 22, 0.5);
  int y = 0;
  for (const DifferenceSection& section : sections) {
    drawSection(canvas, section, y);
    y += heightOf(section);
  }
  writeTextFile(path, canvas.png(path), overwrite);
}

}  // namespace offaxis
