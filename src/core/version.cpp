#include "core/version.h"

#include "version_text.h"

namespace offaxis {

const char* version() {
  return OFFAXIS_VERSION;
}

bool namesOneCommit(const std::string& version) {
  const std::string text = version.substr(version.rfind(' ') + 1);
  const std::string dirty = "-dirty";
  const bool clean = text.size() < dirty.size() || text.compare(text.size() - dirty.size(), dirty.size(), dirty) != 0;
  const std::size_t plus = text.find('+');
  const bool commit = plus != std::string::npos && plus + 1 < text.size();
  const bool tag = text.size() > 1 && text[0] == 'v' && text[1] >= '0' && text[1] <= '9';
  return clean && (commit || tag);
}

}  // namespace offaxis
