#include "measure/codes.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "core/philox.h"

namespace offaxis {

std::vector<double> whitenedFactors(const CodeView& view, const std::vector<std::uint32_t>& factorSizes) {
  std::vector<double> w(view.count * view.factorCount);
  for (std::size_t i = 0; i < w.size(); ++i)
    w[i] = whitened(static_cast<std::uint32_t>(view.factors[i]), factorSizes[i % view.factorCount]);
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

std::vector<std::int64_t> labelsOf(const CodeView& view, std::uint64_t factor) {
  std::vector<std::int64_t> labels(view.count);
  for (std::uint64_t i = 0; i < view.count; ++i) labels[i] = view.factors[i * view.factorCount + factor];
  return labels;
}

std::vector<double> latentOf(const CodeView& view, std::uint64_t latent) {
  std::vector<double> values(view.count);
  for (std::uint64_t i = 0; i < view.count; ++i) values[i] = view.codes[i * view.latents + latent];
  return values;
}

void requireSplit(const CodeView& train, const CodeView& test) {
  if (train.count < 2 || test.count < 2) {
    throw Error(ErrorKind::BadFile,
                "the samples have " + std::to_string(train.count) + " training and " + std::to_string(test.count) +
                    " test rows",
                "two of each are the least; the field takes 10,000 and 5,000");
  }
  if (train.latents != test.latents || train.factorCount != test.factorCount) {
    throw Error(ErrorKind::BadFile,
                "the training sample has " + std::to_string(train.latents) + " latents and " +
                    std::to_string(train.factorCount) + " factors, the test sample " + std::to_string(test.latents) +
                    " and " + std::to_string(test.factorCount),
                "both must come from one model and one dataset");
  }
}

}  // namespace offaxis
