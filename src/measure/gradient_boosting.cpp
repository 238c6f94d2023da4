#include "measure/gradient_boosting.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/parallel.h"
#include "core/philox.h"

namespace offaxis {
namespace {

using Tree = GradientBoosting::Tree;

constexpr float kSameCode = 1e-7F;
constexpr double kPure = std::numeric_limits<double>::epsilon();
constexpr std::uint64_t kRowGrain = 1024;

std::vector<float> narrowed(const double* codes, std::size_t count, std::size_t latents) {
  std::vector<float> result(count * latents);
  for (std::size_t i = 0; i < result.size(); ++i) {
    // Beyond float's range the conversion itself is undefined.
    if (!(std::abs(codes[i]) <= std::numeric_limits<float>::max())) {
      throw Error(ErrorKind::BadFile,
                  "the code of row " + std::to_string(i / latents) + ", latent " + std::to_string(i % latents) +
                      " does not fit float32",
                  "scale the codes down: trees only see their order");
    }
    result[i] = static_cast<float>(codes[i]);
  }
  return result;
}

struct Entry {
  float code;
  std::uint32_t row;
};

// Every column's codes in ascending order, [L,N].
std::vector<Entry> sortedColumns(const std::vector<float>& codes, std::size_t count, std::size_t latents) {
  std::vector<Entry> result(codes.size());
  for (std::size_t f = 0; f < latents; ++f) {
    Entry* column = result.data() + f * count;
    for (std::size_t i = 0; i < count; ++i) column[i] = {codes[i * latents + f], static_cast<std::uint32_t>(i)};
    std::stable_sort(column, column + count, [](const Entry& a, const Entry& b) { return a.code < b.code; });
  }
  return result;
}

// Residuals lie within [-1, 1]; as many bits as keep the sum of `count` of them within 62.
double fixedPointUnit(std::size_t count) {
  int bits = 62;
  for (std::size_t n = 1; n < count; n *= 2) --bits;
  return std::ldexp(1.0, bits);
}

// Grows one tree at a time and keeps its memory between trees: one per thread.
class TreeGrower {
 public:
  TreeGrower(const std::vector<Entry>& sorted, std::size_t count, std::size_t latents)
      : residuals(count),
        leafOf(count),
        decrease(latents),
        count_(count),
        latents_(latents),
        right_(count),
        order_(latents) {
    levels_[0] = sorted.data();
    for (std::size_t depth = 1; depth < levels_.size(); ++depth) {
      memory_[depth].resize(sorted.size());
      levels_[depth] = memory_[depth].data();
    }
  }

  // Sets `tree`'s features and thresholds, leafOf and decrease from residuals.
  void grow(Tree& tree, std::uint64_t number) {
    tree.feature.fill(-1);
    std::fill(decrease.begin(), decrease.end(), 0.0);
    for (std::size_t i = 0; i < latents_; ++i) order_[i] = i;
    for (std::size_t i = latents_; i > 1; --i) std::swap(order_[i - 1], order_[orderDraws_.below(i, number, i)]);
    std::int64_t total = 0;
    for (const std::int64_t residual : residuals) total += residual;
    growNode(tree, 0, 0, 0, count_, total);
  }

  std::vector<std::int64_t> residuals;  // [N], fixed point
  std::vector<std::uint8_t> leafOf;     // [N], a node of the tree
  std::vector<double> decrease;         // [L], of the summed squares, in units of the fixed point squared

 private:
  struct Split {
    std::size_t feature = 0;
    std::size_t leftCount = 0;  // 0: none was possible
    std::int64_t leftTotal = 0;
    // The gain is difference^2 / product. As a fraction it compares without dividing, and equal ones stay equal.
    double squaredDifference = -1;
    double product = 1;
  };

  const Entry* column(std::size_t depth, std::size_t feature) const { return levels_[depth] + feature * count_; }

  // The node holds the rows of [begin, end) of every column of levels_[depth].
  void growNode(Tree& tree, std::size_t node, std::size_t depth, std::size_t begin, std::size_t end,
                std::int64_t total) {
    Split best;
    if (end - begin > 1 && !pure(column(depth, 0) + begin, end - begin, total)) {
      for (const std::size_t f : order_) search(f, column(depth, f) + begin, end - begin, total, best);
    }
    if (best.leftCount == 0) {
      for (std::size_t i = begin; i < end; ++i) leafOf[column(depth, 0)[i].row] = static_cast<std::uint8_t>(node);
      return;
    }
    const Entry* chosen = column(depth, best.feature);
    const std::size_t middle = begin + best.leftCount;
    tree.feature[node] = static_cast<std::int32_t>(best.feature);
    tree.threshold[node] = chosen[middle - 1].code / 2.0 + chosen[middle].code / 2.0;
    decrease[best.feature] += best.squaredDifference / best.product / static_cast<double>(end - begin);
    if (depth + 1 == levels_.size()) {
      for (std::size_t i = begin; i < end; ++i) {
        leafOf[chosen[i].row] = static_cast<std::uint8_t>(2 * node + (i < middle ? 1 : 2));
      }
      return;
    }
    for (std::size_t i = begin; i < end; ++i) right_[chosen[i].row] = i < middle ? 0 : 1;
    for (std::size_t f = 0; f < latents_; ++f) {
      partition(column(depth, f), memory_[depth + 1].data() + f * count_, begin, middle, end);
    }
    growNode(tree, 2 * node + 1, depth + 1, begin, middle, best.leftTotal);
    growNode(tree, 2 * node + 2, depth + 1, middle, end, total - best.leftTotal);
  }

  // Whether the residuals' variance is at most kPure; decided by the first few of most nodes.
  bool pure(const Entry* entries, std::size_t n, std::int64_t total) const {
    const double unit = fixedPointUnit(count_);
    const double centre = static_cast<double>(total) / static_cast<double>(n);
    const double limit = kPure * static_cast<double>(n) * unit * unit;
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double deviation = static_cast<double>(residuals[entries[i].row]) - centre;
      sum += deviation * deviation;
      if (sum > limit) return false;
    }
    return true;
  }

  void search(std::size_t feature, const Entry* entries, std::size_t n, std::int64_t total, Split& best) const {
    if (entries[n - 1].code <= entries[0].code + kSameCode) return;
    Split found = best;
    std::int64_t left = 0;
    for (std::size_t i = 1; i < n; ++i) {
      left += residuals[entries[i - 1].row];
      if (entries[i].code <= entries[i - 1].code + kSameCode) continue;
      const auto leftCount = static_cast<double>(static_cast<std::int64_t>(i));
      const auto rightCount = static_cast<double>(static_cast<std::int64_t>(n - i));
      const double difference = rightCount * static_cast<double>(left) - leftCount * static_cast<double>(total - left);
      const double squared = difference * difference;
      const double product = leftCount * rightCount;
      if (squared * found.product > found.squaredDifference * product) found = {feature, i, left, squared, product};
    }
    best = found;
  }

  // Rows that go left to [begin, middle), the others to [middle, end), each in the order that they had.
  void partition(const Entry* from, Entry* to, std::size_t begin, std::size_t middle, std::size_t end) const {
    std::size_t left = begin;
    std::size_t right = middle;
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t goesRight = right_[from[i].row];
      to[goesRight != 0 ? right : left] = from[i];
      right += goesRight;
      left += 1 - goesRight;
    }
  }

  std::size_t count_;
  std::size_t latents_;
  std::vector<std::uint8_t> right_;  // [N]
  std::vector<std::size_t> order_;   // [L], in which features are tried
  Philox orderDraws_{0, "boosting ties"};
  std::array<std::vector<Entry>, kBoostingDepth> memory_;
  std::array<const Entry*, kBoostingDepth> levels_{};  // each [L,N]; within a node, columns stay sorted
};

double logistic(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

}  // namespace

GradientBoosting::GradientBoosting(const double* codes, std::uint64_t latents, const std::vector<std::int64_t>& labels,
                                   const Context& context)
    : latents_(latents), classes_(labels), importances_(latents, 0.0) {
  std::sort(classes_.begin(), classes_.end());
  classes_.erase(std::unique(classes_.begin(), classes_.end()), classes_.end());
  if (classes_.size() < 2) {
    throw Error(ErrorKind::BadFile,
                "a classifier needs labels of two classes, these show " + std::to_string(classes_.size()),
                "leave out what does not vary");
  }
  if (classes_.size() > kMostBoostingClasses) {
    throw Error(
        ErrorKind::BadFile,
        "boosting of " + std::to_string(classes_.size()) + " classes grows " +
            std::to_string(kBoostingStages * classes_.size()) + " trees",
        "at most " + std::to_string(kMostBoostingClasses) + " classes are taken: bin the factor, or leave it out");
  }
  const std::size_t count = labels.size();
  const auto real = static_cast<double>(count);
  std::vector<std::size_t> classOf(count);
  std::vector<double> shares(classes_.size(), 0.0);
  for (std::size_t i = 0; i < count; ++i) {
    classOf[i] =
        static_cast<std::size_t>(std::lower_bound(classes_.begin(), classes_.end(), labels[i]) - classes_.begin());
    shares[classOf[i]] += 1.0;
  }
  constexpr double kSmallest = std::numeric_limits<float>::epsilon();
  for (double& share : shares) share = std::min(std::max(share / real, kSmallest), 1 - kSmallest);

  const bool binary = classes_.size() == 2;
  const std::size_t outputs = binary ? 1 : classes_.size();
  if (binary) {
    start_ = {std::log(shares[1] / (1 - shares[1]))};
  } else {
    for (const double share : shares) start_.push_back(std::log(share));
  }
  std::vector<double> scores(outputs * count);  // F, [output, row]
  for (std::size_t k = 0; k < outputs; ++k)
    std::fill_n(scores.begin() + static_cast<std::ptrdiff_t>(k * count), count, start_[k]);
  std::vector<double> probabilities(outputs * count);

  const std::vector<Entry> sorted = sortedColumns(narrowed(codes, count, latents), count, latents);
  const std::size_t workers = std::min<std::size_t>(static_cast<std::size_t>(std::max(context.threads, 1)), outputs);
  std::vector<TreeGrower> growers;
  growers.reserve(workers);
  for (std::size_t w = 0; w < workers; ++w) growers.emplace_back(sorted, count, latents);
  const double unit = fixedPointUnit(count);
  const double newton = binary ? 1.0 : (static_cast<double>(outputs) - 1) / static_cast<double>(outputs);
  std::vector<double> decreases(outputs * latents);
  trees_.resize(kBoostingStages * outputs);

  const auto refresh = [&](std::uint64_t begin, std::uint64_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      if (binary) {
        probabilities[i] = logistic(scores[i]);
        continue;
      }
      double highest = scores[i];
      for (std::size_t k = 1; k < outputs; ++k) highest = std::max(highest, scores[k * count + i]);
      double sum = 0;
      for (std::size_t k = 0; k < outputs; ++k) {
        sum += probabilities[k * count + i] = std::exp(scores[k * count + i] - highest);
      }
      for (std::size_t k = 0; k < outputs; ++k) probabilities[k * count + i] /= sum;
    }
  };
  for (std::size_t stage = 0; stage < kBoostingStages; ++stage) {
    parallelFor(context, count, kRowGrain, refresh);
    parallelFor(context, outputs, 1, [&](std::uint64_t k, std::uint64_t, int worker) {
      TreeGrower& grower = growers[static_cast<std::size_t>(worker)];
      Tree& tree = trees_[stage * outputs + k];
      const double* p = probabilities.data() + k * count;
      const std::size_t target = binary ? 1 : k;
      const auto residual = [&](std::size_t i) { return (classOf[i] == target ? 1.0 : 0.0) - p[i]; };
      for (std::size_t i = 0; i < count; ++i) grower.residuals[i] = static_cast<std::int64_t>(residual(i) * unit);
      grower.grow(tree, stage * outputs + k);
      std::array<double, kNodes> slope{};
      std::array<double, kNodes> curvature{};
      for (std::size_t i = 0; i < count; ++i) {
        slope[grower.leafOf[i]] += residual(i);
        curvature[grower.leafOf[i]] += p[i] * (1 - p[i]);
      }
      for (std::size_t node = 0; node < kNodes; ++node) {
        tree.step[node] = curvature[node] < 1e-150 ? 0.0 : kBoostingRate * (newton * slope[node] / curvature[node]);
      }
      for (std::size_t i = 0; i < count; ++i) scores[k * count + i] += tree.step[grower.leafOf[i]];
      std::copy(grower.decrease.begin(), grower.decrease.end(),
                decreases.begin() + static_cast<std::ptrdiff_t>(k * latents));
    });
    for (std::size_t i = 0; i < decreases.size(); ++i) importances_[i % latents] += decreases[i] / (unit * unit);
  }
  double total = 0;
  for (const double value : importances_) total += value;
  if (total > 0) {
    for (double& value : importances_) value /= total;
  }
}

std::vector<std::int64_t> GradientBoosting::predict(const double* codes, std::uint64_t count,
                                                    const Context& context) const {
  const std::vector<float> narrow = narrowed(codes, count, latents_);
  std::vector<std::int64_t> labels(count);
  parallelFor(context, count, kRowGrain, [&](std::uint64_t begin, std::uint64_t end, int) {
    std::vector<double> scores;
    for (std::size_t i = begin; i < end; ++i) {
      const float* row = narrow.data() + i * latents_;
      scores = start_;
      for (std::size_t t = 0; t < trees_.size(); ++t) {
        const Tree& tree = trees_[t];
        std::size_t node = 0;
        while (node < kInner && tree.feature[node] >= 0) {
          const bool right = row[tree.feature[node]] > tree.threshold[node];
          node = 2 * node + (right ? 2 : 1);
        }
        scores[t % scores.size()] += tree.step[node];
      }
      std::size_t best = 0;
      if (scores.size() == 1) {
        const double p = logistic(scores[0]);
        best = p > 1 - p ? 1 : 0;
      } else {
        best = static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
      }
      labels[i] = classes_[best];
    }
  });
  return labels;
}

}  // namespace offaxis
