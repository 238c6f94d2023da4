#include "tools/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace offaxis::cli {
namespace {

TEST(Terminal, SparklinesRunFromTheLowestToTheHighest) {
  EXPECT_EQ(sparkline({}, 8), "");
  EXPECT_EQ(sparkline({3}, 8), "\u2581");
  EXPECT_EQ(sparkline({0, 1, 0.5}, 8), "\u2581\u2588\u2585");
  EXPECT_EQ(sparkline({100, 0, 1}, 2), "\u2581\u2588") << "the last ones alone, on a scale of their own";
  EXPECT_EQ(sparkline({2, 2, 2}, 8), "\u2581\u2581\u2581");
}

TEST(Terminal, FindsTheNumberOfAStatus) {
  double value = 0;
  EXPECT_TRUE(leadingNumber("rec 41.2, KL 7", value));
  EXPECT_EQ(value, 41.2);
  EXPECT_TRUE(leadingNumber("L_ent -3e2  L_dis 4", value));
  EXPECT_EQ(value, -300);
  for (const char* other : {"", "rec", "3 of 9 runs done", "rec nan", "rec of 4", " rec 4"})
    EXPECT_FALSE(leadingNumber(other, value)) << other;
}

Table table() {
  return {{{"", 8, false, 0}, {"runs", 4, true, 2}, {"MIG", 0, false, 0}, {"units", 0, false, 3}},
          {{"original", "12", "0.371", "3.0"}, {"mod", "3", "0.1", ""}}};
}

TEST(Terminal, TablesAlignTheirColumns) {
  std::vector<std::string> leftOut;
  EXPECT_EQ(formatTable(table(), 0, false, leftOut),
            "          runs  MIG    units\n"
            "original    12  0.371  3.0\n"
            "mod          3  0.1    \n");
  EXPECT_TRUE(leftOut.empty());
  EXPECT_EQ(formatTable(table(), 28, true, leftOut).rfind("\x1b[1m          runs  MIG    units\x1b[0m\n", 0), 0u);
  EXPECT_TRUE(leftOut.empty());
}

TEST(Terminal, NarrowTablesLeaveOutWhatCanBeDoneWithout) {
  std::vector<std::string> leftOut;
  EXPECT_EQ(formatTable(table(), 27, false, leftOut),
            "          runs  MIG\noriginal    12  0.371\nmod          3  0.1\n");
  EXPECT_EQ(leftOut, std::vector<std::string>{"units"});
  leftOut.clear();
  EXPECT_EQ(formatTable(table(), 3, false, leftOut), "          MIG\noriginal  0.371\nmod       0.1\n");
  EXPECT_EQ(leftOut, (std::vector<std::string>{"units", "runs"})) << "what names and scores a row stays";
}

TEST(Terminal, PipesAreNoTerminals) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_EQ(columnsOf(ends[1]), 0u);
  EXPECT_FALSE(takesColours(ends[1]));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace offaxis::cli
