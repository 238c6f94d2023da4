// Which axes a dataset's images favour, before anything is trained: from differences of neighbouring images (local) and
// from the linear response of the images to the factors (global). Our design, except where a source is named.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

// Local quantities of G = J^T J, [K,K] row-major, J = [pixels, factors] the images' derivatives by the whitened factors
// at one grid point. nullopt where G has a column without a response, or too dependent ones for the quantity to exist.

// h = sum_j log|J_j| - 1/2 log det G >= 0 (Hadamard's inequality); 0 when the columns are orthogonal.
std::optional<double> hadamardGap(const std::vector<double>& gram, std::size_t k);

// Delta = sum_j log|(J R^T)_j| - sum_j log|J_j| for z = R w, R [K,K] row-major: above 0 the factors' axes are
// preferred, below 0 the rotated ones. diag(3, 1) under 45 degrees gives log(5/3).
std::optional<double> axisPreference(const std::vector<double>& gram, const std::vector<double>& rotation,
                                     std::size_t k);

// Distance to orthogonality (Rolinek, Zietlow and Martius, "Variational autoencoders pursue PCA directions (by
// accident)", CVPR 2019): |V - P|_F with J = U S V^T and P the signed permutation nearest to V, exactly.
struct OrthogonalityDistance {
  double distance = 0;
  double eigengap = 0;  // the smallest (l_i - l_i+1) / l_i of G's eigenvalues l: near 0, V is arbitrary
};
std::optional<OrthogonalityDistance> distanceToOrthogonality(const std::vector<double>& gram, std::size_t k);

// The column of each row in a permutation of the largest total weight, of weights [n,n] (Hungarian method, n^3).
std::vector<std::size_t> heaviestAssignment(const std::vector<double>& weights, std::size_t n);

// A mean over grid points and its standard error; both 0 where no point has a value.
struct Estimate {
  double mean = 0;
  double error = 0;
  std::uint64_t points = 0;  // that have one; the others are left out
};

// What was subtracted from G on a noise variant. Independent noise of variance v(x) a pixel adds A diag(V) A^T, V the
// sum of v over an image's pixels and A [factors, images] how much of each image enters each column. A central
// difference, (x+ - x-) / 2h, carries V / 2h^2, half of one image's noise; a one-sided one, over h, carries 2V / h^2,
// and two one-sided columns share the noise of the point's own image. Equal images share their noise altogether.
//   Exact    v(x) is the variance of clip(x + d), x from the original that the source wraps: what remains is G of the
//            noisy images' expectation
//   NoClip   v = L (L + 1) / 3 levels^2 for d uniform on -L .. L: for files, whose original is not at hand; too much
//            where many pixels are near 0 or 255
//   Unknown  the levels or the images' scale are not known: nothing was subtracted
// G is then right on average, with the noise's own scatter in it: h, the distance and the spectrum, which are not
// linear in G, stay a little larger than without noise.
enum class NoiseCorrection { None, Exact, NoClip, Unknown };
std::string toString(NoiseCorrection correction);

struct AxisSettings {
  std::string rotation = "blocks";  // R, by rotationMatrix() over the columns of J alone
  std::uint64_t points = 512;       // >= 2
  std::uint64_t seed = 0;
  // Only points whose ordinal factors of three levels or more have neighbours on both sides: one-sided differences can
  // be longer, which looks like a preference for the factors' axes.
  bool interior = false;
};

struct FactorResponse {
  std::string factor;
  Estimate length;           // |J_j|, pixels on [0,1]; points without a response count as 0
  std::uint64_t silent = 0;  // points whose neighbours' images are equal
};

// Two factors under z = R(angle) w, R = [[cos, -sin], [sin, cos]], first to second.
struct PairPreference {
  std::size_t first = 0, second = 0;  // columns of J
  Estimate at45;                      // Delta at 45 degrees
  int angle = 0;                      // of the smallest mean Delta over the whole degrees -44 .. 45 without 0
  Estimate best;                      // Delta there; below 0, a frame other than the factors' is preferred
};

struct AxisAlignment {
  std::vector<FactorResponse> factors;  // the columns of J
  std::vector<std::string> leftOut;     // categorical factors of more than one level: they have no derivative
  std::vector<double> rotation;         // R, [K,K]
  std::uint64_t points = 0;
  NoiseCorrection noise = NoiseCorrection::None;
  Estimate gap, preference, distance, eigengap;
  std::vector<PairPreference> pairs;
  // Means over points of the eigenvalues of G, and of its diagonal sorted, largest first, as shares of its trace. They
  // are equal where the columns are orthogonal; otherwise the eigenvalues are more uneven.
  std::vector<double> spectrum, columnSpectrum;

  const PairPreference* bestPair() const;  // of the smallest Delta; null without pairs
};

// At points drawn by Philox(seed, "alignment-point"). Columns are central differences over the neighbouring levels,
// one-sided at the ends of ordinal factors (and of cyclic ones of two levels); cyclic factors wrap. The source must
// hold its full grid, so no neighbour is missing. Throws Error(Usage) where it does not, for fewer than two factors
// with a derivative, or an unknown rotation.
AxisAlignment axisAlignment(const Source& source, const AxisSettings& settings, const Context& context);

// The images' linear response to code coordinates c: each ordinal factor's whitened level, and sqrt(2) cos and sqrt(2)
// sin of each cyclic factor's angle 2 pi level / size. Over the grid they are uncorrelated, of mean 0 and variance 1,
// so B = E[x c^T], [pixels, coordinates], is the best linear prediction of images, and a VAE whose first latents are
// nearly linear finds B's principal directions first (Rolinek et al., 2019; Lucas et al., NeurIPS 2019). Patterns of
// different factors that resemble each other at similar norms predict latents that mix these factors.
struct ResponseCoordinate {
  std::string name;  // "scale", "floor_hue cos"
  std::string factor;
  double norm = 0;       // of its pattern, sqrt(g_ii), pixels on [0,1]; 0 where sampling leaves nothing
  double normError = 0;  // by sampling: jackknife over the parts
};

struct ResponsePair {                 // of coordinates of different factors
  std::size_t first = 0, second = 0;  // the longer pattern first
  double cosine = 0;                  // g_ij / sqrt(g_ii g_jj); 0 where a norm is; beyond +-1 only by sampling
  double cosineError = 0;             // jackknife too; large for patterns that are too weak for these samples
  // Degrees in [-45, 45], 1/2 atan2(2 g_ij, g_ii - g_jj): the turn from `first` to the principal axis.
  double angle = 0;
};

struct LinearResponse {
  std::vector<ResponseCoordinate> coordinates;
  std::vector<std::string> leftOut;  // categorical factors
  std::uint64_t samples = 0;
  std::vector<double> gram;  // [D,D] row-major, B^T B
  std::vector<ResponsePair> pairs;
  std::vector<double> eigenvalues;  // of gram, largest first
  std::vector<double> directions;   // [D,D] row-major: unit eigenvectors over the coordinates, in that order
  double linearShare = 0;           // trace of gram over the images' total variance
};

// B is estimated by least squares on each of 8 parts of `samples` images drawn by Philox(seed, "response-sample"), and
// gram is the mean of B_f^T B_g over parts f != g: their sampling errors are independent, so they do not add to it. The
// source must hold its full grid. Throws Error(Usage) where it does not, where no factor has a coordinate, or for fewer
// samples than 256 or 32 (D + 1).
LinearResponse linearResponse(const Source& source, std::uint64_t samples, std::uint64_t seed, const Context& context);

// The rotations that mix what the images show most: 45 degrees on every pair of the factors, at most three, whose
// patterns together hold at least a tenth of the strongest factor's squared norm, in the grid's order;
// "pairs:a,b;pairs:b,c;pairs:a,c" for rotationSpecs(). Factors within a twentieth of each other tie, and the first
// ones are taken. Weaker factors are so different from the strongest that a VAE keeps them apart anyway (our design).
// Throws Error(Usage) where fewer than two factors are that strong.
std::string mixingRotations(const LinearResponse& response);

}  // namespace offaxis
