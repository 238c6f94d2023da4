// Where training runs, chosen at run time. Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <string>

namespace offaxis {

// "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:N". Throws Error(Usage) for anything else and
// Error(Unavailable) where that GPU, or a LibTorch that can use one, is missing.
torch::Device openDevice(const std::string& name);

// "cpu", "cuda:0"
std::string toString(const torch::Device& device);

// "1.13.1", of the LibTorch in use.
std::string torchVersion();

// To be called by every thread that trains. One intra-op thread: models run side by side, one per core, which beats
// several threads in one model, and sums do not depend on a thread count. Tensors' memory is kept from then on, see
// learn/tensor_memory.h.
void prepareTrainingThread();

}  // namespace offaxis
