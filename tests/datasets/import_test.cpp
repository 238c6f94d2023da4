#include "datasets/import.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "datasets/content.h"
#include "storage/h5.h"
#include "support/expect_error.h"
#include "support/original_files.h"
#include "support/temp_directory.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::allImages;
using testing::expectError;
using testing::H5Format;
using testing::H5Layout;
using testing::member;
using testing::npyBytes;
using testing::OriginalRows;
using testing::originalRows;
using testing::TempDirectory;
using testing::writeH5Original;
using testing::writeNpzOriginal;
using testing::writeZip;
using testing::ZipMembers;

constexpr std::uint32_t kSide = 8;

std::string contentsOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Context threads(int count) {
  Context context;
  context.threads = count;
  return context;
}

// 192 and 96 images.
OriginalRows smallDSprites() {
  return originalRows("dsprites", kSide, {1, 2, 2, 3, 4, 4});
}
OriginalRows smallShapes3D() {
  return originalRows("shapes3d", kSide, {2, 2, 2, 2, 2, 3});
}

ImportSettings settingsFor(const OriginalRows& rows) {
  ImportSettings settings;
  settings.original.side = rows.shape.height;
  settings.original.factors = rows.grid.factors();
  return settings;
}

// The published chunking, with a last chunk that reaches beyond the rows.
H5Layout dSpritesLayout(H5Format format = H5Format::Old) {
  return {{130, 2, 4}, false, true, true, format};
}
H5Layout shapes3DLayout(H5Format format = H5Format::Old) {
  return {{70, 4, 4, 1}, false, true, true, format};
}

// What an import of `rows`, read from `path`, has to give. `rows` are in the grid's order.
ImportReport expectImported(const std::string& path, const OriginalRows& rows, std::uint64_t moved = 0) {
  const TempDirectory directory;
  const std::string output = directory / "out.h5";
  const ImportReport report = importOriginal(path, output, settingsFor(rows), threads(3));
  EXPECT_FALSE(report.original.published);
  EXPECT_EQ(report.original.movedRows, moved);
  EXPECT_EQ(report.written.images, rows.size());
  EXPECT_EQ(report.original.sha256, toHex(sha256OfFile(path)));
  const auto file = openImageFile(output);
  EXPECT_EQ(file->info().dataset, rows.channelAxis ? "shapes3d-import" : "dsprites-import");
  EXPECT_EQ(file->info().layout, openNamedDataset(rows.channelAxis ? "shapes3d" : "dsprites")->info().layout);
  EXPECT_EQ(file->info().shape, rows.shape);
  EXPECT_TRUE(file->info().grid == rows.grid);
  EXPECT_EQ(contentRoot(*file, threads(1)), report.written.root);
  EXPECT_EQ(file->recordedRoot(), toHex(report.written.root));
  std::vector<std::uint8_t> images = allImages(*file);
  if (!rows.channelAxis) {
    for (std::uint8_t& pixel : images) pixel &= 1;
  }
  EXPECT_TRUE(images == rows.images) << "the images differ";
  const std::vector<std::uint64_t> canonical = rows.canonical();
  std::uint64_t coincidences = 0;
  std::uint64_t wrong = 0;
  for (std::uint64_t row = 0; row < rows.size(); ++row) {
    coincidences += canonical[row] != row;
    wrong += file->canonicalIndex(row) != canonical[row];
  }
  EXPECT_EQ(wrong, 0u) << "canonical indices differ";
  EXPECT_EQ(report.written.coincidences, coincidences);
  // The labels as they lie in the file, levels included.
  const h5::Reader raw(output);
  std::vector<double> values(rows.values.size());
  raw.readArray(file->info().layout.labelsKey, h5::Type::F64, {rows.size(), rows.grid.factorCount()}, values.data());
  EXPECT_TRUE(values == rows.values) << "the factor values differ";
  if (!rows.channelAxis) {
    std::vector<std::int64_t> classes(rows.classes.size());
    raw.readArray("latents/classes", h5::Type::I64, {rows.size(), rows.grid.factorCount()}, classes.data());
    EXPECT_TRUE(classes == rows.classes) << "the factor levels differ";
  }
  return report;
}

// One BadFile error that says `part`, and nothing left behind.
void expectRefused(const std::string& part, const std::string& path, const ImportSettings& settings) {
  const TempDirectory directory;
  expectError(ErrorKind::BadFile, part, [&] { importOriginal(path, directory / "out.h5", settings, threads(2)); });
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

void expectMembersRefused(const std::string& part, const ZipMembers& members, const OriginalRows& rows) {
  const TempDirectory directory;
  writeZip(directory / "bad.npz", members);
  expectRefused(part, directory / "bad.npz", settingsFor(rows));
}

void expectH5Refused(const std::string& part, const OriginalRows& rows, const OriginalRows& expected) {
  const TempDirectory directory;
  writeH5Original(directory / "bad.h5", rows, rows.channelAxis ? shapes3DLayout() : dSpritesLayout());
  expectRefused(part, directory / "bad.h5", settingsFor(expected));
}

// ------------------------------------------------------------------------------------------------- what is imported

TEST(Import, WholeGridOfDSprites) {
  const TempDirectory directory;
  const OriginalRows rows = originalRows("dsprites", kSide);
  ASSERT_EQ(rows.size(), 737280u);
  writeH5Original(directory / "d.h5", rows, {{23040, 2, 4}});
  const ImportReport report = expectImported(directory / "d.h5", rows);
  writeNpzOriginal(directory / "d.npz", rows);
  EXPECT_EQ(expectImported(directory / "d.npz", rows).written.root, report.written.root);
}

TEST(Import, WholeGridOfShapes3D) {
  const TempDirectory directory;
  const OriginalRows rows = originalRows("shapes3d", kSide);
  ASSERT_EQ(rows.size(), 480000u);
  writeH5Original(directory / "s.h5", rows, {{15000, 4, 4, 1}});
  expectImported(directory / "s.h5", rows);
}

TEST(Import, EveryChunking) {
  const TempDirectory directory;
  const OriginalRows d = smallDSprites();
  for (const H5Layout& layout : std::vector<H5Layout>{dSpritesLayout(),
                                                      dSpritesLayout(H5Format::Checksummed),
                                                      {},
                                                      {{192, 8, 8}},
                                                      {{1, 8, 8}},
                                                      {{40, 5, 3}},
                                                      {{64, 3, 8}},
                                                      {{130, 2, 4}, true},
                                                      {{130, 2, 4}, false, false}}) {
    writeH5Original(directory / "d.h5", d, layout);
    expectImported(directory / "d.h5", d);
  }
  const OriginalRows s = smallShapes3D();
  for (const H5Layout& layout : std::vector<H5Layout>{shapes3DLayout(),
                                                      shapes3DLayout(H5Format::Checksummed),
                                                      {},
                                                      {{70, 4, 4, 2}},
                                                      {{96, 8, 8, 3}},
                                                      {{60, 3, 5, 2}},
                                                      {{7, 1, 1, 1}},
                                                      {{70, 4, 4, 1}, true},
                                                      {{70, 4, 4, 1}, false, false}}) {
    writeH5Original(directory / "s.h5", s, layout);
    expectImported(directory / "s.h5", s);
  }
}

// Chunks that were never written read as zeros, as black images do that somebody wrote.
TEST(Import, ImagesThatWereNeverWrittenAreRefused) {
  const TempDirectory directory;
  OriginalRows rows = smallDSprites();
  std::fill(rows.images.begin(), rows.images.end(), std::uint8_t{0});
  const auto refusedFor = [&](H5Layout layout, const std::string& chunks) {
    layout.write = false;
    writeH5Original(directory / "d.h5", rows, layout);
    expectRefused(chunks + " chunks of 'imgs' were never written: the file is incomplete", directory / "d.h5",
                  settingsFor(rows));
  };
  // Of 192 images of 8x8: 2 x 4 x 2 and 5 x 2 x 3 chunks.
  refusedFor({{130, 2, 4}}, "16 of 16");
  refusedFor({{40, 5, 3}, false, true, true, H5Format::Checksummed}, "30 of 30");
  refusedFor({}, "1 of 1");
  H5Layout black = dSpritesLayout();
  black.write = false;
  black.zeros = true;
  writeH5Original(directory / "d.h5", rows, black);
  EXPECT_EQ(expectImported(directory / "d.h5", rows).written.coincidences, rows.size() - 1);
}

TEST(Import, FilesInAnotherOrderArePutInOrder) {
  const TempDirectory directory;
  for (const OriginalRows& rows : {smallDSprites(), smallShapes3D()}) {
    const std::uint64_t n = rows.size();
    const OriginalRows backwards = rows.reordered([&](std::uint64_t row) { return n - 1 - row; });
    writeH5Original(directory / "b.h5", backwards, rows.channelAxis ? shapes3DLayout() : dSpritesLayout());
    expectImported(directory / "b.h5", rows, n);
    const OriginalRows swapped = rows.reordered([](std::uint64_t row) { return row == 3 ? 50 : row == 50 ? 3 : row; });
    writeH5Original(directory / "w.h5", swapped, rows.channelAxis ? shapes3DLayout() : dSpritesLayout());
    expectImported(directory / "w.h5", rows, 2);
    if (rows.channelAxis) continue;
    writeNpzOriginal(directory / "b.npz", backwards);
    expectImported(directory / "b.npz", rows, n);
  }
}

TEST(Import, LabelsWithinTheToleranceCountAndAreWrittenExactly) {
  const TempDirectory directory;
  const OriginalRows rows = smallDSprites();
  OriginalRows rounded = rows;
  for (double& value : rounded.values) value = static_cast<double>(static_cast<float>(value));
  ASSERT_FALSE(rounded.values == rows.values);
  writeNpzOriginal(directory / "d.npz", rounded);
  expectImported(directory / "d.npz", rows);
}

TEST(Import, SameBytesForAnyThreadsAndSource) {
  const TempDirectory directory;
  const OriginalRows rows = smallDSprites();
  writeNpzOriginal(directory / "d.npz", rows);
  writeH5Original(directory / "d.h5", rows, dSpritesLayout());
  importOriginal(directory / "d.npz", directory / "a.h5", settingsFor(rows), threads(1));
  importOriginal(directory / "d.h5", directory / "b.h5", settingsFor(rows), threads(5));
  EXPECT_TRUE(contentsOf(directory / "a.h5") == contentsOf(directory / "b.h5"));
}

TEST(Import, NeverWritesOverTheOriginal) {
  const TempDirectory directory;
  const OriginalRows rows = smallDSprites();
  writeNpzOriginal(directory / "d.npz", rows);
  const std::string before = contentsOf(directory / "d.npz");
  ImportSettings settings = settingsFor(rows);
  settings.writing.overwrite = Overwrite::Replace;
  std::filesystem::create_symlink(directory / "d.npz", directory / "link.npz");
  for (const char* name : {"d.npz", "link.npz"}) {
    expectError(ErrorKind::CannotWrite, "the original itself",
                [&] { importOriginal(directory / "d.npz", directory / name, settings, threads(1)); });
  }
  EXPECT_TRUE(contentsOf(directory / "d.npz") == before);
}

// ---------------------------------------------------------------------------------------------- what is recognised

TEST(Import, RecognisesByContentAlone) {
  const TempDirectory directory;
  const OriginalRows d = smallDSprites(), s = smallShapes3D();
  writeNpzOriginal(directory / "a.h5", d);
  writeH5Original(directory / "b.npz", d, dSpritesLayout());
  writeH5Original(directory / "c", s, shapes3DLayout());
  EXPECT_EQ(toString(recogniseOriginal(directory / "a.h5").value()), "dSprites npz");
  EXPECT_EQ(toString(recogniseOriginal(directory / "b.npz").value()), "dSprites HDF5");
  EXPECT_EQ(toString(recogniseOriginal(directory / "c").value()), "Shapes3D HDF5");
  writeImageFile(testing::ToySource(), directory / "ours.h5", {}, threads(1));
  writeZip(directory / "other.npz", {{"codes.npy", "x"}, {"imgs", "y"}});
  std::ofstream(directory / "text.txt") << "imgs latents_values latents_classes";
  std::ofstream(directory / "empty.npz");
  for (const char* name : {"ours.h5", "other.npz", "text.txt", "empty.npz", "missing.npz", "."})
    EXPECT_FALSE(recogniseOriginal(directory / name).has_value()) << name;
}

TEST(Import, OriginalsAsSourcesSayHowToImportThem) {
  const TempDirectory directory;
  writeNpzOriginal(directory / "a.npz", smallDSprites());
  writeH5Original(directory / "b.h5", smallShapes3D(), shapes3DLayout());
  expectError(ErrorKind::BadFile, "offaxis import " + (directory / "a.npz") + " -o dsprites-imported.h5",
              [&] { openImageFile(directory / "a.npz"); });
  expectError(ErrorKind::BadFile, "offaxis import " + (directory / "b.h5") + " -o shapes3d-imported.h5",
              [&] { openImageFile(directory / "b.h5"); });
}

TEST(Import, AsMustAgreeWithTheContent) {
  const TempDirectory directory;
  const OriginalRows rows = smallDSprites();
  writeNpzOriginal(directory / "d.npz", rows);
  ImportSettings settings = settingsFor(rows);
  settings.original.as = "shapes3d";
  expectRefused("not like one of shapes3d", directory / "d.npz", settings);
  settings.original.as = "cars3d";
  expectError(ErrorKind::Usage, "known originals: dsprites, shapes3d",
              [&] { importOriginal(directory / "d.npz", directory / "out.h5", settings, threads(1)); });
  settings.original.as = "dsprites";
  EXPECT_EQ(importOriginal(directory / "d.npz", directory / "out.h5", settings, threads(1)).written.images, 192u);
}

TEST(Import, WhatIsNoOriginalIsRefused) {
  const TempDirectory directory;
  const ImportSettings settings = settingsFor(smallDSprites());
  writeImageFile(testing::ToySource(), directory / "ours.h5", {}, threads(1));
  writeZip(directory / "other.npz", {{"codes.npy", "x"}});
  std::ofstream(directory / "text.npz") << "this is no archive";
  std::ofstream(directory / "empty.npz");
  std::ofstream(directory / "zip.npz") << "PK\x03\x04 and then nothing like a zip";
  H5Fclose(testing::createH5(directory / "bare.h5"));
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  expectRefused("use it as it is", directory / "ours.h5", settings);
  expectRefused("not the dSprites npz", directory / "other.npz", settings);
  expectRefused("not an HDF5 file", directory / "text.npz", settings);
  expectRefused("is empty", directory / "empty.npz", settings);
  expectRefused("zip.npz", directory / "zip.npz", settings);
  expectRefused("neither dSprites' imgs", directory / "bare.h5", settings);
  expectRefused("not a regular file", directory / "pipe", settings);
  expectRefused("is a directory", directory.path(), settings);
  expectRefused("No such file", directory / "missing.h5", settings);
}

// ------------------------------------------------------------------------------------------- damaged and hostile npz

TEST(Import, LabelsThatAreNoPermutationOfTheGridAreRefused) {
  for (const OriginalRows& rows : {smallDSprites(), smallShapes3D()}) {
    OriginalRows repeated = rows;
    repeated.copyRow(rows, 7, 20);
    expectH5Refused("row 20 has the label of row 7 again", repeated, rows);
    OriginalRows nan = rows;
    nan.value(11, 2) = std::numeric_limits<double>::quiet_NaN();
    expectH5Refused("row 11 has " + rows.grid.factors()[2].name + " nan", nan, rows);
    OriginalRows between = rows;
    between.value(13, 5) += 2e-6;
    expectH5Refused("row 13 has " + rows.grid.factors()[5].name, between, rows);
  }
  const OriginalRows rows = smallDSprites();
  OriginalRows contradicting = rows;
  contradicting.level(9, 1) = 1 - contradicting.level(9, 1);
  expectH5Refused("row 9 has level", contradicting, rows);
  expectMembersRefused("row 9 has level", npzMembersOf(contradicting), rows);
  contradicting.level(9, 1) = std::numeric_limits<std::int64_t>::min();
  expectH5Refused("row 9 has level", contradicting, rows);
  OriginalRows repeated = rows;
  repeated.copyRow(rows, 191, 0);
  expectMembersRefused("row 191 has the label of row 0 again", npzMembersOf(repeated), rows);
}

TEST(Import, PixelsOfDSpritesAreZeroOrOne) {
  const OriginalRows rows = smallDSprites();
  OriginalRows grey = rows;
  grey.image(140)[63] = 2;
  expectH5Refused("row 140 has a pixel of 2", grey, rows);
  expectMembersRefused("row 140 has a pixel of 2", npzMembersOf(grey), rows);
  grey.image(140)[63] = 255;
  expectH5Refused("row 140 has a pixel of 255", grey, rows);
}

TEST(Import, WrongExtentsAreRefused) {
  const OriginalRows d = smallDSprites(), s = smallShapes3D();
  expectH5Refused("'imgs' is not uint8 [96,8,8] as in the original but [192,8,8]", d,
                  originalRows("dsprites", kSide, {1, 1, 2, 3, 4, 4}));
  expectH5Refused("'imgs' is not uint8 [192,16,16]", d, originalRows("dsprites", 16, {1, 2, 2, 3, 4, 4}));
  expectH5Refused("'images' is not uint8 [192,8,8,3]", s, originalRows("shapes3d", kSide, {2, 2, 2, 2, 4, 3}));
  expectMembersRefused("array 'imgs'", npzMembersOf(d), originalRows("dsprites", kSide, {1, 1, 2, 3, 4, 4}));
  expectMembersRefused("'imgs' is not uint8 [384,8,8] as in the original but [192,8,8]", npzMembersOf(d),
                       originalRows("dsprites", kSide, {1, 2, 4, 3, 4, 4}));
  ZipMembers members = npzMembersOf(d);
  member(members, "latents_values") = npyBytes("<f8", {1152}, d.values.data(), d.values.size() * 8);
  expectMembersRefused("'latents_values' is not float64 [192,6] as in the original but [1152]", members, d);
}

TEST(Import, WrongTypesAreRefused) {
  const OriginalRows rows = smallDSprites();
  struct Case {
    const char* array;
    const char* descr;
    const char* order;
    const char* says;
  };
  const std::vector<std::uint64_t> dims{192, 8, 8}, table{192, 6};
  for (const Case& c :
       {Case{"imgs", "|O", "False", "never unpickled"}, Case{"imgs", "|u1", "True", "Fortran order"},
        Case{"imgs", "|i1", "False", "unsupported type '|i1'"}, Case{"imgs", "<f4", "False", "larger than"},
        Case{"latents_values", ">f8", "False", "big-endian"},
        Case{"latents_values", "<i8", "False", "not float64 [192,6]"},
        Case{"latents_classes", "<f8", "False", "not int64 [192,6]"},
        Case{"latents_classes", "O", "False", "never unpickled"}}) {
    ZipMembers members = npzMembersOf(rows);
    std::string& content = member(members, c.array);
    const std::size_t header = 10 + static_cast<unsigned char>(content[8]) + 256u * content[9];
    const std::string payload = content.substr(header);
    content = npyBytes(c.descr, std::string(c.array) == "imgs" ? dims : table, payload.data(), payload.size(), c.order);
    expectMembersRefused(c.says, members, rows);
  }
  const TempDirectory directory;
  const auto writeWith = [&](const char* bad, hid_t stored) {
    const hid_t file = testing::createH5(directory / "bad.h5");
    const auto type = [&](const char* name, hid_t good) { return std::string(name) == bad ? stored : good; };
    testing::writeH5Dataset(file, "imgs", type("imgs", H5T_STD_U8LE), H5T_NATIVE_UINT8, {192, 8, 8}, dSpritesLayout(),
                            rows.images.data());
    testing::writeH5Dataset(file, "latents/values", type("latents/values", H5T_IEEE_F64LE), H5T_NATIVE_DOUBLE, {192, 6},
                            {}, rows.values.data());
    if (std::string(bad) != "no classes") {
      testing::writeH5Dataset(file, "latents/classes", type("latents/classes", H5T_STD_I64LE), H5T_NATIVE_INT64,
                              {192, 6}, {}, rows.classes.data());
    }
    H5Fclose(file);
  };
  writeWith("imgs", H5T_STD_I8LE);
  expectRefused("'imgs' is not uint8", directory / "bad.h5", settingsFor(rows));
  writeWith("imgs", H5T_IEEE_F32LE);
  expectRefused("'imgs' is not uint8", directory / "bad.h5", settingsFor(rows));
  writeWith("latents/values", H5T_IEEE_F32LE);
  expectRefused("'latents/values' is not float64", directory / "bad.h5", settingsFor(rows));
  writeWith("latents/classes", H5T_STD_I32LE);
  expectRefused("'latents/classes' is not int64", directory / "bad.h5", settingsFor(rows));
  writeWith("no classes", H5T_STD_I64LE);
  expectRefused("no dataset 'latents/classes'", directory / "bad.h5", settingsFor(rows));
  // HDF5 itself turns big-endian values round as it reads them.
  writeWith("latents/values", H5T_IEEE_F64BE);
  expectImported(directory / "bad.h5", rows);
}

TEST(Import, DamagedMembersAreRefused) {
  const OriginalRows rows = smallDSprites();
  for (const char* name : {"imgs", "latents_values", "latents_classes"}) {
    ZipMembers members = npzMembersOf(rows);
    std::string& content = member(members, name);
    const std::string whole = content;
    content.resize(content.size() - 100);
    expectMembersRefused("a size that its header contradicts", members, rows);
    content = whole + std::string(100, '\0');
    expectMembersRefused(name, members, rows);
    content = whole.substr(0, 30);
    expectMembersRefused("truncated", members, rows);
    content = "no npy";
    expectMembersRefused("truncated", members, rows);
    content = std::string(2000, 'x');
    expectMembersRefused("not in npy format", members, rows);
    content = npyBytes("|u1", {std::uint64_t{1} << 40, 8, 8}, whole.data(), 100);
    expectMembersRefused("larger than", members, rows);
    if (std::string(name) == "imgs") continue;  // without it the file is not recognised
    ZipMembers fewer = npzMembersOf(rows);
    fewer.erase(std::find_if(fewer.begin(), fewer.end(),
                             [&](const auto& entry) { return entry.first == std::string(name) + ".npy"; }));
    expectMembersRefused(name, fewer, rows);
  }
}

TEST(Import, ZipBombsAreRefusedBeforeTheyAreInflated) {
  const OriginalRows rows = smallDSprites();
  ZipMembers members = npzMembersOf(rows);
  member(members, "imgs") = npyBytes("|u1", {192, 8, 8}, std::string(std::size_t{1} << 28, '\0').data(), 1 << 28);
  expectMembersRefused("larger than", members, rows);
}

// A member whose directory entry agrees with its header, but whose stream goes on or stops early.
TEST(Import, StreamsOfAnotherLengthThanTheDirectorySaysAreRefused) {
  const TempDirectory directory;
  const OriginalRows rows = smallDSprites();
  for (const int extra : {-40, 40}) {
    ZipMembers members = npzMembersOf(rows);
    std::string& content = member(members, "imgs");
    const std::uint32_t right = static_cast<std::uint32_t>(content.size());
    content.resize(content.size() + static_cast<std::size_t>(extra));
    const std::uint32_t wrong = static_cast<std::uint32_t>(content.size());
    writeZip(directory / "bad.npz", members);
    std::string bytes = contentsOf(directory / "bad.npz");
    std::string from(4, '\0'), to(4, '\0');
    std::memcpy(from.data(), &wrong, 4);
    std::memcpy(to.data(), &right, 4);
    for (std::size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at))
      bytes.replace(at, 4, to);
    std::ofstream(directory / "bad.npz", std::ios::binary) << bytes;
    expectRefused("bad.npz", directory / "bad.npz", settingsFor(rows));
  }
}

// --------------------------------------------------------------------------------------------------- canonical index

void overwriteCanonical(const std::string& path, std::uint64_t row, std::int64_t value) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, access);
  const hid_t dataset = H5Dopen2(file, "offaxis/canonical_index", H5P_DEFAULT);
  const hid_t stored = H5Dget_space(dataset);
  const hsize_t start = row, one = 1;
  H5Sselect_hyperslab(stored, H5S_SELECT_SET, &start, nullptr, &one, nullptr);
  const hid_t memory = H5Screate_simple(1, &one, nullptr);
  EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_INT64, memory, stored, H5P_DEFAULT, &value), 0);
  H5Sclose(memory);
  H5Sclose(stored);
  H5Dclose(dataset);
  H5Fclose(file);
  H5Pclose(access);
}

TEST(Import, CanonicalIndexIsStoredAndValidated) {
  const TempDirectory directory;
  const OriginalRows rows = smallShapes3D();
  writeH5Original(directory / "s.h5", rows, shapes3DLayout());
  importOriginal(directory / "s.h5", directory / "out.h5", settingsFor(rows), threads(2));
  EXPECT_EQ(openImageFile(directory / "out.h5")->canonicalIndex(9), 6u);
  struct Bad {
    std::uint64_t row;
    std::int64_t value;
  };
  // Later than itself, of an image that is itself not the lowest, below and beyond all rows.
  for (const Bad& bad : {Bad{9, 10}, Bad{10, 9}, Bad{0, -1}, Bad{95, 96}, Bad{95, std::int64_t{1} << 62}}) {
    std::filesystem::copy_file(directory / "out.h5", directory / "bad.h5",
                               std::filesystem::copy_options::overwrite_existing);
    overwriteCanonical(directory / "bad.h5", bad.row, bad.value);
    expectError(ErrorKind::BadFile, "canonical_index' is impossible in row " + std::to_string(bad.row),
                [&] { openImageFile(directory / "bad.h5"); });
  }
}

TEST(Import, CanonicalIndexIsLeftOutWhereAllImagesDiffer) {
  const TempDirectory directory;
  OriginalRows rows = smallShapes3D();
  for (std::uint64_t row = 0; row < rows.size(); ++row) rows.image(row)[0] = static_cast<std::uint8_t>(row);
  writeH5Original(directory / "s.h5", rows, shapes3DLayout());
  EXPECT_EQ(expectImported(directory / "s.h5", rows).written.coincidences, 0u);
  importOriginal(directory / "s.h5", directory / "out.h5", settingsFor(rows), threads(2));
  EXPECT_FALSE(h5::Reader(directory / "out.h5").has("offaxis/canonical_index"));
}

TEST(Import, SubsetsAndReductionsKeepTheCanonicalIndex) {
  const TempDirectory directory;
  const OriginalRows rows = smallShapes3D();
  writeH5Original(directory / "s.h5", rows, shapes3DLayout());
  importOriginal(directory / "s.h5", directory / "out.h5", settingsFor(rows), threads(2));
  const SourcePtr whole = openImageFile(directory / "out.h5");
  const WriteReport report = writeImageFile(*subset(whole, {14, 3, 9, 11, 6}), directory / "part.h5", {}, threads(2));
  EXPECT_EQ(report.coincidences, 2u);
  const auto part = openImageFile(directory / "part.h5");
  EXPECT_EQ(part->canonicalIndex(14), 11u);
  EXPECT_EQ(part->canonicalIndex(9), 6u);
  EXPECT_EQ(part->canonicalIndex(3), 3u);
  writeImageFile(*reduced(whole, 4), directory / "half.h5", {}, threads(2));
  const auto half = openImageFile(directory / "half.h5");
  for (std::uint64_t row = 0; row < rows.size(); ++row)
    EXPECT_EQ(half->canonicalIndex(row), whole->canonicalIndex(row)) << row;
}

// -------------------------------------------------------------------------------------------------------- interrupted

// Asks to stop when an operation has advanced for the `stopAt`-th time.
class StoppingProgress final : public Progress {
 public:
  explicit StoppingProgress(int stopAt) : left_(stopAt) {}
  void begin(const std::string&, std::uint64_t, const std::string&, std::uint64_t) override {}
  void advance(std::uint64_t) override {
    if (--left_ == 0) token.request();
  }
  void status(const std::string&) override {}
  void end() override {}
  void note(const std::string&) override {}

  CancelToken token;

 private:
  std::atomic<int> left_;
};

TEST(Import, ACancelledImportLeavesNothing) {
  const TempDirectory directory;
  const OriginalRows d = originalRows("dsprites", kSide, {1, 3, 6, 20, 8, 8});
  OriginalRows s = originalRows("shapes3d", kSide, {10, 10, 10, 2, 2, 3});
  s = s.reordered([&](std::uint64_t row) { return s.size() - 1 - row; });
  writeNpzOriginal(directory / "d.npz", d);
  writeH5Original(directory / "d.h5", d, {{2304, 2, 4}});
  writeH5Original(directory / "s.h5", s, {{1500, 4, 4, 1}});
  int stopped = 0;
  for (const auto& [name, rows] :
       {std::pair<const char*, const OriginalRows*>{"d.npz", &d}, {"d.h5", &d}, {"s.h5", &s}}) {
    for (const int stopAt : {1, 3, 9, 14}) {
      StoppingProgress progress(stopAt);
      Context context = threads(2);
      context.cancel = &progress.token;
      context.progress = &progress;
      const TempDirectory out;
      try {
        importOriginal(directory / name, out / "out.h5", settingsFor(*rows), context);
        EXPECT_FALSE(progress.token.requested() && stopAt < 9);
      } catch (const Error& error) {
        EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::Interrupted)) << error.what();
        EXPECT_TRUE(std::filesystem::is_empty(out.path())) << name << " " << stopAt;
        ++stopped;
      }
    }
  }
  EXPECT_GE(stopped, 6);
}

TEST(Import, SaysAtOnceThatTheOutputCannotBeWritten) {
  const TempDirectory directory;
  const OriginalRows rows = smallDSprites();
  writeNpzOriginal(directory / "d.npz", rows);
  std::ofstream(directory / "there.h5") << "precious";
  StoppingProgress progress(1);
  Context context = threads(1);
  context.progress = &progress;
  expectError(ErrorKind::CannotWrite, "--force",
              [&] { importOriginal(directory / "d.npz", directory / "there.h5", settingsFor(rows), context); });
  expectError(ErrorKind::CannotWrite, "no/such",
              [&] { importOriginal(directory / "d.npz", directory / "no/such/out.h5", settingsFor(rows), context); });
  EXPECT_FALSE(progress.token.requested()) << "it was read first";
  EXPECT_EQ(contentsOf(directory / "there.h5"), "precious");
}

// --------------------------------------------------------------------------------------------------------------- fuzz

struct FuzzCounts {
  int refused = 0;
  int imported = 0;
};

// Every damaged copy is refused as a bad file, or what was hit did not matter and the content comes out the same.
FuzzCounts fuzz(const std::string& whole, const OriginalRows& rows, int trials,
                const std::function<std::string(const Philox&, std::uint64_t)>& damage) {
  const TempDirectory directory;
  std::ofstream(directory / "good", std::ios::binary) << whole;
  const Digest right =
      importOriginal(directory / "good", directory / "good.h5", settingsFor(rows), threads(1)).written.root;
  const Philox philox(3, "damage");
  FuzzCounts counts;
  for (int trial = 0; trial < trials; ++trial) {
    std::ofstream(directory / "bad", std::ios::binary) << damage(philox, static_cast<std::uint64_t>(trial));
    ImportSettings settings = settingsFor(rows);
    settings.writing.overwrite = Overwrite::Replace;
    try {
      const ImportReport report = importOriginal(directory / "bad", directory / "bad.h5", settings, threads(1));
      EXPECT_TRUE(report.written.root == right) << "trial " << trial << " gave another content";
      ++counts.imported;
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::BadFile)) << trial << error.what();
      ++counts.refused;
    }
  }
  return counts;
}

std::string flipped(std::string bytes, std::uint64_t at, const Philox& philox, std::uint64_t trial) {
  bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 + philox.below(255, trial, 1)));
  return bytes;
}

TEST(ImportFuzz, DamagedNpz) {
  const TempDirectory directory;
  const OriginalRows rows = smallDSprites();
  writeNpzOriginal(directory / "d.npz", rows);
  const std::string whole = contentsOf(directory / "d.npz");
  const FuzzCounts flips = fuzz(whole, rows, 400, [&](const Philox& philox, std::uint64_t trial) {
    return flipped(whole, philox.below(whole.size(), trial), philox, trial);
  });
  EXPECT_GT(flips.refused, 200);
  const FuzzCounts cuts = fuzz(whole, rows, 60, [&](const Philox& philox, std::uint64_t trial) {
    return whole.substr(0, philox.below(whole.size(), trial));
  });
  EXPECT_EQ(cuts.imported, 0);
}

TEST(ImportFuzz, DamagedHdf5WithChecksums) {
  for (const OriginalRows& rows : {smallDSprites(), smallShapes3D()}) {
    const TempDirectory directory;
    writeH5Original(directory / "o.h5", rows,
                    rows.channelAxis ? shapes3DLayout(H5Format::Checksummed) : dSpritesLayout(H5Format::Checksummed));
    const std::string whole = contentsOf(directory / "o.h5");
    const FuzzCounts flips = fuzz(whole, rows, 300, [&](const Philox& philox, std::uint64_t trial) {
      return flipped(whole, philox.below(whole.size(), trial), philox, trial);
    });
    EXPECT_GT(flips.refused, 50);
  }
}

// libhdf5 1.10 itself crashes on about one in two hundred files of the old format whose structure (object headers,
// heaps, B-trees) was damaged: that format has no checksums. Nothing that we could check comes first, so flips stay
// within the stored chunks here; cuts, which the library finds by itself, may fall anywhere.
TEST(ImportFuzz, DamagedHdf5OfTheOldFormat) {
  for (const OriginalRows& rows : {smallDSprites(), smallShapes3D()}) {
    const TempDirectory directory;
    writeH5Original(directory / "o.h5", rows, rows.channelAxis ? shapes3DLayout() : dSpritesLayout());
    const std::string whole = contentsOf(directory / "o.h5");
    std::vector<std::pair<std::uint64_t, std::uint64_t>> chunks;  // where, how long
    const hid_t file = H5Fopen((directory / "o.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    for (const char* name : {rows.channelAxis ? "images" : "imgs", rows.channelAxis ? "labels" : "latents/values"}) {
      const hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
      const hid_t space = H5Dget_space(dataset);
      hsize_t count = 0;
      ASSERT_GE(H5Dget_num_chunks(dataset, space, &count), 0);
      for (hsize_t i = 0; i < count; ++i) {
        haddr_t address = 0;
        hsize_t size = 0;
        hsize_t offset[4];
        unsigned filters = 0;
        ASSERT_GE(H5Dget_chunk_info(dataset, space, i, offset, &filters, &address, &size), 0);
        chunks.emplace_back(address, size);
      }
      H5Sclose(space);
      H5Dclose(dataset);
    }
    H5Fclose(file);
    ASSERT_FALSE(chunks.empty());
    const FuzzCounts flips = fuzz(whole, rows, 200, [&](const Philox& philox, std::uint64_t trial) {
      const auto& [address, size] = chunks[philox.below(chunks.size(), trial, 2)];
      return flipped(whole, address + philox.below(size, trial), philox, trial);
    });
    EXPECT_GT(flips.refused, 150);
    const FuzzCounts cuts = fuzz(whole, rows, 60, [&](const Philox& philox, std::uint64_t trial) {
      return whole.substr(0, philox.below(whole.size(), trial));
    });
    EXPECT_EQ(cuts.imported, 0);
  }
}

}  // namespace
}  // namespace offaxis
