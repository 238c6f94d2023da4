// Makes the runs of an evaluation: trains them, scores them, writes their rows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "experiment/evaluation_grid.h"
#include "experiment/evaluation_row.h"
#include "experiment/grid_directory.h"

namespace offaxis {

// Errors are those of evaluate(); a run that diverged is no error but a row that says so. Several runs may be made at
// once. Grid and directory must outlive this.
class RunMaker {
 public:
  RunMaker(const EvaluationGrid& grid, const GridDirectory& directory) : grid_(grid), directory_(directory) {}

  // Trains a run, from where it stopped, and scores it.
  EvaluationRow make(const Cell& cell, const Context& context) const;
  // Scores a finished run by the metrics that it lacks. Its checkpoint may be gone, and then it is trained again, which
  // `notes` is told.
  EvaluationRow scoredAgain(const Cell& cell, EvaluationRow row, const Context& context, const Context& notes) const;

  // The metrics asked for that a row does not hold, holds by another definition, or had no memory for.
  std::vector<std::string> missingMetrics(const EvaluationRow& row) const;
  // Whether nothing is open any more: the run has ended well, and each metric asked for was tried.
  bool isDone(const std::optional<EvaluationRow>& row) const;

 private:
  void addScores(const Cell& cell, EvaluationRow& row, const Context& context) const;
  void scoreCodes(const Cell& cell, const TrainResult& trained, EvaluationRow& row, const Context& context) const;
  std::vector<StepScore> scoreOnTheWay(const Cell& cell, TrainSettings& train, const Context& context) const;

  const EvaluationGrid& grid_;
  const GridDirectory& directory_;
};

}  // namespace offaxis
