#include "variants/psi_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/detmath.h"
#include "core/error.h"
#include "core/philox.h"
#include "storage/h5.h"
#include "support/h5_edit.h"

namespace offaxis {
namespace {

std::string scratch(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / "offaxis_psi_network_test";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / name).string();
  std::filesystem::remove(path);
  return path;
}

PsiFeatures someFeatures() {
  PsiFeatures features;
  features.factorSizes = {3, 8, 5, 1};
  features.factorKinds = {FactorKind::Categorical, FactorKind::Ordinal, FactorKind::Cyclic, FactorKind::Ordinal};
  const double h = sqrtDet(0.5);
  features.rotation = {h, -h, 0, 0, h, h, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  features.harmonics = {1.0, 2.5};
  return features;
}

// Integer draws alone, so that the network is the same on every machine: 4 factors -> dense 20 -> 4x4x12 -> 8 -> 3
// channels, 16x16 pixels. Odd widths on purpose: none is a multiple of a vector.
PsiNetwork fixedNetwork() {
  PsiNetwork net;
  net.dataset = "toy:size=1";
  net.fingerprint = std::string(64, 'a');
  net.budget = Budget::parse("0.175");
  net.provenance = R"({"seed": 1})";
  net.features = someFeatures();
  const Philox stream(7, "test:psi");
  struct Shape {
    bool deconv;
    std::uint32_t in, out;
    std::int32_t multiplier, shift;
  };
  const auto f = static_cast<std::uint32_t>(net.features.count());
  for (const Shape& shape : {Shape{false, f, 20, 700000, 24}, Shape{false, 20, 192, 300000, 24},
                             Shape{true, 12, 8, 200000, 24}, Shape{true, 8, 3, 40000, 24}}) {
    PsiNetwork::Layer layer;
    layer.deconv = shape.deconv;
    layer.in = shape.in;
    layer.out = shape.out;
    layer.shift = shape.shift;
    const std::size_t count = std::size_t{shape.in} * shape.out * (shape.deconv ? 16 : 1);
    const std::uint64_t index = net.layers.size();
    for (std::size_t i = 0; i < count; ++i) {
      layer.weight.push_back(static_cast<std::int8_t>(static_cast<int>(stream.below(255, 3 * index, i)) - 127));
    }
    for (std::uint32_t o = 0; o < shape.out; ++o) {
      layer.bias.push_back(static_cast<std::int32_t>(stream.below(20001, 3 * index + 1, o)) - 10000);
      layer.multiplier.push_back(shape.multiplier + static_cast<std::int32_t>(stream.below(1000, 3 * index + 2, o)));
    }
    net.layers.push_back(layer);
  }
  net.prepare();
  return net;
}

// An additive psi of 4x4 patterns for the 3 + 8 + 5 + 1 levels, drawn as integers.
PsiNetwork fixedSum() {
  PsiNetwork net = fixedNetwork();
  net.layers.clear();
  net.features.rotation.clear();
  net.features.harmonics.clear();
  net.patterns.side = 4;
  net.patterns.channels = 3;
  const Philox stream(8, "test:patterns");
  for (std::size_t i = 0; i < 17 * net.patterns.pixels(); ++i)
    net.patterns.steps.push_back(static_cast<std::int16_t>(static_cast<int>(stream.below(4001, i)) - 2000));
  net.patterns.steps[0] = 32767;  // beyond the table's end
  net.prepare();
  net.validate();
  return net;
}

std::vector<std::int16_t> deltasOf(const PsiNetwork& net, const std::vector<std::uint32_t>& levels) {
  std::vector<std::int16_t> out(std::size_t{net.side()} * net.side() * net.channels());
  net.deltas(levels.data(), out.data());
  return out;
}

// The format's definition, word for word and one number at a time.
std::vector<std::int16_t> naiveDeltas(const PsiNetwork& net, const std::vector<std::uint32_t>& levels) {
  std::vector<std::int16_t> first(net.features.count());
  net.features.fixedPoint(levels.data(), first.data());
  std::vector<std::int64_t> x(first.begin(), first.end());
  std::int64_t side = 4;
  for (std::size_t l = 0; l < net.layers.size(); ++l) {
    const PsiNetwork::Layer& layer = net.layers[l];
    const bool last = l + 1 == net.layers.size();
    const std::int64_t in = layer.in;
    const std::int64_t out = layer.out;
    const std::int64_t big = 2 * side;
    std::vector<std::int64_t> y;
    if (!layer.deconv) {
      for (std::int64_t o = 0; o < out; ++o) {
        y.push_back(layer.bias[static_cast<std::size_t>(o)]);
        for (std::int64_t i = 0; i < in; ++i)
          y.back() += layer.weight[static_cast<std::size_t>(o * in + i)] * x[static_cast<std::size_t>(i)];
      }
    } else {
      y.resize(static_cast<std::size_t>(big * big * out));
      for (std::int64_t p = 0; p < big * big; ++p) {
        for (std::int64_t o = 0; o < out; ++o)
          y[static_cast<std::size_t>(p * out + o)] = layer.bias[static_cast<std::size_t>(o)];
      }
      for (std::int64_t iy = 0; iy < side; ++iy) {
        for (std::int64_t ix = 0; ix < side; ++ix) {
          for (std::int64_t ky = 0; ky < 4; ++ky) {
            for (std::int64_t kx = 0; kx < 4; ++kx) {
              const std::int64_t oy = 2 * iy + ky - 1;
              const std::int64_t ox = 2 * ix + kx - 1;
              if (oy < 0 || ox < 0 || oy >= big || ox >= big) continue;
              for (std::int64_t o = 0; o < out; ++o) {
                for (std::int64_t i = 0; i < in; ++i) {
                  y[static_cast<std::size_t>((oy * big + ox) * out + o)] +=
                      layer.weight[static_cast<std::size_t>(((o * 4 + ky) * 4 + kx) * in + i)] *
                      x[static_cast<std::size_t>((iy * side + ix) * in + i)];
                }
              }
            }
          }
        }
      }
      side = big;
    }
    for (std::size_t i = 0; i < y.size(); ++i) {
      const std::int64_t scaled =
          (y[i] * layer.multiplier[i % layer.out] + (std::int64_t{1} << (layer.shift - 1))) >> layer.shift;
      y[i] = last ? std::clamp<std::int64_t>(scaled, -4096, 4096) : std::clamp<std::int64_t>(scaled, 0, 4095);
    }
    x = std::move(y);
  }
  std::vector<std::int16_t> deltas;
  for (const std::int64_t value : x) {
    deltas.push_back(
        static_cast<std::int16_t>(roundHalfEven(net.budget.levels() * tanhDet(static_cast<double>(value) / 1024.0))));
  }
  return deltas;
}

const std::vector<std::vector<std::uint32_t>> kSomeLevels{{0, 0, 0, 0}, {2, 7, 4, 0}, {1, 3, 2, 0}, {0, 6, 1, 0}};

TEST(PsiFeaturesTest, FollowTheDocumentedOrder) {
  const PsiFeatures features = someFeatures();
  ASSERT_EQ(features.count(), 4u + 2u + 4u + 2u * 2u * 4u);
  std::vector<float> f(features.count());
  const std::uint32_t levels[] = {2, 0, 1, 0};
  features.real(levels, f.data());
  const double w0 = 1.0 / std::sqrt(2.0 / 3.0);
  const double w1 = -3.5 / std::sqrt(63.0 / 12.0);
  const double z1 = std::sqrt(0.5) * (w0 + w1);
  const double tolerance = 0.5 / 1024 + 1e-6;
  EXPECT_NEAR(f[0], w0, tolerance);
  EXPECT_NEAR(f[1], w1, tolerance);
  EXPECT_EQ(f[3], 0.0f);  // a factor of one level
  EXPECT_NEAR(f[4], std::sin(2 * M_PI / 5), tolerance);
  EXPECT_NEAR(f[5], std::cos(2 * M_PI / 5), tolerance);
  EXPECT_NEAR(f[6], std::sqrt(0.5) * (w0 - w1), tolerance);
  EXPECT_NEAR(f[7], z1, tolerance);
  EXPECT_NEAR(f[10 + 2], std::sin(z1), tolerance);            // harmonic 1, coordinate 1
  EXPECT_NEAR(f[10 + 8 + 3], std::cos(2.5 * z1), tolerance);  // harmonic 2.5, coordinate 1
}

TEST(PsiFeaturesTest, OneHotMarksEachFactorsLevel) {
  PsiFeatures features = someFeatures();
  features.rotation.clear();
  features.harmonics.clear();
  features.oneHot = true;
  ASSERT_EQ(features.count(), 3u + 8u + 5u + 1u);
  std::vector<float> f(features.count());
  const std::uint32_t levels[] = {2, 0, 4, 0};
  features.real(levels, f.data());
  for (std::size_t i = 0; i < f.size(); ++i) EXPECT_EQ(f[i], i == 2 || i == 3 || i == 15 || i == 16 ? 1.0f : 0.0f) << i;
}

TEST(PsiFeaturesTest, WhitenedLevelsHaveZeroMeanAndUnitVariance) {
  for (const std::uint32_t size : {2u, 3u, 8u, 40u}) {
    double sum = 0, squares = 0;
    for (std::uint32_t level = 0; level < size; ++level) {
      sum += whitened(level, size);
      squares += whitened(level, size) * whitened(level, size);
    }
    EXPECT_NEAR(sum, 0.0, 1e-12);
    EXPECT_NEAR(squares / size, 1.0, 1e-12);
  }
}

TEST(PsiNetworkTest, KernelsEqualTheDefinition) {
  const PsiNetwork net = fixedNetwork();
  net.validate();
  ASSERT_EQ(net.side(), 16u);
  ASSERT_EQ(net.channels(), 3u);
  for (const auto& levels : kSomeLevels) EXPECT_EQ(deltasOf(net, levels), naiveDeltas(net, levels));
}

TEST(PsiNetworkTest, DeltasVaryAndKeepTheBudget) {
  const PsiNetwork net = fixedNetwork();
  const std::vector<std::int16_t> deltas = deltasOf(net, {1, 3, 2, 0});
  const auto [low, high] = std::minmax_element(deltas.begin(), deltas.end());
  EXPECT_GE(*low, -net.budget.levels());
  EXPECT_LE(*high, net.budget.levels());
  EXPECT_LT(*low, 0);
  EXPECT_GT(*high, 0);
  EXPECT_NE(deltas, deltasOf(net, {1, 4, 2, 0}));
}

// Bytes of published images depend on this: a change is a new format version.
TEST(PsiNetworkTest, GoldenDeltas) {
  const PsiNetwork net = fixedNetwork();
  Sha256 hash;
  for (std::uint32_t a = 0; a < 3; ++a) {
    for (std::uint32_t b = 0; b < 8; ++b) {
      for (std::uint32_t c = 0; c < 5; ++c) {
        for (const std::int16_t delta : deltasOf(net, {a, b, c, 0}))
          hash.updateU32(static_cast<std::uint32_t>(std::int32_t{delta}));
      }
    }
  }
  EXPECT_EQ(toHex(hash.finish()), "9904fe7cb25cebbbdf67270ec532331c940cb7d9e04f2b25664f5cee0e9d148e");
}

PsiFloatNetwork someFloatNetwork() {
  PsiFloatNetwork net;
  net.features = someFeatures();
  const Philox stream(3, "test:psi-float");
  std::uint64_t index = 0;
  auto draw = [&](std::size_t count, double bound) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i)
      values[i] = static_cast<float>(bound * (2.0 * stream.uniform(index, i) - 1.0));
    ++index;
    return values;
  };
  auto dense = [&](std::size_t in, std::uint32_t out) {
    const double bound = std::sqrt(6.0 / static_cast<double>(in));  // keeps the scale through ReLU
    net.dense.push_back({static_cast<std::uint32_t>(in), out, draw(in * out, bound), draw(out, 0.3)});
  };
  auto deconv = [&](std::uint32_t in, std::uint32_t out) {
    const double bound = std::sqrt(6.0 / (4.0 * in));
    net.deconv.push_back({in, out, draw(std::size_t{in} * out * 16, bound), draw(out, 0.3)});
  };
  dense(net.features.count(), 48);
  dense(48, 16 * 24);
  deconv(24, 16);
  deconv(16, 3);
  return net;
}

std::vector<std::uint32_t> allLevels() {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t a = 0; a < 3; ++a) {
    for (std::uint32_t b = 0; b < 8; ++b) {
      for (std::uint32_t c = 0; c < 5; ++c) rows.insert(rows.end(), {a, b, c, 0});
    }
  }
  return rows;
}

TEST(PsiNetworkTest, QuantisedFollowsTheFloatNetwork) {
  const PsiFloatNetwork real = someFloatNetwork();
  const std::vector<std::uint32_t> rows = allLevels();
  const PsiNetwork net = quantise(real, Budget::parse("25/255"), rows);
  double mean = 0, largest = 0, size = 0;
  std::size_t count = 0;
  for (std::size_t r = 0; r < rows.size(); r += 4) {
    const std::vector<float> m = evaluateFloat(real, &rows[r]);
    std::vector<std::int16_t> deltas(m.size());
    net.deltas(&rows[r], deltas.data());
    for (std::size_t i = 0; i < m.size(); ++i, ++count) {
      const double error = std::fabs(25.0 * static_cast<double>(m[i]) - deltas[i]);
      mean += error;
      largest = std::max(largest, error);
      size += std::fabs(deltas[i]);
    }
  }
  // Rounding alone costs .25 on average and .5 at most.
  EXPECT_LT(mean / static_cast<double>(count), 0.35);
  EXPECT_LT(largest, 2.0);
  EXPECT_GT(size / static_cast<double>(count), 5.0) << "the comparison would be empty with small deltas";
}

TEST(PsiNetworkTest, FloatChannelsAndPixelsStandWhereTheIntegerNetworkPutsThem) {
  // One dense output alone is lit: channel 1 of 2 at row 2, column 1 of the 4x4 map; one weight carries it on.
  PsiFloatNetwork real;
  real.features.factorSizes = {2};
  real.features.factorKinds = {FactorKind::Ordinal};
  real.dense.push_back({1, 32, std::vector<float>(32, 0.0f), std::vector<float>(32, 0.0f)});
  real.dense[0].bias[1 * 16 + 2 * 4 + 1] = 1.0f;
  real.deconv.push_back({2, 3, std::vector<float>(2 * 3 * 16, 0.0f), std::vector<float>(3, 0.0f)});
  real.deconv[0].weight[(1 * 3 + 2) * 16 + 0 * 4 + 3] = 2.0f;  // input 1 to output 2, kernel row 0, column 3
  const std::uint32_t level = 1;
  const std::vector<float> m = evaluateFloat(real, &level);
  const PsiNetwork net = quantise(real, Budget::parse("1"), {0, 1});
  const std::vector<std::int16_t> deltas = deltasOf(net, {1});
  for (std::size_t i = 0; i < m.size(); ++i) {
    const bool lit = i == ((2 * 2 + 0 - 1) * 8 + (2 * 1 + 3 - 1)) * 3 + 2;
    EXPECT_NEAR(m[i], lit ? std::tanh(2.0f) : 0.0f, 1e-6f) << i;
    EXPECT_EQ(deltas[i], lit ? 246 : 0) << i;
  }
}

TEST(PsiNetworkTest, SavedAndLoadedIsTheSame) {
  const PsiNetwork net = fixedNetwork();
  const std::string path = scratch("a.h5");
  const std::string again = scratch("b.h5");
  net.save(path, Overwrite::Refuse);
  const PsiNetwork back = PsiNetwork::load(path);
  back.save(again, Overwrite::Refuse);
  EXPECT_EQ(sha256OfFile(path), sha256OfFile(again));
  EXPECT_EQ(back.dataset, net.dataset);
  EXPECT_EQ(back.fingerprint, net.fingerprint);
  EXPECT_EQ(back.budget.text(), "0.175");
  EXPECT_EQ(back.provenance, net.provenance);
  EXPECT_EQ(back.features.rotation, net.features.rotation);
  EXPECT_EQ(back.features.harmonics, net.features.harmonics);
  for (const auto& levels : kSomeLevels) EXPECT_EQ(deltasOf(back, levels), deltasOf(net, levels));
  try {
    net.save(path, Overwrite::Refuse);
    FAIL() << "overwrote a file";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::CannotWrite);
  }
}

TEST(PsiNetworkTest, OneHotInputsSurviveTheFile) {
  PsiNetwork net = fixedNetwork();
  const std::uint32_t before = net.layers[0].in;
  net.features.rotation.clear();
  net.features.harmonics.clear();
  net.features.oneHot = true;
  net.layers[0].in = static_cast<std::uint32_t>(net.features.count());
  ASSERT_LT(net.layers[0].in, before);
  net.layers[0].weight.resize(std::size_t{net.layers[0].in} * net.layers[0].out);
  net.prepare();
  const std::string path = scratch("one_hot.h5");
  net.save(path, Overwrite::Refuse);
  const PsiNetwork back = PsiNetwork::load(path);
  EXPECT_TRUE(back.features.oneHot);
  for (const auto& levels : kSomeLevels) EXPECT_EQ(deltasOf(back, levels), deltasOf(net, levels));
}

TEST(PsiNetworkTest, RestraintsWeakenTheirImagesAlone) {
  PsiNetwork net = fixedNetwork();
  const auto indexOf = [](const std::vector<std::uint32_t>& v) { return (v[0] * 8u + v[1]) * 5u + v[2]; };
  net.restraints = {{indexOf(kSomeLevels[0]), 0}, {indexOf(kSomeLevels[2]), 11}};
  net.validate();
  const std::string path = scratch("restrained.h5");
  net.save(path, Overwrite::Refuse);
  EXPECT_EQ(h5::Reader(path).integerAttribute("version"), 2u);
  const PsiNetwork back = PsiNetwork::load(path);
  for (std::size_t i = 0; i < kSomeLevels.size(); ++i) {
    std::vector<std::int16_t> expected = naiveDeltas(net, kSomeLevels[i]);
    for (std::int16_t& delta : expected) {  // towards zero
      if (i == 0) delta = 0;
      if (i == 2) delta = static_cast<std::int16_t>(std::trunc(delta * 11 / 16.0));
    }
    EXPECT_EQ(deltasOf(net, kSomeLevels[i]), expected) << i;
    EXPECT_EQ(deltasOf(back, kSomeLevels[i]), expected) << i;
  }
  const std::string again = scratch("restrained_again.h5");
  back.save(again, Overwrite::Refuse);
  EXPECT_EQ(sha256OfFile(path), sha256OfFile(again));
}

TEST(PsiNetworkTest, LongListsOfRestraintsAreCompressed) {
  PsiNetwork net = fixedNetwork();
  const std::uint64_t images = 3 * 8 * 5;
  for (std::uint64_t image = 0; image < images; ++image) {
    for (std::uint64_t rival = 0; rival < images; ++rival) {
      if (rival != image) net.restraints.push_back({image, 5, rival});
    }
  }
  const std::string path = scratch("long.h5");
  net.save(path, Overwrite::Replace);
  EXPECT_LT(std::filesystem::file_size(path), 4 * net.restraints.size()) << "nine bytes each as they are";
  const PsiNetwork back = PsiNetwork::load(path);
  ASSERT_EQ(back.restraints.size(), net.restraints.size());
  for (std::size_t i = 0; i < net.restraints.size(); ++i) {
    ASSERT_EQ(back.restraints[i].index, net.restraints[i].index) << i;
    ASSERT_EQ(back.restraints[i].rival, net.restraints[i].rival) << i;
  }
}

TEST(PsiNetworkTest, FilesKeepTheRivalsOfRestraints) {
  PsiNetwork net = fixedNetwork();
  const std::uint64_t whole = PsiRestraint::kWholeImage;
  net.restraints = {{3, 5, 4}, {3, 7, 9}, {7, 12, whole}, {8, 0, 2}};
  net.validate();
  EXPECT_TRUE(net.hasRivals());
  EXPECT_EQ(net.restrainedImages(), 3u);
  const std::string path = scratch("rivals.h5");
  net.save(path, Overwrite::Refuse);
  EXPECT_EQ(h5::Reader(path).integerAttribute("version"), 3u);
  const PsiNetwork back = PsiNetwork::load(path);
  ASSERT_EQ(back.restraints.size(), net.restraints.size());
  for (std::size_t i = 0; i < back.restraints.size(); ++i) {
    EXPECT_EQ(back.restraints[i].index, net.restraints[i].index);
    EXPECT_EQ(back.restraints[i].strength, net.restraints[i].strength);
    EXPECT_EQ(back.restraints[i].rival, net.restraints[i].rival);
  }
  EXPECT_EQ(h5::Reader(path).shapeOf("restraints/index").type, h5::Type::I32);
  const auto [first, last] = back.restraintsOf(3);
  EXPECT_EQ(last - first, 2);
  EXPECT_EQ(back.restraintsOf(5).first, back.restraintsOf(5).second);
  // The network itself knows no images: it applies what holds for whole ones alone.
  const std::vector<std::uint32_t> third{0, 0, 3, 0}, seventh{0, 1, 2, 0};
  std::vector<std::int16_t> expected = naiveDeltas(net, seventh);
  for (std::int16_t& delta : expected) delta = static_cast<std::int16_t>(std::trunc(delta * 12 / 16.0));
  EXPECT_EQ(deltasOf(back, seventh), expected);
  EXPECT_EQ(deltasOf(back, third), naiveDeltas(net, third));
}

// A reader of an older version would pass over what it does not know: a file may not say less than it holds.
TEST(PsiNetworkTest, RefusesFilesOfTooLowAVersion) {
  const auto refuses = [](const PsiNetwork& net, std::uint64_t version, const std::string& says) {
    const std::string path = scratch("low.h5");
    net.save(path, Overwrite::Replace);
    testing::rewriteAttribute(path, "version", version);
    try {
      PsiNetwork::load(path);
      ADD_FAILURE() << "read as version " << version;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::BadFile);
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  };
  PsiNetwork net = fixedNetwork();
  net.restraints = {{3, 5}};
  refuses(net, 1, "version 1 does not know");
  net.restraints = {{3, 5, 4}};
  refuses(net, 1, "version 1 does not know");
  refuses(net, 2, "version 2 does not know");
  refuses(net, 4, "layers and patterns");
  refuses(net, 5, "not 1 to 4");
  refuses(fixedSum(), 3, "patterns");
}

TEST(PsiNetworkTest, RivalsBeyond32BitsKeepTheirPlace) {
  PsiNetwork net = fixedSum();
  net.features.factorSizes = {1u << 20, 1u << 16, 1, 1};
  net.patterns.steps.clear();
  net.patterns.side = net.patterns.channels = 1;
  net.patterns.steps.resize(net.features.levels());
  net.restraints = {{7, 5, std::uint64_t{1} << 35}};
  net.validate();
  const std::string path = scratch("far.h5");
  net.save(path, Overwrite::Refuse);
  EXPECT_EQ(PsiNetwork::load(path).restraints.at(0).rival, std::uint64_t{1} << 35);
}

TEST(PsiNetworkTest, FilesWithoutRestraintsStayAtVersion1) {
  const std::string path = scratch("plain.h5");
  fixedNetwork().save(path, Overwrite::Refuse);
  EXPECT_EQ(h5::Reader(path).integerAttribute("version"), 1u);
}

TEST(PsiNetworkTest, AnAdditivePsiSumsOnePatternAFactor) {
  const PsiNetwork net = fixedSum();
  EXPECT_EQ(net.side(), 4u);
  EXPECT_EQ(net.channels(), 3u);
  const std::size_t first[] = {0, 3, 11, 16};  // of each factor's levels
  for (const std::vector<std::uint32_t>& levels : kSomeLevels) {
    std::vector<std::int16_t> expected;
    for (std::size_t p = 0; p < net.patterns.pixels(); ++p) {
      int sum = 0;
      for (std::size_t k = 0; k < 4; ++k) sum += net.patterns.steps[(first[k] + levels[k]) * net.patterns.pixels() + p];
      expected.push_back(static_cast<std::int16_t>(std::nearbyint(44 * std::tanh(sum / 1024.0))));
    }
    std::vector<std::int16_t> found(net.patterns.pixels());
    net.deltas(levels.data(), found.data());
    EXPECT_EQ(found, expected);
  }
}

TEST(PsiNetworkTest, AdditiveFilesKeepPatternsAndRestraints) {
  PsiNetwork net = fixedSum();
  for (const std::vector<PsiRestraint>& restraints :
       {std::vector<PsiRestraint>{}, std::vector<PsiRestraint>{{3, 5}}, std::vector<PsiRestraint>{{3, 5, 9}, {4, 2}}}) {
    net.restraints = restraints;
    const std::string path = scratch("sum.h5");
    net.save(path, Overwrite::Replace);
    EXPECT_EQ(h5::Reader(path).integerAttribute("version"), 4u);
    const PsiNetwork back = PsiNetwork::load(path);
    EXPECT_EQ(back.patterns.steps, net.patterns.steps);
    EXPECT_EQ(back.side(), 4u);
    ASSERT_EQ(back.restraints.size(), restraints.size());
    for (std::size_t i = 0; i < restraints.size(); ++i) {
      EXPECT_EQ(back.restraints[i].strength, restraints[i].strength);
      EXPECT_EQ(back.restraints[i].rival, restraints[i].rival);
    }
    const std::string again = scratch("sum_again.h5");
    back.save(again, Overwrite::Replace);
    EXPECT_EQ(sha256OfFile(path), sha256OfFile(again));
  }
}

TEST(PsiNetworkTest, AdditivePsiRoundsItsPreActivations) {
  PsiFeatures features = someFeatures();
  features.rotation.clear();
  features.harmonics.clear();
  std::vector<float> values(17 * 2 * 2, 0.0f);
  values[0] = 0.25f;
  values[1] = 2.5f / 1024;  // halves to even
  values[2] = -1e9f;
  const PsiNetwork net = additivePsi(features, Budget::parse("0.1"), 2, 1, values);
  EXPECT_EQ(std::vector<std::int16_t>(net.patterns.steps.begin(), net.patterns.steps.begin() + 4),
            (std::vector<std::int16_t>{256, 2, -32767, 0}));
}

TEST(PsiFeaturesTest, OneLevelGivesItsOwnInputsAlone) {
  PsiFeatures features = someFeatures();
  features.rotation.clear();
  features.harmonics.clear();
  for (const bool oneHot : {false, true}) {
    features.oneHot = oneHot;
    // Inputs of one level of each factor add up to those of all four.
    const std::vector<std::uint32_t> levels{2, 5, 3, 0};
    std::vector<float> whole(features.count()), one(features.count()), sum(features.count(), 0.0f);
    features.real(levels.data(), whole.data());
    for (std::size_t k = 0; k < 4; ++k) {
      features.realOfLevel(k, levels[k], one.data());
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += one[i];
    }
    EXPECT_EQ(sum, whole);
    features.realOfLevel(2, 3, one.data());
    EXPECT_EQ(std::count_if(one.begin(), one.end(), [](float v) { return v != 0.0f; }), oneHot ? 1 : 3);
  }
}

ErrorKind kindOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind{};
}

TEST(PsiNetworkTest, RefusesHostileNetworks) {
  const std::vector<std::function<void(PsiNetwork&)>> damages{
      [](PsiNetwork& n) { n.layers[0].shift = 41; },
      [](PsiNetwork& n) { n.layers[0].shift = -1; },
      [](PsiNetwork& n) { n.layers[1].multiplier[0] = -5; },
      [](PsiNetwork& n) { n.layers[1].weight[0] = -128; },
      [](PsiNetwork& n) { n.layers[1].weight.pop_back(); },
      [](PsiNetwork& n) { n.layers[2].bias.push_back(1); },
      [](PsiNetwork& n) { n.layers[2].bias[0] = 2147483647; },
      [](PsiNetwork& n) { n.layers[3].in = 9; },
      [](PsiNetwork& n) { std::swap(n.layers[0], n.layers[3]); },
      [](PsiNetwork& n) { n.layers.resize(1); },
      [](PsiNetwork& n) { n.layers.clear(); },
      [](PsiNetwork& n) { n.features.harmonics.push_back(3.0); },
      [](PsiNetwork& n) { n.features.rotation.pop_back(); },
      [](PsiNetwork& n) { n.features.rotation[0] = std::nan(""); },
      [](PsiNetwork& n) { n.features.rotation[0] = 100.0; },
      [](PsiNetwork& n) { n.features.oneHot = true; },
      [](PsiNetwork& n) { n.features.factorSizes[0] = 0; },
      [](PsiNetwork& n) { n.features.factorKinds.pop_back(); },
      [](PsiNetwork& n) {
        n.restraints = {{3 * 8 * 5, 1}};
      },
      [](PsiNetwork& n) {
        n.restraints = {{4, 1}, {4, 2}};
      },
      [](PsiNetwork& n) {
        n.restraints = {{4, 1}, {3, 2}};
      },
      [](PsiNetwork& n) {
        n.restraints = {{4, kFullStrength}};
      },
      [](PsiNetwork& n) {
        n.restraints = {{~std::uint64_t{0}, 1}};
      },
      [](PsiNetwork& n) {
        n.restraints = {{4, 1, 3 * 8 * 5}};
      },
      [](PsiNetwork& n) {
        n.restraints = {{4, 1, 4}};
      },
      [](PsiNetwork& n) {
        n.restraints = {{4, 1, 3}, {4, 1}};  // for a rival and as a whole
      },
      [](PsiNetwork& n) {
        n.features.factorSizes = {1u << 14, 1, 1, 1};
        for (std::uint64_t i = 0; i <= kMaxPsiRivals; ++i) n.restraints.push_back({0, 1, i + 1});
      },
      [](PsiNetwork& n) {
        n.restraints = {{4, 1, 6}, {4, 1, 5}};
      },
      [](PsiNetwork& n) {
        n.restraints = {{4, 1}, {4, 1, 5}};
      },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    PsiNetwork net = fixedNetwork();
    damages[i](net);
    EXPECT_EQ(kindOf([&] { net.validate(); }), ErrorKind::BadFile) << "damage " << i;
  }
  EXPECT_EQ(kindOf([] { fixedNetwork().validate(); }), ErrorKind{});
}

TEST(PsiNetworkTest, RefusesHostilePatterns) {
  const std::vector<std::function<void(PsiNetwork&)>> damages{
      [](PsiNetwork& n) { n.patterns.steps.pop_back(); },
      [](PsiNetwork& n) { n.patterns.side = 0; },
      [](PsiNetwork& n) { n.patterns.side = 257; },
      [](PsiNetwork& n) { n.patterns.channels = 5; },
      [](PsiNetwork& n) { n.layers = fixedNetwork().layers; },
      [](PsiNetwork& n) { n.features.factorSizes[1] = 9; },
      [](PsiNetwork& n) { n.features.factorSizes[1] = 1u << 24; },
      [](PsiNetwork& n) { n.features.rotation = someFeatures().rotation; },
      [](PsiNetwork& n) {
        n.restraints = {{3 * 8 * 5, 1}};
      },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    PsiNetwork net = fixedSum();
    damages[i](net);
    EXPECT_EQ(kindOf([&] { net.validate(); }), ErrorKind::BadFile) << "damage " << i;
  }
  EXPECT_EQ(kindOf([] { fixedSum().validate(); }), ErrorKind{});
}

TEST(PsiNetworkTest, FactorsMayHaveMoreCombinationsThanFitIntoAWord) {
  PsiNetwork net = fixedNetwork();
  net.features.factorSizes = {1u << 24, 1u << 24, 1u << 24, 1};  // 2^72
  net.restraints = {{(std::uint64_t{1} << 40) - 1, 1}};
  EXPECT_EQ(kindOf([&] { net.validate(); }), ErrorKind{});
}

TEST(PsiNetworkTest, RefusesHostileFiles) {
  EXPECT_EQ(kindOf([] { PsiNetwork::load(scratch("missing.h5")); }), ErrorKind::BadFile);

  const std::string path = scratch("whole.h5");
  fixedNetwork().save(path, Overwrite::Refuse);
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (const double part : {0.1, 0.5, 0.9}) {
    const std::string cut = scratch("cut.h5");
    std::ofstream(cut, std::ios::binary) << bytes.substr(
        0, static_cast<std::size_t>(part * static_cast<double>(bytes.size())));
    EXPECT_EQ(kindOf([&] { PsiNetwork::load(cut); }), ErrorKind::BadFile) << part;
  }

  const std::string text = scratch("text.h5");
  std::ofstream(text) << "not HDF5";
  EXPECT_EQ(kindOf([&] { PsiNetwork::load(text); }), ErrorKind::BadFile);

  const std::string foreign = scratch("foreign.h5");
  {
    h5::Writer writer(foreign);
    writer.writeAttribute("format", "something else");
    writer.close();
  }
  EXPECT_EQ(kindOf([&] { PsiNetwork::load(foreign); }), ErrorKind::BadFile);

  // Written by save(), which does not judge: a layer count, a shift and a shape that load() must refuse.
  PsiNetwork net = fixedNetwork();
  net.layers[0].shift = 63;
  const std::string shifted = scratch("shift.h5");
  net.save(shifted, Overwrite::Refuse);
  EXPECT_EQ(kindOf([&] { PsiNetwork::load(shifted); }), ErrorKind::BadFile);
  net = fixedNetwork();
  net.restraints = {{7, 200}};  // -56 as the file's int8
  const std::string strong = scratch("strong.h5");
  net.save(strong, Overwrite::Refuse);
  EXPECT_EQ(kindOf([&] { PsiNetwork::load(strong); }), ErrorKind::BadFile);
  net = fixedNetwork();
  net.layers.erase(net.layers.begin() + 1);
  const std::string missing = scratch("layer.h5");
  net.save(missing, Overwrite::Refuse);
  EXPECT_EQ(kindOf([&] { PsiNetwork::load(missing); }), ErrorKind::BadFile);
}

// Any single byte may be damaged: loading must throw BadFile or give a network that is safe to run.
void surviveDamage(const PsiNetwork& sound) {
  const std::string path = scratch("sound.h5");
  sound.save(path, Overwrite::Replace);
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const Philox stream(11, "test:damage");
  const std::string damaged = scratch("damaged.h5");
  for (std::uint64_t trial = 0; trial < 60; ++trial) {
    std::string copy = bytes;
    copy[stream.below(std::min<std::uint64_t>(copy.size(), 8192), trial, 0)] =
        static_cast<char>(stream.below(256, trial, 1));
    std::ofstream(damaged, std::ios::binary | std::ios::trunc) << copy;
    const ErrorKind kind = kindOf([&] {
      const PsiNetwork net = PsiNetwork::load(damaged);
      const std::vector<std::uint32_t> levels(net.features.factorSizes.size(), 0);
      for (const std::int16_t delta : deltasOf(net, levels)) ASSERT_LE(std::abs(delta), net.budget.levels());
    });
    EXPECT_TRUE(kind == ErrorKind{} || kind == ErrorKind::BadFile) << "trial " << trial;
  }
}

TEST(PsiNetworkTest, SurvivesDamagedBytes) {
  surviveDamage(fixedNetwork());
}

TEST(PsiNetworkTest, AdditiveSurvivesDamagedBytes) {
  PsiNetwork net = fixedSum();
  net.restraints = {{3, 5, 9}, {4, 2}};
  surviveDamage(net);
}

}  // namespace
}  // namespace offaxis
