// What a trained model draws, as files: strips of its latents, reconstructions, an animation, and what each latent
// tells of each factor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "report/chart.h"
#include "report/pixels.h"
#include "storage/staged.h"

namespace offaxis {

struct LatentPictures {
  std::string model;                        // "beta-vae"
  std::string checkpointSha256;             // of the checkpoint.h5 that they show; empty in older records
  std::string source;                       // the expression that was given
  std::vector<double> offsets;              // [steps], what a latent is set to
  std::vector<std::vector<Pixels>> strips;  // [latents][steps]
  std::vector<double> variance;             // [latents], of the posterior means
  std::vector<std::uint64_t> rows;          // of the images that follow
  std::vector<Pixels> originals, rebuilt;   // as many as rows
  std::vector<std::string> factors;         // [factors]
  std::vector<double> information;          // [latents,factors], nats; empty where it was not measured
};

// Into `directory`, made where it is missing: traversal.json, latents.png and reconstructions.png (labelled sheets),
// latents.gif, information.svg, and the tiles without labels that readLatentPictures() takes. Throws
// Error(CannotWrite), without `overwrite` also where one of them exists.
void writeLatentPictures(const LatentPictures& pictures, const std::string& directory, Overwrite overwrite);

// Throws Error(CannotWrite) where writeLatentPictures() would, for what the directory holds: to be known before the
// work.
void checkLatentPictures(const std::string& directory, Overwrite overwrite);

// Throws Error(BadFile) where traversal.json or its tiles are missing, damaged, or do not fit together.
LatentPictures readLatentPictures(const std::string& directory);

// The latents whose means vary most first. Each strip says its latent's variance and the factor it tells most of.
Pictures latentStrips(const LatentPictures& pictures);
Pictures reconstructionStrips(const LatentPictures& pictures);
// Latents down, factors across.
Chart informationChart(const LatentPictures& pictures);
// All latents at once, there and back again; a GIF's bytes.
std::string latentGif(const LatentPictures& pictures);

}  // namespace offaxis
