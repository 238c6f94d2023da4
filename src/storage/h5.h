// HDF5 over its C API: owned handles, one clear error instead of the library's error stack, and no time stamps, so
// that the same content gives the same bytes. The library serialises its calls; these wrappers add no locking and
// refuse (Error(Unavailable)) a library that was built without it.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <vector>

namespace offaxis::h5 {

// "1.10.8", of the library that runs.
std::string libraryVersion();

// Owns one identifier of any kind.
class Handle {
 public:
  Handle() = default;
  explicit Handle(hid_t id) : id_(id) {}
  ~Handle() { reset(); }
  Handle(Handle&& o) noexcept : id_(std::exchange(o.id_, -1)) {}
  Handle& operator=(Handle&& o) noexcept {
    if (this != &o) {
      reset();
      id_ = std::exchange(o.id_, -1);
    }
    return *this;
  }
  hid_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }
  // Closes; false where the library reports failure (a full disk shows here at the latest).
  bool reset();
  // Gives up ownership without closing.
  hid_t release() { return std::exchange(id_, -1); }

 private:
  hid_t id_ = -1;
};

enum class Type { U8, I8, I16, I32, I64, U64, F32, F64 };  // always little-endian in the file
std::size_t sizeOf(Type type);

struct DatasetShape {
  Type type;
  std::vector<std::uint64_t> dims;
};

// Writes one file. Every failure throws Error(CannotWrite) naming `target`, the name that people know it by; the caller
// stages the path (storage/staged.h).
class Writer {
 public:
  explicit Writer(const std::string& path, const std::string& target = {});  // empty: `path`

  // Contiguous, for small arrays. Groups in `name` ("latents/values") are made as needed.
  void writeArray(const std::string& name, Type type, const std::vector<std::uint64_t>& dims, const void* data);
  // A list of any length, deflated at level 9 in chunks of 65,536.
  void writeList(const std::string& name, Type type, std::uint64_t count, const void* data);
  // Chunked along the first axis, deflate declared; filled by writeChunk with zlib streams (the last chunk padded).
  // 1 <= rowsPerChunk <= dims[0]; deflate levels above 9 are declared as 9.
  void createChunked(const std::string& name, Type type, const std::vector<std::uint64_t>& dims,
                     std::uint64_t rowsPerChunk, int deflateLevel);
  // `firstRow` is a multiple of rowsPerChunk. Chunks may come in any order, but equal order gives equal files.
  void writeChunk(const std::string& name, std::uint64_t firstRow, const std::vector<std::uint8_t>& stream);
  // Attributes of the root group; a name is written once. Strings are fixed-length, null-terminated UTF-8.
  void writeAttribute(const std::string& name, const std::string& value);
  void writeAttribute(const std::string& name, std::uint64_t value);
  // Flushes and closes; nothing may be called afterwards.
  void close();

 private:
  struct Chunked {
    std::string name;
    Handle dataset;
    std::size_t rank;
  };

  Handle createDataset(const std::string& name, Type type, const std::vector<std::uint64_t>& dims, hid_t creation);
  void writeAttribute(const std::string& name, hid_t type, const void* data);
  [[noreturn]] void fail(const std::string& what);

  std::string target_;
  Handle file_;
  std::vector<Chunked> chunked_;
};

// Reads one file of any origin: nothing in it is trusted, and nothing outside it is opened (external links, external
// storage and virtual datasets are refused). Throws Error(BadFile) naming the path and what is wrong.
// Not safe to share between threads without a mutex, const or not.
class Reader {
 public:
  explicit Reader(const std::string& path);

  const std::string& path() const { return path_; }
  bool has(const std::string& name) const;  // a dataset
  DatasetShape shapeOf(const std::string& name) const;
  // Converts to `type`; refuses where the stored class (integer or float) differs or is wider, so that no value is ever
  // clipped or rounded, where dims differ from `dims`, or where the array would take more than `limit` bytes.
  void readArray(const std::string& name, Type type, const std::vector<std::uint64_t>& dims, void* data,
                 std::uint64_t limit = std::uint64_t{1} << 30) const;
  // Rows first .. first + count - 1 of an array whose first axis counts rows.
  void readRows(const std::string& name, Type type, std::uint64_t first, std::uint64_t count, void* data) const;

  bool hasAttribute(const std::string& name) const;
  std::string stringAttribute(const std::string& name) const;  // at most 1 MiB
  std::uint64_t integerAttribute(const std::string& name) const;

  // How many of the dataset's chunks were never written, and read as the fill value; a dataset that is not chunked
  // counts as one.
  struct Unwritten {
    std::uint64_t chunks = 0;
    std::uint64_t of = 0;
  };
  Unwritten unwrittenChunks(const std::string& name) const;

  // The raw stored chunk that holds `firstRow`, where the dataset is chunked along the first axis only (all others
  // whole) and filtered by deflate alone; rowsPerChunk 0 says that it is not. False: this chunk was left uncompressed
  // (HDF5 does that to chunks that deflate would enlarge) or never written; readRows reads it.
  std::uint64_t rowsPerDeflatedChunk(const std::string& name) const;
  // The deflate level that the dataset declares; 0 where it declares none.
  int deflateLevel(const std::string& name) const;
  bool readRawChunk(const std::string& name, std::uint64_t firstRow, std::vector<std::uint8_t>& stream) const;
  // The same for chunks of any extents: one entry an axis; empty where the dataset is not chunked, or not
  // filtered by deflate alone. `offset` is the first element of the chunk, a multiple of the extents in every axis.
  std::vector<std::uint64_t> deflatedChunkExtents(const std::string& name) const;
  bool readRawChunkAt(const std::string& name, const std::vector<std::uint64_t>& offset,
                      std::vector<std::uint8_t>& stream) const;

 private:
  struct Dataset {
    std::string name;
    Handle handle;
    DatasetShape shape{};
    std::uint64_t chunkBytes = 0;
    std::vector<std::uint64_t> chunk;  // extents; empty where it is not chunked
    struct Filters {  // places in the pipeline, -1 where absent; shuffle, deflate, fletcher32 in this order or foreign
      int count = 0;
      int deflate = -1;
      int fletcher32 = -1;
      bool foreign = false;
    } filters;
    std::uint64_t rowsPerDeflatedChunk = 0;
    std::vector<std::uint64_t> deflatedChunk;  // extents; empty where the chunks are no plain zlib streams
    int deflateLevel = 0;
  };

  const Dataset& open(const std::string& name) const;
  void requireHonestChunks(const Dataset& dataset, std::uint64_t first, std::uint64_t count) const;
  Handle openAttribute(const std::string& name) const;
  [[noreturn]] void fail(const std::string& what, const std::string& hint = {}) const;

  std::string path_;
  Handle file_;
  mutable std::list<Dataset> open_;  // opened once each: looking a dataset up costs more than reading an image
};

}  // namespace offaxis::h5
