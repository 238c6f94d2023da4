#include "learn/nets.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "learn/device.h"
#include "storage/temporary.h"

namespace offaxis {
namespace {

using testing::expectError;

TEST(Nets, Conv64HasTheStandardParameterCount) {
  for (const auto& [channels, expected] : {std::pair<std::uint32_t, std::int64_t>{1, 690517}, {3, 692567}}) {
    const NetSettings settings = NetSettings::conv64({64, 64, channels}, 10);
    EXPECT_EQ(parameterCount(*Encoder(settings)) + parameterCount(*Decoder(settings)), expected);
  }
}

TEST(Nets, ShapesOfBothPresets) {
  for (const auto& [name, side] :
       {std::pair<std::string, std::uint32_t>{"conv64", 64}, {"conv32", 32}, {"conv32-wide", 32}}) {
    const NetSettings settings = NetSettings::preset(name, {side, side, 3}, 7);
    Encoder encoder(settings);
    Decoder decoder(settings);
    const torch::Tensor x = torch::rand({2, 3, side, side}).contiguous(torch::MemoryFormat::ChannelsLast);
    const auto [mu, logVariance] = encoder->forward(x);
    EXPECT_EQ(mu.sizes(), (torch::IntArrayRef{2, 7}));
    EXPECT_EQ(logVariance.sizes(), (torch::IntArrayRef{2, 7}));
    const torch::Tensor logits = decoder->forward(mu);
    EXPECT_EQ(logits.sizes(), x.sizes());
    EXPECT_TRUE(logits.is_contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

TEST(Nets, InitialisationIsGlorotAndDependsOnSeedAndNameAlone) {
  const NetSettings settings = NetSettings::conv32({32, 32, 3}, 6);
  Encoder a(settings);
  Encoder b(settings);
  initialise(*a, "encoder", 3);
  torch::manual_seed(99);
  initialise(*b, "encoder", 3);
  for (const auto& item : a->named_parameters()) {
    const torch::Tensor& value = item.value();
    EXPECT_TRUE(value.equal(b->named_parameters()[item.key()])) << item.key();
    if (value.dim() < 2) {
      EXPECT_EQ(value.abs().max().item<float>(), 0.0f) << item.key();
      continue;
    }
    const double fans = static_cast<double>(value.size(0) + value.size(1)) * static_cast<double>(value[0][0].numel());
    const double bound = std::sqrt(6.0 / fans);
    const double largest = value.abs().max().item<double>();
    EXPECT_LE(largest, bound) << item.key();
    EXPECT_GT(largest, 0.97 * bound) << item.key();
    if (value.numel() > 1000) {
      EXPECT_NEAR(value.var().item<double>() / (bound * bound / 3), 1.0, 0.15) << item.key();
    }
  }
  initialise(*b, "encoder", 4);
  EXPECT_FALSE(a->parameters()[0].equal(b->parameters()[0]));
  initialise(*b, "decoder", 3);
  EXPECT_FALSE(a->parameters()[0].equal(b->parameters()[0]));
}

TEST(Nets, PresetsRefuseOtherSizesAndNames) {
  expectError(ErrorKind::Usage, "64x64", [] { NetSettings::preset("conv64", {32, 32, 3}, 6); });
  expectError(ErrorKind::Usage, "conv128", [] { NetSettings::preset("conv128", {64, 64, 3}, 6); });
  expectError(ErrorKind::Usage, "latent", [] { NetSettings::preset("conv64", {64, 64, 3}, 0); });
}

TEST(Device, NamesAreChecked) {
  EXPECT_TRUE(openDevice("cpu").is_cpu());
  expectError(ErrorKind::Usage, "gpu", [] { openDevice("gpu"); });
  expectError(ErrorKind::Usage, "number", [] { openDevice("cuda:x"); });
  if (!torch::cuda::is_available()) {
    EXPECT_TRUE(openDevice("auto").is_cpu());
    expectError(ErrorKind::Unavailable, "cuda", [] { openDevice("cuda"); });
    expectError(ErrorKind::Unavailable, "cuda:1", [] { openDevice("cuda:1"); });
  }
}

}  // namespace
}  // namespace offaxis
