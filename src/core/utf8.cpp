#include "core/utf8.h"

namespace offaxis {

std::size_t utf8SequenceLength(std::string_view text) {
  const auto within = [&](std::size_t i, unsigned low, unsigned high) {
    const unsigned byte = i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    return byte >= low && byte <= high;
  };
  if (text.empty()) return 0;
  const auto follows = [&](std::size_t i) { return within(i, 0x80, 0xbf); };
  if (within(0, 0x00, 0x7f)) return 1;
  if (within(0, 0xc2, 0xdf)) return follows(1) ? 2 : 0;
  if (within(0, 0xe0, 0xef)) {
    const bool second = within(1, within(0, 0xe0, 0xe0) ? 0xa0 : 0x80, within(0, 0xed, 0xed) ? 0x9f : 0xbf);
    return second && follows(2) ? 3 : 0;
  }
  if (within(0, 0xf0, 0xf4)) {
    const bool second = within(1, within(0, 0xf0, 0xf0) ? 0x90 : 0x80, within(0, 0xf4, 0xf4) ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace offaxis
