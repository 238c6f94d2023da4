#include "storage/h5.h"

#include <hdf5.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <numeric>
#include <thread>
#include <tuple>

#include "core/philox.h"
#include "storage/deflate.h"
#include "storage/hash.h"
#include "storage/temporary.h"

namespace offaxis {
namespace {

using h5::Type;
using testing::bytesOf;
using testing::expectError;
using testing::putBytes;
using testing::TemporaryDirectory;

constexpr std::uint64_t kRows = 50;
constexpr std::uint64_t kRowBytes = 4 * 5 * 3;
constexpr std::uint64_t kChunkRows = 8;

std::vector<std::uint8_t> pixels() {
  std::vector<std::uint8_t> data(kRows * kRowBytes);
  const Philox random(1, "test.h5");
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(random.below(16, i));
  return data;
}

std::vector<double> labels() {
  std::vector<double> values(kRows * 2);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.125 * static_cast<double>(i);
  return values;
}

void writeSample(const std::string& path) {
  const std::vector<std::uint8_t> data = pixels();
  h5::Writer writer(path);
  writer.writeAttribute("dataset", "shapes \xc3\xa9");
  writer.writeAttribute("empty", std::string());
  writer.writeAttribute("seed", std::uint64_t{1} << 63);
  writer.writeArray("latents/values", Type::F64, {kRows, 2}, labels().data());
  writer.createChunked("images", Type::U8, {kRows, 4, 5, 3}, kChunkRows, 1);
  Compressor compressor(1);
  std::vector<std::uint8_t> stream;
  for (std::uint64_t first = 0; first < kRows; first += kChunkRows) {
    std::vector<std::uint8_t> chunk(kChunkRows * kRowBytes, 0);
    const std::uint64_t count = std::min(kChunkRows, kRows - first);
    std::copy_n(data.begin() + static_cast<std::ptrdiff_t>(first * kRowBytes), count * kRowBytes, chunk.begin());
    compressor.compress(chunk.data(), chunk.size(), stream);
    writer.writeChunk("images", first, stream);
  }
  writer.close();
}

// Everything a reader can do with a file that claims to be the sample: throws, or returns what is there.
void readEverything(const std::string& path) {
  const h5::Reader reader(path);
  const h5::DatasetShape shape = reader.shapeOf("images");
  std::vector<std::uint8_t> rows(kRowBytes * 3);
  if (shape.dims == std::vector<std::uint64_t>{kRows, 4, 5, 3}) {
    for (std::uint64_t first = 0; first + 3 <= kRows; first += 3)
      reader.readRows("images", Type::U8, first, 3, rows.data());
    std::vector<std::uint8_t> stream;
    reader.readRawChunk("images", 8, stream);
  }
  std::vector<double> values(kRows * 2);
  reader.readArray("latents/values", Type::F64, {kRows, 2}, values.data());
  reader.stringAttribute("dataset");
  reader.stringAttribute("empty");
  reader.integerAttribute("seed");
}

TEST(H5, ListsOfAnyLengthAreCompressedAndReadBack) {
  const TemporaryDirectory directory;
  for (const std::uint64_t count :
       {std::uint64_t{1}, std::uint64_t{65536}, std::uint64_t{65537}, std::uint64_t{150000}}) {
    std::vector<std::int32_t> values(count), back(count);
    std::iota(values.begin(), values.end(), -3);
    const std::string path = directory / (std::to_string(count) + ".h5");
    h5::Writer writer(path);
    writer.writeList("list/of", Type::I32, count, values.data());
    writer.close();
    h5::Reader(path).readArray("list/of", Type::I32, {count}, back.data());
    EXPECT_EQ(back, values) << count;
    EXPECT_EQ(h5::Reader(path).deflateLevel("list/of"), 9);
  }
}

TEST(H5, ReadsBackWhatItWrote) {
  const TemporaryDirectory directory;
  const std::string path = directory / "a.h5";
  writeSample(path);
  const h5::Reader reader(path);
  EXPECT_EQ(reader.stringAttribute("dataset"), "shapes \xc3\xa9");
  EXPECT_EQ(reader.stringAttribute("empty"), "");
  EXPECT_EQ(reader.integerAttribute("seed"), std::uint64_t{1} << 63);
  EXPECT_FALSE(reader.hasAttribute("other"));
  EXPECT_TRUE(reader.has("latents/values"));
  EXPECT_FALSE(reader.has("latents"));
  EXPECT_FALSE(reader.has("latents/none"));
  EXPECT_FALSE(reader.has("images/below"));
  EXPECT_EQ(reader.shapeOf("images").dims, (std::vector<std::uint64_t>{kRows, 4, 5, 3}));
  EXPECT_EQ(reader.shapeOf("images").type, Type::U8);

  std::vector<double> values(kRows * 2);
  reader.readArray("latents/values", Type::F64, {kRows, 2}, values.data());
  EXPECT_EQ(values, labels());
  const std::vector<std::uint8_t> expected = pixels();
  std::vector<std::uint8_t> all(kRows * kRowBytes);
  reader.readArray("images", Type::U8, {kRows, 4, 5, 3}, all.data());
  EXPECT_EQ(all, expected);
  std::vector<std::uint8_t> rows(5 * kRowBytes);
  reader.readRows("images", Type::U8, 45, 5, rows.data());
  EXPECT_TRUE(std::equal(rows.begin(), rows.end(), expected.begin() + 45 * kRowBytes));

  ASSERT_EQ(reader.rowsPerDeflatedChunk("images"), kChunkRows);
  EXPECT_EQ(reader.rowsPerDeflatedChunk("latents/values"), 0U);
  EXPECT_EQ(reader.deflateLevel("images"), 1);
  EXPECT_EQ(reader.deflateLevel("latents/values"), 0);
  std::vector<std::uint8_t> stream;
  ASSERT_TRUE(reader.readRawChunk("images", 17, stream));
  std::vector<std::uint8_t> chunk(kChunkRows * kRowBytes);
  ASSERT_TRUE(Decompressor().decompress(stream.data(), stream.size(), chunk.data(), chunk.size()));
  EXPECT_TRUE(std::equal(chunk.begin(), chunk.end(), expected.begin() + 16 * kRowBytes));

  std::vector<std::uint8_t> same;
  EXPECT_EQ(reader.deflatedChunkExtents("images"), (std::vector<std::uint64_t>{kChunkRows, 4, 5, 3}));
  EXPECT_TRUE(reader.deflatedChunkExtents("latents/values").empty());
  ASSERT_TRUE(reader.readRawChunkAt("images", {16, 0, 0, 0}, same));
  EXPECT_EQ(same, stream);
  EXPECT_FALSE(reader.readRawChunkAt("images", {16, 0, 0}, same));
  EXPECT_FALSE(reader.readRawChunkAt("latents/values", {0, 0}, same));
}

// libdeflate has levels up to 12, HDF5 can declare 9: the file must stay readable.
TEST(H5, HighDeflateLevelsAreReadable) {
  const TemporaryDirectory directory;
  const std::vector<std::uint8_t> data(1000, 3);
  std::vector<std::uint8_t> stream;
  Compressor(12).compress(data.data(), data.size(), stream);
  h5::Writer writer(directory / "a.h5");
  writer.createChunked("x", Type::U8, {10, 100}, 10, 12);
  writer.writeChunk("x", 0, stream);
  writer.close();
  const h5::Reader reader(directory / "a.h5");
  EXPECT_EQ(reader.deflateLevel("x"), 9);
  std::vector<std::uint8_t> back(1000);
  reader.readArray("x", Type::U8, {10, 100}, back.data());
  EXPECT_EQ(back, data);
}

TEST(H5, SameBytesOnEveryRun) {
  const TemporaryDirectory directory;
  writeSample(directory / "a.h5");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // time stamps in the file would be whole seconds
  std::thread other([&] { writeSample(directory / "b.h5"); });
  other.join();
  EXPECT_EQ(bytesOf(directory / "a.h5"), bytesOf(directory / "b.h5"));
}

TEST(H5, PlainH5pyReadsIt) {
  const TemporaryDirectory directory;
  writeSample(directory / "a.h5");
  const std::string script =
      "import h5py, hashlib\n"
      "f = h5py.File('" +
      (directory / "a.h5") +
      "', 'r')\n"
      "assert f['images'].shape == (50, 4, 5, 3) and f['images'].dtype == 'uint8'\n"
      "assert f['images'].compression == 'gzip' and f['images'].chunks == (8, 4, 5, 3)\n"
      "assert hashlib.sha256(f['images'][()].tobytes()).hexdigest() == '" +
      toHex(sha256Of(pixels().data(), pixels().size())) +
      "'\n"
      "assert f['latents/values'].dtype == '<f8' and f['latents/values'][3, 1] == 0.875\n"
      "assert f.attrs['dataset'].decode() == 'shapes \\u00e9' and f.attrs['seed'] == 2**63\n";
  putBytes(directory / "read.py", script);
  if (std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) GTEST_SKIP() << "no h5py here";
  EXPECT_EQ(std::system(("/usr/bin/python3 " + (directory / "read.py")).c_str()), 0);
}

TEST(H5, ReadsWhatH5pyWrites) {
  const TemporaryDirectory directory;
  const std::string path = directory / "py.h5";
  const std::string script =
      "import h5py, numpy as np\n"
      "f = h5py.File('" +
      path +
      "', 'w')\n"
      "f.attrs['text'] = 'variable \\u00e9'\n"
      "f.attrs['number'] = 12\n"
      "f.attrs['negative'] = -12\n"
      "f.attrs['list'] = [1, 2]\n"
      "f['big'] = np.arange(6, dtype='>i4').reshape(2, 3)\n"
      "f['half'] = np.arange(6, dtype='f2')\n"
      "f['text'] = 'abc'\n"
      "f['null'] = h5py.Empty('f')\n"
      "noise = np.frombuffer(np.random.RandomState(0).bytes(4096), dtype='u1').reshape(8, 512)\n"
      "f.create_dataset('noise', data=noise, chunks=(2, 512), compression='gzip')\n"
      "f['noise'].id.write_direct_chunk((4, 0), bytes(range(256)) * 4, filter_mask=1)\n"
      "f.create_dataset('sparse', (8, 512), dtype='u1', chunks=(2, 512), compression='gzip')\n"
      "f.create_dataset('shuffled', data=noise, chunks=(2, 512), compression='gzip', shuffle=True)\n"
      "f.create_dataset('tiles', data=noise, chunks=(2, 64), compression='gzip')\n"
      "f['soft'] = h5py.SoftLink('/big')\n"
      "f['outside'] = h5py.ExternalLink('/etc/passwd', '/x')\n"
      "f.create_dataset('raw', (4,), dtype='u1', external=[('/etc/passwd', 0, 4)])\n"
      "f.create_dataset('huge', (2**40, 2**40), dtype='u1', chunks=(1, 16))\n"
      "f.create_dataset('hugechunk', (2**20, 2**20), dtype='u1', chunks=(2**15, 2**15))\n"
      "l = h5py.VirtualLayout(shape=(2, 3), dtype='i4'); l[:] = h5py.VirtualSource('x.h5', 'x', shape=(2, 3))\n"
      "f.create_virtual_dataset('virtual', l)\n";
  putBytes(directory / "write.py", script);
  if (std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) GTEST_SKIP() << "no h5py here";
  ASSERT_EQ(std::system(("/usr/bin/python3 " + (directory / "write.py")).c_str()), 0);
  const h5::Reader reader(path);
  EXPECT_EQ(reader.stringAttribute("text"), "variable \xc3\xa9");
  EXPECT_EQ(reader.integerAttribute("number"), 12U);
  expectError(ErrorKind::BadFile, "negative", [&] { reader.integerAttribute("negative"); });
  expectError(ErrorKind::BadFile, "not one value", [&] { reader.integerAttribute("list"); });
  expectError(ErrorKind::BadFile, "not a whole number", [&] { reader.integerAttribute("text"); });
  expectError(ErrorKind::BadFile, "not a text", [&] { reader.stringAttribute("number"); });
  std::vector<std::int32_t> values(6);
  reader.readArray("big", Type::I32, {2, 3}, values.data());
  EXPECT_EQ(values, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5}));
  std::vector<std::int64_t> wide(6);
  reader.readArray("big", Type::I64, {2, 3}, wide.data());
  EXPECT_EQ(wide[5], 5);
  expectError(ErrorKind::BadFile, "holds int32, not int16", [&] {
    reader.readArray("big", Type::I16, {2, 3}, wide.data());
  });
  expectError(ErrorKind::BadFile, "holds int32, not float64", [&] {
    reader.readArray("big", Type::F64, {2, 3}, wide.data());
  });
  expectError(ErrorKind::BadFile, "[2,3], not [3,2]", [&] {
    reader.readArray("big", Type::I32, {3, 2}, values.data());
  });
  expectError(ErrorKind::BadFile, "larger than 23", [&] {
    reader.readArray("big", Type::I32, {2, 3}, values.data(), 23);
  });
  expectError(ErrorKind::BadFile, "no rows", [&] { reader.readRows("big", Type::I32, 1, 2, values.data()); });
  expectError(ErrorKind::BadFile, "no rows",
              [&] { reader.readRows("big", Type::I32, ~std::uint64_t{0}, 2, values.data()); });
  expectError(ErrorKind::BadFile, "unsupported type", [&] { reader.shapeOf("half"); });
  expectError(ErrorKind::BadFile, "unsupported type", [&] { reader.shapeOf("text"); });
  expectError(ErrorKind::BadFile, "no extent", [&] { reader.shapeOf("null"); });
  expectError(ErrorKind::BadFile, "no dataset 'soft'", [&] { reader.shapeOf("soft"); });
  expectError(ErrorKind::BadFile, "no dataset 'outside'", [&] { reader.shapeOf("outside"); });
  expectError(ErrorKind::BadFile, "not stored in this file", [&] { reader.shapeOf("raw"); });
  expectError(ErrorKind::BadFile, "not stored in this file", [&] { reader.shapeOf("virtual"); });
  expectError(ErrorKind::BadFile, "absurd size", [&] { reader.shapeOf("huge"); });
  expectError(ErrorKind::BadFile, "chunks of absurd size", [&] { reader.shapeOf("hugechunk"); });
  // A chunk may skip the filter, and says so in the chunk alone.
  std::vector<std::uint8_t> stream;
  EXPECT_EQ(reader.rowsPerDeflatedChunk("noise"), 2U);
  EXPECT_TRUE(reader.readRawChunk("noise", 2, stream));
  EXPECT_FALSE(reader.readRawChunk("noise", 4, stream));
  EXPECT_FALSE(reader.readRawChunk("sparse", 4, stream));
  std::vector<std::uint8_t> rows(1024);
  reader.readRows("noise", Type::U8, 4, 2, rows.data());
  EXPECT_EQ(rows[700], 700 % 256);
  EXPECT_EQ(reader.rowsPerDeflatedChunk("shuffled"), 0U);
  EXPECT_EQ(reader.rowsPerDeflatedChunk("tiles"), 0U);
}

// A chunk of 80 bytes whose stream goes on for 64 MiB: the library would inflate all of it.
TEST(H5, InflatesNoMoreThanAChunkHolds) {
  TemporaryDirectory directory;
  std::vector<std::uint8_t> stream;
  // Pages that are only read take no memory, so that the peak below is not reached before.
  void* const zeros = ::mmap(nullptr, 64 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(zeros, MAP_FAILED);
  Compressor(9).compress(static_cast<const std::uint8_t*>(zeros), 64 << 20, stream);
  ::munmap(zeros, 64 << 20);
  const auto write = [&](const std::string& path, std::uint64_t rows, const std::vector<std::uint8_t>& chunk) {
    h5::Writer writer(path);
    writer.createChunked("x", Type::F64, {rows, 10}, rows, 9);
    writer.writeChunk("x", 0, chunk);
    writer.close();
  };
  // 800 kB a chunk, so that the stream's 64 kB are no longer than an honest one's could be.
  write(directory / "bomb.h5", 10000, stream);
  const h5::Reader reader(directory / "bomb.h5");
  std::vector<double> values(100000, 1.0);
  struct rusage before {
  }, after{};
  ::getrusage(RUSAGE_SELF, &before);
  expectError(ErrorKind::BadFile, "damaged chunk", [&] { reader.readRows("x", Type::F64, 0, 10, values.data()); });
  expectError(ErrorKind::BadFile, "damaged chunk", [&] {
    reader.readArray("x", Type::F64, {10000, 10}, values.data());
  });
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 << 10) << "kB";
  // The same way of writing with an honest stream reads back.
  std::vector<double> honest(100000);
  std::iota(honest.begin(), honest.end(), 0.0);
  Compressor(9).compress(honest.data(), honest.size() * sizeof(double), stream);
  write(directory / "honest.h5", 10000, stream);
  h5::Reader(directory / "honest.h5").readArray("x", Type::F64, {10000, 10}, values.data());
  EXPECT_TRUE(values == honest);
}

// One chunk of 96 bytes behind `filters`, stored as `stream`, which says that it skipped the filters of `mask`.
void writeOneChunk(const std::string& path, const std::vector<H5Z_filter_t>& filters, std::uint32_t mask,
                   const std::vector<std::uint8_t>& stream) {
  const hsize_t extent = 96, start = 0;
  const unsigned level = 6;
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 1, &extent);
  for (const H5Z_filter_t filter : filters)
    H5Pset_filter(creation, filter, H5Z_FLAG_OPTIONAL, filter == H5Z_FILTER_DEFLATE ? 1 : 0, &level);
  const hid_t set = H5Dcreate2(file, "x", H5T_NATIVE_UINT8, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  EXPECT_GE(H5Dwrite_chunk(set, H5P_DEFAULT, mask, &start, stream.size(), stream.data()), 0);
  H5Dclose(set);
  H5Pclose(creation);
  H5Sclose(space);
  H5Fclose(file);
}

// The library hands out a whole chunk of memory whatever came out of the filters.
TEST(H5, ChunksThatAreNotAsLongAsTheySayAreRefused) {
  const TemporaryDirectory directory;
  const std::vector<std::uint8_t> raw(96, 7), few(10, 7);
  std::vector<std::uint8_t> whole, part;
  Compressor(6).compress(raw.data(), raw.size(), whole);
  Compressor(6).compress(few.data(), few.size(), part);
  constexpr H5Z_filter_t kGzip = H5Z_FILTER_DEFLATE, kShuffle = H5Z_FILTER_SHUFFLE;
  const std::vector<std::tuple<std::vector<H5Z_filter_t>, std::uint32_t, std::vector<std::uint8_t>, const char*>> cases{
      {{kGzip}, 0, whole, nullptr},
      {{kGzip}, 1, raw, nullptr},
      {{kGzip}, 0, part, "damaged chunk"},
      {{kGzip}, 1, few, "damaged chunk"},
      {{kGzip}, 2, whole, "damaged chunk"},  // a filter that there is not: the library inflates all the same
      {{kGzip}, 2, part, "damaged chunk"},
      {{kShuffle, kGzip}, 0, whole, nullptr},
      {{kShuffle, kGzip}, 2, raw, nullptr},
      {{kShuffle, kGzip}, 0, part, "damaged chunk"},
      {{kShuffle, kGzip}, 1, whole, "damaged chunk"},
      {{kShuffle, kGzip}, 2, few, "damaged chunk"},
      {{kGzip, H5Z_FILTER_FLETCHER32}, 0, {1, 2, 3}, "damaged chunk"},
      {{kShuffle}, 0, few, "damaged chunk"},
      {{kGzip, kGzip}, 0, whole, "other than shuffle, gzip and fletcher32"},  // a stream in a stream grows squared
      {{kGzip, kShuffle}, 0, whole, "other than shuffle, gzip and fletcher32"},
      {{H5Z_FILTER_NBIT}, 0, raw, "other than shuffle, gzip and fletcher32"}};
  for (const auto& [filters, mask, stream, message] : cases) {
    writeOneChunk(directory / "x.h5", filters, mask, stream);
    const h5::Reader reader(directory / "x.h5");
    std::vector<std::uint8_t> values(96);
    if (message == nullptr) {
      reader.readRows("x", Type::U8, 0, 96, values.data());
      EXPECT_TRUE(values == raw);
    } else {
      SCOPED_TRACE(std::to_string(filters.size()) + " filters, mask " + std::to_string(mask));
      expectError(ErrorKind::BadFile, message, [&] { reader.readRows("x", Type::U8, 0, 96, values.data()); });
      expectError(ErrorKind::BadFile, message, [&] { reader.readArray("x", Type::U8, {96}, values.data()); });
    }
  }
}

TEST(H5, SaysWhatIsWrongWithAPath) {
  const TemporaryDirectory directory;
  expectError(ErrorKind::BadFile, "No such file", [&] { h5::Reader(directory / "none.h5"); });
  expectError(ErrorKind::BadFile, "is a directory", [&] { h5::Reader(directory.path()); });
  expectError(ErrorKind::BadFile, "not a regular file", [] { h5::Reader("/dev/null"); });
  putBytes(directory / "empty.h5", "");
  expectError(ErrorKind::BadFile, "not an HDF5 file", [&] { h5::Reader(directory / "empty.h5"); });
  putBytes(directory / "text.h5", std::string(5000, 'x'));
  expectError(ErrorKind::BadFile, "not an HDF5 file", [&] { h5::Reader(directory / "text.h5"); });
  expectError(ErrorKind::CannotWrite, "No such file", [&] { h5::Writer(directory / "no/such.h5"); });
  h5::Writer first(directory / "w.h5");
  expectError(ErrorKind::CannotWrite, "chunks of 9 rows", [&] { first.createChunked("x", Type::U8, {8, 2}, 9, 1); });
  h5::Writer second(directory / "v.h5");
  second.writeAttribute("once", std::uint64_t{1});
  expectError(ErrorKind::CannotWrite, "once", [&] { second.writeAttribute("once", std::uint64_t{1}); });
}

TEST(H5, ATruncatedFileIsRefusedAtEveryLength) {
  const TemporaryDirectory directory;
  writeSample(directory / "whole.h5");
  const std::string whole = bytesOf(directory / "whole.h5");
  const std::string path = directory / "cut.h5";
  ::testing::internal::CaptureStderr();
  for (std::size_t length = 0; length < whole.size(); length += length < 4096 ? 37 : 101) {
    putBytes(path, whole.substr(0, length));
    EXPECT_THROW(readEverything(path), Error) << length;
  }
  putBytes(path, whole.substr(0, whole.size() - 1));
  EXPECT_THROW(readEverything(path), Error);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(H5, FlippedBytesNeverDoMoreThanThrow) {
  const TemporaryDirectory directory;
  writeSample(directory / "whole.h5");
  const std::string whole = bytesOf(directory / "whole.h5");
  const Philox random(7, "test.h5.fuzz");
  int refused = 0;
  ::testing::internal::CaptureStderr();
  for (std::uint64_t round = 0; round < 600; ++round) {
    std::string bytes = whole;
    for (std::uint64_t flip = 0; flip <= round % 4; ++flip) {
      // Half of the flips go where the structure is.
      const std::uint64_t range = (round % 2) == 0 ? bytes.size() : std::min<std::uint64_t>(bytes.size(), 4096);
      bytes[random.below(range, round, 2 * flip)] ^= static_cast<char>(1 + random.below(255, round, 2 * flip + 1));
    }
    const std::string path = directory / "bad.h5";
    putBytes(path, bytes);
    try {
      readEverything(path);
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::BadFile));
    }
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_GT(refused,
            150);  // many flips hit unused bytes or plain values, which HDF5 1.10's default format cannot notice
}

// A full disk, played by a limit on file size: the error is ours, the library stays silent, and the process can end.
[[noreturn]] void writeOnAFullDisk(const std::string& path) {
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{3000, 3000};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  try {
    writeSample(path);
  } catch (const Error& error) {
    std::exit(static_cast<int>(error.kind()));
  }
  std::exit(0);
}

TEST(H5DeathTest, AFullDiskIsAPlainError) {
  const TemporaryDirectory directory;
  EXPECT_EXIT(writeOnAFullDisk(directory / "full.h5"), ::testing::ExitedWithCode(4), "^$");
}

}  // namespace
}  // namespace offaxis
