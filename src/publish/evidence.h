// Scores of experiments that a version carries, and whether they are scores of what it publishes.
#pragma once

#include <string>
#include <vector>

#include "publish/candidate.h"

namespace offaxis {

// The manifest's entry for each results.json of `offaxis evaluate`. Throws Error(BadFile) where one is none, not
// complete, or given twice; where its runs are of another dataset than the candidates (at any image size), of other
// rows of the factor grid (where the results say which), or of variants by a psi none of which is one of them; where a
// candidate made by a psi (any variant: modified, separable, ...) is in none of them.
Json readEvidence(const std::vector<std::string>& paths, const std::vector<Candidate>& candidates);

}  // namespace offaxis
