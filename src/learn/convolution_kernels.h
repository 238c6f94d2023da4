// Convolutions of stride 2 and dense layers on one CPU core: the arithmetic that a training step consists of.
//
// A convolution joins a large image [2H,2W,L] and a small one [H,W,S], channels last: each pixel of the small one sees
// a window of kernel x kernel pixels of the large one. An encoder's layer goes from large to small, a decoder's the
// other way, and each one's gradient with respect to its input is the other.
//
// Every sum is taken in an order that the layer's shape alone decides, by fused multiply-adds: results are the same to
// the bit on every processor, in whichever instructions. oneDNN's kernels, which LibTorch calls, reach half the speed
// of their own matrix product on these layers (docs/performance.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace offaxis {

enum class FloatKernel { Portable, Avx2, Avx512 };

// "portable", "avx2", "avx512"
std::string toString(FloatKernel kernel);
// Those that this processor runs, the fastest last; Portable always.
const std::vector<FloatKernel>& availableFloatKernels();

struct HalvingShape {
  std::int64_t images = 0;
  std::int64_t height = 0, width = 0;  // of the small images
  std::int64_t large = 0, small = 0;   // channels of either
  std::int64_t kernel = 0;             // 4, with one pixel of zeros around the large image, or 2, without

  // Whether the functions below take it: `small` is a multiple of 16, and so is `large`, or the kernel is 4.
  bool isSupported() const;
  std::int64_t largeSize() const { return 4 * height * width * large; }  // floats in one image
  std::int64_t smallSize() const { return height * width * small; }
};

// What becomes of a sum: it stays, or what is below zero becomes zero. NaN stays NaN.
enum class Activation { None, Relu };

// The functions check nothing, and allocate no more than a few images' worth a thread, which it keeps. Memory is the
// caller's, images are [images,height,width,channels], weights [small,large,kernel,kernel].

// small = activation(bias + weights * windows of large); bias [small], or null for none.
void halveImages(const HalvingShape& shape, const float* large, const float* weights, const float* bias,
                 Activation activation, float* small, FloatKernel kernel);
// large = activation(bias + what each pixel of small adds, by its weights, to its window); bias [large] or null.
void doubleImages(const HalvingShape& shape, const float* small, const float* weights, const float* bias,
                  Activation activation, float* large, FloatKernel kernel);
// What is known when a gradient comes back to a layer of either kind. Shapes are those of the forward pass.
struct LayerPass {
  const float* inputs;
  const float* weights;
  const float* outputs;   // after ReLU; null where there was none
  const float* gradient;  // with respect to the outputs
};
// What is wanted of it. Null: not wanted, but the bias's.
struct Gradients {
  float* inputs;
  float* weights;
  float* bias;
};

void halvingGradients(const HalvingShape& shape, const LayerPass& pass, const Gradients& gradients, FloatKernel kernel);
void doublingGradients(const HalvingShape& shape, const LayerPass& pass, const Gradients& gradients,
                       FloatKernel kernel);

// A dense layer: weights [out,in], of which both are multiples of 16; x [rows,in], y [rows,out].
struct DenseShape {
  std::int64_t rows = 0, in = 0, out = 0;
  bool isSupported() const { return in % 16 == 0 && out % 16 == 0; }
};

// y = bias + x weights'; bias [out].
void multiplyDense(const DenseShape& shape, const float* x, const float* weights, const float* bias, float* y,
                   FloatKernel kernel);
// gx = gy weights; gy as y, gx as x.
void denseInputGradient(const DenseShape& shape, const float* gy, const float* weights, float* gx, FloatKernel kernel);
// gw = gy' x; gw [out,in].
void denseWeightGradient(const DenseShape& shape, const float* x, const float* gy, float* gw, FloatKernel kernel);

}  // namespace offaxis
