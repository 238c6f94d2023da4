#include "publish/candidate.h"

#include <filesystem>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/text.h"
#include "datasets/content.h"
#include "datasets/original_file.h"
#include "datasets/registry.h"
#include "measure/preservation.h"
#include "publish/first_difference.h"
#include "publish/preservation_json.h"
#include "publish/row_blocks.h"
#include "storage/h5.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPsiNameDigits = 12;

[[noreturn]] void badUsage(const std::string& message, const std::string& hint = {}) {
  throw Error(ErrorKind::Usage, message, hint);
}

// A foreign writer may have spelled the name its own way: what is made from it later has another one.
void requireCanonicalName(const PublishedFile& file, const std::string& path) {
  const SourcePtr named = openNamedDataset(file.dataset);
  if (!named || named->info().dataset == file.dataset) return;
  throw Error(ErrorKind::BadFile,
              "'" + path + "' calls its dataset " + file.dataset + ", another spelling of " + named->info().dataset,
              "set the file's attribute dataset to that");
}

// What a file says of itself is the file's fault where it is wrong, not the command line's.
template <typename Body>
auto saidBy(const Candidate& candidate, Body body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Usage) throw;
    throw Error(ErrorKind::BadFile,
                "'" + candidate.path + "' describes itself in a way that makes no sense: " + error.what(),
                "write it anew with `offaxis emit` or `offaxis render`");
  }
}

SourcePtr originalOf(const Candidate& candidate, const std::string& original) {
  const auto open = [&] { return openOriginal(candidate.described, original); };
  // Whoever names the original answers for it, and an imported one has to be named.
  if (!original.empty() || !importedFamily(candidate.described.dataset).empty()) return open();
  return saidBy(candidate, open);
}

PreservationReport requirePreserved(const Candidate& candidate, const Source& original, const Context& context) {
  const auto eps = candidate.described.settings.find("eps");
  if (eps == candidate.described.settings.end()) {
    throw Error(ErrorKind::BadFile, "'" + candidate.path + "' records no budget eps", "write it with `offaxis emit`");
  }
  PreservationSettings preservation;
  preservation.budgetLevels = saidBy(candidate, [&] { return Budget::parse(eps->second, "eps").levels(); });
  PreservationReport report = verifyPreservation(*candidate.source, original, preservation, context);
  if (const PreservationCheck* failure = report.firstFailure()) {
    throw Error(ErrorKind::BadFile,
                "'" + candidate.path + "' is not preserved, check '" + failure->name + "'" +
                    (failure->firstOffendingIndex ? " at index " + std::to_string(*failure->firstOffendingIndex) : "") +
                    ": " + failure->detail,
                "`offaxis verify` shows the whole report");
  }
  return report;
}

void requireRegenerable(const Candidate& candidate, const Source& remade, const Context& context) {
  const Source& given = *candidate.source;
  if (given.size() == remade.size() && given.info().shape == remade.info().shape &&
      toHex(contentRoot(remade, context)) == candidate.described.contentRoot) {
    return;
  }
  std::string where;
  if (given.size() == remade.size() && given.info().shape == remade.info().shape) {
    if (const auto difference = firstDifference(given, remade, 0, given.size(), context))
      where = ", first at " + toString(*difference);
  }
  throw Error(ErrorKind::BadFile,
              "'" + candidate.path + "' is not what its settings give" + where + ": nobody could regenerate it",
              "write it anew with `offaxis emit`");
}

// A row is known by its place in the factor grid: to diff, to the next version, and to whoever reads index.csv.
void requireDistinctRows(const Candidate& candidate) {
  if (candidate.described.rows.empty()) return;  // the whole grid in order
  const Source& source = *candidate.source;
  std::unordered_map<std::uint64_t, std::uint64_t> rowOf;
  for (std::uint64_t row = 0; row < source.size(); ++row) {
    const auto [held, added] = rowOf.emplace(source.gridIndex(row), row);
    if (added) continue;
    throw Error(ErrorKind::BadFile,
                "'" + candidate.path + "' holds index " + std::to_string(held->first) + " twice, in rows " +
                    std::to_string(held->second) + " and " + std::to_string(row),
                "write it anew with every index once");
  }
}

}  // namespace

std::vector<Candidate> openCandidates(const PublishSettings& settings) {
  if (settings.files.empty()) badUsage("there are no files to publish");
  std::vector<Candidate> candidates;
  std::set<std::string> names;
  for (const std::string& path : settings.files) {
    const std::string name = fs::path(path).filename().string();
    if (!isSafePath(name))
      badUsage("'" + name + "' cannot name a published file", "use letters, digits and '._+-' alone");
    if (!names.insert(name).second) badUsage("two files are named '" + name + "'", "rename one of them");
    std::string sha256 = toHex(sha256OfFile(path));  // before it is opened, so that what is opened is never older
    Candidate candidate{path, std::move(sha256), openImageFile(path), {}};
    candidate.described = publishedFileOf(*candidate.source);
    requireDatasetName(candidate.described, path);
    requireCanonicalName(candidate.described, path);
    requireDistinctRows(candidate);
    candidate.described.file.path = "data/" + name;
    candidate.described.contentRoot = candidate.source->recordedRoot();
    const h5::Reader reader(path);
    const std::string& key = candidate.source->info().layout.imagesKey;
    candidate.described.deflateLevel = reader.deflateLevel(key);
    if (const std::uint64_t chunk = reader.rowsPerDeflatedChunk(key); chunk <= kMostImagesPerChunk)
      candidate.described.imagesPerChunk = chunk;
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

Json verifyCandidates(const PublishSettings& settings, std::vector<Candidate>& candidates,
                      const std::vector<std::pair<ListedFile, std::string>>& psi, const Context& context) {
  Json reports = Json::object();
  std::unordered_map<std::string, std::string> originalRoots;  // by expression
  for (Candidate& candidate : candidates) {
    PublishedFile& described = candidate.described;
    ContentDigests digests = contentDigests(*candidate.source, context);
    if (digests.root != described.contentRoot) {
      throw Error(ErrorKind::BadFile,
                  "'" + candidate.path + "' does not hold what it says: content root " + digests.root + ", recorded " +
                      described.contentRoot,
                  "write it anew with `offaxis emit` or `offaxis render`");
    }
    described.rowBlocks = std::move(digests.blocks);
    const SourcePtr original = originalOf(candidate, settings.original);
    std::string& originalRoot = originalRoots[described.originalExpression()];
    if (originalRoot.empty()) originalRoot = toHex(contentRoot(*original, context));
    // The reduction and the settings are not in the content root.
    const bool unmodified = described.variant == "original";
    const bool sameShape = original->info().shape == described.shape;  // another one is said by the checks below
    if ((sameShape && original->info().reduction != described.reduction) ||
        (unmodified && !described.settings.empty())) {
      throw Error(
          ErrorKind::BadFile,
          "'" + candidate.path + "' says settings or a reduction that " + described.originalExpression() + " has not",
          "write it anew with `offaxis " + std::string(unmodified ? "render`" : "emit`"));
    }
    if (unmodified) {
      if (originalRoot == described.contentRoot) continue;
      throw Error(ErrorKind::BadFile, "'" + candidate.path + "' is not " + described.originalExpression() +
                                          ": content root " + described.contentRoot + " instead of " + originalRoot);
    }
    described.parentRoot = originalRoot;
    reports[described.file.path] = toJson(requirePreserved(candidate, *original, context));
    std::string psiPath;
    for (const auto& [file, path] : psi) {
      if (file.sha256 == described.psiSha256()) psiPath = path;
    }
    const SourcePtr remade = saidBy(candidate, [&] { return remakeSource(described, settings.original, psiPath); });
    requireRegenerable(candidate, *remade, context);
  }
  return reports;
}

}  // namespace offaxis
