#include "core/detmath.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#ifdef __FAST_MATH__
#error "core/detmath.cpp must not be compiled with -ffast-math: published bytes depend on it"
#endif

namespace offaxis {
namespace {

// pi/2 and ln 2 as sums of parts with trailing zeros, so that k * part is exact for the k that occur (Cody and Waite).
constexpr double kHalfPi1 = 0x1.921fb544p+0;
constexpr double kHalfPi2 = 0x1.0b4611a6p-34;
constexpr double kHalfPi3 = 0x1.3198a2e037073p-69;
constexpr double kLn2High = 0x1.62e42fefp-1;
constexpr double kLn2Low = 0x1.473de6af278edp-34;

// Taylor polynomials on |x| <= pi/4; the first omitted term is below 2^-60 of the result.
double sinKernel(double x) {
  const double z = x * x;
  double p = 1.0 / 355687428096000.0;
  p = p * z - 1.0 / 1307674368000.0;
  p = p * z + 1.0 / 6227020800.0;
  p = p * z - 1.0 / 39916800.0;
  p = p * z + 1.0 / 362880.0;
  p = p * z - 1.0 / 5040.0;
  p = p * z + 1.0 / 120.0;
  p = p * z - 1.0 / 6.0;
  return x + x * z * p;
}

double cosKernel(double x) {
  const double z = x * x;
  double p = 1.0 / 6402373705728000.0;
  p = 1.0 / 20922789888000.0 - p * z;
  p = p * z - 1.0 / 87178291200.0;
  p = p * z + 1.0 / 479001600.0;
  p = p * z - 1.0 / 3628800.0;
  p = p * z + 1.0 / 40320.0;
  p = p * z - 1.0 / 720.0;
  p = p * z + 1.0 / 24.0;
  const double half = 0.5 * z;
  const double rest = 1.0 - half;
  return rest + ((1.0 - rest) - half + z * z * p);
}

// x = quadrant * pi/2 + r with |r| <= pi/4 (a little more at the borders).
double reduce(double x, int& quadrant) {
  const long long k = roundHalfEven(x * 0.63661977236758134308);
  const double n = static_cast<double>(k);
  quadrant = static_cast<int>(k & 3);
  return ((x - n * kHalfPi1) - n * kHalfPi2) - n * kHalfPi3;
}

double scaleByPowerOfTwo(double x, int exponent) {
  // Two steps, so that results near the ends of the range stay exact.
  const int first = exponent / 2;
  auto power = [](int e) {
    const std::uint64_t bits = static_cast<std::uint64_t>(e + 1023) << 52;
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  };
  return x * power(first) * power(exponent - first);
}

}  // namespace

long long roundHalfEven(double x) {
  const double down = std::floor(x);
  const double rest = x - down;
  const auto base = static_cast<long long>(down);
  if (rest > 0.5) return base + 1;
  if (rest < 0.5) return base;
  return base + (base & 1);
}

double sqrtDet(double x) {
  return std::sqrt(x);
}

double sinDet(double x) {
  int quadrant = 0;
  const double r = reduce(x, quadrant);
  const double value = quadrant & 1 ? cosKernel(r) : sinKernel(r);
  return quadrant & 2 ? -value : value;
}

double cosDet(double x) {
  int quadrant = 0;
  const double r = reduce(x, quadrant);
  const double value = quadrant & 1 ? sinKernel(r) : cosKernel(r);
  return (quadrant + 1) & 2 ? -value : value;
}

double expDet(double x) {
  if (std::isnan(x)) return x;
  if (x > 709.0) return std::numeric_limits<double>::infinity();
  if (x < -745.0) return 0.0;
  const long long k = roundHalfEven(x * 1.44269504088896340736);
  const double n = static_cast<double>(k);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double p = 1.0;
  for (int i = 14; i > 1; --i) p = 1.0 + p * r / static_cast<double>(i);
  return scaleByPowerOfTwo(1.0 + r * p, static_cast<int>(k));
}

double logDet(double x) {
  if (std::isnan(x) || x < 0.0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0.0) return -std::numeric_limits<double>::infinity();
  std::uint64_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
  double m = 0;
  std::memcpy(&m, &bits, sizeof m);
  if (m > 1.41421356237309504880) {
    m *= 0.5;
    ++exponent;
  }
  // log m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.1716.
  const double f = m - 1.0;
  const double s = f / (m + 1.0);
  const double z = s * s;
  double p = 1.0 / 23.0;
  for (int i = 21; i >= 3; i -= 2) p = p * z + 1.0 / static_cast<double>(i);
  const double n = static_cast<double>(exponent);
  // 2 s = f - s f: keeps the leading term exact where s itself is rounded.
  return n * kLn2High + (f - (s * f - (2.0 * s * z * p + n * kLn2Low)));
}

double tanhDet(double x) {
  if (x > 20.0) return 1.0;
  if (x < -20.0) return -1.0;
  if (x < 0.25 && x > -0.25) {
    // Continued fraction: exp(2x) - 1 would lose digits here.
    const double z = x * x;
    double d = 17.0;
    for (int i = 15; i >= 1; i -= 2) d = static_cast<double>(i) + z / d;
    return x / d;
  }
  const double e = expDet(2.0 * x);
  return (e - 1.0) / (e + 1.0);
}

}  // namespace offaxis
