#include "measure/alignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/philox.h"
#include "core/rotation.h"
#include "datasets/dsprites/dsprites.h"
#include "datasets/shapes3d/shapes3d.h"
#include "datasets/xysquares/xysquares.h"
#include "support/expect_error.h"
#include "support/toy_source.h"
#include "variants/expression.h"
#include "variants/noise.h"

namespace offaxis {
namespace {

using testing::ToySource;

const double kHalf = std::sqrt(0.5);
const std::vector<double> kTurn45{kHalf, -kHalf, kHalf, kHalf};

// x = 128 + sum_k pattern_k (level_k - middle): J is the patterns over the factors' whitened step, at every point.
class LinearSource final : public ToySource {
 public:
  LinearSource(ImageShape shape, std::vector<std::uint64_t> sizes, std::vector<std::vector<double>> patterns)
      : ToySource(shape, std::move(sizes)), patterns_(std::move(patterns)) {}

  void read(std::uint64_t row, std::uint8_t* image) const override {
    const std::vector<std::uint32_t> levels = info_.grid.levelsOf(row);
    for (std::size_t i = 0; i < info_.shape.bytes(); ++i) {
      double value = 128;
      for (std::size_t k = 0; k < patterns_.size(); ++k)
        value += patterns_[k][i] * (levels[k] - static_cast<double>(info_.grid.factors()[k].size() - 1) / 2);
      image[i] = static_cast<std::uint8_t>(std::lround(value));
    }
  }

 private:
  std::vector<std::vector<double>> patterns_;
};

double levelSd(double size) {
  return std::sqrt((size * size - 1) / 12);
}

// Two factors of five levels; `shared` of the 64 pixels respond to both.
std::shared_ptr<LinearSource> twoPatterns(double first, double second, std::size_t shared) {
  std::vector<double> a(64), b(64);
  std::fill(a.begin(), a.begin() + 32, first);
  std::fill(b.begin() + 32 - static_cast<std::ptrdiff_t>(shared), b.end() - static_cast<std::ptrdiff_t>(shared),
            second);
  return std::make_shared<LinearSource>(ImageShape{8, 8, 1}, std::vector<std::uint64_t>{5, 5},
                                        std::vector<std::vector<double>>{a, b});
}

AxisAlignment align(const Source& source, std::uint64_t points = 64, bool interior = false, int threads = 2,
                    const std::string& rotation = "blocks") {
  AxisSettings settings;
  settings.points = points;
  settings.interior = interior;
  settings.rotation = rotation;
  Context context;
  context.threads = threads;
  return axisAlignment(source, settings, context);
}

LinearResponse respond(const Source& source, std::uint64_t samples = 2048, int threads = 2) {
  Context context;
  context.threads = threads;
  return linearResponse(source, samples, 0, context);
}

TEST(LocalQuantities, OfADiagonal) {
  const std::vector<double> gram{9, 0, 0, 1};
  EXPECT_NEAR(*axisPreference(gram, kTurn45, 2), std::log(5 / 3.0), 1e-14);
  EXPECT_NEAR(*hadamardGap(gram, 2), 0, 1e-14);
  EXPECT_NEAR(distanceToOrthogonality(gram, 2)->distance, 0, 1e-7);
  EXPECT_NEAR(distanceToOrthogonality(gram, 2)->eigengap, 8 / 9.0, 1e-14);
}

// R^T diag(9, 1) R: the factors lie 45 degrees off the principal axes, and turning them there gains log(5/3).
TEST(LocalQuantities, OfARotatedDiagonal) {
  const std::vector<double> gram{5, 4, 4, 5};
  EXPECT_NEAR(*axisPreference(gram, kTurn45, 2), -std::log(5 / 3.0), 1e-14);
  EXPECT_NEAR(*hadamardGap(gram, 2), std::log(5 / 3.0), 1e-14);
  EXPECT_NEAR(distanceToOrthogonality(gram, 2)->distance, 2 * std::sqrt(1 - kHalf), 1e-7);
}

TEST(LocalQuantities, AreAbsentWithoutAResponse) {
  EXPECT_FALSE(hadamardGap({1, 0, 0, 0}, 2));
  EXPECT_FALSE(axisPreference({1, 0, 0, 0}, kTurn45, 2));
  EXPECT_FALSE(distanceToOrthogonality({1, 0, 0, 0}, 2));
  EXPECT_FALSE(hadamardGap({1, 2, 2, 4}, 2)) << "dependent columns have no volume";
  EXPECT_TRUE(axisPreference({1, 2, 2, 4}, kTurn45, 2));
}

TEST(LocalQuantities, AssignmentIsTheHeaviest) {
  const Philox random(3, "test.assignment");
  for (std::uint64_t n = 1; n <= 6; ++n) {
    for (std::uint64_t trial = 0; trial < 20; ++trial) {
      std::vector<double> weights(n * n);
      for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = random.uniform(100 * n + trial, i);
      const auto total = [&](const std::vector<std::size_t>& columns) {
        double sum = 0;
        for (std::size_t row = 0; row < n; ++row) sum += weights[row * n + columns[row]];
        return sum;
      };
      std::vector<std::size_t> order(n);
      std::iota(order.begin(), order.end(), std::size_t{0});
      double best = 0;
      do best = std::max(best, total(order));
      while (std::next_permutation(order.begin(), order.end()));
      std::vector<std::size_t> found = heaviestAssignment(weights, n);
      EXPECT_NEAR(total(found), best, 1e-12);
      std::sort(found.begin(), found.end());
      EXPECT_EQ(found, order) << "a permutation";
    }
  }
}

// Squares of equal area move: inside the grid all columns have one length and none touches another.
TEST(AxisAlignment, XySquaresHasNoPreferredAxesAtAnySpacing) {
  for (std::uint32_t spacing = 1; spacing <= 8; ++spacing) {
    const AxisAlignment a = align(*openXySquares(spacing), 32, true);
    EXPECT_NEAR(a.preference.mean, 0, 1e-12) << spacing;
    EXPECT_NEAR(a.gap.mean, 0, 1e-12) << spacing;
    EXPECT_EQ(a.gap.points, 32u);
    ASSERT_EQ(a.pairs.size(), 15u);
    for (const PairPreference& pair : a.pairs) EXPECT_NEAR(pair.at45.mean, 0, 1e-12);
    // Central differences over two steps of `spacing` pixels: 2 * 8 * min(8, 2 spacing) pixels change.
    const double expected = std::sqrt(16.0 * std::min(8u, 2 * spacing)) / 2 * levelSd(8);
    for (const FactorResponse& response : a.factors) {
      EXPECT_NEAR(response.length.mean, expected, 1e-12);
      EXPECT_NEAR(response.length.error, 0, 1e-12) << "the same everywhere";
    }
  }
  EXPECT_GT(align(*openXySquares(8)).preference.mean, 0.1) << "one-sided differences at the ends";
}

TEST(AxisAlignment, LinearSourceHasItsClosedForm) {
  for (const double ratio : {1.25, 1.5, 2.0}) {
    const AxisAlignment a = align(*twoPatterns(8, 8 * ratio, 0));
    EXPECT_NEAR(a.factors[0].length.mean, std::sqrt(32.0) * 8 / 255 * levelSd(5), 1e-12);
    EXPECT_NEAR(a.factors[1].length.mean / a.factors[0].length.mean, ratio, 1e-12);
    EXPECT_NEAR(a.preference.mean, std::log((1 + ratio * ratio) / (2 * ratio)), 1e-12);
    EXPECT_NEAR(a.preference.error, 0, 1e-12) << "one-sided differences of a linear source are no longer";
    EXPECT_NEAR(a.gap.mean, 0, 1e-12);
    EXPECT_NEAR(a.distance.mean, 0, 1e-7);
    EXPECT_NEAR(a.eigengap.mean, 1 - 1 / (ratio * ratio), 1e-12);
    EXPECT_NEAR(a.spectrum[0], ratio * ratio / (1 + ratio * ratio), 1e-12);
    EXPECT_EQ(a.pairs[0].angle, 1) << "no turn helps: the smallest harms least";
    EXPECT_GT(a.pairs[0].best.mean, 0);
  }
}

// Half of the pixels respond to both: cosine 1/2. The principal axes lie at 1/2 atan2(2 g_12, g_11 - g_22), and a turn
// there gains the whole Hadamard gap.
TEST(AxisAlignment, OverlapTurnsTheFrame) {
  double last = 2;
  for (const double ratio : {1.0, 1.25, 1.5}) {
    const AxisAlignment a = align(*twoPatterns(8, 8 * ratio, 16));
    const double angle = std::atan2(ratio, 1 - ratio * ratio) / 2;  // to the first principal axis, in (0, 90)
    const double nearest = std::min(angle, std::acos(-1.0) / 2 - angle);
    EXPECT_NEAR(a.distance.mean, std::sqrt(8.0) * std::sin(nearest / 2), 1e-7) << ratio;
    EXPECT_LT(a.distance.mean, last) << ratio;
    last = a.distance.mean;
    EXPECT_NEAR(a.gap.mean, -0.5 * std::log(0.75), 1e-12);
    EXPECT_NEAR(std::abs(a.pairs[0].angle), nearest * 180 / std::acos(-1.0), 0.51);
    EXPECT_NEAR(a.bestPair()->best.mean, -a.gap.mean, 1e-4);
    EXPECT_GT(a.spectrum[0], a.columnSpectrum[0]);
  }
}

// Equal scales leave the principal axes to chance; unequal ones fix them the better, the more unequal they are.
TEST(AxisAlignment, DistanceToOrthogonalityFallsWithTheScaleRatio) {
  const Philox random(1, "test.patterns");
  const auto meanDistance = [&](double ratio) {
    double sum = 0;
    for (std::uint64_t draw = 0; draw < 200; ++draw) {
      std::vector<double> gram(4);
      for (std::uint64_t i = 0; i < 256; ++i) {
        auto [a, b] = random.normalPair(draw, i);
        b *= ratio;
        gram[0] += a * a;
        gram[1] = gram[2] += a * b;
        gram[3] += b * b;
      }
      sum += distanceToOrthogonality(gram, 2)->distance / 200;
    }
    return sum;
  };
  const double equal = meanDistance(1), near = meanDistance(1.2), far = meanDistance(1.5);
  RecordProperty("ratio_1.0", std::to_string(equal));
  RecordProperty("ratio_1.2", std::to_string(near));
  RecordProperty("ratio_1.5", std::to_string(far));
  // A turn uniform on [-45, 45] degrees is 2 sqrt(2) mean sin(t / 2) away.
  const double quarter = std::acos(-1.0) / 4;
  EXPECT_NEAR(equal, std::sqrt(8.0) * 2 * (1 - std::cos(quarter / 2)) / quarter, 0.05);
  EXPECT_LT(near, 0.6 * equal);
  EXPECT_LT(far, 0.5 * near);
}

TEST(AxisAlignment, CyclicFactorsWrapAndCategoricalOnesStayOut) {
  LinearSource plain({8, 8, 1}, {5, 5, 2}, {std::vector<double>(64, 4), std::vector<double>(64, -4)});
  std::vector<Factor> factors = plain.info_.grid.factors();
  factors[0].kind = FactorKind::Cyclic;
  factors[2].kind = FactorKind::Categorical;
  plain.info_.grid = FactorGrid(factors);
  const AxisAlignment a = align(plain, 512);
  EXPECT_EQ(a.leftOut, std::vector<std::string>{"factor2"});
  ASSERT_EQ(a.factors.size(), 2u);
  // Levels 0 and 4 are neighbours: (1 - 4) / 2 and (0 - 3) / 2 steps instead of 1.
  const double unit = 8 * 4 / 255.0 * levelSd(5);
  EXPECT_NEAR(a.factors[0].length.mean / unit, (3 + 2 * 1.5) / 5, 0.05);
  EXPECT_NEAR(a.factors[1].length.mean / unit, 1, 1e-12);
  EXPECT_EQ(a.gap.points, 0u) << "the columns are dependent";
  // At 45 degrees equal and opposite columns cancel; where the cyclic one wraps it is longer.
  EXPECT_NEAR(static_cast<double>(a.preference.points), 512 * 2 / 5.0, 40);
}

TEST(AxisAlignment, PointsWithoutAResponseAreCountedAndLeftOut) {
  const AxisAlignment a = align(*twoPatterns(8, 0, 0));
  EXPECT_EQ(a.factors[0].silent, 0u);
  EXPECT_EQ(a.factors[1].silent, 64u);
  EXPECT_EQ(a.factors[1].length.mean, 0);
  EXPECT_EQ(a.preference.points, 0u);
  EXPECT_EQ(a.distance.points, 0u);
  EXPECT_EQ(a.pairs[0].at45.points, 0u);
}

// Noise of 20 levels on patterns of 8: with the correction G is the original's again, at the ends too.
TEST(AxisAlignment, ExpectedNoiseIsSubtracted) {
  std::vector<double> a(1024), b(1024);
  std::fill(a.begin(), a.begin() + 512, 8);
  std::fill(b.begin() + 512, b.end(), 12);
  const auto source = std::make_shared<LinearSource>(ImageShape{32, 32, 1}, std::vector<std::uint64_t>{5, 5},
                                                     std::vector<std::vector<double>>{a, b});
  const AxisAlignment original = align(*source, 512);
  const AxisAlignment noisy = align(*withNoise(source, Budget::parse("20/255"), 1), 512);
  EXPECT_EQ(original.noise, NoiseCorrection::None);
  EXPECT_EQ(noisy.noise, NoiseCorrection::Exact);
  for (std::size_t j = 0; j < 2; ++j)
    EXPECT_NEAR(noisy.factors[j].length.mean / original.factors[j].length.mean, 1, 0.02);
  EXPECT_NEAR(noisy.preference.mean, original.preference.mean, 0.02);
}

// At 0 and 255 half of the noise is clipped away: v = L (L + 1) / 3 would be far too much.
TEST(AxisAlignment, ClippedNoiseIsSubtractedToo) {
  const SourcePtr source = openXySquares(4);
  const SourcePtr noisy = openSource("xysquares:spacing=4+noise:eps=0.1,seed=2");
  const AxisAlignment a = align(*noisy, 64, true);
  // The expected images run from m to 255 - m, m the mean of max(d, 0).
  const double shrunk = 1 - 2 * (25 * 26 / 2.0 / 51) / 255;
  const AxisAlignment original = align(*source, 64, true);
  for (std::size_t j = 0; j < 6; ++j)
    EXPECT_NEAR(a.factors[j].length.mean / original.factors[j].length.mean, shrunk, 0.01);
  EXPECT_NEAR(a.preference.mean, 0, 0.01);
}

TEST(AxisAlignment, Shapes3DFavoursItsFactorsAndThreadsDoNotMatter) {
  const SourcePtr source = reduced(openShapes3D(), 16);
  const AxisAlignment one = align(*source, 64, false, 1), three = align(*source, 64, false, 3);
  EXPECT_GT(one.preference.mean, 5 * one.preference.error);
  EXPECT_EQ(one.preference.mean, three.preference.mean);
  EXPECT_EQ(one.leftOut, std::vector<std::string>{"shape"});
  EXPECT_EQ(align(*source, 64, false, 2, "pairs:floor_hue,wall_hue").preference.mean,
            align(*source, 64, false, 2, "blocks:floor_hue,wall_hue").preference.mean);
}

TEST(AxisAlignment, RefusesWhatItCannotMeasure) {
  testing::expectError(ErrorKind::Usage, "subset", [] { align(*subset(openXySquares(1), {0, 1, 2})); });
  testing::expectError(ErrorKind::Usage, "two points", [] { align(*openXySquares(1), 1); });
  testing::expectError(ErrorKind::Usage, "two factors", [] { align(ToySource({4, 4, 1}, {4, 1})); });
  testing::expectError(ErrorKind::Usage, "known: blocks", [] { align(*openXySquares(1), 8, false, 1, "spiral"); });
  testing::expectError(ErrorKind::Usage, "known: scale",
                       [] { align(*openDSprites(), 8, false, 1, "pairs:shape,posX"); });
  testing::expectError(ErrorKind::Usage, "subset", [] { respond(*subset(openXySquares(1), {0, 1, 2})); });
  testing::expectError(ErrorKind::Usage, "256", [] { respond(*openXySquares(1), 255); });
}

// x = 128 + pattern * whitened level: B is the patterns themselves, and the response is all there is to the images.
TEST(LinearResponse, OfALinearSourceIsItsPatterns) {
  const LinearResponse r = respond(*twoPatterns(8, 12, 16));
  ASSERT_EQ(r.coordinates.size(), 2u);
  EXPECT_EQ(r.coordinates[1].name, "factor1");
  const double first = std::sqrt(32.0) * 8 / 255 * levelSd(5);
  EXPECT_NEAR(r.coordinates[0].norm, first, 1e-9);
  EXPECT_NEAR(r.coordinates[1].norm, 1.5 * first, 1e-9);
  EXPECT_NEAR(r.coordinates[0].normError, 0, 1e-9) << "least squares see a linear source without error";
  ASSERT_EQ(r.pairs.size(), 1u);
  EXPECT_EQ(r.pairs[0].first, 1u) << "the longer pattern";
  EXPECT_NEAR(r.pairs[0].cosine, 0.5, 1e-9);
  EXPECT_NEAR(r.pairs[0].angle, 90 / std::acos(-1.0) * std::atan2(1.5, 1.25), 1e-6);
  EXPECT_NEAR(r.linearShare, 1, 0.03);
  const double trace = r.gram[0] + r.gram[3];
  EXPECT_NEAR(r.eigenvalues[0] + r.eigenvalues[1], trace, 1e-12);
  EXPECT_GT(r.eigenvalues[0], r.gram[3]);
  // Row 0 is the first direction: its angle from the longer pattern is the pair's.
  EXPECT_NEAR(std::fabs(r.directions[0] / r.directions[1]), std::tan(r.pairs[0].angle * std::acos(-1.0) / 180), 1e-9);
}

TEST(LinearResponse, CyclicFactorsHaveACosineAndASine) {
  const LinearResponse r = respond(*reduced(openShapes3D(), 16));
  std::vector<std::string> names;
  for (const ResponseCoordinate& c : r.coordinates) names.push_back(c.name);
  EXPECT_EQ(names, (std::vector<std::string>{"floor_hue cos", "floor_hue sin", "wall_hue cos", "wall_hue sin",
                                             "object_hue cos", "object_hue sin", "scale", "orientation"}));
  EXPECT_EQ(r.leftOut, std::vector<std::string>{"shape"});
  EXPECT_EQ(r.pairs.size(), 28u - 3u) << "of different factors";
  EXPECT_GT(r.coordinates[0].norm, r.coordinates[4].norm) << "the floor is larger than the object";
}

// Pure noise has no response; the product of an estimate with itself would find one of about 15 squared norms.
TEST(LinearResponse, NoiseDoesNotBiasIt) {
  const LinearResponse r = respond(ToySource({16, 16, 3}, {20, 20}), 8192);
  for (std::size_t i : {0u, 3u}) EXPECT_LT(std::fabs(r.gram[i]), 0.2) << r.gram[i];
  const SourcePtr clean = openXySquares(8), noisy = openSource("xysquares:spacing=8+noise:eps=0.1,seed=1");
  const double shrunk = 1 - 2 * (25 * 26 / 2.0 / 51) / 255;
  const LinearResponse a = respond(*clean), b = respond(*noisy);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(b.coordinates[i].norm / a.coordinates[i].norm, shrunk, 0.01);
}

// One square that moves over 8 disjoint places: B's pattern is the whitened level / 8 at each, so |B|^2 = 64 / 64.
TEST(LinearResponse, XySquaresClosedForm) {
  const LinearResponse r = respond(*openXySquares(8), 8192);
  for (const ResponseCoordinate& c : r.coordinates) {
    EXPECT_NEAR(c.norm, 1, 5 * c.normError + 1e-3) << c.name;
    EXPECT_LT(c.normError, 0.01);
  }
  for (const ResponsePair& pair : r.pairs) EXPECT_NEAR(pair.cosine, 0, 5 * pair.cosineError + 2e-3);
}

TEST(LinearResponse, ThreadsDoNotMatter) {
  const SourcePtr source = openXySquares(2);
  EXPECT_EQ(respond(*source, 1000, 1).gram, respond(*source, 1000, 3).gram);
}

LinearResponse responseOf(const std::vector<std::pair<std::string, double>>& norms) {
  LinearResponse response;
  for (const auto& [factor, norm] : norms) response.coordinates.push_back({factor + " cos", factor, norm, 0});
  return response;
}

TEST(MixingRotations, PairTheStrongestFactors) {
  // c's two patterns together are the strongest, d is below a tenth of its squared norm, e would be the fourth.
  EXPECT_EQ(mixingRotations(responseOf({{"a", 2}, {"b", 3}, {"c", 3}, {"c", 2}, {"d", 1}})),
            "pairs:a,b;pairs:b,c;pairs:a,c");
  EXPECT_EQ(mixingRotations(responseOf({{"e", 2.5}, {"a", 5}, {"b", 4}, {"c", 3}})), "pairs:a,b;pairs:b,c;pairs:a,c");
  EXPECT_EQ(mixingRotations(responseOf({{"a", 1}, {"b", 2}})), "pairs:a,b");
  // Four that nearly tie: the first three, whichever is the strongest.
  EXPECT_EQ(mixingRotations(responseOf({{"a", 1.01}, {"b", 1}, {"c", 1.02}, {"d", 1.02}})),
            "pairs:a,b;pairs:b,c;pairs:a,c");
  testing::expectError(ErrorKind::Usage, "blocks", [] { mixingRotations(responseOf({{"a", 1}, {"b", 4}})); });
  testing::expectError(ErrorKind::Usage, "blocks", [] { mixingRotations(responseOf({{"a", 0}, {"b", 0}})); });
}

TEST(MixingRotations, OfShapes3DAreItsHues) {
  Context context;
  context.threads = 2;
  EXPECT_EQ(mixingRotations(linearResponse(*openSource("shapes3d:size=32"), 4096, 0, context)),
            "pairs:floor_hue,wall_hue;pairs:wall_hue,object_hue;pairs:floor_hue,object_hue");
}

}  // namespace
}  // namespace offaxis
