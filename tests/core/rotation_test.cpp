#include "core/rotation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"

namespace offaxis {
namespace {

FactorGrid gridOf(const std::vector<std::size_t>& sizes) {
  std::vector<Factor> factors;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    factors.push_back({std::string(1, static_cast<char>('a' + k)), FactorKind::Ordinal, std::vector<double>(sizes[k])});
  }
  return FactorGrid(factors);
}

void expectOrthogonal(const std::vector<double>& r, std::size_t k) {
  for (std::size_t a = 0; a < k; ++a) {
    for (std::size_t b = 0; b < k; ++b) {
      double dot = 0;
      for (std::size_t c = 0; c < k; ++c) dot += r[a * k + c] * r[b * k + c];
      EXPECT_NEAR(dot, a == b ? 1.0 : 0.0, 1e-14) << "rows " << a << ", " << b;
    }
  }
}

std::string refusal(const std::string& spec, const FactorGrid& grid) {
  try {
    rotationMatrix(spec, grid, 0);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    return error.what();
  }
  return "";
}

TEST(RotationTest, IsOrthogonalAndMixesWhatItShould) {
  const FactorGrid grid = gridOf({8, 1, 8, 3, 5, 4, 6});  // one factor does not vary
  for (const char* name : {"blocks", "pairs", "random"}) {
    SCOPED_TRACE(name);
    const std::vector<double> r = rotationMatrix(name, grid, 4);
    expectOrthogonal(r, 7);
    for (std::size_t a = 0; a < 7; ++a) {
      EXPECT_EQ(r[a * 7 + 1], a == 1 ? 1.0 : 0.0);
      EXPECT_EQ(mixesFactors(r, a), a != 1);
      if (a != 1) {
        EXPECT_LT(std::fabs(r[a * 7 + a]), 0.99) << "leaves factor " << a << " as it is";
      }
    }
  }
  EXPECT_NE(rotationMatrix("random", grid, 4), rotationMatrix("random", grid, 5));
  EXPECT_DOUBLE_EQ(rotationMatrix("blocks", gridOf({8, 8, 8}), 0)[1], -1.0 / 3.0);
  EXPECT_DOUBLE_EQ(rotationMatrix("blocks", gridOf({8, 8, 8, 8}), 0)[3 * 4 + 2], std::sqrt(0.5));  // 4 = 2 + 2
}

TEST(RotationTest, RotatesTheNamedFactorsAlone) {
  const FactorGrid grid = gridOf({8, 8, 3, 5});
  const std::vector<double> pair = rotationMatrix("pairs:d,a", grid, 0);
  expectOrthogonal(pair, 4);
  EXPECT_DOUBLE_EQ(pair[3 * 4 + 3], std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(pair[3 * 4 + 0], -std::sqrt(0.5)) << "the first named factor's row comes first";
  EXPECT_DOUBLE_EQ(pair[0 * 4 + 3], std::sqrt(0.5));
  for (const std::size_t k : {1u, 2u}) {
    EXPECT_EQ(pair[k * 4 + k], 1.0);
    EXPECT_FALSE(mixesFactors(pair, k));
  }
  EXPECT_TRUE(mixesFactors(pair, 0));
  EXPECT_EQ(rotationMatrix("blocks:a,b,c,d", grid, 0), rotationMatrix("blocks", grid, 0));
  const std::vector<double> random = rotationMatrix("random:b,c,d", grid, 9);
  expectOrthogonal(random, 4);
  EXPECT_EQ(random[0], 1.0);
}

TEST(RotationTest, RefusesWhatCannotBeRotated) {
  const FactorGrid grid = gridOf({8, 1, 8});
  EXPECT_NE(refusal("blocks", gridOf({8, 1})).find("there is 1"), std::string::npos);
  EXPECT_NE(refusal("twist", grid).find("twist"), std::string::npos);
  EXPECT_NE(refusal("pairs:a,z", grid).find("'z'"), std::string::npos);
  EXPECT_NE(refusal("pairs:a,b", grid).find("one level"), std::string::npos);
  EXPECT_NE(refusal("pairs:a,a", grid).find("twice"), std::string::npos);
  EXPECT_NE(refusal("pairs:a", grid).find("there is 1"), std::string::npos);
  EXPECT_NE(refusal("pairs:", grid).find("names no factors"), std::string::npos);
}

// Two cyclic factors, an ordinal one, a cyclic one of too few levels to be round, a third cyclic one.
FactorGrid mixedGrid() {
  auto factor = [](const char* name, FactorKind kind, std::size_t size) {
    return Factor{name, kind, std::vector<double>(size)};
  };
  return FactorGrid({factor("hue", FactorKind::Cyclic, 5), factor("size", FactorKind::Ordinal, 4),
                     factor("turn", FactorKind::Cyclic, 8), factor("flip", FactorKind::Cyclic, 2),
                     factor("tint", FactorKind::Cyclic, 3)});
}

TEST(FactorCoordinatesTest, AnglesAreWhiteOverTheGrid) {
  const FactorGrid grid = mixedGrid();
  const FactorCoordinates coordinates("angles", grid);
  ASSERT_EQ(coordinates.count(), 8u);
  const std::vector<std::size_t> factors{0, 1, 2, 3, 4, 0, 2, 4};
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(coordinates.factorOf(i), factors[i]);
    EXPECT_EQ(coordinates.isSine(i), i >= 5);
    EXPECT_EQ(coordinates.isLevel(i), i == 1 || i == 3);
  }
  std::vector<double> moments(64), sums(8), values(8);
  for (std::uint64_t index = 0; index < grid.size(); ++index) {
    coordinates.of(grid.levelsOf(index).data(), values.data());
    for (std::size_t i = 0; i < 8; ++i) {
      sums[i] += values[i];
      for (std::size_t j = 0; j < 8; ++j) moments[i * 8 + j] += values[i] * values[j];
    }
  }
  const auto n = static_cast<double>(grid.size());
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_NEAR(sums[i] / n, 0.0, 1e-13);
    for (std::size_t j = 0; j < 8; ++j) EXPECT_NEAR(moments[i * 8 + j] / n, i == j ? 1.0 : 0.0, 1e-13);
  }
}

TEST(FactorCoordinatesTest, LevelsAreTheWhitenedLevels) {
  const FactorGrid grid = mixedGrid();
  const FactorCoordinates coordinates("levels", grid);
  ASSERT_EQ(coordinates.count(), grid.factorCount());
  const std::uint32_t levels[] = {4, 0, 7, 1, 2};
  double values[5];
  coordinates.of(levels, values);
  for (std::size_t k = 0; k < 5; ++k)
    EXPECT_EQ(values[k], whitened(levels[k], static_cast<std::uint32_t>(grid.factors()[k].size())));
  EXPECT_EQ(coordinates.rotation("blocks", grid, 0), rotationMatrix("blocks", grid, 0));
  try {
    FactorCoordinates("degrees", grid);
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    EXPECT_EQ(error.hint(), "known: levels, angles");
  }
}

TEST(FactorCoordinatesTest, SinesAreRotatedAsTheCosinesAre) {
  const FactorGrid grid = mixedGrid();
  const FactorCoordinates coordinates("angles", grid);
  for (const char* spec : {"blocks", "pairs", "random", "pairs:turn,tint", "blocks:hue,size,turn"})
    expectOrthogonal(coordinates.rotation(spec, grid, 3), 8);
  // A block over the three round factors: the same numbers for cosines (0, 2, 4) and sines (5, 6, 7).
  const std::vector<double> r = coordinates.rotation("blocks:hue,turn,tint", grid, 0);
  const std::size_t cosines[] = {0, 2, 4};
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 3; ++b) {
      EXPECT_EQ(r[(5 + a) * 8 + 5 + b], r[cosines[a] * 8 + cosines[b]]);
      EXPECT_EQ(r[cosines[a] * 8 + 5 + b], 0.0);
    }
  }
  EXPECT_DOUBLE_EQ(r[0], 2.0 / 3);
  // One factor of the pair has no sine: the other's keeps its axis.
  const std::vector<double> alone = coordinates.rotation("pairs:hue,size", grid, 0);
  EXPECT_EQ(alone[5 * 8 + 5], 1.0);
  EXPECT_NEAR(alone[0], std::sqrt(0.5), 1e-15);
}

TEST(RotationTest, SeveralSpecsAreTakenApart) {
  EXPECT_EQ(rotationSpecs("blocks"), (std::vector<std::string>{"blocks"}));
  EXPECT_EQ(rotationSpecs("pairs:a,b;random"), (std::vector<std::string>{"pairs:a,b", "random"}));
  for (const char* bad : {"", ";", "pairs;", ";pairs", "a;;b"}) EXPECT_THROW(rotationSpecs(bad), Error) << bad;
}

}  // namespace
}  // namespace offaxis
