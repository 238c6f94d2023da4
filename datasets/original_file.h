// The files that the data sets were published as: recognised by content, checked in full, and read as sources.
//   dSprites npz    imgs uint8 [737280,64,64] of {0,1}, latents_values float64 [N,6], latents_classes int64 [N,6]; its
//                   other members (pickled metadata among them) are never opened
//   dSprites HDF5   imgs, latents/values, latents/classes: the same
//   Shapes3D HDF5   images uint8 [480000,64,64,3], labels float64 [N,6]
// Factors and layout are those of the family's own renderer (datasets/registry.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"

namespace offaxis {

struct OriginalKind {
  std::string family;  // "dsprites", "shapes3d"
  bool npz = false;    // otherwise HDF5
};
std::string toString(const OriginalKind& kind);  // "dSprites npz"

// What the file at `path` looks like by its first bytes and the names of its arrays; nothing for all other files, ours
// and unreadable ones included. Reads no image and no label.
std::optional<OriginalKind> recogniseOriginal(const std::string& path);
// The families whose originals can be read.
std::vector<std::string> originalFamilies();
// "dsprites" where `dataset` is what an imported file of that family calls itself; empty where it is not.
std::string importedFamily(const std::string& dataset);

struct OriginalSettings {
  std::string as;             // the family that it has to be; empty: any
  std::string scratch = ".";  // where a Shapes3D file in another order is spilled: as large as its raw images, nameless
  std::uint32_t side = 64;    // height and width of an image; the published files have 64
  std::vector<Factor> factors;  // the grid, where it is not the family's (tests)
};

struct OriginalDescription {
  OriginalKind kind;
  bool published = false;       // the file's digest is the one of the published file
  std::string sha256;           // of the file, hexadecimal
  std::string md5;              // the same; of npz files only, whose published digest is an MD5
  std::uint64_t movedRows = 0;  // rows that the file holds at another place than the factor grid's order has them
};

// Images in the factor grid's order, whatever the file's is. SourceInfo::dataset is "dsprites-original" (shapes3d-...)
// for a published file and "dsprites-import" for any other; canonicalIndex() knows of no coincidences.
class OriginalFile : public Source {
 public:
  virtual const OriginalDescription& description() const = 0;
};

// Checks everything but Shapes3D's pixels, any of which is as good as another: shapes, types, labels, levels, dSprites'
// pixels. Holds dSprites as bits (377 MB) and up to 384 MB of Shapes3D. Throws Error(Usage) where `as` is no family,
// Error(BadFile) where the file is not an original, not what `as` says, incomplete (images that were never written), or
// damaged, naming the first offending row, and
// Error(CannotWrite) where it has to be spilled and cannot be.
std::shared_ptr<const OriginalFile> openOriginalFile(const std::string& path, const OriginalSettings& settings,
                                                     const Context& context);

}  // namespace offaxis
