#include "measure/code_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "measure/mig.h"
#include "measure/statistics.h"

namespace offaxis {
namespace {

constexpr double kLeastPivot = 1e-12;

// Correlations of the latents that vary, row-major, and which those are.
std::vector<double> correlations(const CodeView& view, std::vector<std::size_t>& varying) {
  const std::size_t latents = view.latents;
  std::vector<double> means(latents, 0.0);
  for (std::uint64_t i = 0; i < view.count; ++i) {
    for (std::size_t l = 0; l < latents; ++l) means[l] += view.codes[i * latents + l];
  }
  for (double& value : means) value /= static_cast<double>(view.count);
  for (std::size_t l = 0; l < latents; ++l) {
    if (varies(latentOf(view, l))) varying.push_back(l);
  }
  const std::size_t n = varying.size();
  std::vector<double> largest(n, 0.0);  // deviation: squares of tiny codes would vanish
  for (std::uint64_t i = 0; i < view.count; ++i) {
    for (std::size_t a = 0; a < n; ++a)
      largest[a] = std::max(largest[a], std::fabs(view.codes[i * latents + varying[a]] - means[varying[a]]));
  }
  std::vector<double> sums(n * n, 0.0);
  std::vector<double> centred(n);
  for (std::uint64_t i = 0; i < view.count; ++i) {
    for (std::size_t a = 0; a < n; ++a)
      centred[a] = (view.codes[i * latents + varying[a]] - means[varying[a]]) / largest[a];
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = 0; b <= a; ++b) sums[a * n + b] += centred[a] * centred[b];
    }
  }
  std::vector<double> result(n * n);
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      result[a * n + b] = result[b * n + a] =
          a == b ? 1.0 : sums[a * n + b] / std::sqrt(sums[a * n + a] * sums[b * n + b]);
    }
  }
  return result;
}

}  // namespace

CodeStatistic modularity(const CodeView& view) {
  const MigResult scores = mig(view);
  const std::size_t k = view.factorCount;
  const auto varying = static_cast<std::size_t>(
      std::count_if(scores.entropy.begin(), scores.entropy.end(), [](double entropy) { return entropy > 0; }));
  if (varying < 2) {
    throw Error(ErrorKind::BadFile, "modularity needs two factors that vary, there is " + std::to_string(varying),
                "score codes of images that differ in two factors or more");
  }
  CodeStatistic result;
  for (std::size_t l = 0; l < view.latents; ++l) {
    const double* row = scores.information.data() + l * k;
    const double best = *std::max_element(row, row + k);
    double others = -best * best;
    for (std::size_t j = 0; j < k; ++j) others += row[j] * row[j];
    result.perLatent.push_back(best > 0 ? 1.0 - others / (best * best * static_cast<double>(varying - 1)) : 0.0);
  }
  if (varying < k) {
    result.notes.push_back(std::to_string(k - varying) + " of " + std::to_string(k) +
                           " factors do not vary and are left out");
  }
  result.value = mean(result.perLatent);
  return result;
}

CodeStatistic gaussianTotalCorrelation(const CodeView& view) {
  if (view.count < 2)
    throw Error(ErrorKind::BadFile, "there is one row of codes", "total correlation needs two or more");
  std::vector<std::size_t> varying;
  std::vector<double> c = correlations(view, varying);
  const std::size_t n = varying.size();
  CodeStatistic result;
  if (n < view.latents) {
    result.notes.push_back(std::to_string(view.latents - n) + " of " + std::to_string(view.latents) +
                           " latents are constant and left out");
  }
  double logDeterminant = 0;
  for (std::size_t i = 0; i < n; ++i) {  // Cholesky's decomposition, in place
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = c[i * n + j];
      for (std::size_t l = 0; l < j; ++l) sum -= c[i * n + l] * c[j * n + l];
      if (i != j) {
        c[i * n + j] = sum / c[j * n + j];
        continue;
      }
      if (sum < kLeastPivot) {
        result.value = std::numeric_limits<double>::infinity();
        result.notes.push_back("latent " + std::to_string(varying[i]) + " is a linear function of those before it");
        return result;
      }
      c[i * n + i] = std::sqrt(sum);
      logDeterminant += std::log(sum);
    }
  }
  result.value = std::max(0.0, -0.5 * logDeterminant);
  return result;
}

CodeStatistic codeInformation(const CodeView& view) {
  CodeStatistic result;
  if (view.latents < 2) {
    result.notes.emplace_back("there is one latent: no pairs");
    return result;
  }
  const std::vector<double> information = latentInformation(view);
  double sum = 0;
  for (std::size_t a = 0; a < view.latents; ++a) {
    for (std::size_t b = 0; b < a; ++b) sum += information[a * view.latents + b];
  }
  result.value = 2.0 * sum / static_cast<double>(view.latents * (view.latents - 1));
  return result;
}

}  // namespace offaxis
