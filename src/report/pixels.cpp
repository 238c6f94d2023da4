#include "report/pixels.h"

#include <algorithm>
#include <cstdlib>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "core/error.h"

namespace offaxis {
namespace {

constexpr int kMiddle = 128;  // the grey of no difference
constexpr std::uint8_t kBetween = 236;

std::string encoded(const cv::Mat& picture) {
  std::vector<std::uint8_t> bytes;
  if (!cv::imencode(".png", picture, bytes, {cv::IMWRITE_PNG_COMPRESSION, 9}))
    throw Error(ErrorKind::Failed, "a picture cannot be encoded as PNG");
  return {bytes.begin(), bytes.end()};
}

// BGR, as OpenCV has it.
cv::Mat matOf(const Pixels& pixels) {
  const cv::Mat rgb(pixels.height, pixels.width, CV_8UC3, const_cast<std::uint8_t*>(pixels.rgb.data()));
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  return bgr;
}

// What the sheet's type can write: it has ASCII alone.
std::string ascii(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      result += text[i];
    } else if (text.compare(i, 2, "\u00d7") == 0) {
      result += 'x';
    } else if (c >= 0xc0) {
      result += '?';  // once for each character
    }
  }
  return result;
}

// Where everything of a labelled sheet goes. Measured first, then drawn.
class Sheet {
 public:
  Sheet(const Pictures& pictures, const std::string& title) : title_(title) {
    layOut(pictures, nullptr);
    cv::Mat canvas(height_, width_, CV_8UC3, cv::Scalar(255, 255, 255));
    layOut(pictures, &canvas);
    png_ = encoded(canvas);
  }
  const std::string& png() const { return png_; }

 private:
  static constexpr int kGap = 8, kLine = 18, kNames = 132, kSmallestTile = 64;

  void layOut(const Pictures& pictures, cv::Mat* canvas) {
    int y = 12, widest = 0;
    const auto text = [&](const std::string& written, int x, int base, double scale) {
      const std::string words = ascii(written);
      int baseline = 0;
      widest = std::max(widest, x + cv::getTextSize(words, cv::FONT_HERSHEY_SIMPLEX, scale, 1, &baseline).width);
      if (canvas != nullptr)
        cv::putText(*canvas, words, {x, base}, cv::FONT_HERSHEY_SIMPLEX, scale, {40, 40, 40}, 1, cv::LINE_AA);
    };
    const auto place = [&](const Pixels& pixels, int x, int top, int scale) {
      const cv::Rect where(x, top, pixels.width * scale, pixels.height * scale);
      widest = std::max(widest, x + where.width);
      if (canvas != nullptr) cv::resize(matOf(pixels), (*canvas)(where), where.size(), 0, 0, cv::INTER_NEAREST);
    };
    if (!title_.empty()) {
      text(title_, kGap, y + 12, 0.5);
      y += 30;
    }
    for (const PictureGroup& group : pictures) {
      if (!group.title.empty()) {
        text(group.title, kGap, y + 12, 0.46);
        y += 24;
      }
      const bool plane = group.tiles == 0;
      int x = plane ? kGap : kNames, bottom = y;
      for (const PictureStrip& strip : group.strips) {
        if (strip.picture.empty()) continue;
        const int tile = plane ? strip.picture.height / std::max(group.down, 1) : strip.picture.height;
        const int scale = std::max(1, (kSmallestTile + tile - 1) / std::max(tile, 1));
        if (plane) {
          text(strip.name + (strip.detail.empty() ? "" : " " + strip.detail), x, y + 12, 0.42);
          place(strip.picture, x, y + kLine, scale);
          x += strip.picture.width * scale + 2 * kGap;
          bottom = std::max(bottom, y + kLine + strip.picture.height * scale + kGap);
          continue;
        }
        text(strip.name, kGap, y + tile * scale / 2, 0.42);
        if (!strip.detail.empty()) text(strip.detail, kGap, y + tile * scale / 2 + 16, 0.38);
        place(strip.picture, x, y, scale);
        y += strip.picture.height * scale + kGap;
        bottom = y;
        if (&strip != &group.strips.back() || group.ticks.empty()) continue;
        const int step = strip.picture.width * scale / std::max(group.tiles, 1);
        for (std::size_t i = 0; i < group.ticks.size(); ++i)
          text(group.ticks[i], x + static_cast<int>(i) * step, y + 8, 0.36);
        y += kLine;
        bottom = y;
      }
      y = bottom + kGap;
    }
    width_ = widest + 2 * kGap;
    height_ = y + kGap;
  }

  std::string title_, png_;
  int width_ = 1, height_ = 1;
};

}  // namespace

Pixels pixelsOf(const std::uint8_t* image, const ImageShape& shape) {
  Pixels pixels{static_cast<int>(shape.width), static_cast<int>(shape.height), {}};
  const std::size_t count = std::size_t{shape.height} * shape.width, channels = shape.channels;
  pixels.rgb.resize(3 * count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < 3; ++c) pixels.rgb[3 * i + c] = image[channels * i + (channels == 3 ? c : 0)];
  }
  return pixels;
}

Pixels imageOf(const Source& source, std::uint64_t row) {
  std::vector<std::uint8_t> image(source.info().shape.bytes());
  source.read(row, image.data());
  return pixelsOf(image.data(), source.info().shape);
}

int largestDifference(const std::vector<Pixels>& before, const std::vector<Pixels>& after) {
  int largest = 0;
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    for (std::size_t k = 0; k < std::min(before[i].rgb.size(), after[i].rgb.size()); ++k)
      largest = std::max(largest, std::abs(after[i].rgb[k] - before[i].rgb[k]));
  }
  return largest;
}

int amplificationFor(int largest) {
  return largest <= 0 ? 1 : std::max(1, (kMiddle - 1) / largest);
}

Pixels amplifiedDifference(const Pixels& before, const Pixels& after, int factor) {
  Pixels result = after;
  for (std::size_t k = 0; k < std::min(result.rgb.size(), before.rgb.size()); ++k)
    result.rgb[k] = static_cast<std::uint8_t>(std::clamp(kMiddle + factor * (after.rgb[k] - before.rgb[k]), 0, 255));
  return result;
}

Pixels tiled(const std::vector<Pixels>& tiles, int columns, int gap) {
  int width = 1, height = 1;
  for (const Pixels& tile : tiles) {
    width = std::max(width, tile.width);
    height = std::max(height, tile.height);
  }
  columns = std::max(1, columns);
  const int rows = (static_cast<int>(tiles.size()) + columns - 1) / columns;
  Pixels result{columns * (width + gap) - gap, std::max(1, rows * (height + gap) - gap), {}};
  result.rgb.assign(std::size_t{3} * static_cast<std::size_t>(result.width) * static_cast<std::size_t>(result.height),
                    kBetween);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const int left = static_cast<int>(i) % columns * (width + gap),
              top = static_cast<int>(i) / columns * (height + gap);
    for (int y = 0; y < tiles[i].height; ++y) {
      const auto* from = tiles[i].rgb.data() + 3 * static_cast<std::size_t>(y * tiles[i].width);
      std::copy_n(from, 3 * static_cast<std::size_t>(tiles[i].width),
                  result.rgb.data() + 3 * static_cast<std::size_t>((top + y) * result.width + left));
    }
  }
  return result;
}

std::string pngOf(const Pixels& pixels) {
  const cv::Mat colour = matOf(pixels);
  bool grey = true;
  for (std::size_t i = 0; i + 2 < pixels.rgb.size() && grey; i += 3)
    grey = pixels.rgb[i] == pixels.rgb[i + 1] && pixels.rgb[i] == pixels.rgb[i + 2];
  if (!grey) return encoded(colour);
  cv::Mat one;
  cv::extractChannel(colour, one, 0);
  return encoded(one);
}

std::string labelledPng(const Pictures& pictures, const std::string& title) {
  return Sheet(pictures, title).png();
}

}  // namespace offaxis
