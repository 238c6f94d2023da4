// Errors as every layer raises them: what went wrong, where, and what to do about it.
#pragma once

#include <stdexcept>
#include <string>

namespace offaxis {

// The value of each kind is the exit code that the command line maps it to.
enum class ErrorKind {
  Usage = 2,         // unknown name or option, value out of range
  BadFile = 3,       // a file that is unreadable or not what it should be
  CannotWrite = 4,   // target exists, is not writable, or the disk is full
  Unavailable = 5,   // a device or feature that this build or machine lacks
  Failed = 6,        // the computation itself failed (NaN, divergence)
  Interrupted = 130  // stopped on request; what was finished is kept
};

// `what()` is one line that names the thing and the place; `hint()` says what to do (may be empty).
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  ErrorKind kind() const { return kind_; }
  const std::string& hint() const { return hint_; }

 private:
  ErrorKind kind_;
  std::string hint_;
};

// "a, b, c" for messages that list what would have been accepted.
template <typename Range>
std::string joined(const Range& names, const char* separator = ", ") {
  std::string text;
  for (const auto& name : names) {
    if (!text.empty()) text += separator;
    text += name;
  }
  return text;
}

}  // namespace offaxis
