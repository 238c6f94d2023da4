// Reference models: decoders that are handed the factors with noise along the factors (disentangled) or along rotated
// axes (entangled), limited as a variational autoencoder is. Their reconstructions tell psi where to push the images.
// Needs LibTorch: include only inside src/learn.
//
// The two models and the objective L_ent - L_dis are Zietlow, Rolinek and Martius's (ICML 2021). The per-sample noise,
// the ladder of KL weights, the coupling of the two models and the handling of the clip are our design: without noise,
// or with a fixed one, a flexible decoder undoes any rotation and there is no signal.
#pragma once

#include <torch/torch.h>

#include <optional>
#include <string>
#include <vector>

#include "learn/adam.h"
#include "learn/checkpoint.h"
#include "learn/nets.h"
#include "learn/objectives.h"
#include "learn/perturbation.h"

namespace offaxis {

// w [N,D] -> log variance [N,D]: ReLU layers of the given widths.
class NoiseNetImpl : public torch::nn::Module {
 public:
  NoiseNetImpl(int factors, const std::vector<int>& widths);
  torch::Tensor forward(torch::Tensor w);
  // Makes the last layer give zeros: sigma = 1 everywhere.
  void silence();

 private:
  std::vector<Layer> layers_;
};
TORCH_MODULE(NoiseNet);

// z = R w + sigma(w) eta, x~ = decoder(R^T z); R is the identity in a disentangled model. Trained on
// rec(x~, x') + weight * sum_j 1/2 (sigma_j^2 - log sigma_j^2 - 1); the KL's mu^2 / 2 is left out, being the same
// constant in both models, because w is whitened.
//
// R^T before the decoder takes nothing away: a first dense layer could absorb it. But with it, and with eta = R eta_w
// for one draw eta_w, the two models of a rung are the same function of the same numbers until their sigmas differ:
// what psi sees is the difference that the axes make, not that of two trainings (our design; without it psi follows the
// latter and saturates).
class ReferenceModel {
 public:
  // `rotation` f32 [D,D] on the device; undefined in a disentangled model.
  ReferenceModel(const NetSettings& net, const ManipulateSettings& settings, torch::Tensor rotation,
                 torch::Device device);
  // Both models of a rung start from the same parameters: same scope, same seed. Noise starts at sigma = 1.
  void initialise(const std::string& scope, std::uint64_t seed);

  struct Step {
    torch::Tensor reconstruction;  // what psi's signal compares, averaged over the draws, [N,C,H,W], no gradient
    torch::Tensor rec;             // [N]: averaged over the draws
    torch::Tensor kl;              // [N]
  };
  // w [N,D]: whitened coordinates; eta [draws,N,D], standard normal (eta_w above); target [N,C,H,W] in [0,1]. `train`
  // takes one Adam step as well.
  Step run(const torch::Tensor& w, const torch::Tensor& eta, const torch::Tensor& target, double weight, bool train);
  // Parameters and optimiser under names that start with `prefix`; in place, so that a checkpoint can fill them.
  void appendState(const std::string& prefix, NamedTensors& tensors) const;

 private:
  torch::Tensor rotation_;
  PixelLoss loss_;
  double rate_;
  Decoder decoder_;
  NoiseNet noise_;
  std::optional<Adam> adam_;
};

// An optimiser's parameters and moments, by position: "<prefix>3", "<prefix>first3", "<prefix>second3",
// "<prefix>steps".
void appendAdamState(const Adam& adam, const std::string& prefix, NamedTensors& tensors);

// d (rec_ent - rec_dis) / dx' with the reconstructions held: 2 (x~_dis - x~_ent) for squared error, where Step's
// reconstruction is an image; logit_dis - logit_ent for Bernoulli, where it is logits.
torch::Tensor psiSignal(const torch::Tensor& disentangled, const torch::Tensor& entangled, PixelLoss loss);

// x' = clip(x + eps m, 0, 1), m in [-1, 1].
torch::Tensor perturbed(const torch::Tensor& x, const torch::Tensor& m, double eps);

// The gradient with respect to x' of sum_i max(0, 2 <x'_i - x_i, o_i - x_i> / |o_i - x_i|^2 - limit), images [N,C,H,W]:
// from limit 1 on, x'_i is as near to the rival o_i as to its own x_i. A rival equal to x_i counts for nothing.
torch::Tensor separationSignal(const torch::Tensor& x, const torch::Tensor& target, const torch::Tensor& rivals,
                               double limit);

// The gradient of an objective with respect to m, given that with respect to x'. A clipped pixel's gradient passes
// where a descent step would bring the pixel back inside, and is dropped where it would push it further out: most
// pixels of XYSquares lie at 0 or 1 and would otherwise never learn.
torch::Tensor throughClip(const torch::Tensor& x, const torch::Tensor& m, double eps, const torch::Tensor& gradient);

// The gradient with respect to psi's output before tanh, given that with respect to m = tanh(.): tanh's slope 1 - m^2,
// but at least `inwardSlope` where a descent step would lower |m|.
torch::Tensor throughTanh(const torch::Tensor& m, const torch::Tensor& gradient, double inwardSlope);

}  // namespace offaxis
