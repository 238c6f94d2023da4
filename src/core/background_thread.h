// A thread beside the caller's, for one task after the other: what tasks keep in thread_local variables lasts from one
// to the next.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace offaxis {

// Used by one thread at a time. The thread begins with the first task; what a task uses must outlive this object, which
// waits for the task that runs when it ends.
class BackgroundThread {
 public:
  BackgroundThread() = default;
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  // Begins the task, after the one before. An exception of that one which nobody waited for is dropped. False where
  // there is no thread to be had: nothing runs.
  bool start(std::function<void()> task);
  // Until the task has ended; rethrows what it threw, once. At once where none was begun.
  void wait();

 private:
  void run();

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;  // begun and not ended yet
  std::exception_ptr error_;    // of the one that ended last
  bool ends_ = false;
};

}  // namespace offaxis
