// What lies in a folder: runs of `manipulate`, evaluations, published versions, training runs, read from their JSON
// alone. A folder that is only half filled is read as far as it goes, and what it lacks is said.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace offaxis {

// `name` is the path below the folder that was read, "" for the folder itself.
struct FoundManipulation {
  std::string name, directory;
  nlohmann::ordered_json log;  // log.json
  std::string psi;             // path of psi.h5; empty where there is none (an unfinished run)
};

struct FoundEvaluation {
  std::string name, directory;
  nlohmann::ordered_json results;  // results.json, or one made from runs/*.json where it is not there yet
  bool fromRuns = false;
};

struct FoundVersion {
  std::string name, directory;  // of the manifest
  std::string path;             // of the manifest
  nlohmann::ordered_json manifest;
};

struct FoundTraining {
  std::string name, directory;
  nlohmann::ordered_json run;       // run.json
  nlohmann::ordered_json pictures;  // traversal.json of `offaxis traverse`; null where there is none
  std::string picturesDirectory;
};

struct Findings {
  std::string path;  // as it was given
  std::vector<FoundManipulation> manipulations;
  std::vector<FoundEvaluation> evaluations;
  std::vector<FoundVersion> versions;
  std::vector<FoundTraining> trainings;
  std::vector<std::string> psi;      // paths of all psi*.h5 in or beside the folder
  std::vector<std::string> missing;  // sentences: files that could not be read, runs without their end
};

// `path` is such a folder, one that holds several (three levels down at most), or a manifest itself. Throws
// Error(BadFile) where it holds nothing of the kind, or nothing that can be read.
Findings readFindings(const std::string& path);

// Of an evaluation: "modified, beta-vae: seeds 3, 5 to 9", a line for each variant and model whose runs are not all
// there, and one for each failed run.
std::vector<std::string> missingRuns(const nlohmann::ordered_json& results);

}  // namespace offaxis
