// The files of a training run, shared by all that make or read them. Needs LibTorch: include only inside src/learn.
#pragma once

#include <optional>
#include <string>

#include "datasets/source.h"
#include "learn/nets.h"
#include "learn/trainer.h"
#include "storage/file_lock.h"

namespace offaxis {

inline std::string checkpointPath(const std::string& runDirectory) {
  return runDirectory + "/checkpoint.h5";
}

// Held while a run is made. The constructor makes run.lock in the directory, which exists, and throws
// Error(CannotWrite) where another process holds it. Where the file system keeps no locks it guards nothing: one run is
// not worth refusing such a directory.
class RunClaim {
 public:
  explicit RunClaim(const std::string& runDirectory);

 private:
  std::optional<FileLock> lock_;
};

// The key of sourceDefinition() there, which runs of before do not have.
constexpr const char* kSourceDefinition = "source_definition";

// What a checkpoint belongs to, as a flat JSON object: every setting that changes the result but the number of steps,
// the dataset, and what the source shows. `settings.net` must be resolved.
std::string runIdentity(const Source& source, const TrainSettings& settings);

// The name of a preset for "auto", by the image's side: conv32 for 32, else conv64. Whether the preset takes such
// images is for NetSettings::preset() to say.
std::string resolveNet(const std::string& name, const ImageShape& image);

}  // namespace offaxis
