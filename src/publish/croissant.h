// The description that data set search engines and loaders read: Croissant 1.1 (http://mlcommons.org/croissant/1.1).
#pragma once

#include "publish/manifest.h"

namespace offaxis {

// The HDF5 files as FileObjects, and index.csv, whose columns are `indexColumns` ("index", then names of integer levels
// and real values), as the one RecordSet: Croissant cannot read rows out of HDF5. `date` is "2025-01-31".
struct IndexColumn {
  std::string name;
  bool real = false;
  std::string description;
};
Json croissantOf(const Manifest& manifest, const ListedFile& manifestFile, const std::vector<IndexColumn>& indexColumns,
                 const std::string& date);

}  // namespace offaxis
