// The interface that everything else reads: a dataset is a pure function from an index to an image.
// Renderers, imported files, reductions and variants are all sources; trainers, writers and verifiers take any of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/factor_grid.h"

namespace offaxis {

// How a family's original file names and shapes its data, so that today's loaders read ours unchanged.
struct StorageLayout {
  std::string imagesKey = "images";  // uint8 [N,H,W,C], or [N,H,W] where `channelAxis` is false
  std::string labelsKey = "labels";  // float64 [N,K]: the factor values
  std::string classesKey;            // int64 [N,K]: the factor levels; empty where the original has none
  bool channelAxis = true;
  bool binary = false;  // files hold {0,1} where sources give {0,255}

  bool operator==(const StorageLayout& o) const {
    return imagesKey == o.imagesKey && labelsKey == o.labelsKey && classesKey == o.classesKey &&
           channelAxis == o.channelAxis && binary == o.binary;
  }
};

// What a source is, as manifests, files and psi.h5 record it.
struct SourceInfo {
  std::string dataset;               // the unmodified dataset at full size, canonically spelled: "xysquares:spacing=3"
  std::string variant = "original";  // "modified", "noise", ...
  std::map<std::string, std::string> settings;  // of the variant: {"eps": "0.1", "seed": "7"}
  std::uint32_t reduction = 1;  // images are averaged down over reduction x reduction pixels before any variant
  FactorGrid grid;
  ImageShape shape;  // after reduction
  StorageLayout layout;

  // The expression that opens this source again where it is made from a name:
  // "xysquares:spacing=3,size=32+noise:eps=0.1,seed=7".
  std::string expression() const;
  // Whether `dataset` is of a family, such as "shapes3d": its re-creation and its imported original ("shapes3d-r",
  // "shapes3d-original") are too.
  bool isOf(const std::string& family) const;
};

// Rows first .. first + count - 1.
struct RowRange {
  std::uint64_t first = 0;
  std::uint64_t count = 1;
};

class Source;
using SourcePtr = std::shared_ptr<const Source>;

// All methods are const and may be called from any number of threads at once.
class Source {
 public:
  virtual ~Source() = default;
  virtual const SourceInfo& info() const = 0;

  // Number of images; smaller than info().grid.size() for a subset. As many means all of them in the grid's order, row
  // i at grid index i: subset() could be asked for another order, files and manifests of one are refused.
  virtual std::uint64_t size() const { return info().grid.size(); }
  // The position of row `row` in the full factor grid.
  virtual std::uint64_t gridIndex(std::uint64_t row) const { return row; }
  // Writes one image, uint8 [H,W,C], to `image` (info().shape.bytes() bytes). Precondition: row < size().
  virtual void read(std::uint64_t row, std::uint8_t* image) const = 0;
  // Rows first .. first + count - 1, [count,H,W,C].
  virtual void readRange(std::uint64_t first, std::uint64_t count, std::uint8_t* images) const;
  // The rows, `row` among them, that cost little more to read together than `row` alone: those of one compressed chunk.
  virtual RowRange together(std::uint64_t row) const { return {row, 1}; }
  // The lowest grid index whose original image has the same bytes as that of `gridIndex`. Variants are keyed by it, so
  // that images which were identical stay identical.
  virtual std::uint64_t canonicalIndex(std::uint64_t gridIndex) const { return gridIndex; }
  // What a variant, a subset or a reduction wraps; null for a root (a renderer or a file).
  virtual SourcePtr parent() const { return nullptr; }
};

// The unwrapped end of the parent chain.
SourcePtr rootOf(SourcePtr source);

// `base` averaged down so that its images are `size` pixels high (rounded half up per channel; exact integers).
// Throws Error(Usage) where `size` does not divide the height and width by one whole factor.
SourcePtr reduced(SourcePtr base, std::uint32_t size);

// The rows of `base` at `rows` (positions in base), in that order. Throws Error(Usage) for a row out of range.
SourcePtr subset(SourcePtr base, std::vector<std::uint64_t> rows);

}  // namespace offaxis
