// A source whose images lie in memory, so that tests can spoil them.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "datasets/source.h"

namespace offaxis::testing {

class MemorySource : public Source {
 public:
  // A copy of `source`, image by image.
  explicit MemorySource(const Source& source) : info_(source.info()), images_(source.size() * info_.shape.bytes()) {
    source.readRange(0, source.size(), images_.data());
    for (std::uint64_t row = 0; row < source.size(); ++row) gridIndices_.push_back(source.gridIndex(row));
  }

  const SourceInfo& info() const override { return info_; }
  std::uint64_t size() const override { return gridIndices_.size(); }
  std::uint64_t gridIndex(std::uint64_t row) const override { return gridIndices_[row]; }
  void read(std::uint64_t row, std::uint8_t* image) const override {
    std::copy_n(images_.data() + row * info_.shape.bytes(), info_.shape.bytes(), image);
  }

  std::uint8_t* image(std::uint64_t row) { return images_.data() + row * info_.shape.bytes(); }
  void copyImage(std::uint64_t from, std::uint64_t to) { std::copy_n(image(from), info_.shape.bytes(), image(to)); }
  void swapImages(std::uint64_t a, std::uint64_t b) {
    std::swap_ranges(image(a), image(a) + info_.shape.bytes(), image(b));
  }
  void truncate(std::uint64_t rows) {
    gridIndices_.resize(rows);
    images_.resize(rows * info_.shape.bytes());
  }

  SourceInfo info_;
  std::vector<std::uint8_t> images_;
  std::vector<std::uint64_t> gridIndices_;
};

}  // namespace offaxis::testing
