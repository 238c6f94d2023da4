#include "core/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/utf8.h"

namespace offaxis {
namespace {

[[noreturn]] void badBudget(const std::string& name, std::string_view text, const std::string& why) {
  throw Error(ErrorKind::Usage, name + " is '" + std::string(text) + "': " + why,
              "give a number in (0, 1] such as 0.175, or a fraction such as 25/255");
}

bool allDigits(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

std::uint64_t digitsValue(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

// The whole text as one number; NaN, which no range holds, where it is none.
double realOf(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() ? value : std::nan("");
}

}  // namespace

std::vector<std::string> splitList(std::string_view text, const std::string& name) {
  std::vector<std::string> items;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    items.emplace_back(text.substr(begin, end - begin));
    if (items.back().empty()) {
      throw Error(ErrorKind::Usage,
                  text.empty() ? name + " is empty" : name + " '" + std::string(text) + "' has an empty entry",
                  "give a list such as A,B");
    }
    if (end == text.size()) return items;
    begin = end + 1;
  }
}

std::uint64_t parseUnsigned(std::string_view text, const std::string& name, std::uint64_t lowest,
                            std::uint64_t highest) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < lowest || value > highest) {
    throw Error(ErrorKind::Usage, name + " is '" + std::string(text) + "'",
                "give a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest));
  }
  return value;
}

double parseReal(std::string_view text, const std::string& name, double lowest, double highest) {
  const double value = realOf(text);
  if (!(value >= lowest && value <= highest)) {
    throw Error(ErrorKind::Usage, name + " is '" + std::string(text) + "'",
                "give a number from " + formatReal(lowest) + " to " + formatReal(highest));
  }
  return value;
}

double parseRealBelow(std::string_view text, const std::string& name, double lowest, double limit) {
  const double value = realOf(text);
  if (!(value >= lowest && value < limit)) {
    throw Error(ErrorKind::Usage, name + " is '" + std::string(text) + "'",
                "give a number of at least " + formatReal(lowest) + " and below " + formatReal(limit));
  }
  return value;
}

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string withoutTag(const std::string& message) {
  const std::size_t end = message.find("] ");
  return message.compare(0, 6, "[json.") == 0 && end != std::string::npos ? message.substr(end + 2) : message;
}

std::string printable(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  while (!text.empty()) {
    const std::size_t length = utf8SequenceLength(text);
    const auto first = static_cast<unsigned char>(text[0]);
    // C1 controls, U+0080 to U+009F, are the two bytes c2 80 to c2 9f.
    const bool control =
        first < 0x20 || first == 0x7f || (length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0);
    const std::size_t taken = length == 0 ? 1 : length;
    for (const char c : text.substr(0, taken)) {
      if (length > 0 && !control) {
        shown += c;
      } else {
        const auto byte = static_cast<unsigned char>(c);
        shown += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
      }
    }
    text.remove_prefix(taken);
  }
  return shown;
}

std::string formatReal(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

std::string formatBytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000.0 && unit + 1 < kUnits.size(); ++unit) value /= 1000.0;
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed,
                                    unit > 0 && value < 10.0 ? 1 : 0);
  return std::string(buffer.data(), result.ptr) + " " + kUnits[unit];
}

Budget Budget::parse(std::string_view text, const std::string& name) {
  Budget budget;
  budget.text_ = std::string(text);
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    const std::string_view over = text.substr(0, slash);
    const std::string_view under = text.substr(slash + 1);
    if (!allDigits(over) || !allDigits(under) || over.size() > 9 || under.size() > 9)
      badBudget(name, text, "not a number");
    numerator = digitsValue(over);
    denominator = digitsValue(under);
  } else {
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    if ((whole.empty() && fraction.empty()) || (!whole.empty() && !allDigits(whole)) ||
        (point != std::string_view::npos && !allDigits(fraction)) || whole.size() > 3 || fraction.size() > 12) {
      badBudget(name, text, "not a plain decimal number");
    }
    for (std::size_t i = 0; i < fraction.size(); ++i) denominator *= 10;
    numerator = digitsValue(whole) * denominator + digitsValue(fraction);
  }
  if (denominator == 0 || numerator == 0 || numerator > denominator) badBudget(name, text, "outside (0, 1]");
  budget.levels_ = static_cast<int>(255 * numerator / denominator);
  if (budget.levels_ < 1) badBudget(name, text, "smaller than one of 255 levels, so it would change nothing");
  budget.value_ = static_cast<double>(numerator) / static_cast<double>(denominator);
  return budget;
}

}  // namespace offaxis
