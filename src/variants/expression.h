// Source expressions, the way every verb names its data:
//   BASE[+VARIANT[:key=value,...]]
//   BASE: a dataset's name with settings (xysquares:spacing=3) or a file, either with size=S to average images down
//   VARIANT: one of variantKinds()
// Within a value, of a path say, a comma is written "\," and a backslash "\\" (splitSettings() in datasets/registry.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
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

// The two halves of an expression. Variants of one `base` can share it, opened (and cached) once.
struct SplitExpression {
  std::string base;                    // "shapes3d:size=32", an expression in itself
  std::optional<std::string> variant;  // "noise:eps=0.1"
};
SplitExpression splitExpression(const std::string& expression);

// The file that the expression's psi= names, and the expression with another file there; "" and as it is where its
// variant has no psi.
std::string psiPathOf(const std::string& expression);
std::string withPsiPath(const std::string& expression, const std::string& path);

// The files that opening the expression would read, whether they exist or not: its base, where that is no dataset's
// name, and psi.
std::vector<std::string> filesReadBy(const std::string& expression);

// `variant` as splitExpression() gives it. Throws Error(Usage) for unknown names and settings, Error(BadFile) for a
// psi.h5 that is none or was made for other data.
SourcePtr applyVariant(SourcePtr parent, const std::string& variant);

struct OpenOptions {
  // Averages the base down to this height before any variant, where the expression itself names no size; 0: as it is.
  std::uint32_t size = 0;
};

// Throws Error(Usage) for unknown names and settings, Error(BadFile) for files that cannot be read.
SourcePtr openSource(const std::string& expression, const OpenOptions& options = {});

}  // namespace offaxis
