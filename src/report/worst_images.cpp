#include "report/worst_images.h"

#include <algorithm>
#include <cstdlib>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"

namespace offaxis {
namespace {

constexpr int kTile = 96;  // pixels an image takes, at least
constexpr int kGap = 6;
constexpr int kHeader = 34;
constexpr int kCaption = 16;
constexpr int kMargin = 110;  // left column, for the names of the lines
constexpr int kGrey = 128;
const cv::Scalar kPaper(255, 255, 255);
const cv::Scalar kInk(40, 40, 40);
constexpr const char* kLines[] = {"original", "modified", "difference"};

using Pixels = std::vector<std::uint8_t>;

struct Loaded {
  Pixels original, modified;
};

// One or three channels as they are (RGB); of any other number the first alone.
cv::Mat toBgr(const ImageShape& shape, Pixels& pixels) {
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
  return colour;
}

int largestDifference(const std::vector<std::vector<Loaded>>& rows) {
  int largest = 0;
  for (const auto& row : rows) {
    for (const Loaded& pair : row) {
      for (std::size_t i = 0; i < pair.original.size(); ++i)
        largest = std::max(largest, std::abs(int{pair.modified[i]} - int{pair.original[i]}));
    }
  }
  return largest;
}

Pixels amplified(const Loaded& pair, int factor) {
  Pixels difference(pair.original.size());
  for (std::size_t i = 0; i < difference.size(); ++i) {
    const int value = kGrey + factor * (int{pair.modified[i]} - int{pair.original[i]});
    difference[i] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
  }
  return difference;
}

void write(cv::Mat& canvas, const std::string& words, int x, int y, double scale) {
  cv::putText(canvas, words, {x, y}, cv::FONT_HERSHEY_SIMPLEX, scale, kInk, 1, cv::LINE_AA);
}

std::vector<std::vector<Loaded>> load(const Source& modified, const Source& original,
                                      const std::vector<ComparedRow>& rows) {
  const std::size_t bytes = original.info().shape.bytes();
  std::vector<std::vector<Loaded>> loaded;
  for (const ComparedRow& row : rows) {
    loaded.emplace_back();
    for (const ComparedImage& image : row.images) {
      Loaded pair{Pixels(bytes), Pixels(bytes)};
      original.read(image.originalRow, pair.original.data());
      modified.read(image.modifiedRow, pair.modified.data());
      loaded.back().push_back(std::move(pair));
    }
  }
  return loaded;
}

}  // namespace

void writeComparisonSheet(const Source& modified, const Source& original, const std::vector<ComparedRow>& rows,
                          const std::string& path, Overwrite overwrite) {
  const ImageShape& shape = original.info().shape;
  std::vector<std::vector<Loaded>> images = load(modified, original, rows);
  const int largest = largestDifference(images);
  const int factor = largest > 0 ? std::max(1, (kGrey - 1) / largest) : 1;
  const int tile = std::max(kTile, static_cast<int>(shape.width));
  const int tall = tile * static_cast<int>(shape.height) / static_cast<int>(shape.width);
  std::size_t columns = 1;
  for (const ComparedRow& row : rows) columns = std::max(columns, row.images.size());
  const int block = 2 * kCaption + 3 * (tall + kGap);
  cv::Mat canvas(kHeader + static_cast<int>(rows.size()) * (block + kGap),
                 kMargin + static_cast<int>(columns) * (tile + kGap) + kGap, CV_8UC3, kPaper);
  write(canvas, "modified - original: grey is 0, times " + std::to_string(factor), kGap, 22, 0.5);
  int y = kHeader;
  for (std::size_t r = 0; r < rows.size(); ++r, y += block + kGap) {
    write(canvas, rows[r].title, kGap, y + kCaption - 4, 0.45);
    const int top = y + 2 * kCaption;
    for (int line = 0; line < 3; ++line) write(canvas, kLines[line], kGap, top + line * (tall + kGap) + tall / 2, 0.4);
    for (std::size_t column = 0; column < images[r].size(); ++column) {
      const int x = kMargin + static_cast<int>(column) * (tile + kGap);
      Loaded& pair = images[r][column];
      write(canvas, rows[r].images[column].caption, x, top - 4, 0.36);
      Pixels difference = amplified(pair, factor);
      Pixels* const lines[] = {&pair.original, &pair.modified, &difference};
      for (int line = 0; line < 3; ++line) {
        const cv::Rect place(x, top + line * (tall + kGap), tile, tall);
        cv::resize(toBgr(shape, *lines[line]), canvas(place), place.size(), 0, 0, cv::INTER_NEAREST);
      }
    }
  }
  std::vector<std::uint8_t> png;
  if (!cv::imencode(".png", canvas, png)) throw Error(ErrorKind::Failed, "cannot encode " + path + " as PNG");
  writeTextFile(path, std::string(png.begin(), png.end()), overwrite);
}

}  // namespace offaxis
