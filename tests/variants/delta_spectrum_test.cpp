#include "variants/delta_spectrum.h"

#include <gtest/gtest.h>

#include "core/philox.h"

namespace offaxis {
namespace {

// 8x8x2 perturbations from a function of (y, x, channel).
template <typename Value>
std::vector<double> sharesOf(const Value& value) {
  std::vector<std::int16_t> delta;
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) {
      for (int c = 0; c < 2; ++c) delta.push_back(static_cast<std::int16_t>(value(y, x, c)));
    }
  }
  DeltaSpectrum spectrum(8, 2);
  spectrum.add(delta.data());
  spectrum.add(delta.data());
  return spectrum.shares();
}

TEST(DeltaSpectrum, FindsTheScaleOfAPattern) {
  const auto checks = [](int block) {
    return sharesOf([=](int y, int x, int) { return (y / block + x / block) % 2 == 0 ? 7 : -7; });
  };
  EXPECT_EQ(checks(1), (std::vector<double>{1, 0, 0, 0}));
  EXPECT_EQ(checks(2), (std::vector<double>{0, 1, 0, 0}));
  EXPECT_EQ(checks(4), (std::vector<double>{0, 0, 1, 0}));
  EXPECT_EQ(sharesOf([](int, int, int c) { return c == 0 ? 9 : -9; }), (std::vector<double>{0, 0, 0, 1}))
      << "a tint that the channels' means hold";
  EXPECT_EQ(sharesOf([](int, int, int) { return 0; }), (std::vector<double>{0, 0, 0, 0}));
}

TEST(DeltaSpectrum, SharesAddUp) {
  const Philox philox(3, "delta spectrum test");
  const std::vector<double> shares = sharesOf([&](int y, int x, int c) {
    return static_cast<int>(philox.below(89, static_cast<std::uint64_t>(y * 16 + x * 2 + c))) - 44;
  });
  double sum = 0;
  for (const double share : shares) {
    EXPECT_GE(share, 0);
    sum += share;
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_NEAR(shares[0], .75, .1) << "independent pixels: three of four degrees of freedom are finest detail";
}

}  // namespace
}  // namespace offaxis
