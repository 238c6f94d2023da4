#include "report/literature.h"

namespace offaxis {

const char* const kLiteratureName = "Zietlow et al. 2021";
const char* const kLiteratureSettings =
    "printed in Zietlow, Rolinek and Martius (ICML 2021): genuine data at 64x64, 300,000 steps, ten seeds, another "
    "perturbation; runs with fewer active units than factors left out";

const std::vector<LiteratureRow>& literatureFor(const std::string& dataset) {
  static const std::vector<LiteratureRow> kNone;
  static const std::vector<LiteratureRow> kDsprites{{"AE", "ae", {.09, .06}, {.05, .02}, {.06, .03}},
                                                    {"beta-VAE", "beta-vae", {.23, .08}, {.07, .09}, {.14, .07}},
                                                    {"FactorVAE", "", {.27, .11}, {.20, .12}, {.16, .08}},
                                                    {"beta-TCVAE", "beta-tcvae", {.25, .08}, {.14, .10}, {.20, .04}},
                                                    {"SlowVAE", "", {.39, .08}, {.27, .08}, {.37, .09}},
                                                    {"PCL", "pcl", {.21, .03}, {.24, .07}, {.24, .07}},
                                                    {"weakly supervised GAN", "", {.45, .05}, {.36, .02}, {.36, .01}}};
  static const std::vector<LiteratureRow> kShapes3d{{"AE", "ae", {.06, .03}, {.05, .03}, {.07, .03}},
                                                    {"beta-VAE", "beta-vae", {.60, .31}, {.09, .14}, {.66, .05}},
                                                    {"FactorVAE", "", {.27, .18}, {.07, .05}, {.33, .20}},
                                                    {"beta-TCVAE", "beta-tcvae", {.58, .20}, {.24, .16}, {.60, .11}},
                                                    {"SlowVAE", "", {.53, .19}, {.13, .08}, {.60, .10}},
                                                    {"PCL", "pcl", {.44, .06}, {.47, .08}, {.40, .07}},
                                                    {"weakly supervised GAN", "", {.69, .12}, {.66, .12}, {.77, .13}}};
  if (dataset.rfind("dsprites", 0) == 0) return kDsprites;
  if (dataset.rfind("shapes3d", 0) == 0) return kShapes3d;
  return kNone;
}

}  // namespace offaxis
