#include "tools/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "core/text.h"

namespace offaxis::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(150);

constexpr std::size_t kSparkline = 24;  // values shown

std::size_t terminalWidth() {
  const std::size_t columns = columnsOf(STDERR_FILENO);
  return columns > 20 ? columns : 80;
}

// Block characters need a terminal that is told to read UTF-8.
bool writesUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string text = value;
    return text.find("UTF-8") != std::string::npos || text.find("utf8") != std::string::npos;
  }
  return false;
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
  const long long whole = std::llround(seconds);
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

std::string sparkline(const std::vector<double>& values, std::size_t width) {
  constexpr std::array<const char*, 8> kBlocks{"\u2581", "\u2582", "\u2583", "\u2584",
                                               "\u2585", "\u2586", "\u2587", "\u2588"};
  const std::size_t first = values.size() > width ? values.size() - width : 0;
  if (first == values.size()) return {};
  const auto [low, high] = std::minmax_element(values.begin() + static_cast<std::ptrdiff_t>(first), values.end());
  std::string text;
  for (std::size_t i = first; i < values.size(); ++i) {
    const double share = *high > *low ? (values[i] - *low) / (*high - *low) : 0;
    text +=
        kBlocks[std::min(kBlocks.size() - 1, static_cast<std::size_t>(share * static_cast<double>(kBlocks.size())))];
  }
  return text;
}

bool leadingNumber(const std::string& status, double& value) {
  const std::size_t space = status.find(' ');
  if (space == 0 || space == std::string::npos || std::isalpha(static_cast<unsigned char>(status[0])) == 0)
    return false;
  char* end = nullptr;
  const char* begin = status.c_str() + space + 1;
  value = std::strtod(begin, &end);
  return end != begin && std::isfinite(value);
}

std::size_t columnsOf(int descriptor) {
  if (::isatty(descriptor) == 0) return 0;
  struct winsize size {};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

bool takesColours(int descriptor) {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(descriptor) != 0 && (refused == nullptr || *refused == '\0') && terminal != nullptr &&
         std::string(terminal) != "dumb";
}

std::string formatTable(const Table& table, std::size_t width, bool bold, std::vector<std::string>& leftOut) {
  std::vector<std::size_t> widths, shown;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::size_t widest = std::max(table.columns[c].atLeast, table.columns[c].name.size());
    for (const auto& row : table.rows) widest = std::max(widest, row[c].size());
    widths.push_back(widest);
    shown.push_back(c);
  }
  const auto total = [&] {
    std::size_t sum = 0;
    for (const std::size_t c : shown) sum += widths[c] + 2;
    return sum == 0 ? 0 : sum - 2;
  };
  while (width > 0 && total() > width) {
    const auto least = std::max_element(shown.begin(), shown.end(), [&](std::size_t a, std::size_t b) {
      return table.columns[a].dispensable < table.columns[b].dispensable;
    });
    if (least == shown.end() || table.columns[*least].dispensable == 0) break;
    leftOut.push_back(table.columns[*least].name);
    shown.erase(least);
  }
  const auto line = [&](const auto& textOf) {
    std::string text;
    for (const std::size_t c : shown) {
      const std::string& cell = textOf(c);
      const std::string padding(widths[c] - cell.size(), ' ');
      // The last column is not padded.
      text += table.columns[c].right ? padding + cell : c == shown.back() ? cell : cell + padding;
      if (c != shown.back()) text += "  ";
    }
    return text;
  };
  const std::string header = line([&](std::size_t c) -> const std::string& { return table.columns[c].name; });
  std::string text = bold ? "\x1b[1m" + header + "\x1b[0m\n" : header + "\n";
  for (const auto& row : table.rows) text += line([&](std::size_t c) -> const std::string& { return row[c]; }) + "\n";
  return text;
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
  label_ = printable(label);
  unit_ = unit;
  status_.clear();
  history_.clear();
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
  status_ = printable(text);
  double value = 0;
  if (!leadingNumber(text, value)) return;
  if (history_.size() == kSparkline) history_.erase(history_.begin());
  history_.push_back(value);
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
  std::cerr << printable(line) << '\n';
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
  if (history_.size() > 1 && writesUtf8() && line.size() + 4 < width) {
    const std::string spark = sparkline(history_, std::min(kSparkline, width - line.size() - 2));
    line += takesColours(STDERR_FILENO) ? "  \x1b[36m" + spark + "\x1b[0m" : "  " + spark;
  }
  std::cerr << '\r' << line << "\x1b[K" << std::flush;
  shown_ = true;
}

void TerminalProgress::clear() {
  if (!shown_) return;
  std::cerr << "\r\x1b[K" << std::flush;
  shown_ = false;
}

}  // namespace offaxis::cli
