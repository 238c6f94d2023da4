// Supervised probes: how well a small network that is told the factors reads them off images that it never saw. A
// variant that keeps every factor leaves a probe's accuracy where the original has it. No LibTorch in this header.
//
// The model "probe" of learn/trainer.h is the encoder of the profile's net with one softmax head for each factor of
// more than one level; it minimises the cross-entropies of all heads, summed, over the rows to learn from. What reads
// the images is the exponential running mean of its weights (decay .999 a step, less at the beginning).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

constexpr double kProbeTrainShare = 0.8;           // of the sets of identical images
constexpr std::uint64_t kProbeTestImages = 10000;  // at most

// The version of the split, the heads and the loss, as checkpoints and results name it.
constexpr const char* kProbeDefinition =
    "probe/1: 80 % of images by canonical index, 10000 others to test, mean weights";

// Rows of a source. It is the draw of a canonical index that decides where an image goes: images of identical originals
// are never on both sides, and every variant, order and reduction of one dataset is split alike.
struct ProbeSplit {
  std::vector<std::uint64_t> train;
  std::vector<std::uint64_t> heldOut;
  std::vector<std::uint64_t> test;  // kProbeTestImages of heldOut, or all of them; ascending
};

// Throws Error(Usage) where a side would be empty.
ProbeSplit probeSplit(const Source& source);

struct ProbedFactor {
  std::string name;
  std::uint64_t levels = 0;
  std::uint64_t correct = 0;  // of the test images
  double accuracy = 0;
  // What a reader of the original images could reach at best: where identical images bear different levels, it can do
  // no more than name the commonest. 1 where there are none. Images that are merely alike are not counted.
  double ceiling = 1;
  double crossEntropy = 0;  // nats, mean over the test images
  // Mean distance in levels of the one read from the true one, around the circle for a cyclic factor; none for a
  // categorical one.
  std::optional<double> error;
};

struct ProbeResult {
  std::uint64_t trainImages = 0;
  std::uint64_t testImages = 0;
  double mean = 0;                    // of the factors' accuracies
  std::vector<ProbedFactor> factors;  // those of more than one level
};

// Reads the test rows of `source` with the probe in `runDirectory`. The source may be another variant of the dataset
// that it was trained on. Throws Error(BadFile) where the checkpoint is missing, damaged, of another model, dataset or
// image shape.
ProbeResult probe(SourcePtr source, const std::string& runDirectory, const std::string& device, const Context& context);

}  // namespace offaxis
