// psi while it is trained: its network, its optimiser, and the integer network that it becomes.
// Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"
#include "learn/adam.h"
#include "learn/checkpoint.h"
#include "learn/manipulate_settings.h"
#include "learn/nets.h"
#include "variants/psi_network.h"

namespace offaxis {

// What psi and its integer network differ by, in levels.
struct QuantisationError {
  double mean = 0, max = 0;
};

// A Decoder whose "latents" are features of an image's factor levels and whose output goes through tanh: m in (-1, 1),
// delta = eps m. Where settings.additive is "trained", it draws one pattern for each level of each factor, and an
// image's m is tanh of their sum. A batch is cut in two whatever the number of threads, for two cores to share, so that
// nothing depends on them.
class TrainablePsi {
 public:
  // For images as `info` has them. The parameters are a function of the settings.
  TrainablePsi(const SourceInfo& info, const ManipulateSettings& settings, torch::Device device,
               const Context& context);

  const PsiFeatures& features() const { return features_; }

  struct Pass {
    std::vector<torch::Tensor> outputs;  // what the network gave, with its graph, part by part: for images, or patterns
    torch::Tensor chosen;                // which patterns each image is the sum of, where psi is additive
    torch::Tensor m;                     // f32 [N,C,H,W]
  };
  // levels [N,K].
  Pass pass(const std::vector<std::uint32_t>& levels);
  // One step of its optimiser, given the gradient with respect to m, f32 [N,C,H,W].
  void step(const Pass& pass, const torch::Tensor& gradient);

  // As integers. `levels` [N,K] are what calibrates them; an additive psi needs none. Throws Error(Failed) where a
  // parameter is not finite.
  PsiNetwork quantised(const std::vector<std::uint32_t>& levels);
  // Over images of these levels [N,K]. `quantised` is what quantised() gave last.
  QuantisationError errorOf(const PsiNetwork& quantised, const std::vector<std::uint32_t>& levels) const;

  // For checkpoints, in place.
  void appendState(NamedTensors& tensors) const;

 private:
  bool sumsPatterns() const { return settings_.additive == "trained"; }
  torch::Tensor featuresOf(const std::vector<std::uint32_t>& levels, std::int64_t begin, std::int64_t end) const;
  torch::Tensor featuresOfLevels() const;
  torch::Tensor patternsOf(const std::vector<std::uint32_t>& levels) const;
  std::vector<torch::Tensor> gradients(const Pass& pass, torch::Tensor gradient);
  std::vector<float> drawnPatterns();
  std::vector<float> real(const PsiFloatNetwork& network, const std::uint32_t* levels) const;

  ManipulateSettings settings_;
  ImageShape shape_;
  torch::Device device_;
  Context context_;  // without cancellation: a step is done whole
  PsiFeatures features_;
  Decoder network_{nullptr};
  std::optional<Adam> adam_;
  torch::Tensor patternInputs_;  // featuresOfLevels(), where psi is additive
  std::vector<float> drawn_;     // drawnPatterns(), once they are quantised
};

}  // namespace offaxis
