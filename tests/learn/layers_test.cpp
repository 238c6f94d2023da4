#include "learn/layers.h"

#include <gtest/gtest.h>

namespace offaxis {
namespace {

float largestGap(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<float>();
}

// Values and all three gradients against the library's own function, for one shape and memory order.
template <typename Ours, typename Theirs>
void compare(torch::Tensor x, torch::Tensor weight, torch::Tensor bias, const Ours& ours, const Theirs& theirs) {
  std::vector<torch::Tensor> inputs{x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()};
  const torch::Tensor a = ours(inputs[0], inputs[1], inputs[2]);
  const torch::Tensor b = theirs(inputs[0], inputs[1], inputs[2]);
  ASSERT_EQ(a.sizes(), b.sizes());
  EXPECT_LT(largestGap(a, b), 1e-5f * std::max(1.0f, b.abs().max().item<float>()));
  const torch::Tensor weights = torch::randn_like(b);  // a scalar whose gradient differs from pixel to pixel
  const auto ga = torch::autograd::grad({(a * weights).sum()}, inputs);
  const auto gb = torch::autograd::grad({(b * weights).sum()}, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_EQ(ga[i].sizes(), gb[i].sizes());
    EXPECT_LT(largestGap(ga[i], gb[i]), 1e-5f * std::max(1.0f, gb[i].abs().max().item<float>())) << "gradient " << i;
  }
}

// One layer: channels of either side, the small side's height and width.
struct Layer {
  int batch, large, small, height, width;
};

// Those that our kernels take and those that are left to LibTorch.
constexpr Layer kLayers[] = {{3, 16, 32, 4, 4}, {1, 3, 16, 8, 8}, {2, 1, 32, 6, 5}, {2, 5, 48, 3, 7}, {3, 64, 64, 2, 2},
                             {4, 32, 16, 1, 1}, {2, 3, 8, 4, 4},  {1, 2, 1, 2, 2},  {2, 4, 16, 1, 9}};
constexpr std::pair<int, Activation> kKinds[] = {
    {4, Activation::None}, {4, Activation::Relu}, {2, Activation::None}, {2, Activation::Relu}};
constexpr auto kOrders = {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast};

TEST(HalvingConvolution, AgreesWithTheLibrarys) {
  torch::manual_seed(1);
  for (const auto& [kernel, activation] : kKinds) {
    const auto ours = [activation = activation](const auto&... operands) {
      return halvingConvolution(operands..., activation);
    };
    const auto theirs = [kernel = kernel, activation = activation](const auto&... operands) {
      const torch::Tensor y = torch::conv2d(operands..., 2, kernel == 4 ? 1 : 0);
      return activation == Activation::Relu ? torch::relu(y) : y;
    };
    for (const Layer& layer : kLayers) {
      SCOPED_TRACE(testing::Message() << kernel << ": " << layer.large << " to " << layer.small << " channels");
      for (const auto order : kOrders) {
        const torch::Tensor x = torch::randn({layer.batch, layer.large, 2 * layer.height, 2 * layer.width});
        compare(x.contiguous(order), torch::randn({layer.small, layer.large, kernel, kernel}),
                torch::randn({layer.small}), ours, theirs);
      }
    }
  }
}

TEST(DoublingConvolution, AgreesWithTheLibrarys) {
  torch::manual_seed(2);
  for (const auto& [kernel, activation] : kKinds) {
    const auto ours = [activation = activation](const auto&... operands) {
      return doublingConvolution(operands..., activation);
    };
    const auto theirs = [kernel = kernel, activation = activation](const auto&... operands) {
      const torch::Tensor y = torch::conv_transpose2d(operands..., 2, kernel == 4 ? 1 : 0);
      return activation == Activation::Relu ? torch::relu(y) : y;
    };
    for (const Layer& layer : kLayers) {
      SCOPED_TRACE(testing::Message() << kernel << ": " << layer.small << " to " << layer.large << " channels");
      for (const auto order : kOrders) {
        const torch::Tensor x = torch::randn({layer.batch, layer.small, layer.height, layer.width});
        compare(x.contiguous(order), torch::randn({layer.small, layer.large, kernel, kernel}),
                torch::randn({layer.large}), ours, theirs);
      }
    }
  }
}

// Operands that lie apart in memory, and, from a plain sum, a gradient of which all elements are one.
template <typename Ours, typename Theirs>
void compareApart(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, const Ours& ours,
                  const Theirs& theirs) {
  const std::vector<torch::Tensor> inputs{x.detach().requires_grad_(), weight.detach().requires_grad_(),
                                          bias.detach().requires_grad_()};
  for (const torch::Tensor& input : inputs) ASSERT_FALSE(input.is_contiguous());
  const torch::Tensor a = ours(inputs[0], inputs[1], inputs[2]), b = theirs(inputs[0], inputs[1], inputs[2]);
  EXPECT_LT(largestGap(a, b), 1e-4f);
  const auto all = torch::autograd::grad({b.sum()}, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {  // each alone: the others are not wanted then
    const auto one = torch::autograd::grad({a.sum()}, {inputs[i]}, {}, /*retain_graph=*/true);
    EXPECT_LT(largestGap(one[0], all[i]), 1e-5f * std::max(1.0f, all[i].abs().max().item<float>())) << i;
  }
}

TEST(Layers, TakeTensorsThatLieApart) {
  torch::manual_seed(3);
  const torch::Tensor weight = torch::randn({4, 4, 3, 32}).permute({3, 2, 0, 1});
  const auto every = [](const std::vector<std::int64_t>& sizes) {
    std::vector<std::int64_t> wide = sizes;
    wide.back() *= 2;
    return torch::randn(wide).slice(-1, 0, wide.back(), 2);
  };
  compareApart(
      every({2, 3, 8, 8}), weight, every({32}), [](const auto&... of) { return halvingConvolution(of...); },
      [](const auto&... of) { return torch::conv2d(of..., 2, 1); });
  compareApart(
      every({2, 32, 4, 4}), weight, every({3}), [](const auto&... of) { return doublingConvolution(of...); },
      [](const auto&... of) { return torch::conv_transpose2d(of..., 2, 1); });
  compareApart(every({5, 32}), every({48, 32}), every({48}), fastLinear,
               [](const auto&... of) { return torch::linear(of...); });
}

TEST(Layers, TakeNoRows) {
  EXPECT_EQ(fastLinear(torch::zeros({0, 32}), torch::zeros({16, 32}), torch::zeros({16})).sizes(),
            (std::vector<std::int64_t>{0, 16}));
  EXPECT_EQ(halvingConvolution(torch::zeros({0, 3, 8, 8}), torch::zeros({16, 3, 4, 4}), torch::zeros({16})).sizes(),
            (std::vector<std::int64_t>{0, 16, 4, 4}));
}

TEST(Layers, RefuseOperandsOfOtherTypes) {
  const torch::Tensor weight = torch::zeros({16, 3, 4, 4});
  EXPECT_THROW(halvingConvolution(torch::zeros({1, 3, 8, 8}, torch::kFloat64), weight, torch::zeros({16})), c10::Error);
  EXPECT_THROW(halvingConvolution(torch::zeros({1, 3, 8, 8}), weight, torch::zeros({16}, torch::kFloat64)), c10::Error);
}

TEST(Layers, RefuseSecondDerivatives) {
  if (!haveFastInstructions()) GTEST_SKIP() << "LibTorch's own layers have them";
  const torch::Tensor x = torch::randn({1, 16}).requires_grad_();
  const torch::Tensor y = fastLinear(x, torch::randn({16, 16}), torch::randn({16}));
  EXPECT_THROW(torch::autograd::grad({y.sum()}, {x}, {}, true, /*create_graph=*/true), c10::Error);
}

TEST(HalvingConvolution, RefusesShapesThatDoNotFit) {
  const torch::Tensor x = torch::zeros({1, 2, 4, 4});
  EXPECT_THROW(halvingConvolution(x, torch::zeros({3, 3, 4, 4}), torch::zeros({3})), c10::Error);
  EXPECT_THROW(halvingConvolution(x, torch::zeros({3, 2, 3, 3}), torch::zeros({3})), c10::Error);
  EXPECT_THROW(halvingConvolution(x, torch::zeros({3, 2, 4, 4}), torch::zeros({1})), c10::Error);
  EXPECT_THROW(halvingConvolution(torch::zeros({1, 2, 4, 5}), torch::zeros({3, 2, 4, 4}), torch::zeros({3})),
               c10::Error);
}

TEST(DoublingConvolution, RefusesShapesThatDoNotFit) {
  const torch::Tensor x = torch::zeros({1, 2, 4, 4});
  EXPECT_THROW(doublingConvolution(x, torch::zeros({3, 2, 4, 4}), torch::zeros({2})), c10::Error);
  EXPECT_THROW(doublingConvolution(x, torch::zeros({2, 3, 3, 3}), torch::zeros({3})), c10::Error);
  EXPECT_THROW(doublingConvolution(x, torch::zeros({2, 3, 4, 4}), torch::zeros({1})), c10::Error);
}

TEST(FastLinear, AgreesWithTheLibrarys) {
  torch::manual_seed(4);
  const auto theirs = [](const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b) {
    return torch::linear(x, w, b);
  };
  compare(torch::randn({5, 17}), torch::randn({9, 17}), torch::randn({9}), fastLinear, theirs);
  compare(torch::randn({7, 32}), torch::randn({48, 32}), torch::randn({48}), fastLinear, theirs);
  compare(torch::randn({1, 1}), torch::randn({1, 1}), torch::randn({1}), fastLinear, theirs);
}

}  // namespace
}  // namespace offaxis
