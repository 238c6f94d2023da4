// Writes files laid out like the published dSprites and Shapes3D ones, of any grid and image size, so that tests can
// spoil them one thing at a time.
#pragma once

#include <gtest/gtest.h>
#include <hdf5.h>
#include <zip.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/philox.h"
#include "datasets/registry.h"
#include "support/zip.h"

namespace offaxis::testing {

// What such a file holds, row by row.
struct OriginalRows {
  FactorGrid grid;
  ImageShape shape;
  bool channelAxis = true;
  std::vector<std::uint8_t> images;
  std::vector<double> values;
  std::vector<std::int64_t> classes;

  std::uint64_t size() const { return grid.size(); }
  std::uint8_t* image(std::uint64_t row) { return images.data() + row * shape.bytes(); }
  double& value(std::uint64_t row, std::size_t factor) { return values[row * grid.factorCount() + factor]; }
  std::int64_t& level(std::uint64_t row, std::size_t factor) { return classes[row * grid.factorCount() + factor]; }

  void copyRow(const OriginalRows& from, std::uint64_t source, std::uint64_t target) {
    const std::size_t k = grid.factorCount();
    std::copy_n(from.images.data() + source * shape.bytes(), shape.bytes(), image(target));
    std::copy_n(from.values.data() + source * k, k, values.data() + target * k);
    std::copy_n(from.classes.data() + source * k, k, classes.data() + target * k);
  }
  // Row i becomes the old row order(i).
  OriginalRows reordered(const std::function<std::uint64_t(std::uint64_t)>& order) const {
    OriginalRows result = *this;
    for (std::uint64_t row = 0; row < size(); ++row) result.copyRow(*this, order(row), row);
    return result;
  }
  // The lowest row with the same image, for every row.
  std::vector<std::uint64_t> canonical() const {
    std::unordered_map<std::string, std::uint64_t> first;
    std::vector<std::uint64_t> result;
    for (std::uint64_t row = 0; row < size(); ++row) {
      const std::string bytes(reinterpret_cast<const char*>(images.data()) + row * shape.bytes(), shape.bytes());
      result.push_back(first.emplace(bytes, row).first->second);
    }
    return result;
  }
};

// The family's grid with the first `sizes` levels of every factor; all of them where `sizes` is empty.
inline FactorGrid shortened(const FactorGrid& grid, const std::vector<std::size_t>& sizes) {
  std::vector<Factor> factors = grid.factors();
  for (std::size_t k = 0; k < sizes.size(); ++k) factors[k].values.resize(sizes[k]);
  return FactorGrid(std::move(factors));
}

// Pixels are a pure function of the row; every fifth image repeats the one three rows before.
inline OriginalRows originalRows(const std::string& family, std::uint32_t side,
                                 const std::vector<std::size_t>& sizes = {}) {
  const SourcePtr renderer = openNamedDataset(family);
  OriginalRows rows;
  rows.grid = shortened(renderer->info().grid, sizes);
  rows.shape = {side, side, renderer->info().shape.channels};
  rows.channelAxis = renderer->info().layout.channelAxis;
  const bool binary = renderer->info().layout.binary;
  const std::uint64_t bytes = rows.shape.bytes();
  const std::size_t factors = rows.grid.factorCount();
  rows.images.resize(rows.size() * bytes);
  rows.values.resize(rows.size() * factors);
  std::vector<std::uint32_t> levels(factors);
  for (std::uint64_t row = 0; row < rows.size(); ++row) {
    std::uint64_t state = (row % 5 == 4 ? row - 3 : row) * 0x9e3779b97f4a7c15ULL + 1;
    for (std::uint64_t i = 0; i < bytes; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      rows.image(row)[i] = static_cast<std::uint8_t>(binary ? state >> 63 : 16 * (state >> 60));
    }
    rows.grid.valuesOf(row, rows.values.data() + row * factors);
    rows.grid.levelsOf(row, levels.data());
    rows.classes.insert(rows.classes.end(), levels.begin(), levels.end());
  }
  return rows;
}

// ------------------------------------------------------------------------------------------------------------ npz

inline std::string npyBytes(const std::string& descr, const std::vector<std::uint64_t>& dims, const void* data,
                            std::size_t bytes, const std::string& fortran = "False") {
  std::string shape;
  for (const std::uint64_t dim : dims) shape += std::to_string(dim) + ", ";
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': (" + shape + "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 255);
  text += static_cast<char>(header.size() >> 8);
  return text + header + std::string(static_cast<const char*>(data), bytes);
}

// The members as numpy writes them, the pickled ones (whose bytes nobody may parse) first.
inline ZipMembers npzMembersOf(const OriginalRows& rows) {
  const std::uint64_t k = rows.grid.factorCount();
  const std::string pickle = "\x80\x02}q\x01(this is no pickle that anyone could load";
  return {{"metadata.npy", npyBytes("|O", {}, pickle.data(), pickle.size())},
          {"imgs.npy",
           npyBytes("|u1", {rows.size(), rows.shape.height, rows.shape.width}, rows.images.data(), rows.images.size())},
          {"latents_classes.npy",
           npyBytes("<i8", {rows.size(), k}, rows.classes.data(), rows.classes.size() * sizeof(std::int64_t))},
          {"latents_values.npy",
           npyBytes("<f8", {rows.size(), k}, rows.values.data(), rows.values.size() * sizeof(double))}};
}

inline std::string& member(ZipMembers& members, const std::string& name) {
  for (auto& [found, content] : members) {
    if (found == name + ".npy") return content;
  }
  ADD_FAILURE() << "no member " << name;
  return members.front().second;
}

inline void writeNpzOriginal(const std::string& path, const OriginalRows& rows) {
  writeZip(path, npzMembersOf(rows));
}

// ----------------------------------------------------------------------------------------------------------- HDF5

enum class H5Format { Old, Checksummed };  // as h5py writes by default; as HDF5 1.10 can write

struct H5Layout {
  std::vector<hsize_t> chunk;  // of the images; empty: contiguous
  bool shuffle = false;        // a second filter
  bool deflate = true;
  bool write = true;  // false: the images are never written and read as zeros
  H5Format format = H5Format::Old;
  bool zeros = false;  // with write false: every chunk is there, and holds zeros
};

inline void writeH5Dataset(hid_t file, const std::string& name, hid_t stored, hid_t memory,
                           const std::vector<hsize_t>& dims, const H5Layout& layout, const void* data) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  if (!layout.chunk.empty()) {
    H5Pset_chunk(creation, static_cast<int>(layout.chunk.size()), layout.chunk.data());
    if (layout.shuffle) H5Pset_shuffle(creation);
    if (layout.deflate) H5Pset_deflate(creation, 1);
  }
  if (layout.zeros) H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  const hid_t space = H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr);
  const hid_t dataset = H5Dcreate2(file, name.c_str(), stored, space, links, creation, H5P_DEFAULT);
  ASSERT_GE(dataset, 0);
  if (layout.write) {
    ASSERT_GE(H5Dwrite(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
  }
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(links);
  H5Pclose(creation);
}

inline hid_t createH5(const std::string& path, H5Format format = H5Format::Old) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (format == H5Format::Checksummed) H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access);
  H5Pclose(access);
  EXPECT_GE(file, 0);
  return file;
}

// Both families; dSprites where the images have no channel axis.
inline void writeH5Original(const std::string& path, const OriginalRows& rows, const H5Layout& layout) {
  const hid_t file = createH5(path, layout.format);
  const hsize_t n = rows.size(), k = rows.grid.factorCount();
  std::vector<hsize_t> dims{n, rows.shape.height, rows.shape.width};
  if (rows.channelAxis) dims.push_back(rows.shape.channels);
  H5Layout labels;
  labels.chunk = {n < 100 ? n : (n + 99) / 100, 1};
  writeH5Dataset(file, rows.channelAxis ? "images" : "imgs", H5T_STD_U8LE, H5T_NATIVE_UINT8, dims, layout,
                 rows.images.data());
  writeH5Dataset(file, rows.channelAxis ? "labels" : "latents/values", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, {n, k},
                 labels, rows.values.data());
  if (!rows.channelAxis) {
    writeH5Dataset(file, "latents/classes", H5T_STD_I64LE, H5T_NATIVE_INT64, {n, k}, labels, rows.classes.data());
  }
  H5Fclose(file);
}

}  // namespace offaxis::testing
