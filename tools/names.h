// The models that the command line knows, for `offaxis list`, which does not link LibTorch.
// tests/tools checks that the registry of src/learn knows the same models.
#pragma once

#include <array>

namespace offaxis::cli {

struct NamedPart {
  const char* name;
  const char* summary;
};

constexpr std::array<NamedPart, 5> kModels{{
    {"ae", "autoencoder, deterministic code"},
    {"beta-vae", "rec + beta KL (Higgins et al., ICLR 2017)"},
    {"beta-tcvae", "rec + KL + (beta - 1) total correlation (Chen et al., NeurIPS 2018)"},
    {"pcl", "permutation-contrastive learning, not variational (Hyvarinen and Morioka, AISTATS 2017)"},
    {"probe", "supervised: reads every factor off held-out images; accuracies instead of codes"},
}};

}  // namespace offaxis::cli
