// What noise and psi share: a source that adds integer deltas to its parent's images and clips.
#pragma once

#include <cstdint>

#include "datasets/source.h"

namespace offaxis {

class PerturbedSource : public Source {
 public:
  // Throws Error(Usage) where `parent` is itself a variant: budgets would add up unseen.
  PerturbedSource(SourcePtr parent, const std::string& variant, std::map<std::string, std::string> settings);

  const SourceInfo& info() const override { return info_; }
  std::uint64_t size() const override { return parent_->size(); }
  std::uint64_t gridIndex(std::uint64_t row) const override { return parent_->gridIndex(row); }
  std::uint64_t canonicalIndex(std::uint64_t index) const override { return parent_->canonicalIndex(index); }
  SourcePtr parent() const override { return parent_; }
  void read(std::uint64_t row, std::uint8_t* image) const override;
  void readRange(std::uint64_t first, std::uint64_t count, std::uint8_t* images) const override;

 protected:
  // Levels to add to the image of canonical index `canonical`: int16 [H,W,C]. May read other images of the parent: a
  // source that calls this must not be inside the parent's read() itself.
  virtual void deltas(std::uint64_t canonical, std::int16_t* delta) const = 0;

 private:
  void perturb(std::uint64_t row, std::uint8_t* image) const;

  SourcePtr parent_;
  SourceInfo info_;
};

}  // namespace offaxis
