#include "variants/noise.h"

#include <algorithm>
#include <array>

#include "core/philox.h"
#include "variants/perturbed.h"

namespace offaxis {
namespace {

class NoiseSource final : public PerturbedSource {
 public:
  NoiseSource(SourcePtr parent, const Budget& budget, std::uint64_t seed)
      : PerturbedSource(std::move(parent), "noise", {{"eps", budget.text()}, {"seed", std::to_string(seed)}}),
        levels_(budget.levels()),
        philox_(seed, "noise") {}

 protected:
  void deltas(std::uint64_t canonical, std::int16_t* delta) const override {
    constexpr std::size_t kWords = 1024;
    std::array<std::uint32_t, kWords> words;
    const std::size_t bytes = info().shape.bytes();
    const auto choices = static_cast<std::uint32_t>(2 * levels_ + 1);
    for (std::size_t done = 0; done < bytes; done += kWords) {
      const std::size_t take = std::min(kWords, bytes - done);
      philox_.fill(canonical, done / 4, words.data(), take);
      for (std::size_t i = 0; i < take; ++i) {
        delta[done + i] = static_cast<std::int16_t>(static_cast<int>(scaleWord(words[i], choices)) - levels_);
      }
    }
  }

 private:
  int levels_;
  Philox philox_;
};

}  // namespace

SourcePtr withNoise(SourcePtr parent, const Budget& budget, std::uint64_t seed) {
  return std::make_shared<NoiseSource>(std::move(parent), budget, seed);
}

}  // namespace offaxis
