#include "datasets/registry.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "datasets/dsprites/dsprites.h"
#include "datasets/shapes3d/shapes3d.h"
#include "datasets/xysquares/xysquares.h"

namespace offaxis {

std::vector<Setting> splitSettings(const std::string& text) {
  std::vector<Setting> settings;
  for (std::size_t at = 0; at < text.size(); ++at) {
    Setting setting;
    bool inValue = false;
    setting.begin = at;
    for (; at < text.size() && text[at] != ','; ++at) {
      if (!inValue && text[at] == '=') {
        setting.valueBegin = at + 1;
        inValue = true;
        continue;
      }
      if (text.compare(at, 2, "\\,") == 0 || text.compare(at, 2, "\\\\") == 0) ++at;
      (inValue ? setting.value : setting.key) += text[at];
    }
    setting.end = at;
    if (!inValue) setting.valueBegin = at;
    settings.push_back(std::move(setting));
  }
  return settings;
}

std::string escapedSetting(const std::string& value) {
  std::string written;
  for (const char letter : value) {
    if (letter == ',' || letter == '\\') written += '\\';
    written += letter;
  }
  return written;
}

KeyValues::KeyValues(std::string owner, const std::string& text) : owner_(std::move(owner)) {
  for (const Setting& setting : splitSettings(text)) {
    if (setting.key.empty() || setting.value.empty()) {
      throw Error(ErrorKind::Usage,
                  "'" + text.substr(setting.begin, setting.end - setting.begin) + "' in the settings of " + owner_ +
                      " is not key=value",
                  "write " + owner_ + ":key=value,key=value");
    }
    if (!values_.emplace(setting.key, setting.value).second)
      throw Error(ErrorKind::Usage, "'" + setting.key + "' is given twice for " + owner_);
  }
}

KeyValues::KeyValues(std::string owner, std::map<std::string, std::string> values)
    : owner_(std::move(owner)), values_(std::move(values)) {}

std::string KeyValues::text(const std::string& key, const std::string& fallback) {
  known_.push_back(key);
  const auto found = values_.find(key);
  return found == values_.end() ? fallback : found->second;
}

std::string KeyValues::required(const std::string& key, const std::string& example) {
  if (!has(key)) throw Error(ErrorKind::Usage, owner_ + " needs " + key, "write " + example);
  return text(key, {});
}

std::uint64_t KeyValues::integer(const std::string& key, std::uint64_t fallback, std::uint64_t lowest,
                                 std::uint64_t highest) {
  const std::string value = text(key, {});
  return has(key) ? parseUnsigned(value, owner_ + "'s " + key, lowest, highest) : fallback;
}

void KeyValues::done() const {
  for (const auto& [key, value] : values_) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      throw Error(ErrorKind::Usage, owner_ + " has no setting '" + key + "'",
                  known_.empty() ? "it takes none" : "it takes: " + joined(known_));
    }
  }
}

const std::vector<DatasetFamily>& datasetFamilies() {
  static const std::vector<DatasetFamily> kFamilies{dSpritesFamily(), shapes3DFamily(), xySquaresFamily()};
  return kFamilies;
}

SourcePtr openNamedDataset(const std::string& dataset) {
  const std::size_t colon = dataset.find(':');
  const DatasetFamily* family = findDatasetFamily(dataset.substr(0, colon));
  if (!family) return nullptr;
  try {
    KeyValues settings(family->name, colon == std::string::npos ? std::string() : dataset.substr(colon + 1));
    SourcePtr source = family->open(settings);
    settings.done();
    return source;
  } catch (const Error&) {
    return nullptr;
  }
}

const DatasetFamily* findDatasetFamily(const std::string& name) {
  for (const DatasetFamily& family : datasetFamilies()) {
    if (family.name == name || (!name.empty() && family.alias == name)) return &family;
  }
  return nullptr;
}

}  // namespace offaxis
