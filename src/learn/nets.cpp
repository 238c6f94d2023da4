#include "learn/nets.h"

#include <cmath>

#include "core/error.h"
#include "core/philox.h"
#include "learn/layers.h"

namespace offaxis {
namespace {

constexpr int kSmallestSide = 4;  // height and width where convolutions end and dense layers begin

int expectedSide(const NetSettings& settings) {
  return kSmallestSide << settings.channels.size();
}

// What makes images of one shape fit a net that takes `side` x `side`.
std::string wayOut(const ImageShape& image, std::uint32_t side) {
  if (image.height != image.width || image.channels == 0 || image.height < 32)
    return "the nets take square images of 32 or 64 pixels";
  if (image.height == 32 || image.height == 64)
    return "choose " + std::string(image.height == 32 ? "conv32 or conv32-wide" : "conv64") +
           (image.height > side ? ", or reduce the original with size=" + std::to_string(side) : "");
  for (const std::uint32_t size : {side, 64U, 32U}) {
    if (image.height % size != 0) continue;
    return "reduce the original with size=" + std::to_string(size) + (size == side ? "" : ", which other nets take");
  }
  return "the nets take images of 32 or 64 pixels, which " + std::to_string(image.height) + " cannot be reduced to";
}

void check(const NetSettings& settings) {
  const std::uint32_t side = static_cast<std::uint32_t>(expectedSide(settings));
  if (settings.image.height != side || settings.image.width != side || settings.image.channels == 0) {
    throw Error(ErrorKind::Usage,
                "this network takes " + std::to_string(side) + "x" + std::to_string(side) + " images, the source has " +
                    toString(settings.image),
                wayOut(settings.image, side));
  }
  if (settings.latents < 1) throw Error(ErrorKind::Usage, "a network needs at least one latent");
}

// op(x, weight, bias) in a precision; the result may be no float32.
template <typename Op>
torch::Tensor product(Precision precision, const torch::Tensor& x, const Layer& layer, const Op& op) {
  return asResult(precision,
                  op(asOperand(precision, x), asOperand(precision, layer.weight), asBias(precision, layer.bias)));
}

torch::Tensor dense(Precision precision, const torch::Tensor& x, const Layer& layer) {
  return product(precision, x, layer, fastLinear);
}

}  // namespace

NetSettings NetSettings::conv64(ImageShape image, int latents) {
  return {image, latents, {32, 32, 64, 64}, {4, 4, 2, 2}, 256};
}

NetSettings NetSettings::conv32(ImageShape image, int latents) {
  return {image, latents, {16, 32, 32}, {4, 4, 4}, 128};
}

NetSettings NetSettings::conv32Wide(ImageShape image, int latents) {
  return {image, latents, {32, 64, 64}, {4, 4, 4}, 256};
}

std::vector<std::string> netPresets() {
  return {"conv64", "conv32", "conv32-wide"};
}

NetSettings NetSettings::preset(const std::string& name, ImageShape image, int latents) {
  NetSettings settings;
  if (name == "conv64") {
    settings = conv64(image, latents);
  } else if (name == "conv32") {
    settings = conv32(image, latents);
  } else if (name == "conv32-wide") {
    settings = conv32Wide(image, latents);
  } else {
    throw Error(ErrorKind::Usage, "no net is called '" + name + "'", "known: " + joined(netPresets()));
  }
  check(settings);
  return settings;
}

EncoderImpl::EncoderImpl(const NetSettings& settings) : settings_(settings) {
  check(settings);
  const auto layer = [this](const std::string& name, std::vector<std::int64_t> shape) {
    const std::int64_t out = shape[0];
    return Layer{register_parameter(name + "_weight", torch::zeros(shape)),
                 register_parameter(name + "_bias", torch::zeros({out}))};
  };
  std::int64_t in = settings.image.channels;
  for (std::size_t i = 0; i < settings.channels.size(); ++i) {
    const std::int64_t kernel = settings.kernels[i];
    convolutions_.push_back(layer("conv" + std::to_string(i), {settings.channels[i], in, kernel, kernel}));
    in = settings.channels[i];
  }
  dense_ = layer("dense", {settings.dense, in * kSmallestSide * kSmallestSide});
  mu_ = layer("mu", {settings.latents, settings.dense});
  logVariance_ = layer("log_variance", {settings.latents, settings.dense});
}

std::pair<torch::Tensor, torch::Tensor> EncoderImpl::forward(torch::Tensor x) {
  const Precision precision = settings_.precision;
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    x = product(precision, x, convolutions_[i],
                [](const auto&... operands) { return halvingConvolution(operands..., Activation::Relu); });
  }
  const torch::Tensor features = dense(precision, x.flatten(1), dense_).relu_();
  return {asFloat32(dense(precision, features, mu_)), asFloat32(dense(precision, features, logVariance_))};
}

DecoderImpl::DecoderImpl(const NetSettings& settings) : settings_(settings) {
  check(settings);
  const auto layer = [this](const std::string& name, std::vector<std::int64_t> shape, std::int64_t out) {
    return Layer{register_parameter(name + "_weight", torch::zeros(shape)),
                 register_parameter(name + "_bias", torch::zeros({out}))};
  };
  const std::vector<int>& channels = settings.channels;
  const std::int64_t deepest = channels.back();
  const std::int64_t spread = deepest * kSmallestSide * kSmallestSide;
  dense_ = layer("dense", {settings.dense, settings.latents}, settings.dense);
  spread_ = layer("spread", {spread, settings.dense}, spread);
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const std::size_t level = channels.size() - 1 - i;
    const std::int64_t out = level == 0 ? settings.image.channels : channels[level - 1];
    deconvolutions_.push_back(layer("deconv" + std::to_string(i), {channels[level], out, 4, 4}, out));
  }
}

torch::Tensor DecoderImpl::forward(torch::Tensor z) {
  const Precision precision = settings_.precision;
  torch::Tensor x = dense(precision, z, dense_).relu_();
  x = dense(precision, x, spread_).relu_();
  x = x.view({z.size(0), settings_.channels.back(), kSmallestSide, kSmallestSide})
          .contiguous(torch::MemoryFormat::ChannelsLast);
  for (std::size_t i = 0; i < deconvolutions_.size(); ++i) {
    const Activation activation = i + 1 < deconvolutions_.size() ? Activation::Relu : Activation::None;
    x = product(precision, x, deconvolutions_[i],
                [activation](const auto&... operands) { return doublingConvolution(operands..., activation); });
  }
  return asFloat32(x);
}

void initialise(torch::nn::Module& module, const std::string& scope, std::uint64_t seed) {
  torch::NoGradGuard noGrad;
  std::vector<std::uint32_t> words;
  for (const auto& item : module.named_parameters()) {
    torch::Tensor parameter = item.value();
    if (parameter.dim() < 2) {
      parameter.zero_();
      continue;
    }
    const std::int64_t window = parameter.numel() / (parameter.size(0) * parameter.size(1));
    const double bound = std::sqrt(6.0 / static_cast<double>((parameter.size(0) + parameter.size(1)) * window));
    words.resize(static_cast<std::size_t>(parameter.numel()));
    Philox(seed, "init:" + scope + "." + item.key()).fill(0, 0, words.data(), words.size());
    torch::Tensor values = torch::empty(parameter.sizes());
    float* value = values.data_ptr<float>();
    for (std::size_t i = 0; i < words.size(); ++i) {
      value[i] = static_cast<float>(bound * ((words[i] + 0.5) * 0x1p-31 - 1.0));
    }
    parameter.copy_(values);
  }
}

std::int64_t parameterCount(const torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const torch::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace offaxis
