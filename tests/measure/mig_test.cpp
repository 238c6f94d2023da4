#include "measure/mig.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/philox.h"

namespace offaxis {
namespace {

struct Sample {
  std::vector<std::uint32_t> sizes;
  std::uint64_t latents = 0;
  std::vector<double> codes;
  std::vector<std::int64_t> factors;

  CodeView view() const { return {codes.data(), factors.data(), factors.size() / sizes.size(), latents, sizes.size()}; }
};

// The sample of mig_golden.py, which computed the numbers below with numpy.
Sample goldenSample() {
  constexpr std::size_t kCount = 2000;
  std::uint64_t state = 20230817;
  const auto draw = [&state] {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state >> 11) * 0x1p-53;
  };
  Sample sample{{8, 5, 3}, 5, {}, {}};
  for (std::size_t i = 0; i < kCount; ++i) {
    double f[3];
    for (int k = 0; k < 3; ++k) {
      f[k] = std::floor(draw() * sample.sizes[static_cast<std::size_t>(k)]);
      sample.factors.push_back(static_cast<std::int64_t>(f[k]));
    }
    double noise[5];
    for (double& value : noise) value = draw() - 0.5;
    const double codes[5] = {f[0] + 2 * noise[0], 0.3 * f[0] - f[1] + noise[1], f[2] * f[1] + noise[2], noise[3],
                             0 * noise[4] + 1.5};
    for (const double value : codes) sample.codes.push_back(static_cast<float>(value));
  }
  return sample;
}

const std::vector<double> kBlock{2. / 3, -1. / 3, 2. / 3, 2. / 3, 2. / 3, -1. / 3, -1. / 3, 2. / 3, 2. / 3};

TEST(Mig, AgreesWithNumpy) {
  const MigResult result = mig(goldenSample().view());
  EXPECT_NEAR(result.value, 0.34921210348373366, 1e-12);
  const double perFactor[] = {0.5428167133935415, 0.06671500434468366, 0.43810459271297575};
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(result.perFactor[k], perFactor[k], 1e-12);
}

TEST(Mig, RotatedAgreesWithNumpy) {
  const Sample sample = goldenSample();
  const MigResult result = rotatedMig(sample.view(), whitenedFactors(sample.view(), sample.sizes), kBlock);
  EXPECT_NEAR(result.value, 0.0277779550742981, 1e-12);
  EXPECT_NEAR(result.perFactor[1], 0.043488489724315876, 1e-12);
  EXPECT_NEAR(calibrateMig(sample.view(), sample.sizes, 0).ceiling, 0.9960278278796361, 1e-12);
}

TEST(Mig, RotatedAveragesOverTheCoordinatesThatMix) {
  const Sample sample = goldenSample();
  const double h = std::sqrt(0.5);
  const MigResult result =
      rotatedMig(sample.view(), whitenedFactors(sample.view(), sample.sizes), {h, 0, -h, 0, 1, 0, h, 0, h});
  EXPECT_NEAR(result.value, (result.perFactor[0] + result.perFactor[2]) / 2, 1e-12);
  EXPECT_EQ(rotatedMig(sample.view(), whitenedFactors(sample.view(), sample.sizes), {1, 0, 0, 0, 1, 0, 0, 0, 1}).value,
            0.0);
}

// `count` factor rows of a grid, and codes made from them by `code(row, factors) -> L values`.
template <typename Code>
Sample drawn(std::vector<std::uint32_t> sizes, std::uint64_t latents, std::size_t count, const Code& code) {
  Sample sample{std::move(sizes), latents, {}, {}};
  const Philox philox(11, "mig test");
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t first = sample.factors.size();
    for (std::size_t k = 0; k < sample.sizes.size(); ++k) {
      sample.factors.push_back(static_cast<std::int64_t>(philox.below(sample.sizes[k], i, k)));
    }
    for (const double value : code(i, sample.factors.data() + first)) sample.codes.push_back(static_cast<float>(value));
  }
  return sample;
}

const std::vector<std::uint32_t> kShapes3d{10, 10, 10, 8, 4, 15};
const std::vector<std::uint32_t> kDsprites{3, 6, 40, 32, 32};

TEST(Mig, Fixtures) {
  const auto score = [](std::uint64_t latents, const auto& code) {
    return mig(drawn({10, 8, 4}, latents, 4000, code).view()).value;
  };
  using Factors = const std::int64_t*;
  const auto real = [](std::int64_t level) { return static_cast<double>(level); };
  EXPECT_GT(score(3,
                  [&](std::size_t, Factors f) {
                    return std::vector<double>{real(f[2]), real(f[0]), real(f[1])};
                  }),
            .98);
  EXPECT_GT(score(3,
                  [&](std::size_t, Factors f) {
                    return std::vector<double>{-3 * real(f[2]), real(f[0]), 7 - real(f[1])};
                  }),
            .98);
  EXPECT_EQ(score(3, [](std::size_t, Factors) { return std::vector<double>{0, 0, 0}; }), 0.0);
  EXPECT_EQ(score(6,
                  [&](std::size_t, Factors f) {
                    return std::vector<double>{real(f[0]), real(f[1]), real(f[2]), real(f[0]), real(f[1]), real(f[2])};
                  }),
            0.0);
  const Philox noise(3, "independent codes");
  EXPECT_LT(score(3,
                  [&](std::size_t i, Factors) {
                    return std::vector<double>{noise.uniform(i, 0), noise.uniform(i, 1), noise.uniform(i, 2)};
                  }),
            .005);
}

TEST(Mig, ConstantFactorsAreLeftOut) {
  const Sample sample = drawn({6, 1}, 2, 2000, [](std::size_t, const std::int64_t* f) {
    return std::vector<double>{static_cast<double>(f[0]), 0.0};
  });
  const MigResult result = mig(sample.view());
  EXPECT_EQ(result.perFactor[1], 0.0);
  EXPECT_EQ(result.value, result.perFactor[0]);
  EXPECT_GT(result.value, .98);
}

// Known (10,000 samples): perfect codes score .895 (dSprites) and .996 (Shapes3D); rotated factors .135 +- .064 and
// .104 +- .057.
TEST(Mig, CalibrationIsWhereTheFieldsDatasetsHaveIt) {
  const auto codes = [](std::size_t, const std::int64_t*) { return std::vector<double>{0}; };
  const Sample shapes = drawn(kShapes3d, 1, 10000, codes);
  const MigCalibration a = calibrateMig(shapes.view(), shapes.sizes, 0, 40);
  EXPECT_NEAR(a.ceiling, .996, .002);
  EXPECT_NEAR(a.floor, .104, .03);
  EXPECT_NEAR(a.floorSd, .057, .02);
  const Sample sprites = drawn(kDsprites, 1, 10000, codes);
  const MigCalibration b = calibrateMig(sprites.view(), sprites.sizes, 0, 40);
  EXPECT_NEAR(b.ceiling, .895, .005);
  EXPECT_NEAR(b.floor, .135, .035);
}

TEST(RotatedMig, SeesRotatedCodesAndTheOthersDoNot) {
  const auto whiten = [](std::int64_t level) { return (static_cast<double>(level) - 3.5) / std::sqrt(63.0 / 12); };
  const Sample rotated = drawn({8, 8, 8}, 3, 4000, [&](std::size_t, const std::int64_t* f) {
    std::vector<double> z(3, 0.0);
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t i = 0; i < 3; ++i) z[j] += kBlock[3 * j + i] * whiten(f[i]);
    }
    return z;
  });
  EXPECT_GT(rotatedMig(rotated.view(), whitenedFactors(rotated.view(), rotated.sizes), kBlock).value, .85);
  EXPECT_LT(mig(rotated.view()).value, .1);
  const Sample aligned = drawn({8, 8, 8}, 3, 4000, [&](std::size_t, const std::int64_t* f) {
    return std::vector<double>{whiten(f[0]), whiten(f[1]), whiten(f[2])};
  });
  EXPECT_LT(rotatedMig(aligned.view(), whitenedFactors(aligned.view(), aligned.sizes), kBlock).value, .1);
  EXPECT_GT(mig(aligned.view()).value, .98);
}

TEST(RandomRotation, IsOrthogonalAndKeyed) {
  const std::vector<double> r = randomRotation(6, 4, 2);
  for (std::size_t a = 0; a < 6; ++a) {
    for (std::size_t b = 0; b < 6; ++b) {
      double dot = 0;
      for (std::size_t i = 0; i < 6; ++i) dot += r[6 * a + i] * r[6 * b + i];
      EXPECT_NEAR(dot, a == b ? 1.0 : 0.0, 1e-12);
    }
  }
  EXPECT_EQ(r, randomRotation(6, 4, 2));
  EXPECT_NE(r, randomRotation(6, 4, 3));
}

}  // namespace
}  // namespace offaxis
