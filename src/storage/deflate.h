// zlib streams by libdeflate. Compressors are not thread-safe: make one per thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace offaxis {

class Compressor {
 public:
  explicit Compressor(int level);  // 1 (fast) .. 12
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) noexcept;
  // Replaces `out` by the zlib stream of `data`. The same input gives the same bytes for one libdeflate version.
  void compress(const void* data, std::size_t bytes, std::vector<std::uint8_t>& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;
  // Fills exactly `bytes` bytes; false where the stream is damaged or of another length.
  bool decompress(const std::uint8_t* stream, std::size_t streamBytes, void* out, std::size_t bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "libdeflate 1.14": what the bytes of a stream (never its content) depend on.
const char* deflateLibrary();

}  // namespace offaxis
