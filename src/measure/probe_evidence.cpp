#include "measure/probe_evidence.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "datasets/content.h"
#include "storage/hash.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShownDigits = 12;
constexpr double kRounding = 1e-12;  // a drop of just the margin is within it

struct ProbeRun {
  std::uint64_t testImages = 0;
  std::vector<double> accuracy;  // by factor of more than one level
};

// An evaluation's "sources": "NAME" or "NAME@A:B" for the seeds A .. B - 1.
struct EvaluatedSource {
  std::string name;
  std::uint64_t firstSeed = 0, endSeed = ~std::uint64_t{0};
  std::string identity;
  bool mine = false;  // the set to verify
};

// Of rows that a results.json calls by one name.
struct ProbeRuns {
  std::map<std::uint64_t, ProbeRun> bySeed;
  std::string root;  // the content root that all of them name
};

// By factor, the share of its commonest level among the source's images: what the best constant guess scores.
std::vector<double> commonestShares(const Source& source) {
  const FactorGrid& grid = source.info().grid;
  std::vector<double> shares;
  if (source.size() == grid.size()) {
    for (const Factor& factor : grid.factors()) shares.push_back(1 / static_cast<double>(factor.size()));
    return shares;
  }
  std::vector<std::vector<std::uint64_t>> counts;
  for (const Factor& factor : grid.factors()) counts.emplace_back(factor.size());
  std::vector<std::uint32_t> levels(counts.size());
  for (std::uint64_t row = 0; row < source.size(); ++row) {
    grid.levelsOf(source.gridIndex(row), levels.data());
    for (std::size_t k = 0; k < levels.size(); ++k) ++counts[k][levels[k]];
  }
  for (const std::vector<std::uint64_t>& of : counts)
    shares.push_back(static_cast<double>(*std::max_element(of.begin(), of.end())) / static_cast<double>(source.size()));
  return shares;
}

class Reader {
 public:
  Reader(const std::string& path, const Source& modified, const std::vector<std::string>& originals)
      : path_(path), originals_(originals), modified_(modified), mine_(sourceIdentity(modified)) {
    const std::vector<double> commonest = commonestShares(modified);
    const std::vector<Factor>& factors = modified.info().grid.factors();
    for (std::size_t k = 0; k < factors.size(); ++k) {
      all_.push_back(factors[k].name);
      if (factors[k].size() < 2) continue;
      names_.push_back(factors[k].name);
      chances_.push_back(commonest[k]);
    }
  }

  ProbeEvidence read() {
    const std::string text = readTextFile(path_);
    evidence_.file = path_.substr(path_.find_last_of('/') + 1);
    evidence_.sha256 = toHex(sha256Of(text.data(), text.size()));
    const Json json = Json::parse(text, nullptr, false);
    if (json.is_discarded() || !json.is_object()) fail("it is no JSON object");
    if (!json.contains("sources") || !json.contains("rows")) fail("it names no sources and rows");
    try {
      if (json.at("status") != "complete") fail("it is not complete: runs are missing or failed");
      readSources(json.at("sources"));
      for (const Json& row : json.at("rows")) readRow(row);
    } catch (const nlohmann::json::exception& e) {
      fail(std::string("it is not laid out as results are: ") + withoutTag(e.what()));
    }
    pair();
    return std::move(evidence_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::BadFile, path_ + ": " + what,
                "give the results.json of `offaxis evaluate original=... modified=FILE --models probe`, with --profile "
                "pilot for 64x64 images");
  }

  void readSources(const Json& sources) {
    std::string there;
    bool original = false;
    std::vector<std::string> definitions;  // of each source
    for (const auto& [label, description] : sources.items()) {
      EvaluatedSource source;
      source.identity = description.at("identity").get<std::string>();
      const std::size_t at = label.find('@');
      source.name = label.substr(0, at);
      if (at != std::string::npos) readSeeds(label, label.substr(at + 1), source);
      definitions.push_back(description.value("definition", ""));
      original = original || isOriginal(source.identity);
      there += (there.empty() ? "" : ", ") + label + " " + source.identity.substr(0, kShownDigits);
      sources_.push_back(std::move(source));
    }
    if (!findMine(definitions)) {
      fail("none of its sources is the set to verify, which has identity " + mine_.substr(0, kShownDigits) +
           "; it has " + there);
    }
    if (!original) fail("none of its sources is the original of the set to verify; it has " + there);
  }

  // The sources that show the set's sample: of several, as perturbations that differ elsewhere may show one sample,
  // those that are defined alike, if there are any.
  bool findMine(const std::vector<std::string>& definitions) {
    const std::string definition = sourceDefinition(modified_);
    bool any = false, alike = false;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      any = any || sources_[i].identity == mine_;
      alike = alike || (sources_[i].identity == mine_ && definitions[i] == definition);
    }
    for (std::size_t i = 0; i < sources_.size(); ++i)
      sources_[i].mine = sources_[i].identity == mine_ && (!alike || definitions[i] == definition);
    return any;
  }

  void readSeeds(const std::string& label, const std::string& range, EvaluatedSource& source) const {
    try {
      const std::size_t colon = range.find(':');
      source.firstSeed = parseUnsigned(range.substr(0, colon), "seed", 0, ~std::uint64_t{0});
      source.endSeed = colon == std::string::npos ? source.firstSeed + 1
                                                  : parseUnsigned(range.substr(colon + 1), "end of seeds",
                                                                  source.firstSeed, ~std::uint64_t{0});
    } catch (const Error&) {
      fail("the seeds of its source '" + label + "' are no A:B");
    }
  }

  bool isOriginal(const std::string& identity) const {
    return std::find(originals_.begin(), originals_.end(), identity) != originals_.end();
  }

  const EvaluatedSource& sourceOf(const std::string& variant, std::uint64_t seed) const {
    for (const EvaluatedSource& source : sources_) {
      if (source.name == variant && seed >= source.firstSeed && seed < source.endSeed) return source;
    }
    fail("it names no source of its row '" + variant + "', seed " + std::to_string(seed));
  }

  void readRow(const Json& row) {
    if (row.at("model") != "probe") return;
    const auto variant = row.at("variant").get<std::string>();
    const auto seed = row.at("seed").get<std::uint64_t>();
    const EvaluatedSource& source = sourceOf(variant, seed);
    const std::string where = "probe of " + variant + ", seed " + std::to_string(seed);
    if (source.mine) keep(modifiedRuns_, seed, row, where, evidence_.variant);
    if (isOriginal(source.identity)) keep(originalRuns_, seed, row, where, evidence_.baseline);
  }

  void keep(ProbeRuns& runs, std::uint64_t seed, const Json& row, const std::string& where, std::string& name) const {
    if (!row.contains("source_root")) {
      throw Error(ErrorKind::BadFile, path_ + ": the " + where + " does not say what images it was made with",
                  "it is older than that was recorded: evaluate the probes anew, with --force");
    }
    const auto root = row["source_root"].get<std::string>();
    if (!runs.root.empty() && runs.root != root)
      fail("the " + where + " was made with other images than the seeds before");
    runs.root = root;
    if (!runs.bySeed.emplace(seed, runOf(row.at("probe"), where)).second) fail("there is more than one " + where);
    name = row.at("variant");
  }

  ProbeRun runOf(const Json& probe, const std::string& where) const {
    ProbeRun run;
    run.testImages = probe.at("test_images").get<std::uint64_t>();
    if (run.testImages == 0) fail("the " + where + " was tested on no image");
    const Json& accuracies = probe.at("per_factor");
    for (const auto& [name, value] : accuracies.items()) {
      if (std::find(all_.begin(), all_.end(), name) == all_.end())
        fail("the " + where + " has an unknown factor " + name);
    }
    for (const std::string& name : names_) {
      if (!accuracies.contains(name)) fail("the " + where + " lacks the factor " + name);
      const auto accuracy = accuracies.at(name).get<double>();
      if (!(accuracy >= 0 && accuracy <= 1)) {
        fail("the " + where + " has an accuracy of " + formatReal(accuracy) + " for " + name);
      }
      run.accuracy.push_back(accuracy);
    }
    return run;
  }

  void pair() {
    std::vector<std::vector<double>> original(names_.size()), modified(names_.size());
    for (const auto& [seed, run] : modifiedRuns_.bySeed) {
      const auto other = originalRuns_.bySeed.find(seed);
      if (other == originalRuns_.bySeed.end()) continue;
      const std::uint64_t fewest = std::min(run.testImages, other->second.testImages);
      evidence_.testImages = evidence_.seeds.empty() ? fewest : std::min(evidence_.testImages, fewest);
      evidence_.seeds.push_back(seed);
      for (std::size_t k = 0; k < names_.size(); ++k) {
        original[k].push_back(other->second.accuracy[k]);
        modified[k].push_back(run.accuracy[k]);
      }
    }
    if (evidence_.seeds.empty()) fail("it holds no probes of the set to verify and of its original with one seed");
    evidence_.modifiedRoot = modifiedRuns_.root;
    evidence_.originalRoot = originalRuns_.root;
    for (std::size_t k = 0; k < names_.size(); ++k) {
      std::vector<double> differences(original[k].size());
      for (std::size_t i = 0; i < differences.size(); ++i) differences[i] = modified[k][i] - original[k][i];
      evidence_.factors.push_back({names_[k], mean(original[k]), mean(modified[k]),
                                   pairedDifference(original[k], modified[k]), chances_[k],
                                   differences.size() < 2 ? -1 : lowerBound(differences)});
    }
  }

  const std::string& path_;
  const std::vector<std::string>& originals_;
  const Source& modified_;
  const std::string mine_;
  std::vector<std::string> all_, names_;  // factors; those of more than one level
  std::vector<EvaluatedSource> sources_;
  std::vector<double> chances_;  // in the order of names_
  ProbeRuns modifiedRuns_, originalRuns_;
  ProbeEvidence evidence_;
};

}  // namespace

ProbeEvidence readProbeEvidence(const std::string& path, const Source& modified,
                                const std::vector<std::string>& originalIdentities) {
  return Reader(path, modified, originalIdentities).read();
}

std::vector<std::string> factorsBelowMargin(const ProbeEvidence& evidence, double margin) {
  std::vector<std::string> names;
  for (const ProbeFactor& factor : evidence.factors) {
    if (factor.difference.pairs < 2 || factor.lowest < -margin - kRounding) names.push_back(factor.name);
  }
  return names;
}

std::vector<std::string> factorsNotRead(const ProbeEvidence& evidence, double margin) {
  std::vector<std::string> names;
  for (const ProbeFactor& factor : evidence.factors) {
    const bool varies = factor.chance < 1;  // where all images show one level there is nothing to lose
    if (varies && factor.original - factor.chance <= margin + kRounding) names.push_back(factor.name);
  }
  return names;
}

}  // namespace offaxis
