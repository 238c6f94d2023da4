#include "learn/precision.h"

#include <ATen/Context.h>

#include <utility>

#include "core/error.h"
#include "core/text.h"

namespace offaxis {
namespace {

using torch::Tensor;

const std::vector<std::pair<std::string, Precision>> kPrecisions{
    {"float32", Precision::Float32}, {"tf32", Precision::Tf32}, {"bfloat16", Precision::Bfloat16}};

// Of a float32's 23 stored bits of mantissa, how many a precision drops.
std::int64_t droppedBits(Precision precision) {
  return precision == Precision::Tf32 ? 13 : 16;
}

// To nearest, ties to even; a carry goes on into the exponent, as it should.
Tensor roundedMantissa(const Tensor& t, std::int64_t dropped) {
  const std::int64_t last = std::int64_t{1} << dropped;
  const Tensor bits = t.view(torch::kInt32);
  const Tensor odd = at::bitwise_right_shift(bits, dropped).bitwise_and_(1);
  return odd.add_(bits).add_(last / 2 - 1).bitwise_and_(-last).view(torch::kFloat32);
}

// Rounds a value on its way forward, its gradient on the way back, or both; 0 dropped bits leave it.
class Rounded : public torch::autograd::Function<Rounded> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& t, std::int64_t forwards,
                        std::int64_t backwards) {
    context->saved_data["dropped"] = backwards;
    // A copy where nothing is rounded: what a function returns may be changed in place, what it is given may not.
    return forwards == 0 ? t.clone() : roundedMantissa(t, forwards);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const std::int64_t dropped = context->saved_data["dropped"].toInt();
    return {dropped == 0 ? gradients[0] : roundedMantissa(gradients[0], dropped), {}, {}};
  }
};

// Tensor cores, and bfloat16 as a type of its own, are a GPU's; elsewhere they are imitated.
bool isImitated(const Tensor& t) {
  return t.is_cpu();
}

}  // namespace

std::vector<std::string> precisionNames() {
  std::vector<std::string> names;
  for (const auto& [name, precision] : kPrecisions) names.push_back(name);
  return names;
}

Precision precisionFromString(const std::string& text) {
  for (const auto& [name, precision] : kPrecisions) {
    if (name == text) return precision;
  }
  throw Error(ErrorKind::Usage, "no precision is called '" + text + "'", "known: " + joined(precisionNames()));
}

void allowPrecision(Precision precision) {
  const bool allowed = precision == Precision::Tf32;
  at::globalContext().setAllowTF32CuBLAS(allowed);
  at::globalContext().setAllowTF32CuDNN(allowed);
}

Tensor asOperand(Precision precision, const Tensor& t) {
  if (precision == Precision::Float32) return t;
  if (!isImitated(t)) return precision == Precision::Bfloat16 ? t.to(torch::kBFloat16) : t;
  const std::int64_t dropped = droppedBits(precision);
  return Rounded::apply(t, dropped, precision == Precision::Bfloat16 ? dropped : 0);
}

Tensor asBias(Precision precision, const Tensor& t) {
  return precision == Precision::Bfloat16 ? asOperand(precision, t) : t;
}

Tensor asResult(Precision precision, const Tensor& t) {
  if (precision == Precision::Float32 || !isImitated(t)) return t;
  const std::int64_t dropped = droppedBits(precision);
  return Rounded::apply(t, precision == Precision::Bfloat16 ? dropped : 0, dropped);
}

Tensor asFloat32(const Tensor& t) {
  return t.to(torch::kFloat32);
}

}  // namespace offaxis
