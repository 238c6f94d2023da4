// The two maps that LibTorch's CPU build leaves slow, written so that oneDNN runs them.
#pragma once

#include <torch/torch.h>

namespace offaxis {

// Transposed convolution with kernel 4, stride 2, padding 1: doubles height and width.
// x f32 [N,I,H,W], weight f32 [I,O,4,4], bias f32 [O] -> f32 [N,O,2H,2W], channels last where x is.
//
// LibTorch 1.13 runs conv_transpose2d on the CPU as matrix products plus a scatter. A transposed convolution is the
// gradient of a convolution with respect to its input, which oneDNN has a kernel for: here forward is that gradient,
// and backward is a plain convolution (for x) and a convolution's weight gradient (for weight). On CUDA, and from
// LibTorch 2 on, the library's own is as fast and is used.
torch::Tensor fastConvTranspose2d(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

// x f32 [N,I], weight f32 [O,I], bias f32 [O] -> f32 [N,O]. On the CPU a 1x1 convolution: distributions link LibTorch
// with the reference BLAS, whose matrix product is some 15 times slower than oneDNN's convolution.
torch::Tensor fastLinear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace offaxis
