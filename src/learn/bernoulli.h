// Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

namespace offaxis {

// -sum over an image's pixels and channels of t log p + (1 - t) log(1 - p), p = sigmoid(logit): the cross-entropy of a
// Bernoulli distribution, also for pixels t between 0 and 1; in nats.
// logits f32 [N,C,H,W], target f32 of the same shape, a constant -> f32 [N], differentiable (once) by the logits.
// On the CPU one pass over the pixels finds loss and gradient; LibTorch's own takes some fifteen.
torch::Tensor bernoulliLosses(const torch::Tensor& logits, const torch::Tensor& target);

}  // namespace offaxis
