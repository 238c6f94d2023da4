// A small set to publish: 600 images of XYSquares at 16x16, an original and its noise control.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "datasets/image_file.h"
#include "publish/check.h"
#include "publish/publish.h"
#include "support/temp_directory.h"
#include "variants/expression.h"

namespace offaxis::testing {

constexpr char kRows[] = "0:500,1000:1100";
constexpr char kDataset[] = "xysquares:spacing=1,size=16";

inline SourcePtr rowsOf(const std::string& expression, const std::string& rows = kRows) {
  SourcePtr source = openSource(expression);
  return subset(source, rowsFromText(rows, source->size()));
}

inline std::string bytesOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void putBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A complete results.json of runs on `dataset`, whose sources resolve to `resolved`.
inline Json resultsOf(const std::string& dataset, const std::vector<std::string>& resolved, const Json& summary) {
  Json sources = Json::object();
  for (const std::string& expression : resolved)
    sources["arm " + std::to_string(sources.size())] = {{"expression", "as given"}, {"resolved", expression}};
  return {
      {"status", "complete"},
      {"configuration", {{"dataset", dataset}, {"image", "8x8x3"}, {"profile", "quick"}, {"table", Json::array({1})}}},
      {"sources", sources},
      {"summary", summary},
      {"rows", Json::array()}};
}

inline CheckSettings contentToo() {
  CheckSettings settings;
  settings.content = true;
  return settings;
}

class PublishFixture : public ::testing::Test {
 protected:
  PublishFixture() {
    context_.threads = 2;
    write(*rowsOf(kDataset), "x.h5");
    write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=3"), "noise.h5");
    settings_.files = {directory_ / "x.h5", directory_ / "noise.h5"};
    settings_.name = "toy-set";
    settings_.version = "1.0.0";
    settings_.directory = directory_ / "published";
    settings_.program = "offaxis 0.1.0+1a2b3c4";
    settings_.created = "2025-01-31T12:00:00Z";
  }

  void write(const Source& source, const std::string& name) {
    WriteSettings writing;
    writing.overwrite = Overwrite::Replace;
    writeImageFile(source, directory_ / name, writing, context_);
  }
  PublishReport publish(const std::string& version = "1.0.0") {
    settings_.version = version;
    return publishVersion(settings_, context_);
  }
  std::string versionPath(const std::string& path, const std::string& version = "1.0.0") const {
    return settings_.directory + "/toy-set/" + version + (path.empty() ? "" : "/" + path);
  }

  TempDirectory directory_;
  PublishSettings settings_;
  Context context_;
};

}  // namespace offaxis::testing
