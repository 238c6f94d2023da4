#include "learn/probe.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "core/error.h"
#include "core/philox.h"
#include "learn/device.h"
#include "learn/image_feed.h"
#include "learn/probe_heads.h"
#include "learn/torch_errors.h"
#include "learn/trained_encoder.h"
#include "learn/trainer.h"

namespace offaxis {
namespace {

constexpr std::size_t kChunk = 64;

// `count` of `rows` without replacement, ascending.
std::vector<std::uint64_t> sample(std::vector<std::uint64_t> rows, std::uint64_t count) {
  if (rows.size() > count) {
    const Philox order(0, "probe test");
    for (std::uint64_t i = 0; i < count; ++i) std::swap(rows[i], rows[i + order.below(rows.size() - i, i)]);
    rows.resize(count);
    std::sort(rows.begin(), rows.end());
  }
  return rows;
}

// For each head, the mean over the test rows of the largest share that one level has among the images identical to a
// row's in the original.
std::vector<double> ceilings(const Source& source, const ProbeSplit& split, const std::vector<ProbeHead>& heads) {
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> identical;  // grid indices by canonical index
  const auto canonicalOf = [&](std::uint64_t row) { return source.canonicalIndex(source.gridIndex(row)); };
  for (const std::uint64_t row : split.test) identical[canonicalOf(row)];
  for (const std::uint64_t row : split.heldOut) {
    const auto group = identical.find(canonicalOf(row));
    if (group != identical.end()) group->second.push_back(source.gridIndex(row));
  }
  std::vector<double> sums(heads.size());
  for (const std::uint64_t row : split.test) {
    const std::vector<std::uint64_t>& group = identical.at(canonicalOf(row));
    for (std::size_t k = 0; k < heads.size(); ++k) {
      std::map<std::uint32_t, std::uint64_t> counts;
      std::uint64_t most = 0;
      for (const std::uint64_t index : group)
        most = std::max(most, ++counts[source.info().grid.levelsOf(index)[heads[k].factor]]);
      sums[k] += static_cast<double>(most) / static_cast<double>(group.size());
    }
  }
  for (double& sum : sums) sum /= static_cast<double>(split.test.size());
  return sums;
}

// Sums over the test images, head by head.
struct Tally {
  std::vector<std::uint64_t> correct, distance;
  std::vector<double> crossEntropy;
};

std::uint64_t distanceOf(const Factor& factor, std::int64_t read, std::int64_t level) {
  const std::int64_t apart = std::abs(read - level);
  const auto size = static_cast<std::int64_t>(factor.size());
  return static_cast<std::uint64_t>(factor.kind == FactorKind::Cyclic ? std::min(apart, size - apart) : apart);
}

void add(Tally& tally, const FactorGrid& grid, const std::vector<ProbeHead>& heads, const torch::Tensor& logits,
         const torch::Tensor& labels) {
  const std::int64_t count = labels.size(0);
  const torch::Tensor losses =
      (probeCrossEntropies(heads, logits, labels) * static_cast<double>(count)).to(torch::kCPU).to(torch::kFloat64);
  const torch::Tensor levels = labels.to(torch::kCPU).contiguous();
  for (std::size_t k = 0; k < heads.size(); ++k) {
    const auto column = static_cast<std::int64_t>(k);
    const torch::Tensor read = logits.narrow(1, heads[k].first, heads[k].levels).argmax(1).to(torch::kCPU);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t guess = read[i].item<std::int64_t>(), level = levels[i][column].item<std::int64_t>();
      tally.correct[k] += guess == level ? 1 : 0;
      tally.distance[k] += distanceOf(grid.factors()[heads[k].factor], guess, level);
    }
    tally.crossEntropy[k] += losses[column].item<double>();
  }
}

}  // namespace

ProbeSplit probeSplit(const Source& source) {
  const Philox draw(0, "probe split");
  ProbeSplit split;
  for (std::uint64_t row = 0; row < source.size(); ++row) {
    const bool learnt = draw.uniform(source.canonicalIndex(source.gridIndex(row))) < kProbeTrainShare;
    (learnt ? split.train : split.heldOut).push_back(row);
  }
  if (split.train.empty() || split.heldOut.empty()) {
    throw Error(ErrorKind::Usage,
                source.info().expression() + " holds " + std::to_string(source.size()) +
                    " images, too few for a probe to learn from some and be tested on others",
                "name more of the dataset");
  }
  split.test = sample(split.heldOut, kProbeTestImages);
  return split;
}

std::vector<ProbeHead> probeHeads(const FactorGrid& grid) {
  std::vector<ProbeHead> heads;
  std::int64_t first = 0;
  for (std::size_t k = 0; k < grid.factorCount(); ++k) {
    const auto levels = static_cast<std::int64_t>(grid.factors()[k].size());
    if (levels < 2) continue;
    heads.push_back({k, first, levels});
    first += levels;
  }
  if (heads.empty()) throw Error(ErrorKind::Usage, "no factor varies: there is nothing for a probe to read");
  return heads;
}

std::int64_t probeWidth(const std::vector<ProbeHead>& heads) {
  return heads.back().first + heads.back().levels;
}

torch::Tensor probeLabels(const Source& source, const std::vector<ProbeHead>& heads,
                          const std::vector<std::int64_t>& rows) {
  const FactorGrid& grid = source.info().grid;
  std::vector<std::uint32_t> levels(grid.factorCount());
  torch::Tensor labels =
      torch::empty({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(heads.size())}, torch::kInt64);
  std::int64_t* label = labels.data_ptr<std::int64_t>();
  for (const std::int64_t row : rows) {
    grid.levelsOf(source.gridIndex(static_cast<std::uint64_t>(row)), levels.data());
    for (const ProbeHead& head : heads) *label++ = levels[head.factor];
  }
  return labels;
}

torch::Tensor probeCrossEntropies(const std::vector<ProbeHead>& heads, const torch::Tensor& logits,
                                  const torch::Tensor& labels) {
  std::vector<torch::Tensor> losses;
  for (std::size_t k = 0; k < heads.size(); ++k) {
    losses.push_back(torch::nn::functional::cross_entropy(logits.narrow(1, heads[k].first, heads[k].levels),
                                                          labels.select(1, static_cast<std::int64_t>(k))));
  }
  return torch::stack(losses);
}

namespace {

ProbeResult probed(const SourcePtr& source, const std::string& runDirectory, const std::string& device,
                   const Context& context) {
  prepareTrainingThread();
  const torch::Device where = openDevice(device);
  TrainedEncoder trained = loadEncoder(*source, runDirectory);
  if (!isSupervised(trained.model)) {
    throw Error(ErrorKind::BadFile,
                runDirectory + " holds a model of kind " + trained.model + ", which reads no factors",
                "train one with --model probe");
  }
  const FactorGrid& grid = source->info().grid;
  const std::vector<ProbeHead> heads = probeHeads(grid);
  if (trained.latents != probeWidth(heads)) {
    throw Error(ErrorKind::BadFile, runDirectory + " reads " + std::to_string(trained.latents) +
                                        " levels, the factors have " + std::to_string(probeWidth(heads)));
  }
  trained.encoder->to(where);
  const ProbeSplit split = probeSplit(*source);
  Tally tally{std::vector<std::uint64_t>(heads.size()), std::vector<std::uint64_t>(heads.size()),
              std::vector<double>(heads.size())};

  const torch::NoGradGuard noGrad;
  ImageFeed feed(source, where, context, ImageFeed::Reads::Few);
  std::vector<std::int64_t> rows;
  context.begin("probing", split.test.size(), "images");
  for (std::size_t first = 0; first < split.test.size(); first += kChunk) {
    context.throwIfCancelled();
    rows.assign(split.test.begin() + static_cast<std::ptrdiff_t>(first),
                split.test.begin() + static_cast<std::ptrdiff_t>(std::min(first + kChunk, split.test.size())));
    const torch::Tensor logits = trained.encoder->forward(feed.gather(rows)).first;
    add(tally, grid, heads, logits, sentTo(where, probeLabels(*source, heads, rows)));
    context.advance(rows.size());
  }
  context.end();

  ProbeResult result;
  result.trainImages = split.train.size();
  result.testImages = split.test.size();
  const std::vector<double> highest = ceilings(*source, split, heads);
  const auto count = static_cast<double>(result.testImages);
  for (std::size_t k = 0; k < heads.size(); ++k) {
    const Factor& factor = grid.factors()[heads[k].factor];
    ProbedFactor one;
    one.name = factor.name;
    one.levels = factor.size();
    one.correct = tally.correct[k];
    one.accuracy = static_cast<double>(tally.correct[k]) / count;
    one.ceiling = highest[k];
    one.crossEntropy = tally.crossEntropy[k] / count;
    if (factor.kind != FactorKind::Categorical) one.error = static_cast<double>(tally.distance[k]) / count;
    result.mean += one.accuracy / static_cast<double>(heads.size());
    result.factors.push_back(std::move(one));
  }
  return result;
}

}  // namespace

ProbeResult probe(SourcePtr source, const std::string& runDirectory, const std::string& device,
                  const Context& context) {
  return withTorchErrors([&] { return probed(source, runDirectory, device, context); });
}

}  // namespace offaxis
