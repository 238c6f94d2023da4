// A small source for tests: pixels are a simple pure function of the index.
#pragma once

#include <memory>

#include "core/philox.h"
#include "datasets/source.h"

namespace offaxis::testing {

class ToySource : public Source {
 public:
  // 3 x 4 x 2 = 24 images by default.
  explicit ToySource(ImageShape shape = {4, 4, 3}, std::vector<std::uint64_t> sizes = {3, 4, 2}) : philox_(5, "toy") {
    std::vector<Factor> factors;
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      std::vector<double> values;
      for (std::uint64_t level = 0; level < sizes[k]; ++level) values.push_back(0.5 * static_cast<double>(level));
      factors.push_back({"factor" + std::to_string(k), FactorKind::Ordinal, std::move(values)});
    }
    info_.dataset = "toy";
    info_.grid = FactorGrid(std::move(factors));
    info_.shape = shape;
  }

  const SourceInfo& info() const override { return info_; }
  void read(std::uint64_t row, std::uint8_t* image) const override {
    for (std::uint64_t i = 0; i < info_.shape.bytes(); ++i)
      image[i] = static_cast<std::uint8_t>(philox_.below(256, row, i));
  }

  SourceInfo info_;  // tests may change it before use

 private:
  Philox philox_;
};

inline std::vector<std::uint8_t> allImages(const Source& source) {
  std::vector<std::uint8_t> images(source.size() * source.info().shape.bytes());
  source.readRange(0, source.size(), images.data());
  return images;
}

}  // namespace offaxis::testing
