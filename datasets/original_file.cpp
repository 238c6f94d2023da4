#include "datasets/original_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <mutex>

#include "core/error.h"
#include "core/parallel.h"
#include "core/text.h"
#include "datasets/registry.h"
#include "storage/deflate.h"
#include "storage/h5.h"
#include "storage/hash.h"
#include "storage/npz.h"

namespace offaxis {
namespace {

constexpr double kLabelTolerance = 1e-6;
constexpr std::uint64_t kLabelRowsAtOnce = 16384;
constexpr std::uint64_t kImageRowsAtOnce = 1024;
// Original chunks span thousands of images, (23040,2,4) and (15000,4,4,1): images are read by whole rows of chunks,
// 94 and 184 MB. Anything larger is read in smaller pieces, its chunks inflated again for each.
constexpr std::uint64_t kMaxBandBytes = std::uint64_t{192} << 20;
constexpr std::uint64_t kPlainBandBytes = std::uint64_t{32} << 20;
constexpr std::uint64_t kMinChunkBytes = 1024;  // below, looking chunks up one by one is the slower way
constexpr std::size_t kBandsHeld = 2;           // readers that straddle a border must not throw each other's out

struct Known {
  const char* family;
  const char* title;
  bool npz;
  const char* images;
  const char* values;
  const char* classes;  // empty: there are none
  const char* digest;   // of the published file: MD5 of the npz, SHA-256 of the HDF5 files
};
constexpr std::array<Known, 3> kKnown{{
    {"dsprites", "dSprites", true, "imgs", "latents_values", "latents_classes", "7da33b31b13a06f4b04a70402ce90c2e"},
    {"dsprites", "dSprites", false, "imgs", "latents/values", "latents/classes",
     "729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb"},
    {"shapes3d", "Shapes3D", false, "images", "labels", "",
     "0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785"},
}};

const Known& knownOf(const OriginalKind& kind) {
  return *std::find_if(kKnown.begin(), kKnown.end(),
                       [&](const Known& known) { return known.family == kind.family && known.npz == kind.npz; });
}

[[noreturn]] void refuse(const std::string& path, const std::string& what, const std::string& hint = {}) {
  throw Error(ErrorKind::BadFile, "cannot import '" + path + "': " + what, hint);
}

// The first bytes of a regular file; empty for all else. Never opens a pipe, which would wait for its other end.
std::string firstBytes(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (!file) return {};
  std::string bytes(8, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
  return bytes;
}

bool isZip(const std::string& start) {
  return start.compare(0, 4, "PK\x03\x04") == 0 || start.compare(0, 4, "PK\x05\x06") == 0;
}

// Throws Error(BadFile) where the file cannot be read at all.
const Known* lookAt(const std::string& path) {
  if (isZip(firstBytes(path))) {
    const std::vector<std::string> members = npzMembers(path);
    const auto has = [&](const char* name) { return std::find(members.begin(), members.end(), name) != members.end(); };
    for (const Known& known : kKnown) {
      if (known.npz && has(known.images) && has(known.values)) return &known;
    }
    return nullptr;
  }
  const h5::Reader file(path);
  if (file.hasAttribute("offaxis_format")) return nullptr;
  for (const Known& known : kKnown) {
    if (!known.npz && file.has(known.images) && file.has(known.values)) return &known;
  }
  return nullptr;
}

// lookAt, with an error that says what the file is instead.
const Known& identify(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) refuse(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) refuse(path, "it is a directory", "name the file in it");
  if (!S_ISREG(status.st_mode)) refuse(path, "it is not a regular file");
  if (status.st_size == 0) refuse(path, "it is empty", "fetch it again");
  try {
    if (const Known* known = lookAt(path)) return *known;
  } catch (const Error& e) {
    if (!e.hint().empty()) throw;
    throw Error(e.kind(), e.what(), "give the dSprites npz or HDF5 file or Shapes3D's; fetch a damaged one again");
  }
  if (isZip(firstBytes(path))) {
    refuse(path, "it is a zip archive without imgs.npy and latents_values.npy, so not the dSprites npz");
  }
  if (h5::Reader(path).hasAttribute("offaxis_format")) {
    refuse(path, "it is no original but a file that this program wrote", "use it as it is");
  }
  refuse(path, "it has neither dSprites' imgs and latents/values nor Shapes3D's images and labels");
}

std::string dimsText(const std::vector<std::uint64_t>& dims) {
  std::vector<std::string> texts;
  for (const std::uint64_t dim : dims) texts.push_back(std::to_string(dim));
  return "[" + joined(texts, ",") + "]";
}

// What an array has to be.
struct Expected {
  const char* name;
  NpyType npyType;
  h5::Type h5Type;
  const char* typeText;
  std::vector<std::uint64_t> dims;

  std::string text() const { return typeText + (" " + dimsText(dims)); }
};

struct ExpectedArrays {
  Expected images, values, classes;
};

ExpectedArrays expectedArrays(const Known& known, const SourceInfo& info) {
  const std::uint64_t rows = info.grid.size();
  const std::uint64_t factors = info.grid.factorCount();
  std::vector<std::uint64_t> images{rows, info.shape.height, info.shape.width};
  if (info.layout.channelAxis) images.push_back(info.shape.channels);
  return {{known.images, NpyType::U8, h5::Type::U8, "uint8", images},
          {known.values, NpyType::F64, h5::Type::F64, "float64", {rows, factors}},
          {known.classes, NpyType::I64, h5::Type::I64, "int64", {rows, factors}}};
}

[[noreturn]] void refuseArray(const std::string& path, const Expected& expected, const std::string& found) {
  refuse(path, "'" + std::string(expected.name) + "' is not " + expected.text() + " as in the original" + found);
}

// Takes the labels of all rows in order and says where each row belongs.
class RowPlacer {
 public:
  RowPlacer(const std::string& path, const FactorGrid& grid)
      : path_(path), grid_(grid), rowOf_(grid.size(), kNone), levels_(grid.factorCount()) {
    indexOf_.reserve(grid.size());
  }

  // `values` [K] and, where the file has them, `classes` [K].
  void add(const double* values, const std::int64_t* classes) {
    const std::string row = "row " + std::to_string(indexOf_.size());
    for (std::size_t k = 0; k < levels_.size(); ++k) {
      const Factor& factor = grid_.factors()[k];
      // Written so that NaN, which compares with nothing, is close to nothing.
      const auto found = std::find_if(factor.values.begin(), factor.values.end(),
                                      [&](double value) { return std::fabs(value - values[k]) <= kLabelTolerance; });
      if (found == factor.values.end()) {
        refuse(path_, row + " has " + factor.name + " " + formatReal(values[k]) + ", which is none of its " +
                          std::to_string(factor.size()) + " values");
      }
      levels_[k] = static_cast<std::uint32_t>(found - factor.values.begin());
      if (classes && classes[k] != static_cast<std::int64_t>(levels_[k])) {
        refuse(path_, row + " has level " + std::to_string(classes[k]) + " of " + factor.name + " in its classes and " +
                          std::to_string(levels_[k]) + " in its values");
      }
    }
    const std::uint64_t index = grid_.indexOf(levels_);
    if (rowOf_[index] != kNone) {
      refuse(path_, row + " has the label of row " + std::to_string(rowOf_[index]) +
                        " again, so that another combination of factors is missing");
    }
    rowOf_[index] = static_cast<std::uint32_t>(indexOf_.size());
    moved_ += index != indexOf_.size();
    indexOf_.push_back(static_cast<std::uint32_t>(index));
  }

  std::uint64_t moved() const { return moved_; }
  // The grid index of every row.
  std::vector<std::uint32_t> take() { return std::move(indexOf_); }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  const std::string& path_;
  const FactorGrid& grid_;
  std::vector<std::uint32_t> indexOf_;  // by row
  std::vector<std::uint32_t> rowOf_;    // by index
  std::vector<std::uint32_t> levels_;
  std::uint64_t moved_ = 0;
};

// Images of an HDF5 dataset [N,H,W] or [N,H,W,C] in any chunking, read by bands of whole rows of chunks. Bands of
// chunks that are plain zlib streams are inflated in parallel and kept as chunks; images are put together on demand.
class H5Images {
 public:
  // `key` has been checked to hold uint8 images of `shape`.
  H5Images(h5::Reader& file, std::string key, std::uint64_t rows, const ImageShape& shape, int threads)
      : file_(file), key_(std::move(key)), rows_(rows), shape_(shape) {
    context_.threads = threads;
    rowsPerBand_ = std::max<std::uint64_t>(kPlainBandBytes / shape.bytes(), 1);
    std::vector<std::uint64_t> chunk = file.deflatedChunkExtents(key_);
    if (chunk.empty()) return;
    rank_ = chunk.size();
    chunk.resize(4, 1);
    chunkRows_ = chunk[0];
    chunk_ = {static_cast<std::uint32_t>(chunk[1]), static_cast<std::uint32_t>(chunk[2]),
              static_cast<std::uint32_t>(chunk[3])};
    const auto covering = [](std::uint64_t extent, std::uint64_t part) { return (extent + part - 1) / part; };
    across_ = {static_cast<std::uint32_t>(covering(shape.height, chunk[1])),
               static_cast<std::uint32_t>(covering(shape.width, chunk[2])),
               static_cast<std::uint32_t>(covering(shape.channels, chunk[3]))};
    const std::uint64_t chunks = across_.bytes();
    chunkBytes_ = chunkRows_ * chunk_.bytes();  // at most 2^28, the reader saw to that
    direct_ = chunkBytes_ >= kMinChunkBytes && chunkBytes_ <= kMaxBandBytes / chunks;
    if (!direct_) return;
    groupsPerBand_ = std::max<std::uint64_t>(kPlainBandBytes / (chunks * chunkBytes_), 1);
    rowsPerBand_ = groupsPerBand_ * chunkRows_;
  }

  std::uint64_t rowsPerBand() const { return rowsPerBand_; }

  // Rows first .. first + count - 1; from any number of threads at once, cheap where they read nearby rows.
  void read(std::uint64_t first, std::uint64_t count, std::uint8_t* images) const {
    while (count > 0) {
      const std::uint64_t start = first - first % rowsPerBand_;
      const std::uint64_t take = std::min(count, start + rowsPerBand_ - first);
      const std::shared_ptr<const Band> band = bandAt(start);
      for (std::uint64_t row = first - start; row < first - start + take; ++row, images += shape_.bytes()) {
        if (band->chunked) {
          assemble(*band, row, images);
        } else {
          std::copy_n(band->bytes.data() + row * shape_.bytes(), shape_.bytes(), images);
        }
      }
      first += take;
      count -= take;
    }
  }

 private:
  struct Band {
    std::uint64_t start = 0;
    bool chunked = false;  // `bytes` holds chunk after chunk, otherwise image after image
    std::vector<std::uint8_t> bytes;
  };

  std::shared_ptr<const Band> bandAt(std::uint64_t start) const {
    const std::lock_guard<std::mutex> lock(bandMutex_);
    for (const auto& band : bands_) {
      if (band->start == start) return band;
    }
    if (bands_.size() == kBandsHeld) bands_.erase(bands_.begin());
    auto band = std::make_shared<Band>();
    band->start = start;
    const std::uint64_t rows = std::min(rowsPerBand_, rows_ - start);
    band->chunked = direct_ && inflate(start, (rows + chunkRows_ - 1) / chunkRows_, band->bytes);
    if (!band->chunked) {
      band->bytes.resize(rows * shape_.bytes());
      const std::lock_guard<std::mutex> fileLock(fileMutex_);
      file_.readRows(key_, h5::Type::U8, start, rows, band->bytes.data());
    }
    bands_.push_back(band);
    return band;
  }

  // Inflates `groups` rows of chunks; false where some chunk is not stored as a zlib stream.
  bool inflate(std::uint64_t start, std::uint64_t groups, std::vector<std::uint8_t>& bytes) const {
    const std::uint64_t perGroup = across_.bytes();
    bytes.resize(groups * perGroup * chunkBytes_);
    struct Worker {
      std::vector<std::uint8_t> stream;
      Decompressor decompressor;
    };
    std::vector<Worker> workers(static_cast<std::size_t>(std::max(context_.threads, 1)));
    std::atomic<bool> plain{false};
    parallelFor(context_, groups * perGroup, 8, [&](std::uint64_t begin, std::uint64_t end, int id) {
      Worker& worker = workers[static_cast<std::size_t>(id)];
      for (std::uint64_t chunk = begin; chunk < end && !plain; ++chunk) {
        const std::uint64_t place = chunk % perGroup;
        std::vector<std::uint64_t> offset{
            start + chunk / perGroup * chunkRows_, place / (across_.width * across_.channels) * chunk_.height,
            place / across_.channels % across_.width * chunk_.width, place % across_.channels * chunk_.channels};
        offset.resize(rank_);
        {
          const std::lock_guard<std::mutex> lock(fileMutex_);
          if (!file_.readRawChunkAt(key_, offset, worker.stream)) plain = true;
        }
        if (plain) return;
        if (!worker.decompressor.decompress(worker.stream.data(), worker.stream.size(),
                                            bytes.data() + chunk * chunkBytes_, chunkBytes_)) {
          refuse(file_.path(), "a chunk of '" + key_ + "' from row " + std::to_string(offset[0]) + " on is damaged",
                 "fetch the file again");
        }
      }
    });
    return !plain;
  }

  // Row `row` of the band from the pieces of it that lie in every chunk across the image.
  void assemble(const Band& band, std::uint64_t row, std::uint8_t* image) const {
    const std::uint64_t pieceBytes = chunk_.bytes();
    const std::uint8_t* piece =
        band.bytes.data() + row / chunkRows_ * across_.bytes() * chunkBytes_ + row % chunkRows_ * pieceBytes;
    const std::size_t stride = std::size_t{shape_.width} * shape_.channels;
    const std::size_t pieceStride = std::size_t{chunk_.width} * chunk_.channels;
    for (std::uint32_t y0 = 0; y0 < shape_.height; y0 += chunk_.height) {
      const std::uint32_t height = std::min(chunk_.height, shape_.height - y0);
      for (std::uint32_t x0 = 0; x0 < shape_.width; x0 += chunk_.width) {
        const std::uint32_t width = std::min(chunk_.width, shape_.width - x0);
        for (std::uint32_t c0 = 0; c0 < shape_.channels; c0 += chunk_.channels, piece += chunkBytes_) {
          const std::uint32_t channels = std::min(chunk_.channels, shape_.channels - c0);
          std::uint8_t* const to = image + y0 * stride + std::size_t{x0} * shape_.channels + c0;
          for (std::uint32_t y = 0; y < height; ++y)
            copyPixels(piece + y * pieceStride, to + y * stride, width, channels);
        }
      }
    }
  }

  // `width` pixels of `channels` of the image's channels. Published pieces are four pixels wide and of one channel:
  // known at compile time, they cost a third.
  void copyPixels(const std::uint8_t* from, std::uint8_t* to, std::uint32_t width, std::uint32_t channels) const {
    if (width == 4 && chunk_.channels == 1) {
      for (std::size_t x = 0; x < 4; ++x) to[x * shape_.channels] = from[x];
      return;
    }
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < channels; ++c) to[x * shape_.channels + c] = from[x * chunk_.channels + c];
    }
  }

  h5::Reader& file_;
  std::string key_;
  std::uint64_t rows_;
  ImageShape shape_;
  Context context_;
  std::uint64_t rowsPerBand_ = 0;
  bool direct_ = false;  // chunks are read as they are stored
  std::size_t rank_ = 0;
  std::uint64_t chunkRows_ = 1;
  ImageShape chunk_;   // of a chunk, across the image
  ImageShape across_;  // chunks across the image in every direction
  std::uint64_t chunkBytes_ = 0;
  std::uint64_t groupsPerBand_ = 0;
  mutable std::mutex fileMutex_;
  mutable std::mutex bandMutex_;
  mutable std::vector<std::shared_ptr<const Band>> bands_;  // the latest last
};

class OriginalBase : public OriginalFile {
 public:
  OriginalBase(SourceInfo info, OriginalDescription description)
      : info_(std::move(info)), description_(std::move(description)) {}
  const SourceInfo& info() const override { return info_; }
  const OriginalDescription& description() const override { return description_; }

 protected:
  SourceInfo info_;
  OriginalDescription description_;
};

// Eight bits as eight bytes of 0 or 255, the lowest first in memory.
constexpr std::array<std::uint64_t, 256> spreadTable() {
  std::array<std::uint64_t, 256> table{};
  for (std::size_t bits = 0; bits < table.size(); ++bits) {
    for (std::size_t i = 0; i < 8; ++i) table[bits] |= (bits >> i & 1) * (std::uint64_t{255} << 8 * i);
  }
  return table;
}
constexpr std::array<std::uint64_t, 256> kSpread = spreadTable();

// All images as bits, in the grid's order.
class BitImages final : public OriginalBase {
 public:
  BitImages(SourceInfo info, OriginalDescription description)
      : OriginalBase(std::move(info), std::move(description)),
        words_((info_.shape.bytes() + 63) / 64),
        bits_(info_.grid.size() * words_) {}

  // Precondition: all pixels are 0 or 1, or false comes back. Different indices may be put from different threads.
  bool put(std::uint64_t index, const std::uint8_t* pixels) {
    std::uint64_t* out = bits_.data() + index * words_;
    const std::uint64_t bytes = info_.shape.bytes();
    std::uint64_t wrong = 0;
    for (std::uint64_t first = 0; first < bytes; first += 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, pixels + first, std::min<std::uint64_t>(8, bytes - first));
      wrong |= eight & 0xfefefefefefefefeULL;
      // Bit 0 of byte i goes to bit 56 + i; no two of the sixty-four partial products meet.
      out[first / 64] |= (eight * 0x0102040810204080ULL >> 56) << first % 64;
    }
    return wrong == 0;
  }

  void read(std::uint64_t row, std::uint8_t* image) const override {
    const std::uint64_t* words = bits_.data() + row * words_;
    const std::uint64_t bytes = info_.shape.bytes();
    for (std::uint64_t first = 0; first < bytes; first += 8) {
      const std::uint64_t eight = kSpread[words[first / 64] >> first % 64 & 255];
      std::memcpy(image + first, &eight, std::min<std::uint64_t>(8, bytes - first));
    }
  }

 private:
  std::uint64_t words_;  // of an image
  std::vector<std::uint64_t> bits_;
};

[[noreturn]] void refusePixels(const std::string& path, std::uint64_t row, const std::uint8_t* pixels,
                               std::uint64_t count) {
  const std::uint8_t* wrong = std::find_if(pixels, pixels + count, [](std::uint8_t pixel) { return pixel > 1; });
  refuse(path, "row " + std::to_string(row) + " has a pixel of " + std::to_string(*wrong) +
                   "; dSprites has none but 0 and 1");
}

// A nameless file of fixed-size records: gone when closed, however the program ends.
class Scratch {
 public:
  Scratch(const std::string& directory, std::uint64_t bytes) : directory_(directory) {
    fd_ = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd_ < 0) {  // not every file system has nameless files
      std::string name = directory + "/.offaxis-scratch-XXXXXX";
      fd_ = ::mkostemp(name.data(), O_CLOEXEC);
      if (fd_ < 0) fail(errno);
      ::unlink(name.c_str());
    }
    // Finds a full disk now rather than in the middle.
    if (::fallocate(fd_, 0, 0, static_cast<off_t>(bytes)) != 0 && errno == ENOSPC) {
      ::close(fd_);
      fail(ENOSPC);
    }
  }
  ~Scratch() { ::close(fd_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void write(std::uint64_t at, const std::uint8_t* data, std::uint64_t bytes) {
    while (bytes > 0) {
      const ssize_t count = ::pwrite(fd_, data, bytes, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail(count < 0 ? errno : EIO);
      at += static_cast<std::uint64_t>(count);
      data += count;
      bytes -= static_cast<std::uint64_t>(count);
    }
  }
  void read(std::uint64_t at, std::uint8_t* data, std::uint64_t bytes) const {
    while (bytes > 0) {
      const ssize_t count = ::pread(fd_, data, bytes, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail(count < 0 ? errno : EIO);
      at += static_cast<std::uint64_t>(count);
      data += count;
      bytes -= static_cast<std::uint64_t>(count);
    }
  }

 private:
  [[noreturn]] void fail(int code) const {
    throw Error(ErrorKind::CannotWrite,
                "cannot re-order the images in a temporary file in '" + directory_ + "': " + std::strerror(code),
                code == ENOSPC ? "free some space there, or write to another disk" : "");
  }

  std::string directory_;
  int fd_ = -1;
};

// Images that stay in the file, which has them in the grid's order, or lie in a scratch file in that order.
class StreamedImages final : public OriginalBase {
 public:
  StreamedImages(SourceInfo info, OriginalDescription description, std::unique_ptr<h5::Reader> file,
                 const std::string& key, int threads)
      : OriginalBase(std::move(info), std::move(description)),
        file_(std::move(file)),
        images_(*file_, key, info_.grid.size(), info_.shape, threads) {}

  void read(std::uint64_t row, std::uint8_t* image) const override { readRange(row, 1, image); }
  void readRange(std::uint64_t first, std::uint64_t count, std::uint8_t* images) const override {
    if (scratch_) {
      scratch_->read(first * info_.shape.bytes(), images, count * info_.shape.bytes());
    } else {
      images_.read(first, count, images);
    }
  }

  void reorder(const std::vector<std::uint32_t>& indexOf, const std::string& directory, const Context& context) {
    const std::uint64_t bytes = info_.shape.bytes();
    auto scratch = std::make_unique<Scratch>(directory, indexOf.size() * bytes);
    context.begin("re-ordering " + file_->path(), indexOf.size(), "images");
    std::vector<std::uint8_t> images(kImageRowsAtOnce * bytes);
    for (std::uint64_t first = 0; first < indexOf.size(); first += kImageRowsAtOnce) {
      context.throwIfCancelled();
      const std::uint64_t count = std::min<std::uint64_t>(kImageRowsAtOnce, indexOf.size() - first);
      images_.read(first, count, images.data());
      for (std::uint64_t i = 0; i < count; ++i)
        scratch->write(indexOf[first + i] * bytes, images.data() + i * bytes, bytes);
      context.advance(count);
    }
    context.end();
    scratch_ = std::move(scratch);
  }

 private:
  std::unique_ptr<h5::Reader> file_;
  H5Images images_;
  std::unique_ptr<Scratch> scratch_;
};

NpyStream openStream(const std::string& path, const Expected& expected) {
  std::uint64_t bytes = h5::sizeOf(expected.h5Type);
  for (const std::uint64_t dim : expected.dims) bytes *= dim;
  NpyStream stream(path, expected.name, bytes);
  if (stream.type() != expected.npyType) refuseArray(path, expected, " but of another type");
  if (stream.dims() != expected.dims) refuseArray(path, expected, " but " + dimsText(stream.dims()));
  return stream;
}

std::shared_ptr<const OriginalFile> openNpz(const std::string& path, const ExpectedArrays& expected, SourceInfo info,
                                            OriginalDescription description, const Context& context) {
  const std::uint64_t rows = info.grid.size();
  const std::size_t factors = info.grid.factorCount();
  NpyStream imageStream = openStream(path, expected.images);
  RowPlacer placer(path, info.grid);
  {
    NpyStream valueStream = openStream(path, expected.values);
    NpyStream classStream = openStream(path, expected.classes);
    std::vector<double> values(kLabelRowsAtOnce * factors);
    std::vector<std::int64_t> classes(values.size());
    for (std::uint64_t first = 0; first < rows; first += kLabelRowsAtOnce) {
      context.throwIfCancelled();
      const std::uint64_t count = std::min(kLabelRowsAtOnce, rows - first);
      valueStream.read(values.data(), count * factors * sizeof(double));
      classStream.read(classes.data(), count * factors * sizeof(std::int64_t));
      for (std::uint64_t i = 0; i < count; ++i) placer.add(values.data() + i * factors, classes.data() + i * factors);
    }
    valueStream.finish();
    classStream.finish();
  }
  description.movedRows = placer.moved();
  const std::vector<std::uint32_t> indexOf = placer.take();
  auto source = std::make_shared<BitImages>(std::move(info), std::move(description));
  const std::uint64_t bytes = source->info().shape.bytes();
  std::vector<std::uint8_t> images(kImageRowsAtOnce * bytes);
  context.begin("reading " + path, rows, "images");
  for (std::uint64_t first = 0; first < rows; first += kImageRowsAtOnce) {
    context.throwIfCancelled();
    const std::uint64_t count = std::min<std::uint64_t>(kImageRowsAtOnce, rows - first);
    imageStream.read(images.data(), count * bytes);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint8_t* const pixels = images.data() + i * bytes;
      if (!source->put(indexOf[first + i], pixels)) refusePixels(path, first + i, pixels, bytes);
    }
    context.advance(count);
  }
  imageStream.finish();
  context.end();
  return source;
}

void requireArray(const h5::Reader& file, const Expected& expected) {
  if (!file.has(expected.name)) refuse(file.path(), "it has no dataset '" + std::string(expected.name) + "'");
  const h5::DatasetShape shape = file.shapeOf(expected.name);
  if (shape.type != expected.h5Type) refuseArray(file.path(), expected, " but of another type");
  if (shape.dims != expected.dims) refuseArray(file.path(), expected, " but " + dimsText(shape.dims));
}

// Such images would read as black ones, which no check could tell from others.
void requireWritten(const h5::Reader& file, const std::string& images) {
  const h5::Reader::Unwritten unwritten = file.unwrittenChunks(images);
  if (unwritten.chunks == 0) return;
  refuse(file.path(),
         std::to_string(unwritten.chunks) + " of " + std::to_string(unwritten.of) + " chunks of '" + images +
             "' were never written: the file is incomplete",
         "fetch the file again");
}

std::shared_ptr<const OriginalFile> openHdf5(const std::string& path, const ExpectedArrays& expected, SourceInfo info,
                                             OriginalDescription description, const std::string& scratch,
                                             const Context& context) {
  const std::uint64_t rows = info.grid.size();
  const std::size_t factors = info.grid.factorCount();
  const bool hasClasses = *expected.classes.name != '\0';
  auto file = std::make_unique<h5::Reader>(path);
  requireArray(*file, expected.images);
  requireArray(*file, expected.values);
  if (hasClasses) requireArray(*file, expected.classes);
  requireWritten(*file, expected.images.name);
  RowPlacer placer(path, info.grid);
  {
    // In one piece: published labels are chunked by columns, of which every slice would inflate all chunks again.
    std::vector<double> values(rows * factors);
    std::vector<std::int64_t> classes(hasClasses ? rows * factors : 0);
    file->readRows(expected.values.name, h5::Type::F64, 0, rows, values.data());
    if (hasClasses) file->readRows(expected.classes.name, h5::Type::I64, 0, rows, classes.data());
    for (std::uint64_t row = 0; row < rows; ++row) {
      if (row % kLabelRowsAtOnce == 0) context.throwIfCancelled();
      placer.add(values.data() + row * factors, hasClasses ? classes.data() + row * factors : nullptr);
    }
  }
  description.movedRows = placer.moved();
  const std::vector<std::uint32_t> indexOf = placer.take();
  if (!info.layout.binary) {
    const bool inOrder = description.movedRows == 0;
    auto source = std::make_shared<StreamedImages>(std::move(info), std::move(description), std::move(file),
                                                   expected.images.name, context.threads);
    if (!inOrder) source->reorder(indexOf, scratch, context);
    return source;
  }

  auto source = std::make_shared<BitImages>(std::move(info), std::move(description));
  const ImageShape shape = source->info().shape;
  const H5Images images(*file, expected.images.name, rows, shape, context.threads);
  context.begin("reading " + path, rows, "images");
  // Band by band, so that all threads work on the same one.
  for (std::uint64_t band = 0; band < rows; band += images.rowsPerBand()) {
    const std::uint64_t inBand = std::min(images.rowsPerBand(), rows - band);
    parallelFor(context, inBand, kImageRowsAtOnce, [&](std::uint64_t begin, std::uint64_t end, int) {
      std::vector<std::uint8_t> pixels((end - begin) * shape.bytes());
      images.read(band + begin, end - begin, pixels.data());
      for (std::uint64_t row = band + begin; row < band + end; ++row) {
        const std::uint8_t* const image = pixels.data() + (row - band - begin) * shape.bytes();
        if (!source->put(indexOf[row], image)) refusePixels(path, row, image, shape.bytes());
      }
      context.advance(end - begin);
    });
  }
  context.end();
  return source;
}

}  // namespace

std::string toString(const OriginalKind& kind) {
  return knownOf(kind).title + std::string(kind.npz ? " npz" : " HDF5");
}

std::optional<OriginalKind> recogniseOriginal(const std::string& path) {
  try {
    if (firstBytes(path).empty()) return std::nullopt;
    const Known* known = lookAt(path);
    if (known) return OriginalKind{known->family, known->npz};
  } catch (const Error&) {  // whoever opens it for its content says what is wrong with it
  }
  return std::nullopt;
}

std::vector<std::string> originalFamilies() {
  std::vector<std::string> families;
  for (const Known& known : kKnown) {
    if (families.empty() || families.back() != known.family) families.push_back(known.family);
  }
  return families;
}

std::string importedFamily(const std::string& dataset) {
  for (const std::string& family : originalFamilies()) {
    if (dataset == family + "-original" || dataset == family + "-import") return family;
  }
  return {};
}

std::shared_ptr<const OriginalFile> openOriginalFile(const std::string& path, const OriginalSettings& settings,
                                                     const Context& context) {
  const std::vector<std::string> families = originalFamilies();
  if (!settings.as.empty() && std::find(families.begin(), families.end(), settings.as) == families.end()) {
    throw Error(ErrorKind::Usage, "originals of '" + settings.as + "' cannot be imported",
                "known originals: " + joined(families));
  }
  const Known& known = identify(path);
  OriginalDescription description;
  description.kind = {known.family, known.npz};
  if (!settings.as.empty() && settings.as != known.family) {
    refuse(path,
           "it is laid out like an original " + toString(description.kind) + " file, not like one of " + settings.as);
  }
  const DatasetFamily* family = findDatasetFamily(known.family);
  if (!family) throw Error(ErrorKind::Unavailable, "this build does not know " + std::string(known.family));
  KeyValues noSettings(family->name, std::string());
  SourceInfo info = family->open(noSettings)->info();
  info.shape.height = info.shape.width = settings.side;
  if (!settings.factors.empty()) info.grid = FactorGrid(settings.factors);

  context.throwIfCancelled();
  description.sha256 = toHex(sha256OfFile(path));
  if (known.npz) description.md5 = md5OfFile(path);
  description.published = (known.npz ? description.md5 : description.sha256) == known.digest;
  info.dataset = known.family + std::string(description.published ? "-original" : "-import");
  const ExpectedArrays expected = expectedArrays(known, info);
  return known.npz ? openNpz(path, expected, std::move(info), std::move(description), context)
                   : openHdf5(path, expected, std::move(info), std::move(description), settings.scratch, context);
}

}  // namespace offaxis
