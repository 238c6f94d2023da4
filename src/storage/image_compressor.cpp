#include "storage/image_compressor.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace offaxis {
namespace {

constexpr std::size_t kMinMatch = 3;
constexpr std::size_t kMaxMatch = 258;
constexpr std::size_t kMaxDistance = 32768;
constexpr unsigned kEndOfBlock = 256;

struct Code {
  std::uint32_t bits = 0;  // in the order in which they are written, the first lowest
  unsigned count = 0;
};

std::uint32_t reversed(std::uint32_t code, unsigned count) {
  std::uint32_t result = 0;
  for (unsigned i = 0; i < count; ++i) result |= (code >> i & 1u) << (count - 1 - i);
  return result;
}

// RFC 1951, 3.2.6: the fixed codes of literals and lengths; Huffman codes are written highest bit first.
Code fixedCode(unsigned symbol) {
  if (symbol < 144) return {reversed(0x30 + symbol, 8), 8};
  if (symbol < 256) return {reversed(0x190 + symbol - 144, 9), 9};
  if (symbol < 280) return {reversed(symbol - 256, 7), 7};
  return {reversed(0xc0 + symbol - 280, 8), 8};
}

// 3.2.5: symbols 257 .. 285 cover lengths 3 .. 258 in groups that double every four.
Code lengthCode(std::size_t length) {
  if (length == kMaxMatch) return fixedCode(285);
  unsigned symbol = 257, extra = 0;
  std::size_t base = kMinMatch;
  while (length >= base + (std::size_t{1} << extra)) {
    base += std::size_t{1} << extra;
    ++symbol;
    if (symbol >= 265 && (symbol - 265) % 4 == 0) ++extra;
  }
  const Code code = fixedCode(symbol);
  return {code.bits | static_cast<std::uint32_t>(length - base) << code.count, code.count + extra};
}

struct Tables {
  std::array<Code, 257> literals;  // and the end of block
  std::array<Code, kMaxMatch + 1> lengths;

  Tables() {
    for (unsigned symbol = 0; symbol <= kEndOfBlock; ++symbol) literals[symbol] = fixedCode(symbol);
    for (std::size_t length = kMinMatch; length <= kMaxMatch; ++length) lengths[length] = lengthCode(length);
  }
};

const Tables& tables() {
  static const Tables kTables;
  return kTables;
}

// The caller sees to it that there is room for what is written.
class BitWriter {
 public:
  explicit BitWriter(std::uint8_t* out) : out_(out) {}

  // At most 32 bits.
  void put(std::uint32_t bits, unsigned count) {
    pending_ |= std::uint64_t{bits} << used_;
    used_ += count;
    if (used_ < 32) return;
    for (int i = 0; i < 4; ++i) *out_++ = static_cast<std::uint8_t>(pending_ >> 8 * i);
    pending_ >>= 32;
    used_ -= 32;
  }
  void put(const Code& code) { put(code.bits, code.count); }
  // Fills up the last byte.
  void finish() {
    for (unsigned bits = 0; bits < used_; bits += 8) *out_++ = static_cast<std::uint8_t>(pending_ >> bits);
    pending_ = used_ = 0;
  }
  // Where the next byte goes; up to three more may wait for their places.
  std::uint8_t* at() const { return out_; }

 private:
  std::uint8_t* out_;
  std::uint64_t pending_ = 0;
  unsigned used_ = 0;  // below 32 between calls
};

// The number of equal bytes, in the order of memory, before the first that differs; `difference` is not zero.
unsigned equalBytes(std::uint64_t difference) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return static_cast<unsigned>(__builtin_ctzll(difference)) / 8;
#else
  return static_cast<unsigned>(__builtin_clzll(difference)) / 8;
#endif
}

// How far the bytes at `a` and `b` agree, at most `most`.
std::size_t agreement(const std::uint8_t* a, const std::uint8_t* b, std::size_t most) {
  std::size_t length = 0;
  for (; length + 8 <= most; length += 8) {
    std::uint64_t left = 0, right = 0;
    std::memcpy(&left, a + length, 8);
    std::memcpy(&right, b + length, 8);
    if (left != right) return length + equalBytes(left ^ right);
  }
  while (length < most && a[length] == b[length]) ++length;
  return length;
}

}  // namespace

RunCoder::RunCoder(const std::vector<std::size_t>& distances) {
  for (const std::size_t distance : distances) {
    // 3.2.5: distance symbols 0 .. 29, five bits each, in groups that double every two.
    unsigned symbol = 0, extra = 0;
    std::size_t base = 1;
    while (distance >= base + (std::size_t{1} << extra)) {
      base += std::size_t{1} << extra;
      ++symbol;
      if (symbol >= 4 && symbol % 2 == 0) ++extra;
    }
    distances_.push_back({distance, reversed(symbol, 5) | static_cast<std::uint32_t>(distance - base) << 5, 5 + extra});
  }
}

bool RunCoder::compress(const std::uint8_t* data, std::size_t bytes, std::size_t limit,
                        std::vector<std::uint8_t>& out) const {
  const Tables& codes = tables();
  // A byte takes nine bits at most, and what is written between two looks at the limit fits into the rest.
  out.resize(std::min(limit, bytes + bytes / 8) + 32);
  out[0] = 0x78;  // RFC 1950: deflate, 32 KiB window
  out[1] = 0x01;  // check bits, no dictionary, fastest
  BitWriter writer(out.data() + 2);
  const std::uint8_t* const last = out.data() + std::min(limit, out.size());
  writer.put(1, 1);  // the final block
  writer.put(1, 2);  // of fixed codes
  for (std::size_t at = 0; at < bytes;) {
    const std::size_t most = std::min(kMaxMatch, bytes - at);
    std::size_t length = 0;
    const Distance* best = nullptr;
    for (const Distance& distance : distances_) {
      if (distance.value > at) continue;
      const std::size_t agreed = agreement(data + at, data + at - distance.value, most);
      if (agreed <= length) continue;
      length = agreed;
      best = &distance;
      if (length == most) break;
    }
    if (length >= kMinMatch) {
      writer.put(codes.lengths[length]);
      writer.put(best->bits, best->bitCount);
      at += length;
    } else {
      writer.put(codes.literals[data[at]]);
      ++at;
    }
    if (writer.at() > last) return false;
  }
  writer.put(codes.literals[kEndOfBlock]);
  writer.finish();
  std::uint8_t* end = writer.at();
  const std::uint32_t check = libdeflate_adler32(1, data, bytes);
  for (int shift = 24; shift >= 0; shift -= 8) *end++ = static_cast<std::uint8_t>(check >> shift);
  out.resize(static_cast<std::size_t>(end - out.data()));
  return out.size() <= limit;
}

namespace {

std::vector<std::size_t> naturalDistances(const ImageShape& shape) {
  std::vector<std::size_t> distances;
  for (const std::size_t distance :
       {std::size_t{shape.channels}, std::size_t{shape.width} * shape.channels, std::size_t{shape.bytes()}}) {
    if (distance <= kMaxDistance) distances.push_back(distance);
  }
  return distances;
}

}  // namespace

bool shrinksByRuns(const std::uint8_t* image, const ImageShape& shape) {
  std::vector<std::uint8_t> stream;
  return RunCoder(naturalDistances(shape)).compress(image, shape.bytes(), shape.bytes() / 8, stream);
}

ImageCompressor::ImageCompressor(int level, const ImageShape& shape, bool tryRuns)
    : imageBytes_(shape.bytes()), runs_(naturalDistances(shape)), tryRuns_(tryRuns && level == 1), general_(level) {}

void ImageCompressor::compress(const std::uint8_t* images, std::size_t bytes, std::vector<std::uint8_t>& out) {
  // The first image says cheaply that the chunk is no case for runs; one that shrinks a little less than eightfold
  // would be coded nearly to its end otherwise, and then again.
  const std::size_t first = std::min(imageBytes_, bytes);
  if (tryRuns_ && runs_.compress(images, first, first / 8, out) && runs_.compress(images, bytes, bytes / 8, out))
    return;
  general_.compress(images, bytes, out);
}

}  // namespace offaxis
