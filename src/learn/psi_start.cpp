#include "learn/psi_start.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace offaxis {
namespace {

using torch::Tensor;

constexpr std::size_t kCells = 16;  // of the 4x4 map that psi's dense layers end in

// How the 4x4 cells of psi's first map are shared out among the rotated coordinates at the start: [16], an axis each.
// Within a block of n coordinates the shares fall as n, n-1, .. 1: axes that show equally strongly could be rotated
// into one another again.
std::vector<std::size_t> axisOfCell(const std::vector<double>& rotation, std::size_t k) {
  std::vector<double> share(k, 0.0);
  for (std::size_t row = 0; row < k; ++row) {
    auto sharesColumn = [&](std::size_t other) {
      for (std::size_t c = 0; c < k; ++c) {
        if (rotation[row * k + c] != 0.0 && rotation[other * k + c] != 0.0) return true;
      }
      return false;
    };
    double size = 0, before = 0;
    for (std::size_t other = 0; other < k; ++other) {
      if (!sharesColumn(other)) continue;
      ++size;
      before += other < row;
    }
    if (size > 1) share[row] = (size - before) / (size + 1);  // a block of n has n / 2 in all
  }
  std::vector<std::size_t> axes;
  std::vector<double> given(k, 0.0);
  for (std::size_t cell = 0; cell < kCells; ++cell) {
    std::size_t next = 0;
    for (std::size_t j = 1; j < k; ++j) {
      if (share[j] * (given[next] + 1.0) > share[next] * (given[j] + 1.0)) next = j;  // the highest average
    }
    ++given[next];
    axes.push_back(next);
  }
  return axes;
}

// From Glorot's bounds to He's, counting the 4 of 16 taps that meet at one output of a transposed convolution.
void rescaleToHe(const Decoder& psi) {
  for (const auto& item : psi->named_parameters()) {
    Tensor weight = item.value();
    if (weight.dim() < 2) continue;
    const double in = static_cast<double>(weight.dim() == 4 ? weight.size(0) : weight.size(1));
    const double out = static_cast<double>(weight.dim() == 4 ? weight.size(1) : weight.size(0));
    weight.mul_(std::sqrt((weight.dim() == 4 ? 4.0 : 1.0) * (in + out) / in));
  }
}

// Hidden unit u follows the axis of cell u mod 16: lets each cell of the 4x4 map see its own axis' units alone.
void tieCellsToAxes(Tensor spread, const std::vector<std::size_t>& axes) {  // spread [C0 * 16, units]
  Tensor mask = torch::zeros_like(spread);
  for (std::int64_t o = 0; o < spread.size(0); ++o) {
    for (std::int64_t u = 0; u < spread.size(1); ++u) {
      if (axes[static_cast<std::size_t>(u) % kCells] == axes[static_cast<std::size_t>(o * 5) % kCells])
        mask[o][u] = 1.0;
    }
  }
  spread.mul_(mask * (static_cast<double>(spread.size(1)) / mask.sum(1, true).clamp_min(1.0)).sqrt());
}

}  // namespace

void shapeStart(Decoder& psi, const PsiFeatures& features) {
  const torch::NoGradGuard noGrad;
  rescaleToHe(psi);
  const std::size_t k = features.factorSizes.size();
  const std::size_t harmonics = features.harmonics.size();
  const std::size_t first = features.count() - k - 2 * k * harmonics;  // of the rotated coordinates
  const std::vector<std::size_t> axes = axisOfCell(features.rotation, k);
  auto parameters = psi->named_parameters();
  Tensor dense = parameters["dense_weight"];
  Tensor mask = torch::zeros_like(dense);
  for (std::int64_t u = 0; u < dense.size(0); ++u) {
    const std::size_t axis = axes[static_cast<std::size_t>(u) % kCells];
    mask[u][static_cast<std::int64_t>(first + axis)] = 1.0;
    for (std::size_t h = 0; h < 2 * harmonics; ++h) {
      mask[u][static_cast<std::int64_t>(first + k + (h / 2 * k + axis) * 2 + h % 2)] = 1.0;
    }
  }
  dense.mul_(mask * (static_cast<double>(dense.size(1)) / mask.sum(1, true)).sqrt());
  tieCellsToAxes(parameters["spread_weight"], axes);
}

void shapeStartOnAngles(Decoder& psi, const PsiFeatures& features, const std::vector<double>& rotation) {
  const torch::NoGradGuard noGrad;
  rescaleToHe(psi);
  const std::size_t k = features.factorSizes.size();
  const std::vector<std::size_t> axes = axisOfCell(rotation, k);
  auto parameters = psi->named_parameters();
  Tensor dense = parameters["dense_weight"];
  const Tensor drawn = dense.clone() * std::sqrt(static_cast<double>(dense.size(1)));
  dense.zero_();
  const std::int64_t ofLevels = std::min<std::int64_t>(2, drawn.size(1) - 1);
  for (std::int64_t u = 0; u < dense.size(0); ++u) {
    const double* row = &rotation[axes[static_cast<std::size_t>(u) % kCells] * k];
    std::int64_t angle = static_cast<std::int64_t>(k);  // features: the levels, then sine and cosine of cyclic factors
    for (std::size_t factor = 0; factor < k; ++factor) {
      const bool cyclic = features.factorKinds[factor] == FactorKind::Cyclic;
      if (cyclic) {
        dense[u][angle] = row[factor] * drawn[u][0];
        dense[u][angle + 1] = row[factor] * drawn[u][1];
        angle += 2;
      } else {
        dense[u][static_cast<std::int64_t>(factor)] = row[factor] * drawn[u][ofLevels];
      }
    }
  }
  tieCellsToAxes(parameters["spread_weight"], axes);
}

PsiFloatNetwork floatNetwork(const Decoder& decoder, const PsiFeatures& features) {
  PsiFloatNetwork network;
  network.features = features;
  const auto parameters = decoder->named_parameters();
  auto values = [&](const std::string& name) {
    const Tensor t = parameters[name].detach().cpu().contiguous();
    return std::vector<float>(t.data_ptr<float>(), t.data_ptr<float>() + t.numel());
  };
  for (const char* name : {"dense", "spread"}) {
    const std::string prefix = name;
    const Tensor& weight = parameters[prefix + "_weight"];
    network.dense.push_back({static_cast<std::uint32_t>(weight.size(1)), static_cast<std::uint32_t>(weight.size(0)),
                             values(prefix + "_weight"), values(prefix + "_bias")});
  }
  for (std::size_t i = 0;; ++i) {
    const std::string prefix = "deconv" + std::to_string(i);
    if (!parameters.contains(prefix + "_weight")) break;
    const Tensor& weight = parameters[prefix + "_weight"];
    network.deconv.push_back({static_cast<std::uint32_t>(weight.size(0)), static_cast<std::uint32_t>(weight.size(1)),
                              values(prefix + "_weight"), values(prefix + "_bias")});
  }
  return network;
}

}  // namespace offaxis
