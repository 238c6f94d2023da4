#include "storage/codes.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "storage/npz.h"

namespace offaxis {
namespace {

// The values of a little-endian array of type T, converted to Out.
template <typename T, typename Out>
std::vector<Out> valuesOf(const NpyArray& array) {
  std::vector<Out> values(array.count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, array.bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<Out>(value);
  }
  return values;
}

template <typename T>
NpyArray arrayOf(NpyType type, std::vector<std::uint64_t> dims, const std::vector<T>& values) {
  NpyArray array{type, std::move(dims), std::vector<std::uint8_t>(values.size() * sizeof(T))};
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

std::string dimsText(const NpyArray& array) {
  std::vector<std::string> sizes;
  for (const std::uint64_t size : array.dims) sizes.push_back(std::to_string(size));
  return "[" + joined(sizes, ",") + "]";
}

}  // namespace

Codes readCodes(const std::string& path) {
  const NpyArray codes = readNpz(path, "codes");
  const NpyArray factors = readNpz(path, "factors");
  Codes result;
  if (codes.type != NpyType::F32 && codes.type != NpyType::F64) {
    throw Error(ErrorKind::BadFile, path + ": codes are not float32 or float64");
  }
  if (factors.type != NpyType::I32 && factors.type != NpyType::I64) {
    throw Error(ErrorKind::BadFile, path + ": factors are not int32 or int64 levels");
  }
  if (codes.dims.size() != 2 || factors.dims.size() != 2 || codes.dims[0] != factors.dims[0] || codes.count() == 0 ||
      factors.count() == 0) {
    throw Error(ErrorKind::BadFile,
                path + ": codes " + dimsText(codes) + " and factors " + dimsText(factors) + " do not fit together",
                "codes are [N,L] and factors [N,K], one row per image");
  }
  result.count = codes.dims[0];
  result.latents = codes.dims[1];
  result.factorCount = factors.dims[1];
  result.codes = codes.type == NpyType::F32 ? valuesOf<float, double>(codes) : valuesOf<double, double>(codes);
  result.factors = factors.type == NpyType::I32 ? valuesOf<std::int32_t, std::int64_t>(factors)
                                                : valuesOf<std::int64_t, std::int64_t>(factors);
  for (std::size_t i = 0; i < result.codes.size(); ++i) {
    if (std::fabs(result.codes[i]) <= std::numeric_limits<float>::max()) continue;
    throw Error(ErrorKind::BadFile, path + ": the code of row " + std::to_string(i / result.latents) + ", latent " +
                                        std::to_string(i % result.latents) + " is not a finite float32");
  }
  return result;
}

void writeCodes(const std::string& path, const Codes& codes, Overwrite overwrite) {
  StagedFile staged(path, overwrite);
  const std::vector<float> narrow(codes.codes.begin(), codes.codes.end());
  writeNpz(staged.path(), path,
           {{"codes", arrayOf(NpyType::F32, {codes.count, codes.latents}, narrow)},
            {"factors", arrayOf(NpyType::I64, {codes.count, codes.factorCount}, codes.factors)}});
  staged.commit();
}

}  // namespace offaxis
