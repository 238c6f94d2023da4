// `offaxis import`, and imported files in the hands of the other verbs.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "datasets/import.h"
#include "support/original_files.h"
#include "tools/command.h"

namespace offaxis {
namespace {

using nlohmann::json;
using testing::BadCall;
using testing::contentsOf;
using testing::originalRows;
using testing::OriginalRows;
using testing::Outcome;
using testing::shell;
using testing::TempDirectory;

// A dSprites file of full size and of black images: 3 GB of zeros in a few megabytes, or in none.
void writeBlankDSprites(const std::string& path, bool written = true) {
  OriginalRows rows = originalRows("dsprites", 1);
  rows.shape = {64, 64, 1};
  testing::H5Layout layout;
  layout.chunk = {23040, 2, 4};
  layout.write = false;
  layout.zeros = written;
  writeH5Original(path, rows, layout);
}

// An imported Shapes3D of 96 small images, with coincidences; the tools take imported files of any size.
void writeImportedShapes3D(const std::string& directory) {
  const OriginalRows rows = originalRows("shapes3d", 8, {2, 2, 2, 2, 2, 3});
  writeH5Original(directory + "/original.h5", rows, {{70, 4, 4, 1}});
  ImportSettings settings;
  settings.original.side = 8;
  settings.original.factors = rows.grid.factors();
  importOriginal(directory + "/original.h5", directory + "/imported.h5", settings, {});
}

TEST(ImportTool, ImportsAFullSizeFileAndLeavesNothingWhenInterrupted) {
  const TempDirectory d;
  writeBlankDSprites(d / "original.h5");
  const Outcome interrupted =
      shell("cd " + d.path() + "; offaxis import original.h5 -o out.h5 & pid=$!; sleep 1; kill -INT $pid; wait $pid");
  EXPECT_EQ(interrupted.code, 130) << interrupted.err;
  EXPECT_NE(interrupted.err.find("interrupted"), std::string::npos) << interrupted.err;
  shell("cd " + d.path() + "; offaxis import original.h5 -o out.h5 & pid=$!; sleep 1; kill -KILL $pid; wait $pid");
  EXPECT_FALSE(std::filesystem::exists(d / "out.h5"));

  const Outcome imported = shell("cd " + d.path() + "; offaxis import original.h5 --as dsprites -o out.h5 --json");
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(d.path()), {}), 2) << "something was left behind";
  const json said = json::parse(imported.out);
  EXPECT_EQ(said.at("status"), "ok");
  EXPECT_EQ(said.at("family"), "dsprites");
  EXPECT_EQ(said.at("format"), "hdf5");
  EXPECT_EQ(said.at("published"), false);
  EXPECT_EQ(said.at("name"), "dsprites-import");
  EXPECT_EQ(said.at("images"), 737280);
  EXPECT_EQ(said.at("rows_moved"), 0);
  EXPECT_EQ(said.at("coincidences"), 737279);
  EXPECT_GT(said.at("images_per_second").get<double>(), 0);
  EXPECT_EQ(said.at("original_sha256").get<std::string>(), shell("sha256sum " + (d / "original.h5")).out.substr(0, 64));
  const json inspected = json::parse(shell("offaxis inspect --json " + (d / "out.h5")).out);
  EXPECT_EQ(inspected.at("content_root"), said.at("content_root"));
  EXPECT_EQ(inspected.at("name"), "dsprites-import");
  EXPECT_EQ(inspected.at("factors")[3].at("size"), 40);
}

TEST(ImportTool, ImagesThatWereNeverWrittenAreNotImported) {
  const TempDirectory d;
  writeBlankDSprites(d / "original.h5", false);
  const Outcome refused = shell("cd " + d.path() + "; offaxis import original.h5 -o out.h5");
  EXPECT_EQ(refused.code, 3) << refused.err;
  EXPECT_NE(refused.err.find("16384 of 16384 chunks"), std::string::npos) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(d / "out.h5"));
}

TEST(ImportTool, ImportedFilesServeEveryVerb) {
  const TempDirectory d;
  writeImportedShapes3D(d.path());
  const std::string in = "cd " + d.path() + "; ";
  const Outcome inspect = shell(in + "offaxis inspect imported.h5 --hash");
  EXPECT_EQ(inspect.code, 0) << inspect.err;
  EXPECT_NE(inspect.out.find("shapes3d-import"), std::string::npos) << inspect.out;
  ASSERT_EQ(shell(in + "offaxis emit imported.h5 --variant noise --eps 0.1 --seed 3 -o noise.h5").code, 0);
  ASSERT_EQ(shell(in + "offaxis emit imported.h5:size=4+noise:eps=0.1 -o small.h5").code, 0);

  const Outcome verified = shell(in + "offaxis verify noise.h5 --original imported.h5");
  EXPECT_EQ(verified.code, 0) << verified.err << verified.out;
  EXPECT_NE(verified.out.find("19 images equal to an earlier one"), std::string::npos) << verified.out;
  EXPECT_EQ(shell(in + "offaxis verify small.h5 --original imported.h5").code, 0);
  const Outcome published = shell(
      in + "offaxis publish --allow-dirty imported.h5 noise.h5 --name s --version 1.0.0 -o out --original imported.h5");
  EXPECT_EQ(published.code, 0) << published.err;
  EXPECT_EQ(shell(in + "offaxis check out/s/1.0.0 --content").code, 0);
  const Outcome again =
      shell(in + "offaxis reproduce out/s/1.0.0/manifest.json -o again --original imported.h5 --json");
  EXPECT_EQ(again.code, 0) << again.err << again.out;

  // Without the file nobody can know what the name stands for.
  for (const auto& [line, code] :
       {std::pair<const char*, int>{"offaxis verify noise.h5", 2},
        {"offaxis publish --allow-dirty noise.h5 --name t --version 1.0.0 -o out", 2},
        {"offaxis reproduce out/s/1.0.0/manifest.json -o other", 3},
        {"offaxis publish --allow-dirty noise.h5 --name t --version 1.0.0 -o out --original shapes3d", 2},
        {"offaxis reproduce out/s/1.0.0/manifest.json -o other --original shapes3d", 2},
        {"offaxis emit shapes3d-import --variant noise --eps 0.1 -o x.h5", 2},
        {"offaxis inspect shapes3d-original:size=32", 2},
        {"offaxis inspect dsprites-original+noise:eps=0.1", 2}}) {
    const Outcome refused = shell(in + line);
    EXPECT_EQ(refused.code, code) << line << refused.err;
    EXPECT_NE(refused.err.find("--original"), std::string::npos) << line << refused.err;
    EXPECT_EQ(refused.err.find("known datasets"), std::string::npos) << line << refused.err;
    EXPECT_LE(std::count(refused.err.begin(), refused.err.end(), '\n'), 3) << refused.err;
  }
}

TEST(ImportTool, OriginalsNeedImportingFirst) {
  const TempDirectory d;
  writeImportedShapes3D(d.path());
  writeNpzOriginal(d / "original.npz", originalRows("dsprites", 8, {1, 2, 2, 3, 4, 4}));
  const std::string in = "cd " + d.path() + "; ";
  for (const char* line :
       {"offaxis inspect original.h5", "offaxis emit original.h5 --variant noise --eps 0.1 -o x.h5",
        "offaxis verify original.h5 --original imported.h5", "offaxis verify imported.h5 --original original.h5",
        "offaxis publish --allow-dirty original.h5 --name t --version 1.0.0 -o out"}) {
    const Outcome refused = shell(in + line);
    EXPECT_EQ(refused.code, 3) << line << refused.err;
    EXPECT_NE(refused.err.find("offaxis import original.h5 -o shapes3d-imported.h5"), std::string::npos) << refused.err;
  }
  const Outcome refused = shell(in + "offaxis inspect original.npz");
  EXPECT_EQ(refused.code, 3);
  EXPECT_NE(refused.err.find("offaxis import original.npz -o dsprites-imported.h5"), std::string::npos) << refused.err;
}

TEST(ImportTool, BadCallsSayWhatIsWrong) {
  const TempDirectory d;
  writeImportedShapes3D(d.path());
  writeNpzOriginal(d / "original.npz", originalRows("dsprites", 8, {1, 2, 2, 3, 4, 4}));
  ASSERT_EQ(shell("cd " + d.path() + "; echo hello > text.npz; : > empty.h5; head -c 5000 original.npz > cut.npz").code,
            0);
  const BadCall calls[] = {
      {"offaxis import -o x.h5", 2, "FILE is missing"},
      {"offaxis import original.npz", 2, "--output is missing"},
      {"offaxis import original.npz -o x.h5 --as cars3d", 2, "known originals: dsprites, shapes3d"},
      {"offaxis import original.npz -o x.h5 --as shapes3d", 3, "not like one of shapes3d"},
      {"offaxis import original.npz -o x.h5 --deflate 0", 2, "--deflate"},
      {"offaxis import original.npz -o x.h5 --spacing 2", 2, "--spacing"},
      {"offaxis import original.npz -o original.npz --force", 4, "is what is read"},
      {"offaxis import original.npz -o imported.h5", 4, "--force"},
      {"offaxis import original.npz -o no/such/x.h5", 4, "no/such"},
      {"offaxis import original.npz -o x.h5", 3, "'imgs' is not uint8 [737280,64,64] as in the original but [192,8,8]"},
      {"offaxis import original.h5 -o x.h5", 3, "'images' is not uint8 [480000,64,64,3]"},
      {"offaxis import imported.h5 -o x.h5", 3, "use it as it is"},
      {"offaxis import nowhere.h5 -o x.h5", 3, "nowhere.h5"},
      {"offaxis import text.npz -o x.h5", 3, "text.npz"},
      {"offaxis import cut.npz -o x.h5", 3, "cut.npz"},
      {"offaxis import empty.h5 -o x.h5", 3, "it is empty"},
      {"offaxis import . -o x.h5", 3, "it is a directory"},
  };
  testing::expectBadCalls(d.path(), calls);
}

TEST(ImportTool, HelpAndConfig) {
  const TempDirectory d;
  const Outcome help = shell("offaxis import --help");
  EXPECT_EQ(help.code, 0);
  for (const char* option : {"--as", "--output", "--force", "--deflate", "--threads"})
    EXPECT_NE(help.out.find(option), std::string::npos) << option;
  for (std::size_t at = 0, end; at < help.out.size(); at = end + 1) {
    end = help.out.find('\n', at);
    EXPECT_LE(end - at, 120u) << help.out.substr(at, end - at);
  }
  EXPECT_NE(shell("offaxis help").out.find("  import"), std::string::npos);
  const Outcome dumped = shell("offaxis import a.npz --as dsprites -o x.h5 --dump-config | tee " + (d / "c.ini"));
  EXPECT_EQ(dumped.code, 0) << dumped.err;
  EXPECT_EQ(shell("offaxis import --config " + (d / "c.ini") + " --dump-config").out, dumped.out);
}

}  // namespace
}  // namespace offaxis
