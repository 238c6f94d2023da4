// All that psi's training depends on but the data. No LibTorch in this header.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/text.h"
#include "datasets/source.h"

namespace offaxis {

struct ManipulateSettings {
  Budget eps = Budget::parse("0.1");
  std::uint64_t seed = 0;
  std::string profile = "quick";  // a label; forProfile() fills the rest
  // R of the entangled models, see core/rotation.h. "A;B;C": rung by rung in turn, so that psi favours several mixtures
  // of the factors at once; the first one is what psi's inputs and its start follow. follow() may leave "auto" here,
  // which is for the caller to resolve (mixingRotations() in measure/alignment.h) before manipulate().
  std::string rotation = "blocks";
  // Coordinates that the reference models are handed, see FactorCoordinates. "A;B": rung by rung in turn, as rotations
  // are (rung r takes number r mod 2 of these, r mod 3 of three rotations). What psi starts from, and what rotated MIG
  // is measured against, are the first of each.
  std::string codes = "levels";
  // The reference decoders, as NetSettings (learn/nets.h) has them: conv32's.
  std::vector<int> referenceChannels{16, 32, 32};
  int referenceDense = 128;
  std::string loss = "squared-error";  // of the reference models, or "bernoulli"
  // KL weights of the rungs, as multiples of the original's summed pixel variance per factor: so a ladder means the
  // same on every dataset (a rung far above 1 loses every factor in the noise).
  std::vector<double> ladder{0.1, 0.39};
  std::vector<int> sigmaWidths{64, 64};
  int batch = 32;  // images a step
  // Draws of the latent noise for each image, every second one the negative of the one before. 0: no noise at all, an
  // ablation in which a decoder undoes any rotation.
  int draws = 2;
  int ensemble = 1;  // models of each kind at every rung; psi follows their mean
  // Least slope of tanh for gradients that point inwards (our design): a pixel at its budget could hardly leave it
  // otherwise. 0: tanh's own slope alone.
  double inwardSlope = 0;
  // What psi pays for |eps m|^2, summed over an image's pixels, on top of its objective (our design): patterns as
  // strong as what they gain instead of saturated everywhere. 0: nothing, the budget alone.
  double energy = 0;
  // What psi pays where it carries an image towards the original of another factor level, so that every image stays
  // nearest to its own factors (our design, see measure/separation.h): the weight of
  // max(0, 2 <delta, o' - o> / |o' - o|^2 - 0.7), the mean over four one-step variants o' drawn for each image; from 1
  // in place of 0.7 on, the image would be nearer to o'. 0: nothing.
  double separation = 0;
  // Holds psi back until every image of the modified set is nearest to its own factors, at the root's size and at the
  // size trained at (measure/restraint.h; our design): "images" weakens psi on the whole of each image that needs it,
  // "pixels" on those of its pixels that tell it from its rivals, "no" leaves psi as trained.
  std::string restrain = "no";
  // What psi sees: "rotated" is everything in PsiFeatures, "factors" neither R w nor its harmonics, "one-hot" an
  // indicator of each factor's level alone (ablations).
  std::string inputs = "rotated";
  // Whether psi is the sum of a pattern for each factor's level, before tanh (our design): no interactions of factors,
  // which a VAE at full capacity can use to tell them apart. "trained": its network draws the patterns one by one (not
  // with rotated inputs). "projected": it is trained with interactions, and what ships is additiveOf() it. "no":
  // neither.
  std::string additive = "no";
  std::vector<double> harmonics{1, 2, 3, 4.5, 6};  // of the rotated coordinates
  int psiDense = 128;
  std::vector<int> psiChannels{32, 32, 64};  // from the picture inwards, as in NetSettings
  double rate = 1e-3;                        // Adam, reference models
  double psiRate = 5e-4;                     // Adam, psi
  std::uint64_t warmupSteps = 400;           // reference models alone, on the original
  std::uint64_t psiSteps = 1200;             // psi and reference models, one step each in turn
  std::uint64_t freshSteps = 400;            // new reference models on the frozen, quantised result
  std::uint64_t restartEvery = 0;            // psi steps after which one rung's models start anew, in turn; 0: never
  int sign = 1;                              // -1 trains the sign-flipped control, which favours the factors
  std::uint64_t measureRows = 1024;          // images that every reported L, KL and J is a mean over
  int measureDraws = 4;

  // These never change the result.
  std::string device = "auto";
  double checkpointSeconds = 30;

  // Height and width that psi is trained at.
  std::uint32_t side() const { return std::uint32_t{4} << psiChannels.size(); }
  // Throws Error(Usage) for an unknown profile.
  static ManipulateSettings forProfile(const std::string& profile);
  // "tint" is what the last confirmation on `original` was made with (docs/manipulation.md): on dSprites, Shapes3D and
  // XYSquares; for another dataset it is Shapes3D's, for strongest factors that are cyclic or of equal strength.
  // "levels" leaves the profile's settings, our first design. Throws Error(Usage) for an unknown recipe.
  void follow(const std::string& recipe, const SourceInfo& original);
};

// Throws Error(Usage) for settings out of range, or that do not fit a source of this kind.
void check(const ManipulateSettings& settings, const SourceInfo& info);

// As a run's identity has them: what never changes the result is left out, and so is what is not used, for runs that
// were made before there was the choice.
nlohmann::ordered_json toJson(const ManipulateSettings& settings);

}  // namespace offaxis
