#include "core/rotation.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "core/detmath.h"
#include "core/error.h"
#include "core/philox.h"
#include "core/text.h"

namespace offaxis {
namespace {

// The factors to rotate, in order.
std::vector<std::size_t> chosenFactors(const std::string& list, const FactorGrid& grid) {
  const std::vector<Factor>& factors = grid.factors();
  std::vector<std::size_t> chosen;
  if (list.empty()) {
    for (std::size_t k = 0; k < factors.size(); ++k) {
      if (factors[k].size() > 1) chosen.push_back(k);
    }
    return chosen;
  }
  for (const std::string& name : splitList(list, "the rotation's factors")) {
    const auto found =
        std::find_if(factors.begin(), factors.end(), [&](const Factor& factor) { return factor.name == name; });
    if (found == factors.end()) {
      std::vector<std::string> known;
      known.reserve(factors.size());
      for (const Factor& factor : factors) known.push_back(factor.name);
      throw Error(ErrorKind::Usage, "the rotation names a factor '" + name + "'", "known: " + joined(known));
    }
    const auto k = static_cast<std::size_t>(found - factors.begin());
    if (found->size() < 2) throw Error(ErrorKind::Usage, "the factor '" + name + "' has one level: leave it out");
    if (std::count(chosen.begin(), chosen.end(), k) != 0)
      throw Error(ErrorKind::Usage, "the rotation names '" + name + "' twice");
    chosen.push_back(k);
  }
  return chosen;
}

std::vector<std::string> specsOf(const std::string& specs, const std::string& what, const std::string& hint) {
  std::vector<std::string> result;
  std::stringstream list(specs);
  for (std::string spec; std::getline(list, spec, ';');) result.push_back(spec);
  if (result.empty() || specs.back() == ';') result.emplace_back();
  for (const std::string& spec : result) {
    if (spec.empty()) throw Error(ErrorKind::Usage, what + " of '" + specs + "' is empty", hint);
  }
  return result;
}

}  // namespace

std::vector<double> rotationMatrix(const std::string& spec, const FactorGrid& grid, std::uint64_t seed) {
  const std::size_t colon = spec.find(':');
  const std::string name = spec.substr(0, colon);
  const std::string list = colon == std::string::npos ? "" : spec.substr(colon + 1);
  if (colon != std::string::npos && list.empty())
    throw Error(ErrorKind::Usage, "the rotation '" + spec + "' names no factors", "such as " + name + ":FACTOR,FACTOR");
  const std::size_t k = grid.factorCount();
  const std::vector<std::size_t> chosen = chosenFactors(list, grid);
  const std::size_t n = chosen.size();
  if (n < 2) {
    throw Error(ErrorKind::Usage, "a rotation needs two factors that vary, there is " + std::to_string(n),
                list.empty() ? "choose another dataset" : "name two factors or more");
  }
  std::vector<double> r(k * k, 0.0);
  for (std::size_t i = 0; i < k; ++i) r[i * k + i] = std::count(chosen.begin(), chosen.end(), i) != 0 ? 0.0 : 1.0;
  auto at = [&](std::size_t row, std::size_t column) -> double& { return r[chosen[row] * k + chosen[column]]; };
  auto pair = [&](std::size_t i) {
    const double half = sqrtDet(0.5);
    at(i, i) = half;
    at(i, i + 1) = -half;
    at(i + 1, i) = half;
    at(i + 1, i + 1) = half;
  };
  auto triple = [&](std::size_t i) {
    constexpr double kBlock[3][3] = {{2, -1, 2}, {2, 2, -1}, {-1, 2, 2}};
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t b = 0; b < 3; ++b) at(i + a, i + b) = kBlock[a][b] / 3.0;
    }
  };
  if (name == "blocks" || name == "pairs") {
    for (std::size_t i = 0; i < n;) {
      const std::size_t left = n - i;
      // 4 = 2 + 2 and 2 = 2 are what triples cannot cover; an odd count of pairs ends in one triple.
      const bool three = name == "blocks" ? left == 3 || left >= 5 : left == 3;
      if (three) {
        triple(i);
      } else {
        pair(i);
      }
      i += three ? 3 : 2;
    }
  } else if (name == "random") {
    const Philox stream(seed, "manipulate:rotation");
    for (std::size_t row = 0; row < n; ++row) {
      for (std::size_t column = 0; column < n; ++column) at(row, column) = stream.normalPair(row, column)[0];
      for (int pass = 0; pass < 2; ++pass) {  // twice is enough for orthogonality to rounding
        for (std::size_t before = 0; before < row; ++before) {
          double dot = 0;
          for (std::size_t c = 0; c < n; ++c) dot += at(row, c) * at(before, c);
          for (std::size_t c = 0; c < n; ++c) at(row, c) -= dot * at(before, c);
        }
      }
      double norm = 0;
      for (std::size_t c = 0; c < n; ++c) norm += at(row, c) * at(row, c);
      for (std::size_t c = 0; c < n; ++c) at(row, c) /= sqrtDet(norm);
    }
  } else {
    throw Error(ErrorKind::Usage, "no rotation is called '" + name + "'", "known: blocks, pairs, random");
  }
  return r;
}

double whitened(std::uint32_t level, std::uint32_t size) {
  if (size <= 1) return 0.0;
  const double n = size;
  return (level - (n - 1.0) / 2.0) / sqrtDet((n * n - 1.0) / 12.0);
}

FactorCoordinates::FactorCoordinates(const std::string& name, const FactorGrid& grid) {
  if (name != "levels" && name != "angles")
    throw Error(ErrorKind::Usage, "no coordinates are called '" + name + "'", "known: levels, angles");
  const std::vector<Factor>& factors = grid.factors();
  auto round = [&](std::size_t k) {
    return name == "angles" && factors[k].kind == FactorKind::Cyclic && factors[k].size() >= 3;
  };
  auto sizeOf = [&](std::size_t k) { return static_cast<std::uint32_t>(factors[k].size()); };
  for (std::size_t k = 0; k < factors.size(); ++k)
    coordinates_.push_back({k, round(k) ? Kind::Cosine : Kind::Level, sizeOf(k)});
  for (std::size_t k = 0; k < factors.size(); ++k) {
    if (round(k)) coordinates_.push_back({k, Kind::Sine, sizeOf(k)});
  }
}

void FactorCoordinates::of(const std::uint32_t* levels, double* values) const {
  const double scale = sqrtDet(2.0);
  for (std::size_t i = 0; i < coordinates_.size(); ++i) {
    const Coordinate& c = coordinates_[i];
    if (c.kind == Kind::Level) {
      values[i] = whitened(levels[c.factor], c.size);
    } else {
      const double angle = kTwoPi * levels[c.factor] / c.size;
      values[i] = scale * (c.kind == Kind::Cosine ? cosDet(angle) : sinDet(angle));
    }
  }
}

std::vector<double> FactorCoordinates::rotation(const std::string& spec, const FactorGrid& grid,
                                                std::uint64_t seed) const {
  const std::vector<double> first = rotationMatrix(spec, grid, seed);
  const std::size_t k = grid.factorCount();
  const std::size_t d = count();
  std::vector<double> r(d * d, 0.0);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) r[i * d + j] = first[i * k + j];
  }
  for (std::size_t i = k; i < d; ++i) r[i * d + i] = 1.0;
  // Factors that R leaves alone keep both their axes.
  const std::size_t colon = spec.find(':');
  std::vector<std::size_t> sines;
  std::string list;
  for (const std::size_t factor : chosenFactors(colon == std::string::npos ? "" : spec.substr(colon + 1), grid)) {
    const auto at = std::find_if(coordinates_.begin(), coordinates_.end(),
                                 [&](const Coordinate& c) { return c.factor == factor && c.kind == Kind::Sine; });
    if (at == coordinates_.end()) continue;
    sines.push_back(static_cast<std::size_t>(at - coordinates_.begin()));
    list += (list.empty() ? ":" : ",") + grid.factors()[factor].name;
  }
  if (sines.size() < 2) return r;
  const std::vector<double> second = rotationMatrix(spec.substr(0, colon) + list, grid, seed);
  for (const std::size_t row : sines) {
    for (const std::size_t column : sines) r[row * d + column] = second[factorOf(row) * k + factorOf(column)];
  }
  return r;
}

std::vector<std::string> rotationSpecs(const std::string& specs) {
  return specsOf(specs, "a rotation", "known: blocks, pairs, random");
}

std::vector<std::string> codesSpecs(const std::string& specs) {
  return specsOf(specs, "a kind of codes", "known: levels, angles");
}

bool mixesFactors(const std::vector<double>& rotation, std::size_t row) {
  const auto k = static_cast<std::size_t>(std::llround(std::sqrt(static_cast<double>(rotation.size()))));
  std::size_t nonzero = 0;
  for (std::size_t c = 0; c < k; ++c) nonzero += rotation[row * k + c] != 0.0;
  return nonzero > 1;
}

}  // namespace offaxis
