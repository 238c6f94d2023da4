#include "variants/expression.h"

#include <sys/stat.h>

#include <algorithm>

#include "core/error.h"
#include "core/text.h"
#include "datasets/image_file.h"
#include "datasets/original_file.h"
#include "variants/controls.h"
#include "variants/modified.h"
#include "variants/noise.h"

namespace offaxis {
namespace {

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

std::vector<std::string> names(const std::vector<VariantKind>& kinds) {
  std::vector<std::string> result;
  for (const VariantKind& kind : kinds) result.push_back(kind.name);
  return result;
}

std::string knownDatasets() {
  std::vector<std::string> result;
  for (const DatasetFamily& family : datasetFamilies()) result.push_back(family.name);
  return joined(result);
}

SourcePtr openFamily(const DatasetFamily& family, const std::string& settingsText, const OpenOptions& options) {
  KeyValues settings(family.name, settingsText);
  const std::uint64_t size = settings.integer("size", options.size, 1, 4096);
  SourcePtr source = family.open(settings);
  settings.done();
  return size == 0 ? source : reduced(std::move(source), static_cast<std::uint32_t>(size));
}

// FILE:size=S, its two parts; no size where it names none.
std::pair<std::string, std::string> splitSize(const std::string& text) {
  const std::size_t last = text.rfind(":size=");
  if (last == std::string::npos || exists(text)) return {text, {}};
  return {text.substr(0, last), text.substr(last + 6)};
}

SourcePtr openBase(const std::string& text, const OpenOptions& options) {
  const std::size_t colon = text.find(':');
  if (const DatasetFamily* family = findDatasetFamily(text.substr(0, colon))) {
    return openFamily(*family, colon == std::string::npos ? std::string() : text.substr(colon + 1), options);
  }
  const auto [path, sizeText] = splitSize(text);
  const std::uint64_t size = text == path ? options.size : parseUnsigned(sizeText, path + "'s size", 1, 4096);
  if (!exists(path)) {
    if (const std::string family = importedFamily(path); !family.empty()) {
      const bool published = path == family + "-original";
      throw Error(ErrorKind::Usage,
                  "'" + path + "' is an imported " + (published ? "original" : "file") +
                      ", which no program can make from its name",
                  "give the imported file, as SOURCE or with --original FILE.h5 (`offaxis import` writes it)");
    }
    throw Error(ErrorKind::Usage, "'" + path + "' is neither a known dataset nor a file",
                "known datasets: " + knownDatasets() + " (`offaxis list datasets`)");
  }
  SourcePtr file = openImageFile(path);
  if (size == 0 || size == file->info().shape.height) return file;
  if (file->info().variant != "original") {
    // Averaging would weaken the variant, independent noise most of all: the comparison would be unfair.
    throw Error(
        ErrorKind::Usage,
        path + " is a variant (" + file->info().variant + ") and cannot be averaged down to " + std::to_string(size),
        "name the variant instead: " + file->info().dataset + "+" + file->info().variant + ":...");
  }
  return reduced(std::move(file), static_cast<std::uint32_t>(size));
}

// The position of the '+' that begins a variant, or npos. File names on either side may hold a '+' too, so the first
// one that a variant's name follows counts; where none does but a dataset stands before the last one, what follows
// that is reported as an unknown variant.
std::size_t variantStart(const std::string& text) {
  if (exists(text)) return std::string::npos;
  const std::vector<std::string> known = names(variantKinds());
  for (std::size_t plus = text.find('+'); plus != std::string::npos; plus = text.find('+', plus + 1)) {
    const std::string name = text.substr(plus + 1, text.find_first_of(":+", plus + 1) - plus - 1);
    if (std::find(known.begin(), known.end(), name) != known.end()) return plus;
  }
  const std::size_t last = text.rfind('+');
  const std::string before = text.substr(0, last);
  return exists(before) || findDatasetFamily(before.substr(0, before.find(':'))) ? last : std::string::npos;
}

// The variant's psi=, placed within the expression.
std::optional<Setting> psiSetting(const std::string& expression) {
  const std::size_t plus = variantStart(expression);
  const std::size_t colon = plus == std::string::npos ? plus : expression.find(':', plus);
  if (colon == std::string::npos) return std::nullopt;
  for (Setting setting : splitSettings(expression.substr(colon + 1))) {
    if (setting.key != "psi") continue;
    for (std::size_t* at : {&setting.begin, &setting.valueBegin, &setting.end}) *at += colon + 1;
    return setting;
  }
  return std::nullopt;
}

}  // namespace

const std::vector<VariantKind>& variantKinds() {
  static const std::vector<VariantKind> kKinds{
      {"modified", "the perturbation psi that `offaxis manipulate` trained", "psi=FILE",
       [](SourcePtr parent, KeyValues& settings) {
         return withPsi(std::move(parent),
                        settings.required("psi", "+modified:psi=RUN/psi.h5, or --variant modified --psi RUN/psi.h5"));
       }},
      {"noise", "independent uniform noise on the integers of the same budget", "eps=E, seed=N (0)",
       [](SourcePtr parent, KeyValues& settings) {
         const Budget budget =
             Budget::parse(settings.required("eps", "+noise:eps=0.1,seed=0, or --variant noise --eps 0.1"));
         return withNoise(std::move(parent), budget, settings.integer("seed", 0, 0, UINT64_MAX));
       }},
      {"scrambled", "control: psi's deltas in random places with random signs, noise of the same norms",
       "psi=FILE, seed=N (0)",
       [](SourcePtr parent, KeyValues& settings) {
         const std::string psi =
             settings.required("psi", "+scrambled:psi=RUN/psi.h5, or --variant scrambled --psi RUN/psi.h5");
         return withScrambledPsi(std::move(parent), psi, settings.integer("seed", 0, 0, UINT64_MAX));
       }},
      {"permuted", "control: each image gets psi's deltas of another one", "psi=FILE, seed=N (0)",
       [](SourcePtr parent, KeyValues& settings) {
         const std::string psi =
             settings.required("psi", "+permuted:psi=RUN/psi.h5, or --variant permuted --psi RUN/psi.h5");
         return withPermutedPsi(std::move(parent), psi, settings.integer("seed", 0, 0, UINT64_MAX));
       }},
      {"separable", "control: psi reduced to a sum of one pattern per factor, as strong as psi", "psi=FILE",
       [](SourcePtr parent, KeyValues& settings) {
         return withSeparablePsi(
             std::move(parent),
             settings.required("psi", "+separable:psi=RUN/psi.h5, or --variant separable --psi RUN/psi.h5"));
       }},
      {"unaligned", "control: psi's deltas under random signs, block by block, the same for all images",
       "psi=FILE, seed=N (0)",
       [](SourcePtr parent, KeyValues& settings) {
         const std::string psi =
             settings.required("psi", "+unaligned:psi=RUN/psi.h5, or --variant unaligned --psi RUN/psi.h5");
         return withUnalignedPsi(std::move(parent), psi, settings.integer("seed", 0, 0, UINT64_MAX));
       }},
  };
  return kKinds;
}

SourcePtr applyVariant(SourcePtr parent, const std::string& name, KeyValues& settings) {
  for (const VariantKind& kind : variantKinds()) {
    if (kind.name != name) continue;
    SourcePtr source = kind.apply(std::move(parent), settings);
    settings.done();
    return source;
  }
  throw Error(ErrorKind::Usage, "unknown variant '" + name + "'", "known variants: " + joined(names(variantKinds())));
}

SplitExpression splitExpression(const std::string& expression) {
  const std::size_t plus = variantStart(expression);
  if (plus == std::string::npos) return {expression, std::nullopt};
  return {expression.substr(0, plus), expression.substr(plus + 1)};
}

std::string psiPathOf(const std::string& expression) {
  const std::optional<Setting> psi = psiSetting(expression);
  return psi ? psi->value : std::string();
}

std::string withPsiPath(const std::string& expression, const std::string& path) {
  const std::optional<Setting> psi = psiSetting(expression);
  if (!psi) return expression;
  return expression.substr(0, psi->valueBegin) + escapedSetting(path) + expression.substr(psi->end);
}

std::vector<std::string> filesReadBy(const std::string& expression) {
  std::vector<std::string> files;
  const std::string base = splitExpression(expression).base;
  if (!findDatasetFamily(base.substr(0, base.find(':')))) files.push_back(splitSize(base).first);
  if (const std::string psi = psiPathOf(expression); !psi.empty()) files.push_back(psi);
  return files;
}

SourcePtr applyVariant(SourcePtr parent, const std::string& variant) {
  const std::size_t colon = variant.find(':');
  const std::string name = variant.substr(0, colon);
  KeyValues settings(name, colon == std::string::npos ? std::string() : variant.substr(colon + 1));
  return applyVariant(std::move(parent), name, settings);
}

SourcePtr openSource(const std::string& expression, const OpenOptions& options) {
  const SplitExpression split = splitExpression(expression);
  SourcePtr base = openBase(split.base, options);
  return split.variant ? applyVariant(std::move(base), *split.variant) : base;
}

}  // namespace offaxis
