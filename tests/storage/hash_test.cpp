#include "storage/hash.h"

#include "storage/temporary.h"

namespace offaxis {
namespace {

// Golden values by Python's hashlib and struct: sha256(b"abc"), sha256(b"a" * 1000003), and
//   row  = sha256(b"offaxis.row.1\n" + pack("<4I", 1, 2, 2, 3) + pack("<2d", 0.25*i, -1.5) + bytes((7*i+j) % 256 for j
//   in range(12))) root = sha256(b"offaxis.root.1\n" + pack("<I", 2) + for ("x", 3), ("yé", 2): pack("<I", len) + utf8
//   + pack("<Q", size)
//                 + pack("<Q", 6) + the six rows)
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kLong[] = "cf5f310cac13bb0f1de288d09940e8ee441e8d5d88b0fd4ec6021c405fda8c8c";
constexpr char kRow1[] = "440ed627b1299d049e9868d71c7c16e770abd86b8dc5314293928f56b373c003";
constexpr char kRoot[] = "7e3fc8bb8ecc539c40ec46789409e4b883667a0836dd6ff53a1cd7db75434acf";

FactorGrid grid() {
  return FactorGrid({{"x", FactorKind::Ordinal, {0, 1, 2}}, {"y\xc3\xa9", FactorKind::Cyclic, {0, 1}}});
}

Digest row(RowHasher& hasher, int i, double shift = 0) {
  std::vector<std::uint8_t> image(12);
  for (int j = 0; j < 12; ++j) image[static_cast<std::size_t>(j)] = static_cast<std::uint8_t>(7 * i + j);
  const std::array<double, 2> values{0.25 * i + shift, -1.5};
  return hasher(values.data(), image.data());
}

TEST(Hash, Sha256MatchesHashlib) {
  EXPECT_EQ(toHex(sha256Of("abc", 3)), kAbc);
  Sha256 hash;
  for (int i = 0; i < 1000003; i += 7) hash.update("aaaaaaa", static_cast<std::size_t>(std::min(7, 1000003 - i)));
  EXPECT_EQ(toHex(hash.finish()), kLong);
  EXPECT_EQ(toHex(hash.update("abc", 3).finish()), kAbc) << "reusable after finish()";
  const testing::TemporaryDirectory directory;
  testing::putBytes(directory / "a", std::string(1000003, 'a'));
  EXPECT_EQ(toHex(sha256OfFile(directory / "a")), kLong);
}

TEST(Hash, UnreadableFilesAreErrors) {
  const testing::TemporaryDirectory directory;
  testing::expectError(ErrorKind::BadFile, "none", [&] { sha256OfFile(directory / "none"); });
  testing::expectError(ErrorKind::BadFile, directory.path(), [&] { sha256OfFile(directory.path()); });
}

TEST(Hash, ContentRootMatchesHashlib) {
  RowHasher hasher(ImageShape{2, 2, 3}, 2);
  RootHasher root(grid(), 6);
  for (int i = 0; i < 6; ++i) {
    const Digest digest = row(hasher, i);
    if (i == 1) {
      EXPECT_EQ(toHex(digest), kRow1);
    }
    root.add(digest);
  }
  EXPECT_EQ(toHex(root.finish()), kRoot);
}

TEST(Hash, LabelsShapeAndOrderAreContent) {
  RowHasher hasher(ImageShape{2, 2, 3}, 2);
  EXPECT_NE(row(hasher, 1), row(hasher, 1, 0.5));
  RowHasher flat(ImageShape{4, 1, 3}, 2);
  EXPECT_NE(row(hasher, 1), row(flat, 1));
  RootHasher forward(grid(), 2);
  RootHasher backward(grid(), 2);
  for (const int i : {0, 1}) {
    forward.add(row(hasher, i));
    backward.add(row(hasher, 1 - i));
  }
  EXPECT_NE(forward.finish(), backward.finish());
}

}  // namespace
}  // namespace offaxis
