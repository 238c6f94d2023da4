// Strict parsing of numbers and budgets: the whole text must be one value, in range, or it is an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace offaxis {

// `name` is what the value is called in the error: "--seed", "spacing". Throws Error(Usage).
std::uint64_t parseUnsigned(std::string_view text, const std::string& name, std::uint64_t lowest,
                            std::uint64_t highest);
double parseReal(std::string_view text, const std::string& name, double lowest, double highest);
// The same where `limit` itself is out of range.
double parseRealBelow(std::string_view text, const std::string& name, double lowest, double limit);

// The items of "a,b", at least one. Throws Error(Usage) for an empty one: "a,", ",a", "".
std::vector<std::string> splitList(std::string_view text, const std::string& name);

// Whether all of the text is well-formed UTF-8 (Unicode 15, table 3-7).
bool isUtf8(std::string_view text);

// For a terminal: control characters (C0, DEL, C1) and what is not UTF-8 as \xNN, so that a name from a foreign file
// neither moves the cursor nor begins a line of its own.
std::string printable(std::string_view text);

// A JSON library's complaint without the tag that its exceptions begin with: "[json.exception.out_of_range.403] key 'a'
// not found" is "key 'a' not found".
std::string withoutTag(const std::string& message);

// Shortest decimal text that reads back as the same double; "nan", "inf", "-inf" otherwise.
std::string formatReal(double value);

// "1.2 GB", "83 MB"
std::string formatBytes(std::uint64_t bytes);

// A perturbation budget eps in (0, 1], kept as the decimal text that the user gave ("0.175") or a fraction ("2/255"),
// so that manifests can repeat it exactly. Budgets are levels: |delta| <= floor(255 eps) on uint8 pixels.
class Budget {
 public:
  // Throws Error(Usage) where the text is no plain decimal or fraction, outside (0, 1], or below one level.
  static Budget parse(std::string_view text, const std::string& name = "eps");

  const std::string& text() const { return text_; }
  int levels() const { return levels_; }  // 1 .. 255, computed exactly from the text
  double value() const { return value_; }

 private:
  std::string text_;
  int levels_ = 0;
  double value_ = 0;
};

}  // namespace offaxis
