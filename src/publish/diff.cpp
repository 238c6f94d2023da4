#include "publish/diff.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/parallel.h"
#include "core/text.h"
#include "datasets/image_file.h"
#include "publish/remake.h"
#include "variants/expression.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBlock = 64;  // images that one work item compares

void note(std::vector<FieldChange>& changes, const std::string& name, const std::string& before,
          const std::string& after) {
  if (before != after) changes.push_back({name, before, after});
}

std::string textOf(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Row by place in the grid; a full set has row i at place i.
class Places {
 public:
  explicit Places(const Source& source) : rows_(source.size()), full_(source.size() == source.info().grid.size()) {
    if (full_) return;
    for (std::uint64_t row = 0; row < source.size(); ++row) byPlace_.emplace(source.gridIndex(row), row);
  }
  std::optional<std::uint64_t> operator()(std::uint64_t gridIndex) const {
    if (full_) return gridIndex < rows_ ? std::optional<std::uint64_t>(gridIndex) : std::nullopt;
    const auto found = byPlace_.find(gridIndex);
    return found == byPlace_.end() ? std::nullopt : std::optional<std::uint64_t>(found->second);
  }

 private:
  std::uint64_t rows_;
  bool full_;
  std::unordered_map<std::uint64_t, std::uint64_t> byPlace_;
};

struct Pair {
  std::uint64_t before = 0;
  std::uint64_t after = 0;
};

// Keeps the images with the largest changes.
class Largest {
 public:
  explicit Largest(std::size_t count) : count_(count) {}
  void add(const ChangedImage& image) {
    const auto larger = [](const ChangedImage& a, const ChangedImage& b) {
      return a.sumLevels != b.sumLevels ? a.sumLevels > b.sumLevels : a.gridIndex < b.gridIndex;
    };
    images_.insert(std::upper_bound(images_.begin(), images_.end(), image, larger), image);
    if (images_.size() > count_) images_.pop_back();
  }
  std::vector<ChangedImage> take() { return std::move(images_); }

 private:
  std::size_t count_;
  std::vector<ChangedImage> images_;
};

ChangedImage compareImages(const std::uint8_t* before, const std::uint8_t* after, std::size_t bytes) {
  ChangedImage image;
  for (std::size_t i = 0; i < bytes; ++i) {
    const int levels = std::abs(after[i] - before[i]);
    image.maxLevels = std::max(image.maxLevels, levels);
    image.sumLevels += static_cast<std::uint64_t>(levels);
  }
  return image;
}

class RowComparison {
 public:
  RowComparison(const Source& before, const Source& after, const DiffSettings& settings, const Context& context)
      : before_(before), after_(after), settings_(settings), context_(context) {}

  RowsDiff run() {
    matchRows();
    result_.imagesCompared = before_.info().shape == after_.info().shape;
    if (result_.imagesCompared) compare();
    return std::move(result_);
  }

 private:
  void list(std::vector<std::uint64_t>& rows, std::uint64_t row) const {
    if (rows.size() < settings_.listed) rows.push_back(row);
  }

  void matchRows() {
    const Places inAfter(after_), inBefore(before_);
    std::optional<std::uint64_t> last;
    for (std::uint64_t row = 0; row < before_.size(); ++row) {
      const std::optional<std::uint64_t> there = inAfter(before_.gridIndex(row));
      if (!there) {
        ++result_.removed;
        list(result_.firstRemoved, row);
        continue;
      }
      if (last && *there < *last && !result_.firstMoved) result_.firstMoved = row;
      last = there;
      pairs_.push_back({row, *there});
    }
    for (std::uint64_t row = 0; row < after_.size(); ++row) {
      if (inBefore(after_.gridIndex(row))) continue;
      ++result_.added;
      list(result_.firstAdded, row);
    }
    result_.common = pairs_.size();
  }

  // The images of pairs first .. first + count - 1, one side; in one reading where their rows follow each other.
  template <typename RowOf>
  void readSide(const Source& source, std::uint64_t first, std::uint64_t count, RowOf rowOf,
                std::vector<std::uint8_t>& images) const {
    const std::size_t bytes = source.info().shape.bytes();
    images.resize(count * bytes);
    for (std::uint64_t i = 0; i < count;) {
      std::uint64_t run = 1;
      while (i + run < count && rowOf(pairs_[first + i + run]) == rowOf(pairs_[first + i]) + run) ++run;
      source.readRange(rowOf(pairs_[first + i]), run, images.data() + i * bytes);
      i += run;
    }
  }

  std::vector<ChangedImage> compareBlock(std::uint64_t first, std::uint64_t count) const {
    const std::size_t bytes = before_.info().shape.bytes();
    std::vector<std::uint8_t> a, b;
    readSide(
        before_, first, count, [](const Pair& pair) { return pair.before; }, a);
    readSide(
        after_, first, count, [](const Pair& pair) { return pair.after; }, b);
    std::vector<ChangedImage> changed;
    for (std::uint64_t i = 0; i < count; ++i) {
      ChangedImage image = compareImages(a.data() + i * bytes, b.data() + i * bytes, bytes);
      if (image.maxLevels == 0) continue;
      image.rowBefore = pairs_[first + i].before;
      image.rowAfter = pairs_[first + i].after;
      image.gridIndex = before_.gridIndex(image.rowBefore);
      changed.push_back(image);
    }
    return changed;
  }

  void compare() {
    const std::uint64_t count = pairs_.size();
    const auto window = 4 * static_cast<std::uint64_t>(std::max(context_.threads, 1));
    Largest largest(settings_.largest);
    std::uint64_t sum = 0;
    context_.begin("comparing", count, "images");
    orderedPipeline<std::vector<ChangedImage>>(
        context_, (count + kBlock - 1) / kBlock, window,
        [&](std::uint64_t block, int) {
          return compareBlock(block * kBlock, std::min(kBlock, count - block * kBlock));
        },
        [&](std::uint64_t block, std::vector<ChangedImage>&& images) {
          for (const ChangedImage& image : images) {
            sum += image.sumLevels;
            result_.maxLevels = std::max(result_.maxLevels, image.maxLevels);
            if (result_.firstChanged.size() < settings_.listed) result_.firstChanged.push_back(image);
            largest.add(image);
          }
          result_.changed += images.size();
          context_.advance(std::min(kBlock, count - block * kBlock));
        });
    context_.end();
    result_.largest = largest.take();
    if (count > 0)
      result_.meanLevels =
          static_cast<double>(sum) / (static_cast<double>(count) * static_cast<double>(before_.info().shape.bytes()));
  }

  const Source& before_;
  const Source& after_;
  const DiffSettings& settings_;
  const Context& context_;
  std::vector<Pair> pairs_;
  RowsDiff result_;
};

std::string budgetText(const std::map<std::string, std::string>& settings) {
  const auto eps = settings.find("eps");
  if (eps == settings.end()) return {};
  try {
    return eps->second + " (" + std::to_string(Budget::parse(eps->second).levels()) + " levels)";
  } catch (const Error&) {
    return eps->second;
  }
}

std::string factorText(const PublishedFile::FactorEntry& factor) {
  return std::to_string(factor.size) + " levels, " + factor.kind;
}

void noteFactors(const PublishedFile& before, const PublishedFile& after, std::vector<FieldChange>& changes) {
  std::map<std::string, std::string> a, b;
  std::vector<std::string> orderBefore, orderAfter;
  for (const auto& factor : before.factors) {
    a[factor.name] = factorText(factor);
    orderBefore.push_back(factor.name);
  }
  for (const auto& factor : after.factors) {
    b[factor.name] = factorText(factor);
    orderAfter.push_back(factor.name);
  }
  std::set<std::string> names(orderBefore.begin(), orderBefore.end());
  names.insert(orderAfter.begin(), orderAfter.end());
  for (const std::string& name : names) note(changes, "factor " + name, a[name], b[name]);
  note(changes, "order of factors", joined(orderBefore), joined(orderAfter));
}

// How two files describe themselves.
std::vector<FieldChange> fieldsOf(const PublishedFile& before, const PublishedFile& after) {
  std::vector<FieldChange> changes;
  note(changes, "dataset", before.dataset, after.dataset);
  note(changes, "variant", before.variant, after.variant);
  note(changes, "budget eps", budgetText(before.settings), budgetText(after.settings));
  std::set<std::string> keys;
  for (const auto& [key, value] : before.settings) keys.insert(key);
  for (const auto& [key, value] : after.settings) keys.insert(key);
  const auto of = [](const PublishedFile& file, const std::string& key) {
    const auto found = file.settings.find(key);
    return found == file.settings.end() ? std::string() : found->second;
  };
  for (const std::string& key : keys) {
    if (key != "eps") note(changes, "setting " + key, of(before, key), of(after, key));
  }
  note(changes, "reduction", std::to_string(before.reduction), std::to_string(after.reduction));
  note(changes, "images", std::to_string(before.images), std::to_string(after.images));
  note(changes, "shape", toString(before.shape), toString(after.shape));
  noteFactors(before, after, changes);
  return changes;
}

void compareRows(const SourcePtr& before, const SourcePtr& after, const DiffSettings& settings, const Context& context,
                 FileDiff& result) {
  if (before->info().grid != after->info().grid) {
    result.notCompared = "the factor grids differ, so no row of one is a row of the other";
    return;
  }
  result.rows = RowComparison(*before, *after, settings, context).run();
  result.sourceBefore = before;
  result.sourceAfter = after;
}

// One side of a comparison of versions.
struct Version {
  std::string path;  // of its manifest
  Manifest manifest;

  // The file beside the manifest, else what the manifest says made anew.
  SourcePtr open(const PublishedFile& file) const {
    const fs::path beside = fs::path(path).parent_path() / file.file.path;
    std::error_code none;
    if (fs::is_regular_file(beside, none)) return openImageFile(beside.string());
    return remake(file, manifest, {path, {}, {}});
  }
};

class VersionDiff {
 public:
  VersionDiff(const Version& before, const Version& after, const DiffSettings& settings, const Context& context)
      : before_(before), after_(after), settings_(settings), context_(context) {}

  DiffReport run() {
    compareAbout();
    comparePsi();
    matchFiles();
    return std::move(report_);
  }

 private:
  void compareAbout() {
    const Manifest& a = before_.manifest;
    const Manifest& b = after_.manifest;
    std::vector<FieldChange>& about = report_.about;
    note(about, "name", a.name, b.name);
    note(about, "version", toString(a.version), toString(b.version));
    note(about, "description", a.description, b.description);
    note(about, "license", a.license, b.license);
    note(about, "url", a.url, b.url);
    note(about, "creator", a.creator, b.creator);
    note(about, "evidence", evidenceText(a), evidenceText(b));
    for (const char* key : {"program", "created"}) {
      const auto of = [&](const Manifest& m) {
        return m.circumstances.contains(key) ? textOf(m.circumstances[key]) : "";
      };
      note(about, key, of(a), of(b));
    }
  }

  static std::string evidenceText(const Manifest& manifest) {
    std::vector<std::string> items;
    for (const Json& evidence : manifest.evidence)
      items.push_back(evidence.value("file", "") + " " + evidence.value("sha256", "").substr(0, 12));
    return joined(items);
  }

  void comparePsi() {
    std::map<std::string, std::string> a, b;  // by SHA-256
    for (const ListedFile& psi : before_.manifest.psi) a[psi.sha256] = psi.path;
    for (const ListedFile& psi : after_.manifest.psi) b[psi.sha256] = psi.path;
    for (const auto& [sha256, path] : a) {
      if (b.count(sha256) == 0) report_.psi.push_back({"psi", path, ""});
    }
    for (const auto& [sha256, path] : b) {
      if (a.count(sha256) == 0) report_.psi.push_back({"psi", "", path});
    }
  }

  // Pairs by name first, then by content: what kept neither was removed or added.
  void matchFiles() {
    std::vector<const PublishedFile*> left;
    std::set<const PublishedFile*> taken;
    const std::vector<PublishedFile>& others = after_.manifest.files;
    for (const PublishedFile& file : before_.manifest.files) {
      const auto same = std::find_if(others.begin(), others.end(),
                                     [&](const PublishedFile& other) { return other.file.path == file.file.path; });
      if (same == others.end()) {
        left.push_back(&file);
      } else {
        taken.insert(&*same);
        addPair(file, *same);
      }
    }
    for (const PublishedFile* file : left) {
      const auto same = std::find_if(others.begin(), others.end(), [&](const PublishedFile& other) {
        return taken.count(&other) == 0 && other.contentRoot == file->contentRoot;
      });
      FileDiff diff;
      diff.before = file->file.path;
      diff.kind = FileDiff::Kind::Removed;
      if (same != others.end()) {
        taken.insert(&*same);
        diff.after = same->file.path;
        diff.kind = FileDiff::Kind::Renamed;
        diff.fields = fieldsOf(*file, *same);
      }
      report_.files.push_back(std::move(diff));
    }
    for (const PublishedFile& file : others) {
      if (taken.count(&file) != 0) continue;
      FileDiff diff;
      diff.after = file.file.path;
      diff.kind = FileDiff::Kind::Added;
      report_.files.push_back(std::move(diff));
    }
  }

  void addPair(const PublishedFile& before, const PublishedFile& after) {
    FileDiff diff;
    diff.before = before.file.path;
    diff.after = after.file.path;
    diff.fields = fieldsOf(before, after);
    const bool sameRows = before.contentRoot == after.contentRoot;
    diff.kind = sameRows && diff.fields.empty() ? FileDiff::Kind::Same : FileDiff::Kind::Changed;
    if (!sameRows) {
      try {
        compareRows(before_.open(before), after_.open(after), settings_, context_, diff);
      } catch (const Error& error) {
        if (error.kind() == ErrorKind::Interrupted) throw;
        diff.notCompared = error.what();
      }
    }
    report_.files.push_back(std::move(diff));
  }

  const Version& before_;
  const Version& after_;
  const DiffSettings& settings_;
  const Context& context_;
  DiffReport report_;
};

// The manifest that `path` is or holds; empty where it is neither.
std::string manifestOf(const std::string& path) {
  std::error_code none;  // what cannot be looked at is no file: an expression can be longer than any file's name
  if (fs::is_directory(path, none)) {
    const std::string manifest = (fs::path(path) / "manifest.json").string();
    if (fs::is_regular_file(manifest, none)) return manifest;
    throw Error(ErrorKind::BadFile, "'" + path + "' is no published version: it has no manifest.json",
                "give the directory <name>/<version> that `offaxis publish` made");
  }
  return fs::path(path).extension() == ".json" && fs::is_regular_file(path, none) ? path : std::string();
}

DiffReport diffSources(const DiffSettings& settings, const Context& context) {
  const SourcePtr before = openSource(settings.before), after = openSource(settings.after);
  FileDiff file;
  file.before = settings.before;
  file.after = settings.after;
  file.fields = fieldsOf(publishedFileOf(*before), publishedFileOf(*after));
  compareRows(before, after, settings, context, file);
  const bool same = file.fields.empty() && file.rows && file.rows->same();
  file.kind = same ? FileDiff::Kind::Same : FileDiff::Kind::Changed;
  DiffReport report;
  report.files.push_back(std::move(file));
  return report;
}

}  // namespace

bool DiffReport::same() const {
  return psi.empty() && std::all_of(files.begin(), files.end(),
                                    [](const FileDiff& file) { return file.kind == FileDiff::Kind::Same; });
}

DiffReport diff(const DiffSettings& settings, const Context& context) {
  const std::string before = manifestOf(settings.before), after = manifestOf(settings.after);
  if (before.empty() && after.empty()) return diffSources(settings, context);
  if (before.empty() || after.empty()) {
    throw Error(
        ErrorKind::Usage,
        "'" + (before.empty() ? settings.before : settings.after) + "' is no published version, '" +
            (before.empty() ? settings.after : settings.before) + "' is one",
        "give two versions, or two files: " + (before.empty() ? settings.after : settings.before) + "/data/...");
  }
  const Version a{before, readManifest(before)}, b{after, readManifest(after)};
  return VersionDiff(a, b, settings, context).run();
}

}  // namespace offaxis
