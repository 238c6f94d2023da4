#include "core/text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.h"

namespace offaxis {
namespace {

TEST(Budget, LevelsAreExact) {
  const std::pair<const char*, int> cases[] = {
      {"0.1", 25},    {"0.175", 44}, {"0.2", 51},           {"0.6", 153},   {"1", 255},   {"1.0", 255}, {".5", 127},
      {"25/255", 25}, {"1/255", 1},  {"0.003921568628", 1}, {"0.996", 253}, {"0.4", 102}, {"7/255", 7}, {"0.8", 204}};
  for (const auto& [text, levels] : cases) EXPECT_EQ(Budget::parse(text).levels(), levels) << text;
  EXPECT_EQ(Budget::parse("0.175").text(), "0.175");
  EXPECT_DOUBLE_EQ(Budget::parse("0.175").value(), 0.175);
}

TEST(Budget, RefusesEverythingElse) {
  for (const char* text : {"",
                           "0",
                           "0.0",
                           "1.01",
                           "2",
                           "-0.1",
                           "+0.1",
                           "1e-1",
                           "0.1 ",
                           " 0.1",
                           "0,1",
                           "nan",
                           "inf",
                           ".",
                           "0.",
                           "1/0",
                           "0/5",
                           "256/255",
                           "1/2/3",
                           "0.003",
                           "0x1",
                           "0.0000000000001",
                           "99999999999999999999"}) {
    try {
      Budget::parse(text);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage) << text;
    }
  }
}

TEST(ParseUnsigned, TakesWholeNumbersInRangeOnly) {
  EXPECT_EQ(parseUnsigned("0", "x", 0, 9), 0u);
  EXPECT_EQ(parseUnsigned("18446744073709551615", "x", 0, UINT64_MAX), UINT64_MAX);
  for (const char* text : {"", "-1", "+1", "1.0", "1e3", "18446744073709551616", "0x10", " 1", "1 ", "ten"}) {
    EXPECT_THROW(parseUnsigned(text, "x", 0, UINT64_MAX), Error) << text;
  }
  EXPECT_THROW(parseUnsigned("10", "x", 0, 9), Error);
  EXPECT_THROW(parseUnsigned("1", "x", 2, 9), Error);
}

TEST(ParseReal, RefusesNonNumbers) {
  EXPECT_EQ(parseReal("1e-4", "x", 0, 1), 1e-4);
  for (const char* text : {"", "nan", "inf", "-inf", "1,5", "2", "1x"})
    EXPECT_THROW(parseReal(text, "x", 0, 1), Error) << text;
}

TEST(ParseReal, BelowALimitRefusesTheLimit) {
  EXPECT_EQ(parseRealBelow("999999.5", "x", 0, 1e6), 999999.5);
  EXPECT_EQ(parseRealBelow("0", "x", 0, 1e6), 0);
  for (const char* text : {"1e6", "-1", "", "nan", "inf", "1x"})
    EXPECT_THROW(parseRealBelow(text, "x", 0, 1e6), Error) << text;
}

TEST(SplitList, TakesItemsThatAreNotEmpty) {
  EXPECT_EQ(splitList("a", "x"), std::vector<std::string>{"a"});
  EXPECT_EQ(splitList("a,b c,d", "x"), (std::vector<std::string>{"a", "b c", "d"}));
  for (const char* text : {"", ",", "a,", ",a", "a,,b"}) EXPECT_THROW(splitList(text, "x"), Error) << text;
}

TEST(Utf8, IsWellFormedOrNot) {
  for (const char* text : {"", "a=b.h5", "\x7f", "\u00e9", "\u20ac\uffff", "\U00010000\U0010ffff"})
    EXPECT_TRUE(isUtf8(text)) << text;
  // A lone continuation, a cut sequence, overlong ones, a surrogate, beyond the last character.
  for (const char* text : {"\xff", "\x80", "a\xc3", "\xe2\x82", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80",
                           "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf0\x9f\x98", "b\xff.h5"})
    EXPECT_FALSE(isUtf8(text)) << text;
}

TEST(Printable, LeavesNothingThatATerminalActsOn) {
  EXPECT_EQ(printable("spacing=1, \u00e9\u20ac\U0001f600 \\x1b"), "spacing=1, \u00e9\u20ac\U0001f600 \\x1b");
  EXPECT_EQ(printable("\x1b[2J\r\n\t\x7f"), "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(printable("\u009b3m\u00a0"), "\\xc2\\x9b3m\u00a0");  // CSI as one character of C1
  EXPECT_EQ(printable("a\xff\xe2\x82"), "a\\xff\\xe2\\x82");
  EXPECT_EQ(printable(std::string("\0x", 2)), "\\x00x");
  EXPECT_EQ(printable(""), "");
}

TEST(WithoutTag, LeavesTheComplaint) {
  EXPECT_EQ(withoutTag("[json.exception.out_of_range.403] key 'a' not found"), "key 'a' not found");
  EXPECT_EQ(withoutTag("[json.exception"), "[json.exception");
  EXPECT_EQ(withoutTag("a [json.x] b"), "a [json.x] b");
}

TEST(Format, ReadsWell) {
  EXPECT_EQ(formatReal(0.1), "0.1");
  EXPECT_EQ(formatReal(2.0), "2");
  EXPECT_EQ(formatBytes(999), "999 B");
  EXPECT_EQ(formatBytes(1234), "1.2 kB");
  EXPECT_EQ(formatBytes(3221225472), "3.2 GB");
  EXPECT_EQ(formatBytes(83000000), "83 MB");
}

}  // namespace
}  // namespace offaxis
