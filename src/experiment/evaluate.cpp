#include "experiment/evaluate.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "core/error.h"
#include "core/parallel.h"
#include "core/philox.h"
#include "experiment/evaluation_grid.h"
#include "experiment/grid_directory.h"
#include "experiment/grid_progress.h"
#include "experiment/run_maker.h"
#include "storage/file_lock.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchemaVersion = 1;  // of results.json

class Evaluation {
 public:
  Evaluation(const Evaluation&) = delete;  // its parts refer to one another
  Evaluation(const EvaluateSettings& settings, const std::string& directory, const Context& context)
      : grid_(settings), directory_(grid_, directory), maker_(grid_, directory_), context_(context) {
    rows_.resize(grid_.cells().size());
    result_.rotation = grid_.rotation();
    result_.latents = grid_.latents();
    result_.beta = grid_.beta();
    result_.loss = grid_.loss();
    result_.path = directory_.results();
  }

  EvaluationResult run() {
    std::error_code error;
    // Before anything is made or removed; what is finished can be shown without the device that it was made on.
    if (grid_.settings().overwrite || !std::filesystem::exists(directory_.runs(), error))
      checkDevice(grid_.settings().profile.train.device);
    std::filesystem::create_directories(directory_.runs(), error);
    if (error)
      throw Error(ErrorKind::CannotWrite, "cannot make the directory " + directory_.runs() + ": " + error.message());
    // Those who fill the grid share it; whoever empties it has it alone until that is done.
    FileLock lock(directory_.lock(), grid_.settings().overwrite ? FileLock::Kind::Exclusive : FileLock::Kind::Shared);
    if (!lock.held() && grid_.settings().overwrite)
      throw Error(ErrorKind::CannotWrite,
                  "another process is filling " + directory_.path() + ", --force would undo its work",
                  "leave --force out to join it, or stop it first");
    if (!lock.held())
      throw Error(ErrorKind::CannotWrite, "another process is removing the runs of " + directory_.path() + " (--force)",
                  "give the command again in a moment");
    if (!grid_.settings().overwrite) {
      directory_.refuseOtherResults();
      for (std::size_t i = 0; i < grid_.cells().size(); ++i) rows_[i] = directory_.readRow(grid_.cells()[i]);
    }
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < grid_.cells().size(); ++i) {
      if (!rows_[i] || !maker_.missingMetrics(*rows_[i]).empty()) open.push_back(i);
    }
    const std::size_t done = grid_.cells().size() - open.size();
    if (done > 0)
      context_.note(std::to_string(done) + " of " + std::to_string(grid_.cells().size()) + " runs were done already");
    if (!open.empty()) checkDevice(grid_.settings().profile.train.device);
    findRoots(open);
    if (grid_.settings().overwrite) directory_.clear();
    lock.share();
    writeResults();  // fails early where the directory is not writable
    train(open);
    // What others made meanwhile may lack metrics that were asked for here.
    readOthers();
    train(unscored());
    // Two processes may end at once: one may write what it read before the other's last row over that one's results. So
    // each looks again after it wrote, and the last to write has all.
    do {
      writeResults();
    } while (readOthers());
    return finish();
  }

 private:
  // Takes over what other processes have made meanwhile, whole rows or further scores of one; whether that was any.
  bool readOthers() {
    bool any = false;
    for (std::size_t i = 0; i < grid_.cells().size(); ++i) {
      std::optional<EvaluationRow> there = directory_.readRow(grid_.cells()[i]);
      if (!there || (rows_[i] && toJson(*rows_[i]) == toJson(*there))) continue;
      rows_[i] = std::move(there);
      any = true;
    }
    return any;
  }

  std::vector<std::size_t> unscored() const {
    std::vector<std::size_t> cells;
    for (std::size_t i = 0; i < grid_.cells().size(); ++i) {
      if (rows_[i] && rows_[i]->error.empty() && !maker_.isDone(rows_[i])) cells.push_back(i);
    }
    return cells;
  }

  void findRoots(const std::vector<std::size_t>& open) {
    grid_.findRoots(open, context_);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (rows_[i]) directory_.refuseOtherImages(grid_.cells()[i], *rows_[i]);
    }
  }

  void train(const std::vector<std::size_t>& open) {
    if (open.empty()) return;
    std::uint64_t steps = 0;
    for (const std::size_t i : open) steps += grid_.trainSettings(grid_.cells()[i]).steps;
    context_.begin("evaluating " + std::to_string(open.size()) + " runs", steps, "steps");
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> finished{grid_.cells().size() - open.size()};
    std::mutex mutex;
    std::exception_ptr failure;
    const std::function<std::string()> progressText = [&] {
      return std::to_string(finished) + " of " + std::to_string(grid_.cells().size()) + " runs done";
    };
    const auto work = [&](bool leads) {
      GridProgress progress(context_, leads, progressText);
      for (std::size_t at = next++; at < open.size(); at = next++) {
        try {
          const Cell& cell = grid_.cells()[open[at]];
          const FileLock claim(directory_.lockOf(cell));
          if (!claim.held()) continue;  // another process is at it
          progress.nextRun();
          std::optional<EvaluationRow> row;
          row = directory_.readRow(cell);  // another process may have made it since
          if (!row) {
            row = maker_.make(cell, {1, context_.cancel, &progress});
          } else if (!maker_.missingMetrics(*row).empty()) {
            row = maker_.scoredAgain(cell, std::move(*row), {1, context_.cancel, &progress}, context_);
          }
          const std::lock_guard<std::mutex> lock(mutex);
          rows_[open[at]] = std::move(row);
          writeResults();
          ++finished;
          context_.status(progressText());
        } catch (...) {
          const std::lock_guard<std::mutex> lock(mutex);
          if (!failure) failure = std::current_exception();
          next = open.size();  // runs under way end, and are kept; no new ones begin
          return;
        }
      }
    };
    std::vector<std::thread> workers;
    const auto count = std::min<std::size_t>(static_cast<std::size_t>(std::max(context_.threads, 1)), open.size());
    startThreads(workers, 0, static_cast<int>(count), 1, [&](int worker) { work(worker == 0); });
    for (std::thread& worker : workers) worker.join();
    context_.end();
    if (!failure) return;
    writeResults();
    try {
      std::rethrow_exception(failure);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Interrupted || !grid_.settings().overwrite) throw;
      throw Error(ErrorKind::Interrupted, error.what(), kGoesOnWithoutForce);
    }
  }

  void fillSummary() {
    std::vector<FinishedRun> finished;
    for (std::size_t i = 0; i < grid_.cells().size(); ++i) {
      if (rows_[i] && rows_[i]->error.empty()) finished.push_back({&*rows_[i], grid_.clusterOf(grid_.cells()[i].arm)});
    }
    result_.summary = summarise(finished, grid_.variants(), grid_.settings().models, grid_.against());
  }

  void calibrate() {
    if (calibrated_) return;
    const std::uint64_t count = grid_.settings().profile.encodeCount;
    const Source& source = *grid_.arms()[0].source;
    std::vector<std::int64_t> factors;
    const Philox philox(0, "calibration");
    for (std::uint64_t i = 0; i < count; ++i) {
      for (const std::uint32_t level : grid_.info().grid.levelsOf(source.gridIndex(philox.below(source.size(), i))))
        factors.push_back(level);
    }
    result_.calibration =
        calibrateMig({nullptr, factors.data(), count, 0, grid_.factorSizes().size()}, grid_.factorSizes(), 0);
    calibrated_ = true;
  }

  void writeResults() {
    calibrate();
    fillSummary();
    result_.complete = std::all_of(rows_.begin(), rows_.end(), [&](const auto& row) { return maker_.isDone(row); });
    // Rows that are older than definitions say nothing of theirs, so nothing is said for them.
    std::set<const OpenArm*> unvouched;
    for (std::size_t i = 0; i < grid_.cells().size(); ++i) {
      if (rows_[i] && rows_[i]->sourceDefinition.empty()) unvouched.insert(&grid_.arms()[grid_.cells()[i].arm]);
    }
    Json sources = Json::object();
    for (const OpenArm& arm : grid_.arms()) {
      Json& source = sources[arm.arm.label()];
      source = {{"expression", arm.arm.expression},
                {"resolved", arm.source->info().expression()},
                {"identity", arm.identity}};
      if (!unvouched.count(&arm)) source["definition"] = arm.definition;
    }
    Json rows = Json::array();
    for (const auto& row : rows_) {
      if (row) rows.push_back(toJson(*row));
    }
    Json summaries = Json::array();
    for (const EvaluationSummary& summary : result_.summary)
      summaries.push_back(toJson(summary, summary.variant == grid_.against() ? "" : grid_.against()));
    Json results{{"schema_version", kSchemaVersion},
                 {"status", result_.complete ? "complete" : "partial"},
                 {"configuration", grid_.configuration()}};
    if (std::any_of(grid_.settings().models.begin(), grid_.settings().models.end(), isSupervised))
      results["probe"] = grid_.probeConfiguration();
    results.update(Json{{"seeds", grid_.seeds()},
                        {"models", grid_.settings().models},
                        {"sources", sources},
                        {"calibration",
                         {{"ceiling", result_.calibration.ceiling},
                          {"floor", result_.calibration.floor},
                          {"floor_sd", result_.calibration.floorSd}}},
                        {"summary", summaries},
                        {"rows", rows}});
    writeTextFile(result_.path, results.dump(2) + "\n", Overwrite::Replace);
  }

  EvaluationResult finish() {
    std::size_t failed = 0;
    std::string example;
    std::size_t elsewhere = 0, unscored = 0;
    for (const auto& row : rows_) {
      if (!row) {
        ++elsewhere;
        continue;
      }
      if (row->error.empty() && !maker_.isDone(row)) ++unscored;
      if (row->error.empty()) {
        result_.rows.push_back(*row);
        continue;
      }
      ++failed;
      example = row->variant + ", " + row->model + ", seed " + std::to_string(row->seed) + ": " + row->error;
    }
    if (elsewhere > 0)
      context_.note(std::to_string(elsewhere) + " runs are being made by other processes; the last to end has all" +
                    (grid_.metrics().empty() ? "" : ", and their metrics where it was asked for them"));
    if (unscored > 0)
      context_.note(
          std::to_string(unscored) +
          " runs lack metrics, other processes are at them: the same command again adds what is missing then");
    if (failed > 0) {
      throw Error(ErrorKind::Failed,
                  std::to_string(failed) + " of " + std::to_string(rows_.size()) + " runs failed, such as " + example,
                  "the others are in " + result_.path);
    }
    return std::move(result_);
  }

  EvaluationGrid grid_;
  GridDirectory directory_;
  RunMaker maker_;
  const Context& context_;
  std::vector<std::optional<EvaluationRow>> rows_;  // of the grid's cells
  EvaluationResult result_;
  bool calibrated_ = false;
};

}  // namespace

EvaluationResult evaluate(const EvaluateSettings& settings, const std::string& directory, const Context& context) {
  return Evaluation(settings, directory, context).run();
}

}  // namespace offaxis
