#include "variants/expression.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "datasets/image_file.h"
#include "support/expect_error.h"
#include "support/random_psi.h"
#include "support/temp_directory.h"
#include "support/toy_source.h"

namespace offaxis {
namespace {

using testing::expectError;
using testing::TempDirectory;

TEST(Expression, RoundTrips) {
  for (const char* text :
       {"xysquares:spacing=3", "xysquares:spacing=3,size=32", "xysquares:spacing=1+noise:eps=0.1,seed=7",
        "xysquares:spacing=1,size=16+noise:eps=25/255,seed=0"}) {
    EXPECT_EQ(openSource(text)->info().expression(), text);
  }
  EXPECT_EQ(openSource("xysquares")->info().expression(), "xysquares:spacing=8");
  EXPECT_EQ(openSource("dsprites")->info().expression(), "dsprites-r");
  EXPECT_EQ(openSource("dsprites-r:size=32+noise:eps=0.1")->info().expression(),
            "dsprites-r:size=32+noise:eps=0.1,seed=0");
  EXPECT_EQ(openSource("xysquares:size=64")->info().expression(), "xysquares:spacing=8");
}

TEST(Expression, SizeComesBeforeTheVariant) {
  const SourcePtr source = openSource("xysquares+noise:eps=0.1", {32});
  EXPECT_EQ(source->info().expression(), "xysquares:spacing=8,size=32+noise:eps=0.1,seed=0");
  EXPECT_EQ(openSource("xysquares:size=16", {32})->info().shape.height, 16u);
}

TEST(Expression, FilesWithOddNames) {
  const TempDirectory directory;
  const std::string path = directory / "a+b:c.h5";
  writeImageFile(testing::ToySource(), path, {}, Context());
  EXPECT_EQ(openSource(path)->size(), 24u);
  EXPECT_EQ(openSource(path + ":size=2")->info().shape.height, 2u);
  EXPECT_EQ(openSource(path + "+noise:eps=0.5")->info().variant, "noise");
  writeImageFile(*openSource(path + "+noise:eps=0.5"), directory / "n.h5", {}, Context());
  expectError(ErrorKind::Usage, "averaged", [&] { openSource(directory / "n.h5", {2}); });
}

TEST(Expression, PathsMayHoldCommas) {
  const TempDirectory directory;
  const std::string run = directory / "eps=0.1,beta=4+modified";
  std::filesystem::create_directory(run);
  testing::randomPsi(openSource("xysquares:spacing=1"), 1).save(run + "/psi.h5", Overwrite::Refuse);
  const std::string named = withPsiPath("xysquares:spacing=1+permuted:seed=3,psi=a.h5", run + "/psi.h5");
  EXPECT_EQ(psiPathOf(named), run + "/psi.h5");
  const SourcePtr source = openSource(named);
  EXPECT_EQ(source->info().settings.at("seed"), "3");
  EXPECT_EQ(source->info().settings.at("psi_sha256"), toHex(sha256OfFile(run + "/psi.h5")));
  EXPECT_EQ(withPsiPath(named, "b.h5"), "xysquares:spacing=1+permuted:seed=3,psi=b.h5");
  EXPECT_EQ(psiPathOf("xysquares:spacing=1+modified:psi=b.h5"), "b.h5");
  const std::string odd = "C:\\x\\,y\\";  // a path that ends in a backslash, before another setting
  const std::string before = withPsiPath("xysquares:spacing=1+permuted:psi=a.h5,seed=3", odd);
  EXPECT_EQ(psiPathOf(before), odd);
  EXPECT_EQ(withPsiPath(before, "a.h5"), "xysquares:spacing=1+permuted:psi=a.h5,seed=3");
  for (const char* none : {"xysquares:spacing=1", "xysquares+noise:eps=0.1", "xysquares+noise", "x+y:psi=z"}) {
    EXPECT_EQ(psiPathOf(none), "") << none;
    EXPECT_EQ(withPsiPath(none, "b.h5"), none);
  }
}

TEST(Expression, SaysWhatItReads) {
  using Files = std::vector<std::string>;
  EXPECT_EQ(filesReadBy("xysquares:spacing=1"), Files());
  EXPECT_EQ(filesReadBy("shapes3d:size=32+modified:psi=a/psi.h5"), Files{"a/psi.h5"});
  EXPECT_EQ(filesReadBy("x.h5"), Files{"x.h5"});
  EXPECT_EQ(filesReadBy("x+y/x.h5:size=32+permuted:seed=1,psi=a\\,b.h5"), (Files{"x+y/x.h5", "a,b.h5"}));
}

// Orientation 39 repeats orientation 0: a variant of the file must keep the twins equal, like one of the dataset.
TEST(Expression, AFileGivesTheVariantsOfItsDataset) {
  const TempDirectory directory;
  const SourcePtr dataset = openSource("dsprites");
  const std::uint64_t first = dataset->info().grid.indexOf({0, 1, 2, 0, 7, 9});
  const std::uint64_t twin = dataset->info().grid.indexOf({0, 1, 2, 39, 7, 9});
  writeImageFile(*subset(dataset, {first, twin}), directory / "d.h5", {}, Context());
  const SourcePtr noisy = openSource((directory / "d.h5") + "+noise:eps=0.1,seed=1");
  const std::vector<std::uint8_t> images = testing::allImages(*noisy);
  EXPECT_TRUE(std::equal(images.begin(), images.begin() + 4096, images.begin() + 4096));
  EXPECT_EQ(images, testing::allImages(*subset(openSource("dsprites+noise:eps=0.1,seed=1"), {first, twin})));
}

// What was trained on a part of a dataset, averaged down or not, fits that part and nothing else.
TEST(Expression, APsiOfAPartFitsThatPart) {
  const TempDirectory directory;
  const std::string part = directory / "part.h5", psi = directory / "psi.h5";
  writeImageFile(*subset(openSource("xysquares:spacing=1"), {3, 4, 900}), part, {}, Context());
  testing::randomPsi(openSource(part + ":size=32"), 1).save(psi, Overwrite::Refuse);
  EXPECT_EQ(openSource(part + ":size=32+modified:psi=" + psi)->size(), 3u);
  EXPECT_EQ(openSource(part + "+modified:psi=" + psi)->size(), 3u);
  expectError(ErrorKind::BadFile, "the images differ", [&] { openSource("xysquares:spacing=1+modified:psi=" + psi); });
  testing::randomPsi(openSource("xysquares:spacing=1"), 1).save(psi, Overwrite::Replace);
  for (const char* size : {"", ":size=32"}) {
    expectError(ErrorKind::BadFile, "a file of 3 of the 262144 images",
                [&] { openSource(part + size + "+modified:psi=" + psi); });
  }
}

TEST(Expression, ErrorsNameWhatIsKnown) {
  expectError(ErrorKind::Usage, "xysquares", [] { openSource("squares"); });
  expectError(ErrorKind::Usage, "no setting 'space'", [] { openSource("xysquares:space=3"); });
  expectError(ErrorKind::Usage, "1 to 8", [] { openSource("xysquares:spacing=0"); });
  expectError(ErrorKind::Usage, "1 to 8", [] { openSource("xysquares:spacing=3.5"); });
  expectError(ErrorKind::Usage, "1 to 8", [] { openSource("xysquares:spacing=-1"); });
  expectError(ErrorKind::Usage, "modified, noise", [] { openSource("xysquares+blur:eps=0.1"); });
  expectError(ErrorKind::Usage, "needs eps", [] { openSource("xysquares+noise"); });
  expectError(ErrorKind::Usage, "needs psi", [] { openSource("xysquares+modified"); });
  expectError(ErrorKind::Usage, "(0, 1]", [] { openSource("xysquares+noise:eps=1.5"); });
  expectError(ErrorKind::Usage, "no setting 'amount'", [] { openSource("xysquares+noise:eps=1,amount=2"); });
  expectError(ErrorKind::BadFile, "nowhere.h5", [] { openSource("xysquares+modified:psi=nowhere.h5"); });
}

}  // namespace
}  // namespace offaxis
