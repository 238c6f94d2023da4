// Progress on a terminal: a line with rate and ETA, redrawn a few times a second; nothing where stderr is a pipe.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "core/context.h"

namespace offaxis::cli {

class TerminalProgress final : public Progress {
 public:
  TerminalProgress(bool quiet, bool verbose);
  ~TerminalProgress() override;

  void begin(const std::string& label, std::uint64_t total, const std::string& unit, std::uint64_t done) override;
  void advance(std::uint64_t units) override;
  void status(const std::string& text) override;
  void end() override;
  void note(const std::string& line) override;

 private:
  using Clock = std::chrono::steady_clock;

  void draw(bool last);
  void clear();

  bool live_;   // draw a progress line
  bool notes_;  // print notes
  bool plain_;  // no live line, but say when something begins and ends
  std::mutex mutex_;
  std::string label_;
  std::string unit_;
  std::string status_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t doneBefore_ = 0;
  Clock::time_point started_;
  Clock::time_point drawn_;
  bool shown_ = false;
};

// "1 h 02 min", "3 min 20 s", "12 s"
std::string formatDuration(double seconds);

}  // namespace offaxis::cli
