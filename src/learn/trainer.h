// The built-in trainer: autoencoders on any source, resumable, on a CPU core or a GPU. No LibTorch in this header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

// The names that TrainSettings::model takes.
std::vector<std::string> modelNames();
// Whether the model's code is a distribution, so that its KL divergence and active units mean something. Both are false
// of a name that is no model's.
bool isVariational(const std::string& model);
// Whether the model is told the factors: it has accuracies (learn/probe.h) where others have codes.
bool isSupervised(const std::string& model);

struct TrainSettings {
  std::string model = "beta-vae";
  double beta = 1;                 // weight of the KL term; plays no part in "ae", "pcl" and "probe"
  int latents = 10;                // plays no part in "probe"
  std::string loss = "bernoulli";  // or "squared-error"; summed over pixels, averaged over the batch; not of "probe"
  std::string net = "auto";        // "conv64", "conv32", "conv32-wide"; "auto" goes by the image's side
  std::uint64_t batch = 64;
  std::uint64_t steps = 300000;
  double learningRate = 1e-4;  // Adam
  std::uint64_t seed = 0;
  // Of the networks' products while they train: "float32", "tf32" or "bfloat16". A GPU's tensor cores take the other
  // two; on a CPU they are imitated, to see what they do, and slower. Codes are computed in float32 afterwards (on a
  // GPU, in the process that trained with it, in tf32).
  std::string precision = "float32";

  // These never change the result.
  std::string device = "auto";           // "cpu", "cuda", "cuda:N"
  std::uint64_t logEvery = 100;          // steps that one point of the loss curve averages over
  std::uint64_t checkpointEvery = 2000;  // steps
  bool overwrite = false;                // start anew over a run of other settings
  // contentRoot() of the source, where the run has to be held to every image of it; part of what the run is then.
  std::string sourceRoot;
};

struct CurvePoint {
  std::uint64_t step = 0;  // the last one of the average
  double reconstruction = 0;
  double kl = 0;
};

struct TrainResult {
  std::uint64_t steps = 0;
  std::vector<CurvePoint> curve;
  // Over 2048 images drawn by the seed, after the last step; of a probe, images that it learnt from, and the loss is
  // its cross-entropy.
  double reconstruction = 0;
  double kl = 0;
  std::vector<double> klPerLatent;            // nats
  std::vector<double> meanPosteriorVariance;  // per latent
  std::uint64_t activeUnits = 0;  // latents whose mean posterior variance is below 0.8; 0 if not variational
  double seconds = 0;             // wall time of training, all runs of the program together
  std::string device;
  bool alreadyDone = false;  // the directory held this run, finished; nothing was trained
};

// Throws Error(Usage) for settings, but the device, that trainVae() would refuse on this source, before anything is
// written.
void checkTraining(const Source& source, const TrainSettings& settings);

// Throws Error(Unavailable) for a device that this machine or this build has not, Error(Usage) for an unknown one.
void checkDevice(const std::string& device);

// Hints of Error(Interrupted).
constexpr const char* kGoesOn = "the same command goes on from there";
constexpr const char* kGoesOnWithoutForce = "the same command without --force goes on from there";

// How far the run in `runDirectory` has come, by its checkpoint: 0 where it has none. Throws Error(BadFile).
std::uint64_t stepsTrained(const std::string& runDirectory);

// Trains and leaves in `runDirectory` (made where missing) checkpoint.h5 and run.json: settings, source, versions,
// device, wall time, loss curve, what TrainResult holds, status "partial" or "complete". A pure function of settings
// and source on one machine: a run that was interrupted and resumed ends with the same bits. A finished run of the same
// settings is returned as it stands; one of fewer steps is continued. The networks use one thread, so that several
// calls can run side by side; context.threads fetch the images where a GPU has the networks, and a second one reads the
// next batch meanwhile where a source is read step by step. Throws Error(BadFile) where the directory holds a run of
// other settings, model or source, Error(Failed) for a loss that is not finite (the last good checkpoint stays),
// Error(Unavailable) for a missing device, Error(Usage) for settings out of range, Error(CannotWrite) where another
// process makes the run (run.lock), Error(Interrupted) after a checkpoint when asked to stop, std::bad_alloc,
// std::runtime_error for what LibTorch throws.
TrainResult trainVae(SourcePtr source, const TrainSettings& settings, const std::string& runDirectory,
                     const Context& context);

}  // namespace offaxis
