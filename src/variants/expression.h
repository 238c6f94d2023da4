// Source expressions, the way every verb names its data:
//   BASE[+VARIANT[:key=value,...]]
//   BASE: a dataset's name with settings (xysquares:spacing=3) or a file, either with size=S to average images down
//   VARIANT: one of variantKinds()
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "datasets/registry.h"

namespace offaxis {

struct VariantKind {
  std::string name;
  std::string summary;     // one line
  std::string parameters;  // one line
  std::function<SourcePtr(SourcePtr parent, KeyValues&)> apply;
};

const std::vector<VariantKind>& variantKinds();

// Throws Error(Usage) for an unknown variant or setting.
SourcePtr applyVariant(SourcePtr parent, const std::string& name, KeyValues& settings);

struct OpenOptions {
  // Averages the base down to this height before any variant, where the expression itself names no size; 0: as it is.
  std::uint32_t size = 0;
};

// Throws Error(Usage) for unknown names and settings, Error(BadFile) for files that cannot be read.
SourcePtr openSource(const std::string& expression, const OpenOptions& options = {});

}  // namespace offaxis
