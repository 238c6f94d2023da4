// Which number a version has to have: what was published before decides.
#pragma once

#include <string>
#include <vector>

#include "publish/candidate.h"

namespace offaxis {

// PATCH where the content roots are the same; MINOR where every old root is still there, or the file that was made
// alike holds all the old rows (their root is the old one); else MAJOR. Needs the old manifest alone, not its data.
Change changeSince(const Manifest& before, const std::vector<Candidate>& now, const Context& context);

// Throws Error(Usage), saying the right number, where `version` is not one step after the last version under
// <directory>/<name>/ or, where given, <manifests>/<name>/. Any number may be the first.
void requireRightStep(const PublishSettings& settings, const SemVer& version, const std::vector<Candidate>& candidates,
                      const Context& context);

}  // namespace offaxis
