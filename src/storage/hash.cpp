#include "storage/hash.h"

#include <fcntl.h>
#include <openssl/evp.h>

#include <cstring>
#include <new>

#include "core/error.h"
#include "storage/descriptor.h"

namespace offaxis {
namespace {

template <typename Integer>
void putLittleEndian(Integer value, std::uint8_t* out) {
  for (std::size_t i = 0; i < sizeof value; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::uint64_t bitsOf(double value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// OpenSSL 3 looks an algorithm up by name on every use unless it was fetched; once per process is enough.
const EVP_MD* sha256Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

void check(int result) {
  if (result != 1) throw Error(ErrorKind::Unavailable, "OpenSSL cannot compute SHA-256 on this machine");
}

std::string hexOf(const std::uint8_t* bytes, std::size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * count);
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

std::string toHex(const Digest& digest) {
  return hexOf(digest.data(), digest.size());
}

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    if (!context) throw std::bad_alloc();
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  check(EVP_DigestInit_ex(state_->context, sha256Algorithm(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(const void* data, std::size_t bytes) {
  check(EVP_DigestUpdate(state_->context, data, bytes));
  return *this;
}

Sha256& Sha256::updateU32(std::uint32_t value) {
  std::array<std::uint8_t, sizeof value> bytes{};
  putLittleEndian(value, bytes.data());
  return update(bytes.data(), bytes.size());
}

Sha256& Sha256::updateU64(std::uint64_t value) {
  std::array<std::uint8_t, sizeof value> bytes{};
  putLittleEndian(value, bytes.data());
  return update(bytes.data(), bytes.size());
}

Sha256& Sha256::updateF64(double value) {
  return updateU64(bitsOf(value));
}

Digest Sha256::finish() {
  Digest digest{};
  check(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr));
  check(EVP_DigestInit_ex(state_->context, sha256Algorithm(), nullptr));
  return digest;
}

Digest sha256Of(const void* data, std::size_t bytes) {
  return Sha256().update(data, bytes).finish();
}

namespace {

// Calls use(data, bytes) for all of a file, piece by piece.
template <typename Use>
void streamFile(const std::string& path, const Use& use) {
  const Descriptor file(path, O_RDONLY | O_NONBLOCK);
  requireRegular(file, path);
  std::vector<std::uint8_t> buffer(std::size_t{1} << 20);
  while (const std::size_t count = readSome(file, buffer.data(), buffer.size(), path)) use(buffer.data(), count);
}

}  // namespace

Digest sha256OfFile(const std::string& path) {
  Sha256 hash;
  streamFile(path, [&](const std::uint8_t* data, std::size_t bytes) { hash.update(data, bytes); });
  return hash.finish();
}

std::string md5OfFile(const std::string& path) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> hash(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  bool good = hash && EVP_DigestInit_ex(hash.get(), EVP_md5(), nullptr) == 1;
  streamFile(path, [&](const std::uint8_t* data, std::size_t bytes) {
    good = good && EVP_DigestUpdate(hash.get(), data, bytes) == 1;
  });
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned bytes = 0;
  if (!good || EVP_DigestFinal_ex(hash.get(), digest.data(), &bytes) != 1)
    throw Error(ErrorKind::Unavailable, "OpenSSL cannot compute MD5 on this machine");
  return hexOf(digest.data(), bytes);
}

RowHasher::RowHasher(ImageShape shape, std::size_t factorCount) : imageBytes_(shape.bytes()) {
  static constexpr char kTag[] = "offaxis.row.1\n";
  constexpr std::size_t tagBytes = sizeof kTag - 1;
  labelOffset_ = tagBytes + 4 * sizeof(std::uint32_t);
  prefix_.resize(labelOffset_ + factorCount * sizeof(double));
  std::memcpy(prefix_.data(), kTag, tagBytes);
  std::uint8_t* out = prefix_.data() + tagBytes;
  for (const std::uint32_t word : {std::uint32_t{1}, shape.height, shape.width, shape.channels}) {
    putLittleEndian(word, out);
    out += sizeof word;
  }
}

Digest RowHasher::operator()(const double* values, const std::uint8_t* image) {
  for (std::size_t at = labelOffset_; at < prefix_.size(); at += sizeof(double)) {
    putLittleEndian(bitsOf(*values++), prefix_.data() + at);
  }
  return hash_.update(prefix_.data(), prefix_.size()).update(image, imageBytes_).finish();
}

RootHasher::RootHasher(const FactorGrid& grid, std::uint64_t rows) {
  static constexpr char kTag[] = "offaxis.root.1\n";
  hash_.update(kTag, sizeof kTag - 1);
  hash_.updateU32(static_cast<std::uint32_t>(grid.factorCount()));
  for (const Factor& factor : grid.factors()) {
    hash_.updateU32(static_cast<std::uint32_t>(factor.name.size())).update(factor.name.data(), factor.name.size());
    hash_.updateU64(factor.size());
  }
  hash_.updateU64(rows);
}

void RootHasher::add(const Digest& row) {
  hash_.update(row.data(), row.size());
}

Digest RootHasher::finish() {
  return hash_.finish();
}

}  // namespace offaxis
