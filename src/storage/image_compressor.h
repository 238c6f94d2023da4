// zlib streams for chunks of images. Synthetic images are mostly runs that repeat the pixel to the left, the row above
// or the image before; coding just those is many times faster than a general matcher and about as small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/factor_grid.h"
#include "storage/deflate.h"

namespace offaxis {

// Deflate (RFC 1951, one block of fixed codes) whose matches lie at a few given distances only.
class RunCoder {
 public:
  // Each distance 1 .. 32768; where two match equally far, the one listed first is taken.
  explicit RunCoder(const std::vector<std::size_t>& distances);

  // Replaces `out` by a zlib stream of `data`. Gives up, returning false, as soon as it takes more than `limit` bytes.
  bool compress(const std::uint8_t* data, std::size_t bytes, std::size_t limit, std::vector<std::uint8_t>& out) const;

 private:
  struct Distance {
    std::size_t value;
    std::uint32_t bits;  // code and extra bits, ready to be written
    unsigned bitCount;
  };
  std::vector<Distance> distances_;
};

// Whether the run coder shrinks the image to an eighth or less.
bool shrinksByRuns(const std::uint8_t* image, const ImageShape& shape);

// Not thread-safe: make one per thread.
class ImageCompressor {
 public:
  // Level 1 takes the run coder where that shrinks a chunk, and its first image alone, to an eighth or less, and
  // libdeflate's level 1 elsewhere, or everywhere where `tryRuns` is not set; levels 2 .. 12 are libdeflate's.
  ImageCompressor(int level, const ImageShape& shape, bool tryRuns);
  void compress(const std::uint8_t* images, std::size_t bytes, std::vector<std::uint8_t>& out);

 private:
  std::size_t imageBytes_;
  RunCoder runs_;
  bool tryRuns_;
  Compressor general_;
};

}  // namespace offaxis
