#pragma once

#include <string>

namespace offaxis {

// Of this build: "0.1.0+1a2b3c4" or a tag "v0.1.0-3-g1a2b3c4", from git describe at build time, with "-dirty" where
// tracked files differed from that commit; "0.1.0" alone where there was no git. In one small file, so that a commit
// recompiles nothing else.
const char* version();

// Whether such a text ("offaxis 0.1.0+1a2b3c4" too) names one commit and nothing besides, so that others can build the
// same program.
bool namesOneCommit(const std::string& version);

}  // namespace offaxis
