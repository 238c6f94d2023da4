// Batches of images on the training device. Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

// On the CPU images come from the source as they are asked for. On a GPU the whole source is copied there once, as
// uint8, and batches are gathered and converted there; where it does not fit into half of the free memory, each batch
// is sent.
class ImageFeed {
 public:
  enum class Reads { Many, Few };  // of each image: Few never copies the whole source

  ImageFeed(SourcePtr source, torch::Device device, const Context& context, Reads reads = Reads::Many);
  // f32 [rows.size(),C,H,W] in [0,1], channels last, on the device.
  torch::Tensor gather(const std::vector<std::int64_t>& rows);

 private:
  SourcePtr source_;
  torch::Device device_;
  torch::Tensor staging_;   // u8 [B,H,W,C] on the CPU
  torch::Tensor resident_;  // u8 [N,H,W,C] on the device; undefined where batches are sent
};

}  // namespace offaxis
