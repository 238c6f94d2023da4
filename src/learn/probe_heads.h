// The outputs of a supervised probe. Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "datasets/source.h"

namespace offaxis {

// One softmax over the levels of a factor: the columns first .. first + levels - 1 of the encoder's output.
struct ProbeHead {
  std::size_t factor = 0;
  std::int64_t first = 0;
  std::int64_t levels = 0;
};

// One for each factor of more than one level, in their order. Throws Error(Usage) where no factor varies.
std::vector<ProbeHead> probeHeads(const FactorGrid& grid);

// The width of all heads together.
std::int64_t probeWidth(const std::vector<ProbeHead>& heads);

// The levels of the rows' images, i64 [rows.size(), heads.size()].
torch::Tensor probeLabels(const Source& source, const std::vector<ProbeHead>& heads,
                          const std::vector<std::int64_t>& rows);

// logits f32 [N, probeWidth()], labels i64 [N,K] -> f32 [K]: each head's cross-entropy in nats, averaged over N.
torch::Tensor probeCrossEntropies(const std::vector<ProbeHead>& heads, const torch::Tensor& logits,
                                  const torch::Tensor& labels);

}  // namespace offaxis
