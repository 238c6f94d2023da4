// Training state on disk: one HDF5 file, staged and renamed, so that what is found there is always whole.
// Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

namespace offaxis {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;  // f32, f64 or i64, any device

// Replaces `path`. `identity` is a flat JSON object that says what the state belongs to. Attributes: format
// "offaxis.checkpoint", version, identity; each tensor an array of its name ("encoder/conv0_weight").
// Throws Error(CannotWrite).
void saveCheckpoint(const std::string& path, const std::string& identity, const NamedTensors& tensors);

// The identity of the checkpoint at `path`. Throws Error(BadFile) where it is missing, damaged or something else.
std::string checkpointIdentity(const std::string& path);

// Fills `tensors` in place. Throws Error(BadFile) where the file is damaged, lacks one of them, or was saved under
// another identity (the message names what differs).
void loadCheckpoint(const std::string& path, const std::string& identity, const NamedTensors& tensors);

// Reads one array of any length: f64 [n], n = 0 where the file has none of that name.
torch::Tensor loadCheckpointVector(const std::string& path, const std::string& name);

}  // namespace offaxis
