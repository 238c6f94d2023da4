// The dataset families that can be opened by name. One folder per family registers itself in registry.cpp's table.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "datasets/source.h"

namespace offaxis {

// One "key=value" of a source expression's settings, which commas part. Within a value "\\," is a comma and "\\\\" a
// backslash; a backslash before anything else is itself.
struct Setting {
  std::string key, value;                          // as they are meant, without escapes; no value where there is no '='
  std::size_t begin = 0, valueBegin = 0, end = 0;  // where they stand in the text as they are written
};
std::vector<Setting> splitSettings(const std::string& text);
// A value as splitSettings() reads it.
std::string escapedSetting(const std::string& value);

// "key=value" settings of a source expression, consumed one by one; done() refuses what nobody asked for.
class KeyValues {
 public:
  // `owner` is named in errors: "xysquares"; `text` is read as by splitSettings(). Throws Error(Usage) for text that is
  // not key=value[,key=value...].
  KeyValues(std::string owner, const std::string& text);
  KeyValues(std::string owner, std::map<std::string, std::string> values);

  bool has(const std::string& key) const { return values_.count(key) != 0; }
  std::string text(const std::string& key, const std::string& fallback);
  // Throws Error(Usage) where the key is missing; `example` shows what to write.
  std::string required(const std::string& key, const std::string& example);
  std::uint64_t integer(const std::string& key, std::uint64_t fallback, std::uint64_t lowest, std::uint64_t highest);
  // Throws Error(Usage) naming the first key that was not consumed and the ones that were asked for.
  void done() const;

 private:
  std::string owner_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> known_;
};

struct DatasetFamily {
  std::string name;
  std::string alias;       // a second name, the one that a re-creation's files carry; may be empty
  std::string summary;     // one line
  std::string parameters;  // one line, "spacing=1..8 (8)"; empty where there are none
  std::function<SourcePtr(KeyValues&)> open;
};

const std::vector<DatasetFamily>& datasetFamilies();
// Null where the name is unknown.
const DatasetFamily* findDatasetFamily(const std::string& name);
// The dataset that SourceInfo::dataset spells ("xysquares:spacing=3"), or null where this program does not know it.
SourcePtr openNamedDataset(const std::string& dataset);

}  // namespace offaxis
