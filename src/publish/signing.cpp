#include "publish/signing.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "core/error.h"

extern char** environ;

namespace offaxis {
namespace {

constexpr const char* kNamespace = "offaxis";
constexpr int kNotFound = 127;

struct Outcome {
  int code = kNotFound;
  std::string output;  // first line of stdout and stderr together
};

// Runs a program without a shell; its standard input is the file `input`.
Outcome run(std::vector<std::string> words, const std::string& input) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw Error(ErrorKind::Unavailable, std::string("no pipe: ") + std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  pid_t child = 0;
  const int failure = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  Outcome outcome;
  if (failure == 0) {
    char buffer[4096];
    for (;;) {
      const ssize_t count = ::read(ends[0], buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      if (outcome.output.size() < sizeof buffer) outcome.output.append(buffer, static_cast<std::size_t>(count));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  ::close(ends[0]);
  outcome.output = outcome.output.substr(0, outcome.output.find_first_of("\r\n"));
  return outcome;
}

}  // namespace

void signFile(const std::string& path, const std::string& keyPath) {
  const Outcome outcome = run({"ssh-keygen", "-Y", "sign", "-n", kNamespace, "-f", keyPath, "--", path}, "/dev/null");
  if (outcome.code == kNotFound) {
    throw Error(ErrorKind::Unavailable, "ssh-keygen is not installed, which signs",
                "install openssh-client, or leave out --sign");
  }
  if (outcome.code != 0 || ::access((path + ".sig").c_str(), R_OK) != 0) {
    throw Error(ErrorKind::CannotWrite, "ssh-keygen could not sign with '" + keyPath + "': " + outcome.output,
                "give a private key file that needs no passphrase, or one that ssh-agent holds");
  }
}

SignatureCheck checkSignature(const std::string& path) {
  const Outcome outcome = run({"ssh-keygen", "-Y", "check-novalidate", "-n", kNamespace, "-s", path + ".sig"}, path);
  return {outcome.code != kNotFound, outcome.code == 0, outcome.output};
}

}  // namespace offaxis
