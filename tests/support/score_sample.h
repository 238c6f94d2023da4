// Samples that metrics are tested on: codes with the factors behind them, the first kTrain rows to train on, the next
// kTest to test on.
#pragma once

#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "core/philox.h"
#include "measure/codes.h"

namespace offaxis::testing {

constexpr std::uint64_t kTrain = 2000;
constexpr std::uint64_t kTest = 1000;

struct ScoreSample {
  std::uint64_t latents = 0;
  std::uint64_t factorCount = 0;
  std::vector<double> codes;
  std::vector<std::int64_t> factors;

  CodeView view() const { return {codes.data(), factors.data(), factors.size() / factorCount, latents, factorCount}; }
  CodeView train() const { return {codes.data(), factors.data(), kTrain, latents, factorCount}; }
  CodeView test() const {
    return {codes.data() + kTrain * latents, factors.data() + kTrain * factorCount, kTest, latents, factorCount};
  }
};

// The sample of scores_golden.py.
inline ScoreSample goldenSample() {
  std::uint64_t state = 20230817;
  const auto draw = [&state] {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state >> 11) * 0x1p-53;
  };
  const double sizes[] = {8, 5, 3, 2};
  ScoreSample sample{7, 4, {}, {}};
  for (std::size_t i = 0; i < kTrain + kTest; ++i) {
    double f[4];
    for (int k = 0; k < 4; ++k)
      sample.factors.push_back(static_cast<std::int64_t>(f[k] = std::floor(draw() * sizes[k])));
    double n[7];
    for (double& value : n) value = draw() - 0.5;
    for (const double value : {f[0] + 2 * n[0], 0.3 * f[0] - f[1] + n[1], f[2] * f[1] + n[2], n[3], 0 * n[4] + 1.5,
                               0.8 * f[3] + 0.4 * f[2] + 1.5 * n[5], f[0] + 3 * n[6]}) {
      sample.codes.push_back(static_cast<float>(value));
    }
  }
  return sample;
}

inline nlohmann::json goldenScores() {
  std::ifstream file(OFFAXIS_SOURCE_DIR "/tests/measure/scores_golden.json");
  return nlohmann::json::parse(file);
}

// Rows of a grid drawn by Philox(11, stream), and codes made from them by `code(row, factors) -> L values`.
template <typename Code>
ScoreSample drawnSample(std::string_view stream, const std::vector<std::uint32_t>& sizes, std::uint64_t latents,
                        const Code& code) {
  ScoreSample sample{latents, sizes.size(), {}, {}};
  const Philox philox(11, stream);
  for (std::size_t i = 0; i < kTrain + kTest; ++i) {
    std::vector<double> f;
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      sample.factors.push_back(static_cast<std::int64_t>(philox.below(sizes[k], i, k)));
      f.push_back(static_cast<double>(sample.factors.back()));
    }
    for (const double value : code(i, f)) sample.codes.push_back(value);
  }
  return sample;
}

}  // namespace offaxis::testing
