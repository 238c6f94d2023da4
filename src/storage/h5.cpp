#include "storage/h5.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "storage/deflate.h"
#include "storage/descriptor.h"

namespace offaxis::h5 {
namespace {

constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 48;    // no dataset that we read or write comes near
constexpr std::uint64_t kMaxChunkBytes = std::uint64_t{1} << 28;  // HDF5 allocates whole chunks, whatever a file says
constexpr std::uint64_t kMaxStringBytes = std::uint64_t{1} << 20;

// The library prints its error stack unless told otherwise, and its thread-safe build asks each thread anew. Its
// clean-up at exit crashes (1.10) where a file could not be completed on a full disk; all that it would do is close
// handles.
void quiet() {
  static const bool noCleanUp = H5dont_atexit() >= 0;
  static_cast<void>(noCleanUp);
  static const bool threadSafe = [] {
    hbool_t safe = false;
    return H5is_library_threadsafe(&safe) >= 0 && safe;
  }();
  if (!threadSafe) {
    throw Error(ErrorKind::Unavailable, "this HDF5 library was built without thread safety",
                "use one that has it, such as Debian's libhdf5-103-1");
  }
  static thread_local bool done = false;
  if (!done) H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  done = true;
}

hid_t nativeType(Type type) {
  switch (type) {
    case Type::U8:
      return H5T_NATIVE_UINT8;
    case Type::I8:
      return H5T_NATIVE_INT8;
    case Type::I16:
      return H5T_NATIVE_INT16;
    case Type::I32:
      return H5T_NATIVE_INT32;
    case Type::I64:
      return H5T_NATIVE_INT64;
    case Type::U64:
      return H5T_NATIVE_UINT64;
    case Type::F32:
      return H5T_NATIVE_FLOAT;
    case Type::F64:
      break;
  }
  return H5T_NATIVE_DOUBLE;
}

hid_t storedType(Type type) {
  switch (type) {
    case Type::U8:
      return H5T_STD_U8LE;
    case Type::I8:
      return H5T_STD_I8LE;
    case Type::I16:
      return H5T_STD_I16LE;
    case Type::I32:
      return H5T_STD_I32LE;
    case Type::I64:
      return H5T_STD_I64LE;
    case Type::U64:
      return H5T_STD_U64LE;
    case Type::F32:
      return H5T_IEEE_F32LE;
    case Type::F64:
      break;
  }
  return H5T_IEEE_F64LE;
}

bool isFloat(Type type) {
  return type == Type::F32 || type == Type::F64;
}
bool isUnsigned(Type type) {
  return type == Type::U8 || type == Type::U64;
}

const char* nameOf(Type type) {
  static constexpr std::array<const char*, 8> kNames{"uint8", "int8",   "int16",   "int32",
                                                     "int64", "uint64", "float32", "float64"};
  return kNames[static_cast<std::size_t>(type)];
}

// Whether every value of `stored` is a value of `wanted`.
bool fits(Type stored, Type wanted) {
  if (isFloat(stored) != isFloat(wanted)) return false;
  if (isFloat(stored) || isUnsigned(stored) == isUnsigned(wanted)) return sizeOf(stored) <= sizeOf(wanted);
  return isUnsigned(stored) && sizeOf(stored) < sizeOf(wanted);
}

// The Type of a stored type, or false where there is none (strings, structures, enumerations, other widths).
bool typeOf(hid_t stored, Type& type) {
  const H5T_class_t kind = H5Tget_class(stored);
  const std::size_t size = H5Tget_size(stored);
  if (kind == H5T_FLOAT) {
    type = size == 4 ? Type::F32 : Type::F64;
    return (size == 4 && H5Tequal(stored, H5T_IEEE_F32LE) > 0) || (size == 4 && H5Tequal(stored, H5T_IEEE_F32BE) > 0) ||
           (size == 8 && (H5Tequal(stored, H5T_IEEE_F64LE) > 0 || H5Tequal(stored, H5T_IEEE_F64BE) > 0));
  }
  if (kind != H5T_INTEGER || H5Tget_precision(stored) != 8 * size) return false;
  const bool isSigned = H5Tget_sign(stored) == H5T_SGN_2;
  switch (size) {
    case 1:
      type = isSigned ? Type::I8 : Type::U8;
      return true;
    case 2:
      type = Type::I16;
      return isSigned;
    case 4:
      type = Type::I32;
      return isSigned;
    case 8:
      type = isSigned ? Type::I64 : Type::U64;
      return true;
    default:
      return false;
  }
}

// False where the product of `dims` is beyond what any file of ours holds.
bool elementCount(const std::vector<std::uint64_t>& dims, std::uint64_t& count) {
  count = 1;
  for (const std::uint64_t dim : dims) {
    if (dim != 0 && count > kMaxElements / dim) return false;
    count *= dim;
  }
  return true;
}

std::string dimsText(const std::vector<std::uint64_t>& dims) {
  std::string text;
  for (const std::uint64_t dim : dims) text += (text.empty() ? "" : ",") + std::to_string(dim);
  return "[" + text + "]";
}

std::vector<hsize_t> asHsize(const std::vector<std::uint64_t>& dims) {
  return {dims.begin(), dims.end()};
}

Handle simpleSpace(const std::vector<std::uint64_t>& dims) {
  if (dims.empty()) return Handle(H5Screate(H5S_SCALAR));
  const std::vector<hsize_t> extent = asHsize(dims);
  return Handle(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr));
}

// Staged names are private and readers take no write lock, so file locks would only break network file systems. The
// 1.10 format carries checksums over all of its structure, so that damage is found instead of followed.
Handle fileAccess() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_file_locking(access.get(), 0, 1);
  H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
  return access;
}

}  // namespace

std::string libraryVersion() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

bool Handle::reset() {
  if (id_ < 0) return true;
  quiet();
  const hid_t id = std::exchange(id_, -1);
  switch (H5Iget_type(id)) {
    case H5I_FILE:
      return H5Fclose(id) >= 0;
    case H5I_GROUP:
      return H5Gclose(id) >= 0;
    case H5I_DATASET:
      return H5Dclose(id) >= 0;
    case H5I_DATASPACE:
      return H5Sclose(id) >= 0;
    case H5I_DATATYPE:
      return H5Tclose(id) >= 0;
    case H5I_ATTR:
      return H5Aclose(id) >= 0;
    case H5I_GENPROP_LST:
      return H5Pclose(id) >= 0;
    default:
      return H5Idec_ref(id) >= 0;
  }
}

std::size_t sizeOf(Type type) {
  switch (type) {
    case Type::U8:
    case Type::I8:
      return 1;
    case Type::I16:
      return 2;
    case Type::I32:
    case Type::F32:
      return 4;
    case Type::I64:
    case Type::U64:
    case Type::F64:
      break;
  }
  return 8;
}

// ---------------------------------------------------------------------------------------------------- Writer

Writer::Writer(const std::string& path, const std::string& target) : target_(target.empty() ? path : target) {
  quiet();
  errno = 0;
  const Handle creation(H5Pcreate(H5P_FILE_CREATE));
  H5Pset_obj_track_times(creation.get(), false);
  file_ = Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), fileAccess().get()));
  if (!file_.valid()) fail("it cannot be created");
}

void Writer::fail(const std::string& what) {
  const int code = errno;  // as good a reason as the library gives, where the system refused something
  // After a failed write the library cannot close the file either (1.10 crashes when asked again): let go of it.
  for (Chunked& chunked : chunked_) chunked.dataset.release();
  file_.release();
  cannotWrite(target_, what + (code != 0 ? std::string(" (") + std::strerror(code) + ")" : ""), hintFor(code));
}

Handle Writer::createDataset(const std::string& name, Type type, const std::vector<std::uint64_t>& dims,
                             hid_t creation) {
  quiet();
  errno = 0;
  const Handle links(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_char_encoding(links.get(), H5T_CSET_UTF8);
  // Groups are made one by one: made as intermediates by the library, they would carry time stamps.
  for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const std::string group = name.substr(0, slash);
    if (H5Lexists(file_.get(), group.c_str(), H5P_DEFAULT) > 0) continue;
    const Handle groupCreation(H5Pcreate(H5P_GROUP_CREATE));
    H5Pset_obj_track_times(groupCreation.get(), false);
    const Handle made(H5Gcreate2(file_.get(), group.c_str(), links.get(), groupCreation.get(), H5P_DEFAULT));
    if (!made.valid()) fail("group '" + group + "' cannot be made");
  }
  H5Pset_obj_track_times(creation, false);
  Handle dataset(H5Dcreate2(file_.get(), name.c_str(), storedType(type), simpleSpace(dims).get(), links.get(), creation,
                            H5P_DEFAULT));
  if (!dataset.valid()) fail("dataset '" + name + "' cannot be made");
  return dataset;
}

void Writer::writeArray(const std::string& name, Type type, const std::vector<std::uint64_t>& dims, const void* data) {
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE));
  Handle dataset = createDataset(name, type, dims, creation.get());
  std::uint64_t count = 0;
  if (!elementCount(dims, count)) fail("dataset '" + name + "' is too large");
  if (count > 0 && H5Dwrite(dataset.get(), nativeType(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
    fail("dataset '" + name + "' cannot be written");
  }
  if (!dataset.reset()) fail("dataset '" + name + "' cannot be written");
}

void Writer::writeList(const std::string& name, Type type, std::uint64_t count, const void* data) {
  constexpr std::uint64_t kMostTogether = 65536;
  constexpr int kLevel = 9;
  const std::uint64_t together = std::min(kMostTogether, count), width = sizeOf(type);
  createChunked(name, type, {count}, together, kLevel);
  Compressor compressor(kLevel);
  std::vector<std::uint8_t> padded(together * width), stream;
  for (std::uint64_t first = 0; first < count; first += together) {
    const std::uint64_t bytes = std::min(together, count - first) * width;
    std::memcpy(padded.data(), static_cast<const std::uint8_t*>(data) + first * width, bytes);
    std::fill(padded.begin() + static_cast<std::ptrdiff_t>(bytes), padded.end(), std::uint8_t{0});
    compressor.compress(padded.data(), padded.size(), stream);
    writeChunk(name, first, stream);
  }
}

void Writer::createChunked(const std::string& name, Type type, const std::vector<std::uint64_t>& dims,
                           std::uint64_t rowsPerChunk, int deflateLevel) {
  if (dims.empty() || rowsPerChunk == 0 || rowsPerChunk > dims[0]) {
    errno = 0;
    fail("dataset '" + name + "' cannot have chunks of " + std::to_string(rowsPerChunk) + " rows");
  }
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE));
  std::vector<hsize_t> chunk = asHsize(dims);
  chunk[0] = rowsPerChunk;
  H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
  // A zlib stream is one whatever made it; HDF5 knows the levels 1 to 9 only.
  H5Pset_deflate(creation.get(), static_cast<unsigned>(std::clamp(deflateLevel, 1, 9)));
  chunked_.push_back({name, createDataset(name, type, dims, creation.get()), dims.size()});
}

void Writer::writeChunk(const std::string& name, std::uint64_t firstRow, const std::vector<std::uint8_t>& stream) {
  quiet();
  errno = 0;
  const auto found = std::find_if(chunked_.begin(), chunked_.end(), [&](const Chunked& c) { return c.name == name; });
  if (found == chunked_.end()) fail("dataset '" + name + "' was not made");
  std::vector<hsize_t> offset(found->rank, 0);
  offset[0] = firstRow;
  if (H5Dwrite_chunk(found->dataset.get(), H5P_DEFAULT, 0, offset.data(), stream.size(), stream.data()) < 0) {
    fail("rows of '" + name + "' from " + std::to_string(firstRow) + " on cannot be written");
  }
}

void Writer::writeAttribute(const std::string& name, hid_t type, const void* data) {
  quiet();
  errno = 0;
  const Handle space(H5Screate(H5S_SCALAR));
  Handle attribute(H5Acreate2(file_.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute.valid() || H5Awrite(attribute.get(), type, data) < 0 || !attribute.reset()) {
    fail("attribute '" + name + "' cannot be written");
  }
}

void Writer::writeAttribute(const std::string& name, const std::string& value) {
  quiet();
  const Handle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), value.size() + 1);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  writeAttribute(name, type.get(), value.c_str());
}

void Writer::writeAttribute(const std::string& name, std::uint64_t value) {
  std::array<std::uint8_t, sizeof value> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
  writeAttribute(name, H5T_STD_U64LE, bytes.data());
}

void Writer::close() {
  quiet();
  errno = 0;
  bool good = true;
  for (Chunked& chunked : chunked_) good = chunked.dataset.reset() && good;
  chunked_.clear();
  good = H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) >= 0 && good;
  if (!file_.reset() || !good) fail("it cannot be completed");
}

// ---------------------------------------------------------------------------------------------------- Reader

Reader::Reader(const std::string& path) : path_(path) {
  quiet();
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) fail("it is a directory");
  if (!S_ISREG(status.st_mode)) fail("it is not a regular file");
  errno = 0;
  const Handle access = fileAccess();
  file_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
  if (file_.valid()) return;
  if (errno == EACCES) fail(std::strerror(errno));
  if (H5Fis_hdf5(path.c_str()) > 0) fail("it is a damaged or truncated HDF5 file");
  fail("it is not an HDF5 file");
}

void Reader::fail(const std::string& what, const std::string& hint) const {
  throw Error(ErrorKind::BadFile, "cannot read '" + path_ + "': " + what, hint);
}

// Follows hard links alone: a file from elsewhere must not make us open other files through external links.
bool Reader::has(const std::string& name) const {
  quiet();
  for (std::size_t slash = name.find('/');; slash = name.find('/', slash + 1)) {
    const std::string part = name.substr(0, slash);
    H5L_info_t link;
    if (H5Lexists(file_.get(), part.c_str(), H5P_DEFAULT) <= 0) return false;
    if (H5Lget_info(file_.get(), part.c_str(), &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD) return false;
    if (slash == std::string::npos) break;
  }
  const Handle object(H5Oopen(file_.get(), name.c_str(), H5P_DEFAULT));
  return object.valid() && H5Iget_type(object.get()) == H5I_DATASET;
}

const Reader::Dataset& Reader::open(const std::string& name) const {
  quiet();
  for (const Dataset& dataset : open_) {
    if (dataset.name == name) return dataset;
  }
  const std::string called = "'" + name + "'";
  if (!has(name)) fail("it has no dataset " + called);
  Dataset dataset;
  dataset.name = name;
  dataset.handle = Handle(H5Dopen2(file_.get(), name.c_str(), H5P_DEFAULT));
  if (!dataset.handle.valid()) fail("dataset " + called + " is damaged");
  const Handle type(H5Dget_type(dataset.handle.get()));
  if (!type.valid() || !typeOf(type.get(), dataset.shape.type)) fail("dataset " + called + " has an unsupported type");
  const Handle space(H5Dget_space(dataset.handle.get()));
  const H5S_class_t kind = space.valid() ? H5Sget_simple_extent_type(space.get()) : H5S_NO_CLASS;
  if (kind != H5S_SIMPLE && kind != H5S_SCALAR) fail("dataset " + called + " has no extent");
  const int rank = H5Sget_simple_extent_ndims(space.get());
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(rank, 0)));
  if (rank < 0 || (rank > 0 && H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr) < 0)) {
    fail("dataset " + called + " is damaged");
  }
  dataset.shape.dims.assign(extent.begin(), extent.end());
  std::uint64_t count = 0;
  if (!elementCount(dataset.shape.dims, count)) fail("dataset " + called + " claims an absurd size");

  const Handle creation(H5Dget_create_plist(dataset.handle.get()));
  const H5D_layout_t layout = creation.valid() ? H5Pget_layout(creation.get()) : H5D_LAYOUT_ERROR;
  if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED) {
    fail("dataset " + called + " is not stored in this file");
  }
  if (H5Pget_external_count(creation.get()) != 0) fail("dataset " + called + " is not stored in this file");
  if (layout == H5D_CHUNKED) {
    std::vector<hsize_t> chunk(extent.size());
    if (rank < 1 || H5Pget_chunk(creation.get(), rank, chunk.data()) != rank) fail("dataset " + called + " is damaged");
    dataset.chunkBytes = sizeOf(dataset.shape.type);
    for (const hsize_t dim : chunk) {
      if (dim == 0 || dim > kMaxChunkBytes / dataset.chunkBytes)
        fail("dataset " + called + " has chunks of absurd size");
      dataset.chunkBytes *= dim;
    }
    dataset.chunk.assign(chunk.begin(), chunk.end());
    dataset.filters.count = H5Pget_nfilters(creation.get());
    int last = -1;
    for (int i = 0; i < dataset.filters.count; ++i) {
      unsigned flags = 0, level = 0;
      std::size_t values = 1;
      const H5Z_filter_t filter =
          H5Pget_filter2(creation.get(), static_cast<unsigned>(i), &flags, &values, &level, 0, nullptr, nullptr);
      const int place = filter == H5Z_FILTER_SHUFFLE      ? 0
                        : filter == H5Z_FILTER_DEFLATE    ? 1
                        : filter == H5Z_FILTER_FLETCHER32 ? 2
                                                          : -1;
      dataset.filters.foreign = dataset.filters.foreign || place <= last;
      last = place;
      if (place == 1) {
        dataset.filters.deflate = i;
        if (values == 1 && level <= 9) dataset.deflateLevel = static_cast<int>(level);
      }
      if (place == 2) dataset.filters.fletcher32 = i;
    }
    const bool deflated = dataset.filters.count == 1 && dataset.filters.deflate == 0;
    const bool littleEndian = H5Tget_order(type.get()) == H5T_ORDER_LE || sizeOf(dataset.shape.type) == 1;
    if (deflated && littleEndian) {
      dataset.deflatedChunk.assign(chunk.begin(), chunk.end());
      if (std::equal(chunk.begin() + 1, chunk.end(), extent.begin() + 1)) dataset.rowsPerDeflatedChunk = chunk[0];
    }
  }
  open_.push_back(std::move(dataset));
  return open_.back();
}

DatasetShape Reader::shapeOf(const std::string& name) const {
  return open(name).shape;
}

void Reader::readArray(const std::string& name, Type type, const std::vector<std::uint64_t>& dims, void* data,
                       std::uint64_t limit) const {
  const Dataset& dataset = open(name);
  if (!fits(dataset.shape.type, type)) {
    fail("dataset '" + name + "' holds " + nameOf(dataset.shape.type) + ", not " + nameOf(type));
  }
  if (dataset.shape.dims != dims) {
    fail("dataset '" + name + "' has shape " + dimsText(dataset.shape.dims) + ", not " + dimsText(dims));
  }
  std::uint64_t count = 0;
  elementCount(dims, count);
  if (count > limit / sizeOf(type)) fail("dataset '" + name + "' is larger than " + std::to_string(limit) + " bytes");
  if (!dims.empty()) requireHonestChunks(dataset, 0, count > 0 ? dims[0] : 0);
  if (count > 0 && H5Dread(dataset.handle.get(), nativeType(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
    fail("dataset '" + name + "' is damaged or truncated");
  }
}

// The library's own inflating grows its buffer for as long as a stream goes on, so that a small file could ask for all
// memory, and it reads a whole chunk of what came out even where that is shorter. So every chunk goes through here
// first: one stream, inflated into exactly a chunk, or as many bytes as a chunk has.
void Reader::requireHonestChunks(const Dataset& dataset, std::uint64_t first, std::uint64_t count) const {
  constexpr std::uint64_t kChecksumBytes = 4;
  const Dataset::Filters& filters = dataset.filters;
  if (filters.count == 0 || count == 0) return;
  if (filters.foreign) {
    fail("dataset '" + dataset.name + "' is stored through filters other than shuffle, gzip and fletcher32",
         "repack it with gzip alone: h5repack -f GZIP=4 IN OUT");
  }
  const std::size_t rank = dataset.chunk.size();
  std::vector<std::uint64_t> offset(rank, 0);
  std::vector<std::uint8_t> stream, chunk(filters.deflate >= 0 ? dataset.chunkBytes : 0);
  Decompressor decompressor;
  for (offset[0] = first - first % dataset.chunk[0]; offset[0] < first + count;) {
    const std::vector<hsize_t> start = asHsize(offset);
    hsize_t bytes = 0;
    if (H5Dget_chunk_storage_size(dataset.handle.get(), start.data(), &bytes) < 0) bytes = 0;
    const auto refuse = [&] {
      fail("dataset '" + dataset.name + "' has a damaged chunk at row " + std::to_string(offset[0]));
    };
    if (bytes > 0) {
      if (bytes > dataset.chunkBytes + dataset.chunkBytes / 8 + 1024) refuse();
      stream.resize(bytes);
      std::uint32_t skipped = 0;
      if (H5Dread_chunk(dataset.handle.get(), H5P_DEFAULT, start.data(), &skipped, stream.data()) < 0) refuse();
      // A chunk that would not shrink is stored as it is, and says that it was not deflated; nothing else is skipped.
      const std::uint32_t deflateBit = filters.deflate >= 0 ? 1u << filters.deflate : 0;
      if ((skipped & ~deflateBit) != 0) refuse();
      const std::uint64_t checksum = filters.fletcher32 >= 0 ? kChecksumBytes : 0;
      if (bytes < checksum) refuse();
      const bool deflated = deflateBit != 0 && skipped == 0;
      const bool whole =
          deflated ? decompressor.decompress(stream.data(), stream.size() - checksum, chunk.data(), chunk.size())
                   : bytes - checksum == dataset.chunkBytes;
      if (!whole) refuse();
    }
    // The next chunk, the last axis fastest.
    std::size_t axis = rank;
    while (axis-- > 1) {
      offset[axis] += dataset.chunk[axis];
      if (offset[axis] < dataset.shape.dims[axis]) break;
      offset[axis] = 0;
    }
    if (axis == 0) offset[0] += dataset.chunk[0];
  }
}

void Reader::readRows(const std::string& name, Type type, std::uint64_t first, std::uint64_t count, void* data) const {
  const Dataset& dataset = open(name);
  const std::vector<std::uint64_t>& dims = dataset.shape.dims;
  if (!fits(dataset.shape.type, type)) {
    fail("dataset '" + name + "' holds " + nameOf(dataset.shape.type) + ", not " + nameOf(type));
  }
  if (dims.empty() || first > dims[0] || count > dims[0] - first) {
    fail("dataset '" + name + "' has no rows " + std::to_string(first) + " to " + std::to_string(first + count));
  }
  if (count == 0) return;
  requireHonestChunks(dataset, first, count);
  std::vector<hsize_t> start(dims.size(), 0);
  std::vector<hsize_t> extent = asHsize(dims);
  start[0] = first;
  extent[0] = count;
  const Handle memory(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr));
  const Handle stored(H5Dget_space(dataset.handle.get()));
  if (H5Sselect_hyperslab(stored.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr) < 0 ||
      H5Dread(dataset.handle.get(), nativeType(type), memory.get(), stored.get(), H5P_DEFAULT, data) < 0) {
    fail("dataset '" + name + "' is damaged or truncated in rows " + std::to_string(first) + " to " +
         std::to_string(first + count - 1));
  }
}

bool Reader::hasAttribute(const std::string& name) const {
  quiet();
  return H5Aexists(file_.get(), name.c_str()) > 0;
}

Handle Reader::openAttribute(const std::string& name) const {
  if (!hasAttribute(name)) fail("it has no attribute '" + name + "'");
  Handle attribute(H5Aopen(file_.get(), name.c_str(), H5P_DEFAULT));
  const Handle space(attribute.valid() ? H5Aget_space(attribute.get()) : -1);
  if (!space.valid() || H5Sget_simple_extent_npoints(space.get()) != 1)
    fail("attribute '" + name + "' is not one value");
  return attribute;
}

std::string Reader::stringAttribute(const std::string& name) const {
  const Handle attribute = openAttribute(name);
  const Handle type(H5Aget_type(attribute.get()));
  if (!type.valid() || H5Tget_class(type.get()) != H5T_STRING) fail("attribute '" + name + "' is not a text");
  const Handle memory(H5Tcopy(H5T_C_S1));
  H5Tset_cset(memory.get(), H5Tget_cset(type.get()));
  std::string text;
  if (H5Tis_variable_str(type.get()) > 0) {
    H5Tset_size(memory.get(), H5T_VARIABLE);
    char* value = nullptr;
    if (H5Aread(attribute.get(), memory.get(), &value) < 0) fail("attribute '" + name + "' is damaged");
    const std::size_t length = value ? ::strnlen(value, kMaxStringBytes + 1) : 0;
    if (length <= kMaxStringBytes) text.assign(value ? value : "", length);
    H5free_memory(value);
    if (length > kMaxStringBytes) fail("attribute '" + name + "' is too long");
  } else {
    const std::size_t size = H5Tget_size(type.get());
    if (size == 0 || size > kMaxStringBytes) fail("attribute '" + name + "' is too long");
    H5Tset_size(memory.get(), size + 1);  // room for a terminator where the stored text has none
    text.resize(size + 1);
    if (H5Aread(attribute.get(), memory.get(), text.data()) < 0) fail("attribute '" + name + "' is damaged");
    text.resize(::strnlen(text.data(), size));
  }
  return text;
}

std::uint64_t Reader::integerAttribute(const std::string& name) const {
  const Handle attribute = openAttribute(name);
  const Handle type(H5Aget_type(attribute.get()));
  if (!type.valid() || H5Tget_class(type.get()) != H5T_INTEGER || H5Tget_size(type.get()) > 8) {
    fail("attribute '" + name + "' is not a whole number");
  }
  std::uint64_t value = 0;
  if (H5Tget_sign(type.get()) == H5T_SGN_2) {
    std::int64_t read = 0;
    if (H5Aread(attribute.get(), H5T_NATIVE_INT64, &read) < 0) fail("attribute '" + name + "' is damaged");
    if (read < 0) fail("attribute '" + name + "' is negative");
    value = static_cast<std::uint64_t>(read);
  } else if (H5Aread(attribute.get(), H5T_NATIVE_UINT64, &value) < 0) {
    fail("attribute '" + name + "' is damaged");
  }
  return value;
}

int Reader::deflateLevel(const std::string& name) const {
  return open(name).deflateLevel;
}

std::uint64_t Reader::rowsPerDeflatedChunk(const std::string& name) const {
  return open(name).rowsPerDeflatedChunk;
}

Reader::Unwritten Reader::unwrittenChunks(const std::string& name) const {
  const Dataset& dataset = open(name);
  Unwritten unwritten{0, 1};
  if (dataset.chunk.empty()) {
    unwritten.chunks = H5Dget_storage_size(dataset.handle.get()) == 0 ? 1 : 0;
    return unwritten;
  }
  for (std::size_t axis = 0; axis < dataset.chunk.size(); ++axis)
    unwritten.of *=
        dataset.shape.dims[axis] / dataset.chunk[axis] + (dataset.shape.dims[axis] % dataset.chunk[axis] != 0);
  hsize_t written = 0;
  const Handle space(H5Dget_space(dataset.handle.get()));
  if (H5Dget_num_chunks(dataset.handle.get(), space.get(), &written) < 0 || written > unwritten.of)
    fail("the chunks of dataset '" + name + "' cannot be counted: it is damaged or truncated");
  unwritten.chunks = unwritten.of - written;
  return unwritten;
}

bool Reader::readRawChunk(const std::string& name, std::uint64_t firstRow, std::vector<std::uint8_t>& stream) const {
  const Dataset& dataset = open(name);
  if (dataset.rowsPerDeflatedChunk == 0 || firstRow >= dataset.shape.dims[0]) return false;
  std::vector<std::uint64_t> offset(dataset.shape.dims.size(), 0);
  offset[0] = firstRow - firstRow % dataset.rowsPerDeflatedChunk;
  return readRawChunkAt(name, offset, stream);
}

std::vector<std::uint64_t> Reader::deflatedChunkExtents(const std::string& name) const {
  return open(name).deflatedChunk;
}

bool Reader::readRawChunkAt(const std::string& name, const std::vector<std::uint64_t>& offset,
                            std::vector<std::uint8_t>& stream) const {
  const Dataset& dataset = open(name);
  if (dataset.deflatedChunk.empty() || offset.size() != dataset.shape.dims.size()) return false;
  const std::vector<hsize_t> start = asHsize(offset);
  hsize_t bytes = 0;
  if (H5Dget_chunk_storage_size(dataset.handle.get(), start.data(), &bytes) < 0) bytes = 0;
  if (bytes == 0) return false;
  // Deflate never grows data by more than a few bytes per 16 kB, so anything much longer is no honest stream.
  if (bytes > dataset.chunkBytes + dataset.chunkBytes / 8 + 1024) fail("dataset '" + name + "' has a damaged chunk");
  stream.resize(bytes);
  std::uint32_t skipped = 0;
  if (H5Dread_chunk(dataset.handle.get(), H5P_DEFAULT, start.data(), &skipped, stream.data()) < 0) {
    fail("dataset '" + name + "' is damaged or truncated at row " + std::to_string(offset[0]));
  }
  return skipped == 0;
}

}  // namespace offaxis::h5
