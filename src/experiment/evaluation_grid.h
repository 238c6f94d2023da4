// What an evaluation is made of: its arms, whose sources are open, its runs, and all that their numbers depend on.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"
#include "experiment/evaluate.h"
#include "experiment/rotated_axes.h"
#include "learn/trainer.h"

namespace offaxis {

// The key under which identityOf() has an arm's definition; rows of older versions have none.
constexpr const char* kSourceDefinitionKey = "source_definition";

struct OpenArm {
  EvaluationArm arm;
  SourcePtr source;
  std::string identity;
  std::string definition;  // sourceDefinition()
  std::string root;        // content root; empty where no supervised run is to be made
};

// One run of the grid.
struct Cell {
  std::size_t arm;
  std::string model;
  std::uint64_t seed;
};

class EvaluationGrid {
 public:
  // Refuses what can be refused before anything is written: Error(Usage), and what openSource() and rotatedAxesOf()
  // throw for files.
  explicit EvaluationGrid(const EvaluateSettings& settings);

  // As given, but for profile.train.steps: 0 has become the dataset's default.
  const EvaluateSettings& settings() const { return settings_; }
  const std::vector<OpenArm>& arms() const { return arms_; }
  const std::vector<Cell>& cells() const { return cells_; }  // seed by seed
  const OpenArm& armOf(const Cell& cell) const { return arms_[cell.arm]; }
  const std::vector<std::string>& variants() const { return variants_; }  // the arms' names, in their order
  const std::string& against() const { return settings_.against.empty() ? variants_.front() : settings_.against; }
  const std::set<std::uint64_t>& seeds() const { return seeds_; }
  const std::vector<std::string>& metrics() const { return metrics_; }  // besides MIG
  const SourceInfo& info() const { return arms_[0].source->info(); }    // of every arm but for the variant
  const std::vector<std::uint32_t>& factorSizes() const { return sizes_; }
  const RotatedAxes& rotated() const { return rotated_; }
  const std::string& rotation() const { return rotation_; }  // where R came from
  // Of the models: what was asked for, or the dataset's defaults.
  int latents() const { return latents_; }
  double beta() const { return beta_; }
  const std::string& loss() const { return loss_; }

  // Arms that show the same, such as one psi named twice, are one cluster: the first such arm's index.
  std::uint32_t clusterOf(std::size_t arm) const;
  TrainSettings trainSettings(const Cell& cell) const;

  // All that a row's numbers depend on but the machine.
  nlohmann::ordered_json configuration() const;
  // Of the supervised models alone: beside configuration(), so that a directory without a probe can be given one.
  nlohmann::ordered_json probeConfiguration() const;
  nlohmann::ordered_json identityOf(const Cell& cell) const;

  // Probes are evidence of a set, not of a sample of it: their rows name every image. A pass over the sources of those
  // of `cells` that are to be made. Throws what contentRoot() does.
  void findRoots(const std::vector<std::size_t>& cells, const Context& context);

 private:
  void check() const;
  void findRotation();
  SeedRange seedsOf(const EvaluationArm& arm) const;

  EvaluateSettings settings_;
  std::vector<OpenArm> arms_;
  std::vector<std::string> variants_;
  std::set<std::uint64_t> seeds_;
  std::vector<std::uint32_t> sizes_;
  std::vector<std::string> metrics_;
  std::vector<Cell> cells_;
  RotatedAxes rotated_;
  std::string rotation_;
  int latents_ = 0;
  double beta_ = 0;
  std::string loss_;
};

}  // namespace offaxis
