// What every verb shares: strict options, help, configuration files, exit codes, progress, Ctrl-C.
// A tool is: declare options, parse them into a Settings struct, one call, print.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/text.h"
#include "storage/staged.h"

namespace offaxis::cli {

using Json = nlohmann::ordered_json;

struct Option {
  std::string name;      // "--name" without the dashes; a single-letter alias as "output,o"
  std::string value;     // what stands for its value in the help, "FILE"; empty: a flag
  std::string fallback;  // shown as default and used where the option is absent; empty: none
  std::string help;
};

struct Positional {
  std::string name;  // "SOURCE"
  bool required = true;
  bool many = false;  // takes all that remain
  std::string help;
};

struct Verb {
  std::string name;     // "render", one of kVerbs (tools/verbs.h), which has its summary
  std::string details;  // paragraphs for --help; may be empty
  std::vector<Positional> positionals;
  std::vector<Option> options;  // besides the common ones
  std::vector<std::string> examples;
};

// The parsed command line. Every getter throws Error(Usage) naming the option where its value is not acceptable.
class Arguments {
 public:
  bool given(const std::string& name) const { return values_.count(name) != 0; }
  bool flag(const std::string& name) const;
  // The option's value or its fallback; empty where it has neither.
  const std::string& text(const std::string& name) const;
  // Like text(), but an absent option is an error.
  const std::string& required(const std::string& name) const;
  std::uint64_t integer(const std::string& name, std::uint64_t lowest, std::uint64_t highest) const;
  double real(const std::string& name, double lowest, double highest) const;
  double realBelow(const std::string& name, double lowest, double limit) const;  // limit itself is refused
  Budget budget(const std::string& name) const { return Budget::parse(required(name), "--" + name); }
  // Positionals by name; the first one of a `many`.
  const std::string& positional(const std::string& name) const;
  const std::vector<std::string>& positionals(const std::string& name) const;

  // From the common options.
  Context context;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  Overwrite overwrite = Overwrite::Refuse;

 private:
  friend int run(int, char**, const Verb&, const std::function<int(const Arguments&)>&);
  friend class Parser;
  // Throws Error(CannotWrite) where an output is a file that is read, or one that verbs read in a directory given.
  void refuseToReplaceInputs() const;
  // Throws Error(Usage) where the verb would write a value into JSON that is not UTF-8.
  void refuseOtherThanUtf8(const Verb& verb) const;
  std::map<std::string, std::string> values_;  // as given on the command line or in the configuration file
  std::map<std::string, std::string> fallbacks_;
  std::map<std::string, std::vector<std::string>> positionals_;
};

// Runs a verb: parses, handles --help, --version and --dump-config, calls `body`, and maps errors to exit codes and
// short texts on stderr (and to {"status": "error"} on stdout under --json). `body` returns the exit code, 0 or 1.
int run(int argc, char** argv, const Verb& verb, const std::function<int(const Arguments&)>& body);

// The text of a file that an argument names, for a verb that has written nothing yet. A pipe may have no writer: until
// all is read, SIGINT, SIGTERM and SIGHUP end the program at once, with exit code 130. Throws Error(BadFile) as
// readTextStream() does, and Error(Interrupted) where one of them came before.
std::string readInput(const std::string& path);

// Throws Error(Usage) where `path` ends as pictures and pages of another format than `extension` ("svg") do.
void requireEnding(const std::string& path, const std::string& extension);

// Prints {"schema_version": 1, "status": status, ...fields}.
void printJson(const std::string& status, const Json& fields);

}  // namespace offaxis::cli
