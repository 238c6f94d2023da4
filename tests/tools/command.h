// Runs a program the way a shell would and keeps what it said.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "support/temp_directory.h"

namespace offaxis::testing {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

inline std::string contentsOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// `line` is a shell command; "offaxis" in it means the one that was just built.
inline Outcome shell(const std::string& line) {
  const TempDirectory directory;
  const std::string command = "PATH=\"" OFFAXIS_BIN_DIR ":$PATH\"; { " + line + "\n} >" + (directory / "out") + " 2>" +
                              (directory / "err") + " </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), contentsOf(directory / "out"),
          contentsOf(directory / "err")};
}

}  // namespace offaxis::testing
