#pragma once

namespace offaxis {

// Of this build: "0.1.0+1a2b3c4", from git describe. In one small file, so that a commit recompiles nothing else.
const char* version();

}  // namespace offaxis
