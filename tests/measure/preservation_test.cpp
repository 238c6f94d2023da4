#include "measure/preservation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/philox.h"
#include "datasets/image_file.h"
#include "storage/h5.h"
#include "support/expect_error.h"
#include "support/memory_source.h"
#include "support/temp_directory.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::MemorySource;
using testing::ToySource;

constexpr int kBudget = 9;

// 300 images of 6x5x3: several blocks of the verifier, the last one partly filled.
ToySource toy() {
  return ToySource({6, 5, 3}, {10, 6, 5});
}

// The original plus deltas within the budget, a function of the row.
MemorySource perturbed(const Source& original) {
  MemorySource copy(original);
  const Philox random(11, "test.preservation");
  for (std::size_t i = 0; i < copy.images_.size(); ++i) {
    const int delta = static_cast<int>(random.below(2 * kBudget + 1, i)) - kBudget;
    copy.images_[i] = static_cast<std::uint8_t>(std::clamp(copy.images_[i] + delta, 0, 255));
  }
  return copy;
}

PreservationReport verify(const Source& modified, const Source& original, int threads = 2) {
  Context context;
  context.threads = threads;
  return verifyPreservation(modified, original, {kBudget}, context);
}

void expectFailure(const PreservationReport& report, const std::string& name, std::optional<std::uint64_t> index) {
  EXPECT_FALSE(report.preserved());
  for (const PreservationCheck& check : report.checks) {
    if (check.name != name) continue;
    EXPECT_FALSE(check.passed) << name;
    EXPECT_EQ(check.firstOffendingIndex, index) << name << ": " << check.detail;
    return;
  }
  ADD_FAILURE() << "no check named " << name;
}

bool passed(const PreservationReport& report, const std::string& name) {
  for (const PreservationCheck& check : report.checks) {
    if (check.name == name) return check.passed;
  }
  return false;
}

TEST(Preservation, ACleanVariantPasses) {
  const ToySource original = toy();
  const PreservationReport report = verify(perturbed(original), original);
  EXPECT_TRUE(report.preserved());
  std::vector<std::string> names;
  for (const PreservationCheck& check : report.checks) names.push_back(check.name);
  EXPECT_EQ(joined(names), "keys, shape, images, factors, labels, distinct, duplicates, budget");
  EXPECT_EQ(report.statistics.images, 300u);
  EXPECT_EQ(report.statistics.maxLevels, kBudget);
  EXPECT_EQ(report.statistics.distinctOriginal, 300u);
  EXPECT_EQ(report.statistics.changedImages, 300u);
}

TEST(Preservation, StatisticsMatchTheirDefinitions) {
  const ToySource original = toy();
  const MemorySource modified = perturbed(original);
  const std::vector<std::uint8_t> o = testing::allImages(original);
  const std::vector<std::uint8_t>& m = modified.images_;
  const std::size_t n = 300, p = 6 * 5 * 3;
  double absolute = 0, sum = 0, squares = 0, meanL2 = 0, maxL2 = 0, zeros = 0, fulls = 0, imageVariance = 0, total = 0;
  for (std::size_t row = 0; row < n; ++row) {
    double norm = 0, mean = 0, square = 0;
    for (std::size_t i = row * p; i < (row + 1) * p; ++i) {
      const double d = (m[i] - o[i]) / 255.0;
      absolute += std::abs(d);
      sum += d;
      norm += d * d;
      zeros += m[i] == 0;
      fulls += m[i] == 255;
      mean += m[i] / 255.0 / p;
      square += m[i] / 255.0 * (m[i] / 255.0) / p;
    }
    squares += norm;
    meanL2 += std::sqrt(norm) / n;
    maxL2 = std::max(maxL2, std::sqrt(norm));
    imageVariance += (square - mean * mean) / n;
  }
  for (std::size_t i = 0; i < p; ++i) {
    double mean = 0, square = 0;
    for (std::size_t row = 0; row < n; ++row) {
      const double x = m[row * p + i] / 255.0;
      mean += x / n;
      square += x * x / n;
    }
    total += square - mean * mean;
  }
  const PreservationStatistics s = verify(modified, original).statistics;
  EXPECT_NEAR(s.meanAbsolute, absolute / (n * p), 1e-12);
  EXPECT_NEAR(s.meanSigned, sum / (n * p), 1e-12);
  EXPECT_NEAR(s.rms, std::sqrt(squares / (n * p)), 1e-12);
  EXPECT_NEAR(s.meanL2, meanL2, 1e-12);
  EXPECT_NEAR(s.maxL2, maxL2, 1e-12);
  EXPECT_NEAR(s.totalVarianceModified, total, 1e-9);
  EXPECT_NEAR(s.imageVarianceModified, imageVariance, 1e-9);
  EXPECT_NEAR(s.atZeroModified, zeros / (n * p), 1e-12);
  EXPECT_NEAR(s.atFullModified, fulls / (n * p), 1e-12);
  EXPECT_NE(s.totalVarianceOriginal, s.totalVarianceModified);
}

TEST(Preservation, TheReportDoesNotDependOnThreads) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  modified.image(201)[7] = static_cast<std::uint8_t>(modified.image(201)[7] ^ 0x80);
  modified.copyImage(3, 250);
  const PreservationReport one = verify(modified, original, 1);
  const PreservationReport four = verify(modified, original, 4);
  ASSERT_EQ(one.checks.size(), four.checks.size());
  for (std::size_t i = 0; i < one.checks.size(); ++i) {
    EXPECT_EQ(one.checks[i].passed, four.checks[i].passed);
    EXPECT_EQ(one.checks[i].firstOffendingIndex, four.checks[i].firstOffendingIndex);
    EXPECT_EQ(one.checks[i].detail, four.checks[i].detail);
  }
  EXPECT_EQ(one.statistics.meanL2, four.statistics.meanL2);
  EXPECT_EQ(one.statistics.rms, four.statistics.rms);
  EXPECT_EQ(one.statistics.totalVarianceModified, four.statistics.totalVarianceModified);
  EXPECT_EQ(one.statistics.imageVarianceModified, four.statistics.imageVarianceModified);
}

TEST(Preservation, ASwappedPairIsOverBudget) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  modified.swapImages(120, 77);
  const PreservationReport report = verify(modified, original);
  expectFailure(report, "budget", 77);
  EXPECT_TRUE(passed(report, "distinct"));
}

TEST(Preservation, ACollisionIsFoundAtTheLaterImage) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  modified.copyImage(190, 65);
  modified.copyImage(290, 280);
  expectFailure(verify(modified, original), "distinct", 190);
}

TEST(Preservation, OnePixelOverBudgetIsNamed) {
  const ToySource original = toy();
  MemorySource modified(original);
  const std::size_t at = (4 * 5 + 2) * 3 + 1;  // y 4, x 2, channel 1
  std::uint8_t& pixel = modified.image(299)[at];
  const int before = pixel;
  pixel = static_cast<std::uint8_t>(before < 128 ? before + kBudget + 1 : before - kBudget - 1);
  const PreservationReport report = verify(modified, original);
  expectFailure(report, "budget", 299);
  EXPECT_NE(report.firstFailure()->detail.find("y 4, x 2, channel 1: " + std::to_string(before) + " became"),
            std::string::npos)
      << report.firstFailure()->detail;
  pixel = static_cast<std::uint8_t>(before < 128 ? before + kBudget : before - kBudget);
  EXPECT_TRUE(verify(modified, original).preserved());
  EXPECT_EQ(verify(modified, original).statistics.changedImages, 1u);
}

TEST(Preservation, EqualOriginalsMustStayEqual) {
  MemorySource original(toy());
  original.copyImage(12, 40);
  original.copyImage(12, 200);
  MemorySource modified(original);
  EXPECT_TRUE(verify(modified, original).preserved());
  EXPECT_EQ(verify(modified, original).statistics.distinctOriginal, 298u);
  modified.image(200)[0] ^= 1;
  expectFailure(verify(modified, original), "duplicates", 200);
}

TEST(Preservation, RelabelledRowsAreFound) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  std::swap(modified.gridIndices_[31], modified.gridIndices_[30]);
  const PreservationReport report = verify(modified, original);
  expectFailure(report, "labels", 30);
  EXPECT_NE(report.firstFailure()->detail.find("factor2"), std::string::npos) << report.firstFailure()->detail;
}

TEST(Preservation, LabelsStoredInAFileAreChecked) {
  const testing::TempDirectory directory;
  const std::string path = directory / "relabelled.h5";
  writeImageFile(toy(), path, {}, {});
  // Rows 100 and 101 exchange labels, in place.
  hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  hid_t labels = H5Dopen2(file, "labels", H5P_DEFAULT);
  std::vector<double> values(300 * 3);
  H5Dread(labels, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  std::swap_ranges(values.begin() + 300, values.begin() + 303, values.begin() + 303);
  H5Dwrite(labels, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(labels);
  H5Fclose(file);
  testing::expectError(ErrorKind::BadFile, "row 100", [&] { openImageFile(path); });
  expectFailure(verify(*openImageFile(path, LabelCheck::Report), toy()), "labels", 100);
}

TEST(Preservation, OtherShapesCountsAndGridsFail) {
  const ToySource original = toy();
  MemorySource shorter = perturbed(original);
  shorter.truncate(250);
  expectFailure(verify(shorter, original), "images", 250);
  EXPECT_EQ(verify(shorter, original).statistics.images, 250u);

  expectFailure(verify(ToySource({5, 6, 3}, {10, 6, 5}), original), "shape", std::nullopt);
  MemorySource renamed = perturbed(original);
  renamed.info_.grid = FactorGrid({{"a", FactorKind::Ordinal, std::vector<double>(10)},
                                   {"factor1", FactorKind::Ordinal, std::vector<double>(6)},
                                   {"factor2", FactorKind::Ordinal, std::vector<double>(5)}});
  expectFailure(verify(renamed, original), "factors", std::nullopt);
  MemorySource rekeyed = perturbed(original);
  rekeyed.info_.layout.imagesKey = "imgs";
  expectFailure(verify(rekeyed, original), "keys", std::nullopt);
}

// A variant of {0,1} images is stored in all 256 levels, which is no fault of it.
TEST(Preservation, VariantsOfBinaryImagesPass) {
  MemorySource original(toy());
  original.info_.layout.binary = true;
  MemorySource modified = perturbed(toy());
  expectFailure(verify(modified, original), "keys", std::nullopt);  // it does not say that it is a variant
  modified.info_.variant = "noise";
  EXPECT_TRUE(verify(modified, original).preserved());
}

TEST(Preservation, WithoutABudgetOnlyItIsNotChecked) {
  const ToySource original = toy();
  MemorySource modified(original);
  modified.image(5)[0] ^= 0xff;
  const PreservationReport report = verifyPreservation(modified, original, {}, {});
  EXPECT_TRUE(report.preserved());
  EXPECT_EQ(report.checks.back().name, "duplicates");
  EXPECT_EQ(verifyPreservation(original, original, {0}, {}).statistics.maxLevels, 0);
  expectFailure(verifyPreservation(modified, original, {0}, {}), "budget", 5);
}

TEST(Preservation, StopsWhenAsked) {
  const ToySource original = toy();
  CancelToken cancel;
  cancel.request();
  Context context;
  context.cancel = &cancel;
  testing::expectError(ErrorKind::Interrupted, "interrupted",
                       [&] { verifyPreservation(original, original, {}, context); });
}

}  // namespace
}  // namespace offaxis
