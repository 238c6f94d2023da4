#include "report/variants_shown.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/error.h"
#include "core/text.h"
#include "storage/hash.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

// A setting of NAME:key=value,..; "" where it is not there.
std::string settingOf(const std::string& named, const std::string& key) {
  const std::size_t colon = named.find(':');
  if (colon == std::string::npos) return {};
  for (const Setting& setting : splitSettings(named.substr(colon + 1))) {
    if (setting.key == key) return setting.value;
  }
  return {};
}

// 0 where it names none, or none that is a number.
std::uint32_t sizeOf(const std::string& resolved) {
  const std::string size = settingOf(splitExpression(resolved).base, "size");
  if (size.empty()) return 0;
  try {
    return static_cast<std::uint32_t>(parseUnsigned(size, "size", 1, 1u << 16));
  } catch (const Error&) {
    return 0;
  }
}

// psi.h5 by its digest among the files that lie near the report's folder.
class PsiFinder {
 public:
  explicit PsiFinder(const std::vector<std::string>& paths) : paths_(paths) {}

  // "" where it is not at hand. `preferred` is looked at first.
  std::string find(const std::string& sha256, const std::string& preferred) {
    if (!preferred.empty() && std::filesystem::is_regular_file(preferred) &&
        (sha256.empty() || digestOf(preferred) == sha256))
      return preferred;
    if (sha256.empty()) return {};
    for (const std::string& path : paths_) {
      if (digestOf(path) == sha256) return path;
    }
    return {};
  }

 private:
  const std::string& digestOf(const std::string& path) {
    auto found = digests_.find(path);
    if (found == digests_.end()) found = digests_.emplace(path, toHex(sha256OfFile(path))).first;
    return found->second;
  }

  std::vector<std::string> paths_;
  std::map<std::string, std::string> digests_;
};

void addEvaluation(const FoundEvaluation& found, PsiFinder& psi, std::vector<ShownVariant>& variants,
                   std::vector<std::string>& problems) {
  if (!found.results.contains("sources")) return;
  for (const auto& [label, source] : found.results.at("sources").items()) {
    const std::string name = label.substr(0, label.find('@'));
    const bool known =
        std::any_of(variants.begin(), variants.end(), [&, n = name](const ShownVariant& v) { return v.name == n; });
    if (known) continue;
    ShownVariant variant;
    variant.name = name;
    variant.expression = source.at("expression").get<std::string>();
    const std::string resolved = source.value("resolved", variant.expression);
    variant.psiSha256 = settingOf(splitExpression(resolved).variant.value_or(""), "psi_sha256");
    variant.size = sizeOf(resolved);
    const std::string named = psiPathOf(variant.expression);
    if (!named.empty()) {
      const std::string path = psi.find(variant.psiSha256, named);
      if (path.empty()) {
        problems.push_back("no pictures of " + name + ": its psi.h5 is neither at " + named +
                           " nor near the report's folder");
        continue;
      }
      variant.expression = withPsiPath(variant.expression, path);
    }
    if (variantKindOf(resolved) == "original") {
      variants.insert(variants.begin(), std::move(variant));
    } else {
      variants.push_back(std::move(variant));
    }
  }
}

void addManipulation(const FoundManipulation& found, std::vector<ShownVariant>& variants,
                     std::vector<std::string>& problems) {
  const Json& identity = found.log.at("identity");
  const std::string dataset = identity.at("dataset").get<std::string>();
  const std::string source = identity.value("source", dataset);
  const std::uint32_t size = sizeOf(source);
  variants.push_back({"original", dataset, {}, size});
  if (found.psi.empty()) {
    problems.push_back("no pictures of the modified variant: " + found.directory + " holds no psi.h5 yet");
  } else {
    variants.push_back({"modified", withPsiPath(dataset + "+modified:psi=FILE", found.psi), {}, size});
  }
  variants.push_back({"noise",
                      dataset + "+noise:eps=" + identity.at("eps").get<std::string>() +
                          ",seed=" + std::to_string(identity.value("seed", std::uint64_t{0})),
                      {},
                      size});
}

void addVersion(const FoundVersion& found, PsiFinder& psi, std::vector<ShownVariant>& variants,
                std::vector<std::string>& problems) {
  for (const Json& file : found.manifest.at("reproduces").at("files")) {
    const std::string name = (found.name.empty() ? "" : found.name + "/") + file.at("path").get<std::string>();
    if (file.contains("rows") && !file.at("rows").is_null()) {
      problems.push_back("no pictures of " + name + ": it holds a part of the grid alone");
      continue;
    }
    std::string base = file.at("dataset").get<std::string>();
    const std::string kind = file.at("variant").get<std::string>();
    const std::uint64_t reduction = file.value("reduction", std::uint64_t{1});
    if (reduction > 1) {
      base += base.find(':') == std::string::npos ? ":" : ",";
      base += "size=" + std::to_string(file.at("shape").at(0).get<std::uint64_t>());
    }
    if (variants.empty()) variants.push_back({"original", base, {}, 0});
    if (kind == "original") continue;
    std::string settings, sha, path;
    bool whole = true;
    for (const auto& [key, value] : file.at("settings").items()) {
      std::string text = key + "=" + value.get<std::string>();
      if (key == "psi_sha256") {
        sha = value.get<std::string>();
        path = psi.find(sha, "");
        whole = !path.empty();
        text = "psi=FILE";
      } else if (key == "eps" && file.at("settings").contains("psi_sha256")) {
        continue;  // psi.h5 knows its own
      }
      settings += (settings.empty() ? "" : ",") + text;
    }
    if (!whole) {
      problems.push_back("no pictures of " + name + ": psi.h5 with SHA-256 " + sha.substr(0, 12) +
                         "... is not near the manifest");
      continue;
    }
    const std::string expression = base + "+" + kind + (settings.empty() ? "" : ":" + settings);
    variants.push_back({kind, path.empty() ? expression : withPsiPath(expression, path), sha, 0});
  }
}

// Bases are opened once.
SourcePtr opened(const ShownVariant& variant, std::uint32_t size, std::map<std::string, SourcePtr>& bases) {
  const SplitExpression parts = splitExpression(variant.expression);
  SourcePtr& base = bases[parts.base];
  if (!base) base = openSource(parts.base, {size});
  SourcePtr source = parts.variant ? applyVariant(base, *parts.variant) : base;
  const auto& settings = source->info().settings;
  const auto digest = settings.find("psi_sha256");
  if (!variant.psiSha256.empty() && (digest == settings.end() || digest->second != variant.psiSha256))
    throw Error(ErrorKind::BadFile, "its psi.h5 is another one than the results were made with");
  return source;
}

}  // namespace

std::string variantKindOf(const std::string& resolved) {
  const std::string variant = splitExpression(resolved).variant.value_or("original");
  return variant.substr(0, variant.find(':'));
}

std::vector<ShownVariant> shownVariants(const Findings& findings, std::vector<std::string>& problems) {
  PsiFinder psi(findings.psi);
  std::vector<ShownVariant> variants;
  for (const FoundEvaluation& found : findings.evaluations) {
    addEvaluation(found, psi, variants, problems);
    if (!variants.empty()) return variants;
  }
  for (const FoundManipulation& found : findings.manipulations) {
    addManipulation(found, variants, problems);
    return variants;
  }
  for (const FoundVersion& found : findings.versions) {
    addVersion(found, psi, variants, problems);
    if (!variants.empty()) return variants;
  }
  return variants;
}

NamedSources openShown(const std::vector<ShownVariant>& variants, std::uint32_t size,
                       std::vector<std::string>& problems) {
  NamedSources sources;
  std::map<std::string, SourcePtr> bases;
  if (variants.empty()) return sources;
  for (const ShownVariant& variant : variants) {
    try {
      SourcePtr source = opened(variant, size, bases);
      if (!sources.empty() &&
          (source->info().shape != sources[0].source->info().shape ||
           source->info().grid != sources[0].source->info().grid || source->size() != sources[0].source->size())) {
        problems.push_back("no pictures of " + variant.name + ": its images do not fit the original's");
        continue;
      }
      sources.push_back({variant.name, std::move(source)});
    } catch (const Error& e) {
      problems.push_back("no pictures of " + variant.name + " (" + variant.expression + "): " + e.what());
      if (sources.empty()) return {};
    }
  }
  return sources;
}

}  // namespace offaxis
