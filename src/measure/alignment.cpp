#include "measure/alignment.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "core/rotation.h"
#include "core/text.h"
#include "measure/statistics.h"

namespace offaxis {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double kPi = 3.14159265358979323846;
constexpr double kDependent = 1e-12;  // a determinant of unit columns below this is rounding

Matrix matrixOf(const std::vector<double>& values, std::size_t k) {
  return Eigen::Map<const RowMajor>(values.data(), static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(k));
}

std::vector<double> rowsOf(const Matrix& matrix) {
  std::vector<double> values(static_cast<std::size_t>(matrix.size()));
  Eigen::Map<RowMajor>(values.data(), matrix.rows(), matrix.cols()) = matrix;
  return values;
}

void requireWholeGrid(const Source& source) {
  if (source.size() != source.info().grid.size()) {
    throw Error(ErrorKind::Usage, "alignment needs the whole factor grid",
                "give the full dataset, not a subset of its rows");
  }
}

std::vector<std::string> categoricalFactors(const FactorGrid& grid) {
  std::vector<std::string> names;
  for (const Factor& factor : grid.factors()) {
    if (factor.kind == FactorKind::Categorical && factor.size() > 1) names.push_back(factor.name);
  }
  return names;
}

// Two levels have no circle to go round.
bool isCircle(const Factor& factor) {
  return factor.kind == FactorKind::Cyclic && factor.size() > 2;
}

double levelSd(std::uint64_t size) {
  const auto n = static_cast<double>(size);
  return std::sqrt((n * n - 1) / 12);
}

std::optional<Vector> responses(const Matrix& gram) {
  const Vector diagonal = gram.diagonal();
  if (!(diagonal.array() > 0).all()) return std::nullopt;
  return diagonal;
}

Estimate estimateOf(const std::vector<double>& values) {
  if (values.empty()) return {};
  return {mean(values), standardDeviation(values) / std::sqrt(static_cast<double>(values.size())), values.size()};
}

// Delta of two columns under a rotation by an angle: their squared lengths become m + u and m - u.
struct PairGram {
  double a, b, ab;  // g_ii, g_jj, g_ij

  bool independent() const { return a > 0 && b > 0 && ab * ab < a * b * (1 - kDependent); }
  double preference(double angle) const {
    const double m = (a + b) / 2, u = (a - b) / 2 * std::cos(2 * angle) - ab * std::sin(2 * angle);
    return 0.5 * std::log((m - u) * (m + u) / (a * b));
  }
};

// What a source says of itself is a file's fault where it is wrong, not the command line's.
int levelsOf(const SourceInfo& info, const std::string& eps) {
  try {
    return Budget::parse(eps).levels();
  } catch (const Error& error) {
    throw Error(ErrorKind::BadFile, "the settings of " + info.expression() + " are damaged: " + error.what());
  }
}

// The variance of every image's noise, where the source adds some.
class Noise {
 public:
  explicit Noise(const Source& source) : original_(source.parent()) {
    const SourceInfo& info = source.info();
    if (info.variant != "noise") return;
    const auto eps = info.settings.find("eps");
    const bool wrapped = original_ && original_->info().variant == "original";
    if (eps == info.settings.end() || (original_ && !wrapped)) {
      correction_ = NoiseCorrection::Unknown;
      return;
    }
    const int levels = levelsOf(info, eps->second);
    correction_ = wrapped ? NoiseCorrection::Exact : NoiseCorrection::NoClip;
    for (int x = 0; x < 256; ++x) {
      double sum = 0, squares = 0;
      for (int d = -levels; d <= levels; ++d) {
        const double value = wrapped ? std::clamp(x + d, 0, 255) : x + d;
        sum += value;
        squares += value * value;
      }
      const double count = 2.0 * levels + 1;
      variance_[static_cast<std::size_t>(x)] = squares / count - (sum / count) * (sum / count);
    }
  }

  NoiseCorrection correction() const { return correction_; }
  bool subtracts() const { return correction_ == NoiseCorrection::Exact || correction_ == NoiseCorrection::NoClip; }

  // Summed over the pixels, in squared levels.
  double of(const Source& source, std::uint64_t row) const {
    if (!subtracts()) return 0;
    const std::uint64_t bytes = source.info().shape.bytes();
    if (correction_ == NoiseCorrection::NoClip) return variance_[0] * static_cast<double>(bytes);
    std::vector<std::uint8_t> pixels(bytes);
    original_->read(row, pixels.data());
    double sum = 0;
    for (const std::uint8_t pixel : pixels) sum += variance_[pixel];
    return sum;
  }

 private:
  SourcePtr original_;
  NoiseCorrection correction_ = NoiseCorrection::None;
  std::array<double, 256> variance_{};  // of a pixel by its level
};

// A column of J: (x[ahead] - x[behind]) * scale, x in levels.
struct Column {
  std::uint64_t ahead, behind;
  double scale;
};

Column columnAt(const FactorGrid& grid, std::size_t k, std::vector<std::uint32_t> levels) {
  const Factor& factor = grid.factors()[k];
  const auto last = static_cast<std::uint32_t>(factor.size() - 1);
  const std::uint32_t level = levels[k];
  const bool circle = isCircle(factor);
  const std::uint32_t ahead = level < last ? level + 1 : (circle ? 0 : level);
  const std::uint32_t behind = level > 0 ? level - 1 : (circle ? last : level);
  const double steps = circle ? 2.0 : static_cast<double>(ahead - behind);
  levels[k] = ahead;
  const std::uint64_t aheadIndex = grid.indexOf(levels);
  levels[k] = behind;
  return {aheadIndex, grid.indexOf(levels), levelSd(factor.size()) / (255 * steps)};
}

struct Gram {
  Matrix matrix;
  std::vector<bool> silent;  // columns of zeros
};

Gram gramAt(const Source& source, const Noise& noise, const std::vector<Column>& columns) {
  const std::size_t k = columns.size();
  const std::size_t bytes = source.info().shape.bytes();
  std::vector<std::vector<std::int16_t>> differences(k, std::vector<std::int16_t>(bytes));
  std::vector<std::uint8_t> ahead(bytes), behind(bytes);
  for (std::size_t j = 0; j < k; ++j) {
    source.read(columns[j].ahead, ahead.data());
    source.read(columns[j].behind, behind.data());
    for (std::size_t i = 0; i < bytes; ++i) differences[j][i] = static_cast<std::int16_t>(ahead[i] - behind[i]);
  }
  Gram result{Matrix(k, k), std::vector<bool>(k)};
  for (std::size_t a = 0; a < k; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < bytes; ++i) sum += differences[a][i] * differences[b][i];
      if (a == b) result.silent[a] = sum == 0;
      result.matrix(a, b) = result.matrix(b, a) = static_cast<double>(sum) * columns[a].scale * columns[b].scale;
    }
  }
  if (!noise.subtracts()) return result;
  std::vector<std::uint64_t> images;  // by the index that their noise is keyed by
  Matrix weights = Matrix::Zero(k, 2 * k);
  Vector variances = Vector::Zero(2 * k);
  const auto add = [&](std::size_t column, std::uint64_t row, double weight) {
    const std::uint64_t key = source.canonicalIndex(row);
    const auto found = std::find(images.begin(), images.end(), key);
    const auto at = found - images.begin();
    if (found == images.end()) {
      images.push_back(key);
      variances(at) = noise.of(source, row);
    }
    weights(column, at) += weight;
  };
  for (std::size_t j = 0; j < k; ++j) {
    add(j, columns[j].ahead, columns[j].scale);
    add(j, columns[j].behind, -columns[j].scale);
  }
  result.matrix -= weights * variances.asDiagonal() * weights.transpose();
  return result;
}

// The index-th point: uniform over the grid, or over its inside.
std::vector<std::uint32_t> pointAt(const FactorGrid& grid, const Philox& philox, std::uint64_t index, bool interior) {
  if (!interior) return grid.levelsOf(philox.below(grid.size(), index));
  std::vector<std::uint32_t> levels;
  for (const Factor& factor : grid.factors()) {
    const bool inside = factor.kind == FactorKind::Ordinal && factor.size() > 2;
    const std::uint64_t level = philox.below(factor.size() - (inside ? 2 : 0), index, 1 + levels.size());
    levels.push_back(static_cast<std::uint32_t>(level + (inside ? 1 : 0)));
  }
  return levels;
}

PairPreference pairPreference(const std::vector<Gram>& grams, std::size_t first, std::size_t second) {
  std::vector<PairGram> usable;
  for (const Gram& gram : grams) {
    const PairGram pair{gram.matrix(first, first), gram.matrix(second, second), gram.matrix(first, second)};
    if (pair.independent()) usable.push_back(pair);
  }
  const auto at = [&](int degrees) {
    std::vector<double> values;
    for (const PairGram& pair : usable) values.push_back(pair.preference(degrees * kPi / 180));
    return estimateOf(values);
  };
  PairPreference result{first, second, at(45), 0, {}};
  for (int size = 1; size <= 45; ++size) {
    for (const int degrees : {size, -size}) {
      const Estimate estimate = at(degrees);
      // Angles that differ by rounding alone go to the smaller one.
      if (degrees != -45 && (result.angle == 0 || estimate.mean < result.best.mean - 1e-12)) {
        result.angle = degrees;
        result.best = estimate;
      }
    }
  }
  return result;
}

// FactorCoordinates without categorical factors and factors of one level, a sine beside its cosine.
struct Coordinates {
  FactorCoordinates all;
  std::vector<std::size_t> chosen;  // of `all`

  explicit Coordinates(const FactorGrid& grid) : all("angles", grid) {
    for (std::size_t k = 0; k < grid.factorCount(); ++k) {
      const Factor& factor = grid.factors()[k];
      if (factor.size() < 2 || factor.kind == FactorKind::Categorical) continue;
      for (std::size_t i = 0; i < all.count(); ++i) {
        if (all.factorOf(i) == k) chosen.push_back(i);
      }
    }
  }
  std::size_t count() const { return chosen.size(); }
  std::size_t factorOf(std::size_t i) const { return all.factorOf(chosen[i]); }
  std::string suffixOf(std::size_t i) const {
    return all.isLevel(chosen[i]) ? "" : all.isSine(chosen[i]) ? " sin" : " cos";
  }
};

// Sums over sampled images x, in levels, with their coordinates c.
struct Moments {
  Matrix xc, cc;
  Vector x, c;
  double xx = 0;
  double count = 0;

  void add(const Moments& o) {
    if (count == 0) {
      *this = o;
      return;
    }
    xc += o.xc;
    cc += o.cc;
    x += o.x;
    c += o.c;
    xx += o.xx;
    count += o.count;
  }
  // B by least squares with an intercept. Over the grid it is E[x c^T]; in a sample the coordinates correlate a little,
  // and a strong pattern must not leak into a weak one.
  Matrix response() const {
    const Matrix across = xc / count - (x / count) * (c / count).transpose();
    const Matrix within = cc / count - (c / count) * (c / count).transpose();
    return within.ldlt().solve(across.transpose()).transpose() / 255;
  }
  double totalVariance() const { return (xx / count - (x / count).squaredNorm()) / (255.0 * 255.0); }
};

double normOf(const Matrix& gram, std::size_t i) {
  return std::sqrt(std::max(gram(i, i), 0.0));
}

double cosineOf(const Matrix& gram, std::size_t i, std::size_t j) {
  const double norms = normOf(gram, i) * normOf(gram, j);
  return norms > 0 ? gram(i, j) / norms : 0;
}

// B^T B from estimates of B with independent errors: the mean over all pairs of different ones but `without`.
Matrix crossGram(const std::vector<Matrix>& responses, std::size_t without = SIZE_MAX) {
  Matrix sum = Matrix::Zero(responses[0].rows(), responses[0].cols());
  Matrix own = Matrix::Zero(sum.cols(), sum.cols());
  double count = 0;
  for (std::size_t f = 0; f < responses.size(); ++f) {
    if (f == without) continue;
    sum += responses[f];
    own += responses[f].transpose() * responses[f];
    ++count;
  }
  return (sum.transpose() * sum - own) / (count * (count - 1));
}

// The standard error of `value` of the estimate from all parts, from the estimates without one each.
template <typename Value>
double jackknife(const std::vector<Matrix>& leftOneOut, const Value& value) {
  std::vector<double> values;
  for (const Matrix& gram : leftOneOut) values.push_back(value(gram));
  const auto n = static_cast<double>(values.size());
  return standardDeviation(values) * (n - 1) / std::sqrt(n);
}

void describePatterns(const FactorGrid& grid, const Coordinates& coordinates, const Matrix& gram,
                      const std::vector<Matrix>& leftOneOut, LinearResponse& result) {
  for (std::size_t i = 0; i < coordinates.count(); ++i) {
    const std::string& factor = grid.factors()[coordinates.factorOf(i)].name;
    const double error = jackknife(leftOneOut, [&](const Matrix& g) { return normOf(g, i); });
    result.coordinates.push_back({factor + coordinates.suffixOf(i), factor, normOf(gram, i), error});
  }
  for (std::size_t i = 0; i < coordinates.count(); ++i) {
    for (std::size_t j = i + 1; j < coordinates.count(); ++j) {
      if (coordinates.factorOf(i) == coordinates.factorOf(j)) continue;
      const bool ordered = gram(i, i) >= gram(j, j);
      const double error = jackknife(leftOneOut, [&](const Matrix& g) { return cosineOf(g, i, j); });
      const double angle = 90 / kPi * std::atan2(2 * gram(i, j), std::fabs(gram(i, i) - gram(j, j)));
      result.pairs.push_back({ordered ? i : j, ordered ? j : i, cosineOf(gram, i, j), error, angle});
    }
  }
}

}  // namespace

std::optional<double> hadamardGap(const std::vector<double>& gram, std::size_t k) {
  const Matrix g = matrixOf(gram, k);
  const std::optional<Vector> squares = responses(g);
  if (!squares) return std::nullopt;
  const Vector inverse = squares->cwiseSqrt().cwiseInverse();
  const Matrix unit = inverse.asDiagonal() * g * inverse.asDiagonal();
  const Vector eigenvalues = Eigen::SelfAdjointEigenSolver<Matrix>(unit, Eigen::EigenvaluesOnly).eigenvalues();
  if (!(eigenvalues.minCoeff() > kDependent)) return std::nullopt;
  return std::max(0.0, -0.5 * eigenvalues.array().log().sum());
}

std::optional<double> axisPreference(const std::vector<double>& gram, const std::vector<double>& rotation,
                                     std::size_t k) {
  const Matrix g = matrixOf(gram, k), r = matrixOf(rotation, k);
  const std::optional<Vector> squares = responses(g);
  const Vector rotated = (r * g * r.transpose()).diagonal();
  // What columns that cancel leave is rounding.
  if (!squares || !(rotated.array() > kDependent * g.trace()).all()) return std::nullopt;
  return 0.5 * (rotated.array().log().sum() - squares->array().log().sum());
}

std::optional<OrthogonalityDistance> distanceToOrthogonality(const std::vector<double>& gram, std::size_t k) {
  const Matrix g = matrixOf(gram, k);
  if (!responses(g)) return std::nullopt;
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(g);
  if (!(solver.eigenvalues()(0) > kDependent * solver.eigenvalues()(solver.eigenvalues().size() - 1)))
    return std::nullopt;
  const std::vector<double> weights = rowsOf(solver.eigenvectors().cwiseAbs());
  const std::vector<std::size_t> columns = heaviestAssignment(weights, k);
  double total = 0;
  for (std::size_t row = 0; row < k; ++row) total += weights[row * k + columns[row]];
  // |V - P|^2 = |V|^2 + |P|^2 - 2 <V, P>.
  OrthogonalityDistance result{std::sqrt(std::max(0.0, 2 * (static_cast<double>(k) - total))), 1};
  const Vector& ascending = solver.eigenvalues();
  for (Eigen::Index i = 1; i < ascending.size(); ++i)
    result.eigengap = std::min(result.eigengap, (ascending(i) - ascending(i - 1)) / ascending(i));
  return result;
}

// Shortest augmenting paths with potentials; row and column 0 stand for "none".
std::vector<std::size_t> heaviestAssignment(const std::vector<double>& weights, std::size_t n) {
  std::vector<double> u(n + 1), v(n + 1);
  std::vector<std::size_t> rowOf(n + 1), previous(n + 1);
  for (std::size_t row = 1; row <= n; ++row) {
    rowOf[0] = row;
    std::size_t column = 0;
    std::vector<double> slack(n + 1, std::numeric_limits<double>::infinity());
    std::vector<bool> reached(n + 1);
    do {
      reached[column] = true;
      const std::size_t from = rowOf[column];
      std::size_t next = 0;
      double step = std::numeric_limits<double>::infinity();
      for (std::size_t j = 1; j <= n; ++j) {
        if (reached[j]) continue;
        const double reduced = -weights[(from - 1) * n + j - 1] - u[from] - v[j];
        if (reduced < slack[j]) {
          slack[j] = reduced;
          previous[j] = column;
        }
        if (slack[j] < step) {
          step = slack[j];
          next = j;
        }
      }
      for (std::size_t j = 0; j <= n; ++j) {
        if (reached[j]) {
          u[rowOf[j]] += step;
          v[j] -= step;
        } else {
          slack[j] -= step;
        }
      }
      column = next;
    } while (rowOf[column] != 0);
    for (; column != 0; column = previous[column]) rowOf[column] = rowOf[previous[column]];
  }
  std::vector<std::size_t> columns(n);
  for (std::size_t j = 1; j <= n; ++j) columns[rowOf[j] - 1] = j - 1;
  return columns;
}

std::string toString(NoiseCorrection correction) {
  switch (correction) {
    case NoiseCorrection::None:
      return "none";
    case NoiseCorrection::Exact:
      return "exact";
    case NoiseCorrection::NoClip:
      return "without clipping";
    case NoiseCorrection::Unknown:
      return "unknown";
  }
  return "unknown";
}

const PairPreference* AxisAlignment::bestPair() const {
  const auto best = std::min_element(pairs.begin(), pairs.end(), [](const PairPreference& a, const PairPreference& b) {
    if ((a.best.points > 0) != (b.best.points > 0)) return a.best.points > 0;  // a pair without data has none
    return a.best.mean < b.best.mean;
  });
  return best == pairs.end() ? nullptr : &*best;
}

AxisAlignment axisAlignment(const Source& source, const AxisSettings& settings, const Context& context) {
  requireWholeGrid(source);
  if (settings.points < 2) throw Error(ErrorKind::Usage, "alignment needs two points or more");
  const FactorGrid& grid = source.info().grid;
  std::vector<std::size_t> usable;
  std::vector<Factor> usableFactors;
  for (std::size_t k = 0; k < grid.factorCount(); ++k) {
    const Factor& factor = grid.factors()[k];
    if (factor.size() < 2 || factor.kind == FactorKind::Categorical) continue;
    usable.push_back(k);
    usableFactors.push_back(factor);
  }
  AxisAlignment result;
  result.leftOut = categoricalFactors(grid);
  result.points = settings.points;
  const std::size_t k = usable.size();
  // Throws where there are fewer than two.
  result.rotation = rotationMatrix(settings.rotation, FactorGrid(std::move(usableFactors)), settings.seed);

  const Noise noise(source);
  result.noise = noise.correction();
  const Philox philox(settings.seed, "alignment-point");
  std::vector<Gram> grams(settings.points);
  context.begin("comparing neighbours", settings.points, "points");
  parallelFor(context, settings.points, 4, [&](std::uint64_t begin, std::uint64_t end, int) {
    for (std::uint64_t point = begin; point < end; ++point) {
      const std::vector<std::uint32_t> levels = pointAt(grid, philox, point, settings.interior);
      std::vector<Column> columns;
      for (const std::size_t factor : usable) columns.push_back(columnAt(grid, factor, levels));
      grams[point] = gramAt(source, noise, columns);
      context.advance(1);
    }
  });
  context.end();

  for (std::size_t j = 0; j < k; ++j) {
    FactorResponse response{grid.factors()[usable[j]].name, {}, 0};
    std::vector<double> lengths;
    for (const Gram& gram : grams) {
      lengths.push_back(std::sqrt(std::max(gram.matrix(j, j), 0.0)));
      response.silent += gram.silent[j] ? 1 : 0;
    }
    response.length = estimateOf(lengths);
    result.factors.push_back(std::move(response));
  }
  std::vector<double> gaps, preferences, distances, eigengaps;
  Vector spectrum = Vector::Zero(k), columnSpectrum = Vector::Zero(k);
  std::uint64_t traced = 0;
  for (const Gram& gram : grams) {
    const std::vector<double> rows = rowsOf(gram.matrix);
    if (const auto gap = hadamardGap(rows, k)) gaps.push_back(*gap);
    if (const auto preference = axisPreference(rows, result.rotation, k)) preferences.push_back(*preference);
    if (const auto orthogonality = distanceToOrthogonality(rows, k)) {
      distances.push_back(orthogonality->distance);
      eigengaps.push_back(orthogonality->eigengap);
    }
    const double trace = gram.matrix.trace();
    if (!(trace > 0)) continue;
    ++traced;
    Vector diagonal = gram.matrix.diagonal();
    std::sort(diagonal.data(), diagonal.data() + diagonal.size(), std::greater<>());
    columnSpectrum += diagonal / trace;
    spectrum +=
        Eigen::SelfAdjointEigenSolver<Matrix>(gram.matrix, Eigen::EigenvaluesOnly).eigenvalues().reverse() / trace;
  }
  if (traced > 0) {
    spectrum /= static_cast<double>(traced);
    columnSpectrum /= static_cast<double>(traced);
  }
  result.spectrum = rowsOf(spectrum);
  result.columnSpectrum = rowsOf(columnSpectrum);
  result.gap = estimateOf(gaps);
  result.preference = estimateOf(preferences);
  result.distance = estimateOf(distances);
  result.eigengap = estimateOf(eigengaps);
  for (std::size_t first = 0; first < k; ++first) {
    for (std::size_t second = first + 1; second < k; ++second)
      result.pairs.push_back(pairPreference(grams, first, second));
  }
  return result;
}

LinearResponse linearResponse(const Source& source, std::uint64_t samples, std::uint64_t seed, const Context& context) {
  constexpr std::uint64_t kParts = 8;
  constexpr std::uint64_t kBlock = 128;
  requireWholeGrid(source);
  if (samples < 256) throw Error(ErrorKind::Usage, "the linear response needs 256 samples or more");
  const FactorGrid& grid = source.info().grid;
  const Coordinates coordinates(grid);
  const std::size_t d = coordinates.count();
  if (samples / kParts < 4 * (d + 1)) {
    throw Error(ErrorKind::Usage, "the linear response to " + std::to_string(d) + " coordinates needs " +
                                      std::to_string(kParts * 4 * (d + 1)) + " samples or more");
  }
  if (d == 0) throw Error(ErrorKind::Usage, "no factor of " + source.info().expression() + " has an order");

  const std::size_t bytes = source.info().shape.bytes();
  const Philox philox(seed, "response-sample");
  const std::uint64_t partSize = samples / kParts;
  const std::uint64_t blocks = (partSize + kBlock - 1) / kBlock;  // of one part
  Moments part;
  std::vector<Matrix> responses;
  double variance = 0;
  context.begin("sampling responses", kParts * partSize, "images");
  orderedPipeline<Moments>(
      context, kParts * blocks, 2 * static_cast<std::uint64_t>(std::max(context.threads, 1)),
      [&](std::uint64_t block, int) {
        const std::uint64_t first = block % blocks * kBlock;
        const std::uint64_t count = std::min(kBlock, partSize - first);
        Matrix images(bytes, count), c(d, count);
        std::vector<std::uint8_t> pixels(bytes);
        std::vector<std::uint32_t> levels(grid.factorCount());
        std::vector<double> values(coordinates.all.count());
        for (std::uint64_t i = 0; i < count; ++i) {
          const std::uint64_t row = philox.below(grid.size(), block / blocks * partSize + first + i);
          grid.levelsOf(row, levels.data());
          source.read(row, pixels.data());
          for (std::size_t p = 0; p < bytes; ++p) images(p, i) = pixels[p];
          coordinates.all.of(levels.data(), values.data());
          for (std::size_t j = 0; j < d; ++j) c(j, i) = values[coordinates.chosen[j]];
        }
        Moments sums;
        sums.xc = images * c.transpose();
        sums.cc = c * c.transpose();
        sums.x = images.rowwise().sum();
        sums.c = c.rowwise().sum();
        sums.xx = images.squaredNorm();
        sums.count = static_cast<double>(count);
        return sums;
      },
      [&](std::uint64_t block, Moments&& sums) {
        part.add(sums);
        context.advance(static_cast<std::uint64_t>(sums.count));
        if ((block + 1) % blocks != 0) return;
        responses.push_back(part.response());
        variance += part.totalVariance() / kParts;
        part = {};
      });
  context.end();

  LinearResponse result;
  result.samples = kParts * partSize;
  result.leftOut = categoricalFactors(grid);
  const Matrix gram = crossGram(responses);
  std::vector<Matrix> leftOneOut;
  for (std::size_t f = 0; f < kParts; ++f) leftOneOut.push_back(crossGram(responses, f));
  result.gram = rowsOf(gram);
  describePatterns(grid, coordinates, gram, leftOneOut, result);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(gram);
  result.eigenvalues = rowsOf(solver.eigenvalues().reverse());
  result.directions = rowsOf(solver.eigenvectors().rowwise().reverse().transpose());
  result.linearShare = variance > 0 ? gram.trace() / variance : 0;
  return result;
}

std::string mixingRotations(const LinearResponse& response) {
  constexpr double kLeastShare = 0.1;
  constexpr std::size_t kMostFactors = 3;
  std::vector<std::pair<double, std::string>> factors;  // squared norm of all of a factor's patterns
  for (const ResponseCoordinate& coordinate : response.coordinates) {
    const double square = coordinate.norm * coordinate.norm;
    const auto known = std::find_if(factors.begin(), factors.end(),
                                    [&](const auto& factor) { return factor.second == coordinate.factor; });
    if (known == factors.end()) {
      factors.emplace_back(square, coordinate.factor);
    } else {
      known->first += square;
    }
  }
  // Norms carry sampling errors: what nearly ties goes by the grid's order, not by chance.
  constexpr double kTie = 0.05;
  const std::vector<std::pair<double, std::string>> inOrder = factors;
  std::vector<std::size_t> chosen;
  double strongest = 0;
  for (const auto& factor : factors) strongest = std::max(strongest, factor.first);
  while (chosen.size() < std::min(kMostFactors, factors.size())) {
    double most = 0;
    for (const auto& factor : factors) most = std::max(most, factor.first);
    if (!(most > 0) || most < kLeastShare * strongest) break;
    std::size_t next = 0;
    while (factors[next].first < (1 - kTie) * most) ++next;
    chosen.push_back(next);
    factors[next].first = 0;
  }
  std::sort(chosen.begin(), chosen.end());
  const std::size_t strong = chosen.size();
  if (strong < 2) {
    throw Error(ErrorKind::Usage, "no two factors show strongly enough to be mixed",
                "name a rotation instead: blocks, pairs or random, with the factors to rotate");
  }
  const auto pairOf = [&](std::size_t i, std::size_t k) {
    return "pairs:" + inOrder[chosen[i]].second + "," + inOrder[chosen[k]].second;
  };
  std::string specs = pairOf(0, 1);
  if (strong == 3) specs += ";" + pairOf(1, 2) + ";" + pairOf(0, 2);
  return specs;
}

}  // namespace offaxis
