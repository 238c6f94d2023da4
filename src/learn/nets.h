// The convolutional encoder and decoder that every model shares. Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "core/factor_grid.h"
#include "learn/precision.h"

namespace offaxis {

// Square images whose side is 4 * 2^channels.size(): each encoder layer halves the picture, each decoder layer doubles
// it.
struct NetSettings {
  ImageShape image;
  int latents = 0;
  std::vector<int> channels;  // of the encoder's layers; the decoder runs through them backwards
  std::vector<int> kernels;   // of the encoder's layers, stride 2: 4 (padding 1) or 2 (no padding)
  int dense = 0;
  Precision precision = Precision::Float32;  // of every layer's product

  // The field's standard network, for 64x64 images.
  static NetSettings conv64(ImageShape image, int latents);
  // A small one for 32x32 images: the quick profile's.
  static NetSettings conv32(ImageShape image, int latents);
  // conv32 with twice the width, for models that no perturbation was tuned on.
  static NetSettings conv32Wide(ImageShape image, int latents);
  // By name: "conv64", "conv32", "conv32-wide". Throws Error(Usage) for an unknown name or an image of another side.
  static NetSettings preset(const std::string& name, ImageShape image, int latents);
};

std::vector<std::string> netPresets();

// weight and bias of one dense or convolutional layer; which, the caller's forward decides.
struct Layer {
  torch::Tensor weight;
  torch::Tensor bias;
};

// Images to a Gaussian code: x f32 [N,C,H,W] in [0,1], channels last -> mu, log variance, f32 [N,L] each, at any
// precision.
class EncoderImpl : public torch::nn::Module {
 public:
  explicit EncoderImpl(const NetSettings& settings);
  std::pair<torch::Tensor, torch::Tensor> forward(torch::Tensor x);

 private:
  NetSettings settings_;
  std::vector<Layer> convolutions_;
  Layer dense_, mu_, logVariance_;
};
TORCH_MODULE(Encoder);

// z f32 [N,L] -> logits f32 [N,C,H,W], channels last. `settings.latents` is the width of z, whatever z holds.
class DecoderImpl : public torch::nn::Module {
 public:
  explicit DecoderImpl(const NetSettings& settings);
  torch::Tensor forward(torch::Tensor z);

 private:
  NetSettings settings_;
  Layer dense_, spread_;
  std::vector<Layer> deconvolutions_;
};
TORCH_MODULE(Decoder);

// Fills every parameter: weights Glorot-uniform, biases zero. A parameter's draws depend on (seed, its name) alone, the
// stream being "init:<scope>.<name>", so LibTorch's own generator plays no part and layers can come and go.
void initialise(torch::nn::Module& module, const std::string& scope, std::uint64_t seed);

std::int64_t parameterCount(const torch::nn::Module& module);

}  // namespace offaxis
