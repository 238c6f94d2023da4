// Data-parallel loops and an ordered pipeline. Results never depend on the number of threads: the functions passed
// in must be pure in their index, and whatever needs an order is consumed in index order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/context.h"

namespace offaxis {

// Calls body(begin, end, worker) for consecutive blocks of at most `grain` of [0, count), worker in [0, threads).
// Cancellation is checked between blocks. The first exception stops the loop and is rethrown.
void parallelFor(const Context& context, std::uint64_t count, std::uint64_t grain,
                 const std::function<void(std::uint64_t begin, std::uint64_t end, int worker)>& body);

// Adds threads that run work(worker) for worker in [first, end). Where the system grants no more (a limit of processes
// or memory), those that started do the work of all, whose result does not depend on their number; throws Error(Failed)
// where there are fewer than `least` of them.
void startThreads(std::vector<std::thread>& threads, int first, int end, std::size_t least,
                  const std::function<void(int worker)>& work);

// Workers run produce(index, worker) -> Item for index in [0, count), in any order; the calling thread runs
// consume(index, Item&&) in index order. At most `window` finished items wait, which bounds memory.
template <typename Item>
void orderedPipeline(const Context& context, std::uint64_t count, std::uint64_t window,
                     const std::function<Item(std::uint64_t index, int worker)>& produce,
                     const std::function<void(std::uint64_t index, Item&&)>& consume) {
  struct Slot {
    bool ready = false;
    Item item{};
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Slot> ring(window);
  std::uint64_t next = 0;      // first index that no worker has taken
  std::uint64_t consumed = 0;  // first index that was not consumed
  std::exception_ptr failure;
  const int threads = context.threads < 1 ? 1 : context.threads;

  auto fail = [&] {
    std::lock_guard<std::mutex> lock(mutex);
    if (!failure) failure = std::current_exception();
    changed.notify_all();
  };
  auto work = [&](int worker) {
    for (;;) {
      std::uint64_t index = 0;
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return failure || next >= count || next < consumed + window; });
        if (failure || next >= count) return;
        index = next++;
      }
      try {
        context.throwIfCancelled();
        Item item = produce(index, worker);
        std::lock_guard<std::mutex> lock(mutex);
        ring[index % window].item = std::move(item);
        ring[index % window].ready = true;
        changed.notify_all();
      } catch (...) {
        fail();
        return;
      }
    }
  };

  std::vector<std::thread> workers;
  workers.reserve(static_cast<std::size_t>(threads));
  startThreads(workers, 0, threads, 1, work);
  for (; consumed < count;) {
    Item item;
    {
      std::unique_lock<std::mutex> lock(mutex);
      Slot& slot = ring[consumed % window];
      changed.wait(lock, [&] { return failure || slot.ready; });
      if (failure) break;
      item = std::move(slot.item);
      slot.ready = false;
    }
    try {
      consume(consumed, std::move(item));
    } catch (...) {
      fail();
      break;
    }
    std::lock_guard<std::mutex> lock(mutex);
    ++consumed;
    changed.notify_all();
  }
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace offaxis
