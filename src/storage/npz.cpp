#include "storage/npz.h"

#include <fcntl.h>
#include <zip.h>

#include <array>
#include <cstring>
#include <memory>

#include "core/error.h"
#include "storage/descriptor.h"

namespace offaxis {
namespace {

struct TypeName {
  NpyType type;
  const char* descr;
  std::uint64_t bytes;
};
constexpr std::array<TypeName, 5> kTypes{{{NpyType::U8, "|u1", 1},
                                          {NpyType::I32, "<i4", 4},
                                          {NpyType::I64, "<i8", 8},
                                          {NpyType::F32, "<f4", 4},
                                          {NpyType::F64, "<f8", 8}}};
constexpr std::uint64_t kMaxHeader = 64 << 10;
constexpr std::size_t kMaxRank = 32;              // numpy's own limit
constexpr std::uint64_t kMaxDeflateRatio = 1032;  // a match of 258 bytes takes at least two bits
constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMagicBytes = sizeof kMagic - 1;

const TypeName& typeNameOf(NpyType type) {
  return kTypes[static_cast<std::size_t>(type)];
}

// False where count * size would pass 2^62.
bool arrayBytes(const std::vector<std::uint64_t>& dims, std::uint64_t elementSize, std::uint64_t& bytes) {
  bytes = elementSize;
  bool empty = false;
  for (const std::uint64_t dim : dims) empty = empty || dim == 0;
  if (empty) {
    bytes = 0;
    return true;
  }
  for (const std::uint64_t dim : dims) {
    if (dim > (std::uint64_t{1} << 62) / bytes) return false;
    bytes *= dim;
  }
  return true;
}

// The dictionary of an npy header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, keys in any order.
// A Python literal of this one form and nothing else.
class HeaderParser {
 public:
  explicit HeaderParser(const std::string& text) : text_(text) {}

  // An empty string, or what is wrong.
  std::string parse(NpyArray& array) {
    bool hasType = false;
    bool hasOrder = false;
    bool hasShape = false;
    if (!take('{')) return "is not a dictionary";
    while (!take('}')) {
      std::string key;
      if (!quoted(key) || !take(':')) return "is malformed";
      if (key == "descr" && !hasType) {
        hasType = true;
        std::string descr;
        if (!quoted(descr)) return "describes a structured type";
        if (descr.find('O') != std::string::npos) return "describes Python objects, which are never unpickled";
        if (!descr.empty() && descr[0] == '>') return "describes big-endian values";
        if (!typeNamed(descr, array.type)) return "describes the unsupported type '" + descr + "'";
      } else if (key == "fortran_order" && !hasOrder) {
        hasOrder = true;
        if (word("True")) return "describes Fortran order, which numpy.ascontiguousarray() turns into C order";
        if (!word("False")) return "is malformed";
      } else if (key == "shape" && !hasShape) {
        hasShape = true;
        if (!shape(array.dims)) return "has a malformed shape";
      } else {
        return "is malformed";
      }
      if (take(',')) continue;
      if (take('}')) break;
      return "is malformed";
    }
    skipSpace();
    if (at_ != text_.size()) return "is malformed";
    return hasType && hasOrder && hasShape ? "" : "is incomplete";
  }

 private:
  void skipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    skipSpace();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool word(const std::string& expected) {
    skipSpace();
    if (text_.compare(at_, expected.size(), expected) != 0) return false;
    at_ += expected.size();
    return true;
  }
  bool quoted(std::string& value) {
    skipSpace();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return false;
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string::npos) return false;
    value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return value.find('\\') == std::string::npos;
  }
  bool shape(std::vector<std::uint64_t>& dims) {
    dims.clear();
    if (!take('(')) return false;
    bool comma = true;  // whether another number may follow
    while (!take(')')) {
      skipSpace();
      std::uint64_t dim = 0;
      std::size_t digits = 0;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, ++digits) {
        dim = dim * 10 + static_cast<std::uint64_t>(text_[at_] - '0');
      }
      if (!comma || digits == 0 || digits > 18 || dims.size() == kMaxRank) return false;
      dims.push_back(dim);
      if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // as Python 2 wrote long integers
      comma = take(',');
    }
    return dims.size() != 1 || comma;  // "(3)" is a number, not a shape
  }
  static bool typeNamed(const std::string& descr, NpyType& type) {
    for (const TypeName& name : kTypes) {
      if (descr == name.descr || (name.bytes == 1 && descr == "<u1")) {
        type = name.type;
        return true;
      }
    }
    return false;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

class Archive {
 public:
  explicit Archive(const std::string& path) : path_(path) {
    requireRegular(Descriptor(path, O_RDONLY | O_NONBLOCK), path);
    int code = 0;
    archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (archive_) return;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    const bool noArchive = code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS;
    throw Error(ErrorKind::BadFile, "cannot read '" + path_ + "': " + reason,
                noArchive ? "an .npz file is a zip archive, whose end says so: was all of it downloaded?" : "");
  }
  zip_t* get() const { return archive_.get(); }
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::BadFile, "cannot read '" + path_ + "': " + why);
  }

 private:
  struct Discard {
    void operator()(zip_t* archive) const { zip_discard(archive); }
  };
  std::string path_;
  std::unique_ptr<zip_t, Discard> archive_;
};

class Member {
 public:
  Member(const Archive& archive, const std::string& name, zip_uint64_t index)
      : archive_(archive), name_(name), file_(zip_fopen_index(archive.get(), index, 0), &zip_fclose) {
    if (!file_) fail(zip_strerror(archive.get()));
  }
  [[noreturn]] void fail(const std::string& why) const { archive_.fail("array '" + name_ + "' " + why); }

  void read(void* data, std::uint64_t bytes) {
    for (std::uint64_t done = 0; done < bytes;) {
      const zip_int64_t count = zip_fread(file_.get(), static_cast<std::uint8_t*>(data) + done, bytes - done);
      if (count <= 0) fail("is damaged or truncated");
      done += static_cast<std::uint64_t>(count);
    }
  }
  // Reaching the end is what makes libzip compare the checksum.
  void expectEnd() {
    char extra = 0;
    if (zip_fread(file_.get(), &extra, 1) != 0) fail("is damaged");
  }

 private:
  const Archive& archive_;
  std::string name_;
  std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file_;
};

std::string headerOf(const NpyArray& array) {
  std::string shape;
  for (const std::uint64_t dim : array.dims) shape += (shape.empty() ? "" : ", ") + std::to_string(dim);
  if (array.dims.size() == 1) shape += ",";
  std::string text = std::string("{'descr': '") + typeNameOf(array.type).descr +
                     "', 'fortran_order': False, 'shape': (" + shape + "), }";
  const std::size_t unpadded = kMagicBytes + 4 + text.size() + 1;
  text.append((64 - unpadded % 64) % 64, ' ');  // the data starts at a multiple of 64 bytes
  text += '\n';
  std::string header(kMagic, kMagicBytes);
  header += '\x01';
  header += '\x00';
  header += static_cast<char>(text.size() & 255);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace

std::uint64_t NpyArray::count() const {
  std::uint64_t product = 1;
  for (const std::uint64_t dim : dims) product *= dim;
  return product;
}

struct NpyStream::State {
  State(const std::string& path, const std::string& member, std::uint64_t limit)
      : archive(path), index(locate(archive, path, member)), file(archive, member, index) {
    zip_stat_t status;
    constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(archive.get(), index, 0, &status) != 0 || (status.valid & kNeeded) != kNeeded)
      file.fail("is damaged");
    if (status.size > kMaxHeader + limit) file.fail("is larger than " + std::to_string(limit) + " bytes");
    if (status.size / kMaxDeflateRatio > status.comp_size + 64) file.fail("claims an impossible size");

    std::array<std::uint8_t, kMagicBytes + 2> start{};
    file.read(start.data(), start.size());
    const int version = start[kMagicBytes];
    if (std::memcmp(start.data(), kMagic, kMagicBytes) != 0) file.fail("is not in npy format");
    if (version < 1 || version > 3 || start[kMagicBytes + 1] != 0) file.fail("is of an unknown npy version");
    std::array<std::uint8_t, 4> length{};
    const std::size_t lengthBytes = version == 1 ? 2 : 4;
    file.read(length.data(), lengthBytes);
    const std::uint64_t headerBytes = length[0] | length[1] << 8 | length[2] << 16 | std::uint64_t{length[3]} << 24;
    if (headerBytes > kMaxHeader) file.fail("has a header of absurd size");
    std::string header(headerBytes, '\0');
    file.read(header.data(), header.size());

    if (const std::string wrong = HeaderParser(header).parse(array); !wrong.empty())
      file.fail("has a header that " + wrong);
    if (!arrayBytes(array.dims, typeNameOf(array.type).bytes, bytes) || bytes > limit)
      file.fail("is larger than " + std::to_string(limit) + " bytes");
    if (status.size != start.size() + lengthBytes + headerBytes + bytes)
      file.fail("has a size that its header contradicts");
  }

  static zip_uint64_t locate(const Archive& archive, const std::string& path, const std::string& member) {
    const zip_int64_t index = zip_name_locate(archive.get(), (member + ".npy").c_str(), 0);
    if (index < 0) archive.fail("it has no array '" + member + "' (it has: " + joined(npzMembers(path)) + ")");
    return static_cast<zip_uint64_t>(index);
  }

  Archive archive;
  zip_uint64_t index;
  Member file;
  NpyArray array;  // its bytes stay empty
  std::uint64_t bytes = 0;
};

NpyStream::NpyStream(const std::string& path, const std::string& member, std::uint64_t limit)
    : state_(std::make_unique<State>(path, member, limit)) {}
NpyStream::~NpyStream() = default;
NpyStream::NpyStream(NpyStream&&) noexcept = default;
NpyStream& NpyStream::operator=(NpyStream&&) noexcept = default;

NpyType NpyStream::type() const {
  return state_->array.type;
}
const std::vector<std::uint64_t>& NpyStream::dims() const {
  return state_->array.dims;
}
std::uint64_t NpyStream::bytes() const {
  return state_->bytes;
}
void NpyStream::read(void* data, std::uint64_t bytes) {
  state_->file.read(data, bytes);
}
void NpyStream::finish() {
  state_->file.expectEnd();
}

NpyArray readNpz(const std::string& path, const std::string& member, std::uint64_t limit) {
  NpyStream stream(path, member, limit);
  NpyArray array{stream.type(), stream.dims(), std::vector<std::uint8_t>(stream.bytes())};
  stream.read(array.bytes.data(), array.bytes.size());
  stream.finish();
  return array;
}

std::vector<std::string> npzMembers(const std::string& path) {
  const Archive archive(path);
  std::vector<std::string> names;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* const raw = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
    const std::string name = raw ? raw : "";
    if (name.size() > 4 && name.compare(name.size() - 4, 4, ".npy") == 0)
      names.push_back(name.substr(0, name.size() - 4));
  }
  return names;
}

void writeNpz(const std::string& path, const std::string& target,
              const std::vector<std::pair<std::string, NpyArray>>& members) {
  const auto fail = [&](const std::string& why) { cannotWrite(target, why, hintFor(errno)); };
  errno = 0;
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(reason);
  }
  auto failArchive = [&] {
    const std::string reason = zip_strerror(archive);
    zip_discard(archive);
    fail(reason);
  };
  std::vector<std::string> contents;  // libzip reads them when the archive is closed
  contents.reserve(members.size());
  for (const auto& [name, array] : members) {
    contents.push_back(headerOf(array));
    contents.back().append(reinterpret_cast<const char*>(array.bytes.data()), array.bytes.size());
    zip_source_t* const source = zip_source_buffer(archive, contents.back().data(), contents.back().size(), 0);
    if (!source) failArchive();
    const zip_int64_t index = zip_file_add(archive, (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      failArchive();
    }
    // The earliest date that zip can say, 1 January 1980: a real one would make equal content differ.
    if (zip_file_set_dostime(archive, static_cast<zip_uint64_t>(index), 0, 1 << 5 | 1, 0) != 0 ||
        zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_DEFLATE, 6) != 0) {
      failArchive();
    }
  }
  if (zip_close(archive) != 0) failArchive();
}

}  // namespace offaxis
