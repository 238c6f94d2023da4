#include "publish/evidence.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "core/error.h"
#include "datasets/content.h"
#include "datasets/registry.h"
#include "storage/hash.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

constexpr std::size_t kPsiNameDigits = 12;

[[noreturn]] void refuse(const std::string& path, const std::string& what, const std::string& hint) {
  throw Error(ErrorKind::BadFile, "'" + path + "' " + what, hint);
}

// "xysquares:spacing=1,size=32+modified:eps=0.1,psi_sha256=...", as SourceInfo::expression() spells it, in parts.
struct Resolved {
  std::string dataset;  // at full size: "xysquares:spacing=1"
  std::string variant;  // "modified:eps=0.1,psi_sha256=..."; empty for the original
  std::string psiSha256;
  std::string rows;  // the digest of a part of the grid; empty for all of it
};

// What a sourceDefinition() says of the rows.
std::string rowsOf(const std::string& definition) {
  const std::string key = " rows_sha256=";
  const std::size_t at = definition.rfind(key);
  return at == std::string::npos ? std::string() : definition.substr(at + key.size());
}

std::string withoutSize(const std::string& base) {
  const std::size_t colon = base.find(':');
  std::string dataset = base.substr(0, colon);
  if (colon == std::string::npos) return dataset;
  const std::string text = base.substr(colon + 1);
  char separator = ':';
  for (const Setting& setting : splitSettings(text)) {
    if (setting.key == "size") continue;
    dataset += separator + text.substr(setting.begin, setting.end - setting.begin);
    separator = ',';
  }
  return dataset;
}

Resolved parsed(const std::string& expression) {
  const std::size_t plus = expression.find('+');
  Resolved resolved;
  resolved.dataset = withoutSize(expression.substr(0, plus));
  if (plus != std::string::npos) resolved.variant = expression.substr(plus + 1);
  const std::size_t colon = plus == std::string::npos ? plus : expression.find(':', plus);
  if (colon == std::string::npos) return resolved;
  for (const Setting& setting : splitSettings(expression.substr(colon + 1))) {
    if (setting.key == "psi_sha256") resolved.psiSha256 = setting.value;
  }
  return resolved;
}

// As SourceInfo::expression() spells it.
std::string variantOf(const PublishedFile& file) {
  std::string text = file.variant;
  char separator = ':';
  for (const auto& [key, value] : file.settings) {
    text += separator + key + "=" + value;
    separator = ',';
  }
  return text;
}

Json readResults(const std::string& path, const std::string& text) {
  Json results = Json::parse(text, nullptr, false);
  const Json summary = results.is_object() ? results.value("summary", Json()) : Json();
  const auto isObject = [](const Json& row) { return row.is_object(); };
  if (!summary.is_array() || summary.empty() || !std::all_of(summary.begin(), summary.end(), isObject))
    refuse(path, "is no results.json: it has no summary", "give the results.json of `offaxis evaluate`");
  const Json status = results.value("status", Json());
  if (status != "complete") refuse(path, "is not complete: runs are missing or failed", "finish the evaluation first");
  return results;
}

// What the runs were, so that nobody takes a quick profile's scores for more; tables of numbers stay in the file.
Json plainConfiguration(const Json& results) {
  Json configuration = Json::object();
  const Json settings = results.value("configuration", Json::object());
  for (const auto& [key, value] : settings.items()) {
    if (value.is_primitive()) configuration[key] = value;
  }
  return configuration;
}

// {label: resolved expression}
Json resolvedSources(const std::string& path, const Json& results) {
  Json resolved = Json::object();
  const Json sources = results.value("sources", Json::object());
  for (const auto& [label, source] : sources.items()) {
    if (source.is_object() && source.contains("resolved") && source["resolved"].is_string())
      resolved[label] = source["resolved"];
  }
  if (resolved.empty())
    refuse(path, "does not say what its scores are of: it has no sources", "evaluate again with this program");
  return resolved;
}

// The files to be published, as far as scores can be of them.
class Published {
 public:
  explicit Published(const std::vector<Candidate>& candidates) {
    for (const Candidate& candidate : candidates) {
      const std::string rows =
          candidate.described.rows.empty() ? std::string() : rowsOf(sourceDefinition(*candidate.source));
      datasets_.insert(candidate.described.dataset);
      sets_.emplace(candidate.described.dataset, rows);
      if (const std::string sha256 = candidate.described.psiSha256(); !sha256.empty())
        psi_.push_back({candidate.path, {candidate.described.dataset, variantOf(candidate.described), sha256, rows}});
    }
  }

  void take(const std::string& path, const Json& results, const Json& resolved) {
    requireDataset(path, results.value("configuration", Json::object()).value("dataset", Json()));
    bool known = false, otherRows = false, anyPsi = false, ourPsi = false;
    for (const auto& [label, expression] : resolved.items()) {
      const Resolved source = parsed(expression.get<std::string>());
      // Older results do not say which rows they are of.
      const Json definition = results["sources"][label].value("definition", Json());
      const auto sameRows = [&](const std::string& rows) {
        return !definition.is_string() || rowsOf(definition.get<std::string>()) == rows;
      };
      for (const auto& [dataset, rows] : sets_) {
        if (dataset != source.dataset) continue;
        (sameRows(rows) ? known : otherRows) = true;
      }
      anyPsi = anyPsi || !source.psiSha256.empty();
      for (Psi& psi : psi_) {
        if (psi.set.dataset != source.dataset || psi.set.variant != source.variant || !sameRows(psi.set.rows)) continue;
        psi.scored = ourPsi = true;
      }
    }
    if (!known && otherRows)
      refuse(path, "has scores of other images of the factor grid than the files hold",
             "evaluate the files themselves: original=FILE.h5");
    if (!known) refuse(path, "has no source of " + joined(datasets_), "give the evaluation of what is published");
    if (anyPsi && !ourPsi && !psi_.empty())
      refuse(path, "has scores of perturbed sets, but of none of the files",
             "give the evaluation of what is published");
  }

  void requirePsiScored() const {
    for (const Psi& psi : psi_) {
      if (psi.scored) continue;
      refuse(psi.path,
             "is " + psi.set.variant.substr(0, psi.set.variant.find(':')) + " by psi.h5 " +
                 psi.set.psiSha256.substr(0, kPsiNameDigits) + "..., a variant that no source of the evidence shows",
             "give an evaluation that has it among its sources, or leave out --evidence");
    }
  }

 private:
  struct Psi {
    std::string path;  // of the candidate
    Resolved set;
    bool scored = false;
  };

  void requireDataset(const std::string& path, const Json& dataset) const {
    if (dataset.is_string() && datasets_.count(dataset.get<std::string>()) != 0) return;
    refuse(path,
           "has scores of " + dataset.dump(-1, ' ', true, Json::error_handler_t::replace) + ", not of " +
               joined(datasets_),
           "give the evaluation of what is published");
  }

  std::set<std::string> datasets_;
  std::set<std::pair<std::string, std::string>> sets_;  // dataset, rows
  std::vector<Psi> psi_;
};

}  // namespace

Json readEvidence(const std::vector<std::string>& paths, const std::vector<Candidate>& candidates) {
  Json all = Json::array();
  Published published(candidates);
  std::map<std::string, std::string> taken;  // SHA-256 -> path
  for (const std::string& path : paths) {
    const std::string text = readTextFile(path);
    const std::string sha256 = toHex(sha256Of(text.data(), text.size()));
    const auto [there, added] = taken.emplace(sha256, path);
    if (!added)
      refuse(path, "is evidence that is given already" + (there->second == path ? "" : " as '" + there->second + "'"),
             "give every results.json once");
    const Json results = readResults(path, text);
    Json configuration = plainConfiguration(results);
    Json sources = resolvedSources(path, results);
    published.take(path, results, sources);
    all.push_back({{"file", std::filesystem::path(path).filename().string()},
                   {"sha256", sha256},
                   {"configuration", std::move(configuration)},
                   {"sources", std::move(sources)},
                   {"summary", results["summary"]}});
  }
  if (!paths.empty()) published.requirePsiScored();
  return all;
}

}  // namespace offaxis
