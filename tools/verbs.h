// The verbs in the order of a job, each with what `offaxis --help` and its own --help say of it.
#pragma once

#include <array>
#include <string_view>

namespace offaxis::cli {

struct VerbEntry {
  std::string_view name;
  std::string_view summary;
  bool learns = false;  // not part of a build without LibTorch
};

constexpr std::array<VerbEntry, 20> kVerbs{{
    {"list", "say which datasets, variants, models and metrics there are"},
    {"render", "write a built-in dataset to an HDF5 file"},
    {"import", "read an original dSprites or Shapes3D file into an HDF5 file of ours"},
    {"inspect", "describe a dataset, a file or a variant; draw a contact sheet"},
    {"align", "measure which axes a dataset or variant favours, without training"},
    {"axes", "measure which axes reference models find cheaper on a dataset or variant", true},
    {"manipulate", "train the reference models and the perturbation psi", true},
    {"emit", "write a variant of a dataset (modified, noise, ...) to an HDF5 file"},
    {"verify", "check that a modified dataset kept its factors and its budget"},
    {"train", "train one model on a dataset or variant", true},
    {"encode", "write the codes of a trained model and the factors behind them", true},
    {"traverse", "draw the latent traversals and reconstructions of a trained model", true},
    {"score", "score codes against the factors"},
    {"evaluate", "train models on variants of one dataset and compare their scores", true},
    {"plot", "draw an evaluation: scores, dose and response, frontier"},
    {"report", "make one self-contained page of a run, an evaluation or a version"},
    {"publish", "publish files as a checksummed version"},
    {"check", "check a published version"},
    {"reproduce", "regenerate a published version from its manifest"},
    {"diff", "say what changed between two published versions or two datasets"},
}};

// Null where no verb is called that.
constexpr const VerbEntry* findVerb(std::string_view name) {
  for (const VerbEntry& verb : kVerbs) {
    if (verb.name == name) return &verb;
  }
  return nullptr;
}

}  // namespace offaxis::cli
