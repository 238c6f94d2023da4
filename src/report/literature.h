// Scores that others have printed, to be set beside ours and marked as theirs.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace offaxis {

// MIG, mean and standard deviation over ten seeds, of one method on the three versions of a dataset. Source: Zietlow,
// Rolinek and Martius, "Demystifying Inductive Biases for (Beta-)VAE Based Architectures", ICML 2021: genuine data at
// 64x64, 300,000 steps of 64, 5 latents (dSprites) or 6 (Shapes3D), runs with fewer active units than factors excluded.
struct LiteratureRow {
  struct Score {
    double mean = 0, sd = 0;
  };
  std::string method;  // as the paper calls it, "beta-VAE"
  std::string model;   // our model of that name, "beta-vae"; empty where we have none
  Score original, modified, noise;
};

// The rows for a dataset as SourceInfo::dataset or an evaluation's configuration spells it; empty for datasets that the
// paper does not have.
const std::vector<LiteratureRow>& literatureFor(const std::string& dataset);

// "Zietlow et al. 2021", and how its figures were made.
extern const char* const kLiteratureName;
extern const char* const kLiteratureSettings;

}  // namespace offaxis
