#include "report/findings.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "core/error.h"
#include "core/text.h"
#include "measure/statistics.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kDepth = 3;  // GRID/evaluation/runs/RUN
constexpr std::size_t kMostFolders = 2000;
constexpr std::uint64_t kLargestPsi = std::uint64_t{64} << 20;

std::vector<fs::path> entriesOf(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error))
    entries.push_back(at->path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool isFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// Objects that hold `key`; throws what is wrong with the file otherwise.
Json readJson(const fs::path& path, const std::vector<const char*>& keys, const std::string& what) {
  Json json = Json::parse(readTextFile(path.string()), nullptr, false);
  if (json.is_discarded()) throw Error(ErrorKind::BadFile, path.string() + " is damaged: it is no JSON");
  for (const char* key : keys) {
    if (!json.is_object() || !json.contains(key)) throw Error(ErrorKind::BadFile, path.string() + " is no " + what);
  }
  return json;
}

// The summary of runs that no results.json sums up yet: means and deviations, without comparisons.
Json summaryOf(const Json& rows) {
  std::vector<std::pair<std::string, std::string>> order;
  std::map<std::pair<std::string, std::string>, std::vector<const Json*>> groups;
  for (const Json& row : rows) {
    if (!row.contains("mig")) continue;
    const auto key = std::make_pair(row.at("variant").get<std::string>(), row.at("model").get<std::string>());
    if (groups.find(key) == groups.end()) order.push_back(key);
    groups[key].push_back(&row);
  }
  Json summary = Json::array();
  for (const auto& key : order) {
    Json entry{{"variant", key.first}, {"model", key.second}, {"runs", groups[key].size()}};
    for (const char* score : {"mig", "rotated_mig"}) {
      std::vector<double> values;
      Json points = Json::array();
      for (const Json* row : groups[key]) {
        values.push_back(row->at(score).at("value"));
        points.push_back({{"seed", row->at("seed")}, {"value", values.back()}});
      }
      entry[score] = {{"mean", mean(values)}, {"sd", standardDeviation(values)}, {"points", points}};
    }
    for (const char* plain : {"active_units", "reconstruction", "kl", "seconds"}) {
      std::vector<double> values;
      for (const Json* row : groups[key]) values.push_back(row->value(plain, 0.0));
      entry[plain] = mean(values);
    }
    summary.push_back(std::move(entry));
  }
  return summary;
}

class Reader {
 public:
  explicit Reader(const std::string& path) { findings_.path = path; }

  Findings read() {
    const fs::path path(findings_.path);
    std::error_code error;
    if (isFile(path)) {
      attempt(path.string(), [&] { readVersion(path, ""); });
      addPsiNear(path.parent_path());
    } else if (fs::is_directory(path, error)) {
      visit(path, "", 0);
      addPsiNear(path);
      addPsiNear(path / "..");
    } else {
      throw Error(ErrorKind::BadFile, findings_.path + " is neither a folder nor a manifest",
                  "give a folder of offaxis manipulate, evaluate, train or publish");
    }
    const bool any = !findings_.manipulations.empty() || !findings_.evaluations.empty() ||
                     !findings_.versions.empty() || !findings_.trainings.empty();
    if (!any) {
      if (firstProblem_) throw *firstProblem_;
      throw Error(ErrorKind::BadFile, findings_.path + " holds nothing that a report could show",
                  "looked for log.json (manipulate), results.json or runs/ (evaluate), manifest.json (publish), "
                  "run.json (train)");
    }
    std::sort(findings_.psi.begin(), findings_.psi.end());
    findings_.psi.erase(std::unique(findings_.psi.begin(), findings_.psi.end()), findings_.psi.end());
    return std::move(findings_);
  }

 private:
  // Whether it went well; what is wrong is noted otherwise.
  template <typename Body>
  bool attempt(const std::string& what, Body body) {
    try {
      body();
      return true;
    } catch (const Error& e) {
      findings_.missing.push_back(what + ": " + e.what());
      if (!firstProblem_) firstProblem_ = e;
    } catch (const nlohmann::json::exception& e) {
      const Error error(ErrorKind::BadFile, what + " does not hold what it should: " + withoutTag(e.what()));
      findings_.missing.push_back(error.what());
      if (!firstProblem_) firstProblem_ = error;
    }
    return false;
  }

  void visit(const fs::path& directory, const std::string& name, int depth) {
    if (++visited_ > kMostFolders) return;
    bool training = false;
    if (isFile(directory / "manifest.json")) {
      attempt((directory / "manifest.json").string(), [&] { readVersion(directory / "manifest.json", name); });
    }
    if (isFile(directory / "log.json")) {
      attempt((directory / "log.json").string(), [&] {
        FoundManipulation found{name,
                                directory.string(),
                                readJson(directory / "log.json", {"identity", "curves"}, "log of offaxis manipulate"),
                                {}};
        if (isFile(directory / "psi.h5")) found.psi = (directory / "psi.h5").string();
        findings_.manipulations.push_back(std::move(found));
      });
    }
    if (isFile(directory / "run.json")) {
      training = true;
      attempt((directory / "run.json").string(), [&] {
        FoundTraining found{name,
                            directory.string(),
                            readJson(directory / "run.json", {"settings"}, "run of offaxis train"),
                            nullptr,
                            {}};
        for (const char* place : {"pictures", "."}) {
          const fs::path pictures = directory / place / "traversal.json";
          if (!isFile(pictures)) continue;
          found.pictures = readJson(pictures, {"strips"}, "record of offaxis traverse");
          found.picturesDirectory = (directory / place).string();
          break;
        }
        findings_.trainings.push_back(std::move(found));
      });
    }
    std::error_code unreadable;
    const bool runs = fs::is_directory(directory / "runs", unreadable);
    const bool summed =
        isFile(directory / "results.json") && attempt((directory / "results.json").string(), [&] {
          Json results = readJson(directory / "results.json", {"rows", "summary", "configuration"}, "evaluation's");
          check(results);
          findings_.evaluations.push_back({name, directory.string(), std::move(results), false});
        });
    if (!summed && runs) readRuns(directory, name);
    if (training || depth == kDepth) return;
    for (const fs::path& entry : entriesOf(directory)) {
      std::error_code error;
      if (!fs::is_directory(entry, error) || fs::is_symlink(entry, error)) continue;
      const std::string base = entry.filename().string();
      if (base.empty() || base[0] == '.' || base == "data" || base == "psi") continue;
      visit(entry, name.empty() ? base : name + "/" + base, depth + 1);
    }
  }

  // Throws json::exception where a row or the summary lacks what pages show.
  static void check(const Json& results) {
    for (const Json& row : results.at("rows")) {
      row.at("variant").get_ref<const std::string&>();
      row.at("model").get_ref<const std::string&>();
      row.at("seed").get<std::uint64_t>();
      if (row.contains("mig")) row.at("mig").at("value").get<double>();
    }
    for (const Json& entry : results.at("summary")) {
      entry.at("variant").get_ref<const std::string&>();
      entry.at("model").get_ref<const std::string&>();
      entry.at("runs").get<std::uint64_t>();
      for (const char* score : {"mig", "rotated_mig", "probe"}) {
        if (!entry.contains(score)) continue;
        entry.at(score).at("mean").get<double>();
        if (!entry.at(score).at("sd").is_null()) entry.at(score).at("sd").get<double>();  // one run has none
        for (const Json& point : entry.at(score).at("points")) {
          point.at("seed").get<std::uint64_t>();
          point.at("value").get<double>();
        }
      }
    }
    results.at("configuration").at("dataset").get_ref<const std::string&>();
    results.at("configuration").at("profile").get_ref<const std::string&>();
    results.at("configuration").at("steps").get<std::uint64_t>();
  }

  void readRuns(const fs::path& directory, const std::string& name) {
    Json rows = Json::array(), sources = Json::object(), configuration;
    std::set<std::string> models;
    std::set<std::uint64_t> seeds;
    for (const fs::path& entry : entriesOf(directory / "runs")) {
      if (entry.extension() != ".json" || !isFile(entry)) continue;
      attempt(entry.string(), [&] {
        Json row = readJson(entry, {"variant", "model", "seed", "identity"}, "run of an evaluation");
        models.insert(row.at("model").get<std::string>());
        seeds.insert(row.at("seed").get<std::uint64_t>());
        if (configuration.is_null()) {
          configuration = row.at("identity");
          for (const char* own : {"model", "seed", "source", "source_definition"}) configuration.erase(own);
        }
        if (row.contains("source")) sources[row.at("variant").get<std::string>()] = row.at("source");
        row.erase("identity");
        rows.push_back(std::move(row));
      });
    }
    if (rows.empty()) return;
    attempt((directory / "runs").string(), [&] {
      Json results{{"schema_version", 1}, {"status", "partial"}, {"configuration", configuration}, {"seeds", seeds},
                   {"models", models},    {"sources", sources},  {"summary", summaryOf(rows)},     {"rows", rows}};
      check(results);
      findings_.evaluations.push_back({name, directory.string(), std::move(results), true});
      const fs::path summary = directory / "results.json";
      findings_.missing.push_back(summary.string() + (isFile(summary) ? " cannot be used" : " is not there") +
                                  ": what follows comes from the single runs, without comparisons");
    });
  }

  void readVersion(const fs::path& path, const std::string& name) {
    Json manifest = readJson(path, {"kind", "reproduces", "name", "version"}, "manifest of offaxis publish");
    if (manifest.at("kind") != "offaxis-manifest")
      throw Error(ErrorKind::BadFile, path.string() + " is no manifest of offaxis publish");
    for (const Json& file : manifest.at("reproduces").at("files")) {
      for (const char* key : {"path", "dataset", "variant", "content_root"}) file.at(key).get_ref<const std::string&>();
      file.at("images").get<std::uint64_t>();
      file.at("shape").get<std::vector<std::uint32_t>>();
    }
    const fs::path directory = path.parent_path();
    findings_.versions.push_back(
        {name, directory.empty() ? "." : directory.string(), path.string(), std::move(manifest)});
  }

  void addPsiNear(const fs::path& directory) {
    std::vector<fs::path> folders{directory.empty() ? fs::path(".") : directory};
    for (const fs::path& entry : entriesOf(folders[0])) {
      std::error_code error;
      if (fs::is_directory(entry, error)) folders.push_back(entry);
    }
    for (const fs::path& folder : folders) {
      for (const fs::path& entry : entriesOf(folder)) {
        std::error_code error;
        if (entry.extension() != ".h5" || entry.filename().string().rfind("psi", 0) != 0) continue;
        if (isFile(entry) && fs::file_size(entry, error) <= kLargestPsi)
          findings_.psi.push_back(entry.lexically_normal().string());
      }
    }
  }

  Findings findings_;
  std::optional<Error> firstProblem_;
  std::size_t visited_ = 0;
};

// "3, 5 to 9"
std::string rangesOf(const std::vector<std::uint64_t>& seeds) {
  std::string text;
  for (std::size_t i = 0; i < seeds.size();) {
    std::size_t last = i;
    while (last + 1 < seeds.size() && seeds[last + 1] == seeds[last] + 1) ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(seeds[i]);
    if (last > i) text += (last == i + 1 ? ", " : " to ") + std::to_string(seeds[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace

Findings readFindings(const std::string& path) {
  return Reader(path).read();
}

std::vector<std::string> missingRuns(const Json& results) {
  std::vector<std::string> lines;
  if (!results.contains("sources") || !results.contains("seeds") || !results.contains("models")) return lines;
  std::set<std::tuple<std::string, std::string, std::uint64_t>> there;
  for (const Json& row : results.at("rows")) {
    there.emplace(row.at("variant"), row.at("model"), row.at("seed").get<std::uint64_t>());
    if (!row.contains("error")) continue;
    lines.push_back(row.at("variant").get<std::string>() + ", " + row.at("model").get<std::string>() + ", seed " +
                    std::to_string(row.at("seed").get<std::uint64_t>()) +
                    " failed: " + row.at("error").get<std::string>());
  }
  // Older files give the number of seeds instead of their list.
  Json seeds = results.at("seeds");
  if (seeds.is_number_unsigned()) {
    const std::uint64_t count = std::min<std::uint64_t>(seeds.get<std::uint64_t>(), 1000);
    seeds = Json::array();
    for (std::uint64_t seed = 0; seed < count; ++seed) seeds.push_back(seed);
  }
  std::vector<std::string> variants;
  std::map<std::string, std::set<std::uint64_t>> wanted;
  for (const auto& [label, source] : results.at("sources").items()) {
    const std::size_t at = label.find('@'), colon = label.find(':', at == std::string::npos ? 0 : at);
    const std::string variant = label.substr(0, at);
    if (wanted.find(variant) == wanted.end()) variants.push_back(variant);
    for (const Json& seed : seeds) {
      const std::uint64_t value = seed.get<std::uint64_t>();
      if (at != std::string::npos && colon != std::string::npos) {
        if (value < parseUnsigned(label.substr(at + 1, colon - at - 1), "seeds", 0, UINT64_MAX) ||
            value >= parseUnsigned(label.substr(colon + 1), "seeds", 0, UINT64_MAX))
          continue;
      }
      wanted[variant].insert(value);
    }
  }
  for (const std::string& variant : variants) {
    for (const Json& model : results.at("models")) {
      std::vector<std::uint64_t> gone;
      for (const std::uint64_t seed : wanted[variant]) {
        if (there.count({variant, model.get<std::string>(), seed}) == 0) gone.push_back(seed);
      }
      if (gone.empty()) continue;
      lines.push_back(variant + ", " + model.get<std::string>() + ": " + std::to_string(gone.size()) + " of " +
                      std::to_string(wanted[variant].size()) + " runs, seed" + (gone.size() == 1 ? " " : "s ") +
                      rangesOf(gone));
    }
  }
  return lines;
}

}  // namespace offaxis
