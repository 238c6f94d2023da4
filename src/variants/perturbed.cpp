#include "variants/perturbed.h"

#include <algorithm>

#include "core/error.h"
#include "core/target_clones.h"

namespace offaxis {
namespace {

OFFAXIS_INTEGER_KERNEL
void addClipped(std::uint8_t* image, const std::int16_t* delta, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const int value = image[i] + delta[i];
    image[i] = static_cast<std::uint8_t>(value < 0 ? 0 : (value > 255 ? 255 : value));
  }
}

}  // namespace

PerturbedSource::PerturbedSource(SourcePtr parent, const std::string& variant,
                                 std::map<std::string, std::string> settings)
    : parent_(std::move(parent)), info_(parent_->info()) {
  if (info_.variant != "original") {
    throw Error(ErrorKind::Usage,
                "cannot apply " + variant + " to " + info_.expression() + ", which is a variant already",
                "apply it to the original dataset");
  }
  info_.variant = variant;
  info_.settings = std::move(settings);
  info_.layout.binary = false;  // a perturbed image needs all 256 levels
}

void PerturbedSource::read(std::uint64_t row, std::uint8_t* image) const {
  parent_->read(row, image);
  perturb(row, image);
}

void PerturbedSource::readRange(std::uint64_t first, std::uint64_t count, std::uint8_t* images) const {
  parent_->readRange(first, count, images);
  for (std::uint64_t i = 0; i < count; ++i) perturb(first + i, images + i * info_.shape.bytes());
}

void PerturbedSource::perturb(std::uint64_t row, std::uint8_t* image) const {
  static thread_local std::vector<std::int16_t> delta;
  delta.resize(info_.shape.bytes());
  deltas(parent_->canonicalIndex(parent_->gridIndex(row)), delta.data());
  addClipped(image, delta.data(), delta.size());
}

}  // namespace offaxis
