#include "storage/npz.h"

#include <zip.h>

#include <algorithm>
#include <cstring>

#include "core/philox.h"
#include "storage/hash.h"
#include "storage/temporary.h"
#include "support/zip.h"

namespace offaxis {
namespace {

using testing::bytesOf;
using testing::expectError;
using testing::putBytes;
using testing::TemporaryDirectory;

template <typename T>
NpyArray arrayOf(NpyType type, std::vector<std::uint64_t> dims, const std::vector<T>& values) {
  NpyArray array{type, std::move(dims), std::vector<std::uint8_t>(values.size() * sizeof(T))};
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

std::vector<std::pair<std::string, NpyArray>> sample() {
  std::vector<float> codes(12);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<float>(i) / 8;
  return {{"codes", arrayOf(NpyType::F32, {3, 4}, codes)},
          {"factors", arrayOf<std::int64_t>(NpyType::I64, {5}, {-2, -1, 0, 1, 2})},
          {"scalar", arrayOf<std::uint8_t>(NpyType::U8, {}, {7})},
          {"none", arrayOf<double>(NpyType::F64, {0, 3}, {})},
          {"small", arrayOf<std::int32_t>(NpyType::I32, {1, 1, 2}, {-5, 6})}};
}

std::string npy(const std::string& header, const std::string& payload, char major = 1, char minor = 0) {
  std::string bytes = "\x93NUMPY";
  bytes += major;
  bytes += minor;
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  if (major != 1) bytes += std::string(2, '\0');
  return bytes + header + payload;
}

void expectRefused(const std::string& part, const std::string& content, std::uint64_t limit = 1 << 20) {
  const TemporaryDirectory directory;
  testing::writeZip(directory / "bad.npz", {{"x.npy", content}}, ZIP_CM_STORE);
  expectError(ErrorKind::BadFile, part, [&] { readNpz(directory / "bad.npz", "x", limit); });
}

TEST(Npz, RoundTrips) {
  const TemporaryDirectory directory;
  writeNpz(directory / "a.npz", directory / "a.npz", sample());
  EXPECT_EQ(npzMembers(directory / "a.npz"), (std::vector<std::string>{"codes", "factors", "scalar", "none", "small"}));
  for (const auto& [name, array] : sample()) {
    const NpyArray back = readNpz(directory / "a.npz", name);
    EXPECT_EQ(back.type, array.type);
    EXPECT_EQ(back.dims, array.dims);
    EXPECT_EQ(back.bytes, array.bytes);
  }
  EXPECT_EQ(readNpz(directory / "a.npz", "scalar").count(), 1U);
  EXPECT_EQ(readNpz(directory / "a.npz", "none").count(), 0U);
}

TEST(Npz, SameBytesInEveryTimeZoneAndAtEveryTime) {
  const TemporaryDirectory directory;
  writeNpz(directory / "a.npz", directory / "a.npz", sample());
  ::setenv("TZ", "Pacific/Auckland", 1);
  ::tzset();
  writeNpz(directory / "b.npz", directory / "b.npz", sample());
  ::unsetenv("TZ");
  ::tzset();
  const std::string bytes = bytesOf(directory / "a.npz");
  EXPECT_EQ(bytes, bytesOf(directory / "b.npz"));
  // Local header: DOS time 0 at offset 10, date 33 (1 January 1980) at 12.
  EXPECT_EQ(bytes.substr(10, 4), std::string("\0\0\x21\0", 4));
}

// Golden: sha256 of what numpy 1.24's np.save writes for arange(12, dtype="<f4").reshape(3,4)/8, arange(5)-2 as "<i8"
// and array(7, dtype="u1").
TEST(Npz, MembersAreTheBytesThatNumpyWrites) {
  const TemporaryDirectory directory;
  writeNpz(directory / "a.npz", directory / "a.npz", sample());
  int code = 0;
  zip_t* archive = zip_open((directory / "a.npz").c_str(), ZIP_RDONLY, &code);
  ASSERT_NE(archive, nullptr);
  const std::vector<std::string> golden{"d35cce62967588eee96ecc5d9e1d771425a29514ad8f20edd05f29e85425b382",
                                        "304539a2a5b1fff04dcc1811110c1ffd226eed8452b4dab4027b83f88b4de5fa",
                                        "bdc278d6e7afae71e1ba604cab04a7ab342a3189c5a24c07f8a5cadb21d1bde1"};
  for (std::size_t i = 0; i < golden.size(); ++i) {
    zip_file_t* file = zip_fopen_index(archive, i, 0);
    std::string bytes(1000, '\0');
    bytes.resize(static_cast<std::size_t>(zip_fread(file, bytes.data(), bytes.size())));
    zip_fclose(file);
    EXPECT_EQ(toHex(sha256Of(bytes.data(), bytes.size())), golden[i]) << i;
  }
  zip_discard(archive);
}

TEST(Npz, StreamsInPiecesOfAnySize) {
  const TemporaryDirectory directory;
  writeNpz(directory / "a.npz", directory / "a.npz", sample());
  const NpyArray whole = readNpz(directory / "a.npz", "codes");
  for (const std::uint64_t piece : {1U, 7U, 48U}) {
    NpyStream stream(directory / "a.npz", "codes", 1000);
    EXPECT_EQ(stream.type(), NpyType::F32);
    EXPECT_EQ(stream.dims(), whole.dims);
    ASSERT_EQ(stream.bytes(), 48U);
    std::vector<std::uint8_t> bytes(48);
    for (std::uint64_t done = 0; done < 48; done += piece)
      stream.read(bytes.data() + done, std::min<std::uint64_t>(piece, 48 - done));
    stream.finish();
    EXPECT_EQ(bytes, whole.bytes);
  }
  // Two streams of one archive do not disturb each other; what follows the last byte is damage or nothing.
  NpyStream codes(directory / "a.npz", "codes", 1000), factors(directory / "a.npz", "factors", 1000);
  std::vector<std::uint8_t> bytes(48), numbers(40);
  codes.read(bytes.data(), 20);
  factors.read(numbers.data(), 40);
  codes.read(bytes.data() + 20, 28);
  EXPECT_EQ(bytes, whole.bytes);
  factors.finish();
  expectError(ErrorKind::BadFile, "truncated", [&] { codes.read(bytes.data(), 1); });
  expectError(ErrorKind::BadFile, "larger than 47 bytes", [&] { NpyStream(directory / "a.npz", "codes", 47); });
  expectError(ErrorKind::BadFile, "it has: codes", [&] { NpyStream(directory / "a.npz", "nothing", 47); });
}

constexpr char kHeader[] = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n";
const std::string kPayload("\1\0\0\0\xfe\xff\xff\xff", 8);

TEST(Npz, ReadsEveryVersionAndSpelling) {
  for (const std::string& content : {npy(kHeader, kPayload), npy(kHeader, kPayload, 2), npy(kHeader, kPayload, 3),
                                     npy("{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"<i4\"}", kPayload)}) {
    const TemporaryDirectory directory;
    testing::writeZip(directory / "a.npz", {{"x.npy", content}, {"readme.txt", "not an array"}}, ZIP_CM_STORE);
    const NpyArray array = readNpz(directory / "a.npz", "x");
    EXPECT_EQ(array.type, NpyType::I32);
    EXPECT_EQ(array.dims, (std::vector<std::uint64_t>{2}));
    EXPECT_EQ(std::string(array.bytes.begin(), array.bytes.end()), kPayload);
    EXPECT_EQ(npzMembers(directory / "a.npz"), (std::vector<std::string>{"x"}));
  }
}

TEST(Npz, RefusesWhatItMustNotRead) {
  auto header = [](const std::string& descr, const std::string& shape = "(2,)", const std::string& order = "False") {
    return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  };
  expectRefused("Python objects", npy(header("'|O'"), kPayload));
  expectRefused("Python objects", npy(header("'O'"), kPayload));
  expectRefused("structured", npy(header("[('a', '<i4')]"), kPayload));
  expectRefused("big-endian", npy(header("'>i4'"), kPayload));
  expectRefused("unsupported type '<c8'", npy(header("'<c8'"), kPayload));
  expectRefused("unsupported type '|b1'", npy(header("'|b1'"), kPayload));
  expectRefused("Fortran", npy(header("'<i4'", "(2,)", "True"), kPayload));
  expectRefused("malformed", npy(header("'<i4'", "(2,)", "Falsey"), kPayload));
  for (const char* shape :
       {"(2)", "(-2,)", "(2,,)", "(,)", "(2 2)", "[2]", "(2.0,)", "(0x2,)", "(2", "(99999999999999999999,)"}) {
    expectRefused("malformed", npy(header("'<i4'", shape), kPayload));
  }
  expectRefused("malformed", npy("{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", kPayload));
  expectRefused("malformed", npy("{'descr': '<i4', 'extra': '<i4', 'fortran_order': False, 'shape': (2,)}", kPayload));
  expectRefused("malformed", npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2,)} + 1", kPayload));
  expectRefused("malformed", npy("{'descr': '<i4'; 'fortran_order': False, 'shape': (2,)}", kPayload));
  expectRefused("incomplete", npy("{'descr': '<i4', 'fortran_order': False}", kPayload));
  expectRefused("not a dictionary", npy("", kPayload));
  expectRefused("not a dictionary", npy("__import__('os')", kPayload));
  expectRefused("unknown npy version", npy(kHeader, kPayload, 4));
  expectRefused("unknown npy version", npy(kHeader, kPayload, 1, 1));
  expectRefused("not in npy format", "PK not an array at all");
  expectRefused("truncated", "\x93NUM");
  expectRefused("truncated", std::string("\x93NUMPY\1\0\xff\xff{", 11));
  expectRefused("absurd", std::string("\x93NUMPY\2\0\xff\xff\xff\x7f{", 13));
  expectRefused("contradicts", npy(kHeader, kPayload + "x"));
  expectRefused("contradicts", npy(kHeader, kPayload.substr(1)));
  expectRefused("larger than", npy(header("'<i4'", "(99999999, 99999999, 99999999)"), kPayload));
  expectRefused("larger than 7 bytes", npy(kHeader, kPayload), 7);
}

TEST(Npz, SaysWhichArraysThereAre) {
  const TemporaryDirectory directory;
  writeNpz(directory / "a.npz", directory / "a.npz", sample());
  expectError(ErrorKind::BadFile, "codes, factors", [&] { readNpz(directory / "a.npz", "latents"); });
  expectError(ErrorKind::BadFile, "none.npz", [&] { readNpz(directory / "none.npz", "x"); });
  putBytes(directory / "text.npz", "hello");
  expectError(ErrorKind::BadFile, "text.npz", [&] { npzMembers(directory / "text.npz"); });
  expectError(ErrorKind::CannotWrite, "asked for.npz",
              [&] { writeNpz(directory / "no/such.npz", "asked for.npz", sample()); });
}

// A bomb by its true size: 64 MB of zeros in 64 kB. By its declared size: 1 GB that 100 bytes cannot hold.
TEST(Npz, BombsAreRefusedBeforeMemoryIsTaken) {
  const TemporaryDirectory directory;
  const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (67108864,), }\n";
  testing::writeZip(directory / "bomb.npz", {{"x.npy", npy(header, std::string(1 << 26, '\0'))}}, ZIP_CM_DEFLATE, 9);
  EXPECT_LT(bytesOf(directory / "bomb.npz").size(), 100000U);
  expectError(ErrorKind::BadFile, "larger than", [&] { readNpz(directory / "bomb.npz", "x", 1 << 20); });
  EXPECT_EQ(readNpz(directory / "bomb.npz", "x").bytes.size(), std::size_t{1} << 26);

  testing::writeZip(directory / "liar.npz", {{"x.npy", npy(kHeader, kPayload)}}, ZIP_CM_DEFLATE, 9);
  std::string bytes = bytesOf(directory / "liar.npz");
  const std::size_t central = bytes.find("PK\1\2");
  ASSERT_NE(central, std::string::npos);
  const std::string claimed("\0\0\0\x3f", 4);
  bytes.replace(central + 24, 4, claimed);  // uncompressed size in the central directory
  bytes.replace(22, 4, claimed);            // and in the local header
  putBytes(directory / "liar.npz", bytes);
  expectError(ErrorKind::BadFile, "impossible size", [&] { readNpz(directory / "liar.npz", "x"); });
}

TEST(Npz, DamageIsNoticed) {
  const TemporaryDirectory directory;
  writeNpz(directory / "whole.npz", directory / "whole.npz", sample());
  const std::string whole = bytesOf(directory / "whole.npz");
  const std::string path = directory / "bad.npz";
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    putBytes(path, whole.substr(0, length));
    EXPECT_THROW(readNpz(path, "codes"), Error) << length;
  }
  const Philox random(3, "test.npz.fuzz");
  for (std::uint64_t round = 0; round < 2000; ++round) {
    std::string bytes = whole;
    bytes[random.below(bytes.size(), round, 0)] ^= static_cast<char>(1 + random.below(255, round, 1));
    putBytes(path, bytes);
    for (const auto& [name, array] : sample()) {
      try {
        EXPECT_EQ(readNpz(path, name).bytes, array.bytes) << "the checksum lets no change through";
      } catch (const Error& error) {
        EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(ErrorKind::BadFile));
      }
    }
  }
}

TEST(Npz, NumpyReadsItAndIsRead) {
  const TemporaryDirectory directory;
  writeNpz(directory / "a.npz", directory / "a.npz", sample());
  putBytes(directory / "np.py",
           "import numpy as np\n"
           "a = np.load('" +
               (directory / "a.npz") +
               "')\n"
               "assert a['codes'].dtype == '<f4' and a['codes'][2, 3] == 1.375 and a['scalar'] == 7 and "
               "a['none'].shape == (0, 3)\n"
               "np.savez('" +
               (directory / "b.npz") +
               "', **{k: a[k] for k in a.files})\n"
               "np.savez_compressed('" +
               (directory / "c.npz") + "', **{k: a[k] for k in a.files})\n");
  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) GTEST_SKIP() << "no numpy here";
  ASSERT_EQ(std::system(("/usr/bin/python3 " + (directory / "np.py")).c_str()), 0);
  for (const auto& [name, array] : sample()) {
    EXPECT_EQ(readNpz(directory / "b.npz", name).bytes, array.bytes);
    EXPECT_EQ(readNpz(directory / "c.npz", name).dims, array.dims);
  }
}

}  // namespace
}  // namespace offaxis
