#include "variants/delta_spectrum.h"

namespace offaxis {

DeltaSpectrum::DeltaSpectrum(std::uint32_t side, std::uint32_t channels) : side_(side), channels_(channels) {
  for (std::uint32_t block = 1; block <= side; block *= 2) energy_.push_back(0.0);
}

void DeltaSpectrum::add(const std::int16_t* delta) {
  std::vector<double> means(delta, delta + std::size_t{side_} * side_ * channels_);
  std::size_t side = side_;
  for (std::size_t level = 0;; ++level) {
    double sum = 0;
    for (const double mean : means) sum += mean * mean;
    energy_[level] += sum / static_cast<double>(side * side);
    if (side == 1) return;
    const std::size_t half = side / 2;
    std::vector<double> coarser(half * half * channels_);
    for (std::size_t y = 0; y < side; ++y) {
      for (std::size_t x = 0; x < side; ++x) {
        for (std::size_t c = 0; c < channels_; ++c)
          coarser[(y / 2 * half + x / 2) * channels_ + c] += means[(y * side + x) * channels_ + c] / 4;
      }
    }
    means = std::move(coarser);
    side = half;
  }
}

std::vector<double> DeltaSpectrum::shares() const {
  std::vector<double> shares(energy_.size(), 0.0);
  if (energy_[0] <= 0) return shares;
  for (std::size_t i = 0; i < energy_.size(); ++i)
    shares[i] = (energy_[i] - (i + 1 < energy_.size() ? energy_[i + 1] : 0.0)) / energy_[0];
  return shares;
}

}  // namespace offaxis
