// psi.h5 bound to a dataset: what the modified variant and the controls made from psi's own patterns share.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "datasets/row_finder.h"
#include "datasets/source.h"
#include "variants/psi_network.h"

namespace offaxis {

class PsiPattern {
 public:
  // Throws Error(BadFile) where psi.h5 is damaged or was made for another dataset or image shape than `parent`'s,
  // Error(Usage) where it is restrained for rivals and `parent` is part of a dataset whose other images are out of
  // reach.
  PsiPattern(const std::string& psiPath, const SourcePtr& parent);
  // A network that is no file yet: settings() then lacks psi_sha256. `name` is what errors call it.
  PsiPattern(PsiNetwork network, const std::string& name, const SourcePtr& parent);

  // Levels to add to the image at `gridIndex`, int16 [H,W,C] of the dataset's images, restraints applied: a network
  // that was trained at a lower resolution is applied by repeating its pixels. Throws Error(Usage) where an image is
  // restrained for a rival that the dataset lacks.
  void deltas(std::uint64_t gridIndex, std::int16_t* delta) const;

  // The same as the network gives them, int16 [side,side,C], restrained as whole images alone, and how to bring such a
  // pattern to the images' size.
  void smallDeltas(std::uint64_t gridIndex, std::int16_t* delta) const;
  std::uint32_t smallSide() const { return network_.side(); }
  std::uint32_t channels() const { return network_.channels(); }
  std::size_t smallCount() const { return std::size_t{smallSide()} * smallSide() * channels(); }
  void enlarge(const std::int16_t* small, std::int16_t* delta) const;

  const FactorGrid& grid() const { return grid_; }
  int levels() const { return network_.budget.levels(); }
  // For SourceInfo: eps, psi_sha256.
  const std::map<std::string, std::string>& settings() const { return settings_; }

 private:
  // The images in which an image and its rivals are told apart, of the size that deltas are brought to.
  struct Originals {
    explicit Originals(SourcePtr whole) : source(std::move(whole)), rowOf(*source) {}
    SourcePtr source;
    RowFinder rowOf;
  };

  void restrain(std::uint64_t gridIndex, std::int16_t* delta) const;
  std::uint64_t rowOfOriginal(std::uint64_t gridIndex) const;  // throws Error(Usage) where it is out of reach

  PsiNetwork network_;
  FactorGrid grid_;
  std::optional<Originals> originals_;  // where the network is restrained for rivals
  std::uint32_t repeat_;
  std::map<std::string, std::string> settings_;
};

}  // namespace offaxis
