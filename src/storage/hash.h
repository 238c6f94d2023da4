// SHA-256 of bytes and files, and the content root: a dataset's identity that does not depend on how it is stored.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/factor_grid.h"

namespace offaxis {

using Digest = std::array<std::uint8_t, 32>;

std::string toHex(const Digest& digest);

// An incremental SHA-256; movable, reusable after finish().
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(const void* data, std::size_t bytes);
  Sha256& updateU32(std::uint32_t value);  // little-endian
  Sha256& updateU64(std::uint64_t value);
  Sha256& updateF64(double value);
  // Returns the digest and starts anew.
  Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest sha256Of(const void* data, std::size_t bytes);
// Streams the file. Throws Error(BadFile) where it cannot be read.
Digest sha256OfFile(const std::string& path);
// In hexadecimal, for files that are known by it; it says nothing against forgery. Throws Error(BadFile) likewise, and
// Error(Unavailable) where OpenSSL was built or set up without it.
std::string md5OfFile(const std::string& path);

// Content hashing, version 1. All integers little-endian.
//   row digest = SHA-256("offaxis.row.1\n", u32 dtype = 1 (uint8), u32 H, u32 W, u32 C, K x f64 label values, H*W*C
//   image bytes) root       = SHA-256("offaxis.root.1\n", u32 K, K x (u32 length, name bytes, u64 size), u64 rows, row
//   digests in order)
// Not safe to share between threads; make one per thread.
class RowHasher {
 public:
  RowHasher(ImageShape shape, std::size_t factorCount);
  Digest operator()(const double* values, const std::uint8_t* image);

 private:
  Sha256 hash_;
  std::vector<std::uint8_t> prefix_;  // tag, dtype and shape; label values follow
  std::size_t labelOffset_;
  std::size_t imageBytes_;
};

class RootHasher {
 public:
  RootHasher(const FactorGrid& grid, std::uint64_t rows);
  void add(const Digest& row);  // in index order
  Digest finish();

 private:
  Sha256 hash_;
};

}  // namespace offaxis
