#include "learn/precision.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "learn/device.h"
#include "learn/nets.h"
#include "storage/temporary.h"

namespace offaxis {
namespace {

using testing::expectError;
using torch::Tensor;

// Normal numbers of every size and sign, zeros and infinities among them.
Tensor manyNumbers() {
  torch::manual_seed(4);
  const Tensor exponents = torch::randint(-120, 120, {20000}, torch::kFloat64);
  const Tensor signs = torch::randint(0, 2, {20000}, torch::kFloat64) * 2 - 1;
  const Tensor mantissas = torch::rand({20000}, torch::kFloat64) + 1;
  const Tensor numbers = (signs * mantissas * exponents.exp2()).to(torch::kFloat32);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  return torch::cat({numbers, torch::tensor({0.f, -0.f, kInfinity, -kInfinity, 1.f, 1.f + 0x1p-8f, 1.f + 0x3p-8f})});
}

// To `bits` bits of mantissa, the leading one included, ties to even: from the definition, in double.
double rounded(double x, int bits) {
  if (x == 0 || !std::isfinite(x)) return x;
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, bits)), exponent - bits);
}

void expectRounded(const Tensor& values, const Tensor& numbers, int bits) {
  ASSERT_EQ(values.sizes(), numbers.sizes());
  for (std::int64_t i = 0; i < numbers.numel(); ++i) {
    const auto x = static_cast<double>(numbers[i].item<float>());
    ASSERT_EQ(static_cast<double>(values[i].item<float>()), rounded(x, bits)) << x;
  }
}

Tensor gradientOf(Tensor (*op)(Precision, const Tensor&), Precision precision, const Tensor& outer) {
  const Tensor x = torch::ones_like(outer).requires_grad_();
  return torch::autograd::grad({(op(precision, x) * outer).sum()}, {x})[0];
}

TEST(Precision, OperandsAreRoundedToNearestEven) {
  const Tensor numbers = manyNumbers();
  expectRounded(asOperand(Precision::Tf32, numbers), numbers, 11);
  expectRounded(asOperand(Precision::Bfloat16, numbers), numbers, 8);
  EXPECT_TRUE(asOperand(Precision::Bfloat16, numbers).equal(numbers.to(torch::kBFloat16).to(torch::kFloat32)));
  EXPECT_TRUE(asOperand(Precision::Float32, numbers).is_same(numbers));
  EXPECT_TRUE(std::isnan(asOperand(Precision::Tf32, torch::full({1}, std::nan(""))).item<float>()));
}

TEST(Precision, BiasesAndResultsAreWhatAGpuWouldKeep) {
  const Tensor numbers = manyNumbers();
  EXPECT_TRUE(asBias(Precision::Tf32, numbers).is_same(numbers));
  EXPECT_TRUE(asResult(Precision::Tf32, numbers).equal(numbers));
  expectRounded(asBias(Precision::Bfloat16, numbers), numbers, 8);
  expectRounded(asResult(Precision::Bfloat16, numbers), numbers, 8);
}

TEST(Precision, GradientsAreRoundedWhereTheyAreOperandsOrKept) {
  torch::manual_seed(5);
  const Tensor outer = torch::randn({500});
  // TF32 keeps gradients in float32, and rounds them where they enter a product: behind its result.
  EXPECT_TRUE(gradientOf(asOperand, Precision::Tf32, outer).equal(outer));
  expectRounded(gradientOf(asResult, Precision::Tf32, outer), outer, 11);
  expectRounded(gradientOf(asOperand, Precision::Bfloat16, outer), outer, 8);
  expectRounded(gradientOf(asResult, Precision::Bfloat16, outer), outer, 8);
}

TEST(Precision, NetworksComeAsCloseAsTheirBitsAllow) {
  NetSettings settings = NetSettings::conv32({32, 32, 3}, 5);
  torch::manual_seed(6);
  const Tensor images = torch::rand({4, 3, 32, 32}).contiguous(torch::MemoryFormat::ChannelsLast);
  std::vector<std::pair<Tensor, Tensor>> outputs;  // code and picture
  std::vector<Tensor> gradients;
  for (const std::string& name : precisionNames()) {
    settings.precision = precisionFromString(name);
    Encoder encoder(settings);
    Decoder decoder(settings);
    initialise(*encoder, "encoder", 1);
    initialise(*decoder, "decoder", 1);
    const Tensor mu = encoder->forward(images).first;
    const Tensor picture = decoder->forward(mu);
    EXPECT_TRUE(picture.is_contiguous(torch::MemoryFormat::ChannelsLast));
    EXPECT_EQ(picture.scalar_type(), torch::kFloat32);
    outputs.emplace_back(mu.detach(), picture.detach());
    gradients.push_back(torch::autograd::grad({picture.square().sum()}, {encoder->parameters()[0]})[0]);
  }
  const auto gap = [](const Tensor& a, const Tensor& b) { return ((a - b).norm() / a.norm()).item<double>(); };
  const struct {
    std::size_t which;
    double least, most;
  } kExpected[] = {{1, 1e-5, 1e-2}, {2, 5e-4, 1e-1}};  // 2^-11 and 2^-8 a layer, and ReLUs that open or close
  for (const auto& [which, least, most] : kExpected) {
    for (const double found : {gap(outputs[0].first, outputs[which].first),
                               gap(outputs[0].second, outputs[which].second), gap(gradients[0], gradients[which])}) {
      EXPECT_GT(found, least) << which;
      EXPECT_LT(found, most) << which;
    }
  }
  EXPECT_TRUE(asOperand(Precision::Bfloat16, outputs[2].second).equal(outputs[2].second));
}

TEST(Precision, AGpuIsKeptToFloat32UnlessTf32IsAllowed) {
  openDevice("cpu");  // the program's first device takes TF32 off, which LibTorch has on
  EXPECT_FALSE(at::globalContext().allowTF32CuDNN());
  allowPrecision(Precision::Tf32);
  EXPECT_TRUE(at::globalContext().allowTF32CuDNN());
  EXPECT_TRUE(at::globalContext().allowTF32CuBLAS());
  for (const Precision precision : {Precision::Bfloat16, Precision::Float32}) {
    allowPrecision(precision);
    EXPECT_FALSE(at::globalContext().allowTF32CuDNN());
    EXPECT_FALSE(at::globalContext().allowTF32CuBLAS());
  }
}

TEST(Precision, UnknownNamesAreRefused) {
  expectError(ErrorKind::Usage, "'half'", [] { precisionFromString("half"); });
  EXPECT_EQ(precisionNames(), (std::vector<std::string>{"float32", "tf32", "bfloat16"}));
}

}  // namespace
}  // namespace offaxis
