// Progress of runs that are trained side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/context.h"

namespace offaxis {

// Runs side by side report to one bar: their steps add up, their own beginnings and ends are not shown. One of the
// workers, the one that leads, shows the loss of its run.
class GridProgress final : public Progress {
 public:
  GridProgress(const Context& outer, bool leads, const std::function<std::string()>& count)
      : outer_(outer), leads_(leads), count_(count) {}
  void begin(const std::string&, std::uint64_t, const std::string& unit, std::uint64_t done) override {
    training_ = unit == "steps";
    if (!training_ || done <= counted_) return;
    outer_.advance(done - counted_);
    counted_ = done;
  }
  void advance(std::uint64_t units) override {
    if (!training_) return;
    counted_ += units;
    outer_.advance(units);
  }
  // What follows belongs to another run. One run may be trained in several stretches.
  void nextRun() { counted_ = 0; }
  void status(const std::string& text) override {
    if (leads_ && training_) outer_.status(text + "  " + count_());
  }
  void end() override { training_ = false; }
  void note(const std::string&) override {}

 private:
  const Context& outer_;
  bool leads_ = false, training_ = false;
  std::uint64_t counted_ = 0;  // steps of this run that the bar has
  const std::function<std::string()>& count_;
};

}  // namespace offaxis
