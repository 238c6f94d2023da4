#include "learn/cached_source.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <new>

namespace offaxis {
namespace {

// What the cached sources of this process may come to hold, in bytes.
std::atomic<std::uint64_t> reserved{0};

class CachedSource final : public Source {
 public:
  // The caller has reserved the images' bytes.
  explicit CachedSource(SourcePtr source)
      : source_(std::move(source)),
        bytes_(source_->info().shape.bytes()),
        images_(new std::uint8_t[source_->size() * bytes_]),  // left untouched: the kernel commits pages as they fill
        states_(source_->size()) {}

  ~CachedSource() override { reserved -= source_->size() * bytes_; }
  CachedSource(const CachedSource&) = delete;
  CachedSource& operator=(const CachedSource&) = delete;

  const SourceInfo& info() const override { return source_->info(); }
  std::uint64_t size() const override { return source_->size(); }
  std::uint64_t gridIndex(std::uint64_t row) const override { return source_->gridIndex(row); }
  std::uint64_t canonicalIndex(std::uint64_t index) const override { return source_->canonicalIndex(index); }
  SourcePtr parent() const override { return source_->parent(); }

  void read(std::uint64_t row, std::uint8_t* image) const override {
    std::uint8_t* kept = images_.get() + row * bytes_;
    if (states_[row].load(std::memory_order_acquire) == kReady) {
      std::memcpy(image, kept, bytes_);
      return;
    }
    source_->read(row, image);
    std::uint8_t expected = kEmpty;
    if (!states_[row].compare_exchange_strong(expected, kBusy, std::memory_order_relaxed)) return;
    std::memcpy(kept, image, bytes_);
    states_[row].store(kReady, std::memory_order_release);
  }

 private:
  enum State : std::uint8_t { kEmpty, kBusy, kReady };

  SourcePtr source_;
  std::uint64_t bytes_;
  std::unique_ptr<std::uint8_t[]> images_;
  mutable std::vector<std::atomic<std::uint8_t>> states_;
};

std::uint64_t physicalMemory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) : 0;
}

}  // namespace

SourcePtr cached(SourcePtr source) {
  const std::uint64_t bytes = source->size() * source->info().shape.bytes();
  if ((reserved += bytes) > physicalMemory() / 4) {
    reserved -= bytes;
    return source;
  }
  try {
    return std::make_shared<CachedSource>(source);
  } catch (const std::bad_alloc&) {
    reserved -= bytes;
    return source;
  }
}

SourcePtr cachedWhereSlow(SourcePtr source) {
  using Clock = std::chrono::steady_clock;
  constexpr std::uint64_t kImages = 64;
  constexpr std::chrono::microseconds kWorthwhile(20);  // an image; a training step takes about 200 for each of its own
  std::vector<std::uint8_t> image(source->info().shape.bytes());
  auto fastest = Clock::duration::max();  // the first reads pay for warming up
  for (std::uint64_t i = 0; i < kImages; ++i) {
    const auto start = Clock::now();
    source->read(i * (source->size() - 1) / kImages, image.data());
    fastest = std::min(fastest, Clock::now() - start);
  }
  return fastest > kWorthwhile ? cached(std::move(source)) : source;
}

}  // namespace offaxis
