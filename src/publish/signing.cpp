#include "publish/signing.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "storage/descriptor.h"
#include "storage/staged.h"

extern char** environ;

namespace offaxis {
namespace {

constexpr const char* kNamespace = "offaxis";
constexpr int kNotFound = 127;

struct Outcome {
  int code = kNotFound;
  std::string output;  // first line of stdout and stderr together
};

// Reads what the child writes until its end. A request to stop is passed on to the child, and then its own end is
// enough: a dialog that it has opened may hold the pipe for longer. Returns its wait status as well.
std::string outputOf(pid_t child, int end, const Context& context, int& status) {
  constexpr int kPollMilliseconds = 100;
  std::string output;
  char buffer[4096];
  for (bool asked = false;;) {
    if (context.cancel && context.cancel->requested()) {
      if (!asked) ::kill(child, SIGTERM);
      asked = true;
      if (::waitpid(child, &status, WNOHANG) == child) return output;
    }
    pollfd ready{end, POLLIN, 0};
    if (::poll(&ready, 1, kPollMilliseconds) <= 0) continue;
    const ssize_t count = ::read(end, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    if (output.size() < sizeof buffer) output.append(buffer, static_cast<std::size_t>(count));
  }
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return output;
}

// Runs a program without a shell; its standard input is the file `input`.
Outcome run(std::vector<std::string> words, const std::string& input, const Context& context) {
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
    int status = 0;
    outcome.output = outputOf(child, ends[0], context, status);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  ::close(ends[0]);
  if (failure != 0 && failure != ENOENT)
    throw Error(ErrorKind::Unavailable, "cannot start " + words[0] + ": " + std::strerror(failure));
  context.throwIfCancelled();  // Ctrl-C at a terminal ends both of us
  outcome.output = outcome.output.substr(0, outcome.output.find_first_of("\r\n"));
  return outcome;
}

// ssh-keygen overlooks much of how a signature file is written (line ends, unused bits of base64); anything but the
// text that it writes itself has been changed.
bool asWritten(const std::string& path) {
  const std::string begin = "-----BEGIN SSH SIGNATURE-----\n", end = "-----END SSH SIGNATURE-----\n";
  constexpr std::size_t kLine = 70;
  const std::string text = readTextFile(path, std::uint64_t{1} << 20);
  if (text.size() < begin.size() + end.size() || text.compare(0, begin.size(), begin) != 0 ||
      text.compare(text.size() - end.size(), end.size(), end) != 0) {
    return false;
  }
  std::string encoded;
  for (std::size_t at = begin.size(); at < text.size() - end.size(); at += kLine + 1) {
    const std::string line = text.substr(at, std::min(kLine + 1, text.size() - end.size() - at));
    if (line.back() != '\n') return false;
    encoded.append(line, 0, line.size() - 1);
  }
  std::vector<unsigned char> decoded(encoded.size());
  const auto* bytes = reinterpret_cast<const unsigned char*>(encoded.data());
  int size = EVP_DecodeBlock(decoded.data(), bytes, static_cast<int>(encoded.size()));
  if (size < 0) return false;
  for (std::size_t i = encoded.size(); i > 0 && encoded[i - 1] == '='; --i) --size;
  std::vector<unsigned char> again(encoded.size() + 4);
  const int length = EVP_EncodeBlock(again.data(), decoded.data(), size);
  return length == static_cast<int>(encoded.size()) && std::equal(bytes, bytes + length, again.data());
}

// `how`: what follows -Y, and its options.
SignatureCheck verify(const std::vector<std::string>& how, const std::string& path, const Context& context) {
  std::vector<std::string> words{"ssh-keygen", "-Y"};
  words.insert(words.end(), how.begin(), how.end());
  words.insert(words.end(), {"-n", kNamespace, "-s", path + ".sig"});
  const Outcome outcome = run(std::move(words), path, context);
  if (outcome.code == kNotFound) return {false, false, "ssh-keygen is not installed"};
  if (outcome.code == 0 && !asWritten(path + ".sig"))
    return {true, false, "the signature file is not written as ssh-keygen writes it: it was changed"};
  return {true, outcome.code == 0, outcome.output};
}

[[noreturn]] void noKeygen() {
  throw Error(ErrorKind::Unavailable, "ssh-keygen is not installed, which signs",
              "install openssh-client, or leave out --sign");
}

}  // namespace

void requireSigning(const std::string& keyPath, const Context& context) {
  // ssh-agent may hold the private half, and only the public one lie here.
  std::error_code none;
  if (!std::filesystem::is_regular_file(keyPath + ".pub", none))
    requireRegular(Descriptor(keyPath, O_RDONLY | O_NONBLOCK), keyPath);
  if (run({"ssh-keygen", "-Y"}, "/dev/null", context).code == kNotFound) noKeygen();
}

void signFile(const std::string& path, const std::string& keyPath, const Context& context) {
  const Outcome outcome =
      run({"ssh-keygen", "-Y", "sign", "-n", kNamespace, "-f", keyPath, "--", path}, "/dev/null", context);
  if (outcome.code == kNotFound) noKeygen();
  if (outcome.code != 0 || ::access((path + ".sig").c_str(), R_OK) != 0) {
    throw Error(ErrorKind::CannotWrite, "ssh-keygen could not sign with '" + keyPath + "': " + outcome.output,
                "give a private key file that needs no passphrase, or one that ssh-agent holds");
  }
}

SignatureCheck checkSignature(const std::string& path, const Context& context) {
  return verify({"check-novalidate"}, path, context);
}

SignatureCheck checkSignatureOf(const std::string& signer, const std::string& allowedSigners, const std::string& path,
                                const Context& context) {
  return verify({"verify", "-f", allowedSigners, "-I", signer}, path, context);
}

}  // namespace offaxis
