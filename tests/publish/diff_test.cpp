#include "publish/diff.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "publish/version_fixture.h"
#include "support/expect_error.h"
#include "support/memory_source.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;
using testing::expectError;
using testing::kDataset;
using testing::MemorySource;
using testing::rowsOf;

const std::string kNoise = std::string(kDataset) + "+noise:eps=0.1,seed=3";

class Diff : public testing::PublishFixture {
 protected:
  DiffReport compare(const std::string& before, const std::string& after) {
    DiffSettings settings;
    settings.before = before;
    settings.after = after;
    return diff(settings, context_);
  }
  // Of two data files.
  FileDiff compareFiles(const std::string& before, const std::string& after) {
    return compare(directory_ / before, directory_ / after).files.at(0);
  }
};

TEST_F(Diff, FilesOfTheSameContentAreTheSame) {
  WriteSettings writing;
  writing.deflateLevel = 9;
  writeImageFile(*rowsOf(kNoise), directory_ / "again.h5", writing, context_);
  const DiffReport report = compare(directory_ / "noise.h5", directory_ / "again.h5");
  EXPECT_TRUE(report.same());
  EXPECT_EQ(report.files[0].rows->common, 600u);
}

TEST_F(Diff, ChangedImagesAreCountedMeasuredAndRanked) {
  MemorySource other(*openImageFile(directory_ / "noise.h5"));
  const auto move = [&](std::uint64_t row, std::size_t at, int levels) {
    std::uint8_t& pixel = other.image(row)[at];
    pixel = static_cast<std::uint8_t>(pixel < 128 ? pixel + levels : pixel - levels);
  };
  move(10, 0, 3);
  move(20, 5, 7);
  move(20, 6, 1);
  move(599, 767, 8);
  write(other, "other.h5");
  const RowsDiff rows = *compareFiles("noise.h5", "other.h5").rows;
  EXPECT_EQ(rows.changed, 3u);
  EXPECT_EQ(rows.maxLevels, 8);
  EXPECT_DOUBLE_EQ(rows.meanLevels, 19.0 / (600 * 768));
  ASSERT_EQ(rows.firstChanged.size(), 3u);
  EXPECT_EQ(rows.firstChanged[0].rowBefore, 10u);
  EXPECT_EQ(rows.firstChanged[2].gridIndex, 1099u);
  // 8 levels in all at both: the lower index first.
  ASSERT_EQ(rows.largest.size(), 3u);
  EXPECT_EQ(rows.largest[0].gridIndex, 20u);
  EXPECT_EQ(rows.largest[0].maxLevels, 7);
  EXPECT_EQ(rows.largest[1].gridIndex, 1099u);
  EXPECT_EQ(rows.largest[2].sumLevels, 3u);
}

TEST_F(Diff, TheReportDoesNotDependOnThreads) {
  for (const int threads : {1, 8}) {
    context_.threads = threads;
    const RowsDiff rows = *compareFiles("x.h5", "noise.h5").rows;
    EXPECT_EQ(rows.changed, 600u);
    EXPECT_EQ(rows.maxLevels, 25);
    EXPECT_EQ(rows.largest.size(), 8u);
    EXPECT_EQ(rows.firstChanged.size(), 5u);
    static std::uint64_t first = 0;
    if (threads == 1) first = rows.largest[0].gridIndex;
    EXPECT_EQ(rows.largest[0].gridIndex, first);
  }
}

TEST_F(Diff, RowsAreMatchedByTheirPlaceInTheGrid) {
  write(*rowsOf(kNoise, "100:500,1000:1150"), "other.h5");
  const FileDiff file = compareFiles("noise.h5", "other.h5");
  EXPECT_EQ(file.kind, FileDiff::Kind::Changed);
  EXPECT_EQ(file.rows->common, 500u);
  EXPECT_EQ(file.rows->removed, 100u);
  EXPECT_EQ(file.rows->added, 50u);
  EXPECT_EQ(file.rows->firstRemoved.front(), 0u);
  EXPECT_EQ(file.rows->firstAdded.front(), 500u);
  EXPECT_EQ(file.rows->changed, 0u);
  EXPECT_FALSE(file.rows->firstMoved);

  write(*rowsOf(kNoise, "1000:1100,0:500"), "turned.h5");
  const FileDiff turned = compareFiles("noise.h5", "turned.h5");
  EXPECT_EQ(turned.rows->changed, 0u);
  EXPECT_EQ(turned.rows->firstMoved, std::optional<std::uint64_t>(500));
  EXPECT_FALSE(turned.rows->same());
}

TEST_F(Diff, SettingsBudgetsFactorsAndShapesAreNamed) {
  const auto field = [](const FileDiff& file, const std::string& name) {
    for (const FieldChange& change : file.fields) {
      if (change.name == name) return change.before + " -> " + change.after;
    }
    return std::string("none");
  };
  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.2,seed=4"), "other.h5");
  const FileDiff noise = compareFiles("noise.h5", "other.h5");
  EXPECT_EQ(field(noise, "budget eps"), "0.1 (25 levels) -> 0.2 (51 levels)");
  EXPECT_EQ(field(noise, "setting seed"), "3 -> 4");
  EXPECT_EQ(field(noise, "dataset"), "none");

  write(*rowsOf("xysquares:spacing=1,size=32"), "larger.h5");
  const FileDiff larger = compareFiles("x.h5", "larger.h5");
  EXPECT_EQ(field(larger, "shape"), "16x16x3 -> 32x32x3");
  EXPECT_FALSE(larger.rows->imagesCompared);

  write(*rowsOf("dsprites:size=16", "0:40"), "sprites.h5");
  const FileDiff sprites = compareFiles("x.h5", "sprites.h5");
  EXPECT_EQ(field(sprites, "factor scale"), " -> 6 levels, ordinal");
  EXPECT_EQ(field(sprites, "factor x_R"), "8 levels, ordinal -> ");
  EXPECT_FALSE(sprites.rows);
  EXPECT_NE(sprites.notCompared.find("factor grids differ"), std::string::npos);
}

TEST_F(Diff, VersionsAreComparedFileByFile) {
  publish("1.0.0");
  settings_.created = "2025-02-01T12:00:00Z";
  publish("1.0.1");
  const DiffReport repackaged = compare(versionPath("", "1.0.0"), versionPath("", "1.0.1"));
  EXPECT_TRUE(repackaged.same()) << "another number and another day are no difference of the data";
  EXPECT_EQ(repackaged.about.size(), 2u);
  EXPECT_FALSE(repackaged.files[0].rows) << "equal roots need no reading";

  // One file renamed, one changed, one more.
  fs::rename(directory_ / "x.h5", directory_ / "original.h5");
  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=4"), "noise.h5");
  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=5"), "more.h5");
  settings_.files = {directory_ / "original.h5", directory_ / "noise.h5", directory_ / "more.h5"};
  publish("2.0.0");
  const DiffReport report = compare(versionPath("manifest.json", "1.0.0"), versionPath("", "2.0.0"));
  EXPECT_FALSE(report.same());
  ASSERT_EQ(report.files.size(), 3u);
  EXPECT_EQ(report.files[0].kind, FileDiff::Kind::Changed);
  EXPECT_EQ(report.files[0].rows->changed, 600u);
  EXPECT_EQ(report.files[1].kind, FileDiff::Kind::Renamed);
  EXPECT_EQ(report.files[1].after, "data/original.h5");
  EXPECT_EQ(report.files[2].kind, FileDiff::Kind::Added);
  EXPECT_EQ(compare(versionPath("", "2.0.0"), versionPath("", "1.0.0")).files[2].kind, FileDiff::Kind::Removed);
}

TEST_F(Diff, ManifestsAloneAreEnough) {
  publish("1.0.0");
  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=4"), "noise.h5");
  publish("2.0.0");
  const RowsDiff beside = *compare(versionPath("", "1.0.0"), versionPath("", "2.0.0")).files[1].rows;
  fs::copy_file(versionPath("manifest.json", "1.0.0"), directory_ / "1.0.0.json");
  fs::copy_file(versionPath("manifest.json", "2.0.0"), directory_ / "2.0.0.json");
  const RowsDiff alone = *compare(directory_ / "1.0.0.json", directory_ / "2.0.0.json").files[1].rows;
  EXPECT_EQ(alone.changed, beside.changed);
  EXPECT_EQ(alone.meanLevels, beside.meanLevels);
}

TEST_F(Diff, WhatCannotBeComparedIsAnError) {
  publish();
  expectError(ErrorKind::Usage, "two versions, or two files",
              [&] { compare(versionPath(""), directory_ / "noise.h5"); });
  expectError(ErrorKind::BadFile, "no published version", [&] { compare(directory_.path(), versionPath("")); });
  expectError(ErrorKind::Usage, "none.h5", [&] { compare(directory_ / "none.h5", directory_ / "noise.h5"); });
  CancelToken cancel;
  cancel.request();
  context_.cancel = &cancel;
  expectError(ErrorKind::Interrupted, "interrupted", [&] { compareFiles("x.h5", "noise.h5"); });
}

}  // namespace
}  // namespace offaxis
