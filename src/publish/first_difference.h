// Where two sources that should be the same first differ.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

struct Difference {
  std::string dataset;    // inside the file: "images" or "labels"
  std::uint64_t row = 0;  // in file order
  // Of images alone: the place in the picture, and what is found there instead of what.
  std::uint32_t y = 0, x = 0, channel = 0;
  int found = 0, expected = 0;
};

// Compares rows first .. first + count - 1, labels before the image of each row. Preconditions: equal shapes and grids,
// both have these rows.
std::optional<Difference> firstDifference(const Source& found, const Source& expected, std::uint64_t first,
                                          std::uint64_t count, const Context& context);

// "images row 77, y 3, x 5, channel 1: 12 instead of 13"
std::string toString(const Difference& difference);

}  // namespace offaxis
