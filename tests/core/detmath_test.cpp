#include "core/detmath.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/philox.h"

namespace offaxis {
namespace {

// Distance in units in the last place of the reference, which is computed in extended precision.
double ulps(double got, long double want) {
  const double rounded = static_cast<double>(want);
  const double ulp = std::nextafter(std::fabs(rounded), std::numeric_limits<double>::infinity()) - std::fabs(rounded);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - want)) / ulp;
}

template <typename Ours, typename Reference>
double worst(Ours ours, Reference reference, double low, double high) {
  const Philox philox(11, "detmath");
  double result = 0;
  for (std::uint64_t i = 0; i < 200000; ++i) {
    const double x = low + (high - low) * philox.uniform(i);
    result = std::max(result, ulps(ours(x), reference(static_cast<long double>(x))));
  }
  return result;
}

TEST(DetMath, WithinAFewUnitsInTheLastPlace) {
  const auto sine = [](long double x) { return std::sin(x); };
  const auto cosine = [](long double x) { return std::cos(x); };
  EXPECT_LE(worst(sinDet, sine, -7, 7), 2);
  EXPECT_LE(worst(cosDet, cosine, -7, 7), 2);
  EXPECT_LE(worst(sinDet, sine, -1e5, 1e5), 3);
  EXPECT_LE(worst(cosDet, cosine, -1e5, 1e5), 3);
  EXPECT_LE(worst(
                expDet, [](long double x) { return std::exp(x); }, -700, 700),
            2);
  EXPECT_LE(worst(
                expDet, [](long double x) { return std::exp(x); }, -1, 1),
            2);
  EXPECT_LE(worst(
                logDet, [](long double x) { return std::log(x); }, 1e-9, 3),
            2);
  EXPECT_LE(worst(
                logDet, [](long double x) { return std::log(x); }, 1e-300, 1e300),
            2);
  EXPECT_LE(worst(
                tanhDet, [](long double x) { return std::tanh(x); }, -0.3, 0.3),
            3);
  EXPECT_LE(worst(
                tanhDet, [](long double x) { return std::tanh(x); }, -22, 22),
            4);
}

TEST(DetMath, Ends) {
  EXPECT_EQ(sinDet(0), 0);
  EXPECT_EQ(cosDet(0), 1);
  EXPECT_EQ(expDet(0), 1);
  EXPECT_EQ(logDet(1), 0);
  EXPECT_EQ(tanhDet(0), 0);
  EXPECT_EQ(tanhDet(100), 1);
  EXPECT_EQ(tanhDet(-100), -1);
  EXPECT_TRUE(std::isinf(expDet(1000)));
  EXPECT_EQ(expDet(-1000), 0);
  EXPECT_EQ(logDet(0), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(logDet(-1)));
  EXPECT_TRUE(std::isnan(expDet(std::nan(""))));
}

TEST(DetMath, RoundsHalvesToEven) {
  EXPECT_EQ(roundHalfEven(0.5), 0);
  EXPECT_EQ(roundHalfEven(1.5), 2);
  EXPECT_EQ(roundHalfEven(2.5), 2);
  EXPECT_EQ(roundHalfEven(-0.5), 0);
  EXPECT_EQ(roundHalfEven(-1.5), -2);
  EXPECT_EQ(roundHalfEven(-2.500001), -3);
  EXPECT_EQ(roundHalfEven(1e15 + 0.5), 1000000000000000);
}

// The bits themselves, folded: any compiler, level of optimisation or CPU must give these.
TEST(DetMath, GoldenBits) {
  const Philox philox(12, "golden");
  std::uint64_t fold = 0;
  auto add = [&](double value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    fold = fold * 6364136223846793005ULL + bits;
  };
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const double x = 40 * philox.uniform(i) - 20;
    add(sinDet(x));
    add(cosDet(x));
    add(expDet(x));
    add(logDet(std::fabs(x)));
    add(tanhDet(x / 8));
  }
  EXPECT_EQ(fold, 0xc4c95ea0d1760fb1ULL) << std::hex << fold;
}

}  // namespace
}  // namespace offaxis
