#include "tools/writing.h"

#include <chrono>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <unordered_map>

#include "core/error.h"
#include "tools/terminal.h"

namespace offaxis::cli {
namespace {

// Rows in the order in which they are named, each once.
class NamedRows {
 public:
  explicit NamedRows(std::uint64_t size) : size_(size) {}

  // `place` is where `word` stands: "line 3 of rows.txt". Throws Error(Usage) for what is no index, and for one that
  // stands at another place already.
  void add(const std::string& word, const std::string& place) {
    const std::uint64_t row = parseUnsigned(word, "the index in " + place, 0, size_ - 1);
    const auto [there, added] = places_.emplace(row, place);
    if (!added) {
      throw Error(ErrorKind::Usage, "index " + word + " is named twice, in " + there->second + " and in " + place,
                  "name every row once");
    }
    rows_.push_back(row);
  }

  const std::vector<std::uint64_t>& rows() const { return rows_; }

 private:
  std::uint64_t size_;
  std::vector<std::uint64_t> rows_;
  std::unordered_map<std::uint64_t, std::string> places_;
};

// Of "5,7,12".
std::vector<std::uint64_t> listedIndices(const std::string& text, std::uint64_t size) {
  NamedRows rows(size);
  std::uint64_t number = 1;
  for (std::size_t begin = 0;; ++number) {
    const std::size_t end = text.find(',', begin);
    rows.add(text.substr(begin, end - begin), "entry " + std::to_string(number) + " of --indices");
    if (end == std::string::npos) return rows.rows();
    begin = end + 1;
  }
}

std::vector<std::uint64_t> indicesInFile(const std::string& path, std::uint64_t size) {
  NamedRows rows(size);
  std::istringstream lines(readInput(path));
  std::uint64_t number = 1;
  try {
    for (std::string line; std::getline(lines, line); ++number) {
      std::istringstream words(line);
      for (std::string word; words >> word;) rows.add(word, "line " + std::to_string(number) + " of " + path);
    }
  } catch (const Error& error) {
    throw Error(ErrorKind::BadFile, error.what(), error.hint());
  }
  if (rows.rows().empty()) throw Error(ErrorKind::BadFile, path + " holds no indices", "write one index a line");
  return rows.rows();
}

// Of a text with a colon: "A:B" is a range whatever lies here, anything else where it can be no file's name.
bool isRange(const std::string& text) {
  if (text.find_first_not_of("0123456789:") == std::string::npos) return true;
  std::error_code none;
  return text.find('/') == std::string::npos && !std::filesystem::exists(text, none);
}

std::vector<std::uint64_t> parseIndices(const std::string& text, std::uint64_t size) {
  std::vector<std::uint64_t> rows;
  const std::size_t colon = text.find(':');
  if (colon != std::string::npos && isRange(text)) {
    const std::uint64_t first = parseUnsigned(text.substr(0, colon), "--indices' first index", 0, size - 1);
    const std::uint64_t last = parseUnsigned(text.substr(colon + 1), "--indices' end (not included)", first + 1, size);
    for (std::uint64_t row = first; row < last; ++row) rows.push_back(row);
    return rows;
  }
  const bool list = text.find(',') != std::string::npos && text.find_first_not_of("0123456789,") == std::string::npos;
  return list ? listedIndices(text, size) : indicesInFile(text, size);
}

}  // namespace

std::vector<Option> writingOptions(std::vector<Option> options) {
  options.push_back({"output,o", "FILE", "", "the HDF5 file to write"});
  options.push_back({"indices", "A:B|A,B,..|FILE", "", "write only rows A up to, not including, B, or those listed"});
  options.push_back({"deflate", "LEVEL", "1", "1 (fast) to 12 (small); the content root does not depend on it"});
  options.push_back({"chunk", "N", "", "images compressed together (24 KiB of them); 1: fastest at random, largest"});
  options.push_back({"force", "", "", "replace an existing file"});
  return options;
}

WritingSettings parseWriting(const Arguments& arguments) {
  WritingSettings settings;
  settings.output = arguments.required("output");
  settings.indices = arguments.text("indices");
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
    std::cout << printable(settings.output) << ": " << report.images << " images of " << toString(source->info().shape)
              << ", " << formatBytes(report.fileBytes) << ", " << formatDuration(seconds) << "\ncontent root "
              << toHex(report.root) << '\n';
  }
  return 0;
}

}  // namespace offaxis::cli
