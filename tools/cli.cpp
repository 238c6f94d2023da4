#include "tools/cli.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <set>
#include <sstream>

#include <boost/program_options.hpp>

#include "core/error.h"
#include "core/version.h"
#include "tools/terminal.h"
#include "tools/verbs.h"
#include "variants/expression.h"

namespace po = boost::program_options;

namespace offaxis::cli {
namespace {

constexpr int kSchemaVersion = 1;

CancelToken& cancelToken() {
  static CancelToken token;
  return token;
}

extern "C" void onSignal(int number) {
  // A second Ctrl-C does not wait for an answer. The others ask, however often they come: batch systems send SIGTERM
  // more than once (Slurm twice to each process of a step), give time to save one's work, and have SIGKILL for what
  // does not end.
  if (number == SIGINT && cancelToken().requested()) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
  cancelToken().request();
}

bool ignored(int number) {
  struct sigaction now {};
  return ::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// SIGHUP, a closed terminal, is like SIGTERM; but nohup(1) has it ignored, for what is to outlive the terminal.
void handleStops(void (*handler)(int)) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    if (number != SIGHUP || !ignored(number)) std::signal(number, handler);
  }
}

extern "C" void stopNow(int /*number*/) {
  ::_exit(static_cast<int>(ErrorKind::Interrupted));  // nothing was begun, so nothing is to be tidied
}

class StopsAtOnce {
 public:
  StopsAtOnce() { handleStops(stopNow); }
  ~StopsAtOnce() { handleStops(onSignal); }
  StopsAtOnce(const StopsAtOnce&) = delete;
  StopsAtOnce& operator=(const StopsAtOnce&) = delete;
};

std::vector<Option> commonOptions() {
  return {{"threads,t", "N", std::to_string(hardwareThreads()), "threads to use; never changes a result"},
          {"json", "", "", "print one JSON object on stdout instead of text"},
          {"quiet,q", "", "", "no progress, no notes"},
          {"verbose,v", "", "", "say what is being done, also where stderr is not a terminal"},
          {"config", "FILE", "", "read options from FILE (key = value lines); the command line wins"},
          {"dump-config", "", "", "print the options, as given and as they are otherwise, as such a file and stop"},
          {"help,h", "", "", "show this text"},
          {"version", "", "", "show the version"}};
}

// Of the verbs that write their arguments into JSON, which is UTF-8, the options that they do not write: any file name
// will do for these, as for all other verbs.
const std::set<std::string>* unrecordedBy(const std::string& verb) {
  static const std::map<std::string, std::set<std::string>> kUnrecorded{
      {"evaluate", {"config"}}, {"publish", {"config", "output", "psi", "manifests", "sign"}}};
  const auto found = kUnrecorded.find(verb);
  return found == kUnrecorded.end() ? nullptr : &found->second;
}

// Of arguments whose files are recorded by their names alone, "a/b.json,c/d.json" for instance, what is recorded.
std::string recordedOf(const std::string& verb, const std::string& argument, const std::string& text) {
  if (verb != "publish" || (argument != "FILE" && argument != "evidence")) return text;
  std::istringstream parts(text);
  std::string names;
  for (std::string part; std::getline(parts, part, ',');) names += std::filesystem::path(part).filename().string();
  return names;
}

// Whether verbs read `file` in a directory that they are given: the results of training, manipulation, evaluation,
// traversal and publication. What else lies there (reports, pictures, codes) they made, and may be made again.
bool isReadInDirectories(const std::filesystem::path& file) {
  static const std::set<std::string> kNames{"run.json",
                                            "log.json",
                                            "results.json",
                                            "mig_over_steps.json",
                                            "traversal.json",
                                            "latents-tiles.png",
                                            "reconstructions-tiles.png",
                                            "manifest.json",
                                            "index.csv",
                                            "SHA256SUMS"};
  if (kNames.count(file.filename().string()) != 0 || file.extension() == ".h5") return true;
  // An evaluation's rows are runs/VARIANT_MODEL_SEED.json.
  return file.extension() == ".json" && std::find(file.begin(), file.end(), "runs") != file.end();
}

// The path of `file` from `directory` on, its name included: "ev/runs/a.json"; empty where it does not lie in it.
std::filesystem::path pathFrom(const std::filesystem::path& directory, const std::filesystem::path& file) {
  std::error_code none;
  std::filesystem::path inside = file.filename();
  for (std::filesystem::path at = file.parent_path();; at = at.parent_path()) {
    inside = at.filename() / inside;
    if (std::filesystem::equivalent(at, directory, none)) return inside;
    if (at == at.parent_path()) return {};
  }
}

// Whether a verb that is given `directory` would read `target`, an existing file.
bool isReadIn(const std::string& directory, const std::string& target) {
  std::error_code none;
  if (!std::filesystem::is_directory(directory, none)) return false;
  // By its name and by where links lead: a directory may link to its runs, and a name to a file in it.
  for (const std::filesystem::path& file :
       {std::filesystem::absolute(target, none), std::filesystem::canonical(target, none)}) {
    if (isReadInDirectories(pathFrom(directory, file))) return true;
  }
  return false;
}

std::string longName(const Option& option) {
  return option.name.substr(0, option.name.find(','));
}

bool declares(const Verb& verb, const std::string& name) {
  for (const Option& option : verb.options) {
    if (longName(option) == name) return true;
  }
  return false;
}

// The common options that the verb does not use for itself (publish's --version is the dataset's).
std::vector<Option> commonOptionsOf(const Verb& verb) {
  std::vector<Option> options;
  for (const Option& option : commonOptions()) {
    if (!declares(verb, longName(option))) options.push_back(option);
  }
  return options;
}

std::string helpText(const Verb& verb) {
  std::ostringstream text;
  const VerbEntry* const entry = findVerb(verb.name);
  text << "offaxis " << verb.name << ": " << (entry != nullptr ? entry->summary : std::string_view())
       << "\n\nusage: offaxis " << verb.name;
  for (const Positional& positional : verb.positionals) {
    const std::string name = positional.name + (positional.many ? "..." : "");
    text << ' ' << (positional.required ? name : "[" + name + "]");
  }
  text << " [options]\n";
  if (!verb.details.empty()) text << '\n' << verb.details << '\n';
  constexpr std::size_t kColumn = 28, kWidth = 120;
  auto line = [&](const std::string& left, const std::string& right) {
    text << "  " << left;
    std::size_t at = left.size() + 2;
    std::istringstream words(right);
    bool first = true;
    for (std::string word; words >> word; first = false) {
      if (first ? at >= kColumn : at + 1 + word.size() > kWidth) {
        text << '\n';
        at = 0;
      }
      const std::size_t blanks = at < kColumn ? kColumn - at : 1;
      text << std::string(blanks, ' ') << word;
      at += blanks + word.size();
    }
    text << '\n';
  };
  if (!verb.positionals.empty()) text << '\n';
  for (const Positional& positional : verb.positionals) line(positional.name, positional.help);
  auto list = [&](const char* title, const std::vector<Option>& options) {
    if (options.empty()) return;
    text << '\n' << title << ":\n";
    for (const Option& option : options) {
      const std::size_t comma = option.name.find(',');
      std::string left = comma == std::string::npos
                             ? "    --" + option.name
                             : "-" + option.name.substr(comma + 1) + ", --" + option.name.substr(0, comma);
      if (!option.value.empty()) left += ' ' + option.value;
      line(left, option.help + (option.fallback.empty() ? "" : " (default: " + option.fallback + ")"));
    }
  };
  list("options", verb.options);
  list("common options", commonOptionsOf(verb));
  if (!verb.examples.empty()) text << "\nexamples:\n";
  for (const std::string& example : verb.examples) text << "  offaxis " << verb.name << ' ' << example << '\n';
  return text.str();
}

const char* kindName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Usage:
      return "usage";
    case ErrorKind::BadFile:
      return "bad_file";
    case ErrorKind::CannotWrite:
      return "cannot_write";
    case ErrorKind::Unavailable:
      return "unavailable";
    case ErrorKind::Failed:
      return "failed";
    case ErrorKind::Interrupted:
      return "interrupted";
  }
  return "failed";
}

// Where standard output did not take all of it (a full disk), the command did not succeed.
int finished(int code) {
  std::cout.flush();
  if (!std::cout) throw Error(ErrorKind::CannotWrite, "cannot write to standard output");
  return code;
}

// A line of a configuration file. Throws Error(Usage) for what such a line cannot hold; `shown` is what the value's
// option is called.
std::string configurationLine(const std::string& name, const std::string& value, const std::string& shown) {
  const std::string hint = "give it on the command line, beside --config";
  if (value.find('\n') != std::string::npos)
    throw Error(ErrorKind::Usage, shown + " holds a line break, which a configuration file cannot", hint);
  constexpr const char* kTrimmed = " \t\r";
  if (!value.empty() && (value.find_first_of(kTrimmed) == 0 || value.find_last_of(kTrimmed) == value.size() - 1))
    throw Error(ErrorKind::Usage, shown + " begins or ends with a blank, which a configuration file cannot keep", hint);
  return name + " = " + value + '\n';
}

int report(const Verb& verb, const Error& error, bool json) {
  std::cerr << "offaxis " << verb.name << ": " << printable(error.what()) << '\n';
  if (!error.hint().empty()) std::cerr << "  " << printable(error.hint()) << '\n';
  if (json) {
    printJson("error",
              {{"error", {{"kind", kindName(error.kind())}, {"message", error.what()}, {"hint", error.hint()}}}});
  }
  return static_cast<int>(error.kind());
}

}  // namespace

// Turns argv and the configuration file into Arguments.
class Parser {
 public:
  explicit Parser(const Verb& verb) : verb_(verb) {
    options_ = verb.options;
    for (const Option& option : commonOptionsOf(verb)) options_.push_back(option);
    for (const Option& option : options_) {
      if (option.value.empty()) {
        described_.add_options()(option.name.c_str(), po::bool_switch(), "");
      } else {
        described_.add_options()(option.name.c_str(), po::value<std::string>(), "");
      }
      if (longName(option) != "config" && longName(option) != "dump-config") configurable_.push_back(option);
    }
    for (const Positional& positional : verb.positionals) {
      described_.add_options()(positional.name.c_str(), po::value<std::vector<std::string>>(), "");
      order_.add(positional.name.c_str(), positional.many ? -1 : 1);
    }
  }

  Arguments parse(int argc, char** argv) {
    Arguments result;
    for (const Option& option : options_) result.fallbacks_[longName(option)] = option.fallback;
    try {
      // Without allow_guessing: `--se 3` must not mean --seed.
      const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
      po::variables_map map;
      po::store(po::command_line_parser(argc, argv).options(described_).positional(order_).style(style).run(), map);
      take(map, result);
    } catch (const po::too_many_positional_options_error&) {
      throw Error(ErrorKind::Usage, "too many arguments", usage());
    } catch (const po::error& e) {
      throw Error(ErrorKind::Usage, e.what(), usage());
    }
    requireValues(result);  // the file's own name among them
    if (result.given("config")) {
      readConfig(result.text("config"), result);
      requireValues(result);
    }
    return result;
  }

  void requirePositionals(const Arguments& arguments) const {
    for (const Positional& positional : verb_.positionals) {
      if (positional.required && arguments.positionals_.count(positional.name) == 0) {
        throw Error(ErrorKind::Usage, positional.name + " is missing", usage());
      }
    }
  }

  // Throws Error(Usage) where a value would not be read back as it is.
  std::string dump(const Arguments& arguments) const {
    std::ostringstream text;
    text << "# offaxis " << verb_.name << '\n';
    for (const Positional& positional : verb_.positionals) {
      const auto found = arguments.positionals_.find(positional.name);
      if (found == arguments.positionals_.end()) continue;
      for (const std::string& value : found->second) text << configurationLine(positional.name, value, positional.name);
    }
    for (const Option& option : configurable_) {
      const std::string name = longName(option);
      if (name == "help" || (name == "version" && option.value.empty())) continue;
      if (option.value.empty()) {
        text << name << " = " << (arguments.given(name) ? "true" : "false") << '\n';
      } else if (arguments.given(name) || !arguments.text(name).empty()) {
        text << configurationLine(name, arguments.text(name), "--" + name);
      }
    }
    return text.str();
  }

 private:
  std::string usage() const { return "see `offaxis " + verb_.name + " --help`"; }

  // An empty value, of a shell variable that is not set say, must not pass for an option that was left out.
  void requireValues(const Arguments& arguments) const {
    for (const Option& option : options_) {
      const std::string name = longName(option);
      if (!option.value.empty() && arguments.given(name) && arguments.text(name).empty())
        throw Error(ErrorKind::Usage, "--" + name + " is empty", "give it a value, or leave it out");
    }
  }

  void take(const po::variables_map& map, Arguments& result) const {
    for (const Option& option : options_) {
      const std::string name = longName(option);
      if (map.count(name) == 0 || result.given(name)) continue;
      if (option.value.empty()) {
        if (map[name].as<bool>()) result.values_[name] = "true";
      } else {
        result.values_[name] = map[name].as<std::string>();
      }
    }
    for (const Positional& positional : verb_.positionals) {
      if (map.count(positional.name) != 0)
        result.positionals_[positional.name] = map[positional.name].as<std::vector<std::string>>();
    }
  }

  // key = value lines, '#' comments; values are taken to the end of the line, so source expressions need no quotes.
  void readConfig(const std::string& path, Arguments& result) const {
    std::istringstream lines(readTextStream(path, 1 << 20));
    std::map<std::string, std::vector<std::string>> positionals;
    std::map<std::string, int> seen;
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      const std::string where = path + " line " + std::to_string(number);
      auto trim = [](const std::string& raw) {
        const std::size_t begin = raw.find_first_not_of(" \t\r");
        return begin == std::string::npos ? std::string()
                                          : raw.substr(begin, raw.find_last_not_of(" \t\r") - begin + 1);
      };
      const std::string text = trim(line);
      if (text.empty() || text[0] == '#') continue;
      const std::size_t equals = text.find('=');
      if (equals == std::string::npos) throw Error(ErrorKind::Usage, where + " is not key = value");
      const std::string key = trim(text.substr(0, equals));
      const std::string value = trim(text.substr(equals + 1));
      bool known = false;
      for (const Positional& positional : verb_.positionals) {
        if (positional.name != key) continue;
        known = true;
        positionals[key].push_back(value);
        if (!positional.many && positionals[key].size() > 1)
          throw Error(ErrorKind::Usage, where + ": " + key + " is given twice");
      }
      for (const Option& option : configurable_) {
        if (longName(option) != key) continue;
        known = true;
        if (seen[key]++ > 0) throw Error(ErrorKind::Usage, where + ": " + key + " is given twice");
        if (option.value.empty() && value != "true" && value != "false") {
          throw Error(ErrorKind::Usage, where + ": " + key + " is '" + value + "'", "write true or false");
        }
        const bool off = option.value.empty() && value == "false";
        if (!result.given(key) && !off) result.values_[key] = value;
      }
      if (!known) throw Error(ErrorKind::Usage, where + ": unknown option '" + key + "'", usage());
    }
    for (auto& [name, values] : positionals) result.positionals_.try_emplace(name, values);
  }

  const Verb& verb_;
  std::vector<Option> options_;
  std::vector<Option> configurable_;
  po::options_description described_;
  po::positional_options_description order_;
};

bool Arguments::flag(const std::string& name) const {
  return given(name);
}

const std::string& Arguments::text(const std::string& name) const {
  static const std::string kNone;
  if (const auto found = values_.find(name); found != values_.end()) return found->second;
  const auto fallback = fallbacks_.find(name);
  return fallback == fallbacks_.end() ? kNone : fallback->second;
}

const std::string& Arguments::required(const std::string& name) const {
  if (text(name).empty()) throw Error(ErrorKind::Usage, "--" + name + " is missing", "`--help` describes it");
  return text(name);
}

std::uint64_t Arguments::integer(const std::string& name, std::uint64_t lowest, std::uint64_t highest) const {
  return parseUnsigned(required(name), "--" + name, lowest, highest);
}

double Arguments::real(const std::string& name, double lowest, double highest) const {
  return parseReal(required(name), "--" + name, lowest, highest);
}

double Arguments::realBelow(const std::string& name, double lowest, double limit) const {
  return parseRealBelow(required(name), "--" + name, lowest, limit);
}

const std::string& Arguments::positional(const std::string& name) const {
  static const std::string kNone;
  const std::vector<std::string>& all = positionals(name);
  return all.empty() ? kNone : all.front();
}

const std::vector<std::string>& Arguments::positionals(const std::string& name) const {
  static const std::vector<std::string> kNone;
  const auto found = positionals_.find(name);
  return found == positionals_.end() ? kNone : found->second;
}

void Arguments::refuseToReplaceInputs() const {
  constexpr std::array<const char*, 3> kOutputs{"output", "png", "worst"};
  constexpr std::array<const char*, 2> kDirectories{"checkpoint", "compare"};
  std::vector<std::string> inputs, directories;
  for (const auto& [name, texts] : positionals_) {
    for (const std::string& text : texts) {
      inputs.push_back(text);
      // A dataset's name may be a directory's as well; only where a directory is asked for is it that.
      const bool source = name == "SOURCE" || name == "DATASET" || name == "FILE";
      if (!source || !findDatasetFamily(text)) directories.push_back(text);
    }
  }
  for (const auto& [name, text] : values_) {
    if (std::find(kOutputs.begin(), kOutputs.end(), name) == kOutputs.end()) inputs.push_back(text);
    if (std::find(kDirectories.begin(), kDirectories.end(), name) != kDirectories.end()) directories.push_back(text);
  }
  for (const char* output : kOutputs) {
    const std::string& target = text(output);
    std::error_code none;
    if (target.empty() || !std::filesystem::is_regular_file(target, none)) continue;
    const auto refuse = [&] {
      throw Error(ErrorKind::CannotWrite, "'" + target + "' is what is read: --" + output + " would replace it",
                  "write to another name");
    };
    for (const std::string& directory : directories) {
      if (isReadIn(directory, target)) refuse();
    }
    for (const std::string& input : inputs) {
      // A file, an expression, or NAME=EXPRESSION.
      std::vector<std::string> files = filesReadBy(input.substr(input.find('=') + 1));
      for (const std::string& file : filesReadBy(input)) files.push_back(file);
      files.push_back(input);
      for (const std::string& file : files) {
        if (std::filesystem::equivalent(file, target, none)) refuse();
      }
    }
  }
}

void Arguments::refuseOtherThanUtf8(const Verb& verb) const {
  const std::set<std::string>* unrecorded = unrecordedBy(verb.name);
  if (unrecorded == nullptr) return;
  const auto check = [&](const std::string& name, const std::string& text, const std::string& shown) {
    if (!isUtf8(recordedOf(verb.name, name, text)))
      throw Error(ErrorKind::Usage, shown + " is not UTF-8, and would be written into JSON", "write it in UTF-8");
  };
  for (const auto& [name, text] : values_) {
    if (unrecorded->count(name) == 0) check(name, text, "--" + name);
  }
  for (const auto& [name, texts] : positionals_) {
    for (std::size_t i = 0; i < texts.size(); ++i)
      check(name, texts[i], name + (texts.size() > 1 ? " number " + std::to_string(i + 1) : ""));
  }
}

namespace {

// What --help, --version or --dump-config print; nothing where the verb's own work is asked for.
std::optional<std::string> answerOf(const Parser& parser, const Verb& verb, const Arguments& arguments) {
  if (arguments.flag("help")) return helpText(verb);
  if (arguments.flag("version") && !declares(verb, "version")) return std::string("offaxis ") + version() + '\n';
  parser.requirePositionals(arguments);
  if (arguments.flag("dump-config")) return parser.dump(arguments);
  return std::nullopt;
}

}  // namespace

int run(int argc, char** argv, const Verb& verb, const std::function<int(const Arguments&)>& body) {
  bool json = false;
  for (int i = 1; i < argc; ++i) json = json || std::string(argv[i]) == "--json";
  handleStops(stopNow);
  try {
    Parser parser(verb);
    Arguments arguments = parser.parse(argc, argv);
    if (const std::optional<std::string> answer = answerOf(parser, verb, arguments)) {
      std::cout << *answer;
      return finished(0);
    }
    arguments.json = json = arguments.flag("json");
    arguments.quiet = arguments.flag("quiet");
    arguments.verbose = arguments.flag("verbose");
    arguments.overwrite = arguments.flag("force") ? Overwrite::Replace : Overwrite::Refuse;
    arguments.refuseOtherThanUtf8(verb);
    if (arguments.overwrite == Overwrite::Replace) arguments.refuseToReplaceInputs();
    TerminalProgress progress(arguments.quiet, arguments.verbose);
    handleStops(onSignal);
    std::signal(SIGPIPE, SIG_IGN);
    arguments.context.threads = static_cast<int>(arguments.integer("threads", 1, 1024));
    arguments.context.cancel = &cancelToken();
    arguments.context.progress = &progress;
    return finished(body(arguments));
  } catch (const Error& error) {
    return report(verb, error, json);
  } catch (const std::filesystem::filesystem_error& error) {
    const std::string path = error.path1().string();
    return report(verb, Error(ErrorKind::BadFile, "cannot look at '" + path + "': " + error.code().message()), json);
  } catch (const std::bad_alloc&) {
    return report(verb, Error(ErrorKind::Failed, "out of memory", "use fewer --threads or a smaller batch"), json);
  } catch (const std::exception& error) {
    return report(verb, Error(ErrorKind::Failed, error.what()), json);
  }
}

std::string readInput(const std::string& path) {
  const StopsAtOnce untilRead;
  cancelToken().throwIfRequested();
  return readTextStream(path);
}

void requireEnding(const std::string& path, const std::string& extension) {
  static const std::set<std::string> kFormats{"svg", "png", "jpg", "jpeg", "gif", "pdf", "eps", "webp", "html", "htm"};
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending.empty() || ending == "." + extension || kFormats.count(ending.substr(1)) == 0) return;
  const std::string better = std::filesystem::path(path).replace_extension(extension).string();
  throw Error(ErrorKind::Usage, "'" + path + "' would hold " + extension + ", which its name denies",
              "name it " + better);
}

void printJson(const std::string& status, const Json& fields) {
  Json object{{"schema_version", kSchemaVersion}, {"status", status}};
  object.update(fields);
  // Paths need not be UTF-8; JSON must be.
  std::cout << object.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace offaxis::cli
