#include "learn/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/version.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

namespace offaxis {
namespace {

// Before the bytes of each block; as long as what tensors are aligned to.
struct alignas(64) Header {
  std::size_t bytes;  // of the block, the header included
};

constexpr std::size_t kGrain = std::size_t{64} << 10;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

Header* make(std::size_t bytes) {
  auto* const header = new (c10::alloc_cpu(bytes)) Header{bytes};
#if defined(MADV_HUGEPAGE)
  if (bytes >= 2 * kHugePage) {
    const std::uintptr_t page = 4096, begin = reinterpret_cast<std::uintptr_t>(header);
    const std::uintptr_t first = (begin + page - 1) / page * page, last = (begin + bytes) / page * page;
    static_cast<void>(::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE));  // an advice: may fail
  }
#endif
  return header;
}

// The blocks that a thread keeps, longest kept first.
class Kept {
 public:
  ~Kept() {
    for (Header* const block : blocks_) c10::free_cpu(block);
  }

  // Null where no block is of that size. The latest one is likeliest to be in the caches.
  Header* take(std::size_t bytes) {
    const auto found =
        std::find_if(blocks_.rbegin(), blocks_.rend(), [&](const Header* block) { return block->bytes == bytes; });
    if (found == blocks_.rend()) return nullptr;
    Header* const block = *found;
    blocks_.erase(std::next(found).base());
    bytes_ -= bytes;
    return block;
  }

  // Throws std::bad_alloc, and has not taken the block then.
  void keep(Header* block) {
    blocks_.push_back(block);
    bytes_ += block->bytes;
    std::size_t gone = 0;
    for (; bytes_ > kKeptTensorBytes; ++gone) {
      bytes_ -= blocks_[gone]->bytes;
      c10::free_cpu(blocks_[gone]);
    }
    blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(gone));
  }

  std::size_t bytes() const { return bytes_; }

 private:
  std::vector<Header*> blocks_;
  std::size_t bytes_ = 0;
};

// Null before a thread's first block and after its last: tensors may outlive what belongs to their thread.
Kept* keptHere() {
  static thread_local bool over = false;
  struct Owner {
    Kept kept;
    ~Owner() { over = true; }
  };
  if (over) return nullptr;
  static thread_local Owner owner;
  return &owner.kept;
}

// Tensors are destroyed while exceptions unwind, those of memory run out too: nothing may be thrown from here.
void release(void* data) noexcept {
  if (data == nullptr) return;
  Header* const block = static_cast<Header*>(data) - 1;
  Kept* const kept = block->bytes >= kSmallestKeptTensor ? keptHere() : nullptr;
  if (kept != nullptr) {
    try {
      kept->keep(block);
      return;
    } catch (const std::bad_alloc&) {  // goes back to the system, as it should just then
    }
  }
  c10::free_cpu(block);
}

class TensorMemory final : public c10::Allocator {
 public:
#if TORCH_VERSION_MAJOR < 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR < 3)
  c10::DataPtr allocate(std::size_t bytes) const override {
    return block(bytes);
  }
#else
  c10::DataPtr allocate(std::size_t bytes) override {
    return block(bytes);
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
#endif
  c10::DeleterFnPtr raw_deleter() const override {
    return &release;
  }

 private:
  static c10::DataPtr block(std::size_t bytes) {
    const c10::Device cpu(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, nullptr, &release, cpu};
    std::size_t whole = bytes + sizeof(Header);
    TORCH_CHECK(whole >= bytes && whole <= SIZE_MAX - kGrain, "not enough memory for a tensor of ", bytes, " bytes");
    if (whole >= kSmallestKeptTensor) whole = (whole + kGrain - 1) / kGrain * kGrain;
    Kept* const kept = whole >= kSmallestKeptTensor ? keptHere() : nullptr;
    Header* header = kept != nullptr ? kept->take(whole) : nullptr;
    if (header == nullptr) header = make(whole);
    return {header + 1, header + 1, &release, cpu};
  }
};

}  // namespace

void keepTensorMemory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  static const bool kInstalled = [] {
    c10::SetCPUAllocator(new TensorMemory);  // never destroyed: tensors may outlive everything
    return true;
  }();
  static_cast<void>(kInstalled);
#endif
}

std::size_t keptTensorBytes() {
  const Kept* const kept = keptHere();
  return kept != nullptr ? kept->bytes() : 0;
}

}  // namespace offaxis
