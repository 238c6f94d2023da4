#include "publish/version_step.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "datasets/content.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

bool madeAlike(const PublishedFile& a, const PublishedFile& b) {
  return a.dataset == b.dataset && a.variant == b.variant && a.settings == b.settings && a.reduction == b.reduction &&
         a.shape == b.shape && a.factors == b.factors;
}

// Whether the rows of `before` are among those of `now`, with the same labels and images.
bool holdsRowsOf(const Candidate& now, const PublishedFile& before, const Context& context) {
  const Source& source = *now.source;
  const std::uint64_t gridSize = source.info().grid.size();
  if (before.rows.empty() || before.images > source.size()) return false;  // nothing holds more than the whole grid
  std::unordered_map<std::uint64_t, std::uint64_t> rowOf;
  for (std::uint64_t row = 0; row < source.size(); ++row) rowOf[source.gridIndex(row)] = row;
  std::vector<std::uint64_t> rows;
  for (const std::uint64_t index : rowsFromText(before.rows, gridSize)) {
    const auto found = rowOf.find(index);
    if (found == rowOf.end()) return false;
    rows.push_back(found->second);
  }
  return toHex(contentRoot(*subset(now.source, std::move(rows)), context)) == before.contentRoot;
}

// Where the manifest of every published version lies.
std::map<SemVer, std::string> publishedVersions(const PublishSettings& settings) {
  std::map<SemVer, std::string> found;
  SemVer version;
  std::error_code ignored;
  if (!settings.manifestsDirectory.empty()) {
    for (const fs::directory_entry& entry :
         fs::directory_iterator(settings.manifestsDirectory + "/" + settings.name, ignored)) {
      if (entry.path().extension() == ".json" && parseSemVer(entry.path().stem().string(), version))
        found[version] = entry.path().string();
    }
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(settings.directory + "/" + settings.name, ignored)) {
    if (parseSemVer(entry.path().filename().string(), version))
      found[version] = (entry.path() / "manifest.json").string();
  }
  return found;
}

}  // namespace

Change changeSince(const Manifest& before, const std::vector<Candidate>& now, const Context& context) {
  std::set<std::string> oldRoots, newRoots;
  for (const PublishedFile& file : before.files) oldRoots.insert(file.contentRoot);
  for (const Candidate& candidate : now) newRoots.insert(candidate.described.contentRoot);
  if (oldRoots == newRoots) return Change::Patch;
  for (const PublishedFile& file : before.files) {
    if (newRoots.count(file.contentRoot) != 0) continue;
    const bool kept = std::any_of(now.begin(), now.end(), [&](const Candidate& candidate) {
      return madeAlike(candidate.described, file) && holdsRowsOf(candidate, file, context);
    });
    if (!kept) return Change::Major;
  }
  return Change::Minor;
}

void requireRightStep(const PublishSettings& settings, const SemVer& version, const std::vector<Candidate>& candidates,
                      const Context& context) {
  const std::map<SemVer, std::string> published = publishedVersions(settings);
  if (published.empty()) return;
  const auto& [last, manifest] = *published.rbegin();
  const Change change = changeSince(readManifest(manifest), candidates, context);
  const SemVer right = nextVersion(last, change);
  if (version == right) return;
  if (SemVer sayable; !parseSemVer(toString(right), sayable))
    throw Error(ErrorKind::Usage, "no version can follow " + toString(last) + " with " + toString(change),
                "its numbers have come to their end: publish under another --name");
  throw Error(
      ErrorKind::Usage,
      "version " + toString(version) + " does not follow " + toString(last) + ": these files are " + toString(change),
      "publish them as " + toString(right));
}

}  // namespace offaxis
