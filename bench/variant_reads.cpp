// Microseconds that one image of a variant takes, read alone and over a cached original, as `offaxis evaluate` reads
// arms that share one. usage: variant_reads [--images N] SOURCE..., each BASE+VARIANT, such as
// shapes3d:size=32+noise:eps=0.175
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/philox.h"
#include "core/text.h"
#include "learn/cached_source.h"
#include "variants/expression.h"

namespace {

using namespace offaxis;

// The fastest of five passes over the same random rows; what is cached is so after the first.
double microseconds(const Source& source, std::uint64_t images) {
  const Philox rows(0, "variant reads");
  std::vector<std::uint8_t> image(source.info().shape.bytes());
  double best = 1e9;
  for (int pass = 0; pass < 6; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < images; ++i) source.read(rows.below(source.size(), i), image.data());
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
    if (pass > 0) best = std::min(best, spent.count() / static_cast<double>(images));
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::uint64_t images = 2000;
    std::vector<std::string> expressions(argv + 1, argv + argc);
    if (expressions.size() > 1 && expressions[0] == "--images") {
      images = parseUnsigned(expressions[1], "--images", 1, 1u << 24);
      expressions.erase(expressions.begin(), expressions.begin() + 2);
    }
    if (expressions.empty()) {
      throw Error(ErrorKind::Usage, "no source to read",
                  "usage: variant_reads [--images N] shapes3d:size=32+noise:eps=0.1");
    }
    for (const std::string& expression : expressions) {
      const SplitExpression split = splitExpression(expression);
      const SourcePtr base = openSource(split.base), kept = cached(base);
      const double alone = microseconds(*openSource(expression), images);
      const double shared = microseconds(split.variant ? *applyVariant(kept, *split.variant) : *kept, images);
      std::printf("{\"source\": \"%s\", \"alone\": %.2f, \"over_cached_original\": %.2f, \"ratio\": %.2f}\n",
                  expression.c_str(), alone, shared, alone / shared);
    }
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "variant_reads: %s\n%s", error.what(),
                 error.hint().empty() ? "" : ("  " + error.hint() + "\n").c_str());
    return static_cast<int>(error.kind());
  }
}
