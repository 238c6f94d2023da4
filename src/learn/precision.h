// In which numbers a network's products are computed. Needs LibTorch: include only inside src/learn.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

namespace offaxis {

// Of the operands of convolutions and matrix products; parameters, losses and the optimiser stay float32. On a GPU its
// tensor cores compute so; on a CPU operands, results and their gradients are rounded to the same bits, slower than
// float32, so that what a precision does to scores can be seen without a GPU.
enum class Precision {
  Float32,   // 24 bits of mantissa; a GPU is kept from its default, TF32 in convolutions
  Tf32,      // 11: operands are rounded, results are float32
  Bfloat16,  // 8: results, and with them activations, are rounded too
};

std::vector<std::string> precisionNames();  // "float32", "tf32", "bfloat16"
// Throws Error(Usage) for an unknown name.
Precision precisionFromString(const std::string& name);

// Allows or forbids TF32 on GPUs, for the whole program: LibTorch has one switch, so models that train side by side
// share their precision.
void allowPrecision(Precision precision);

// What a product y = op(x, weight) + bias has to be given and done to in order to be computed so, gradients included.
// Float32 returns all of them as they are.
torch::Tensor asOperand(Precision precision, const torch::Tensor& t);
torch::Tensor asBias(Precision precision, const torch::Tensor& t);
torch::Tensor asResult(Precision precision, const torch::Tensor& t);
// A result as float32, for whatever is no product.
torch::Tensor asFloat32(const torch::Tensor& t);

}  // namespace offaxis
