// What each model minimises. Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "learn/nets.h"
#include "learn/probe_heads.h"

namespace offaxis {

// Both are summed over an image's pixels and channels and averaged over the batch.
enum class PixelLoss {
  Bernoulli,    // cross-entropy of the decoder's output as logits, also for pixels between 0 and 1; nats
  SquaredError  // of the decoder's output as pixel values in [0,1]
};

std::string toString(PixelLoss loss);  // "bernoulli", "squared-error"
// Throws Error(Usage) for an unknown name.
PixelLoss pixelLossFromString(const std::string& name);

// output, target f32 [N,C,H,W] -> scalar.
torch::Tensor pixelLoss(PixelLoss loss, const torch::Tensor& output, const torch::Tensor& target);

// KL(N(mu, sigma^2) || N(0, 1)) per latent, [N,L], in nats.
torch::Tensor gaussianKl(const torch::Tensor& mu, const torch::Tensor& logVariance);

// How far the latents are from independent over a batch, KL(q(z) || prod_j q(z_j)) in nats, where q(z) is the mixture
// of the batch's own posteriors N(mu_i, sigma_i^2) and z f32 [N,L] one draw from each (Chen et al., NeurIPS 2018,
// without their correction for the data set's size, as the field's common evaluation library has it). A scalar; at most
// log N a latent, so small batches underestimate it.
torch::Tensor totalCorrelation(const torch::Tensor& z, const torch::Tensor& mu, const torch::Tensor& logVariance);

struct ObjectiveSettings {
  PixelLoss loss = PixelLoss::Bernoulli;
  double beta = 1;
  int latents = 1;
  std::vector<ProbeHead> heads = {};  // of a supervised model
};

struct Batch {
  torch::Tensor images;  // f32 [N,C,H,W] in [0,1], channels last
  torch::Tensor eta;     // f32 [N,L], standard normal
  // f32 [N,C,H,W]: the image one time step on from each; undefined unless the model needsPairs().
  torch::Tensor following = {};
  torch::Tensor labels = {};  // i64 [N,heads], see probeLabels(); undefined unless the model isSupervised()
};

struct Losses {
  torch::Tensor total;           // scalars; total is what is minimised
  torch::Tensor reconstruction;  // of "pcl" and "probe" their own loss: they reconstruct nothing
  torch::Tensor kl;
};

class Objective {
 public:
  virtual ~Objective() = default;
  virtual Losses evaluate(Encoder& encoder, Decoder& decoder, const Batch& batch) const = 0;
  // Parameters beside the encoder's and decoder's, to be trained and kept with them; null where there are none.
  virtual torch::nn::Module* head() { return nullptr; }
  virtual bool needsPairs() const { return false; }
};

// What a kind of model is, whatever its settings.
struct ModelTraits {
  bool variational = false;  // see isVariational() in learn/trainer.h
  bool supervised = false;   // see isSupervised() there
  bool decodes = true;       // whether the decoder takes part; one that does not is neither trained nor kept
  std::string definition;    // of what it computes, part of a run's identity; empty for the first one of a model
};

// Throws Error(Usage) for an unknown name, listing modelNames() (learn/trainer.h).
const ModelTraits& modelTraits(const std::string& model);

// Throws Error(Usage) for an unknown name, listing modelNames() (learn/trainer.h), and for a beta that the model does
// not take.
std::unique_ptr<Objective> makeObjective(const std::string& model, const ObjectiveSettings& settings);

}  // namespace offaxis
