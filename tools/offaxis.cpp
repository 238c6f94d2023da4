// The dispatcher: `offaxis VERB ...` runs the program offaxis-VERB that lies beside it.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/version.h"
#include "tools/verbs.h"

namespace {

using offaxis::cli::findVerb;
using offaxis::cli::kVerbs;
using offaxis::cli::VerbEntry;

void printHelp(std::ostream& out) {
  out << "offaxis " << offaxis::version() << ": adversarial versions of disentanglement benchmarks\n\n"
      << "usage: offaxis VERB [arguments]\n\n";
  const auto line = [&](std::string_view name, std::string_view summary) {
    out << "  " << std::left << std::setw(12) << name << ' ' << summary << '\n';
  };
  for (const VerbEntry& verb : kVerbs) line(verb.name, verb.summary);
  line("help", "show this text, or the help of a verb");
  out << "\n`offaxis VERB --help` describes a verb.\n";
}

std::string ownDirectory() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string full(path.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  return full.substr(0, full.rfind('/') + 1);
}

int finished() {
  std::cout.flush();
  if (std::cout) return 0;
  std::cerr << "offaxis: cannot write to standard output\n";
  return static_cast<int>(offaxis::ErrorKind::CannotWrite);
}

}  // namespace

int main(int argc, char** argv) {
  using offaxis::ErrorKind;
  if (argc < 2) {
    printHelp(std::cerr);
    return static_cast<int>(ErrorKind::Usage);
  }
  std::string verb = argv[1];
  std::vector<char*> arguments(argv + 1, argv + argc);
  std::string help = "--help";
  if (verb == "--version") {
    std::cout << "offaxis " << offaxis::version() << '\n';
    return finished();
  }
  if (verb == "help" || verb == "--help" || verb == "-h") {
    if (argc < 3 || std::string(argv[2]) == "help") {
      printHelp(std::cout);
      return finished();
    }
    verb = argv[2];
    arguments = {argv[2], help.data()};
  }
  const VerbEntry* const known = findVerb(verb);
  if (known == nullptr) {
    std::vector<std::string> names;
    for (const VerbEntry& entry : kVerbs) names.emplace_back(entry.name);
    std::cerr << "offaxis: unknown verb '" << verb << "'\n  verbs: " << offaxis::joined(names) << '\n';
    return static_cast<int>(ErrorKind::Usage);
  }
  const std::string program = ownDirectory() + "offaxis-" + verb;
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  std::cerr << "offaxis: cannot run " << program << ": " << std::strerror(errno) << '\n';
  if (errno == ENOENT) {
    std::cerr << (known->learns ? "  this build lacks the verb; build with LibTorch (-DOFFAXIS_LEARN=ON)\n"
                                : "  build or install the program again\n");
  }
  return static_cast<int>(ErrorKind::Unavailable);
}
