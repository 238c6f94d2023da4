// What render and emit share: the options of a written file, and the report of what was written.
#pragma once

#include <string>
#include <vector>

#include "datasets/image_file.h"
#include "tools/cli.h"

namespace offaxis::cli {

struct WritingSettings {
  std::string output;
  std::string indices;  // "A:B" (A included, B not), "A,B,...", a file of indices, or empty for all
  WriteSettings file;
};

std::vector<Option> writingOptions(std::vector<Option> before);
WritingSettings parseWriting(const Arguments& arguments);
int writeAndReport(SourcePtr source, const WritingSettings& settings, const Arguments& arguments);

}  // namespace offaxis::cli
