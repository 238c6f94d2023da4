#include "storage/codes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "storage/npz.h"
#include "storage/temporary.h"

namespace offaxis {
namespace {

using testing::expectError;
using testing::TemporaryDirectory;

template <typename T>
NpyArray arrayOf(NpyType type, std::vector<std::uint64_t> dims, const std::vector<T>& values) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
  return {type, std::move(dims), std::vector<std::uint8_t>(bytes, bytes + values.size() * sizeof(T))};
}

const NpyArray kFactors = arrayOf<std::int32_t>(NpyType::I32, {3, 2}, {0, 1, 2, 0, 1, 1});

TEST(Codes, KeepDoublePrecision) {
  const TemporaryDirectory d;
  const std::vector<double> values{1 + 1e-15, -2.5, 1e-300};
  writeNpz(d / "c.npz", d / "c.npz", {{"codes", arrayOf(NpyType::F64, {3, 1}, values)}, {"factors", kFactors}});
  const Codes codes = readCodes(d / "c.npz");
  EXPECT_EQ(codes.codes, values);
  EXPECT_EQ(codes.factors, (std::vector<std::int64_t>{0, 1, 2, 0, 1, 1}));
  EXPECT_EQ(codes.count, 3u);
  EXPECT_EQ(codes.latents, 1u);
  EXPECT_EQ(codes.factorCount, 2u);
}

TEST(Codes, WrittenAsFloatsAndReadAgain) {
  const TemporaryDirectory d;
  Codes codes;
  codes.count = 2;
  codes.latents = 2;
  codes.factorCount = 1;
  codes.codes = {0.1, 2, 3, 4};
  codes.factors = {5, 6};
  writeCodes(d / "c.npz", codes, Overwrite::Refuse);
  const Codes back = readCodes(d / "c.npz");
  EXPECT_EQ(back.codes, (std::vector<double>{0.1F, 2, 3, 4}));
  EXPECT_EQ(back.factors, codes.factors);
  expectError(ErrorKind::CannotWrite, "c.npz", [&] { writeCodes(d / "c.npz", codes, Overwrite::Refuse); });
}

TEST(Codes, RefuseWhatIsNotCodes) {
  const TemporaryDirectory d;
  const auto refuses = [&](const std::string& says, const NpyArray& codes, const NpyArray& factors) {
    writeNpz(d / "c.npz", d / "c.npz", {{"codes", codes}, {"factors", factors}});
    expectError(ErrorKind::BadFile, says, [&] { readCodes(d / "c.npz"); });
  };
  const auto floats = [](std::vector<std::uint64_t> dims, const std::vector<float>& values) {
    return arrayOf(NpyType::F32, std::move(dims), values);
  };
  refuses("float32", arrayOf<double>(NpyType::F64, {3, 1}, {1, 1e39, 3}), kFactors);
  refuses("do not fit together", floats({2, 3}, std::vector<float>(6, 1)), kFactors);
  refuses("do not fit together", floats({3}, {1, 2, 3}), kFactors);
  refuses("row 1, latent 0", floats({3, 1}, {1, std::nanf(""), 3}), kFactors);
  refuses("row 2, latent 0", floats({3, 1}, {1, 2, std::numeric_limits<float>::infinity()}), kFactors);
  refuses("float32 or float64", kFactors, kFactors);
  refuses("int32 or int64", floats({3, 2}, std::vector<float>(6, 1)), floats({3, 2}, std::vector<float>(6, 1)));
  refuses("do not fit together", floats({3, 0}, {}), kFactors);
  writeNpz(d / "c.npz", d / "c.npz", {{"codes", floats({3, 1}, {1, 2, 3})}});
  expectError(ErrorKind::BadFile, "factors", [&] { readCodes(d / "c.npz"); });
}

}  // namespace
}  // namespace offaxis
