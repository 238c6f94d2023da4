#include "measure/preservation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "core/philox.h"
#include "datasets/image_file.h"
#include "storage/h5.h"
#include "support/expect_error.h"
#include "support/h5_edit.h"
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
  EXPECT_EQ(joined(names), "keys, shape, images, factors, labels, distinct, duplicates, budget, separation");
  EXPECT_EQ(report.statistics.images, 300u);
  EXPECT_EQ(report.statistics.maxLevels, kBudget);
  EXPECT_EQ(report.statistics.distinctOriginal, 300u);
  EXPECT_EQ(report.statistics.changedImages, 300u);
}

TEST(Preservation, AFalseReductionIsAnotherShape) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  modified.info_.reduction = 99;
  const PreservationReport report = verify(modified, original);
  EXPECT_FALSE(passed(report, "shape"));
  EXPECT_EQ(report.firstFailure()->name, "shape");
  EXPECT_NE(report.firstFailure()->detail.find("averaged down by 99"), std::string::npos);
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
  for (const PreservationCheck& check : report.checks) EXPECT_NE(check.name, "budget");
  EXPECT_TRUE(passed(report, "distinct"));
  EXPECT_TRUE(passed(report, "duplicates"));
  EXPECT_EQ(verifyPreservation(original, original, {0}, {}).statistics.maxLevels, 0);
  expectFailure(verifyPreservation(modified, original, {0}, {}), "budget", 5);
}

PreservationCheck checkOf(const PreservationReport& report, const std::string& name) {
  for (const PreservationCheck& check : report.checks) {
    if (check.name == name) return check;
  }
  throw std::runtime_error("no check named " + name);
}

TEST(Preservation, TheFirstTenOffendersAreListedAndAllAreCounted) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  std::vector<std::uint64_t> expected;
  for (std::uint64_t row = 40; row < 280; row += 17) {  // 15 rows in several blocks
    modified.image(row)[5] = static_cast<std::uint8_t>(modified.image(row)[5] ^ 0x80);
    expected.push_back(row);
  }
  for (const int threads : {1, 3}) {
    const PreservationReport report = verify(modified, original, threads);
    const PreservationCheck budget = checkOf(report, "budget");
    EXPECT_EQ(budget.offendingCount, 15u);
    EXPECT_EQ(budget.offendingIndices, std::vector<std::uint64_t>(expected.begin(), expected.begin() + 10));
    EXPECT_EQ(budget.firstOffendingIndex, 40u);
    EXPECT_EQ(checkOf(report, "labels").offendingCount, 0u);
  }
  MemorySource collided = perturbed(original);
  for (std::uint64_t row = 100; row < 112; ++row) collided.copyImage(3, row);
  const PreservationReport report = verify(collided, original);
  EXPECT_EQ(checkOf(report, "distinct").offendingCount, 12u);
  EXPECT_EQ(checkOf(report, "distinct").offendingIndices.back(), 109u);
}

TEST(Preservation, AnImageReplacedByItsNeighboursIsNotSeparated) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  modified.copyImage(151, 150);
  modified.image(150)[0] ^= 1;  // no collision, and budgets need not be known
  const PreservationReport report = verifyPreservation(modified, original, {}, {});
  expectFailure(report, "separation", 150);
  EXPECT_TRUE(passed(report, "distinct"));
  EXPECT_NE(checkOf(report, "separation").detail.find("original 151, which differs in factor2"), std::string::npos);
  PreservationSettings without;
  without.separation = false;
  EXPECT_TRUE(verifyPreservation(modified, original, without, {}).preserved());
}

// All rows one place further, labels and all: a set in another order is another set.
TEST(Preservation, AReorderedSetIsFound) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  const std::size_t bytes = original.info().shape.bytes();
  std::rotate(modified.images_.begin() + 200 * 90, modified.images_.begin() + 201 * 90, modified.images_.end());
  ASSERT_EQ(bytes, 90u);
  const PreservationReport unlabelled = verify(modified, original);  // the labels stayed where they were
  expectFailure(unlabelled, "separation", 200);
  expectFailure(unlabelled, "budget", 200);
  EXPECT_GE(checkOf(unlabelled, "separation").offendingCount, 80u)
      << "all that were put in place of a one-factor variant";
  std::rotate(modified.gridIndices_.begin() + 200, modified.gridIndices_.begin() + 201, modified.gridIndices_.end());
  const PreservationReport labelled = verify(modified, original);
  expectFailure(labelled, "labels", 200);
  EXPECT_TRUE(passed(labelled, "separation")) << "each image still is what its label says";
}

TEST(Preservation, CoincidingOriginalsAreReported) {
  MemorySource original(toy());
  original.copyImage(12, 40);
  original.copyImage(12, 200);
  original.copyImage(7, 8);
  const PreservationReport report = verify(original, original);
  EXPECT_TRUE(report.preserved()) << report.firstFailure()->name;
  EXPECT_EQ(report.statistics.coincidingClasses, 2u);
  EXPECT_EQ(report.statistics.coincidingImages, 5u);
  EXPECT_EQ(report.statistics.firstCoinciding, (std::vector<std::uint64_t>{8, 40, 200}));
}

TEST(Preservation, DistributionsMatchTheirDefinitions) {
  const ToySource original({9, 8, 3}, {10, 6, 5});
  const MemorySource modified = perturbed(original);
  const PreservationStatistics s = verify(modified, original, 3).statistics;
  const std::vector<std::uint8_t> o = testing::allImages(original);
  const std::size_t p = 9 * 8 * 3;
  std::vector<double> l2, change;
  double clipped = 0;
  for (std::size_t row = 0; row < 300; ++row) {
    double norm = 0, sums[2] = {0, 0}, squares[2] = {0, 0};
    for (std::size_t i = row * p; i < (row + 1) * p; ++i) {
      const double x[2] = {o[i] / 255.0, modified.images_[i] / 255.0};
      norm += (x[1] - x[0]) * (x[1] - x[0]);
      for (int k = 0; k < 2; ++k) {
        sums[k] += x[k] / p;
        squares[k] += x[k] * x[k] / p;
      }
      const int moved = std::abs(int{modified.images_[i]} - int{o[i]});
      clipped += (modified.images_[i] == 0 || modified.images_[i] == 255) && moved < kBudget;
    }
    l2.push_back(std::sqrt(norm));
    change.push_back((squares[1] - sums[1] * sums[1]) - (squares[0] - sums[0] * sums[0]));
  }
  const auto largest = std::max_element(l2.begin(), l2.end()) - l2.begin();
  std::sort(l2.begin(), l2.end());
  std::sort(change.begin(), change.end());
  EXPECT_EQ(s.l2.count, 300u);
  EXPECT_NEAR(s.l2.minimum, l2.front(), 1e-12);
  EXPECT_NEAR(s.l2.maximum, l2.back(), 1e-12);
  EXPECT_NEAR(s.l2.quantiles[0], l2[2] + 0.99 * (l2[3] - l2[2]), 1e-12) << "position 0.01 * 299";
  EXPECT_NEAR(s.l2.quantiles[3], (l2[149] + l2[150]) / 2, 1e-12);
  EXPECT_NEAR(s.varianceChange.quantiles[6], change[296] + 0.01 * (change[297] - change[296]), 1e-12);
  EXPECT_EQ(s.largestL2.size(), 10u);
  EXPECT_EQ(s.largestL2[0].row, static_cast<std::uint64_t>(largest));
  EXPECT_NEAR(s.largestL2[9].value, l2[290], 1e-12);
  EXPECT_EQ(s.levels.maximum, kBudget);
  EXPECT_EQ(s.ssim.count, 300u);
  EXPECT_EQ(s.lowestSsim[0].value, s.ssim.minimum);
  ASSERT_TRUE(s.perhapsClipped);
  EXPECT_GT(clipped, 0);
  EXPECT_NEAR(*s.perhapsClipped, clipped / (300.0 * p), 1e-12);
  EXPECT_EQ(verify(perturbed(toy()), toy()).statistics.ssim.count, 0u) << "images smaller than the window";
}

TEST(Preservation, QueriesAreACheckOfTheirOwn) {
  const ToySource original = toy();
  MemorySource modified = perturbed(original);
  PreservationSettings settings{kBudget};
  settings.queries = 300;
  EXPECT_TRUE(verifyPreservation(modified, original, settings, {}).preserved());
  modified.swapImages(9, 271);
  const PreservationReport report = verifyPreservation(modified, original, settings, {});
  expectFailure(report, "queries", 9);
  EXPECT_EQ(checkOf(report, "queries").offendingIndices, (std::vector<std::uint64_t>{9, 271}));
  EXPECT_EQ(report.recovery->missed[0].nearest, 271u);
  std::swap(modified.gridIndices_[30], modified.gridIndices_[31]);
  EXPECT_EQ(checkOf(verifyPreservation(modified, original, settings, {}), "queries").detail,
            "not asked: check 'labels' failed");
}

// A file of some rows is compared with those rows of the whole original; cut afterwards, it is found out.
TEST(Preservation, APartOfTheGridIsWhatItWasWrittenAs) {
  const testing::TempDirectory directory;
  const ToySource original = toy();
  const std::string path = directory / "part.h5", cut = directory / "cut.h5";
  const auto modified = std::make_shared<MemorySource>(perturbed(original));
  std::vector<std::uint64_t> rows;
  for (std::uint64_t row = 0; row < 40; ++row) rows.push_back(290 - 7 * row);
  writeImageFile(*subset(modified, rows), path, {}, {});
  const PreservationReport report = verify(*openImageFile(path), original);
  EXPECT_TRUE(report.preserved()) << report.firstFailure()->name << report.firstFailure()->detail;
  EXPECT_EQ(checkOf(report, "images").detail, "40 of the original's 300");
  EXPECT_EQ(report.statistics.images, 40u);
  EXPECT_EQ(report.separation->factors[0].missingRivals, 0u) << "variants come from the whole original";
  // The same rows taken from the original beforehand, as `publish` does, give the same report.
  const auto shared = std::make_shared<ToySource>(original);
  const PreservationReport paired = verify(*openImageFile(path), *subset(shared, rows));
  EXPECT_TRUE(paired.preserved());
  EXPECT_EQ(paired.originalRoot, report.originalRoot);
  EXPECT_EQ(paired.separation->factors[0].rivals, report.separation->factors[0].rivals);

  // The first 250 rows of a whole file, under its own attributes.
  writeImageFile(*modified, path, {Overwrite::Replace}, {});
  writeImageFile(*subset(modified, std::vector<std::uint64_t>(rows.rbegin(), rows.rend())), cut, {}, {});
  testing::rewriteAttribute(cut, "content_root", openImageFile(path)->recordedRoot());
  const PreservationReport caught = verify(*openImageFile(cut), original);
  expectFailure(caught, "images", 40);
  expectFailure(caught, "content_root", std::nullopt);
  expectFailure(verify(*openImageFile(cut), *subset(shared, std::vector<std::uint64_t>(rows.rbegin(), rows.rend()))),
                "images", 40);
}

// The original of a part is held to what it records as well, and its labels where they are compared.
TEST(Preservation, TheOriginalOfAPartIsChecked) {
  const testing::TempDirectory directory;
  const ToySource original = toy();
  const std::string path = directory / "original.h5", part = directory / "part.h5";
  writeImageFile(original, path, {}, {});
  writeImageFile(*subset(std::make_shared<MemorySource>(perturbed(original)), {3, 100, 200}), part, {}, {});
  EXPECT_TRUE(verify(*openImageFile(part), *openImageFile(path)).preserved());
  std::vector<double> values(300 * 3);
  hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  hid_t labels = H5Dopen2(file, "labels", H5P_DEFAULT);
  H5Dread(labels, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  std::swap_ranges(values.begin() + 300, values.begin() + 303, values.begin() + 303);  // rows 100 and 101
  H5Dwrite(labels, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(labels);
  H5Fclose(file);
  const PreservationReport report = verify(*openImageFile(part), *openImageFile(path, LabelCheck::Report));
  expectFailure(report, "labels", 1);
  const std::string other(64, '0');
  writeImageFile(original, path, {Overwrite::Replace}, {});
  testing::rewriteAttribute(path, "content_root", other);
  expectFailure(verify(*openImageFile(part), *openImageFile(path)), "content_root", std::nullopt);
}

TEST(Preservation, AFilesContentRootIsRecomputed) {
  const testing::TempDirectory directory;
  const std::string path = directory / "x.h5";
  writeImageFile(toy(), path, {}, {});
  EXPECT_TRUE(passed(verify(*openImageFile(path), toy()), "content_root"));
  EXPECT_EQ(verify(*openImageFile(path), toy()).modifiedRoot, openImageFile(path)->recordedRoot());
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
