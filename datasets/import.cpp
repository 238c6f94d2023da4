#include "datasets/import.h"

#include <filesystem>

#include "core/error.h"

namespace offaxis {

ImportReport importOriginal(const std::string& path, const std::string& output, const ImportSettings& settings,
                            const Context& context) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::equivalent(path, output, ignored)) {
    throw Error(ErrorKind::CannotWrite, "cannot write '" + output + "': it is the original itself",
                "choose another name");
  }
  // Whether the output can be written is said now, not after a minute of reading.
  { const StagedFile probe(output, settings.writing.overwrite); }

  OriginalSettings original = settings.original;
  original.scratch = fs::path(output).parent_path().string();
  if (original.scratch.empty()) original.scratch = ".";
  const std::shared_ptr<const OriginalFile> source = openOriginalFile(path, original, context);
  WriteSettings writing = settings.writing;
  writing.coincidences = Coincidences::CompareImages;
  ImportReport report;
  report.original = source->description();
  report.info = source->info();
  report.written = writeImageFile(*source, output, writing, context);
  return report;
}

}  // namespace offaxis
