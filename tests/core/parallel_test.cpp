#include "core/parallel.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <numeric>
#include <thread>

namespace offaxis {
namespace {

Context with(int threads) {
  Context context;
  context.threads = threads;
  return context;
}

TEST(HardwareThreads, AreThoseThatThisProcessMayRunOn) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(hardwareThreads(), CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(hardwareThreads(), 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(ParallelFor, VisitsEveryIndexOnce) {
  for (const int threads : {1, 2, 7}) {
    for (const std::uint64_t count : {0u, 1u, 5u, 1000u}) {
      std::vector<std::atomic<int>> visits(count);
      parallelFor(with(threads), count, 3, [&](std::uint64_t begin, std::uint64_t end, int worker) {
        EXPECT_LT(worker, threads);
        EXPECT_LE(end - begin, 3u);
        for (std::uint64_t i = begin; i < end; ++i) ++visits[i];
      });
      for (const auto& visit : visits) EXPECT_EQ(visit.load(), 1);
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which reserve more than any limit
// Where the system grants only some of the threads, those do the work; the address space of a child is the limit here.
TEST(ParallelForDeathTest, GoesOnWithTheThreadsThatItGets) {
  const auto work = [] {
    const struct rlimit limit { std::uint64_t{1} << 28, std::uint64_t{1} << 28 };
    ::setrlimit(RLIMIT_AS, &limit);
    std::atomic<std::uint64_t> sum{0};
    parallelFor(with(1000), 5000, 1, [&](std::uint64_t begin, std::uint64_t, int) {
      std::this_thread::sleep_for(std::chrono::microseconds(10));
      sum += begin;
    });
    std::uint64_t ordered = 0;
    orderedPipeline<std::uint64_t>(
        with(1000), 5000, 8, [](std::uint64_t index, int) { return index; },
        [&](std::uint64_t index, std::uint64_t&& item) { ordered += index == item ? item : 0; });
    std::exit(sum == 12497500 && ordered == 12497500 ? 0 : 1);
  };
  EXPECT_EXIT(work(), ::testing::ExitedWithCode(0), "");
}
#endif

TEST(ParallelFor, RethrowsTheFirstFailure) {
  EXPECT_THROW(parallelFor(with(4), 100, 1,
                           [](std::uint64_t begin, std::uint64_t, int) {
                             if (begin == 17) throw Error(ErrorKind::Failed, "seventeen");
                           }),
               Error);
}

TEST(OrderedPipeline, ConsumesInOrderWhateverTheThreads) {
  for (const int threads : {1, 3, 8}) {
    std::vector<std::uint64_t> got;
    orderedPipeline<std::uint64_t>(
        with(threads), 500, 4, [](std::uint64_t i, int) { return i * i; },
        [&](std::uint64_t i, std::uint64_t&& square) {
          EXPECT_EQ(square, i * i);
          got.push_back(i);
        });
    std::vector<std::uint64_t> want(500);
    std::iota(want.begin(), want.end(), 0);
    EXPECT_EQ(got, want);
  }
}

TEST(OrderedPipeline, FailuresOnEitherSideStopIt) {
  auto produce = [](std::uint64_t i, int) {
    if (i == 40) throw Error(ErrorKind::Failed, "produce");
    return i;
  };
  EXPECT_THROW(orderedPipeline<std::uint64_t>(with(3), 100, 4, produce, [](std::uint64_t, std::uint64_t&&) {}), Error);
  std::uint64_t consumed = 0;
  EXPECT_THROW(orderedPipeline<std::uint64_t>(
                   with(3), 100, 4, [](std::uint64_t i, int) { return i; },
                   [&](std::uint64_t i, std::uint64_t&&) {
                     if (i == 30) throw Error(ErrorKind::CannotWrite, "consume");
                     ++consumed;
                   }),
               Error);
  EXPECT_EQ(consumed, 30u);
}

TEST(OrderedPipeline, StopsWhenCancelled) {
  CancelToken cancel;
  Context context = with(2);
  context.cancel = &cancel;
  try {
    orderedPipeline<std::uint64_t>(
        context, 1000000, 4, [](std::uint64_t i, int) { return i; },
        [&](std::uint64_t i, std::uint64_t&&) {
          if (i == 10) cancel.request();
        });
    FAIL() << "not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Interrupted);
  }
}

}  // namespace
}  // namespace offaxis
