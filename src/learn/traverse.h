// What the latents of a trained autoencoder draw: traversals and reconstructions, as plain images. No LibTorch in this
// header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

struct TraverseSettings {
  std::uint32_t steps = 9;            // images a latent, 2 .. 64
  double span = 2;                    // each latent runs from -span to span
  std::uint32_t reconstructions = 8;  // images rebuilt, 1 .. 64
  std::uint64_t seed = 0;             // of their choice, and of the image that traversals start from
  std::string device = "auto";
};

struct LatentTraversal {
  std::string model;
  std::string checkpointSha256;  // hex, of the checkpoint.h5 that was read
  std::uint64_t latents = 0;     // L
  std::vector<double> offsets;   // [steps], what the latent is set to
  // uint8 [H,W,C], the source's shape.
  using Image = std::vector<std::uint8_t>;
  // [L][steps]: the code of one image, its other entries as encoded, with one latent set to each offset.
  std::vector<std::vector<Image>> strips;
  std::vector<std::uint64_t> rows;  // of the images that were rebuilt
  std::vector<Image> originals, rebuilt;
  std::uint64_t startRow = 0;    // whose code the traversals start from
  std::vector<double> variance;  // [L], of the posterior means over the first 512 images of a draw; near 0: unused
};

// Of the run in `runDirectory`; pixels are the decoder's means, sigmoid(logits) under a Bernoulli loss and clipped
// values under a squared error, rounded to 8 bits. Draws are Philox(seed, "traverse"). Throws Error(Usage) for settings
// out of range, Error(BadFile) where encode() would, or for a model that has no decoder (pcl).
LatentTraversal traverseLatents(SourcePtr source, const std::string& runDirectory, const TraverseSettings& settings,
                                const Context& context);

}  // namespace offaxis
