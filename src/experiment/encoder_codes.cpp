#include "experiment/encoder_codes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <unordered_set>

#include "core/error.h"
#include "core/parallel.h"
#include "learn/encode.h"

namespace offaxis {
namespace {

// Encodes what is asked for and keeps it: two scores draw nearly the same images.
class Encoded {
 public:
  Encoded(SourcePtr source, std::string runDirectory, std::uint64_t latents, std::string device, const Context& context)
      : source_(std::move(source)),
        runDirectory_(std::move(runDirectory)),
        latents_(latents),
        device_(std::move(device)),
        context_(context),
        rowOf_(source_->size()),
        known_(source_->size()),
        codes_(source_->size() * latents) {
    for (std::uint64_t row = 0; row < source_->size(); ++row) rowOf_[source_->gridIndex(row)] = row;
  }

  std::vector<double> codes(const std::vector<std::uint64_t>& indices) {
    std::vector<std::uint64_t> missing;
    std::unordered_set<std::uint64_t> asked;
    for (const std::uint64_t index : indices) {
      if (!known_[index] && asked.insert(index).second) missing.push_back(index);
    }
    encodeAll(missing);
    for (const std::uint64_t index : missing) known_[index] = true;  // now: encoding may have failed
    std::vector<double> result;
    result.reserve(indices.size() * latents_);
    for (const std::uint64_t index : indices) {
      const double* const code = &codes_[index * latents_];
      result.insert(result.end(), code, code + latents_);
    }
    return result;
  }

 private:
  void encodeAll(const std::vector<std::uint64_t>& indices) {
    constexpr std::uint64_t kBlock = 8192;
    Context each = context_;  // one bar for all blocks, and no threads within one
    each.threads = 1;
    each.progress = nullptr;
    context_.begin("encoding", indices.size(), "images");
    parallelFor(context_, indices.size(), kBlock, [&](std::uint64_t begin, std::uint64_t end, int) {
      EncodeSettings settings;
      settings.device = device_;
      for (std::uint64_t i = begin; i < end; ++i) settings.rows.push_back(rowOf_[indices[i]]);
      const Codes codes = encode(source_, runDirectory_, settings, each);
      if (codes.latents != latents_) {
        throw Error(ErrorKind::BadFile, runDirectory_ + " encodes " + std::to_string(codes.latents) +
                                            " latents, the codes have " + std::to_string(latents_));
      }
      for (std::uint64_t i = begin; i < end; ++i)
        std::copy_n(&codes.codes[(i - begin) * latents_], latents_, &codes_[indices[i] * latents_]);
      context_.advance(end - begin);
    });
    context_.end();
  }

  SourcePtr source_;
  std::string runDirectory_;
  std::uint64_t latents_;
  std::string device_;
  const Context& context_;
  std::vector<std::uint64_t> rowOf_;
  std::vector<bool> known_;
  std::vector<double> codes_;  // by grid index
};

}  // namespace

CodeSource encoderCodes(SourcePtr source, const std::string& runDirectory, std::uint64_t latents,
                        const std::string& device, const Context& context) {
  const FactorGrid& grid = source->info().grid;
  if (source->size() != grid.size()) {
    throw Error(ErrorKind::Usage,
                source->info().expression() + " holds " + std::to_string(source->size()) + " of the grid's " +
                    std::to_string(grid.size()) + " images",
                "pairs that share a factor are drawn from the full grid: name the dataset or a file of all of it");
  }
  CodeSource codes;
  for (const Factor& factor : grid.factors()) codes.sizes.push_back(static_cast<std::uint32_t>(factor.size()));
  codes.latents = latents;
  const auto encoded = std::make_shared<Encoded>(std::move(source), runDirectory, latents, device, context);
  codes.codes = [encoded](const std::vector<std::uint64_t>& indices) { return encoded->codes(indices); };
  return codes;
}

void requireCodesOf(const CodeSource& source, const CodeView& codes, const std::string& name,
                    const std::string& model) {
  constexpr std::uint64_t kRows = 16;
  constexpr double kTolerance = 1e-3, kRounding = 1e-6;
  std::map<std::uint64_t, std::uint64_t> rows;  // by grid index: ascending, none twice
  for (std::uint64_t i = 0; i < std::min(kRows, codes.count); ++i) {
    const std::uint64_t row = i * codes.count / std::min(kRows, codes.count);
    std::uint64_t index = 0;
    for (std::uint64_t k = 0; k < codes.factorCount; ++k)
      index = index * source.sizes[k] + static_cast<std::uint64_t>(codes.factors[row * codes.factorCount + k]);
    rows.emplace(index, row);
  }
  double widest = 0;
  for (std::uint64_t l = 0; l < codes.latents; ++l) {
    double least = codes.codes[l], most = least;
    for (std::uint64_t row = 1; row < codes.count; ++row) {
      least = std::min(least, codes.codes[row * codes.latents + l]);
      most = std::max(most, codes.codes[row * codes.latents + l]);
    }
    widest = std::max(widest, most - least);
  }
  std::vector<std::uint64_t> indices;
  for (const auto& [index, row] : rows) indices.push_back(index);
  const std::vector<double> encoded = source.codes(indices);
  const double* code = encoded.data();
  for (const auto& [index, row] : rows) {
    for (std::uint64_t l = 0; l < codes.latents; ++l, ++code) {
      if (std::fabs(*code - codes.codes[row * codes.latents + l]) <= kTolerance * widest + kRounding) continue;
      throw Error(ErrorKind::BadFile,
                  name + " is not of " + model + ": its row " + std::to_string(row) + " has another code there",
                  "give the source and the run that `offaxis encode` made it from");
    }
  }
}

}  // namespace offaxis
