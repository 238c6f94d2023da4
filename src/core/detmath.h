// Elementary functions with the same bits everywhere. The C library's differ between versions and CPUs, so what is
// published uses these: built from IEEE + - * / alone (which the standard rounds exactly), compiled without
// contraction into fused operations. Accuracy: within 3 units in the last place on the stated ranges, 4 for tanh
// (tested).
#pragma once

namespace offaxis {

constexpr double kPi = 3.14159265358979323846;
constexpr double kTwoPi = 6.28318530717958647692;

// |x| <= 1e5; beyond, the argument reduction loses accuracy but not determinism.
double sinDet(double x);
double cosDet(double x);
// -745 < x < 709; saturates to 0 and +infinity outside.
double expDet(double x);
// x > 0 and normal; -infinity at 0, NaN below.
double logDet(double x);
double tanhDet(double x);
// IEEE defines the square root exactly; named here so that callers need not wonder.
double sqrtDet(double x);
// The nearest integer, halves to even, independent of the rounding mode's library support.
long long roundHalfEven(double x);

}  // namespace offaxis
