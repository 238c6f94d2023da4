#include "datasets/source.h"

#include <algorithm>

#include "core/error.h"

namespace offaxis {
namespace {

// The mean of each factor x factor pixels, rounded to nearest, halves up. kFactor: the factor, where the compiler is to
// know it; otherwise 0.
template <std::uint32_t kFactor>
void average(const std::uint8_t* pixels, const ImageShape& full, std::uint32_t anyFactor, std::uint8_t* image) {
  const std::uint32_t factor = kFactor != 0 ? kFactor : anyFactor, area = factor * factor;
  const std::size_t channels = full.channels, stride = full.width * channels;
  for (std::size_t y = 0; y < full.height; y += factor) {
    for (std::size_t x = 0; x < full.width; x += factor) {
      for (std::size_t c = 0; c < channels; ++c) {
        std::uint32_t sum = area / 2;
        const std::uint8_t* const corner = pixels + y * stride + x * channels + c;
        for (std::size_t dy = 0; dy < factor; ++dy) {
          for (std::size_t dx = 0; dx < factor; ++dx) sum += corner[dy * stride + dx * channels];
        }
        *image++ = static_cast<std::uint8_t>(sum / area);
      }
    }
  }
}

class ReducedSource final : public Source {
 public:
  ReducedSource(SourcePtr base, std::uint32_t factor) : base_(std::move(base)), factor_(factor), info_(base_->info()) {
    info_.shape.height /= factor;
    info_.shape.width /= factor;
    info_.reduction *= factor;
    info_.layout.binary = false;  // averages lie between
  }

  const SourceInfo& info() const override { return info_; }
  std::uint64_t size() const override { return base_->size(); }
  std::uint64_t gridIndex(std::uint64_t row) const override { return base_->gridIndex(row); }
  std::uint64_t canonicalIndex(std::uint64_t index) const override { return base_->canonicalIndex(index); }
  SourcePtr parent() const override { return base_; }
  RowRange together(std::uint64_t row) const override { return base_->together(row); }

  void read(std::uint64_t row, std::uint8_t* image) const override {
    const ImageShape& full = base_->info().shape;
    std::vector<std::uint8_t> pixels(full.bytes());
    base_->read(row, pixels.data());
    (factor_ == 2 ? average<2> : average<0>)(pixels.data(), full, factor_, image);
  }

 private:
  SourcePtr base_;
  std::uint32_t factor_;
  SourceInfo info_;
};

class SubsetSource final : public Source {
 public:
  SubsetSource(SourcePtr base, std::vector<std::uint64_t> rows) : base_(std::move(base)), rows_(std::move(rows)) {}

  const SourceInfo& info() const override { return base_->info(); }
  std::uint64_t size() const override { return rows_.size(); }
  std::uint64_t gridIndex(std::uint64_t row) const override { return base_->gridIndex(rows_[row]); }
  std::uint64_t canonicalIndex(std::uint64_t index) const override { return base_->canonicalIndex(index); }
  SourcePtr parent() const override { return base_; }
  void read(std::uint64_t row, std::uint8_t* image) const override { base_->read(rows_[row], image); }

 private:
  SourcePtr base_;
  std::vector<std::uint64_t> rows_;
};

}  // namespace

bool SourceInfo::isOf(const std::string& family) const {
  const std::string name = dataset.substr(0, dataset.find(':'));
  return name == family || name.rfind(family + "-", 0) == 0;
}

std::string SourceInfo::expression() const {
  std::string text = dataset;
  if (reduction != 1) {
    text += dataset.find(':') == std::string::npos ? ':' : ',';
    text += "size=" + std::to_string(shape.height);
  }
  if (variant == "original") return text;
  text += "+" + variant;
  char separator = ':';
  for (const auto& [key, value] : settings) {
    text += separator + key + "=" + value;
    separator = ',';
  }
  return text;
}

void Source::readRange(std::uint64_t first, std::uint64_t count, std::uint8_t* images) const {
  const std::uint64_t bytes = info().shape.bytes();
  for (std::uint64_t i = 0; i < count; ++i) read(first + i, images + i * bytes);
}

SourcePtr rootOf(SourcePtr source) {
  while (SourcePtr parent = source->parent()) source = std::move(parent);
  return source;
}

SourcePtr reduced(SourcePtr base, std::uint32_t size) {
  const ImageShape& shape = base->info().shape;
  const bool fits =
      size >= 1 && size <= shape.height && shape.height % size == 0 && shape.width % (shape.height / size) == 0;
  if (!fits) {
    throw Error(ErrorKind::Usage, "size=" + std::to_string(size) + " does not divide images of " + toString(shape),
                "give a divisor of " + std::to_string(shape.height));
  }
  if (size == shape.height) return base;
  return std::make_shared<ReducedSource>(std::move(base), shape.height / size);
}

SourcePtr subset(SourcePtr base, std::vector<std::uint64_t> rows) {
  for (const std::uint64_t row : rows) {
    if (row >= base->size()) {
      throw Error(ErrorKind::Usage, "index " + std::to_string(row) + " is out of range",
                  base->info().dataset + " has " + std::to_string(base->size()) + " images, numbered from 0");
    }
  }
  return std::make_shared<SubsetSource>(std::move(base), std::move(rows));
}

}  // namespace offaxis
