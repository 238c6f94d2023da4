#include "publish/publish.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/text.h"
#include "datasets/content.h"
#include "datasets/image_file.h"
#include "measure/preservation.h"
#include "publish/croissant.h"
#include "publish/preservation_json.h"
#include "publish/signing.h"
#include "storage/deflate.h"
#include "storage/h5.h"
#include "storage/hash.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPsiNameDigits = 12;

struct Candidate {
  std::string path;  // as given
  std::shared_ptr<const ImageFile> source;
  PublishedFile described;
};

[[noreturn]] void badUsage(const std::string& message, const std::string& hint = {}) {
  throw Error(ErrorKind::Usage, message, hint);
}

void requireName(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  if (!plain || name.size() > 100 || !isSafePath(name)) {
    badUsage("'" + name + "' cannot name a published set",
             "use lower-case letters, digits, '-', '_' and '.', such as xysquares-adversarial");
  }
}

SemVer requireVersion(const std::string& text) {
  SemVer version;
  if (!parseSemVer(text, version)) badUsage("'" + text + "' is no version", "give X.Y.Z, such as 1.0.0");
  return version;
}

std::vector<Candidate> openCandidates(const PublishSettings& settings) {
  if (settings.files.empty()) badUsage("there are no files to publish");
  std::vector<Candidate> candidates;
  std::set<std::string> names;
  for (const std::string& path : settings.files) {
    const std::string name = fs::path(path).filename().string();
    if (!isSafePath(name))
      badUsage("'" + name + "' cannot name a published file", "use letters, digits and '._+-' alone");
    if (!names.insert(name).second) badUsage("two files are named '" + name + "'", "rename one of them");
    Candidate candidate{path, openImageFile(path), {}};
    candidate.described = publishedFileOf(*candidate.source);
    candidate.described.file.path = "data/" + name;
    candidate.described.contentRoot = candidate.source->recordedRoot();
    candidate.described.deflateLevel = h5::Reader(path).deflateLevel(candidate.source->info().layout.imagesKey);
    candidates.push_back(std::move(candidate));
  }
  for (const Candidate& candidate : candidates) {
    if (candidate.source->info().grid != candidates[0].source->info().grid ||
        candidate.described.rows != candidates[0].described.rows) {
      badUsage("'" + candidate.path + "' has other factors or rows than '" + candidates[0].path + "'",
               "a version has one index.csv: publish them under two names");
    }
  }
  return candidates;
}

// The psi files that the candidates name: published path and where it lies.
std::vector<std::pair<ListedFile, std::string>> matchPsi(const PublishSettings& settings,
                                                         const std::vector<Candidate>& candidates) {
  std::unordered_map<std::string, std::string> given;
  for (const std::string& path : settings.psi) given[toHex(sha256OfFile(path))] = path;
  std::vector<std::pair<ListedFile, std::string>> matched;
  std::set<std::string> used;
  for (const Candidate& candidate : candidates) {
    const std::string sha256 = candidate.described.psiSha256();
    if (sha256.empty() || !used.insert(sha256).second) continue;
    const auto found = given.find(sha256);
    if (found == given.end()) {
      badUsage("'" + candidate.path + "' was made with a psi.h5 that is not among the given ones (SHA-256 " +
                   sha256.substr(0, kPsiNameDigits) + "...)",
               "pass it with --psi FILE");
    }
    const std::string published = "psi/psi-" + sha256.substr(0, kPsiNameDigits) + ".h5";
    matched.push_back({{published, sha256, fs::file_size(found->second)}, found->second});
  }
  for (const auto& [sha256, path] : given) {
    if (used.count(sha256) == 0) badUsage("no file was made with '" + path + "'", "leave out --psi " + path);
  }
  return matched;
}

// Whether every row of the old file is in the new one with the same label and image.
bool holdsRowsOf(const Source& now, const Source& before, const Context& context) {
  if (now.info().grid != before.info().grid || now.info().shape != before.info().shape || now.size() < before.size())
    return false;
  std::unordered_map<std::uint64_t, std::uint64_t> rowOf;
  for (std::uint64_t row = 0; row < now.size(); ++row) rowOf[now.gridIndex(row)] = row;
  std::vector<std::uint8_t> image(now.info().shape.bytes()), old(image.size());
  for (std::uint64_t row = 0; row < before.size(); ++row) {
    context.throwIfCancelled();
    const auto found = rowOf.find(before.gridIndex(row));
    if (found == rowOf.end()) return false;
    now.read(found->second, image.data());
    before.read(row, old.data());
    if (image != old) return false;
  }
  return true;
}

bool sameMaking(const PublishedFile& a, const PublishedFile& b) {
  return a.dataset == b.dataset && a.variant == b.variant && a.settings == b.settings && a.reduction == b.reduction;
}

Change changeSince(const Manifest& before, const std::string& directory, const std::vector<Candidate>& now,
                   const Context& context) {
  std::set<std::string> oldRoots, newRoots;
  for (const PublishedFile& file : before.files) oldRoots.insert(file.contentRoot);
  for (const Candidate& candidate : now) newRoots.insert(candidate.described.contentRoot);
  if (oldRoots == newRoots) return Change::Patch;
  for (const PublishedFile& file : before.files) {
    if (newRoots.count(file.contentRoot) != 0) continue;
    const auto grown =
        std::find_if(now.begin(), now.end(), [&](const Candidate& c) { return sameMaking(c.described, file); });
    if (grown == now.end() || grown->described.images <= file.images) return Change::Major;
    const std::string path = directory + "/" + file.file.path;
    if (!fs::exists(path) || !holdsRowsOf(*grown->source, *openImageFile(path), context)) return Change::Major;
  }
  return Change::Minor;
}

void requireRightStep(const PublishSettings& settings, const SemVer& version, const std::vector<Candidate>& candidates,
                      const Context& context) {
  const std::string family = settings.directory + "/" + settings.name;
  bool any = false;
  SemVer last;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(family, ignored)) {
    SemVer found;
    if (!parseSemVer(entry.path().filename().string(), found)) continue;
    if (!any || last < found) last = found;
    any = true;
  }
  if (!any) return;
  const std::string directory = family + "/" + toString(last);
  if (fs::exists(family + "/" + toString(version), ignored)) {
    throw Error(ErrorKind::CannotWrite,
                "version " + toString(version) + " of " + settings.name + " is published already",
                "versions never change: publish a new one");
  }
  const Change change = changeSince(readManifest(directory + "/manifest.json"), directory, candidates, context);
  const SemVer right = nextVersion(last, change);
  if (!(version == right)) {
    badUsage(
        "version " + toString(version) + " does not follow " + toString(last) + ": these files are " + toString(change),
        "publish them as " + toString(right));
  }
}

int budgetLevels(const Candidate& candidate) {
  const auto found = candidate.described.settings.find("eps");
  if (found == candidate.described.settings.end()) {
    throw Error(ErrorKind::BadFile, "'" + candidate.path + "' records no budget eps", "write it with `offaxis emit`");
  }
  return Budget::parse(found->second, "eps of " + candidate.path).levels();
}

// Recomputes what the candidates claim. Fills the parent roots and returns the verification reports by path.
Json verifyCandidates(const PublishSettings& settings, std::vector<Candidate>& candidates,
                      const std::vector<std::pair<ListedFile, std::string>>& psi, const Context& context) {
  Json reports = Json::object();
  std::unordered_map<std::string, std::string> originalRoots;  // by expression
  for (Candidate& candidate : candidates) {
    PublishedFile& described = candidate.described;
    const std::string root = toHex(contentRoot(*candidate.source, context));
    if (root != described.contentRoot) {
      throw Error(ErrorKind::BadFile,
                  "'" + candidate.path + "' does not hold what it says: content root " + root + ", recorded " +
                      described.contentRoot,
                  "write it anew with `offaxis emit` or `offaxis render`");
    }
    const SourcePtr original = openOriginal(described, settings.original);
    std::string& originalRoot = originalRoots[described.originalExpression()];
    if (originalRoot.empty()) originalRoot = toHex(contentRoot(*original, context));
    if (described.variant == "original") {
      if (originalRoot == root) continue;
      throw Error(ErrorKind::BadFile, "'" + candidate.path + "' is not " + described.originalExpression() +
                                          ": content root " + root + " instead of " + originalRoot);
    }
    described.parentRoot = originalRoot;
    const PreservationReport report =
        verifyPreservation(*candidate.source, *original, {budgetLevels(candidate)}, context);
    if (const PreservationCheck* failure = report.firstFailure()) {
      throw Error(
          ErrorKind::BadFile,
          "'" + candidate.path + "' is not preserved, check '" + failure->name + "'" +
              (failure->firstOffendingIndex ? " at index " + std::to_string(*failure->firstOffendingIndex) : "") +
              ": " + failure->detail,
          "`offaxis verify` shows the whole report");
    }
    std::string psiPath;
    for (const auto& [file, path] : psi) {
      if (file.sha256 == described.psiSha256()) psiPath = path;
    }
    if (toHex(contentRoot(*remakeSource(described, settings.original, psiPath), context)) != root) {
      throw Error(ErrorKind::BadFile,
                  "'" + candidate.path + "' is not what its settings give: nobody could regenerate it",
                  "write it anew with `offaxis emit`");
    }
    reports[described.file.path] = toJson(report);
  }
  return reports;
}

Json readEvidence(const std::vector<std::string>& paths) {
  Json all = Json::array();
  for (const std::string& path : paths) {
    const std::string text = readTextFile(path);
    const Json results = Json::parse(text, nullptr, false);
    if (!results.is_object() || !results.contains("summary")) {
      throw Error(ErrorKind::BadFile, "'" + path + "' is no results.json: it has no summary",
                  "give the results.json of `offaxis evaluate`");
    }
    if (results.value("status", "") != "complete") {
      throw Error(ErrorKind::BadFile, "'" + path + "' is not complete: runs are missing or failed",
                  "finish the evaluation first");
    }
    all.push_back({{"file", fs::path(path).filename().string()},
                   {"sha256", toHex(sha256Of(text.data(), text.size()))},
                   {"summary", results["summary"]}});
  }
  return all;
}

std::vector<IndexColumn> indexColumns(const FactorGrid& grid) {
  std::vector<IndexColumn> columns{{"index", false, "Row of the image in every HDF5 file"}};
  for (const Factor& factor : grid.factors()) {
    columns.push_back(
        {factor.name + "_level", false, "Level of factor " + factor.name + " (" + toString(factor.kind) + "), from 0"});
  }
  for (const Factor& factor : grid.factors()) columns.push_back({factor.name, true, "Value of factor " + factor.name});
  return columns;
}

std::string indexText(const Source& source) {
  const FactorGrid& grid = source.info().grid;
  std::string text;
  for (const IndexColumn& column : indexColumns(grid)) text += (text.empty() ? "" : ",") + column.name;
  text += '\n';
  std::vector<std::uint32_t> levels(grid.factorCount());
  std::vector<std::vector<std::string>> values;
  for (const Factor& factor : grid.factors()) {
    values.emplace_back();
    for (const double value : factor.values) values.back().push_back(formatReal(value));
  }
  for (std::uint64_t row = 0; row < source.size(); ++row) {
    grid.levelsOf(source.gridIndex(row), levels.data());
    text += std::to_string(row);
    for (const std::uint32_t level : levels) text += "," + std::to_string(level);
    for (std::size_t k = 0; k < levels.size(); ++k) text += "," + values[k][levels[k]];
    text += '\n';
  }
  return text;
}

ListedFile listedFile(const std::string& directory, const std::string& path) {
  return {path, toHex(sha256OfFile(directory + "/" + path)), fs::file_size(directory + "/" + path)};
}

ListedFile copyInto(const std::string& directory, const std::string& path, const std::string& from) {
  std::error_code failure;
  const std::string to = directory + "/" + path;
  fs::create_directories(fs::path(to).parent_path(), failure);
  if (!failure) fs::copy_file(from, to, failure);
  if (failure) throw Error(ErrorKind::CannotWrite, "cannot copy '" + from + "' to '" + to + "': " + failure.message());
  return listedFile(directory, path);
}

ListedFile writeInto(const std::string& directory, const std::string& path, const std::string& text) {
  writeTextFile(directory + "/" + path, text, Overwrite::Refuse);
  return listedFile(directory, path);
}

void makeDirectories(const std::string& path) {
  std::error_code failure;
  fs::create_directories(path, failure);
  if (failure) throw Error(ErrorKind::CannotWrite, "cannot make '" + path + "': " + failure.message());
}

std::string defaultDescription(const std::vector<Candidate>& candidates) {
  std::set<std::string> variants;
  for (const Candidate& candidate : candidates) variants.insert(candidate.described.variant);
  return "Variants of " + candidates[0].described.originalExpression() +
         " with the same factors, labels and order: " + joined(variants);
}

void copyManifest(const PublishSettings& settings, const PublishReport& report) {
  const std::string family = settings.manifestsDirectory + "/" + settings.name;
  makeDirectories(family);
  for (const ListedFile& psi : report.manifest.psi) {
    if (!fs::exists(family + "/" + psi.path)) copyInto(family, psi.path, report.directory + "/" + psi.path);
  }
  writeTextFile(family + "/" + settings.version + ".json", readTextFile(report.directory + "/manifest.json"),
                Overwrite::Refuse);
}

}  // namespace

std::string checksumText(std::vector<ListedFile> files) {
  std::sort(files.begin(), files.end(), [](const ListedFile& a, const ListedFile& b) { return a.path < b.path; });
  std::string text;
  for (const ListedFile& file : files) text += file.sha256 + "  " + file.path + "\n";
  return text;
}

Json buildCircumstances(const std::string& program) {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return {{"program", program},
          {"compiler", __VERSION__},
          {"hdf5", std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release)},
          {"deflate", deflateLibrary()},
          {"openssl", OpenSSL_version(OPENSSL_VERSION)}};
}

PublishReport publishVersion(const PublishSettings& settings, const Context& context) {
  requireName(settings.name);
  const SemVer version = requireVersion(settings.version);
  std::vector<Candidate> candidates = openCandidates(settings);
  const auto psi = matchPsi(settings, candidates);
  const Json evidence = readEvidence(settings.evidence);
  requireRightStep(settings, version, candidates, context);

  PublishReport report;
  report.directory = settings.directory + "/" + settings.name + "/" + settings.version;
  if (fs::exists(report.directory)) {
    throw Error(ErrorKind::CannotWrite, "'" + report.directory + "' exists already",
                "versions never change: publish a new one");
  }
  if (!settings.manifestsDirectory.empty() &&
      fs::exists(settings.manifestsDirectory + "/" + settings.name + "/" + settings.version + ".json")) {
    throw Error(ErrorKind::CannotWrite,
                "the manifest of " + settings.name + " " + settings.version + " is there already");
  }
  Manifest& manifest = report.manifest;
  manifest.name = settings.name;
  manifest.version = version;
  manifest.description = settings.description.empty() ? defaultDescription(candidates) : settings.description;
  manifest.license = settings.license;
  manifest.url = settings.url;
  manifest.creator = settings.creator;
  manifest.verification = verifyCandidates(settings, candidates, psi, context);
  manifest.evidence = evidence;
  manifest.circumstances = buildCircumstances(settings.program);
  manifest.circumstances["created"] = settings.created;

  makeDirectories(settings.directory + "/" + settings.name);
  StagedDirectory staged(report.directory);
  const std::string& root = staged.path();
  std::vector<ListedFile> listed;
  for (Candidate& candidate : candidates) {
    context.throwIfCancelled();
    candidate.described.file = copyInto(root, candidate.described.file.path, candidate.path);
    manifest.files.push_back(candidate.described);
    listed.push_back(candidate.described.file);
  }
  for (const auto& [file, path] : psi) {
    listed.push_back(copyInto(root, file.path, path));
    if (listed.back().sha256 != file.sha256)
      throw Error(ErrorKind::BadFile, "'" + path + "' changed while it was published");
    manifest.psi.push_back(listed.back());
  }
  manifest.index = writeInto(root, "index.csv", indexText(*candidates[0].source));
  listed.push_back(manifest.index);
  listed.push_back(writeInto(root, "manifest.json", toJson(manifest).dump(2) + "\n"));
  const Json croissant = croissantOf(manifest, listed.back(), indexColumns(candidates[0].source->info().grid),
                                     settings.created.substr(0, 10));
  listed.push_back(writeInto(root, "croissant.json", croissant.dump(2) + "\n"));
  writeTextFile(root + "/SHA256SUMS", checksumText(listed), Overwrite::Refuse);
  if (!settings.signKey.empty()) signFile(root + "/SHA256SUMS", settings.signKey);
  staged.commit();
  if (!settings.manifestsDirectory.empty()) copyManifest(settings, report);
  return report;
}

}  // namespace offaxis
