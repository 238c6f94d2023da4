// Fills the directory of a version: every file is hashed while it is written, so that nothing is read twice.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/context.h"
#include "publish/manifest.h"

namespace offaxis {

class VersionWriter {
 public:
  // Writes under `directory`, a staging directory that exists; errors name the file under `target`, as the user knows
  // it.
  VersionWriter(std::string directory, std::string target, const Context& context);

  // All of them throw Error(CannotWrite) where the file cannot be written, and refuse one that is there.
  // Streams `from`; throws Error(BadFile) where that cannot be read.
  ListedFile copy(const std::string& path, const std::string& from);
  ListedFile write(const std::string& path, const std::string& text);
  // `fill` is given a function that appends a piece of text.
  ListedFile write(const std::string& path,
                   const std::function<void(const std::function<void(const std::string&)>& append)>& fill);

  // Everything written so far, in that order.
  const std::vector<ListedFile>& files() const { return files_; }

 private:
  std::string directory_;
  std::string target_;
  const Context& context_;
  std::vector<ListedFile> files_;
};

// The text of SHA256SUMS, sorted by path, as `sha256sum -c` reads it.
std::string checksumText(std::vector<ListedFile> files);

// Makes a directory and those above it, each on disk before the next. Throws Error(CannotWrite).
void makeDirectories(const std::string& path);

}  // namespace offaxis
