#include "measure/codes.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/philox.h"

namespace offaxis {

std::vector<double> whitenedFactors(const CodeView& view, const std::vector<std::uint32_t>& factorSizes) {
  std::vector<double> w(view.count * view.factorCount);
  for (std::uint64_t k = 0; k < view.factorCount; ++k) {
    const double size = factorSizes[k];
    const double mean = (size - 1.0) / 2.0;
    const double sd = std::sqrt((size * size - 1.0) / 12.0);
    for (std::uint64_t i = 0; i < view.count; ++i) {
      const std::uint64_t at = i * view.factorCount + k;
      w[at] = sd > 0 ? (static_cast<double>(view.factors[at]) - mean) / sd : 0.0;
    }
  }
  return w;
}

std::vector<double> coordinatesOf(const CodeView& view, const FactorCoordinates& coordinates) {
  std::vector<double> rows(view.count * coordinates.count());
  std::vector<std::uint32_t> levels(view.factorCount);
  for (std::uint64_t i = 0; i < view.count; ++i) {
    for (std::uint64_t k = 0; k < view.factorCount; ++k)
      levels[k] = static_cast<std::uint32_t>(view.factors[i * view.factorCount + k]);
    coordinates.of(levels.data(), &rows[i * coordinates.count()]);
  }
  return rows;
}

std::vector<double> rotatedRows(const std::vector<double>& rows, const std::vector<double>& rotation, std::uint64_t k) {
  std::vector<double> result(rows.size(), 0.0);
  for (std::size_t row = 0; row < rows.size(); row += k) {
    for (std::uint64_t j = 0; j < k; ++j) {
      for (std::uint64_t i = 0; i < k; ++i) result[row + j] += rotation[j * k + i] * rows[row + i];
    }
  }
  return result;
}

std::vector<double> randomRotation(std::uint64_t k, std::uint64_t seed, std::uint64_t index) {
  const Philox philox(seed, "random rotation");
  std::vector<double> r(k * k);
  for (std::uint64_t i = 0; i < k; ++i) {
    double* row = r.data() + i * k;
    for (std::uint64_t j = 0; j < k; ++j) row[j] = philox.normalPair(index, i * k + j)[0];
    for (std::uint64_t done = 0; done < i; ++done) {
      const double* other = r.data() + done * k;
      double dot = 0;
      for (std::uint64_t j = 0; j < k; ++j) dot += row[j] * other[j];
      for (std::uint64_t j = 0; j < k; ++j) row[j] -= dot * other[j];
    }
    double norm = 0;
    for (std::uint64_t j = 0; j < k; ++j) norm += row[j] * row[j];
    norm = std::sqrt(norm);
    for (std::uint64_t j = 0; j < k; ++j) row[j] /= norm;
  }
  return r;
}

std::vector<std::uint32_t> observedSizes(const CodeView& view) {
  std::vector<std::uint32_t> sizes(view.factorCount, 1);
  for (std::size_t i = 0; i < view.count * view.factorCount; ++i) {
    const std::int64_t level = view.factors[i];
    if (level < 0 || level >= (std::int64_t{1} << 31)) {
      throw Error(ErrorKind::BadFile,
                  "factor " + std::to_string(i % view.factorCount) + " has the level " + std::to_string(level),
                  "levels count from 0");
    }
    std::uint32_t& size = sizes[i % view.factorCount];
    size = std::max(size, static_cast<std::uint32_t>(level) + 1);
  }
  return sizes;
}

std::vector<std::uint32_t> rankLevels(std::vector<std::int64_t>& factors, std::uint64_t factorCount) {
  std::vector<std::uint32_t> sizes;
  for (std::uint64_t k = 0; k < factorCount; ++k) {
    std::vector<std::int64_t> levels;
    for (std::size_t i = k; i < factors.size(); i += factorCount) levels.push_back(factors[i]);
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    for (std::size_t i = k; i < factors.size(); i += factorCount)
      factors[i] = std::lower_bound(levels.begin(), levels.end(), factors[i]) - levels.begin();
    sizes.push_back(static_cast<std::uint32_t>(levels.size()));
  }
  return sizes;
}

}  // namespace offaxis
