#include "datasets/source.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "datasets/content.h"
#include "datasets/registry.h"
#include "storage/hash.h"
#include "support/expect_error.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::allImages;
using testing::expectError;
using testing::ToySource;

TEST(Reduced, AveragesAndRoundsHalfUp) {
  const auto base = std::make_shared<ToySource>(ImageShape{4, 4, 3});
  const SourcePtr half = reduced(base, 2);
  EXPECT_EQ(half->info().shape, (ImageShape{2, 2, 3}));
  EXPECT_EQ(half->info().reduction, 2u);
  std::vector<std::uint8_t> full(48), small(12);
  base->read(7, full.data());
  half->read(7, small.data());
  for (std::size_t y = 0; y < 2; ++y) {
    for (std::size_t x = 0; x < 2; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        int sum = 0;
        for (std::size_t dy = 0; dy < 2; ++dy) {
          for (std::size_t dx = 0; dx < 2; ++dx) sum += full[((2 * y + dy) * 4 + 2 * x + dx) * 3 + c];
        }
        EXPECT_EQ(small[(y * 2 + x) * 3 + c], (sum + 2) / 4);
      }
    }
  }
  EXPECT_EQ(reduced(base, 4), base);
  for (const std::uint32_t size : {0u, 3u, 5u}) expectError(ErrorKind::Usage, "size", [&] { reduced(base, size); });
}

TEST(Subset, KeepsTheGridPositions) {
  const auto base = std::make_shared<ToySource>();
  const SourcePtr some = subset(base, {5, 3, 23});
  EXPECT_EQ(some->size(), 3u);
  EXPECT_EQ(some->gridIndex(1), 3u);
  const std::vector<std::uint8_t> all = allImages(*base), got = allImages(*some);
  EXPECT_TRUE(std::equal(got.begin(), got.begin() + 48, all.begin() + 5 * 48));
  EXPECT_TRUE(std::equal(got.end() - 48, got.end(), all.begin() + 23 * 48));
  expectError(ErrorKind::Usage, "24", [&] { subset(base, {24}); });
}

TEST(Fingerprint, TellsPixelsAndLabelsApart) {
  const std::string own = fingerprint(ToySource());
  EXPECT_EQ(own, fingerprint(ToySource()));
  EXPECT_NE(own, fingerprint(ToySource({4, 4, 3}, {4, 3, 2})));
  EXPECT_NE(own, fingerprint(ToySource({4, 2, 3})));
}

// What 64 sampled rows cannot tell: which psi made the images, and which rows they are.
TEST(SourceDefinition, NamesTheVariantAndTheRows) {
  const auto base = std::make_shared<ToySource>();
  EXPECT_EQ(sourceDefinition(*base), "original");
  std::vector<std::uint64_t> all(24);
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  EXPECT_EQ(sourceDefinition(*subset(base, all)), "original") << "all rows in order are the source itself";
  ToySource perturbed;
  perturbed.info_.variant = "permuted";
  perturbed.info_.settings = {{"seed", "3"}, {"psi_sha256", "12ab"}};
  EXPECT_EQ(sourceDefinition(perturbed), "permuted psi_sha256=12ab seed=3");
  const std::array<std::uint8_t, 16> rows{5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(sourceDefinition(*subset(base, {5, 3})),
            "original rows_sha256=" + toHex(sha256Of(rows.data(), rows.size())));
  EXPECT_NE(sourceDefinition(*subset(base, {3, 5})), sourceDefinition(*subset(base, {5, 3})));
}

TEST(ContentRoot, DependsOnPixelsLabelsAndNothingElse) {
  Context one, many;
  many.threads = 5;
  const ToySource source;
  EXPECT_EQ(contentRoot(source, one), contentRoot(source, many));
  ToySource renamed;
  renamed.info_.dataset = "another";
  EXPECT_EQ(contentRoot(renamed, one), contentRoot(source, one));
  std::vector<Factor> factors = source.info().grid.factors();
  factors[0].values[1] += 1;
  ToySource relabelled;
  relabelled.info_.grid = FactorGrid(factors);
  EXPECT_NE(contentRoot(relabelled, one), contentRoot(source, one));
}

TEST(Expression, NamesTheSource) {
  SourceInfo info = ToySource().info();
  EXPECT_EQ(info.expression(), "toy");
  info.reduction = 2;
  info.variant = "noise";
  info.settings = {{"seed", "7"}, {"eps", "0.1"}};
  EXPECT_EQ(info.expression(), "toy:size=4+noise:eps=0.1,seed=7");
  info.dataset = "toy:a=1";
  EXPECT_EQ(info.expression(), "toy:a=1,size=4+noise:eps=0.1,seed=7");
}

TEST(Settings, ComeBackAsTheyWereWritten) {
  const std::vector<std::string> values{"a", "a,b", "\\", "a\\", "\\,", ",\\", "\\\\,,\\", "x=y", "dir\\n/psi,2.h5"};
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "k=" : ",k=") + escapedSetting(value);
  const std::vector<Setting> settings = splitSettings(text);
  ASSERT_EQ(settings.size(), values.size()) << text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(settings[i].key, "k");
    EXPECT_EQ(settings[i].value, values[i]);
    EXPECT_EQ(text.substr(settings[i].valueBegin, settings[i].end - settings[i].valueBegin), escapedSetting(values[i]));
  }
}

TEST(KeyValues, AreStrict) {
  KeyValues good("toy", "a=1,b=x");
  EXPECT_EQ(good.integer("a", 0, 0, 9), 1u);
  EXPECT_EQ(good.text("b", ""), "x");
  EXPECT_EQ(good.integer("c", 5, 0, 9), 5u);
  good.done();
  for (const char* text : {"a", "a=", "=1", "a=1,", ",a=1", "a=1,a=2", "a=1,,b=2"}) {
    if (std::string(text) == "a=1,") continue;  // a trailing comma is harmless
    expectError(ErrorKind::Usage, "toy", [&] { KeyValues("toy", text); });
  }
  KeyValues commas("toy", "a=1\\,b=2,c=\\x");
  EXPECT_EQ(commas.text("a", ""), "1,b=2");
  EXPECT_EQ(commas.text("c", ""), "\\x");
  commas.done();
  KeyValues backslashes("toy", "a=x\\\\,b=\\\\\\,");  // a=x\\,b=\\\,
  EXPECT_EQ(backslashes.text("a", ""), "x\\");
  EXPECT_EQ(backslashes.text("b", ""), "\\,");
  backslashes.done();
  KeyValues unknown("toy", "z=1");
  unknown.text("a", "");
  expectError(ErrorKind::Usage, "no setting 'z'", [&] { unknown.done(); });
}

}  // namespace
}  // namespace offaxis
