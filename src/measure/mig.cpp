#include "measure/mig.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/rotation.h"
#include "measure/statistics.h"

namespace offaxis {
namespace {

// Discrete values 0 .. levels-1 of one variable over the sample.
struct Discrete {
  std::vector<std::uint32_t> values;
  std::uint32_t levels = 0;
};

// numpy.digitize(x, numpy.histogram(x, bins)[1][:-1]) - 1, with numpy's own arithmetic for the edges.
template <typename T>
Discrete digitise(const T* x, std::uint64_t count, std::uint64_t stride) {
  double lowest = x[0];
  double highest = x[0];
  for (std::uint64_t i = 0; i < count; ++i) {
    lowest = std::min(lowest, static_cast<double>(x[i * stride]));
    highest = std::max(highest, static_cast<double>(x[i * stride]));
  }
  if (lowest == highest) {
    lowest -= 0.5;
    highest += 0.5;
  }
  double edges[kMigBins];
  const double step = (highest - lowest) / kMigBins;
  for (int i = 0; i < kMigBins; ++i) edges[i] = i * step + lowest;
  Discrete result{std::vector<std::uint32_t>(count), kMigBins};
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto above = std::upper_bound(edges, edges + kMigBins, static_cast<double>(x[i * stride])) - edges;
    result.values[i] = static_cast<std::uint32_t>(std::max<std::ptrdiff_t>(above - 1, 0));
  }
  return result;
}

Discrete relabelled(const std::int64_t* x, std::uint64_t count, std::uint64_t stride) {
  std::map<std::int64_t, std::uint32_t> labels;
  for (std::uint64_t i = 0; i < count; ++i) labels.emplace(x[i * stride], 0);
  std::uint32_t next = 0;
  for (auto& label : labels) label.second = next++;
  Discrete result{std::vector<std::uint32_t>(count), next};
  for (std::uint64_t i = 0; i < count; ++i) result.values[i] = labels[x[i * stride]];
  return result;
}

std::vector<double> frequencies(const Discrete& x) {
  std::vector<double> p(x.levels, 0.0);
  for (const std::uint32_t value : x.values) p[value] += 1.0;
  for (double& value : p) value /= static_cast<double>(x.values.size());
  return p;
}

double entropyOf(const std::vector<double>& p) {
  double sum = 0;
  for (const double value : p) sum -= value > 0 ? value * std::log(value) : 0.0;
  return sum;
}

double mutualInformation(const Discrete& x, const Discrete& y) {
  std::vector<double> joint(std::size_t{x.levels} * y.levels, 0.0);
  for (std::size_t i = 0; i < x.values.size(); ++i) joint[std::size_t{x.values[i]} * y.levels + y.values[i]] += 1.0;
  const std::vector<double> px = frequencies(x);
  const std::vector<double> py = frequencies(y);
  double sum = 0;
  for (std::uint32_t a = 0; a < x.levels; ++a) {
    for (std::uint32_t b = 0; b < y.levels; ++b) {
      const double p = joint[std::size_t{a} * y.levels + b] / static_cast<double>(x.values.size());
      if (p > 0) sum += p * std::log(p / (px[a] * py[b]));
    }
  }
  return std::max(sum, 0.0);
}

MigResult gaps(const std::vector<Discrete>& latents, const std::vector<Discrete>& targets) {
  MigResult result;
  result.information.resize(latents.size() * targets.size());
  double sum = 0;
  std::size_t varying = 0;
  for (std::size_t k = 0; k < targets.size(); ++k) {
    double best = 0;
    double second = 0;
    for (std::size_t l = 0; l < latents.size(); ++l) {
      const double information = mutualInformation(latents[l], targets[k]);
      result.information[l * targets.size() + k] = information;
      second = std::max(second, std::min(best, information));
      best = std::max(best, information);
    }
    const double entropy = entropyOf(frequencies(targets[k]));
    result.entropy.push_back(entropy);
    result.perFactor.push_back(entropy > 0 ? (best - second) / entropy : 0.0);
    if (entropy <= 0) continue;
    sum += result.perFactor.back();
    ++varying;
  }
  result.value = varying == 0 ? 0.0 : sum / static_cast<double>(varying);
  return result;
}

template <typename T>
std::vector<Discrete> digitiseColumns(const T* values, std::uint64_t count, std::uint64_t columns) {
  std::vector<Discrete> result;
  for (std::uint64_t c = 0; c < columns; ++c) result.push_back(digitise(values + c, count, columns));
  return result;
}

std::vector<Discrete> factorsOf(const CodeView& view) {
  std::vector<Discrete> result;
  for (std::uint64_t k = 0; k < view.factorCount; ++k)
    result.push_back(relabelled(view.factors + k, view.count, view.factorCount));
  return result;
}

}  // namespace

MigResult mig(const CodeView& view) {
  return gaps(digitiseColumns(view.codes, view.count, view.latents), factorsOf(view));
}

std::vector<double> latentInformation(const CodeView& view) {
  const std::vector<Discrete> latents = digitiseColumns(view.codes, view.count, view.latents);
  std::vector<double> information(view.latents * view.latents);
  for (std::size_t a = 0; a < latents.size(); ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      information[a * latents.size() + b] = information[b * latents.size() + a] =
          mutualInformation(latents[a], latents[b]);
    }
  }
  return information;
}

MigResult rotatedMig(const CodeView& view, const std::vector<double>& coordinates,
                     const std::vector<double>& rotation) {
  const std::uint64_t d = coordinates.size() / view.count;
  const std::vector<double> z = rotatedRows(coordinates, rotation, d);
  MigResult result =
      gaps(digitiseColumns(view.codes, view.count, view.latents), digitiseColumns(z.data(), view.count, d));
  double sum = 0;
  std::size_t mixed = 0;
  for (std::size_t j = 0; j < d; ++j) {
    if (!mixesFactors(rotation, j)) continue;
    sum += result.perFactor[j];
    ++mixed;
  }
  result.value = mixed == 0 ? 0.0 : sum / static_cast<double>(mixed);
  return result;
}

MigCalibration calibrateMig(const CodeView& view, const std::vector<std::uint32_t>& factorSizes, std::uint64_t seed,
                            int rotations) {
  const std::vector<Discrete> factors = factorsOf(view);
  const std::vector<double> w = whitenedFactors(view, factorSizes);
  MigCalibration result;
  result.ceiling = gaps(digitiseColumns(w.data(), view.count, view.factorCount), factors).value;
  std::vector<double> floors;
  for (int i = 0; i < rotations; ++i) {
    const std::vector<double> z =
        rotatedRows(w, randomRotation(view.factorCount, seed, static_cast<std::uint64_t>(i)), view.factorCount);
    floors.push_back(gaps(digitiseColumns(z.data(), view.count, view.factorCount), factors).value);
  }
  result.floor = mean(floors);
  result.floorSd = standardDeviation(floors);
  return result;
}

}  // namespace offaxis
