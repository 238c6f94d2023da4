// The dispatcher: `offaxis VERB ...` runs the program offaxis-VERB that lies beside it.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/version.h"

namespace {

struct VerbEntry {
  const char* name;
  const char* summary;
};

constexpr std::array<VerbEntry, 21> kVerbs{{
    {"list", "say which datasets, variants, models and metrics there are"},
    {"render", "write a built-in dataset to an HDF5 file"},
    {"import", "read an original dSprites or Shapes3D file into an HDF5 file of ours"},
    {"inspect", "describe a dataset, a file or a variant; draw a contact sheet"},
    {"align", "measure which axes a dataset or variant favours, without training"},
    {"axes", "measure which axes reference models find cheaper on a dataset or variant"},
    {"manipulate", "train the reference models and the perturbation psi"},
    {"emit", "write a variant of a dataset (modified, noise, ...) to an HDF5 file"},
    {"verify", "check that a modified dataset kept its factors and its budget"},
    {"train", "train a model on a dataset"},
    {"encode", "encode a dataset by a trained model"},
    {"traverse", "draw the latent traversals and reconstructions of a trained model"},
    {"score", "score codes against factors"},
    {"evaluate", "train and score models on several variants; print the table"},
    {"plot", "draw an evaluation: scores, dose and response, frontier"},
    {"report", "make one self-contained page of a run, an evaluation or a version"},
    {"publish", "publish files as a checksummed version"},
    {"check", "check a published version"},
    {"reproduce", "regenerate a published version from its manifest"},
    {"diff", "say what changed between two published versions or two datasets"},
    {"help", "show this text, or the help of a verb"},
}};

void printHelp(std::ostream& out) {
  out << "offaxis " << offaxis::version() << ": adversarial versions of disentanglement benchmarks\n\n"
      << "usage: offaxis VERB [arguments]\n\n";
  for (const VerbEntry& verb : kVerbs)
    out << "  " << std::left << std::setw(12) << verb.name << ' ' << verb.summary << '\n';
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

bool isVerb(const std::string& name) {
  for (const VerbEntry& verb : kVerbs) {
    if (name == verb.name) return true;
  }
  return false;
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
    if (argc < 3) {
      printHelp(std::cout);
      return finished();
    }
    verb = argv[2];
    arguments = {argv[2], help.data()};
  }
  if (!isVerb(verb)) {
    std::vector<std::string> names;
    for (const VerbEntry& entry : kVerbs) names.emplace_back(entry.name);
    std::cerr << "offaxis: unknown verb '" << verb << "'\n  verbs: " << offaxis::joined(names) << '\n';
    return static_cast<int>(ErrorKind::Usage);
  }
  const std::string program = ownDirectory() + "offaxis-" + verb;
  arguments.push_back(nullptr);
  ::execv(program.c_str(), arguments.data());
  std::cerr << "offaxis: cannot run " << program << ": " << std::strerror(errno) << '\n';
  if (errno == ENOENT) std::cerr << "  this build lacks the verb; build with LibTorch (-DOFFAXIS_LEARN=ON)\n";
  return static_cast<int>(ErrorKind::Unavailable);
}
