// The files of an evaluation: the rows of its finished runs, each beside its run, and the results that sum them up.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "experiment/evaluation_grid.h"
#include "experiment/evaluation_row.h"

namespace offaxis {

// Where an evaluation's files are is said at evaluate(). What belongs to another grid is refused wherever it is met:
// Error(BadFile), as for damaged files. The grid must outlive this.
class GridDirectory {
 public:
  GridDirectory(const EvaluationGrid& grid, const std::string& directory) : grid_(grid), directory_(directory) {}

  const std::string& path() const { return directory_; }
  std::string runs() const;
  std::string lock() const;                   // of the grid
  std::string results() const;                // results.json
  std::string runOf(const Cell& cell) const;  // the run's directory
  std::string lockOf(const Cell& cell) const;

  void refuseOtherResults() const;
  // Where a row names other images than its arm has, as findRoots() found them.
  void refuseOtherImages(const Cell& cell, const EvaluationRow& row) const;

  // The row of a finished run; nothing where there is none yet or where it failed.
  std::optional<EvaluationRow> readRow(const Cell& cell) const;
  void writeRow(const Cell& cell, const EvaluationRow& row) const;
  // Over the row of a run that was scored before; what that did not say of its origin stays unsaid.
  void writeRowAgain(const Cell& cell, const EvaluationRow& row) const;

  // What was scored before a run's end, kept beside its checkpoint; empty where nothing was.
  std::vector<StepScore> readStepScores(const Cell& cell) const;
  void writeStepScores(const Cell& cell, const std::vector<StepScore>& scores) const;

  // Removes what --force makes anew, its summary first: what follows is an evaluation like any other, which can be
  // interrupted and gone on with.
  void clear() const;

 private:
  std::string rowOf(const Cell& cell) const;
  void writeRow(const Cell& cell, const EvaluationRow& row, const nlohmann::ordered_json& identity) const;

  const EvaluationGrid& grid_;
  std::string directory_;
};

}  // namespace offaxis
