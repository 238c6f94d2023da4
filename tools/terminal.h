// What a terminal shows: progress on a line with rate, ETA and a sparkline, redrawn a few times a second (nothing where
// stderr is a pipe), and tables fitted to the terminal's width. Colours only on a terminal without NO_COLOR.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

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
  std::vector<double> history_;  // of the number that status_ begins with
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t doneBefore_ = 0;
  Clock::time_point started_;
  Clock::time_point drawn_;
  bool shown_ = false;
};

// "1 h 02 min", "3 min 20 s", "12 s"
std::string formatDuration(double seconds);

// One block character a value, the lowest the smallest, the highest the largest; the last `width` of them.
std::string sparkline(const std::vector<double>& values, std::size_t width);

// The number of a status that begins with a name and a number, "rec 41.2, KL 7"; false for any other text.
bool leadingNumber(const std::string& status, double& value);

// Columns of the terminal that `descriptor` is; 0 where it is none (a pipe, a file).
std::size_t columnsOf(int descriptor);

// Whether `descriptor` takes colours: a terminal that is not "dumb", and NO_COLOR is unset or empty (no-color.org).
bool takesColours(int descriptor);

struct TableColumn {
  std::string name;
  std::size_t atLeast = 0;  // characters
  bool right = false;       // aligned
  int dispensable = 0;      // the column of the highest number is left out first; 0: never
};

struct Table {
  std::vector<TableColumn> columns;
  std::vector<std::vector<std::string>> rows;  // as many texts as columns, plain characters
};

// Lines of columns two spaces apart, the header first. Where they are wider than `width` (0: no limit), columns are
// left out, and the names of these are returned in `leftOut`. `bold`: the header in bold type.
std::string formatTable(const Table& table, std::size_t width, bool bold, std::vector<std::string>& leftOut);

}  // namespace offaxis::cli
