#include "core/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <system_error>

namespace offaxis {

int hardwareThreads() {
  // hardware_concurrency() counts the whole machine's, and a batch system's share of a node is a set of them. A machine
  // with more than cpu_set_t holds is refused with EINVAL, and counted whole.
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void startThreads(std::vector<std::thread>& threads, int first, int end, std::size_t least,
                  const std::function<void(int)>& work) {
  const auto granted = [&](const std::exception& error) {
    if (threads.size() < least)
      throw Error(ErrorKind::Failed, std::string("cannot start a thread: ") + error.what(), "use fewer --threads");
  };
  try {
    if (end > first) threads.reserve(threads.size() + static_cast<std::size_t>(end - first));
    for (int worker = first; worker < end; ++worker) threads.emplace_back(work, worker);
  } catch (const std::system_error& error) {
    granted(error);
  } catch (const std::bad_alloc& error) {
    granted(error);
  }
}

void parallelFor(const Context& context, std::uint64_t count, std::uint64_t grain,
                 const std::function<void(std::uint64_t, std::uint64_t, int)>& body) {
  grain = std::max<std::uint64_t>(grain, 1);
  const std::uint64_t blocks = (count + grain - 1) / grain;
  const int threads =
      static_cast<int>(std::min<std::uint64_t>(std::max(context.threads, 1), std::max<std::uint64_t>(blocks, 1)));
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::exception_ptr failure;
  auto work = [&](int worker) {
    for (;;) {
      const std::uint64_t block = next.fetch_add(1);
      if (block >= blocks || stop.load()) return;
      try {
        context.throwIfCancelled();
        body(block * grain, std::min(count, (block + 1) * grain), worker);
      } catch (...) {
        stop.store(true);
        std::lock_guard<std::mutex> lock(mutex);
        if (!failure) failure = std::current_exception();
        return;
      }
    }
  };
  std::vector<std::thread> workers;
  startThreads(workers, 1, threads, 0, work);
  work(0);
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace offaxis
