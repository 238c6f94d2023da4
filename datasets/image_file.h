// Datasets as HDF5 files: our own (written here, self-describing) read back as sources.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "datasets/source.h"
#include "storage/hash.h"
#include "storage/staged.h"

namespace offaxis {

enum class LabelCheck {
  Refuse,  // labels that do not follow the factor grid's order are an error
  Report   // they are kept in badLabels(), for a verifier to say
};

// A file as a source. Images are read chunk by chunk; nothing is held but the last chunk of each reading thread.
class ImageFile : public Source {
 public:
  // The content root that the file's own attribute claims (hex); empty where it names none. Not recomputed.
  virtual const std::string& recordedRoot() const = 0;
  // The first row whose stored label is not what its place in the grid says (only with LabelCheck::Report).
  virtual std::optional<std::uint64_t> firstBadLabel() const = 0;
  // All such rows, ascending.
  virtual const std::vector<std::uint64_t>& badLabels() const = 0;
};

// Throws Error(BadFile) where the file is missing, damaged, or not laid out as docs/file_format.md says; where it is an
// original file (datasets/original_file.h), the hint is the command that imports it.
std::shared_ptr<const ImageFile> openImageFile(const std::string& path, LabelCheck labels = LabelCheck::Refuse);

// Where the canonical index comes from, which a file stores unless it can be made again from the dataset's name.
enum class Coincidences {
  AskSource,     // Source::canonicalIndex
  CompareImages  // found from the images as they are written, for sources that do not know; all rows are needed
};

struct WriteSettings {
  Overwrite overwrite = Overwrite::Refuse;
  int deflateLevel = 1;  // 1 .. 12; every level gives the same content root
  Coincidences coincidences = Coincidences::AskSource;
  // Images that are compressed together, 1 .. kMostImagesPerChunk, and read together; 0: as many as fit into
  // kChunkBytes. The content root does not depend on it.
  std::uint64_t imagesPerChunk = 0;
};
constexpr std::uint64_t kMostImagesPerChunk = 98304;  // and at most 64 MiB
// Whoever wants one image decodes its chunk: two of 64x64x3 cost a training less than a twentieth of its steps, at an
// eighth more disk than eight of them take (docs/performance.md).
constexpr std::uint64_t kChunkBytes = std::uint64_t{24} * 1024;
// Whether any of 64 images, evenly spread over the first 4096 rows, shrinks eightfold by runs of pixels (see
// storage/image_compressor.h): where none does, no chunk's time is lost in trying.
bool worthCodingRuns(const Source& source);
// How many images fit into so many bytes, 1 .. kMostImagesPerChunk.
std::uint64_t imagesThatFit(std::uint64_t bytes, const ImageShape& shape);

struct WriteReport {
  Digest root{};
  std::uint64_t images = 0;
  std::uint64_t fileBytes = 0;
  std::uint64_t coincidences = 0;  // images equal to one of a lower index, as far as the stored canonical index says
};

// Streams all images of `source` to `path`: rendered, hashed and deflated in parallel, written in order. The same
// source gives the same bytes on every run and number of threads (for one version of libdeflate and HDF5).
// Throws Error(Usage) for no rows, or as many as the grid has in another order, Error(CannotWrite); whatever happens,
// nothing unfinished is left under `path`.
WriteReport writeImageFile(const Source& source, const std::string& path, const WriteSettings& settings,
                           const Context& context);

}  // namespace offaxis
