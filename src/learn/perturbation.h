// Training psi: the manipulation of Zietlow, Rolinek and Martius (ICML 2021) against two kinds of reference models,
// ending in the integer network that ships. No LibTorch in this header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"
#include "learn/manipulate_settings.h"

namespace offaxis {

// One reference model's means over the measured images, in nats for Bernoulli, in squared [0,1] levels summed over
// pixels otherwise.
struct ReferenceMeasure {
  double rec = 0, kl = 0, objective = 0;  // L, KL, J = L + weight KL
};

struct RungMeasure {
  double weight = 0;  // absolute
  ReferenceMeasure entangled, disentangled;
  // Standard errors, over images, of L_ent - L_dis and J_ent - J_dis (paired: same images, same noise).
  double recGapError = 0, objectiveGapError = 0;
};

struct ManipulateResult {
  std::vector<RungMeasure> original;  // reference models trained on the original
  std::vector<RungMeasure> modified;  // fresh ones, trained on the modified images of the integer network
  double quantisationMean = 0, quantisationMax = 0;  // |float - integer| in levels
  double meanDelta = 0;                              // mean |x' - x| on [0,1] pixels, after clipping
  std::vector<double> deltaSpectrum;                 // see DeltaSpectrum: before clipping
  double clippedShare = 0;                           // share of pixel values whose delta the clip cut
  std::uint64_t restrained = 0;                      // images that psi is held back on
  std::string psiPath, logPath;
  bool resumed = false, alreadyDone = false;
};

// Trains psi on `base` (already reduced to the size to train at) and writes psi.h5 and log.json to `runDirectory`,
// which is made where it is missing. Checkpoints there, and goes on from them: a resumed run gives the same psi, to the
// bit, as one that was never stopped on the same machine, whatever the number of threads. A finished run of the same
// configuration is returned as it stands. Throws Error(BadFile) for a directory of another configuration or dataset,
// Error(Failed) for losses that are not finite, Error(Usage) for settings out of range, Error(CannotWrite) where
// another process makes the run (run.lock), Error(Interrupted) after a clean checkpoint, std::bad_alloc,
// std::runtime_error for what LibTorch throws.
ManipulateResult manipulate(SourcePtr base, const ManipulateSettings& settings, const std::string& runDirectory,
                            const Context& context);

// Which axes images favour: trains the reference models alone, settings.warmupSteps, on `source`, an original or any
// variant at the size to train at, and measures them as manipulate() does. KL weights are those of the original, so
// that figures of its variants compare. Throws Error(Usage) for settings out of range, Error(Failed) for losses that
// are not finite, Error(Interrupted).
std::vector<RungMeasure> measureReferences(SourcePtr source, const ManipulateSettings& settings,
                                           const Context& context);

}  // namespace offaxis
