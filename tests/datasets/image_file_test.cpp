#include "datasets/image_file.h"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/philox.h"
#include "datasets/content.h"
#include "storage/h5.h"
#include "support/expect_error.h"
#include "support/h5_edit.h"
#include "support/temp_directory.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::allImages;
using testing::expectError;
using testing::TempDirectory;
using testing::ToySource;

std::string bytesOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void writeBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

Context threads(int count) {
  Context context;
  context.threads = count;
  return context;
}

// 32x32x3 and 600 images: several chunks, a padded last one, several blocks.
ToySource larger() {
  return ToySource({32, 32, 3}, {10, 12, 5});
}

TEST(ImageFile, ReadsBackWhatWasWritten) {
  const TempDirectory directory;
  const ToySource source = larger();
  const WriteReport report = writeImageFile(source, directory / "x.h5", {}, threads(3));
  EXPECT_EQ(report.images, 600u);
  EXPECT_EQ(report.root, contentRoot(source, threads(1)));
  EXPECT_EQ(report.fileBytes, std::filesystem::file_size(directory / "x.h5"));
  const auto file = openImageFile(directory / "x.h5");
  EXPECT_EQ(file->info().expression(), "toy");
  EXPECT_EQ(file->info().grid, source.info().grid);
  EXPECT_EQ(file->info().layout, source.info().layout);
  EXPECT_EQ(file->recordedRoot(), toHex(report.root));
  EXPECT_EQ(allImages(*file), allImages(source));
  EXPECT_EQ(contentRoot(*file, threads(4)), report.root);
  std::vector<std::uint8_t> one(source.info().shape.bytes()), want(one.size());
  for (const std::uint64_t row : {599u, 0u, 31u, 32u, 598u}) {
    file->read(row, one.data());
    source.read(row, want.data());
    EXPECT_EQ(one, want) << row;
  }
}

TEST(ImageFile, SameBytesForAnyThreadsAndTwice) {
  const TempDirectory directory;
  const ToySource source = larger();
  writeImageFile(source, directory / "a.h5", {}, threads(1));
  writeImageFile(source, directory / "b.h5", {}, threads(7));
  EXPECT_EQ(bytesOf(directory / "a.h5"), bytesOf(directory / "b.h5"));
  writeImageFile(source, directory / "c.h5", {Overwrite::Refuse, 6}, threads(2));
  EXPECT_NE(bytesOf(directory / "a.h5"), bytesOf(directory / "c.h5"));
  EXPECT_EQ(openImageFile(directory / "c.h5")->recordedRoot(), openImageFile(directory / "a.h5")->recordedRoot());
}

TEST(ImageFile, ChunksOfAnySizeHoldTheSameImages) {
  const TempDirectory directory;
  const ToySource source;
  const std::vector<std::uint8_t> images = allImages(source);
  const std::string root = toHex(contentRoot(source, {}));
  for (const std::uint64_t chunk : {std::uint64_t{1}, std::uint64_t{5}, std::uint64_t{24}, kMostImagesPerChunk}) {
    WriteSettings settings;
    settings.imagesPerChunk = chunk;
    const std::string path = directory / (std::to_string(chunk) + ".h5");
    Context context;
    context.threads = 3;
    EXPECT_EQ(toHex(writeImageFile(source, path, settings, context).root), root);
    const SourcePtr file = openImageFile(path);
    EXPECT_EQ(allImages(*file), images);
    EXPECT_EQ(toHex(contentRoot(*file, context)), root);
    const std::uint64_t together = std::min<std::uint64_t>(chunk, 24);
    EXPECT_EQ(file->together(23).first, 23 / together * together);
    EXPECT_EQ(file->together(23).count, 24 - 23 / together * together) << "the last chunk is padded";
    EXPECT_EQ(file->together(0).count, together);
  }
  EXPECT_EQ(imagesThatFit(kChunkBytes, {64, 64, 3}), 2u);
  EXPECT_EQ(imagesThatFit(kChunkBytes, {512, 512, 3}), 1u);
  EXPECT_EQ(imagesThatFit(kChunkBytes, {4, 4, 1}), 1536u);
  WriteSettings tooMany;
  tooMany.imagesPerChunk = kMostImagesPerChunk + 1;
  expectError(ErrorKind::Usage, "too many", [&] { writeImageFile(source, directory / "x.h5", tooMany, {}); });
  tooMany.imagesPerChunk = 256;
  expectError(ErrorKind::Usage, "at most 85", [&] {
    writeImageFile(ToySource({512, 512, 3}, {2, 2}), directory / "x.h5", tooMany, {});
  });
  EXPECT_FALSE(std::filesystem::exists(directory / "x.h5"));
}

TEST(ImageFile, KeepsTheOriginalsLayout) {
  const TempDirectory directory;
  ToySource source({8, 8, 1});
  source.info_.layout = {"imgs", "latents/values", "latents/classes", false};
  writeImageFile(source, directory / "x.h5", {}, threads(2));
  const auto file = openImageFile(directory / "x.h5");
  EXPECT_EQ(file->info().layout, source.info().layout);
  EXPECT_EQ(file->info().shape, (ImageShape{8, 8, 1}));
  EXPECT_EQ(allImages(*file), allImages(source));
}

TEST(ImageFile, BinaryImagesAreStoredAsZeroAndOne) {
  const TempDirectory directory;
  class Binary final : public ToySource {
   public:
    using ToySource::ToySource;
    void read(std::uint64_t row, std::uint8_t* image) const override {
      ToySource::read(row, image);
      for (std::uint64_t i = 0; i < info_.shape.bytes(); ++i) image[i] = image[i] < 128 ? 0 : 255;
    }
  };
  Binary source({8, 8, 1});
  source.info_.layout.binary = true;
  const WriteReport report = writeImageFile(source, directory / "x.h5", {}, threads(2));
  const auto file = openImageFile(directory / "x.h5");
  EXPECT_TRUE(file->info().layout.binary);
  EXPECT_EQ(allImages(*file), allImages(source));
  EXPECT_EQ(contentRoot(*file, threads(1)), report.root);
  std::vector<std::uint8_t> raw(source.size() * 64);
  h5::Reader(directory / "x.h5").readArray("images", h5::Type::U8, {source.size(), 8, 8, 1}, raw.data());
  EXPECT_EQ(*std::max_element(raw.begin(), raw.end()), 1);
}

// A last chunk that is stored as it is has fewer rows than the buffer that the one before it filled.
TEST(ImageFile, ABinaryChunkStoredAsItIsReadsAfterAnother) {
  const TempDirectory directory;
  class White final : public ToySource {
   public:
    using ToySource::ToySource;
    void read(std::uint64_t, std::uint8_t* image) const override { std::fill_n(image, info_.shape.bytes(), 255); }
  };
  White source({64, 64, 1}, {5, 3, 2});
  source.info_.layout.binary = true;
  const std::string path = directory / "x.h5";
  WriteSettings settings;
  settings.imagesPerChunk = 24;  // the last chunk is not full
  writeImageFile(source, path, settings, threads(1));
  const std::uint64_t rows = h5::Reader(path).rowsPerDeflatedChunk("images");
  ASSERT_EQ(rows, 24u);
  const hsize_t last = source.size() / rows * rows;
  const hsize_t start[] = {last, 0, 0, 0};
  std::vector<std::uint8_t> raw(rows * 64 * 64);
  std::fill_n(raw.begin(), (source.size() - last) * 64 * 64, std::uint8_t{1});
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t images = H5Dopen2(file, "images", H5P_DEFAULT);
  EXPECT_GE(H5Dwrite_chunk(images, H5P_DEFAULT, 1, start, raw.size(), raw.data()), 0);
  H5Dclose(images);
  H5Fclose(file);
  EXPECT_EQ(allImages(*openImageFile(path)), allImages(source));
}

TEST(ImageFile, AllRowsInAnotherOrderAreNotWritten) {
  const TempDirectory directory;
  const auto base = std::make_shared<ToySource>();
  std::vector<std::uint64_t> rows(base->size());
  for (std::uint64_t row = 0; row < rows.size(); ++row) rows[row] = rows.size() - 1 - row;
  expectError(ErrorKind::Usage, "another order",
              [&] { writeImageFile(*subset(base, rows), directory / "x.h5", {}, threads(1)); });
  rows.pop_back();
  writeImageFile(*subset(base, rows), directory / "x.h5", {}, threads(1));
  EXPECT_EQ(openImageFile(directory / "x.h5")->gridIndex(0), base->size() - 1);
}

TEST(ImageFile, SubsetsKeepTheirPlaces) {
  const TempDirectory directory;
  const auto base = std::make_shared<ToySource>();
  writeImageFile(*subset(base, {9, 2, 20}), directory / "x.h5", {}, threads(1));
  const auto file = openImageFile(directory / "x.h5");
  EXPECT_EQ(file->size(), 3u);
  EXPECT_EQ(file->gridIndex(0), 9u);
  EXPECT_EQ(file->gridIndex(2), 20u);
}

TEST(ImageFile, NeverReplacesUnasked) {
  const TempDirectory directory;
  const ToySource source;
  writeImageFile(source, directory / "x.h5", {}, threads(1));
  const std::string before = bytesOf(directory / "x.h5");
  expectError(ErrorKind::CannotWrite, "exists", [&] { writeImageFile(source, directory / "x.h5", {}, threads(1)); });
  EXPECT_EQ(bytesOf(directory / "x.h5"), before);
  writeImageFile(source, directory / "x.h5", {Overwrite::Replace, 1}, threads(1));
  EXPECT_EQ(bytesOf(directory / "x.h5"), before);
}

TEST(ImageFile, ACancelledOrFailedWriteLeavesNothing) {
  const TempDirectory directory;
  CancelToken cancel;
  cancel.request();
  Context context = threads(2);
  context.cancel = &cancel;
  expectError(ErrorKind::Interrupted, "interrupted",
              [&] { writeImageFile(larger(), directory / "x.h5", {}, context); });
  class Failing final : public ToySource {
   public:
    void read(std::uint64_t row, std::uint8_t* image) const override {
      if (row == 20) throw Error(ErrorKind::BadFile, "row 20 is damaged");
      ToySource::read(row, image);
    }
  };
  expectError(ErrorKind::BadFile, "row 20", [&] { writeImageFile(Failing(), directory / "y.h5", {}, threads(2)); });
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

// A source whose labels lie: its grid holds other values than the one that reads are checked against.
TEST(ImageFile, FindsReorderedLabels) {
  const TempDirectory directory;
  const ToySource source;
  writeImageFile(source, directory / "x.h5", {}, threads(1));
  std::vector<double> labels(source.size() * source.info().grid.factorCount());
  const hid_t file = H5Fopen((directory / "x.h5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, "labels", H5P_DEFAULT);
  EXPECT_GE(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels.data()), 0);
  const auto row = labels.begin() + 6 * static_cast<std::ptrdiff_t>(source.info().grid.factorCount());
  std::swap_ranges(row, row + 3, row + 3);
  EXPECT_GE(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels.data()), 0);
  H5Dclose(set);
  H5Fclose(file);
  expectError(ErrorKind::BadFile, "row 6", [&] { openImageFile(directory / "x.h5"); });
  EXPECT_EQ(openImageFile(directory / "x.h5", LabelCheck::Report)->firstBadLabel(), 6u);
}

TEST(ImageFile, TruncatedFilesAreRefused) {
  const TempDirectory directory;
  const ToySource source;
  writeImageFile(source, directory / "x.h5", {}, threads(1));
  const std::string whole = bytesOf(directory / "x.h5");
  const Philox philox(1, "truncate");
  for (std::uint64_t i = 0; i < 60; ++i) {
    writeBytes(directory / "cut.h5", whole.substr(0, philox.below(whole.size(), i)));
    expectError(ErrorKind::BadFile, "cut.h5", [&] { allImages(*openImageFile(directory / "cut.h5")); });
  }
}

// A flipped byte may change a pixel or nothing that matters; it must never crash, hang or raise anything but BadFile.
TEST(ImageFile, DamagedBytesNeverDoWorseThanBadFile) {
  const TempDirectory directory;
  const ToySource source;
  writeImageFile(source, directory / "x.h5", {}, threads(1));
  const std::string whole = bytesOf(directory / "x.h5");
  const Philox philox(2, "flip");
  int refused = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    std::string damaged = whole;
    damaged[philox.below(whole.size(), i)] ^= static_cast<char>(1 + philox.below(255, i, 1));
    writeBytes(directory / "bad.h5", damaged);
    try {
      allImages(*openImageFile(directory / "bad.h5"));
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::BadFile)) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 50);
}

// A label is looked up by its value, and each value once, so that no small file takes long to open.
TEST(ImageFile, LevelsOfAFactorDiffer) {
  const TempDirectory directory;
  const std::string path = directory / "x.h5";
  const auto refuse = [&](const std::string& values, const std::string& says) {
    WriteSettings again;
    again.overwrite = Overwrite::Replace;
    writeImageFile(ToySource(), path, again, {});
    std::string factors = R"([{"name": "a", "kind": "ordinal", "values": )" + values + "}]";
    testing::replaceAttribute(path, "factors", factors);
    expectError(ErrorKind::BadFile, says, [&] { openImageFile(path); });
  };
  refuse("[0, 1, 2, 1]", "two equal levels");
  refuse("[0.0, -0.0]", "two equal levels");
  refuse("[0, 1e999]", "description is damaged");
  std::string many = "[";
  for (int i = 0; i < 20000; ++i) many += "1,";
  refuse(many + "0]", "two equal levels");
}

TEST(ImageFile, ForeignFilesAreRefused) {
  const TempDirectory directory;
  expectError(ErrorKind::BadFile, "missing.h5", [&] { openImageFile(directory / "missing.h5"); });
  expectError(ErrorKind::BadFile, directory.path(), [&] { openImageFile(directory.path()); });
  writeBytes(directory / "text.h5", "this is no HDF5 file");
  expectError(ErrorKind::BadFile, "text.h5", [&] { openImageFile(directory / "text.h5"); });
}

}  // namespace
}  // namespace offaxis
