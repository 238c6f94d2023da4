#include "measure/perceived_distance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "measure/statistics.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kGrain = 256;

std::uint64_t squaredError(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const int difference = int{a[i]} - int{b[i]};
    sum += static_cast<std::uint64_t>(difference * difference);
  }
  return sum;
}

void requireWholeGrid(const Source& source, std::uint64_t pairs) {
  if (source.size() != source.info().grid.size() || pairs == 0) {
    throw Error(ErrorKind::Usage, "distances along factors need the whole factor grid and at least one pair",
                "give the full dataset, not a subset of its rows");
  }
}

// An image as a loss reads it: its levels and, where the loss blurs, the sums over the box around every pixel. Blurring
// is linear, so a traversal's images are blurred once each rather than once a pair.
struct SeenImage {
  std::vector<std::uint8_t> pixels;
  std::vector<double> boxSums;  // whole numbers
};

class Perception {
 public:
  Perception(ReconstructionLoss loss, const ImageShape& shape) : shape_(shape), radius_(blurRadius(loss, shape)) {
    blurs_ = loss == ReconstructionLoss::BoxBlur;
  }

  SeenImage see(const Source& source, std::uint64_t row) const {
    SeenImage seen{std::vector<std::uint8_t>(shape_.bytes()), {}};
    source.read(row, seen.pixels.data());
    if (blurs_) seen.boxSums = boxSums(seen.pixels);
    return seen;
  }

  double distance(const SeenImage& a, const SeenImage& b) const {
    auto sum = static_cast<double>(squaredError(a.pixels, b.pixels));
    if (blurs_) {
      // n^2 (S / n^2)^2 = S^2 / n^2 for the difference S of two sums.
      double squares = 0;
      for (std::size_t i = 0; i < a.boxSums.size(); ++i) {
        const double difference = a.boxSums[i] - b.boxSums[i];
        squares += difference * difference;
      }
      const double side = 2.0 * radius_ + 1;
      sum += squares / (side * side);
    }
    return sum / (255.0 * 255.0 * static_cast<double>(shape_.bytes()));
  }

 private:
  // From the sums over all pixels above and left of each.
  std::vector<double> boxSums(const std::vector<std::uint8_t>& pixels) const {
    const std::size_t height = shape_.height, width = shape_.width, channels = shape_.channels;
    const std::size_t stride = (width + 1) * channels;
    std::vector<double> above((height + 1) * stride);
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t x = 0; x < width; ++x) {
        for (std::size_t c = 0; c < channels; ++c) {
          const std::size_t at = (y + 1) * stride + (x + 1) * channels + c;
          above[at] = pixels[(y * width + x) * channels + c] + above[at - channels] + above[at - stride] -
                      above[at - stride - channels];
        }
      }
    }
    std::vector<double> sums(pixels.size());
    for (std::size_t y = 0; y < height; ++y) {
      const std::size_t top = (y < radius_ ? 0 : y - radius_) * stride;
      const std::size_t bottom = std::min<std::size_t>(y + radius_ + 1, height) * stride;
      for (std::size_t x = 0; x < width; ++x) {
        const std::size_t left = (x < radius_ ? 0 : x - radius_) * channels;
        const std::size_t right = std::min<std::size_t>(x + radius_ + 1, width) * channels;
        for (std::size_t c = 0; c < channels; ++c) {
          sums[(y * width + x) * channels + c] =
              above[bottom + right + c] - above[bottom + left + c] - above[top + right + c] + above[top + left + c];
        }
      }
    }
    return sums;
  }

  ImageShape shape_;
  std::uint32_t radius_;
  bool blurs_ = false;
};

DistanceCorrelation correlate(const std::vector<double>& truth, const std::vector<double>& perceived) {
  return {pearson(truth, perceived), spearman(truth, perceived), truth.size()};
}

}  // namespace

PerceivedDistances perceivedDistances(const Source& source, std::uint64_t pairs, std::uint64_t seed,
                                      const Context& context) {
  const SourceInfo& info = source.info();
  const FactorGrid& grid = info.grid;
  requireWholeGrid(source, pairs);
  const std::uint64_t bytes = info.shape.bytes();
  const double scale = 1.0 / (255.0 * 255.0 * static_cast<double>(bytes) * static_cast<double>(pairs));
  const Philox first(seed, "distance-first"), second(seed, "distance-second");
  // The mean over pairs (row, partner(row, draw)). Sums of integers: no order of threads can change them.
  const auto mean = [&](std::uint64_t stream, const auto& partner) {
    std::vector<std::uint64_t> sums(static_cast<std::size_t>(std::max(context.threads, 1)));
    parallelFor(context, pairs, kGrain, [&](std::uint64_t begin, std::uint64_t end, int worker) {
      std::vector<std::uint8_t> a(bytes), b(bytes);
      for (std::uint64_t pair = begin; pair < end; ++pair) {
        const std::uint64_t row = first.below(grid.size(), pair, stream);
        source.read(row, a.data());
        source.read(partner(row, pair), b.data());
        sums[static_cast<std::size_t>(worker)] += squaredError(a, b);
        context.advance(1);
      }
    });
    std::uint64_t total = 0;
    for (const std::uint64_t sum : sums) total += sum;
    return static_cast<double>(total) * scale;
  };

  PerceivedDistances result;
  std::uint64_t varying = 0;
  for (const Factor& factor : grid.factors()) varying += factor.size() > 1;
  context.begin("measuring distances", pairs * (varying + 1), "pairs");
  for (std::size_t k = 0; k < grid.factorCount(); ++k) {
    const std::uint64_t size = grid.factors()[k].size();
    if (size < 2) continue;
    const double error = mean(k + 1, [&](std::uint64_t row, std::uint64_t pair) {
      std::vector<std::uint32_t> levels = grid.levelsOf(row);
      // Any level but its own, all equally likely.
      levels[k] = static_cast<std::uint32_t>((levels[k] + 1 + second.below(size - 1, pair, k + 1)) % size);
      return grid.indexOf(levels);
    });
    result.perFactor.push_back({grid.factors()[k].name, error});
  }
  result.randomPairs = mean(0, [&](std::uint64_t, std::uint64_t pair) { return second.below(grid.size(), pair, 0); });
  context.end();
  return result;
}

std::string toString(ReconstructionLoss loss) {
  return loss == ReconstructionLoss::BoxBlur ? "box-blur" : "mse";
}

ReconstructionLoss reconstructionLossFromString(const std::string& name) {
  for (const ReconstructionLoss loss : {ReconstructionLoss::MeanSquaredError, ReconstructionLoss::BoxBlur}) {
    if (name == toString(loss)) return loss;
  }
  throw Error(ErrorKind::Usage, "no loss is called '" + name + "'", "known: mse, box-blur");
}

std::uint32_t blurRadius(ReconstructionLoss loss, const ImageShape& shape) {
  return loss == ReconstructionLoss::BoxBlur ? 31 * std::min(shape.height, shape.width) / 64 : 0;
}

PerceivedStructure perceivedStructure(const Source& source, ReconstructionLoss loss, std::uint64_t pairs,
                                      std::uint64_t seed, const Context& context) {
  constexpr std::uint64_t kLeastTraversals = 64;
  requireWholeGrid(source, pairs);
  const FactorGrid& grid = source.info().grid;
  constexpr std::uint64_t kMostLevels = 1000;  // every pair of every traversal is held
  for (const Factor& factor : grid.factors()) {
    if (factor.size() <= kMostLevels) continue;
    throw Error(ErrorKind::Usage, "the factor '" + factor.name + "' has " + std::to_string(factor.size()) + " levels",
                "distance matrices of at most " + std::to_string(kMostLevels) + " levels are compared");
  }
  const Perception perception(loss, source.info().shape);
  const auto traversalsOf = [&](const Factor& factor) {
    const std::uint64_t each = factor.size() * factor.size();
    return std::max((pairs + each - 1) / each, kLeastTraversals);
  };
  std::uint64_t total = 2 * pairs;
  for (const Factor& factor : grid.factors()) total += factor.size() > 1 ? traversalsOf(factor) * factor.size() : 0;
  context.begin("comparing traversals", total, "images");

  PerceivedStructure result;
  result.loss = loss;
  const Philox points(seed, "traversal-point");
  for (std::size_t k = 0; k < grid.factorCount(); ++k) {
    const Factor& factor = grid.factors()[k];
    const std::uint64_t size = factor.size();
    if (size < 2) continue;
    const std::uint64_t traversals = traversalsOf(factor);
    std::vector<double> truth(traversals * size * size), perceived(truth.size());
    parallelFor(context, traversals, 1, [&](std::uint64_t begin, std::uint64_t end, int) {
      for (std::uint64_t t = begin; t < end; ++t) {
        std::vector<std::uint32_t> levels = grid.levelsOf(points.below(grid.size(), t, k));
        std::vector<SeenImage> images;
        for (levels[k] = 0; levels[k] < size; ++levels[k])
          images.push_back(perception.see(source, grid.indexOf(levels)));
        const std::uint64_t at = t * size * size;
        for (std::uint64_t i = 0; i < size; ++i) {
          for (std::uint64_t j = 0; j < i; ++j) {
            truth[at + i * size + j] = truth[at + j * size + i] = static_cast<double>(i - j);
            perceived[at + i * size + j] = perceived[at + j * size + i] = perception.distance(images[i], images[j]);
          }
        }
        context.advance(size);
      }
    });
    std::vector<double> means(size * size);
    for (std::size_t i = 0; i < perceived.size(); ++i) means[i % means.size()] += perceived[i];
    for (double& mean : means) mean /= static_cast<double>(traversals);
    result.perFactor.push_back(
        {factor.name, factor.kind, size, traversals, std::move(means), correlate(truth, perceived)});
  }

  const Philox first(seed, "traversal-random-first"), second(seed, "traversal-random-second");
  std::vector<double> truth(pairs), perceived(pairs);
  parallelFor(context, pairs, 16, [&](std::uint64_t begin, std::uint64_t end, int) {
    std::vector<std::uint32_t> a(grid.factorCount()), b(grid.factorCount());
    for (std::uint64_t pair = begin; pair < end; ++pair) {
      const std::uint64_t one = first.below(grid.size(), pair), other = second.below(grid.size(), pair);
      grid.levelsOf(one, a.data());
      grid.levelsOf(other, b.data());
      for (std::size_t k = 0; k < a.size(); ++k) truth[pair] += std::fabs(static_cast<double>(a[k]) - b[k]);
      perceived[pair] = perception.distance(perception.see(source, one), perception.see(source, other));
    }
    context.advance(2 * (end - begin));
  });
  result.randomPairs = correlate(truth, perceived);
  context.end();
  return result;
}

}  // namespace offaxis
