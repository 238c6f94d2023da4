#include "report/alignment_figures.h"

#include <gtest/gtest.h>

#include "datasets/xysquares/xysquares.h"

namespace offaxis {
namespace {

std::uint32_t bigEndian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

TEST(AlignmentFigures, MatricesAreAPngWithARowForTwoFactors) {
  const auto picture = [](std::size_t factors) {
    PerceivedStructure structure =
        perceivedStructure(*openXySquares(4), ReconstructionLoss::MeanSquaredError, 64, 0, Context());
    structure.perFactor.resize(factors);
    return distanceMatricesPng(structure, "xysquares");
  };
  const std::string six = picture(6);
  EXPECT_EQ(six.substr(1, 3), "PNG");
  EXPECT_EQ(bigEndian(six, 16), bigEndian(picture(3), 16)) << "width";
  EXPECT_EQ(bigEndian(six, 20) - bigEndian(picture(4), 20), bigEndian(picture(3), 20) - bigEndian(picture(2), 20));
  EXPECT_EQ(bigEndian(picture(5), 20), bigEndian(six, 20));
  EXPECT_EQ(picture(2), picture(2));
}

TEST(AlignmentFigures, MatricesThatAreZeroAreNoError) {
  PerceivedStructure structure;
  structure.perFactor.push_back({"silent", FactorKind::Ordinal, 2, 1, std::vector<double>(4), {}});
  EXPECT_EQ(distanceMatricesPng(structure, "").substr(1, 3), "PNG");
}

TEST(AlignmentFigures, SpectraShowSharesFromTheLargest) {
  AxisAlignment local;
  local.spectrum = {0.8, 0.2};
  local.columnSpectrum = {0.6, 0.4};
  LinearResponse response;
  response.eigenvalues = {6, 3, 1};
  response.coordinates = {{"a", "a", 1, 0}, {"b", "b", 3, 0}, {"c", "c", 0, 0}};
  const std::string svg = spectraSvg(local, response, "toy & more");
  EXPECT_NE(svg.find("Spectra: toy &amp; more"), std::string::npos);
  for (const char* note : {"local: principal: 0.8000", "local: factors: 0.4000", "linear: principal: 0.6000",
                           "linear: coordinates: 0.9000", "linear: coordinates: 0.1000"})
    EXPECT_NE(svg.find(note), std::string::npos) << note;
  EXPECT_EQ(spectraSvg(local, response, "toy & more"), svg);
}

}  // namespace
}  // namespace offaxis
