// Files and directories that appear under their final name whole or not at all.
#pragma once

#include <cstdint>
#include <string>

namespace offaxis {

enum class Overwrite { Refuse, Replace };

// A file written beside its target as ".<name>.partial-<host>-<pid>" and renamed by commit(). Destroyed uncommitted,
// it removes what it wrote; leftovers of killed processes on this host are removed when the same target is staged anew.
class StagedFile {
 public:
  // Throws Error(CannotWrite) where the target exists and must not be replaced, as files of a published version (beside
  // SHA256SUMS and manifest.json, or one folder deeper) never are, or its directory is missing, or not writable.
  // Nothing is created yet: the caller writes to path().
  StagedFile(const std::string& target, Overwrite overwrite);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  const std::string& path() const { return path_; }
  const std::string& target() const { return target_; }
  // fsync, rename (without replacing unless asked), fsync of the directory. Throws Error(CannotWrite).
  void commit();

 private:
  std::string target_;
  std::string path_;
  Overwrite overwrite_;
  bool committed_ = false;
};

// Throws what staging `target` would: for work of minutes, whose end should not be the first to say so.
void requireWritable(const std::string& target, Overwrite overwrite);

// The same for a directory: the caller fills path(), commit() syncs every file in it and renames it; never replaces.
class StagedDirectory {
 public:
  // Makes the staging directory. Throws Error(CannotWrite) where the target exists or its parent is missing or not
  // writable.
  explicit StagedDirectory(const std::string& target);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  const std::string& path() const { return path_; }
  void commit();

 private:
  std::string target_;
  std::string path_;
  bool committed_ = false;
};

// Whole-file helpers. Reading throws Error(BadFile) where the file is missing, not a regular one, or larger than
// `limit`.
std::string readTextFile(const std::string& path, std::uint64_t limit = std::uint64_t{64} << 20);
// The same of anything that has an end: a pipe or a terminal is waited for.
std::string readTextStream(const std::string& path, std::uint64_t limit = std::uint64_t{64} << 20);
// Staged, synced and renamed. Throws Error(CannotWrite).
void writeTextFile(const std::string& path, const std::string& text, Overwrite overwrite);

}  // namespace offaxis
