// The variants that a report shows: which expressions a folder's JSON names, and what of them can be opened here.
#pragma once

#include <string>
#include <vector>

#include "report/dataset_pictures.h"
#include "report/findings.h"

namespace offaxis {

struct ShownVariant {
  std::string name;        // as the tables call it
  std::string expression;  // that opens it, paths as seen from here
  std::string psiSha256;   // of the network it must be made with; may be empty
  std::uint32_t size = 0;  // that models were trained at; 0: as it is
};

// Variants of one dataset, the original first. Evaluations come before manipulations before versions. `problems` gets a
// sentence for each that is named but cannot be made here.
std::vector<ShownVariant> shownVariants(const Findings& findings, std::vector<std::string>& problems);

// Opens them, at `size` where it is not 0; those that cannot be opened are left out and named in `problems`. Variants
// of one original share it. Empty where the original itself cannot be opened.
NamedSources openShown(const std::vector<ShownVariant>& variants, std::uint32_t size,
                       std::vector<std::string>& problems);

// "original", "modified", "noise" -> what an arm is, from the variant in its resolved expression.
std::string variantKindOf(const std::string& resolved);

}  // namespace offaxis
