// What a published version withstands, and what is said of one that was changed.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "core/philox.h"
#include "core/version.h"
#include "publish/manifest.h"
#include "publish/reproduce.h"
#include "publish/row_blocks.h"
#include "publish/version_fixture.h"
#include "storage/hash.h"
#include "support/expect_error.h"
#include "support/memory_source.h"
#include "support/random_psi.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;
using testing::bytesOf;
using testing::contentToo;
using testing::expectError;
using testing::kDataset;
using testing::MemorySource;
using testing::putBytes;
using testing::rowsOf;

class Version : public testing::PublishFixture {
 protected:
  std::vector<std::string> filesOf(const std::string& directory) const {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(directory).string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  void sign() {
    ASSERT_EQ(std::system(("ssh-keygen -q -t ed25519 -N '' -C me@example.org -f " + (directory_ / "key")).c_str()), 0);
    settings_.signKey = directory_ / "key";
  }
  static bool canSign() { return std::system("command -v ssh-keygen > /dev/null") == 0; }
};

// A finding that names the file, whether as its path or as the one that SHA256SUMS is wrong about.
bool names(const CheckReport& report, const std::string& path) {
  return std::any_of(report.findings.begin(), report.findings.end(), [&](const CheckFinding& finding) {
    return !finding.passed && (finding.path == path || finding.detail.find(path) != std::string::npos);
  });
}

TEST_F(Version, OneFlippedByteAnywhereIsFoundAndNamed) {
  testing::randomPsi(openSource(kDataset), 1).save(directory_ / "psi.h5", Overwrite::Refuse);
  write(*rowsOf(std::string(kDataset) + "+modified:psi=" + (directory_ / "psi.h5")), "modified.h5");
  settings_.files.push_back(directory_ / "modified.h5");
  settings_.psi = {directory_ / "psi.h5"};
  publish();
  const Philox random(7, "flipped bytes");
  std::uint64_t draw = 0;
  for (const std::string& path : filesOf(versionPath(""))) {
    const std::string good = bytesOf(versionPath(path));
    const int flips = path == "SHA256SUMS" ? 120 : 15;
    for (int i = 0; i < flips; ++i) {
      std::string bad = good;
      const std::uint64_t at = random.below(bad.size(), draw++, 0);
      bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8, draw++, 0)));
      putBytes(versionPath(path), bad);
      const CheckReport report = checkVersion(versionPath(""), {}, context_);
      EXPECT_FALSE(report.passed()) << path << " byte " << at;
      EXPECT_TRUE(names(report, path)) << path << " byte " << at;
    }
    putBytes(versionPath(path), good);
  }
  EXPECT_TRUE(checkVersion(versionPath(""), contentToo(), context_).passed());
}

TEST_F(Version, EveryByteOfASignatureCounts) {
  if (!canSign()) GTEST_SKIP() << "no ssh-keygen here";
  sign();
  publish();
  const std::string good = bytesOf(versionPath("SHA256SUMS.sig"));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 7));
    putBytes(versionPath("SHA256SUMS.sig"), bad);
    const CheckReport report = checkVersion(versionPath(""), {}, context_);
    ASSERT_FALSE(report.passed()) << at;
    EXPECT_EQ(report.firstFailure()->path, "SHA256SUMS.sig");
  }
  fs::remove(versionPath("SHA256SUMS.sig"));
  const CheckReport report = checkVersion(versionPath(""), {}, context_);
  ASSERT_FALSE(report.passed());
  EXPECT_EQ(report.firstFailure()->check, "missing");
}

TEST_F(Version, SignersAreToldApart) {
  if (!canSign()) GTEST_SKIP() << "no ssh-keygen here";
  sign();
  publish();
  CheckSettings check;
  check.signer = "me@example.org";
  expectError(ErrorKind::Usage, "--allowed-signers", [&] { checkVersion(versionPath(""), check, context_); });
  check.allowedSigners = directory_ / "signers";
  expectError(ErrorKind::BadFile, "signers", [&] { checkVersion(versionPath(""), check, context_); });
  putBytes(check.allowedSigners, "me@example.org " + bytesOf(directory_ / "key.pub"));
  EXPECT_TRUE(checkVersion(versionPath(""), check, context_).passed());
  check.signer = "you@example.org";
  const CheckReport report = checkVersion(versionPath(""), check, context_);
  ASSERT_FALSE(report.passed());
  EXPECT_EQ(report.firstFailure()->check, "signature");
  // As the card tells people to do it.
  EXPECT_EQ(std::system(("cd " + versionPath("") + " && ssh-keygen -Y verify -f " + check.allowedSigners +
                         " -I me@example.org -n offaxis -s SHA256SUMS.sig < SHA256SUMS > /dev/null")
                            .c_str()),
            0);
  // Nobody signed, though somebody should have.
  settings_.signKey.clear();
  publish("1.0.1");
  check.signer = "me@example.org";
  EXPECT_EQ(checkVersion(versionPath("", "1.0.1"), check, context_).firstFailure()->check, "missing");
}

TEST_F(Version, ContentChecksNameTheRowAndThePixel) {
  // Two blocks of rows, so that the right one has to be found.
  const std::string rows = "0:5000";
  write(*rowsOf(kDataset, rows), "x.h5");
  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=3", rows), "noise.h5");
  const Manifest manifest = publish().manifest;
  EXPECT_EQ(manifest.files[1].rowBlocks.size(), 2u);
  MemorySource other(*openImageFile(versionPath("data/noise.h5")));
  std::uint8_t& pixel = other.image(4711)[(7 * 16 + 9) * 3 + 2];
  const int right = pixel;
  pixel = static_cast<std::uint8_t>(pixel ^ 1);
  const int wrong = pixel;
  fs::remove(versionPath("data/noise.h5"));
  writeImageFile(other, versionPath("data/noise.h5"), {}, context_);
  const CheckReport report = checkVersion(versionPath(""), contentToo(), context_);
  const auto content = std::find_if(report.findings.begin(), report.findings.end(), [](const CheckFinding& finding) {
    return finding.check == "content" && finding.path == "data/noise.h5";
  });
  ASSERT_NE(content, report.findings.end());
  EXPECT_FALSE(content->passed);
  EXPECT_EQ(
      content->detail.rfind(
          "images row 4711, y 7, x 9, channel 2: " + std::to_string(wrong) + " instead of " + std::to_string(right), 0),
      0u)
      << content->detail;
}

TEST_F(Version, OtherRowsAndSettingsAreToldApart) {
  publish();
  const auto detail = [&] {
    const CheckReport report = checkVersion(versionPath(""), contentToo(), context_);
    for (const CheckFinding& finding : report.findings) {
      if (finding.check == "content" && !finding.passed) return finding.detail;
    }
    return std::string();
  };
  const auto put = [&](const std::string& expression, const std::string& rows) {
    fs::remove(versionPath("data/noise.h5"));
    writeImageFile(*rowsOf(expression, rows), versionPath("data/noise.h5"), {}, context_);
  };
  put(std::string(kDataset) + "+noise:eps=0.1,seed=4", testing::kRows);
  EXPECT_NE(detail().find("other settings"), std::string::npos) << detail();
  put(std::string(kDataset) + "+noise:eps=0.1,seed=3", "1000:1100,0:500");
  EXPECT_NE(detail().find("another order"), std::string::npos) << detail();
  put(std::string(kDataset) + "+noise:eps=0.1,seed=3", "0:500");
  EXPECT_NE(detail().find("500 images, not 600"), std::string::npos) << detail();
  put(kDataset, testing::kRows);
  EXPECT_NE(detail().find("variant original"), std::string::npos) << detail();
}

TEST_F(Version, RowBlocksDoNotDependOnThreads) {
  const SourcePtr source = rowsOf(kDataset, "0:9000");
  Context one, eight;
  one.threads = 1;
  eight.threads = 8;
  const ContentDigests a = contentDigests(*source, one), b = contentDigests(*source, eight);
  EXPECT_EQ(a.blocks, b.blocks);
  EXPECT_EQ(a.root, b.root);
  EXPECT_EQ(a.blocks.size(), 3u);
  // A block says where its rows lie: the same rows elsewhere are another block.
  EXPECT_NE(contentDigests(*rowsOf(kDataset, "4096:8192"), one).blocks[0], a.blocks[1]);
  EXPECT_EQ(contentDigests(*rowsOf(kDataset, "0:4096"), one).blocks[0], a.blocks[0]);
}

TEST_F(Version, OneAndEightThreadsPublishTheSame) {
  context_.threads = 1;
  publish();
  const std::string sums = bytesOf(versionPath("SHA256SUMS"));
  settings_.directory = directory_ / "eight";
  context_.threads = 8;
  publish();
  EXPECT_EQ(bytesOf(versionPath("SHA256SUMS")), sums);
}

TEST_F(Version, ReproducingNeedsTheManifestAndPsiAlone) {
  testing::randomPsi(openSource(kDataset), 1).save(directory_ / "psi.h5", Overwrite::Refuse);
  write(*rowsOf(std::string(kDataset) + "+modified:psi=" + (directory_ / "psi.h5")), "modified.h5");
  settings_.files = {directory_ / "modified.h5"};
  settings_.psi = {directory_ / "psi.h5"};
  const Manifest manifest = publish().manifest;
  const testing::TempDirectory alone;
  fs::copy_file(versionPath("manifest.json"), alone / "manifest.json");
  fs::copy_file(versionPath(manifest.psi[0].path), alone / "psi.h5");
  fs::remove_all(directory_.path());
  ReproduceSettings settings;
  settings.manifest = alone / "manifest.json";
  settings.psi = {alone / "psi.h5"};
  const ReproduceReport report = reproduceVersion(settings, context_);  // nothing is written without an output
  EXPECT_TRUE(report.passed());
  EXPECT_FALSE(report.files[0].written);
  EXPECT_EQ(std::distance(fs::directory_iterator(alone.path()), {}), 2);
  settings.output = alone / "out";
  EXPECT_TRUE(reproduceVersion(settings, context_).passed());
}

TEST_F(Version, ProgramsThatNameNoCommitPublishNothing) {
  for (const char* good : {"offaxis 0.1.0+1a2b3c4", "v0.1.0", "offaxis v0.1.0-3-g1a2b3c4"})
    EXPECT_TRUE(namesOneCommit(good)) << good;
  for (const char* bad :
       {"offaxis 0.1.0", "offaxis 0.1.0+1a2b3c4-dirty", "v0.1.0-dirty", "", "offaxis", "offaxis 0.1.0+"})
    EXPECT_FALSE(namesOneCommit(bad)) << bad;
  settings_.program = "offaxis 0.1.0+1a2b3c4-dirty";
  expectError(ErrorKind::Usage, "--allow-dirty", [&] { publish(); });
  EXPECT_FALSE(fs::exists(settings_.directory));
  settings_.allowDirty = true;
  EXPECT_EQ(publish().manifest.circumstances["allow_dirty"], true);
  settings_.program = "offaxis 0.1.0+1a2b3c4";
  EXPECT_FALSE(publish("1.0.1").manifest.circumstances.contains("allow_dirty")) << "there was nothing to allow";
}

TEST_F(Version, AMissingCopyOfTheManifestIsCompleted) {
  const PublishReport first = publish();
  EXPECT_FALSE(first.completed);
  settings_.manifestsDirectory = directory_ / "manifests";
  const PublishReport again = publish();
  EXPECT_TRUE(again.completed);
  EXPECT_EQ(bytesOf(directory_ / "manifests/toy-set/1.0.0.json"), bytesOf(versionPath("manifest.json")));
  // Once it is whole, it is published, and that is that.
  expectError(ErrorKind::CannotWrite, "already", [&] { publish(); });
  // Other files are another version, and a damaged one is not completed.
  fs::remove(directory_ / "manifests/toy-set/1.0.0.json");
  const std::vector<std::string> files = settings_.files;
  settings_.files.pop_back();
  expectError(ErrorKind::CannotWrite, "published already", [&] { publish(); });
  settings_.files = files;
  putBytes(versionPath("index.csv"), "index\n");
  expectError(ErrorKind::BadFile, "index.csv", [&] { publish(); });
  EXPECT_FALSE(fs::exists(directory_ / "manifests/toy-set/1.0.0.json"));
}

TEST_F(Version, WhatIsInTheWayOfTheManifestIsSaidBeforeAnythingIsPublished) {
  settings_.manifestsDirectory = directory_ / "manifests";
  putBytes(directory_ / "manifests", "a file");
  expectError(ErrorKind::CannotWrite, "manifests", [&] { publish(); });
  EXPECT_FALSE(fs::exists(versionPath("")));
  fs::remove(directory_ / "manifests");
  fs::create_directories(directory_ / "manifests/toy-set");
  putBytes(directory_ / "manifests/toy-set/1.0.0.json", "{}");
  expectError(ErrorKind::CannotWrite, "is there already", [&] { publish(); });
  EXPECT_FALSE(fs::exists(versionPath("")));
}

TEST_F(Version, NumbersAreHeldToTheManifestsToo) {
  settings_.manifestsDirectory = directory_ / "manifests";
  publish();
  settings_.directory = directory_ / "another-disk";
  expectError(ErrorKind::CannotWrite, "is there already", [&] { publish("1.0.0"); });
  expectError(ErrorKind::Usage, "publish them as 1.0.1", [&] { publish("2.0.0"); });
  // Old rows are known by their root: the old files need not be there.
  fs::remove_all(directory_ / "published");
  const char* more = "0:600,1000:1100";
  write(*rowsOf(kDataset, more), "x.h5");
  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=3", more), "noise.h5");
  expectError(ErrorKind::Usage, "publish them as 1.1.0", [&] { publish("2.0.0"); });
  publish("1.1.0");
}

TEST_F(Version, WhatAFileSaysWronglyIsTheFilesFault) {
  const auto spoiled = [&](const std::string& key, const std::string& value) {
    MemorySource source(*openImageFile(directory_ / "noise.h5"));
    source.info_.settings[key] = value;
    write(source, "spoiled.h5");
    settings_.files = {directory_ / "spoiled.h5"};
  };
  spoiled("eps", "a lot");
  expectError(ErrorKind::BadFile, "spoiled.h5", [&] { publish(); });
  spoiled("seed", "-1");
  expectError(ErrorKind::BadFile, "spoiled.h5", [&] { publish(); });
  spoiled("colour", "red");
  expectError(ErrorKind::BadFile, "spoiled.h5", [&] { publish(); });
  MemorySource elsewhere(*openImageFile(directory_ / "noise.h5"));
  elsewhere.info_.dataset = "xysquares:spacing=99";
  write(elsewhere, "spoiled.h5");
  expectError(ErrorKind::BadFile, "spoiled.h5", [&] { publish(); });
  EXPECT_FALSE(fs::exists(versionPath("")));
}

// A file may say anything of its origin: nothing of it is opened as a path, nor published.
TEST_F(Version, DatasetsThatAreNoNamesAreTheFilesFault) {
  const std::string path = directory_ / "spoiled.h5";
  settings_.files = {path};
  const std::vector<std::pair<std::string, std::string>> cases{
      {directory_ / "x.h5", "x.h5\""}, {"", "\"\""}, {"squares", "\"squares\""}};
  for (const auto& [dataset, shown] : cases) {
    MemorySource source(*openImageFile(directory_ / "noise.h5"));
    source.info_.dataset = dataset;
    write(source, "spoiled.h5");
    EXPECT_EQ(openImageFile(path)->info().dataset, dataset) << "reading stays possible";
    for (const std::string original : {"", kDataset}) {
      settings_.original = original;
      expectError(ErrorKind::BadFile, "spoiled.h5' names no known dataset: its attribute dataset is",
                  [&] { publish(); });
      expectError(ErrorKind::BadFile, shown, [&] { publish(); });
    }
    PublishedFile described = publishedFileOf(source);
    described.file.path = "it";
    expectError(ErrorKind::BadFile, "'it' names no known dataset", [&] { openOriginal(described, ""); });
    EXPECT_EQ(openOriginal(described, kDataset)->size(), source.size());
  }
}

// Names are shown on terminals: those that would act on one are refused wherever a file is read.
TEST_F(Version, DatasetsOfControlCharactersAreTheFilesFault) {
  MemorySource source(*openImageFile(directory_ / "noise.h5"));
  source.info_.dataset = "a\n\x1b[31mb";
  write(source, "spoiled.h5");
  settings_.files = {directory_ / "spoiled.h5"};
  expectError(ErrorKind::BadFile, "holds control characters", [&] { publish(); });
  PublishedFile described = publishedFileOf(source);
  described.file.path = "it";
  expectError(ErrorKind::BadFile, "\"a\\n\\u001b[31mb\"", [&] { openOriginal(described, ""); });
}

// A manifest names its dataset as remaking it will.
TEST_F(Version, DatasetsSpelledOtherwiseAreTheFilesFault) {
  MemorySource source(*openImageFile(directory_ / "noise.h5"));
  source.info_.dataset = "xysquares";
  write(source, "spoiled.h5");
  settings_.files = {directory_ / "spoiled.h5"};
  expectError(ErrorKind::BadFile, "spoiled.h5' calls its dataset xysquares, another spelling of xysquares:spacing=8",
              [&] { publish(); });
}

// Neither is in the content root, and what is remade would differ from the manifest.
TEST_F(Version, OriginalsWithFalseSettingsAreTheFilesFault) {
  for (const bool setting : {true, false}) {
    MemorySource source(*openImageFile(directory_ / "x.h5"));
    if (setting) {
      source.info_.settings["eps"] = "0.5";
    } else {
      source.info_.reduction = 3;
    }
    write(source, "spoiled.h5");
    settings_.files = {directory_ / "spoiled.h5"};
    expectError(ErrorKind::BadFile, "says settings or a reduction", [&] { publish(); });
  }
}

TEST_F(Version, VariantsWithAFalseReductionAreTheFilesFault) {
  MemorySource source(*openImageFile(directory_ / "noise.h5"));
  source.info_.reduction = 3;
  write(source, "spoiled.h5");
  settings_.files = {directory_ / "x.h5", directory_ / "spoiled.h5"};
  expectError(ErrorKind::BadFile, "spoiled.h5' says settings or a reduction", [&] { publish(); });
}

TEST_F(Version, ImportedOriginalsAreGivenByHand) {
  PublishedFile described = publishedFileOf(*rowsOf(kDataset));
  described.file.path = "it";
  described.dataset = "shapes3d-import";
  expectError(ErrorKind::Usage, "no program can make from its name", [&] { openOriginal(described, ""); });
}

// Progress that keeps the notes.
class Notes : public Progress {
 public:
  void begin(const std::string&, std::uint64_t, const std::string&, std::uint64_t) override {}
  void advance(std::uint64_t) override {}
  void status(const std::string&) override {}
  void end() override {}
  void note(const std::string& line) override { lines.push_back(line); }
  std::vector<std::string> lines;
};

TEST_F(Version, LeftoversOfOtherRunsAreMentioned) {
  const std::string left = settings_.directory + "/toy-set/.0.9.0.partial-elsewhere-77";
  fs::create_directories(left);
  Notes notes;
  context_.progress = &notes;
  publish();
  ASSERT_EQ(notes.lines.size(), 1u);
  EXPECT_NE(notes.lines[0].find(left), std::string::npos);
  EXPECT_TRUE(fs::exists(left)) << "it may be at work";
}

TEST_F(Version, CancellingLeavesNothing) {
  CancelToken cancel;
  cancel.request();
  context_.cancel = &cancel;
  expectError(ErrorKind::Interrupted, "interrupted", [&] { publish(); });
  EXPECT_FALSE(fs::exists(versionPath("")));
}

// What is published is what was verified, or nothing.
TEST_F(Version, AFileThatIsReplacedMeanwhileIsNotPublished) {
  class Replacing final : public Progress {
   public:
    explicit Replacing(std::string path) : path_(std::move(path)) {}
    void begin(const std::string&, std::uint64_t, const std::string&, std::uint64_t) override {
      if (replaced_) return;
      replaced_ = true;
      putBytes(path_ + ".new", bytesOf(path_) + '\0');
      fs::rename(path_ + ".new", path_);
    }
    void advance(std::uint64_t) override {}
    void status(const std::string&) override {}
    void end() override {}
    void note(const std::string&) override {}

   private:
    std::string path_;
    bool replaced_ = false;
  };
  Replacing progress(settings_.files[0]);
  context_.progress = &progress;
  expectError(ErrorKind::BadFile, "changed while it was published", [&] { publish(); });
  context_.progress = nullptr;
  EXPECT_FALSE(fs::exists(versionPath("")));
}

// The rules of docs/publishing.md for descriptions, by a program that shares nothing with the one that wrote them.
TEST_F(Version, IndependentRulesHold) {
  if (std::system("/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null") != 0) GTEST_SKIP() << "no h5py here";
  testing::randomPsi(openSource(kDataset), 1).save(directory_ / "psi.h5", Overwrite::Refuse);
  write(*rowsOf(std::string(kDataset) + "+modified:psi=" + (directory_ / "psi.h5")), "modified.h5");
  settings_.files.push_back(directory_ / "modified.h5");
  settings_.psi = {directory_ / "psi.h5"};
  const Json summary = Json::array(
      {{{"variant", "noise"}, {"model", "beta-vae"}, {"runs", 3}, {"mig", {{"mean", 0.25}, {"sd", 0.1}}}},
       {{"variant", "modified"}, {"model", "probe"}, {"runs", 5}, {"probe", {{"mean", 0.875}, {"sd", 0.01}}}}});
  const std::string modified =
      "xysquares:spacing=1,size=8+modified:eps=0.1,psi_sha256=" + toHex(sha256OfFile(directory_ / "psi.h5"));
  putBytes(directory_ / "results.json", testing::resultsOf("xysquares:spacing=1", {modified}, summary).dump());
  settings_.evidence = {directory_ / "results.json"};
  publish();
  const std::string script = "/usr/bin/python3 " OFFAXIS_SOURCE_DIR "/tests/publish/version_rules.py ";
  EXPECT_EQ(std::system((script + versionPath("")).c_str()), 0);
  EXPECT_EQ(std::system((script + versionPath("") + " --mutations > " + (directory_ / "log")).c_str()), 0)
      << bytesOf(directory_ / "log");
  const std::string card = bytesOf(versionPath("README.md"));
  for (const char* part :
       {"dataset xysquares:spacing=1, image 8x8x3, profile quick", "| noise | beta-vae | 3 | 0.250 (0.100) |",
        "accuracy over the factors, mean (sd)", "| modified | probe | 5 | 0.875 (0.010) |", "| `data/noise.h5` | yes |",
        "license: apache-2.0", "offaxis reproduce manifest.json", "zietlow2021demystifying"}) {
    EXPECT_NE(card.find(part), std::string::npos) << part;
  }
}

TEST_F(Version, DspritesIsPublishedUnderItsOwnKeys) {
  if (std::system("/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null") != 0) GTEST_SKIP() << "no h5py here";
  write(*rowsOf("dsprites", "0:300"), "sprites.h5");
  write(*rowsOf("dsprites+noise:eps=0.1", "0:300"), "noise.h5");
  settings_.files = {directory_ / "sprites.h5", directory_ / "noise.h5"};
  settings_.license = "MIT";  // by its identifier: the rules ask for addresses
  publish();
  EXPECT_TRUE(checkVersion(versionPath(""), contentToo(), context_).passed());
  EXPECT_EQ(std::system(
                ("/usr/bin/python3 " OFFAXIS_SOURCE_DIR "/tests/publish/version_rules.py " + versionPath("")).c_str()),
            0);
}

TEST(Manifests, ThatAreTooDeepOrOfOtherTypesAreRefused) {
  const std::string good = readTextFile(OFFAXIS_SOURCE_DIR "/manifests/xysquares-s1-quick/2.0.0.json");
  EXPECT_EQ(manifestFromText(good, "m").version.major, 2u);
  const auto with = [&](const char* field, const std::string& value) {
    Json json = Json::parse(good);
    json[field] = "here";
    std::string text = json.dump();
    const std::string old = "\"here\"";
    return text.replace(text.find(old), old.size(), value);
  };
  for (const char* field : {"verification", "evidence", "circumstances"}) {
    expectError(ErrorKind::BadFile, "nested too deeply",
                [&] { manifestFromText(with(field, std::string(200000, '[') + std::string(200000, ']')), "m"); });
    expectError(ErrorKind::BadFile, "'evidence' a list of them", [&] { manifestFromText(with(field, "[[]]"), "m"); });
    expectError(ErrorKind::BadFile, "'evidence' a list of them", [&] { manifestFromText(with(field, "1"), "m"); });
  }
}

TEST(Manifests, OfSchema1AreRead) {
  const Manifest manifest = readManifest(OFFAXIS_SOURCE_DIR "/manifests/xysquares-s1-quick/1.0.0.json");
  EXPECT_TRUE(manifest.schema == 1 ? manifest.files[0].rowBlocks.empty() : manifest.files[0].rowBlocks.size() == 64);
}

}  // namespace
}  // namespace offaxis
