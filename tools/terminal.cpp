#include "tools/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>

namespace offaxis::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(150);

std::size_t terminalWidth() {
  struct winsize size {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

std::string formatRate(double rate) {
  std::array<char, 32> text{};
  if (rate >= 10000) {
    std::snprintf(text.data(), text.size(), "%.1fk", rate / 1000);
  } else {
    std::snprintf(text.data(), text.size(), rate >= 10 ? "%.0f" : "%.1f", rate);
  }
  return text.data();
}

}  // namespace

std::string formatDuration(double seconds) {
  const auto whole = static_cast<long long>(seconds + 0.5);
  std::array<char, 48> text{};
  if (whole >= 3600) {
    std::snprintf(text.data(), text.size(), "%lld h %02lld min", whole / 3600, whole % 3600 / 60);
  } else if (whole >= 60) {
    std::snprintf(text.data(), text.size(), "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lld s", whole);
  }
  return text.data();
}

TerminalProgress::TerminalProgress(bool quiet, bool verbose)
    : live_(!quiet && ::isatty(STDERR_FILENO) != 0),
      notes_(!quiet && (live_ || verbose)),
      plain_(!quiet && verbose && !live_) {}

TerminalProgress::~TerminalProgress() {
  clear();
}

void TerminalProgress::begin(const std::string& label, std::uint64_t total, const std::string& unit,
                             std::uint64_t done) {
  std::lock_guard<std::mutex> lock(mutex_);
  label_ = label;
  unit_ = unit;
  status_.clear();
  total_ = total;
  done_ = doneBefore_ = done;
  started_ = Clock::now();
  drawn_ = started_;
  if (plain_) std::cerr << label_ << ": " << total_ << ' ' << unit_ << '\n';
}

void TerminalProgress::advance(std::uint64_t units) {
  std::lock_guard<std::mutex> lock(mutex_);
  done_ += units;
  if (live_ && Clock::now() - drawn_ >= kRedraw) draw(false);
}

void TerminalProgress::status(const std::string& text) {
  std::lock_guard<std::mutex> lock(mutex_);
  status_ = text;
}

void TerminalProgress::end() {
  std::lock_guard<std::mutex> lock(mutex_);
  const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  if (live_) {
    draw(true);
    std::cerr << '\n';
    shown_ = false;
  } else if (plain_) {
    std::cerr << label_ << ": done in " << formatDuration(seconds) << '\n';
  }
}

void TerminalProgress::note(const std::string& line) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!notes_) return;
  clear();
  std::cerr << line << '\n';
}

void TerminalProgress::draw(bool last) {
  drawn_ = Clock::now();
  const double seconds = std::chrono::duration<double>(drawn_ - started_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - doneBefore_) / seconds : 0;
  std::string line = label_ + "  " + std::to_string(done_) + "/" + std::to_string(total_) + " " + unit_;
  if (total_ > 0) line += "  " + std::to_string(std::min<std::uint64_t>(100, 100 * done_ / total_)) + " %";
  line += "  " + formatRate(rate) + "/s";
  if (last) {
    line += "  " + formatDuration(seconds);
  } else if (rate > 0 && total_ > done_) {
    line += "  ETA " + formatDuration(static_cast<double>(total_ - done_) / rate);
  }
  if (!status_.empty()) line += "  " + status_;
  const std::size_t width = terminalWidth() - 1;
  if (line.size() > width) line.resize(width);
  std::cerr << '\r' << line << "\x1b[K" << std::flush;
  shown_ = true;
}

void TerminalProgress::clear() {
  if (!shown_) return;
  std::cerr << "\r\x1b[K" << std::flush;
  shown_ = false;
}

}  // namespace offaxis::cli
