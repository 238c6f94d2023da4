// offaxis diff: what changed between two published versions, or two datasets.
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "publish/diff.h"
#include "report/difference_sheet.h"
#include "tools/cli.h"

namespace {

using namespace offaxis;

const cli::Verb kVerb{
    "diff",
    "A and B are two published versions (directories or manifests), or two files or other source expressions. Says\n"
    "which files came, went or changed, and of those the rows, factors, budgets and settings, and by how much. Where "
    "a\n"
    "version's files are not beside its manifest, rows are made anew from it. Exit code 0 where the data is the same,\n"
    "1 where it differs, as diff(1) has it.",
    {{"A", true, false, "before: DIR/NAME/X.Y.Z, a manifest, a file or a source expression"},
     {"B", true, false, "after, the same kind of thing"}},
    {{"png", "FILE", "", "draw the largest changes: before, after and the amplified difference"},
     {"force", "", "", "replace an existing picture"},
     {"largest", "N", "8", "how many images to draw and list, 1 to 64"}},
    {"published/xysquares-adversarial/1.0.0 published/xysquares-adversarial/2.0.0 --png changes.png",
     "xysquares:spacing=1 modified.h5"}};

struct Settings {
  DiffSettings diff;
  std::string png;
};

Settings parse(const cli::Arguments& arguments) {
  Settings settings;
  settings.diff.before = arguments.positional("A");
  settings.diff.after = arguments.positional("B");
  settings.diff.largest = arguments.integer("largest", 1, 64);
  settings.png = arguments.text("png");
  if (!settings.png.empty()) cli::requireEnding(settings.png, "png");
  return settings;
}

const char* nameOf(FileDiff::Kind kind) {
  switch (kind) {
    case FileDiff::Kind::Same:
      return "same";
    case FileDiff::Kind::Renamed:
      return "renamed";
    case FileDiff::Kind::Changed:
      return "changed";
    case FileDiff::Kind::Added:
      return "added";
    case FileDiff::Kind::Removed:
      break;
  }
  return "removed";
}

std::string titleOf(const FileDiff& file) {
  if (file.before == file.after || file.after.empty()) return file.before;
  return file.before.empty() ? file.after : file.before + " -> " + file.after;
}

std::string levelsText(double levels) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << levels;
  return text.str();
}

std::string rowsText(const std::vector<std::uint64_t>& rows, std::uint64_t count) {
  std::string text;
  for (const std::uint64_t row : rows) text += (text.empty() ? " (row " : ", ") + std::to_string(row);
  return text + (rows.empty() ? "" : rows.size() < count ? ", ...)" : ")");
}

void printRows(const RowsDiff& rows) {
  std::cout << "    rows      " << rows.common << " in both";
  if (rows.added > 0) std::cout << ", " << rows.added << " added" << rowsText(rows.firstAdded, rows.added);
  if (rows.removed > 0) std::cout << ", " << rows.removed << " removed" << rowsText(rows.firstRemoved, rows.removed);
  if (rows.firstMoved) std::cout << ", in another order from row " << *rows.firstMoved;
  std::cout << '\n';
  if (!rows.imagesCompared) {
    std::cout << "    images    not compared: their shapes differ\n";
    return;
  }
  std::vector<std::uint64_t> first;
  for (const ChangedImage& image : rows.firstChanged) first.push_back(image.rowBefore);
  std::cout << "    images    " << rows.changed << " changed" << rowsText(first, rows.changed) << '\n';
  if (rows.changed == 0) return;
  std::cout << "    change    at most " << rows.maxLevels << " levels of 255, mean " << levelsText(rows.meanLevels)
            << "; largest at grid index " << rows.largest.front().gridIndex << '\n';
}

void printChanges(const std::string& indent, const std::vector<FieldChange>& changes) {
  for (const FieldChange& change : changes) {
    std::cout << indent << change.name << ": " << (change.before.empty() ? "-" : printable(change.before)) << " -> "
              << (change.after.empty() ? "-" : printable(change.after)) << '\n';
  }
}

void printText(const DiffReport& report) {
  printChanges("", report.about);
  printChanges("", report.psi);
  for (const FileDiff& file : report.files) {
    std::cout << std::left << std::setw(9) << nameOf(file.kind) << titleOf(file) << '\n';
    printChanges("    ", file.fields);
    if (file.rows) printRows(*file.rows);
    if (!file.notCompared.empty()) std::cout << "    rows      not compared: " << file.notCompared << '\n';
  }
  std::cout << (report.same() ? "the data is the same" : "the data differs") << '\n';
}

cli::Json toJson(const std::vector<FieldChange>& changes) {
  cli::Json all = cli::Json::array();
  for (const FieldChange& change : changes)
    all.push_back({{"name", change.name}, {"before", change.before}, {"after", change.after}});
  return all;
}

cli::Json toJson(const std::vector<ChangedImage>& images, std::size_t pixels) {
  cli::Json all = cli::Json::array();
  for (const ChangedImage& image : images) {
    all.push_back({{"grid_index", image.gridIndex},
                   {"row_before", image.rowBefore},
                   {"row_after", image.rowAfter},
                   {"max_levels", image.maxLevels},
                   {"mean_levels", static_cast<double>(image.sumLevels) / static_cast<double>(pixels)}});
  }
  return all;
}

cli::Json toJson(const FileDiff& file) {
  cli::Json rows;
  if (file.rows) {
    const RowsDiff& r = *file.rows;
    const std::size_t pixels = file.sourceBefore->info().shape.bytes();
    rows = {{"common", r.common},
            {"added", r.added},
            {"first_added", r.firstAdded},
            {"removed", r.removed},
            {"first_removed", r.firstRemoved},
            {"first_moved", r.firstMoved ? cli::Json(*r.firstMoved) : cli::Json()},
            {"images_compared", r.imagesCompared},
            {"changed", r.changed},
            {"first_changed", toJson(r.firstChanged, pixels)},
            {"max_levels", r.maxLevels},
            {"mean_levels", r.meanLevels},
            {"largest", toJson(r.largest, pixels)}};
  }
  return {{"change", nameOf(file.kind)},
          {"before", file.before.empty() ? cli::Json() : cli::Json(file.before)},
          {"after", file.after.empty() ? cli::Json() : cli::Json(file.after)},
          {"fields", toJson(file.fields)},
          {"rows", rows},
          {"not_compared", file.notCompared.empty() ? cli::Json() : cli::Json(file.notCompared)}};
}

void printJson(const DiffReport& report) {
  cli::Json files = cli::Json::array();
  for (const FileDiff& file : report.files) files.push_back(toJson(file));
  cli::printJson(
      "ok", {{"same", report.same()}, {"about", toJson(report.about)}, {"psi", toJson(report.psi)}, {"files", files}});
}

std::vector<DifferenceSection> sectionsOf(const DiffReport& report) {
  std::vector<DifferenceSection> sections;
  for (const FileDiff& file : report.files) {
    if (!file.rows || file.rows->largest.empty()) continue;
    DifferenceSection section{titleOf(file) + ": the largest of " + std::to_string(file.rows->changed) + " changes",
                              file.sourceBefore,
                              file.sourceAfter,
                              {}};
    for (const ChangedImage& image : file.rows->largest) {
      section.columns.push_back({image.rowBefore, image.rowAfter,
                                 "#" + std::to_string(image.gridIndex) + ", " + std::to_string(image.maxLevels) +
                                     (image.maxLevels == 1 ? " level" : " levels")});
    }
    sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace

int main(int argc, char** argv) {
  return cli::run(argc, argv, kVerb, [](const cli::Arguments& arguments) {
    const Settings settings = parse(arguments);
    const DiffReport report = diff(settings.diff, arguments.context);
    if (!settings.png.empty()) {
      const std::vector<DifferenceSection> sections = sectionsOf(report);
      // "no difference" would be untrue where images could not be compared.
      if (sections.empty() && !report.same()) {
        std::cerr << "no image of both differs: '" << settings.png << "' is not written\n";
      } else {
        writeDifferenceSheet(sections, settings.png, arguments.overwrite);
      }
    }
    if (arguments.json) {
      printJson(report);
    } else {
      printText(report);
    }
    return report.same() ? 0 : 1;
  });
}
