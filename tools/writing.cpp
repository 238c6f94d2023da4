#include "tools/writing.h"

#include <chrono>
#include <iostream>
#include <sstream>

#include "core/error.h"
#include "tools/terminal.h"

namespace offaxis::cli {
namespace {

std::vector<std::uint64_t> parseIndices(const std::string& text, std::uint64_t size) {
  std::vector<std::uint64_t> rows;
  if (const std::size_t colon = text.find(':'); colon != std::string::npos && text.find('/') == std::string::npos) {
    const std::uint64_t first = parseUnsigned(text.substr(0, colon), "--indices' first index", 0, size - 1);
    const std::uint64_t last = parseUnsigned(text.substr(colon + 1), "--indices' end (not included)", first + 1, size);
    for (std::uint64_t row = first; row < last; ++row) rows.push_back(row);
    return rows;
  }
  std::istringstream words(readTextFile(text));
  for (std::string word; words >> word;) rows.push_back(parseUnsigned(word, "an index in " + text, 0, size - 1));
  if (rows.empty()) throw Error(ErrorKind::BadFile, text + " holds no indices", "write one index a line");
  return rows;
}

}  // namespace

std::vector<Option> writingOptions(std::vector<Option> options) {
  options.push_back({"output,o", "FILE", "", "the HDF5 file to write"});
  options.push_back({"indices", "A:B|FILE", "", "write only rows A up to, not including, B, or those listed in FILE"});
  options.push_back({"deflate", "LEVEL", "1", "1 (fast) to 12 (small); the content root does not depend on it"});
  options.push_back({"chunk", "N", "", "images compressed together (96 KiB of them); 1: fastest at random, largest"});
  options.push_back({"force", "", "", "replace an existing file"});
  return options;
}

WritingSettings parseWriting(const Arguments& arguments) {
  WritingSettings settings;
  settings.output = arguments.required("output");
  settings.indices = arguments.text("indices");
  if (settings.indices.empty() && arguments.given("indices"))
    throw Error(ErrorKind::Usage, "--indices is empty", "leave it out to write all rows");
  settings.file.overwrite = arguments.overwrite;
  settings.file.deflateLevel = static_cast<int>(arguments.integer("deflate", 1, 12));
  if (arguments.given("chunk")) settings.file.imagesPerChunk = arguments.integer("chunk", 1, kMostImagesPerChunk);
  return settings;
}

int writeAndReport(SourcePtr source, const WritingSettings& settings, const Arguments& arguments) {
  if (!settings.indices.empty()) {
    std::vector<std::uint64_t> rows = parseIndices(settings.indices, source->size());
    source = subset(std::move(source), std::move(rows));
  }
  const auto start = std::chrono::steady_clock::now();
  const WriteReport report = writeImageFile(*source, settings.output, settings.file, arguments.context);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (arguments.json) {
    printJson("ok", {{"file", settings.output},
                     {"source", source->info().expression()},
                     {"images", report.images},
                     {"file_bytes", report.fileBytes},
                     {"content_root", toHex(report.root)},
                     {"seconds", seconds}});
  } else {
    std::cout << settings.output << ": " << report.images << " images of " << toString(source->info().shape) << ", "
              << formatBytes(report.fileBytes) << ", " << formatDuration(seconds) << "\ncontent root "
              << toHex(report.root) << '\n';
  }
  return 0;
}

}  // namespace offaxis::cli
