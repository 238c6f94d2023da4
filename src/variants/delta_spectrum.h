// How coarse a perturbation is: its energy by scale.
#pragma once

#include <cstdint>
#include <vector>

namespace offaxis {

// Sums over any number of square perturbations whose side is a power of two (a Haar pyramid: differences between the
// means over blocks of s and 2 s pixels, whose energies add up to the whole).
class DeltaSpectrum {
 public:
  DeltaSpectrum(std::uint32_t side, std::uint32_t channels);
  // int16 [side,side,channels].
  void add(const std::int16_t* delta);
  // Shares of the energy, which add up to 1: at 1, 2, 4, .. side pixels; the last is the channels' means over the whole
  // image. All 0 where nothing was added but zeros.
  std::vector<double> shares() const;

 private:
  std::uint32_t side_, channels_;
  std::vector<double> energy_;  // of the means over blocks of 1, 2, .. side pixels
};

}  // namespace offaxis
