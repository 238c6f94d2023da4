// The products that nets are made of, as differentiable functions: by kernels of our own (learn/layer_kernels.h) on a
// CPU that has a fused multiply-add, where they take the shapes, else by LibTorch. The kernels' gradients have none
// themselves.
#pragma once

#include <torch/torch.h>

#include "learn/layer_kernels.h"

namespace offaxis {

// Convolution of stride 2 that halves height and width: kernel 4 with padding 1, or kernel 2 without.
// x f32 [N,I,2H,2W], weight f32 [O,I,K,K], bias f32 [O] -> f32 [N,O,H,W], channels last.
torch::Tensor halvingConvolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                 Activation activation = Activation::None);

// Transposed convolution of the same kind, which doubles height and width.
// x f32 [N,I,H,W], weight f32 [I,O,K,K], bias f32 [O] -> f32 [N,O,2H,2W], channels last.
torch::Tensor doublingConvolution(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                  Activation activation = Activation::None);

// x f32 [N,I], weight f32 [O,I], bias f32 [O] -> f32 [N,O]. Distributions link LibTorch with the reference BLAS,
// whose matrix product is some 15 times slower than oneDNN's: on the CPU, layers that our kernels do not take are 1x1
// convolutions.
torch::Tensor fastLinear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace offaxis
