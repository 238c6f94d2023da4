// Convolutions of stride 2 and dense layers on one CPU core: the arithmetic that a training step consists of.
//
// A convolution joins a large image [2H,2W,L] and a small one [H,W,S], channels last: each pixel of the small one sees
// a window of kernel x kernel pixels of the large one. An encoder's layer goes from large to small, a decoder's the
// other way, and each one's gradient with respect to its input is the other.
//
// Products are added up by fused multiply-adds, and every sum is taken in an order that the layer's shape alone
// decides: whatever is finite is the same to the bit in all instructions, on every processor that is not told to flush
// subnormal numbers. (Layers of other shapes, and what lies between layers, are LibTorch's, which promises no such
// thing.) oneDNN's kernels, which LibTorch calls, reach half the speed of their own matrix product on these layers
// where there is no AVX-512 (docs/performance.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace offaxis {

enum class FloatInstructions { Portable, Avx2, Avx512 };

// "portable", "avx2", "avx512"
std::string toString(FloatInstructions instructions);
// Those that this processor runs, the fastest last; Portable always.
const std::vector<FloatInstructions>& availableFloatInstructions();
// Whether there are any with a fused multiply-add of the processor's own; without one, it is a call of a function.
bool haveFastInstructions();

struct HalvingShape {
  std::int64_t images = 0;
  std::int64_t height = 0, width = 0;  // of the small images
  std::int64_t large = 0, small = 0;   // channels of either
  std::int64_t kernel = 0;             // 4, with one pixel of zeros around the large image, or 2, without

  std::int64_t largeSize() const { return 4 * height * width * large; }  // floats in one image
  std::int64_t smallSize() const { return height * width * small; }
  // Which layers there are kernels for: `small` is a multiple of 16, and so is `large`, or the window is 4x4.
  static bool isSupported(std::int64_t large, std::int64_t small, std::int64_t kernel);
};

struct DenseShape {
  std::int64_t rows = 0, in = 0, out = 0;
  // Both are multiples of 16.
  static bool isSupported(std::int64_t in, std::int64_t out) { return in % 16 == 0 && out % 16 == 0; }
};

// What becomes of a sum: it stays, or what is below zero becomes zero. NaN stays NaN.
enum class Activation { None, Relu };

// Images are [images,height,width,channels], a convolution's weights [small,large,kernel,kernel]; a dense layer's
// inputs [rows,in], outputs [rows,out], weights [out,in]. Biases have the outputs' channels and may be null, for none.
// Memory is the caller's. Nothing is checked; shapes must be supported. A thread keeps what it needs from call to call:
// a few padded images and packed copies of weights, as large as its largest layer so far.

// small = activation(bias + weights * windows of large)
void halveImages(const HalvingShape& shape, const float* large, const float* weights, const float* bias,
                 Activation activation, float* small, FloatInstructions instructions);
// large = activation(bias + what each pixel of small adds, by its weights, to its window)
void doubleImages(const HalvingShape& shape, const float* small, const float* weights, const float* bias,
                  Activation activation, float* large, FloatInstructions instructions);
// outputs = bias + inputs * transposed weights
void multiplyDense(const DenseShape& shape, const float* inputs, const float* weights, const float* bias,
                   float* outputs, FloatInstructions instructions);

// What is known when a gradient comes back to a layer.
struct LayerPass {
  const float* inputs;
  const float* weights;
  const float* outputs;   // after ReLU: where they are zero, so is the gradient of the sum. Null where there was none
  const float* gradient;  // with respect to the outputs
};
// What is wanted of it, each as large as what it is the gradient of. Inputs and weights may be null, for unwanted; the
// bias may not.
struct LayerGradients {
  float* inputs;
  float* weights;
  float* bias;
};

// Of halveImages(): inputs are large, outputs small.
void halvingGradients(const HalvingShape& shape, const LayerPass& pass, const LayerGradients& gradients,
                      FloatInstructions instructions);
// Of doubleImages(): inputs are small, outputs large.
void doublingGradients(const HalvingShape& shape, const LayerPass& pass, const LayerGradients& gradients,
                       FloatInstructions instructions);
// Of multiplyDense(); pass.outputs is null.
void denseGradients(const DenseShape& shape, const LayerPass& pass, const LayerGradients& gradients,
                    FloatInstructions instructions);

}  // namespace offaxis
