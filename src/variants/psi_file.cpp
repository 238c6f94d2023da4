// How psi.h5 holds a PsiNetwork: docs/psi_format.md.
#include <algorithm>
#include <limits>

#include "core/error.h"
#include "storage/h5.h"
#include "variants/psi_network.h"

namespace offaxis {
namespace {

constexpr const char* kFormat = "offaxis.psi";
// Restraints change what is evaluated, so files that have some say so by their version: a reader that does not know
// them must not pass over them.
constexpr std::uint64_t kPlainVersion = 1;
constexpr std::uint64_t kRestrainedVersion = 2;  // whole images
constexpr std::uint64_t kRivalsVersion = 3;      // some of them for a rival
constexpr std::uint64_t kAdditiveVersion = 4;    // patterns in place of layers; restraints of either kind, or none
constexpr std::int64_t kNoRival = -1;
constexpr std::size_t kShortList = 4096;

std::uint64_t versionOf(const PsiNetwork& psi) {
  if (!psi.patterns.empty()) return kAdditiveVersion;
  if (psi.restraints.empty()) return kPlainVersion;
  return psi.hasRivals() ? kRivalsVersion : kRestrainedVersion;
}

std::string layerName(std::size_t index, const char* part) {
  return "layers/" + std::to_string(index) + "/" + part;
}

}  // namespace

void PsiNetwork::save(const std::string& path, Overwrite overwrite) const {
  StagedFile staged(path, overwrite);
  h5::Writer file(staged.path(), path);
  file.writeAttribute("format", kFormat);
  file.writeAttribute("version", versionOf(*this));
  file.writeAttribute("dataset", dataset);
  file.writeAttribute("fingerprint", fingerprint);
  file.writeAttribute("eps", budget.text());
  file.writeAttribute("provenance", provenance);
  file.writeAttribute("layers", static_cast<std::uint64_t>(layers.size()));
  std::vector<std::string> kinds;
  for (const FactorKind kind : features.factorKinds) kinds.push_back(toString(kind));
  file.writeAttribute("factor_kinds", joined(kinds, ","));
  const std::uint64_t k = features.factorSizes.size();
  const std::vector<std::int64_t> sizes(features.factorSizes.begin(), features.factorSizes.end());
  file.writeArray("features/factor_sizes", h5::Type::I64, {k}, sizes.data());
  if (!features.rotation.empty()) file.writeArray("features/rotation", h5::Type::F64, {k, k}, features.rotation.data());
  if (features.oneHot) file.writeAttribute("one_hot", std::uint64_t{1});
  if (!features.harmonics.empty()) {
    file.writeArray("features/harmonics", h5::Type::F64, {features.harmonics.size()}, features.harmonics.data());
  }
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const std::vector<std::uint64_t> dims = layer.deconv ? std::vector<std::uint64_t>{layer.out, 4, 4, layer.in}
                                                         : std::vector<std::uint64_t>{layer.out, layer.in};
    file.writeArray(layerName(l, "weight"), h5::Type::I8, dims, layer.weight.data());
    file.writeArray(layerName(l, "bias"), h5::Type::I32, {layer.out}, layer.bias.data());
    file.writeArray(layerName(l, "multiplier"), h5::Type::I32, {layer.out}, layer.multiplier.data());
    file.writeArray(layerName(l, "shift"), h5::Type::I32, {1}, &layer.shift);
  }
  if (!patterns.empty()) {
    file.writeArray("patterns", h5::Type::I16, {features.levels(), patterns.side, patterns.side, patterns.channels},
                    patterns.steps.data());
  }
  if (!restraints.empty()) {
    std::vector<std::int64_t> indices;
    std::vector<std::int8_t> strengths;
    std::vector<std::int64_t> rivals;
    for (const PsiRestraint& restraint : restraints) {
      indices.push_back(static_cast<std::int64_t>(restraint.index));
      strengths.push_back(static_cast<std::int8_t>(restraint.strength));
      const bool whole = restraint.rival == PsiRestraint::kWholeImage;
      rivals.push_back(whole ? kNoRival : static_cast<std::int64_t>(restraint.rival));
    }
    // Files of version 2 keep the wide type that they always had.
    const bool narrow = versionOf(*this) > kRestrainedVersion &&
                        indices.back() <= std::numeric_limits<std::int32_t>::max() &&
                        *std::max_element(rivals.begin(), rivals.end()) <= std::numeric_limits<std::int32_t>::max();
    // A restraint by pixels has hundreds of thousands, which shrink to a third; short lists stay as they are.
    const auto write = [&](const char* name, h5::Type type, const void* data) {
      if (versionOf(*this) > kRestrainedVersion && restraints.size() > kShortList) {
        file.writeList(name, type, restraints.size(), data);
      } else {
        file.writeArray(name, type, {restraints.size()}, data);
      }
    };
    const auto writeIndices = [&](const char* name, const std::vector<std::int64_t>& values) {
      if (narrow) {
        const std::vector<std::int32_t> small(values.begin(), values.end());
        write(name, h5::Type::I32, small.data());
      } else {
        write(name, h5::Type::I64, values.data());
      }
    };
    writeIndices("restraints/index", indices);
    write("restraints/strength", h5::Type::I8, strengths.data());
    if (hasRivals()) writeIndices("restraints/rival", rivals);
  }
  file.close();
  staged.commit();
}

PsiNetwork PsiNetwork::load(const std::string& path) {
  const h5::Reader file(path);
  auto refuse = [&](const std::string& what) -> void {
    throw Error(ErrorKind::BadFile, path + ": " + what, "give a psi.h5 that offaxis manipulate wrote");
  };
  if (!file.hasAttribute("format") || file.stringAttribute("format") != kFormat) refuse("this is no psi network");
  const std::uint64_t version = file.integerAttribute("version");
  if (version < kPlainVersion || version > kAdditiveVersion)
    refuse("its format version is " + std::to_string(version) + ", not 1 to 4");
  PsiNetwork net;
  net.dataset = file.stringAttribute("dataset");
  net.fingerprint = file.stringAttribute("fingerprint");
  net.provenance = file.stringAttribute("provenance");
  try {
    net.budget = Budget::parse(file.stringAttribute("eps"));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Usage) throw;
    refuse(error.what());
  }
  // `limit` bounds every dimension before anything is allocated.
  auto length = [&](const std::string& name, std::size_t rank, std::size_t axis, std::uint64_t limit) {
    const h5::DatasetShape shape = file.shapeOf(name);
    if (shape.dims.size() != rank || shape.dims[axis] < 1 || shape.dims[axis] > limit)
      refuse(name + " has impossible dimensions");
    return shape.dims[axis];
  };
  const std::uint64_t k = length("features/factor_sizes", 1, 0, kMaxPsiFactors);
  std::vector<std::int64_t> sizes(k);
  file.readArray("features/factor_sizes", h5::Type::I64, {k}, sizes.data());
  for (const std::int64_t size : sizes) {
    if (size < 1 || size > (1 << 24)) refuse("a factor has " + std::to_string(size) + " levels");
    net.features.factorSizes.push_back(static_cast<std::uint32_t>(size));
  }
  std::string kinds = file.stringAttribute("factor_kinds");
  for (std::size_t start = 0; start <= kinds.size();) {
    const std::size_t comma = std::min(kinds.find(',', start), kinds.size());
    try {
      net.features.factorKinds.push_back(factorKindFromString(kinds.substr(start, comma - start)));
    } catch (const Error& error) {
      refuse(error.what());
    }
    start = comma + 1;
  }
  net.features.oneHot = file.hasAttribute("one_hot") && file.integerAttribute("one_hot") != 0;
  if (file.has("features/rotation")) {
    net.features.rotation.resize(k * k);
    file.readArray("features/rotation", h5::Type::F64, {k, k}, net.features.rotation.data());
  }
  if (file.has("features/harmonics")) {
    net.features.harmonics.resize(length("features/harmonics", 1, 0, kMaxPsiHarmonics));
    file.readArray("features/harmonics", h5::Type::F64, {net.features.harmonics.size()}, net.features.harmonics.data());
  }
  const std::uint64_t count = file.integerAttribute("layers");
  const bool additive = version == kAdditiveVersion;
  if (additive ? file.has("layers/0/weight") : file.has("patterns"))
    refuse("it has both layers and patterns, or what version " + std::to_string(version) + " does not know");
  if (additive ? count != 0 : count < 2 || count > kMaxPsiLayers) refuse("it has " + std::to_string(count) + " layers");
  if (additive) {
    const std::uint64_t levels = length("patterns", 4, 0, kMaxPsiFactors << 24);
    net.patterns.side = static_cast<std::uint32_t>(length("patterns", 4, 1, kMaxPsiSide));
    net.patterns.channels = static_cast<std::uint32_t>(length("patterns", 4, 3, kMaxPsiPatternChannels));
    if (levels > kMaxPsiWeights / net.patterns.pixels()) refuse("it has too many patterns");
    net.patterns.steps.resize(levels * net.patterns.pixels());
    file.readArray("patterns", h5::Type::I16, {levels, net.patterns.side, net.patterns.side, net.patterns.channels},
                   net.patterns.steps.data());
  }
  std::uint64_t weightsInAll = 0;
  for (std::size_t l = 0; l < count; ++l) {
    const std::string name = layerName(l, "weight");
    const h5::DatasetShape shape = file.shapeOf(name);
    Layer layer;
    layer.deconv = shape.dims.size() == 4;
    const std::size_t rank = layer.deconv ? 4 : 2;
    layer.out = static_cast<std::uint32_t>(length(name, rank, 0, kMaxPsiChannels));
    layer.in = static_cast<std::uint32_t>(length(name, rank, rank - 1, kMaxPsiChannels));
    const std::uint64_t weights = std::uint64_t{layer.out} * layer.in * (layer.deconv ? 16 : 1);
    // A small file may claim much: before anything is made for it.
    if (weightsInAll += weights; weightsInAll > kMaxPsiWeights) refuse("it has too many weights");
    layer.weight.resize(weights);
    layer.bias.resize(layer.out);
    layer.multiplier.resize(layer.out);
    file.readArray(name, h5::Type::I8,
                   layer.deconv ? std::vector<std::uint64_t>{layer.out, 4, 4, layer.in}
                                : std::vector<std::uint64_t>{layer.out, layer.in},
                   layer.weight.data());
    file.readArray(layerName(l, "bias"), h5::Type::I32, {layer.out}, layer.bias.data());
    file.readArray(layerName(l, "multiplier"), h5::Type::I32, {layer.out}, layer.multiplier.data());
    file.readArray(layerName(l, "shift"), h5::Type::I32, {1}, &layer.shift);
    net.layers.push_back(std::move(layer));
  }
  if (additive ? file.has("restraints/index") : version != kPlainVersion) {
    const std::uint64_t restrained = length("restraints/index", 1, 0, kMaxPsiRestraints);
    std::vector<std::int64_t> indices(restrained);
    std::vector<std::int8_t> strengths(restrained);
    std::vector<std::int64_t> rivals(restrained, kNoRival);
    file.readArray("restraints/index", h5::Type::I64, {restrained}, indices.data());
    file.readArray("restraints/strength", h5::Type::I8, {restrained}, strengths.data());
    if (additive ? file.has("restraints/rival") : version == kRivalsVersion) {
      file.readArray("restraints/rival", h5::Type::I64, {restrained}, rivals.data());
    } else if (file.has("restraints/rival")) {
      refuse("its restraints have rivals, which version 2 does not know");
    }
    // Negative numbers become ones that validate() refuses, but for kNoRival.
    static_assert(static_cast<std::uint64_t>(kNoRival) == PsiRestraint::kWholeImage);
    for (std::uint64_t i = 0; i < restrained; ++i) {
      net.restraints.push_back({static_cast<std::uint64_t>(indices[i]), static_cast<std::uint8_t>(strengths[i]),
                                static_cast<std::uint64_t>(rivals[i])});
    }
  } else if (file.has("restraints/strength") || file.has("restraints/rival") || file.has("restraints/index")) {
    refuse(additive ? "it has restraints without an index" : "it has restraints, which version 1 does not know");
  }
  try {
    net.validate();
  } catch (const Error& error) {
    throw Error(error.kind(), path + ": " + error.what(), error.hint());
  }
  net.prepare();
  return net;
}

}  // namespace offaxis
