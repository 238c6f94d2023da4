// All reference models of one training, and the rows, noise and coordinates that they are trained and measured on.
// Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/philox.h"
#include "core/rotation.h"
#include "datasets/source.h"
#include "learn/checkpoint.h"
#include "learn/loss_curve.h"
#include "learn/manipulate_settings.h"
#include "learn/perturbation.h"
#include "learn/reference.h"

namespace offaxis {

// Rows of a source as the models and psi take them.
struct ReferenceBatch {
  std::vector<std::uint64_t> rows;
  std::vector<std::uint32_t> levels;  // [N,K], of the canonical index: identical originals have the same
  torch::Tensor images;               // u8 [N,C,H,W], channels last
  std::vector<torch::Tensor> w;       // f32 [N,D]: whitened coordinates, for each kind of codes
  std::int64_t size() const { return static_cast<std::int64_t>(rows.size()); }
};

// u8 to f32 in [0,1].
torch::Tensor onUnit(const torch::Tensor& images);

// For each rung of the ladder `ensemble` members, each an entangled and a disentangled model. Rotations and kinds of
// codes are taken in turn, rung by rung. Nothing depends on the threads.
class ReferenceEnsemble {
 public:
  static constexpr std::size_t kKinds = 2;  // 0 entangled, 1 disentangled

  // `source` is of the size to train at. Throws Error(Usage) where rotations or kinds of codes do not divide the rungs.
  ReferenceEnsemble(SourcePtr source, const ManipulateSettings& settings, torch::Device device, const Context& context);

  std::size_t rungs() const { return settings_.ladder.size(); }
  // Absolute KL weights of the rungs, from the original of `source`, so that they are the same for each of its
  // variants. Empty before setWeights(), which reads some images. Throws Error(Usage) for a file of a variant, which
  // does not hold its original, and Error(Failed) for images that are all equal.
  void setWeights();
  const std::vector<double>& weights() const { return weights_; }

  // Gives all models, or a rung's, new parameters, a function of the scope and the settings' seed. Both kinds of a
  // member start alike, members differently.
  void start(const std::string& scope);
  void startRung(std::size_t rung, const std::string& scope);

  ReferenceBatch gather(std::vector<std::uint64_t> rows) const;
  // Batch number `index` of the training.
  ReferenceBatch draw(std::uint64_t index) const;

  // One step of every model on draw(index), towards `target` f32 [N,C,H,W] in [0,1]; by rung, member and kind.
  using Steps = std::vector<ReferenceModel::Step>;
  Steps train(const ReferenceBatch& batch, std::uint64_t index, const torch::Tensor& target);
  // The gradient of sign (L_ent - L_dis) with respect to the target, f32 [N,C,H,W]: psiSignal(), averaged over images,
  // members and rungs but `resting`, less what all images of the batch share. That moves no axis, but is where two
  // trainings differ most: psi would saturate on it.
  torch::Tensor signal(const Steps& steps, std::optional<std::size_t> resting, int sign) const;
  // By rung and kind. Throws Error(Failed), naming `step`, for what is not finite.
  std::vector<KindLosses> losses(const Steps& steps, std::uint64_t step) const;

  // Every model on the same rows and noise, settings.measureRows and measureDraws of them; imagesOf gives the images to
  // rebuild, u8 [N,C,H,W], and is called from several threads.
  std::vector<RungMeasure> measure(const std::function<torch::Tensor(const ReferenceBatch&)>& imagesOf =
                                       [](const ReferenceBatch& batch) { return batch.images; });

  // For checkpoints, in place: after start().
  void appendState(NamedTensors& tensors) const;

 private:
  std::size_t perRung() const { return static_cast<std::size_t>(settings_.ensemble) * kKinds; }
  // Which of coordinates_ a model is handed.
  std::size_t codesOf(std::size_t model) const { return model / perRung() % coordinates_.size(); }
  // For each kind of codes [draws,N,D]; every other draw is the negative of the one before, which cancels the odd part
  // of the noise. One index for a whole batch, or one for each image.
  std::vector<torch::Tensor> noise(const Philox& stream, const std::vector<std::uint64_t>& indices, std::int64_t n,
                                   int draws) const;
  double variancePerFactor(const Source& original) const;

  SourcePtr source_;
  ManipulateSettings settings_;
  torch::Device device_;
  Context context_;  // without cancellation: a step is done whole
  PixelLoss loss_;
  std::vector<FactorCoordinates> coordinates_;
  std::vector<ReferenceModel> models_;
  std::vector<double> weights_;
};

}  // namespace offaxis
