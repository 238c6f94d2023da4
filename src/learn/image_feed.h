// Batches of images on the training device. Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "core/background_thread.h"
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
  // That the next gather() will ask for these rows: a thread of its own reads them meanwhile, where the context has a
  // second one. An error in reading comes out of that gather(). Changes no image.
  void announce(std::vector<std::int64_t> rows);

 private:
  // Rows as they come from the source, u8 [B,H,W,C] on the CPU.
  struct Batch {
    std::vector<std::int64_t> rows;
    torch::Tensor images;
  };
  // Makes room for the batch's rows.
  void prepare(Batch& batch) const;
  void read(Batch& batch) const;

  SourcePtr source_;
  torch::Device device_;
  bool readsAhead_;
  Batch current_, next_;
  torch::Tensor resident_;   // u8 [N,H,W,C] on the device; undefined where batches are sent
  bool announced_ = false;   // next_
  BackgroundThread reader_;  // of next_; the last member, as it ends before what it uses
};

}  // namespace offaxis
