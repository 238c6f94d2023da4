// What changed between two published versions, or between two datasets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "publish/manifest.h"

namespace offaxis {

struct DiffSettings {
  // Both a published version (its directory, or a manifest), or both a file or another source expression.
  std::string before;
  std::string after;
  std::size_t listed = 5;   // rows named of each kind
  std::size_t largest = 8;  // images with the largest changes
};

// "settings seed": "3", "4". One of the texts is empty where the thing is new or gone.
struct FieldChange {
  std::string name;
  std::string before;
  std::string after;
};

struct ChangedImage {
  std::uint64_t gridIndex = 0;
  std::uint64_t rowBefore = 0;
  std::uint64_t rowAfter = 0;
  int maxLevels = 0;            // max |after - before|
  std::uint64_t sumLevels = 0;  // sum of |after - before| over the image
};

// Rows are the same ones where they have the same place in the factor grid. Images are compared where the shapes agree.
struct RowsDiff {
  std::uint64_t common = 0;
  std::vector<std::uint64_t> firstAdded, firstRemoved;  // rows of the file that has them
  std::uint64_t added = 0, removed = 0;
  std::uint64_t changed = 0;               // of the common ones, by their images
  std::vector<ChangedImage> firstChanged;  // in the order of the file before
  std::vector<ChangedImage> largest;       // by sumLevels, then lower grid index
  bool imagesCompared = true;
  std::optional<std::uint64_t>
      firstMoved;         // the first row of the file before whose place among the common rows changed
  int maxLevels = 0;      // over all common images
  double meanLevels = 0;  // mean |after - before| over all pixels of all common images

  bool same() const { return added == 0 && removed == 0 && changed == 0 && !firstMoved; }
};

struct FileDiff {
  enum class Kind { Same, Renamed, Changed, Added, Removed };
  Kind kind = Kind::Same;
  std::string before;  // path or expression; empty where added
  std::string after;   // empty where removed
  std::vector<FieldChange> fields;
  std::optional<RowsDiff> rows;         // where the content differs and both sides can be read or made
  std::string notCompared;              // why rows could not be compared
  SourcePtr sourceBefore, sourceAfter;  // those that `rows` was compared from
};

struct DiffReport {
  std::vector<FieldChange> about;  // name, version, licence, program, ...: told, but no difference of the data
  std::vector<FieldChange> psi;    // networks that came or went
  std::vector<FileDiff> files;

  // Nothing differs in files, their names, rows, factors, settings or psi.
  bool same() const;
};

// Versions are compared by their manifests first: equal content roots are equal rows (`offaxis check` says whether a
// version's files are what its manifest says). Where roots differ, rows are read from the files beside the manifests,
// or made from the manifest and psi.h5 where there are none. Streams; the report does not depend on the threads. Throws
// Error(Usage) where one is a version and the other is not, Error(BadFile).
DiffReport diff(const DiffSettings& settings, const Context& context);

}  // namespace offaxis
