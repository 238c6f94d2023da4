// A small matrix of 16-bit integers that is multiplied with many vectors, with 32-bit sums: psi's inner loop, in the
// widest instructions that the processor has. Integers, so the result does not depend on which those are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace offaxis {

enum class ProductKernel { Portable, Sse2, Avx2, Avx512Vnni };

// "portable", "sse2", "avx2", "avx512-vnni"
std::string toString(ProductKernel kernel);
// Those that this processor runs, the fastest last; Portable always.
const std::vector<ProductKernel>& availableProductKernels();

// Vectors that may overlap, as the windows of an image do. Each is made of `runs` pieces of the same, even length: of
// vector v, piece r begins at first + v * step + r * runStep.
struct InputVectors {
  const std::int16_t* first = nullptr;
  std::size_t count = 0;
  std::size_t step = 0;
  std::size_t runs = 1;
  std::size_t runStep = 0;
};

class IntegerMatrix {
 public:
  IntegerMatrix() = default;
  // weights [rows,columns], row-major.
  IntegerMatrix(const std::vector<std::int16_t>& weights, std::size_t rows, std::size_t columns);

  // As multiply() sees them: rounded up to whole tiles of 16 rows, and to pairs of columns. What was added is 0.
  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }

  // out[v,r] = sum_i weights[r,i] * inputs[v,i]; inputs of columns() numbers each, out [vectors,rows()]. The caller
  // sees to it that every partial sum fits 32 bits. Throws nothing and checks nothing.
  void multiply(const InputVectors& inputs, std::int32_t* out) const;
  // `kernel` must be available.
  void multiply(const InputVectors& inputs, std::int32_t* out, ProductKernel kernel) const;

 private:
  std::size_t rows_ = 0, columns_ = 0;
  std::vector<std::int16_t> tiles_;  // [rows/16, columns/2, 16, 2]: one load holds a pair of columns of 16 rows
};

}  // namespace offaxis
