// Well-formed UTF-8, sequence by sequence.
#pragma once

#include <cstddef>
#include <string_view>

namespace offaxis {

// The length of the well-formed UTF-8 sequence that the text begins with, or 0, as for no text (Unicode 15, table 3-7).
std::size_t utf8SequenceLength(std::string_view text);

}  // namespace offaxis
