#include "publish/publish.h"

#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/error.h"
#include "core/text.h"
#include "core/version.h"
#include "publish/candidate.h"
#include "publish/check.h"
#include "publish/descriptions.h"
#include "publish/evidence.h"
#include "publish/signing.h"
#include "publish/version_step.h"
#include "publish/version_writer.h"
#include "storage/deflate.h"
#include "storage/h5.h"
#include "storage/hash.h"
#include "storage/staged.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

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

// Both go into descriptions that other programs follow.
void requireAddresses(const PublishSettings& settings) {
  if (settings.url != PublishSettings().url && !isWebAddress(settings.url)) {
    badUsage("'" + settings.url + "' is no address on the web",
             "give --url https://..., or leave it out where that is not known yet");
  }
  if (isWebAddress(settings.license)) return;
  const std::string known = spdxIdentifier(settings.license);
  if (known.empty()) {
    badUsage(
        "'" + settings.license + "' is neither an address nor an SPDX identifier that this program knows",
        "give --license CC-BY-4.0, or the https://... address of its text, such as https://spdx.org/licenses/ has");
  }
  if (known != settings.license)
    badUsage("'" + settings.license + "' is not how SPDX spells it", "give --license " + known);
}

// Both are written into Markdown, BibTeX and JSON as they are.
void requireOneLine(const std::string& text, const std::string& option) {
  if (printable(text) == text) return;
  badUsage(option + " '" + text + "' holds a line break or another control character", "give one line of plain text");
}

void requireOneCommit(const PublishSettings& settings) {
  if (settings.allowDirty || namesOneCommit(settings.program)) return;
  throw Error(ErrorKind::Usage,
              "this program is '" + settings.program + "', which names no one commit: nobody else could build it",
              "commit and build again, or pass --allow-dirty, which the manifest will say");
}

void writeIndex(VersionWriter& writer, const Source& source, Manifest& manifest, const Context& context) {
  const FactorGrid& grid = source.info().grid;
  std::vector<std::vector<std::string>> values;
  for (const Factor& factor : grid.factors()) {
    values.emplace_back();
    for (const double value : factor.values) values.back().push_back(formatReal(value));
  }
  manifest.index = writer.write("index.csv", [&](const auto& append) {
    constexpr std::size_t kPiece = std::size_t{1} << 18;
    std::string text;
    for (const IndexColumn& column : indexColumns(grid)) text += (text.empty() ? "" : ",") + column.name;
    text += '\n';
    std::vector<std::uint32_t> levels(grid.factorCount());
    for (std::uint64_t row = 0; row < source.size(); ++row) {
      grid.levelsOf(source.gridIndex(row), levels.data());
      text += std::to_string(row);
      for (const std::uint32_t level : levels) text += "," + std::to_string(level);
      for (std::size_t k = 0; k < levels.size(); ++k) text += "," + values[k][levels[k]];
      text += '\n';
      if (text.size() < kPiece) continue;
      context.throwIfCancelled();
      append(text);
      text.clear();
    }
    append(text);
  });
}

std::string defaultDescription(const std::vector<Candidate>& candidates) {
  std::vector<std::string> variants;
  for (const Candidate& candidate : candidates) {
    if (std::find(variants.begin(), variants.end(), candidate.described.variant) == variants.end())
      variants.push_back(candidate.described.variant);
  }
  std::sort(variants.begin(), variants.end());
  return "Variants of " + candidates[0].described.originalExpression() +
         " with the same factors, labels and order: " + joined(variants);
}

// Verifying takes minutes: what can be known to be in the way of writing `path` is said before.
void requireRoomFor(const std::string& path) {
  fs::path above = fs::absolute(path).parent_path();
  std::error_code ignored;
  while (!fs::exists(above, ignored) && above != above.root_path()) above = above.parent_path();
  if (!fs::is_directory(above, ignored))
    throw Error(ErrorKind::CannotWrite, "cannot write '" + path + "': '" + above.string() + "' is not a directory");
  if (::access(above.c_str(), W_OK | X_OK) != 0)
    throw Error(ErrorKind::CannotWrite,
                "cannot write '" + path + "': '" + above.string() + "': " + std::strerror(errno));
}

// The copy of the manifest, and of the psi files that it names, in the directory that is meant to be committed.
class ManifestCopy {
 public:
  // Everything that can be known beforehand to be in the way is an Error(CannotWrite) here.
  explicit ManifestCopy(const PublishSettings& settings)
      : family_(settings.manifestsDirectory + "/" + settings.name), path_(family_ + "/" + settings.version + ".json") {
    if (fs::exists(path_)) {
      throw Error(ErrorKind::CannotWrite,
                  "the manifest of " + settings.name + " " + settings.version + " is there already: '" + path_ + "'",
                  "versions never change: publish a new one");
    }
    requireRoomFor(path_);
  }

  // `from`: where the version's files lie now. Afterwards one rename is all that is missing.
  void prepare(const std::string& from, const Manifest& manifest, const Context& context) {
    makeDirectories(family_);
    for (const ListedFile& psi : manifest.psi) copyPsi(psi, from + "/" + psi.path, context);
    staged_ = std::make_unique<StagedFile>(path_, Overwrite::Refuse);
    VersionWriter(family_, family_, context)
        .write(fs::path(staged_->path()).filename().string(), readTextFile(from + "/manifest.json"));
  }

  void commit(const std::string& published) {
    try {
      staged_->commit();
    } catch (const Error& error) {
      throw Error(error.kind(), "'" + published + "' is published, but its manifest's copy is not: " + error.what(),
                  "the same command again adds it");
    }
  }

 private:
  void copyPsi(const ListedFile& psi, const std::string& from, const Context& context) const {
    const std::string path = family_ + "/" + psi.path;
    if (fs::exists(path)) {
      if (toHex(sha256OfFile(path)) == psi.sha256) return;
      throw Error(ErrorKind::CannotWrite, "'" + path + "' is there already and is another file",
                  "move it out of the way: its name is its SHA-256's beginning");
    }
    makeDirectories(fs::path(path).parent_path().string());
    StagedFile staged(path, Overwrite::Refuse);
    const fs::path partial(staged.path());
    const std::string parent = partial.parent_path().string();
    VersionWriter(parent, parent, context).copy(partial.filename().string(), from);
    staged.commit();
  }

  std::string family_;
  std::string path_;
  std::unique_ptr<StagedFile> staged_;
};

bool sameFiles(const Manifest& published, const std::vector<Candidate>& candidates) {
  if (published.files.size() != candidates.size()) return false;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const PublishedFile& a = published.files[i];
    const PublishedFile& b = candidates[i].described;
    if (a.file.path != b.file.path || a.contentRoot != b.contentRoot || a.dataset != b.dataset ||
        a.variant != b.variant || a.settings != b.settings || a.rows != b.rows) {
      return false;
    }
  }
  return true;
}

// A version that is there already: an error, unless it is this one and only its manifest's copy is missing.
PublishReport complete(const PublishSettings& settings, const std::string& directory,
                       const std::vector<Candidate>& candidates, const Context& context) {
  const Error there(ErrorKind::CannotWrite,
                    "version " + settings.version + " of " + settings.name + " is published already",
                    "versions never change: publish a new one");
  if (settings.manifestsDirectory.empty() || !fs::exists(directory + "/manifest.json")) throw there;
  PublishReport report;
  report.directory = directory;
  report.completed = true;
  report.manifest = readManifest(directory + "/manifest.json");
  if (!sameFiles(report.manifest, candidates)) throw there;
  ManifestCopy copy(settings);
  const CheckReport check = checkVersion(directory, {}, context);
  if (const CheckFinding* failure = check.firstFailure()) {
    throw Error(ErrorKind::BadFile, "'" + directory + "' is published, but no longer what it was: " + failure->path +
                                        ": " + failure->detail);
  }
  copy.prepare(directory, report.manifest, context);
  copy.commit(directory);
  return report;
}

// What other runs left in the directory of the set. This version's own leftovers are gone by now, where they were a
// dead process's on this machine; whether the others are at work cannot be known.
void noteLeftovers(const std::string& family, const std::string& own, const Context& context) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(family, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name[0] != '.' || name.find(".partial-") == std::string::npos ||
        entry.path().filename() == fs::path(own).filename())
      continue;
    context.note("'" + entry.path().string() +
                 "' is of a run that was killed, or of one at work: remove it if none is");
  }
}

void fillVersion(VersionWriter& writer, std::vector<Candidate>& candidates,
                 const std::vector<std::pair<ListedFile, std::string>>& psi, Manifest& manifest,
                 const Context& context) {
  for (Candidate& candidate : candidates) {
    candidate.described.file = writer.copy(candidate.described.file.path, candidate.path);
    if (candidate.described.file.sha256 != candidate.sha256)
      throw Error(ErrorKind::BadFile, "'" + candidate.path + "' changed while it was published");
    manifest.files.push_back(candidate.described);
  }
  for (const auto& [file, path] : psi) {
    manifest.psi.push_back(writer.copy(file.path, path));
    if (manifest.psi.back().sha256 != file.sha256)
      throw Error(ErrorKind::BadFile, "'" + path + "' changed while it was published");
  }
  const Source& first = *candidates[0].source;
  writeIndex(writer, first, manifest, context);
  const ListedFile manifestFile = writer.write("manifest.json", toJson(manifest).dump(2) + "\n");
  writer.write("croissant.json", croissantOf(manifest, manifestFile, indexColumns(first.info().grid)).dump(2) + "\n");
  writer.write("datacite.json", dataciteOf(manifest).dump(2) + "\n");
  writer.write("README.md", cardOf(manifest));
  writer.write("SHA256SUMS", checksumText(writer.files()));
}

}  // namespace

Json buildCircumstances(const std::string& program) {
  return {{"program", program},
          {"compiler", __VERSION__},
          {"hdf5", h5::libraryVersion()},
          {"deflate", deflateLibrary()},
          {"openssl", OpenSSL_version(OPENSSL_VERSION)}};
}

PublishReport publishVersion(const PublishSettings& settings, const Context& context) {
  requireName(settings.name);
  const SemVer version = requireVersion(settings.version);
  requireAddresses(settings);
  requireOneLine(settings.description, "--description");
  requireOneLine(settings.creator, "--creator");
  requireOneCommit(settings);
  std::vector<Candidate> candidates = openCandidates(settings);
  const auto psi = matchPsi(settings, candidates);
  const std::string family = settings.directory + "/" + settings.name;
  PublishReport report;
  report.directory = family + "/" + settings.version;
  if (fs::exists(report.directory)) return complete(settings, report.directory, candidates, context);

  if (!settings.signKey.empty()) requireSigning(settings.signKey, context);
  requireRoomFor(report.directory);
  std::unique_ptr<ManifestCopy> copy;
  if (!settings.manifestsDirectory.empty()) copy = std::make_unique<ManifestCopy>(settings);
  Manifest& manifest = report.manifest;
  manifest.evidence = readEvidence(settings.evidence, candidates);
  requireRightStep(settings, version, candidates, context);
  manifest.name = settings.name;
  manifest.version = version;
  manifest.description = settings.description.empty() ? defaultDescription(candidates) : settings.description;
  manifest.license = settings.license;
  manifest.url = settings.url;
  manifest.creator = settings.creator;
  manifest.circumstances = buildCircumstances(settings.program);
  manifest.circumstances["created"] = settings.created;
  manifest.circumstances["signature"] = settings.signKey.empty() ? Json() : Json("SHA256SUMS.sig");
  if (!namesOneCommit(settings.program)) manifest.circumstances["allow_dirty"] = true;
  manifest.verification = verifyCandidates(settings, candidates, psi, context);

  makeDirectories(family);
  StagedDirectory staged(report.directory);
  noteLeftovers(family, staged.path(), context);
  VersionWriter writer(staged.path(), report.directory, context);
  fillVersion(writer, candidates, psi, manifest, context);
  if (!settings.signKey.empty()) signFile(staged.path() + "/SHA256SUMS", settings.signKey, context);
  if (copy) copy->prepare(staged.path(), manifest, context);
  staged.commit();
  if (copy) copy->commit(report.directory);
  return report;
}

}  // namespace offaxis
