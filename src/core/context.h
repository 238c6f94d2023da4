// What every long operation takes: how many threads, whom to tell, and when to stop.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace offaxis {

// Set from a signal handler or another thread; polled by long operations at points where they can stop cleanly.
class CancelToken {
 public:
  void request() noexcept { requested_.store(true, std::memory_order_relaxed); }
  bool requested() const noexcept { return requested_.load(std::memory_order_relaxed); }
  // Throws Error(Interrupted) once a stop was requested.
  void throwIfRequested() const {
    if (requested()) throw Error(ErrorKind::Interrupted, "interrupted");
  }

 private:
  std::atomic<bool> requested_{false};
};

// Receives progress; library code never prints. Calls may come from any thread, `begin`/`end` pairs do not nest.
class Progress {
 public:
  virtual ~Progress() = default;
  // `total` in `unit`s ("images", "steps"); `done` units were finished before (a resumed run).
  virtual void begin(const std::string& label, std::uint64_t total, const std::string& unit,
                     std::uint64_t done = 0) = 0;
  virtual void advance(std::uint64_t units) = 0;
  // A short live text beside the bar, such as "loss 41.2"; replaces the last one.
  virtual void status(const std::string& text) = 0;
  virtual void end() = 0;
  // A line worth keeping, such as "resumed at step 2000".
  virtual void note(const std::string& line) = 0;
};

// Passed by reference down the layers; the pointers may be null and are not owned.
struct Context {
  int threads = 1;  // >= 1; never changes a result
  const CancelToken* cancel = nullptr;
  Progress* progress = nullptr;

  void throwIfCancelled() const {
    if (cancel) cancel->throwIfRequested();
  }
  void begin(const std::string& label, std::uint64_t total, const std::string& unit, std::uint64_t done = 0) const {
    if (progress) progress->begin(label, total, unit, done);
  }
  void advance(std::uint64_t units) const {
    if (progress) progress->advance(units);
  }
  void status(const std::string& text) const {
    if (progress) progress->status(text);
  }
  void end() const {
    if (progress) progress->end();
  }
  void note(const std::string& line) const {
    if (progress) progress->note(line);
  }
};

// Hardware threads that the calling thread may run on (its affinity: all of the machine's, or a batch system's share of
// them), at least 1.
int hardwareThreads();

}  // namespace offaxis
