#include "learn/tensor_memory.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <thread>

namespace offaxis {
namespace {

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

constexpr std::int64_t kMiB = 1 << 20;

torch::Tensor bytes(std::int64_t count) {
  return torch::empty({count}, torch::kUInt8);
}

// Each test in a thread of its own: what is kept belongs to the thread.
template <typename Body>
void inThread(const Body& body) {
  std::thread thread([&] {
    keepTensorMemory();
    body();
  });
  thread.join();
}

TEST(TensorMemory, ATensorTakesTheMemoryOfAnEarlierOneOfItsSize) {
  inThread([] {
    const void* const first = bytes(40 * kMiB).data_ptr();
    EXPECT_GE(keptTensorBytes(), 40u << 20);
    const torch::Tensor other = bytes(39 * kMiB);
    EXPECT_NE(other.data_ptr(), first) << "another size";
    const torch::Tensor again = bytes(40 * kMiB);
    EXPECT_EQ(again.data_ptr(), first);
    EXPECT_EQ(keptTensorBytes(), 0u);
    EXPECT_NE(bytes(40 * kMiB).data_ptr(), first) << "in use";
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(other.data_ptr()) % 64, 0u);
  });
}

TEST(TensorMemory, KeepsNoSmallOnesAndNoMoreThanItsBound) {
  inThread([] {
    bytes(1024);
    bytes(0);
    EXPECT_EQ(keptTensorBytes(), 0u);
    const auto most = static_cast<std::int64_t>(kKeptTensorBytes);
    bytes(most / 2);
    const void* const last = bytes(most / 2 + kMiB).data_ptr();
    EXPECT_LE(keptTensorBytes(), kKeptTensorBytes);
    EXPECT_GT(keptTensorBytes(), kKeptTensorBytes / 2);
    EXPECT_EQ(bytes(most / 2 + kMiB).data_ptr(), last) << "the one that waited longest is the one to go";
    bytes(2 * most);
    EXPECT_LE(keptTensorBytes(), kKeptTensorBytes);
  });
}

TEST(TensorMemory, TensorsMayOutliveAndCrossThreads) {
  torch::Tensor crossing;
  inThread([&] { crossing = torch::full({kMiB}, 7, torch::kUInt8); });
  EXPECT_EQ(crossing.sum().item<std::int64_t>(), 7 * kMiB);
  inThread([&] {
    crossing = torch::Tensor();
    EXPECT_GE(keptTensorBytes(), 1u << 20) << "kept by the thread that freed it";
  });
  c10::Allocator* const allocator = c10::GetAllocator(c10::DeviceType::CPU);
  void* const raw = allocator->raw_allocate(2 * kMiB);
  allocator->raw_deallocate(raw);
}

TEST(TensorMemory, TooMuchIsAnErrorAsBefore) {
  inThread([] { EXPECT_THROW(bytes(std::int64_t{1} << 60), c10::Error); });
}

#else

TEST(TensorMemory, SanitizersWatchTheLibrarysOwn) {
  keepTensorMemory();
  EXPECT_EQ(keptTensorBytes(), 0u);
}

#endif

}  // namespace
}  // namespace offaxis
