// Runs a program the way a shell would and keeps what it said.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
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

struct BadCall {
  const char* line;
  int code;
  const char* says;  // somewhere on stderr
};

// Runs each call in `directory`: code and text as given, stdout empty, a few lines at most, and no file left behind.
template <typename Calls>
void expectBadCalls(const std::string& directory, const Calls& calls) {
  const auto files = [&] { return std::distance(std::filesystem::directory_iterator(directory), {}); };
  const auto before = files();
  for (const BadCall& call : calls) {
    const Outcome outcome = shell("cd " + directory + "; " + call.line);
    EXPECT_EQ(outcome.code, call.code) << call.line << "\n" << outcome.err;
    EXPECT_NE(outcome.err.find(call.says), std::string::npos) << call.line << "\n" << outcome.err;
    EXPECT_EQ(outcome.out, "") << call.line;
    const auto lines = std::count(outcome.err.begin(), outcome.err.end(), '\n');
    EXPECT_LE(lines, std::string(call.line) == "offaxis" ? 30 : 3) << outcome.err;  // the bare name lists the verbs
  }
  EXPECT_EQ(files(), before) << "something was left behind";
}

}  // namespace offaxis::testing
