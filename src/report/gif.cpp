#include "report/gif.h"

#include <gif_lib.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "core/error.h"

namespace offaxis {
namespace {

using Colour = std::array<std::uint8_t, 3>;

constexpr std::size_t kColours = 256;
constexpr int kSide = 32;  // of the cube of coarse colours

std::size_t coarse(const std::uint8_t* rgb) {
  return (static_cast<std::size_t>(rgb[0] >> 3) * kSide + (rgb[1] >> 3)) * kSide + (rgb[2] >> 3);
}

struct Bin {
  Colour colour{};  // the mean of its pixels
  std::uint64_t pixels = 0;
};

// Splits the box with the widest channel at its median pixel until there are enough.
std::vector<Colour> medianCut(std::vector<Bin> bins) {
  struct Box {
    std::size_t first, end;
    int channel = 0, width = 0;
  };
  const auto measured = [&](std::size_t first, std::size_t end) {
    Box box{first, end};
    for (int c = 0; c < 3; ++c) {
      int low = 255, high = 0;
      for (std::size_t i = first; i < end; ++i) {
        low = std::min<int>(low, bins[i].colour[static_cast<std::size_t>(c)]);
        high = std::max<int>(high, bins[i].colour[static_cast<std::size_t>(c)]);
      }
      if (high - low > box.width) {
        box.width = high - low;
        box.channel = c;
      }
    }
    return box;
  };
  std::vector<Box> boxes{measured(0, bins.size())};
  while (boxes.size() < kColours) {
    auto widest =
        std::max_element(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.width < b.width; });
    if (widest->width == 0) break;
    const Box box = *widest;
    const auto channel = static_cast<std::size_t>(box.channel);
    std::stable_sort(bins.begin() + static_cast<std::ptrdiff_t>(box.first),
                     bins.begin() + static_cast<std::ptrdiff_t>(box.end),
                     [&](const Bin& a, const Bin& b) { return a.colour[channel] < b.colour[channel]; });
    std::uint64_t all = 0, below = 0;
    for (std::size_t i = box.first; i < box.end; ++i) all += bins[i].pixels;
    std::size_t middle = box.first;
    while (middle + 1 < box.end && below + bins[middle].pixels <= all / 2) below += bins[middle++].pixels;
    middle = std::max(middle, box.first + 1);
    *widest = measured(box.first, middle);
    boxes.push_back(measured(middle, box.end));
  }
  std::vector<Colour> palette;
  for (const Box& box : boxes) {
    std::array<std::uint64_t, 3> sum{};
    std::uint64_t pixels = 0;
    for (std::size_t i = box.first; i < box.end; ++i) {
      for (std::size_t c = 0; c < 3; ++c) sum[c] += bins[i].colour[c] * bins[i].pixels;
      pixels += bins[i].pixels;
    }
    Colour mean{};
    for (std::size_t c = 0; c < 3; ++c)
      mean[c] = static_cast<std::uint8_t>((sum[c] + pixels / 2) / std::max<std::uint64_t>(pixels, 1));
    palette.push_back(mean);
  }
  return palette;
}

// The palette of all frames, and the entry of each colour.
class Palette {
 public:
  explicit Palette(const std::vector<Pixels>& frames) {
    std::set<Colour> own;
    for (const Pixels& frame : frames) {
      for (std::size_t i = 0; i + 2 < frame.rgb.size() && own.size() <= kColours; i += 3)
        own.insert({frame.rgb[i], frame.rgb[i + 1], frame.rgb[i + 2]});
    }
    if (own.size() <= kColours) {
      colours_.assign(own.begin(), own.end());
    } else {
      colours_ = medianCut(binsOf(frames));
    }
  }

  const std::vector<Colour>& colours() const { return colours_; }

  std::uint8_t nearest(const Colour& colour) {
    const auto known = entries_.find(colour);
    if (known != entries_.end()) return known->second;
    std::size_t best = 0;
    int least = 1 << 30;
    for (std::size_t i = 0; i < colours_.size(); ++i) {
      int distance = 0;
      for (std::size_t c = 0; c < 3; ++c) distance += (colours_[i][c] - colour[c]) * (colours_[i][c] - colour[c]);
      if (distance >= least) continue;
      least = distance;
      best = i;
    }
    return entries_[colour] = static_cast<std::uint8_t>(best);
  }

 private:
  static std::vector<Bin> binsOf(const std::vector<Pixels>& frames) {
    std::map<std::size_t, std::array<std::uint64_t, 4>> sums;
    for (const Pixels& frame : frames) {
      for (std::size_t i = 0; i + 2 < frame.rgb.size(); i += 3) {
        auto& sum = sums[coarse(&frame.rgb[i])];
        for (std::size_t c = 0; c < 3; ++c) sum[c] += frame.rgb[i + c];
        ++sum[3];
      }
    }
    std::vector<Bin> bins;
    for (const auto& [index, sum] : sums) {
      Bin bin;
      for (std::size_t c = 0; c < 3; ++c) bin.colour[c] = static_cast<std::uint8_t>((sum[c] + sum[3] / 2) / sum[3]);
      bin.pixels = sum[3];
      bins.push_back(bin);
    }
    return bins;
  }

  std::vector<Colour> colours_;
  std::map<Colour, std::uint8_t> entries_;
};

int append(GifFileType* gif, const GifByteType* bytes, int count) {
  static_cast<std::string*>(gif->UserData)
      ->append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  return count;
}

void require(int outcome) {
  if (outcome == GIF_ERROR) throw Error(ErrorKind::Failed, "an animation cannot be encoded as GIF");
}

struct CloseGif {
  void operator()(GifFileType* gif) const { EGifCloseFile(gif, nullptr); }
};
struct FreeMap {
  void operator()(ColorMapObject* map) const { GifFreeMapObject(map); }
};

}  // namespace

std::string gifOf(const std::vector<Pixels>& frames, int centiseconds) {
  if (frames.empty() || frames[0].empty()) throw Error(ErrorKind::Usage, "an animation needs frames");
  const int width = frames[0].width, height = frames[0].height;
  for (const Pixels& frame : frames) {
    if (frame.width != width || frame.height != height || frame.rgb.size() != frames[0].rgb.size())
      throw Error(ErrorKind::Usage, "the frames of an animation must have one size");
  }
  Palette palette(frames);
  int bits = 1;
  while ((std::size_t{1} << bits) < palette.colours().size()) ++bits;
  std::vector<GifColorType> entries(std::size_t{1} << bits, GifColorType{0, 0, 0});
  for (std::size_t i = 0; i < palette.colours().size(); ++i) {
    const Colour& colour = palette.colours()[i];
    entries[i] = {colour[0], colour[1], colour[2]};
  }
  const std::unique_ptr<ColorMapObject, FreeMap> map(GifMakeMapObject(1 << bits, entries.data()));
  std::string bytes;
  std::unique_ptr<GifFileType, CloseGif> gif(EGifOpen(&bytes, append, nullptr));
  if (!map || !gif) throw Error(ErrorKind::Failed, "an animation cannot be encoded as GIF");
  EGifSetGifVersion(gif.get(), true);
  require(EGifPutScreenDesc(gif.get(), width, height, 8, 0, map.get()));
  // Netscape's block: for ever.
  require(EGifPutExtensionLeader(gif.get(), APPLICATION_EXT_FUNC_CODE));
  require(EGifPutExtensionBlock(gif.get(), 11, "NETSCAPE2.0"));
  const GifByteType forever[3] = {1, 0, 0};
  require(EGifPutExtensionBlock(gif.get(), 3, forever));
  require(EGifPutExtensionTrailer(gif.get()));
  std::vector<GifPixelType> line(static_cast<std::size_t>(width));
  for (const Pixels& frame : frames) {
    GraphicsControlBlock control{DISPOSE_DO_NOT, false, centiseconds, NO_TRANSPARENT_COLOR};
    GifByteType extension[4];
    EGifGCBToExtension(&control, extension);
    require(EGifPutExtension(gif.get(), GRAPHICS_EXT_FUNC_CODE, 4, extension));
    require(EGifPutImageDesc(gif.get(), 0, 0, width, height, false, nullptr));
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const std::uint8_t* rgb = frame.rgb.data() + 3 * static_cast<std::size_t>(y * width + x);
        line[static_cast<std::size_t>(x)] = palette.nearest({rgb[0], rgb[1], rgb[2]});
      }
      require(EGifPutLine(gif.get(), line.data(), width));
    }
  }
  int error = 0;
  require(EGifCloseFile(gif.release(), &error));
  return bytes;
}

}  // namespace offaxis
