#include "learn/cached_source.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <new>
#include <utility>

#include "learn/image_memory.h"

namespace offaxis {
namespace {

using Clock = std::chrono::steady_clock;

class CachedSource final : public Source {
 public:
  // `memory` holds the images' bytes.
  CachedSource(SourcePtr source, ImageMemory memory)
      : memory_(std::move(memory)),
        source_(std::move(source)),
        bytes_(source_->info().shape.bytes()),
        images_(new std::uint8_t[source_->size() * bytes_]),  // left untouched: the kernel commits pages as they fill
        states_(source_->size()) {}

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
    const RowRange rows = source_->together(row);
    if (rows.count == 1 || rows.count * bytes_ > kMostTogether) {
      source_->read(row, image);
      if (claim(row)) keep(row, image);
      return;
    }
    static thread_local std::vector<std::uint8_t> images;
    images.resize(rows.count * bytes_);
    source_->readRange(rows.first, rows.count, images.data());
    std::memcpy(image, images.data() + (row - rows.first) * bytes_, bytes_);
    for (std::uint64_t i = 0; i < rows.count; ++i) {
      if (claim(rows.first + i)) keep(rows.first + i, images.data() + i * bytes_);
    }
  }

 private:
  enum State : std::uint8_t { kEmpty, kBusy, kReady };
  static constexpr std::uint64_t kMostTogether = std::uint64_t{1} << 20;  // bytes: no reader waits long

  // Whether the caller is the one to keep this row's image.
  bool claim(std::uint64_t row) const {
    std::uint8_t expected = kEmpty;
    return states_[row].compare_exchange_strong(expected, kBusy, std::memory_order_relaxed);
  }

  void keep(std::uint64_t row, const std::uint8_t* image) const {
    std::memcpy(images_.get() + row * bytes_, image, bytes_);
    states_[row].store(kReady, std::memory_order_release);
  }

  ImageMemory memory_;
  SourcePtr source_;
  std::uint64_t bytes_;
  std::unique_ptr<std::uint8_t[]> images_;
  mutable std::vector<std::atomic<std::uint8_t>> states_;
};

// Of one image, from memory where a cache beneath has all that were read; not where a file keeps the chunk it decoded
// last.
Clock::duration timeOf(const Source& source) {
  constexpr std::uint64_t kImages = 64;
  std::vector<std::uint8_t> image(source.info().shape.bytes());
  const auto rowAt = [&](std::uint64_t i) { return i % kImages * (source.size() - 1) / kImages; };
  auto fastest = Clock::duration::max();
  for (std::uint64_t i = 0; i < kImages; ++i) {
    source.read(rowAt(i), image.data());  // pays for warming up, and for what a cache beneath keeps
    source.read(rowAt(i + kImages / 2), image.data());
    const auto start = Clock::now();
    source.read(rowAt(i), image.data());
    fastest = std::min(fastest, Clock::now() - start);
  }
  return fastest;
}

}  // namespace

SourcePtr cached(SourcePtr source) {
  ImageMemory memory(source->size() * source->info().shape.bytes());
  if (!memory.held()) return source;
  try {
    return std::make_shared<CachedSource>(source, std::move(memory));
  } catch (const std::bad_alloc&) {
    return source;
  }
}

SourcePtr cachedWhereSlow(SourcePtr source) {
  return cachedWhereSlow(std::vector<SourcePtr>{std::move(source)})[0];
}

std::vector<SourcePtr> cachedWhereSlow(std::vector<SourcePtr> sources) {
  constexpr std::chrono::microseconds kWorthwhile(20);  // an image; a training step takes about 200 for each of its own
  std::vector<std::pair<Clock::duration, std::size_t>> slow;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Clock::duration spent = timeOf(*sources[i]);
    if (spent > kWorthwhile) slow.emplace_back(spent, i);
  }
  std::sort(slow.rbegin(), slow.rend());
  for (const auto& entry : slow) sources[entry.second] = cached(sources[entry.second]);
  return sources;
}

}  // namespace offaxis
