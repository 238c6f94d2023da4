#include "datasets/image_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "core/text.h"
#include "datasets/content.h"
#include "datasets/original_file.h"
#include "datasets/registry.h"
#include "storage/deflate.h"
#include "storage/h5.h"
#include "storage/image_compressor.h"

namespace offaxis {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kFormat = 1;
constexpr std::uint64_t kBlockBytes = std::uint64_t{768} * 1024;  // of images that one thread takes at a time
// Images that say whether runs of pixels are worth coding, and the first rows that they are taken from: whatever reads
// by bands has those at hand.
constexpr std::uint64_t kSampledImages = 64, kSampledRows = 4096;
constexpr std::uint64_t kLabelRowsPerChunk = 4096;
constexpr std::uint64_t kMaxFactors = 64;
constexpr std::uint64_t kMaxSide = 4096;
constexpr std::uint64_t kMaxImageBytes = std::uint64_t{64} << 20;
constexpr const char* kCanonicalKey = "offaxis/canonical_index";
constexpr std::uint64_t kMaxDeflateRatio = 1100;  // deflate cannot shrink further than 1032 times

// HDF5 as packaged may or may not be thread-safe; one lock for every read makes it so.
std::mutex& hdf5Mutex() {
  static std::mutex mutex;
  return mutex;
}

Json factorsToJson(const FactorGrid& grid) {
  Json factors = Json::array();
  for (const Factor& factor : grid.factors()) {
    factors.push_back({{"name", factor.name}, {"kind", toString(factor.kind)}, {"values", factor.values}});
  }
  return factors;
}

std::vector<std::uint64_t> imageDims(const SourceInfo& info, std::uint64_t rows) {
  std::vector<std::uint64_t> dims{rows, info.shape.height, info.shape.width};
  if (info.layout.channelAxis) dims.push_back(info.shape.channels);
  return dims;
}

// Writes a table of `columns` values a row chunk by chunk, [rows,K] or [rows]; fill(row, values) gives one row.
template <typename Value, typename Fill>
void writeTable(h5::Writer& file, const std::string& key, h5::Type type, const std::vector<std::uint64_t>& dims,
                int level, const Fill& fill) {
  const std::uint64_t rows = dims[0];
  const std::uint64_t columns = dims.size() > 1 ? dims[1] : 1;
  const std::uint64_t rowsPerChunk = std::min<std::uint64_t>(kLabelRowsPerChunk, std::max<std::uint64_t>(rows, 1));
  file.createChunked(key, type, dims, rowsPerChunk, level);
  Compressor compressor(level);
  std::vector<Value> table(rowsPerChunk * columns);
  std::vector<std::uint8_t> stream;
  for (std::uint64_t first = 0; first < rows; first += rowsPerChunk) {
    std::fill(table.begin(), table.end(), Value{});
    for (std::uint64_t i = 0; i < std::min(rowsPerChunk, rows - first); ++i)
      fill(first + i, table.data() + i * columns);
    compressor.compress(table.data(), table.size() * sizeof(Value), stream);
    file.writeChunk(key, first, stream);
  }
}

void writeLabels(h5::Writer& file, const Source& source, int level) {
  const SourceInfo& info = source.info();
  const std::size_t factors = info.grid.factorCount();
  writeTable<double>(file, info.layout.labelsKey, h5::Type::F64, {source.size(), factors}, level,
                     [&](std::uint64_t row, double* values) { info.grid.valuesOf(source.gridIndex(row), values); });
  if (info.layout.classesKey.empty()) return;
  std::vector<std::uint32_t> levels(factors);
  writeTable<std::int64_t>(file, info.layout.classesKey, h5::Type::I64, {source.size(), factors}, level,
                           [&](std::uint64_t row, std::int64_t* classes) {
                             info.grid.levelsOf(source.gridIndex(row), levels.data());
                             std::copy(levels.begin(), levels.end(), classes);
                           });
}

// The lowest index with the same image for every index, from the images' digests in index order.
std::vector<std::uint64_t> canonicalFrom(const std::vector<Digest>& images) {
  const auto byContent = [&](std::uint64_t a, std::uint64_t b) {
    return images[a] != images[b] ? images[a] < images[b] : a < b;
  };
  std::vector<std::uint64_t> order(images.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  std::sort(order.begin(), order.end(), byContent);
  std::vector<std::uint64_t> canonical(images.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool first = i == 0 || images[order[i]] != images[order[i - 1]];
    canonical[order[i]] = first ? order[i] : canonical[order[i - 1]];
  }
  return canonical;
}

// Stored only where some image coincides with an earlier one. Returns how many do.
std::uint64_t writeCanonical(h5::Writer& file, const Source& source, const std::vector<std::uint64_t>& canonical,
                             int level) {
  std::uint64_t coincidences = 0;
  for (std::uint64_t row = 0; row < canonical.size(); ++row) coincidences += canonical[row] != source.gridIndex(row);
  if (coincidences == 0) return 0;
  writeTable<std::int64_t>(
      file, kCanonicalKey, h5::Type::I64, {canonical.size()}, level,
      [&](std::uint64_t row, std::int64_t* index) { *index = static_cast<std::int64_t>(canonical[row]); });
  return coincidences;
}

void writeDescription(h5::Writer& file, const SourceInfo& info, const Digest& root) {
  file.writeAttribute("offaxis_format", kFormat);
  file.writeAttribute("dataset", info.dataset);
  file.writeAttribute("variant", info.variant);
  file.writeAttribute("settings", Json(info.settings).dump());
  file.writeAttribute("reduction", std::uint64_t{info.reduction});
  file.writeAttribute("factors", factorsToJson(info.grid).dump());
  file.writeAttribute("images_key", info.layout.imagesKey);
  file.writeAttribute("labels_key", info.layout.labelsKey);
  file.writeAttribute("classes_key", info.layout.classesKey);
  file.writeAttribute("binary", std::uint64_t{info.layout.binary});
  file.writeAttribute("content_root", toHex(root));
}

class OwnImageFile final : public ImageFile {
 public:
  OwnImageFile(const std::string& path, LabelCheck labels) : file_(path) {
    if (!file_.hasAttribute("offaxis_format")) {
      fail("it does not say that it is one of ours (no attribute offaxis_format)",
           "write it with `offaxis render` or `offaxis emit`");
    }
    if (const std::uint64_t format = file_.integerAttribute("offaxis_format"); format != kFormat) {
      fail("it has format " + std::to_string(format) + ", this program reads " + std::to_string(kFormat));
    }
    readDescription();
    readShape();
    checkLabels(labels);
    readCanonical();
    rowsPerChunk_ = file_.rowsPerDeflatedChunk(info_.layout.imagesKey);
    static std::atomic<std::uint64_t> nextId{1};
    id_ = nextId++;
  }

  const SourceInfo& info() const override { return info_; }
  std::uint64_t size() const override { return rows_; }
  std::uint64_t gridIndex(std::uint64_t row) const override { return gridIndices_.empty() ? row : gridIndices_[row]; }
  const std::string& recordedRoot() const override { return recordedRoot_; }
  // As stored (imported files); else asked of the dataset that the file names, so that a file and the dataset itself
  // give the same variants.
  std::uint64_t canonicalIndex(std::uint64_t index) const override {
    if (!canonical_.empty()) {
      if (gridIndices_.empty()) return canonical_[index];
      const auto found = rowOf_.find(index);
      return found == rowOf_.end() ? index : canonical_[found->second];
    }
    std::call_once(canonicalOnce_, [this] { named_ = openNamedDataset(info_.dataset); });
    return named_ && named_->info().grid.size() == info_.grid.size() ? named_->canonicalIndex(index) : index;
  }
  std::optional<std::uint64_t> firstBadLabel() const override {
    return badLabels_.empty() ? std::nullopt : std::optional<std::uint64_t>(badLabels_.front());
  }
  const std::vector<std::uint64_t>& badLabels() const override { return badLabels_; }

  void read(std::uint64_t row, std::uint8_t* image) const override { readRange(row, 1, image); }

  RowRange together(std::uint64_t row) const override {
    if (rowsPerChunk_ == 0) return {row, 1};
    const std::uint64_t first = row / rowsPerChunk_ * rowsPerChunk_;
    return {first, std::min(rowsPerChunk_, rows_ - first)};
  }

  void readRange(std::uint64_t first, std::uint64_t count, std::uint8_t* images) const override {
    const std::uint64_t bytes = info_.shape.bytes();
    if (rowsPerChunk_ == 0) {
      {
        std::lock_guard<std::mutex> lock(hdf5Mutex());
        file_.readRows(info_.layout.imagesKey, h5::Type::U8, first, count, images);
      }
      spread(images, count * bytes);
      return;
    }
    while (count > 0) {
      const std::uint64_t chunkStart = first / rowsPerChunk_ * rowsPerChunk_;
      const std::uint64_t take = std::min(count, chunkStart + rowsPerChunk_ - first);
      const std::uint8_t* chunk = chunkAt(chunkStart);
      std::copy_n(chunk + (first - chunkStart) * bytes, take * bytes, images);
      first += take;
      count -= take;
      images += take * bytes;
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& hint = {}) const {
    throw Error(ErrorKind::BadFile, file_.path() + ": " + what, hint);
  }

  FactorKind kindOf(const std::string& name) const {
    try {
      return factorKindFromString(name);
    } catch (const Error& e) {
      fail(e.what(), e.hint());
    }
  }

  void readDescription() {
    info_.dataset = file_.stringAttribute("dataset");
    info_.variant = file_.stringAttribute("variant");
    const std::uint64_t reduction = file_.integerAttribute("reduction");
    if (reduction < 1 || reduction > kMaxSide) fail("its attribute reduction is " + std::to_string(reduction));
    info_.reduction = static_cast<std::uint32_t>(reduction);
    info_.layout.imagesKey = file_.stringAttribute("images_key");
    info_.layout.labelsKey = file_.stringAttribute("labels_key");
    info_.layout.classesKey = file_.stringAttribute("classes_key");
    info_.layout.binary = file_.integerAttribute("binary") != 0;
    recordedRoot_ = file_.stringAttribute("content_root");
    if (recordedRoot_.empty()) fail("its attribute content_root is empty", "write it anew");
    try {
      info_.settings = Json::parse(file_.stringAttribute("settings")).get<std::map<std::string, std::string>>();
      std::vector<Factor> factors;
      for (const Json& factor : Json::parse(file_.stringAttribute("factors"))) {
        factors.push_back({factor.at("name").get<std::string>(), kindOf(factor.at("kind").get<std::string>()),
                           factor.at("values").get<std::vector<double>>()});
      }
      if (factors.empty() || factors.size() > kMaxFactors)
        fail("it names " + std::to_string(factors.size()) + " factors");
      for (const Factor& factor : factors) requireDistinctLevels(factor);
      info_.grid = FactorGrid(std::move(factors));
      requirePlainNames();
    } catch (const nlohmann::json::exception& e) {
      fail("its description is damaged: " + withoutTag(e.what()));
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::BadFile) throw;
      fail(std::string("its description is impossible: ") + e.what());
    }
  }

  // Rows are placed by their levels' values.
  void requireDistinctLevels(const Factor& factor) const {
    std::vector<double> values = factor.values;
    if (!std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); }))
      fail("its factor '" + factor.name + "' has a level that is not finite");
    std::sort(values.begin(), values.end());
    if (std::adjacent_find(values.begin(), values.end()) != values.end())
      fail("its factor '" + factor.name + "' has two equal levels");
  }

  // Names are shown on terminals, in tables and on pages.
  void requirePlainNames() const {
    const auto require = [&](const std::string& name, const char* what) {
      if (printable(name) != name) fail(std::string(what) + " '" + name + "' holds control characters or is not UTF-8");
    };
    require(info_.dataset, "its attribute dataset");
    require(info_.variant, "its attribute variant");
    for (const auto& [key, value] : info_.settings) require(key + "=" + value, "its setting");
    if (info_.variant.empty()) fail("its attribute variant is empty");
    for (const Factor& factor : info_.grid.factors()) {
      if (factor.name.empty()) fail("it has a factor without a name");
      require(factor.name, "its factor");
    }
  }

  void readShape() {
    for (const std::string& key : {info_.layout.imagesKey, info_.layout.labelsKey}) {
      if (!file_.has(key)) fail("it has no dataset '" + key + "'");
    }
    const h5::DatasetShape images = file_.shapeOf(info_.layout.imagesKey);
    if (images.type != h5::Type::U8 || images.dims.size() < 3 || images.dims.size() > 4) {
      fail("'" + info_.layout.imagesKey + "' is not uint8 [N,H,W,C] or [N,H,W]");
    }
    info_.layout.channelAxis = images.dims.size() == 4;
    for (std::size_t axis = 1; axis < images.dims.size(); ++axis) {
      if (images.dims[axis] < 1 || images.dims[axis] > kMaxSide)
        fail("its images have an axis of " + std::to_string(images.dims[axis]));
    }
    rows_ = images.dims[0];
    info_.shape = {static_cast<std::uint32_t>(images.dims[1]), static_cast<std::uint32_t>(images.dims[2]),
                   info_.layout.channelAxis ? static_cast<std::uint32_t>(images.dims[3]) : 1u};
    if (info_.shape.bytes() > kMaxImageBytes)
      fail("its images have " + std::to_string(info_.shape.bytes()) + " bytes each");
    struct stat status {};
    const std::uint64_t fileBytes =
        ::stat(file_.path().c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
    const std::uint64_t rowBytes =  // labels count as well: images may be of one byte
        std::max<std::uint64_t>(info_.shape.bytes(), info_.grid.factorCount() * sizeof(double));
    if (rows_ > (fileBytes + 1) * kMaxDeflateRatio / rowBytes + 1) {
      fail("it claims " + std::to_string(rows_) + " images, more than its " + std::to_string(fileBytes) +
           " bytes can hold");
    }
    if (rows_ < 1 || rows_ > info_.grid.size()) {
      fail("it holds " + std::to_string(rows_) + " images, its factors have " + std::to_string(info_.grid.size()) +
           " combinations");
    }
    const h5::DatasetShape labels = file_.shapeOf(info_.layout.labelsKey);
    if (labels.type != h5::Type::F64 || labels.dims != std::vector<std::uint64_t>{rows_, info_.grid.factorCount()}) {
      fail("'" + info_.layout.labelsKey + "' is not float64 [" + std::to_string(rows_) + "," +
           std::to_string(info_.grid.factorCount()) + "]");
    }
  }

  // The levels of every factor by their values, for looking labels up.
  std::vector<std::vector<std::pair<double, std::uint32_t>>> levelsByValue() const {
    std::vector<std::vector<std::pair<double, std::uint32_t>>> sorted;
    for (const Factor& factor : info_.grid.factors()) {
      sorted.emplace_back();
      for (const double value : factor.values)
        sorted.back().emplace_back(value, static_cast<std::uint32_t>(sorted.back().size()));
      std::sort(sorted.back().begin(), sorted.back().end());
    }
    return sorted;
  }

  // Places every row in the grid by its label. A full set must follow the grid's order; a subset may hold any rows.
  void checkLabels(LabelCheck mode) {
    const std::size_t factors = info_.grid.factorCount();
    const bool full = rows_ == info_.grid.size();
    const bool hasClasses = !info_.layout.classesKey.empty();
    if (hasClasses) {
      const h5::DatasetShape shape = file_.shapeOf(info_.layout.classesKey);
      if (shape.type != h5::Type::I64 || shape.dims != std::vector<std::uint64_t>{rows_, factors}) {
        fail("'" + info_.layout.classesKey + "' is not int64 [" + std::to_string(rows_) + "," +
             std::to_string(factors) + "]");
      }
    }
    if (!full) gridIndices_.resize(rows_);
    std::vector<double> table;
    std::vector<std::int64_t> classes;
    std::vector<std::uint32_t> levels(factors);
    const auto byValue = levelsByValue();
    for (std::uint64_t first = 0; first < rows_; first += kLabelRowsPerChunk) {
      const std::uint64_t count = std::min(kLabelRowsPerChunk, rows_ - first);
      table.resize(count * factors);
      classes.resize(hasClasses ? count * factors : 0);
      {
        std::lock_guard<std::mutex> lock(hdf5Mutex());
        file_.readRows(info_.layout.labelsKey, h5::Type::F64, first, count, table.data());
        if (hasClasses) file_.readRows(info_.layout.classesKey, h5::Type::I64, first, count, classes.data());
      }
      for (std::uint64_t i = 0; i < count; ++i) {
        bool good = true;
        for (std::size_t k = 0; k < factors; ++k) {
          const double value = table[i * factors + k];
          const auto found = std::lower_bound(
              byValue[k].begin(), byValue[k].end(), value,
              [](const std::pair<double, std::uint32_t>& level, double label) { return level.first < label; });
          const bool known = found != byValue[k].end() && found->first == value;
          levels[k] = known ? found->second : 0;
          good = good && known;
          good = good && (!hasClasses || classes[i * factors + k] == static_cast<std::int64_t>(levels[k]));
        }
        const std::uint64_t index = good ? info_.grid.indexOf(levels) : 0;
        good = good && (!full || index == first + i);
        if (!full) gridIndices_[first + i] = index;
        if (good) continue;
        if (mode == LabelCheck::Refuse) {
          fail("the label of row " + std::to_string(first + i) + " is not the one of its place in the factor grid",
               "the file was reordered or relabelled; regenerate it");
        }
        badLabels_.push_back(first + i);
      }
    }
  }

  // In a subset the entries still are indices of the full grid, and may name images that the subset lacks.
  void readCanonical() {
    if (!file_.has(kCanonicalKey)) return;
    const std::string called = std::string("'") + kCanonicalKey + "'";
    const h5::DatasetShape shape = file_.shapeOf(kCanonicalKey);
    if (shape.type != h5::Type::I64 || shape.dims != std::vector<std::uint64_t>{rows_})
      fail(called + " is not int64 [" + std::to_string(rows_) + "]");
    std::vector<std::int64_t> stored(rows_);
    {
      std::lock_guard<std::mutex> lock(hdf5Mutex());
      file_.readRows(kCanonicalKey, h5::Type::I64, 0, rows_, stored.data());
    }
    for (std::uint64_t row = 0; row < gridIndices_.size(); ++row) rowOf_.emplace(gridIndices_[row], row);
    for (std::uint64_t row = 0; row < rows_; ++row) {
      const bool inGrid = stored[row] >= 0 && static_cast<std::uint64_t>(stored[row]) <= gridIndex(row);
      bool fixed = inGrid;
      if (inGrid && gridIndices_.empty()) {
        fixed = stored[static_cast<std::uint64_t>(stored[row])] == stored[row];
      } else if (inGrid) {
        const auto found = rowOf_.find(static_cast<std::uint64_t>(stored[row]));
        fixed = found == rowOf_.end() || stored[found->second] == stored[row];
      }
      if (!fixed) {
        fail(called + " is impossible in row " + std::to_string(row) + ": " + std::to_string(stored[row]),
             "import the original anew");
      }
    }
    canonical_.assign(stored.begin(), stored.end());
  }

  const std::uint8_t* chunkAt(std::uint64_t chunkStart) const {
    struct Cache {
      std::uint64_t owner = 0;
      std::uint64_t start = 0;
      std::vector<std::uint8_t> stream;
      std::vector<std::uint8_t> bytes;
      Decompressor decompressor;
    };
    static thread_local Cache cache;
    if (cache.owner == id_ && cache.start == chunkStart) return cache.bytes.data();
    cache.owner = 0;
    cache.bytes.resize(rowsPerChunk_ * info_.shape.bytes());
    bool deflated = false;
    std::size_t filled = cache.bytes.size();
    {
      std::lock_guard<std::mutex> lock(hdf5Mutex());
      deflated = file_.readRawChunk(info_.layout.imagesKey, chunkStart, cache.stream);
      if (!deflated) {  // a repacked file may hold chunks that did not shrink as they are
        const std::uint64_t rows = std::min(rowsPerChunk_, rows_ - chunkStart);
        file_.readRows(info_.layout.imagesKey, h5::Type::U8, chunkStart, rows, cache.bytes.data());
        filled = rows * info_.shape.bytes();
      }
    }
    if (deflated && !cache.decompressor.decompress(cache.stream.data(), cache.stream.size(), cache.bytes.data(),
                                                   cache.bytes.size())) {
      fail("the chunk of rows from " + std::to_string(chunkStart) + " is damaged", "fetch or regenerate the file");
    }
    spread(cache.bytes.data(), filled);
    cache.owner = id_;
    cache.start = chunkStart;
    return cache.bytes.data();
  }

  // {0,1} as stored to {0,255} as read.
  void spread(std::uint8_t* pixels, std::size_t count) const {
    if (!info_.layout.binary) return;
    for (std::size_t i = 0; i < count; ++i) {
      if (pixels[i] > 1) fail("it says that its pixels are 0 or 1, and one is " + std::to_string(pixels[i]));
      pixels[i] = static_cast<std::uint8_t>(-pixels[i]);
    }
  }

  h5::Reader file_;
  mutable std::once_flag canonicalOnce_;
  mutable SourcePtr named_;  // null where this program does not know the dataset
  SourceInfo info_;
  std::uint64_t rows_ = 0;
  std::vector<std::uint64_t> gridIndices_;                  // of a subset's rows
  std::vector<std::uint64_t> canonical_;                    // by row, as stored; empty where the file stores none
  std::unordered_map<std::uint64_t, std::uint64_t> rowOf_;  // of a subset's grid indices, where canonical_ is stored
  std::string recordedRoot_;
  std::vector<std::uint64_t> badLabels_;
  std::uint64_t rowsPerChunk_ = 0;  // 0: not laid out for direct chunk reads
  std::uint64_t id_ = 0;
};

}  // namespace

std::shared_ptr<const ImageFile> openImageFile(const std::string& path, LabelCheck labels) {
  try {
    return std::make_shared<OwnImageFile>(path, labels);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::BadFile) throw;
    const std::optional<OriginalKind> original = recogniseOriginal(path);
    if (!original) throw;
    throw Error(ErrorKind::BadFile,
                path + ": it is laid out like an original " + toString(*original) + " file, which has to be imported",
                "offaxis import " + path + " -o " + original->family + "-imported.h5");
  }
}

bool worthCodingRuns(const Source& source) {
  const std::uint64_t sampled = std::min(kSampledImages, source.size()), among = std::min(kSampledRows, source.size());
  const ImageShape& shape = source.info().shape;
  std::vector<std::uint8_t> image(shape.bytes());
  for (std::uint64_t i = 0; i < sampled; ++i) {
    source.read(i * among / sampled, image.data());
    if (source.info().layout.binary) std::for_each(image.begin(), image.end(), [](std::uint8_t& byte) { byte &= 1u; });
    if (shrinksByRuns(image.data(), shape)) return true;
  }
  return false;
}

std::uint64_t imagesThatFit(std::uint64_t bytes, const ImageShape& shape) {
  return std::clamp<std::uint64_t>(bytes / shape.bytes(), 1, kMostImagesPerChunk);
}

WriteReport writeImageFile(const Source& source, const std::string& path, const WriteSettings& settings,
                           const Context& context) {
  const SourceInfo& info = source.info();
  const std::uint64_t rows = source.size();
  if (rows == 0) throw Error(ErrorKind::Usage, "there are no images to write to " + path);
  for (std::uint64_t row = 0; rows == info.grid.size() && row < rows; ++row) {
    if (source.gridIndex(row) != row) {
      throw Error(ErrorKind::Usage, "as many rows as there are images, in another order than theirs",
                  "all of them are written in order; leave some out for a set of its own");
    }
  }
  const std::uint64_t bytes = info.shape.bytes();
  if (settings.imagesPerChunk > kMostImagesPerChunk || settings.imagesPerChunk * bytes > kMaxImageBytes) {
    throw Error(ErrorKind::Usage,
                std::to_string(settings.imagesPerChunk) + " images of " + toString(info.shape) +
                    " are too many for a chunk of " + path,
                "give at most " + std::to_string(std::min(kMostImagesPerChunk, kMaxImageBytes / bytes)));
  }
  const std::uint64_t rowsPerChunk =
      std::min(settings.imagesPerChunk > 0 ? settings.imagesPerChunk : imagesThatFit(kChunkBytes, info.shape), rows);

  StagedFile staged(path, settings.overwrite);
  h5::Writer file(staged.path(), path);
  writeLabels(file, source, settings.deflateLevel);
  file.createChunked(info.layout.imagesKey, h5::Type::U8, imageDims(info, rows), rowsPerChunk, settings.deflateLevel);

  // One work item is several chunks, so that threads meet rarely.
  struct Block {
    std::vector<std::vector<std::uint8_t>> streams;
    std::vector<Digest> digests;
    std::vector<Digest> images;  // digests without the labels, where images are to be compared
  };
  const bool compare = settings.coincidences == Coincidences::CompareImages;
  std::vector<Digest> imageDigests;
  const std::uint64_t chunksPerBlock = std::max<std::uint64_t>(1, kBlockBytes / (rowsPerChunk * bytes));
  const std::uint64_t rowsPerBlock = rowsPerChunk * chunksPerBlock;
  const std::uint64_t blocks = (rows + rowsPerBlock - 1) / rowsPerBlock;
  std::vector<std::unique_ptr<ImageCompressor>> compressors(static_cast<std::size_t>(std::max(context.threads, 1)));
  const bool tryRuns = settings.deflateLevel == 1 && worthCodingRuns(source);
  for (auto& compressor : compressors)
    compressor = std::make_unique<ImageCompressor>(settings.deflateLevel, info.shape, tryRuns);

  RootHasher root(info.grid, rows);
  context.begin("writing " + path, rows, "images");
  orderedPipeline<Block>(
      context, blocks, 4 * compressors.size(),
      [&](std::uint64_t index, int worker) {
        const std::uint64_t first = index * rowsPerBlock;
        const std::uint64_t count = std::min(rowsPerBlock, rows - first);
        const std::uint64_t chunks = (count + rowsPerChunk - 1) / rowsPerChunk;
        std::vector<std::uint8_t> images(chunks * rowsPerChunk * bytes);  // the last chunk is padded with zeros
        source.readRange(first, count, images.data());
        Block block;
        block.digests = rowDigests(source, first, count, images.data());
        for (std::uint64_t i = 0; compare && i < count; ++i)
          block.images.push_back(sha256Of(images.data() + i * bytes, bytes));
        if (info.layout.binary) {
          for (std::uint8_t& pixel : images) pixel &= 1;
        }
        block.streams.resize(chunks);
        for (std::uint64_t c = 0; c < chunks; ++c) {
          compressors[static_cast<std::size_t>(worker)]->compress(images.data() + c * rowsPerChunk * bytes,
                                                                  rowsPerChunk * bytes, block.streams[c]);
        }
        return block;
      },
      [&](std::uint64_t index, Block&& block) {
        for (std::size_t c = 0; c < block.streams.size(); ++c) {
          file.writeChunk(info.layout.imagesKey, index * rowsPerBlock + c * rowsPerChunk, block.streams[c]);
        }
        for (const Digest& digest : block.digests) root.add(digest);
        imageDigests.insert(imageDigests.end(), block.images.begin(), block.images.end());
        context.advance(block.digests.size());
      });
  context.end();

  std::vector<std::uint64_t> canonical;
  if (compare) {
    canonical = canonicalFrom(imageDigests);
  } else if (info.variant == "original" && !openNamedDataset(info.dataset)) {
    for (std::uint64_t row = 0; row < rows; ++row) canonical.push_back(source.canonicalIndex(source.gridIndex(row)));
  }
  WriteReport report;
  report.coincidences = writeCanonical(file, source, canonical, settings.deflateLevel);
  report.root = root.finish();
  report.images = rows;
  writeDescription(file, info, report.root);
  file.close();
  staged.commit();
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) report.fileBytes = static_cast<std::uint64_t>(status.st_size);
  return report;
}

}  // namespace offaxis
