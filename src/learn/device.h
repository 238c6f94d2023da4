// Where training runs, chosen at run time. Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <string>

namespace offaxis {

// "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:N". The first call of a program puts a GPU to float32, see
// learn/precision.h. Throws Error(Usage) for anything else and Error(Unavailable) where that GPU, or a LibTorch that
// can use one, is missing.
torch::Device openDevice(const std::string& name);

// "cpu", "cuda:0"
std::string toString(const torch::Device& device);

// A tensor in the CPU's memory as one on the device, without waiting for a GPU: it is sent by way of pinned memory. On
// the CPU the tensor itself.
torch::Tensor sentTo(const torch::Device& device, const torch::Tensor& t);

// "1.13.1", of the LibTorch in use.
std::string torchVersion();

// To be called by every thread that trains. One intra-op thread: models run side by side, one per core, which beats
// several threads in one model, and sums do not depend on a thread count. Tensors' memory is kept from then on, see
// learn/tensor_memory.h.
void prepareTrainingThread();

}  // namespace offaxis
