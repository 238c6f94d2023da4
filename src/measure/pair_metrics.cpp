#include "measure/pair_metrics.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/parallel.h"
#include "core/philox.h"
#include "measure/linear_classifiers.h"

namespace offaxis {
namespace {

constexpr std::uint64_t kMaxGrid = std::uint64_t{1} << 40;
constexpr std::uint64_t kVotesAtOnce = 256;

// The number of combinations; 0 for more than kMaxGrid. Throws Error(BadFile) for a factor without levels.
std::uint64_t combinations(const std::vector<std::uint32_t>& sizes) {
  std::uint64_t size = 1;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    if (sizes[k] == 0) throw Error(ErrorKind::BadFile, "factor " + std::to_string(k) + " has no levels");
    if (size > 0) size = sizes[k] > kMaxGrid / size ? 0 : size * sizes[k];
  }
  return size;
}

class Grid {
 public:
  explicit Grid(const std::vector<std::uint32_t>& sizes)
      : sizes_(sizes), strides_(sizes.size(), 1), size_(combinations(sizes)) {
    if (size_ == 0) throw Error(ErrorKind::BadFile, "the factor grid has more than 2^40 combinations");
    for (std::size_t k = sizes.size(); k-- > 1;) strides_[k - 1] = strides_[k] * sizes[k];
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      if (sizes[k] > 1) varying_.push_back(k);
    }
    if (varying_.size() < 2) {
      throw Error(ErrorKind::BadFile,
                  std::to_string(varying_.size()) + " of " + std::to_string(sizes.size()) + " factors vary",
                  "the FactorVAE and BetaVAE scores tell factors apart: they need two or more that vary");
    }
  }

  std::uint64_t size() const { return size_; }
  const std::vector<std::size_t>& varying() const { return varying_; }
  // `index` with factor k's level taken from `other`.
  std::uint64_t withLevelOf(std::uint64_t other, std::size_t k, std::uint64_t index) const {
    return index + (other / strides_[k] % sizes_[k]) * strides_[k] - (index / strides_[k] % sizes_[k]) * strides_[k];
  }

 private:
  std::vector<std::uint32_t> sizes_;
  std::vector<std::uint64_t> strides_;
  std::uint64_t size_;
  std::vector<std::size_t> varying_;
};

// Images drawn for a number of votes, `perVote` for each.
struct Votes {
  std::vector<std::size_t> factors;   // the one that each vote fixed
  std::vector<std::uint64_t> images;  // [votes,perVote], grid indices
  std::uint64_t perVote = 0;
};

// Every image of a vote shares the fixed factor's level with the vote's first image.
Votes batchVotes(const Grid& grid, std::uint64_t votes, std::uint64_t batch, const Philox& philox) {
  Votes result{{}, {}, batch};
  for (std::uint64_t v = 0; v < votes; ++v) {
    const std::size_t k = grid.varying()[philox.below(grid.varying().size(), v, 0)];
    result.factors.push_back(k);
    const std::uint64_t first = philox.below(grid.size(), v, 1);
    result.images.push_back(first);
    for (std::uint64_t i = 1; i < batch; ++i) {
      result.images.push_back(grid.withLevelOf(first, k, philox.below(grid.size(), v, 1 + i)));
    }
  }
  return result;
}

// Images 2i and 2i+1 of a vote are a pair: they share the fixed factor's level.
Votes pairVotes(const Grid& grid, std::uint64_t votes, std::uint64_t pairs, const Philox& philox) {
  Votes result{{}, {}, 2 * pairs};
  for (std::uint64_t v = 0; v < votes; ++v) {
    const std::size_t k = grid.varying()[philox.below(grid.varying().size(), v, 0)];
    result.factors.push_back(k);
    for (std::uint64_t i = 0; i < pairs; ++i) {
      const std::uint64_t first = philox.below(grid.size(), v, 1 + 2 * i);
      result.images.push_back(first);
      result.images.push_back(grid.withLevelOf(first, k, philox.below(grid.size(), v, 2 + 2 * i)));
    }
  }
  return result;
}

// The codes of all images that a score draws.
class DrawnCodes {
 public:
  DrawnCodes(const CodeSource& source, const std::vector<const std::vector<std::uint64_t>*>& draws)
      : latents_(source.latents) {
    for (const auto* images : draws) images_.insert(images_.end(), images->begin(), images->end());
    std::sort(images_.begin(), images_.end());
    images_.erase(std::unique(images_.begin(), images_.end()), images_.end());
    codes_ = source.codes(images_);
    if (codes_.size() != images_.size() * latents_) {
      throw Error(ErrorKind::BadFile,
                  "a source of codes returned " + std::to_string(codes_.size()) + " values for " +
                      std::to_string(images_.size()) + " images",
                  "it must return " + std::to_string(latents_) + " for each");
    }
    if (!std::all_of(codes_.begin(), codes_.end(), [](double code) { return std::isfinite(code); })) {
      throw Error(ErrorKind::BadFile, "a source of codes returned a value that is not finite");
    }
  }

  // L values.
  const double* operator[](std::uint64_t image) const {
    const auto at = std::lower_bound(images_.begin(), images_.end(), image) - images_.begin();
    return codes_.data() + static_cast<std::uint64_t>(at) * latents_;
  }

 private:
  std::uint64_t latents_;
  std::vector<std::uint64_t> images_;
  std::vector<double> codes_;
};

// [L], with N - 1.
std::vector<double> variances(const DrawnCodes& codes, std::uint64_t latents, const std::uint64_t* images,
                              std::uint64_t count) {
  std::vector<const double*> rows(count);
  for (std::uint64_t i = 0; i < count; ++i) rows[i] = codes[images[i]];
  std::vector<double> mean(latents, 0.0);
  for (const double* row : rows) {
    for (std::uint64_t l = 0; l < latents; ++l) mean[l] += row[l];
  }
  for (double& value : mean) value /= static_cast<double>(count);
  std::vector<double> result(latents, 0.0);
  for (const double* row : rows) {
    for (std::uint64_t l = 0; l < latents; ++l) result[l] += (row[l] - mean[l]) * (row[l] - mean[l]);
  }
  for (double& value : result) value /= static_cast<double>(count - 1);
  return result;
}

// The latent that each vote is for.
std::vector<std::uint64_t> leastVarying(const DrawnCodes& codes, const Votes& votes, const FactorVaeResult& overall,
                                        const Context& context) {
  std::vector<std::uint64_t> result(votes.factors.size());
  parallelFor(context, result.size(), kVotesAtOnce, [&](std::uint64_t begin, std::uint64_t end, int) {
    for (std::uint64_t v = begin; v < end; ++v) {
      const std::vector<double> local =
          variances(codes, overall.variance.size(), votes.images.data() + v * votes.perVote, votes.perVote);
      const auto share = [&](std::uint64_t l) { return local[l] / overall.variance[l]; };
      std::uint64_t least = overall.kept.front();
      for (const std::uint64_t l : overall.kept) {
        if (share(l) < share(least)) least = l;
      }
      result[v] = least;
    }
  });
  return result;
}

// [votes,L]
std::vector<double> meanDistances(const DrawnCodes& codes, const Votes& votes, std::uint64_t latents,
                                  const Context& context) {
  std::vector<double> result(votes.factors.size() * latents, 0.0);
  const std::uint64_t pairs = votes.perVote / 2;
  parallelFor(context, votes.factors.size(), kVotesAtOnce, [&](std::uint64_t begin, std::uint64_t end, int) {
    for (std::uint64_t v = begin; v < end; ++v) {
      const std::uint64_t* const images = votes.images.data() + v * votes.perVote;
      double* const row = result.data() + v * latents;
      for (std::uint64_t i = 0; i < pairs; ++i) {
        const double* const a = codes[images[2 * i]];
        const double* const b = codes[images[2 * i + 1]];
        for (std::uint64_t l = 0; l < latents; ++l) row[l] += std::abs(a[l] - b[l]);
      }
      for (std::uint64_t l = 0; l < latents; ++l) row[l] /= static_cast<double>(pairs);
    }
  });
  return result;
}

void require(bool holds, const std::string& what) {
  if (!holds) throw Error(ErrorKind::Usage, what);
}

void requireVotes(const CodeSource& source, const PairSettings& settings) {
  require(settings.trainVotes >= 1 && settings.testVotes >= 1, "a score needs training and test votes");
  if (source.latents == 0) throw Error(ErrorKind::BadFile, "a source of codes has no latents");
}

std::vector<std::string> notesOn(const std::vector<std::uint32_t>& sizes) {
  std::vector<std::string> notes;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    if (sizes[k] == 1) notes.push_back("factor " + std::to_string(k) + " has one level: never fixed");
  }
  return notes;
}

}  // namespace

std::optional<CodeSource> gridCodes(const CodeView& view, const std::vector<std::uint32_t>& sizes) {
  if (sizes.size() != view.factorCount) {
    throw Error(ErrorKind::BadFile, "the codes have " + std::to_string(view.factorCount) + " factors, their grid " +
                                        std::to_string(sizes.size()));
  }
  const std::uint64_t size = combinations(sizes);
  if (size == 0 || size > view.count) return std::nullopt;
  std::vector<std::uint64_t> firstRow(size, view.count);
  for (std::uint64_t i = 0; i < view.count; ++i) {
    std::uint64_t index = 0;
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      const std::int64_t level = view.factors[i * view.factorCount + k];
      if (level < 0 || level >= std::int64_t{sizes[k]}) {
        throw Error(
            ErrorKind::BadFile,
            "row " + std::to_string(i) + " has level " + std::to_string(level) + " of factor " + std::to_string(k),
            "the factor has the levels 0 to " + std::to_string(sizes[k] - 1));
      }
      index = index * sizes[k] + static_cast<std::uint64_t>(level);
    }
    firstRow[index] = std::min(firstRow[index], i);
  }
  if (std::find(firstRow.begin(), firstRow.end(), view.count) != firstRow.end()) return std::nullopt;

  CodeSource source{sizes, view.latents, {}};
  source.codes = [view, firstRow = std::move(firstRow)](const std::vector<std::uint64_t>& gridIndices) {
    std::vector<double> codes;
    codes.reserve(gridIndices.size() * view.latents);
    for (const std::uint64_t index : gridIndices) {
      const double* const row = view.codes + firstRow[index] * view.latents;
      codes.insert(codes.end(), row, row + view.latents);
    }
    return codes;
  };
  return source;
}

FactorVaeResult factorVaeScore(const CodeSource& source, const PairSettings& settings, const Context& context) {
  requireVotes(source, settings);
  require(settings.batch >= 2 && settings.varianceSamples >= 2, "a variance needs two images");
  const Grid grid(source.sizes);
  const Philox anywhere(settings.seed, "FactorVAE score, overall variance");
  std::vector<std::uint64_t> sample(settings.varianceSamples);
  for (std::uint64_t i = 0; i < sample.size(); ++i) sample[i] = anywhere.below(grid.size(), i);
  const Votes train =
      batchVotes(grid, settings.trainVotes, settings.batch, Philox(settings.seed, "FactorVAE score, train"));
  const Votes test =
      batchVotes(grid, settings.testVotes, settings.batch, Philox(settings.seed, "FactorVAE score, test"));
  const DrawnCodes codes(source, {&sample, &train.images, &test.images});

  FactorVaeResult result;
  result.notes = notesOn(source.sizes);
  result.variance = variances(codes, source.latents, sample.data(), sample.size());
  for (std::uint64_t l = 0; l < source.latents; ++l) {
    if (std::sqrt(result.variance[l]) >= kLeastDeviation) {
      result.kept.push_back(l);
    } else {
      result.notes.push_back("latent " + std::to_string(l) + " has a standard deviation below .05: left out");
    }
  }
  const std::size_t factors = source.sizes.size();
  result.votes.assign(source.latents * factors, 0);
  if (result.kept.empty()) {
    result.notes.push_back("no latent is left: the score is 0");
    return result;
  }

  const std::vector<std::uint64_t> trainLatents = leastVarying(codes, train, result, context);
  for (std::size_t v = 0; v < trainLatents.size(); ++v) ++result.votes[trainLatents[v] * factors + train.factors[v]];
  std::vector<std::size_t> majority(source.latents);
  std::uint64_t right = 0;
  for (std::uint64_t l = 0; l < source.latents; ++l) {
    const auto row = result.votes.begin() + static_cast<std::ptrdiff_t>(l * factors);
    const auto most = std::max_element(row, row + static_cast<std::ptrdiff_t>(factors));
    majority[l] = static_cast<std::size_t>(most - row);
    right += *most;
  }
  result.trainAccuracy = static_cast<double>(right) / static_cast<double>(settings.trainVotes);

  const std::vector<std::uint64_t> testLatents = leastVarying(codes, test, result, context);
  right = 0;
  for (std::size_t v = 0; v < testLatents.size(); ++v) right += majority[testLatents[v]] == test.factors[v] ? 1 : 0;
  result.value = static_cast<double>(right) / static_cast<double>(settings.testVotes);
  return result;
}

BetaVaeResult betaVaeScore(const CodeSource& source, const PairSettings& settings, const Context& context) {
  requireVotes(source, settings);
  require(settings.batch >= 1, "a vote needs a pair");
  const Grid grid(source.sizes);
  const Votes train =
      pairVotes(grid, settings.trainVotes, settings.batch, Philox(settings.seed, "BetaVAE score, train"));
  const Votes test = pairVotes(grid, settings.testVotes, settings.batch, Philox(settings.seed, "BetaVAE score, test"));
  const DrawnCodes codes(source, {&train.images, &test.images});

  const std::vector<double> trainRows = meanDistances(codes, train, source.latents, context);
  const std::vector<double> testRows = meanDistances(codes, test, source.latents, context);
  const FeatureView trainView{trainRows.data(), settings.trainVotes, source.latents};
  const FeatureView testView{testRows.data(), settings.testVotes, source.latents};
  const std::vector<std::int64_t> trainLabels(train.factors.begin(), train.factors.end());
  const std::vector<std::int64_t> testLabels(test.factors.begin(), test.factors.end());
  const LinearClassifier model = fitLogisticRegression(trainView, trainLabels, context);

  BetaVaeResult result;
  result.notes = notesOn(source.sizes);
  result.value = accuracy(predictions(model, testView), testLabels);
  result.trainAccuracy = accuracy(predictions(model, trainView), trainLabels);
  return result;
}

}  // namespace offaxis
