#include "storage/deflate.h"

#include <libdeflate.h>

#include <new>

namespace offaxis {

struct Compressor::State {
  explicit State(int level) : compressor(libdeflate_alloc_compressor(level)) {
    if (!compressor) throw std::bad_alloc();
  }
  ~State() { libdeflate_free_compressor(compressor); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  libdeflate_compressor* compressor;
};

Compressor::Compressor(int level) : state_(std::make_unique<State>(level)) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

void Compressor::compress(const void* data, std::size_t bytes, std::vector<std::uint8_t>& out) {
  out.resize(libdeflate_zlib_compress_bound(state_->compressor, bytes));
  out.resize(libdeflate_zlib_compress(state_->compressor, data, bytes, out.data(), out.size()));
}

struct Decompressor::State {
  State() : decompressor(libdeflate_alloc_decompressor()) {
    if (!decompressor) throw std::bad_alloc();
  }
  ~State() { libdeflate_free_decompressor(decompressor); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  libdeflate_decompressor* decompressor;
};

Decompressor::Decompressor() : state_(std::make_unique<State>()) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

bool Decompressor::decompress(const std::uint8_t* stream, std::size_t streamBytes, void* out, std::size_t bytes) {
  // Without a place for the actual size, libdeflate accepts nothing but exactly `bytes` bytes.
  return libdeflate_zlib_decompress(state_->decompressor, stream, streamBytes, out, bytes, nullptr) ==
         LIBDEFLATE_SUCCESS;
}

const char* deflateLibrary() {
  return "libdeflate " LIBDEFLATE_VERSION_STRING;
}

}  // namespace offaxis
