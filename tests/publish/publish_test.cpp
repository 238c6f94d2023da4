#include "publish/publish.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "core/error.h"
#include "core/philox.h"
#include "datasets/content.h"
#include "datasets/image_file.h"
#include "publish/evidence.h"
#include "publish/reproduce.h"
#include "publish/version_fixture.h"
#include "publish/version_writer.h"
#include "storage/hash.h"
#include "support/expect_error.h"
#include "support/memory_source.h"
#include "support/random_psi.h"
#include "variants/expression.h"
#include "variants/psi_network.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;
using testing::bytesOf;
using testing::contentToo;
using testing::expectError;
using testing::kDataset;
using testing::kRows;
using testing::putBytes;
using testing::rowsOf;

class Publish : public testing::PublishFixture {
 protected:
  ReproduceReport reproduce(const std::string& manifest, const std::string& output = "again") {
    ReproduceSettings settings;
    settings.manifest = manifest;
    settings.output = directory_ / output;
    settings.program = settings_.program;
    return reproduceVersion(settings, context_);
  }
  void evidence(const std::string& dataset, const std::vector<std::string>& resolved) {
    putBytes(directory_ / "results.json",
             testing::resultsOf(dataset, resolved, Json::array({{{"drop", 0.25}}})).dump());
    settings_.evidence = {directory_ / "results.json"};
  }
  static std::string modified(const std::string& psiSha256) {
    return "xysquares:spacing=1,size=8+modified:eps=0.1,psi_sha256=" + psiSha256;
  }
  void expectCheckFails(const std::string& check, const std::string& path, bool content = false) {
    const CheckReport report = checkVersion(versionPath(""), content ? contentToo() : CheckSettings(), context_);
    ASSERT_FALSE(report.passed());
    EXPECT_EQ(report.firstFailure()->check, check) << report.firstFailure()->detail;
    EXPECT_EQ(report.firstFailure()->path, path);
  }
};

TEST_F(Publish, AVersionIsWholeAndChecksOut) {
  const PublishReport report = publish("1.0.0");
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(versionPath(""))) {
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(versionPath("")).string());
  }
  std::sort(files.begin(), files.end());
  EXPECT_EQ(files, (std::vector<std::string>{"README.md", "SHA256SUMS", "croissant.json", "data/noise.h5", "data/x.h5",
                                             "datacite.json", "index.csv", "manifest.json"}));
  EXPECT_EQ(std::system(("cd " + versionPath("") + " && sha256sum --strict -c SHA256SUMS > /dev/null").c_str()), 0);
  EXPECT_TRUE(checkVersion(versionPath(""), {}, context_).passed());
  const CheckReport content = checkVersion(versionPath(""), contentToo(), context_);
  EXPECT_TRUE(content.passed());
  EXPECT_EQ(std::count_if(content.findings.begin(), content.findings.end(),
                          [](const CheckFinding& f) { return f.check == "content"; }),
            2);
  EXPECT_EQ(report.manifest.files[1].parentRoot, report.manifest.files[0].contentRoot);
  EXPECT_EQ(report.manifest.files[0].contentRoot, toHex(contentRoot(*rowsOf(kDataset), context_)));
}

TEST_F(Publish, TheManifestReadsBack) {
  const Manifest written = publish("1.0.0").manifest;
  const Manifest read = readManifest(versionPath("manifest.json"));
  EXPECT_EQ(toJson(read).dump(), toJson(written).dump());
  EXPECT_EQ(read.files[1].settings.at("eps"), "0.1");
  EXPECT_EQ(read.files[1].rows, kRows);
  EXPECT_EQ(read.files[1].reduction, 4u);
  EXPECT_TRUE(read.verification.contains("data/noise.h5"));
  EXPECT_TRUE(read.verification["data/noise.h5"]["preserved"].get<bool>());
  EXPECT_EQ(read.circumstances["created"], "2025-01-31T12:00:00Z");
}

TEST_F(Publish, TheSameFilesGiveTheSameVersion) {
  publish("1.0.0");
  settings_.directory = directory_ / "elsewhere";
  context_.threads = 1;
  publish("1.0.0");
  EXPECT_EQ(bytesOf(directory_ / "elsewhere/toy-set/1.0.0/SHA256SUMS"),
            bytesOf(directory_ / "published/toy-set/1.0.0/SHA256SUMS"));
}

TEST_F(Publish, TheIndexListsLevelsAndValues) {
  publish("1.0.0");
  const std::string index = bytesOf(versionPath("index.csv"));
  EXPECT_EQ(
      index.rfind(
          "index,x_R_level,y_R_level,x_G_level,y_G_level,x_B_level,y_B_level,x_R,y_R,x_G,y_G,x_B,y_B\n0,0,0,0,0,0,0,",
          0),
      0u);
  EXPECT_EQ(std::count(index.begin(), index.end(), '\n'), 601);
  // Row 500 is grid index 1000 = 1*512 + 7*64 + 5*8 + 0.
  EXPECT_NE(index.find("\n500,0,0,1,7,5,0,0,0,1,7,5,0\n"), std::string::npos);
}

TEST_F(Publish, CroissantNamesEveryFileAndTheIndexColumns) {
  const Manifest manifest = publish("1.0.0").manifest;
  const Json json = Json::parse(bytesOf(versionPath("croissant.json")));
  for (const char* key : {"@context", "@type", "conformsTo", "name", "description", "license", "url", "creator",
                          "datePublished", "distribution"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["conformsTo"], "http://mlcommons.org/croissant/1.1");
  EXPECT_EQ(json["datePublished"], "2025-01-31");
  ASSERT_EQ(json["distribution"].size(), 4u);
  for (const Json& file : json["distribution"]) {
    EXPECT_EQ(file["sha256"], toHex(sha256OfFile(versionPath(file["contentUrl"].get<std::string>()))));
  }
  EXPECT_EQ(json["distribution"][1]["prov:wasDerivedFrom"]["@id"], "data/x.h5");
  EXPECT_EQ(json["prov:wasDerivedFrom"][0]["@id"], std::string("urn:dataset:") + kDataset);
  EXPECT_EQ(json["recordSet"][0]["field"].size(), 13u);
  EXPECT_EQ(json["recordSet"][0]["field"][12]["source"]["extract"]["column"], "y_B");
}

TEST_F(Publish, SignaturesAreMadeAndChecked) {
  if (std::system("command -v ssh-keygen > /dev/null") != 0) GTEST_SKIP() << "no ssh-keygen here";
  ASSERT_EQ(std::system(("ssh-keygen -q -t ed25519 -N '' -f " + (directory_ / "key")).c_str()), 0);
  settings_.signKey = directory_ / "key";
  publish("1.0.0");
  EXPECT_TRUE(checkVersion(versionPath(""), {}, context_).passed());
  putBytes(versionPath("README"), "added and listed, but not signed");
  std::ofstream(versionPath("SHA256SUMS"), std::ios::app) << toHex(sha256OfFile(versionPath("README"))) << "  README\n";
  expectCheckFails("signature", "SHA256SUMS.sig");
}

TEST_F(Publish, AnUnusableKeyLeavesNothing) {
  settings_.signKey = directory_ / "none";
  expectError(ErrorKind::BadFile, "none': No such file", [&] { publish("1.0.0"); });
  EXPECT_FALSE(fs::exists(settings_.directory));
  if (std::system("command -v ssh-keygen > /dev/null") != 0) GTEST_SKIP() << "no ssh-keygen here";
  putBytes(settings_.signKey, "not a key");
  expectError(ErrorKind::CannotWrite, "could not sign", [&] { publish("1.0.0"); });
  EXPECT_FALSE(fs::exists(versionPath("")));
  EXPECT_TRUE(fs::is_empty(settings_.directory + "/toy-set"));
}

TEST_F(Publish, TheLastVersionThatCanBeWrittenHasNoSuccessor) {
  publish("1.0.999999999");
  expectError(ErrorKind::Usage, "no version can follow 1.0.999999999", [&] { publish("2.0.0"); });
}

// Opening a pipe would wait for a writer.
TEST_F(Publish, PipesInAVersionAreNotWaitedFor) {
  publish("1.0.0");
  for (const char* name : {"SHA256SUMS.sig", "manifest.json", "README.md"}) {
    fs::remove(versionPath(name));
    ASSERT_EQ(::mkfifo(versionPath(name).c_str(), 0600), 0);
    EXPECT_FALSE(checkVersion(versionPath(""), {}, context_).passed()) << name;
  }
  settings_.evidence = {versionPath("README.md")};
  expectError(ErrorKind::BadFile, "not a regular file", [&] { publish("1.0.1"); });
  expectError(ErrorKind::BadFile, "not a regular file", [&] { reproduce(versionPath("manifest.json")); });
}

TEST_F(Publish, ChangedFilesAreNamed) {
  publish("1.0.0");
  const std::string good = bytesOf(versionPath("data/noise.h5"));
  std::string bad = good;
  bad[bad.size() / 2] ^= 1;
  putBytes(versionPath("data/noise.h5"), bad);
  expectCheckFails("bytes", "data/noise.h5");
  putBytes(versionPath("data/noise.h5"), good.substr(0, 1000));
  expectCheckFails("bytes", "data/noise.h5", true);
  putBytes(versionPath("data/noise.h5"), good);
  putBytes(versionPath("data/extra.h5"), "x");
  expectCheckFails("unlisted", "data/extra.h5");
  fs::remove(versionPath("data/extra.h5"));
  fs::create_symlink("/etc/hostname", versionPath("link"));
  expectCheckFails("unlisted", "link");
  fs::remove(versionPath("link"));
  fs::create_directories(versionPath("data/empty/inner"));
  expectCheckFails("unlisted", "data/empty/inner");
  fs::remove_all(versionPath("data/empty"));
  EXPECT_TRUE(checkVersion(versionPath(""), {}, context_).passed());
  fs::remove(versionPath("index.csv"));
  expectCheckFails("missing", "index.csv");
}

TEST_F(Publish, OtherContentUnderTheRightNameIsFound) {
  publish("1.0.0");
  // Another noise: the checksums and the manifest's sizes and hashes are forged, the root is not.
  const std::string path = versionPath("data/noise.h5");
  const std::string before = toHex(sha256OfFile(path));
  testing::MemorySource other(*openImageFile(path));
  other.image(77)[5] ^= 1;
  fs::remove(path);
  writeImageFile(other, path, {}, context_);
  Json manifest = Json::parse(bytesOf(versionPath("manifest.json")));
  manifest["reproduces"]["files"][1]["sha256"] = toHex(sha256OfFile(path));
  manifest["reproduces"]["files"][1]["bytes"] = fs::file_size(path);
  putBytes(versionPath("manifest.json"), manifest.dump(2));
  std::vector<ListedFile> listed;
  for (const char* name :
       {"README.md", "croissant.json", "data/noise.h5", "data/x.h5", "datacite.json", "index.csv", "manifest.json"}) {
    listed.push_back({name, toHex(sha256OfFile(versionPath(name))), 0});
  }
  putBytes(versionPath("SHA256SUMS"), checksumText(listed));
  EXPECT_TRUE(checkVersion(versionPath(""), {}, context_).passed());
  expectCheckFails("content", "data/noise.h5", true);
  // Reproducing makes the right content, whose bytes the forged manifest does not expect.
  const ReproduceReport report = reproduce(versionPath("manifest.json"));
  EXPECT_TRUE(report.files[0].passed());
  EXPECT_TRUE(report.files[1].sameContent);
  EXPECT_FALSE(report.files[1].passed());
}

TEST_F(Publish, RepackedFilesPassByContentAlone) {
  if (std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) GTEST_SKIP() << "no h5py here";
  publish("1.0.0");
  // What h5repack does: the same datasets and attributes, stored otherwise.
  putBytes(directory_ / "repack.py",
           "import h5py, sys\n"
           "a, b = h5py.File(sys.argv[1], 'r'), h5py.File(sys.argv[2], 'w')\n"
           "for k, v in a.attrs.items(): b.attrs[k] = v\n"
           "for k in a: b.create_dataset(k, data=a[k][()], **eval(sys.argv[3]))\n");
  for (const char* storage : {"{'compression': 9}", "{}", "{'compression': 4, 'shuffle': True}", "{'chunks': True}"}) {
    const std::string path = versionPath("data/noise.h5");
    const std::string packed = directory_ / "packed.h5";
    const std::string command = "/usr/bin/python3 " + (directory_ / "repack.py") + " " + path + " " + packed;
    ASSERT_EQ(std::system((command + " \"" + storage + "\"").c_str()), 0);
    fs::rename(packed, path);
    expectCheckFails("bytes", "data/noise.h5");
    const CheckReport report = checkVersion(versionPath(""), contentToo(), context_);
    EXPECT_TRUE(report.passed()) << storage << ": " << report.firstFailure()->detail;
  }
}

TEST_F(Publish, ADirectoryThatIsNoVersionIsAnError) {
  expectError(ErrorKind::BadFile, "no published version", [&] { checkVersion(directory_.path(), {}, context_); });
  publish("1.0.0");
}

TEST_F(Publish, DamagedChecksumsAreNamed) {
  publish("1.0.0");
  const std::string good = bytesOf(versionPath("SHA256SUMS"));
  const std::string aDigest(64, 'a');
  for (const std::string& line :
       {aDigest + "  ../../etc/passwd\n", aDigest + "  /etc/passwd\n", std::string("nonsense\n"),
        aDigest + " one-space\n", good.substr(0, good.find('\n') + 1)}) {
    putBytes(versionPath("SHA256SUMS"), good + line);
    expectCheckFails("bytes", "SHA256SUMS");
  }
  putBytes(versionPath("SHA256SUMS"), good.substr(0, good.size() - 1));
  expectCheckFails("bytes", "SHA256SUMS");
  // A line that is missing, of a file that every version has, the file with it.
  for (const char* gone : {"README.md", "croissant.json", "datacite.json", "manifest.json"}) {
    const std::size_t at = good.find(std::string("  ") + gone) - 64;
    putBytes(versionPath("SHA256SUMS"), good.substr(0, at) + good.substr(good.find('\n', at) + 1));
    const std::string bytes = bytesOf(versionPath(gone));
    fs::remove(versionPath(gone));
    if (std::string(gone) != "manifest.json") expectCheckFails("missing", "SHA256SUMS");
    EXPECT_FALSE(checkVersion(versionPath(""), {}, context_).passed()) << gone;
    putBytes(versionPath(gone), bytes);
  }
  // The manifest and the file agree: the line is what was changed.
  std::string forged = good;
  const std::size_t digit = good.find("  index.csv") - 1;
  forged[digit] = forged[digit] == '0' ? '1' : '0';
  putBytes(versionPath("SHA256SUMS"), forged);
  expectCheckFails("bytes", "SHA256SUMS");
}

TEST_F(Publish, ReproducesFromTheManifestAlone) {
  settings_.manifestsDirectory = directory_ / "manifests";
  publish("1.0.0");
  const std::string copy = directory_ / "manifests/toy-set/1.0.0.json";
  EXPECT_EQ(bytesOf(copy), bytesOf(versionPath("manifest.json")));
  fs::remove_all(settings_.directory);
  const ReproduceReport report = reproduce(copy);
  ASSERT_EQ(report.files.size(), 2u);
  EXPECT_TRUE(report.passed());
  for (const ReproducedFile& file : report.files) {
    EXPECT_TRUE(file.sameContent);
    EXPECT_TRUE(file.bytesExpected);
    EXPECT_TRUE(file.sameBytes) << file.path;
  }
  expectError(ErrorKind::CannotWrite, "exists already", [&] { reproduce(copy); });
}

TEST_F(Publish, ReproducesWhateverTheChunks) {
  WriteSettings writing;
  writing.imagesPerChunk = 2;
  writing.overwrite = Overwrite::Replace;
  writeImageFile(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=3"), directory_ / "noise.h5", writing, context_);
  EXPECT_EQ(publish("1.0.0").manifest.files.at(1).imagesPerChunk, 2u);
  const ReproduceReport report = reproduce(versionPath("manifest.json"), "again");
  ASSERT_EQ(report.files.size(), 2u);
  for (const ReproducedFile& file : report.files) EXPECT_TRUE(file.bytesExpected && file.sameBytes) << file.path;

  Json manifest = Json::parse(bytesOf(versionPath("manifest.json")));
  manifest["reproduces"]["files"][1]["images_per_chunk"] = 1 << 20;
  putBytes(versionPath("manifest.json"), manifest.dump(2));
  expectError(ErrorKind::BadFile, "images_per_chunk", [&] { reproduce(versionPath("manifest.json"), "huge"); });
}

TEST_F(Publish, ReproducesTheChunksOfManifestsThatDoNotRecordThem) {
  WriteSettings writing;
  writing.imagesPerChunk = 96 * 1024 / (16 * 16 * 3);
  writing.overwrite = Overwrite::Replace;
  writeImageFile(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=3"), directory_ / "noise.h5", writing, context_);
  publish("1.0.0");
  Json manifest = Json::parse(bytesOf(versionPath("manifest.json")));
  EXPECT_EQ(manifest["reproduces"]["files"][0]["images_per_chunk"], 24 * 1024 / (16 * 16 * 3));
  EXPECT_EQ(manifest["reproduces"]["files"][1].erase("images_per_chunk"), 1u);
  putBytes(versionPath("manifest.json"), manifest.dump(2));
  const ReproduceReport report = reproduce(versionPath("manifest.json"), "again");
  ASSERT_EQ(report.files.size(), 2u);
  for (const ReproducedFile& file : report.files) EXPECT_TRUE(file.bytesExpected && file.sameBytes) << file.path;
}

TEST_F(Publish, ReproduceNamesTheFirstDifference) {
  publish("1.0.0");
  Json manifest = Json::parse(bytesOf(versionPath("manifest.json")));
  manifest["reproduces"]["files"][1]["settings"]["seed"] = "4";
  putBytes(versionPath("manifest.json"), manifest.dump(2));
  const ReproduceReport beside = reproduce(versionPath("manifest.json"), "beside");
  EXPECT_FALSE(beside.passed());
  EXPECT_TRUE(beside.files[0].passed());
  const std::shared_ptr<const ImageFile> published = openImageFile(versionPath("data/noise.h5"));
  std::vector<std::uint8_t> a(published->info().shape.bytes()), b(a.size());
  rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=4")->read(0, a.data());
  published->read(0, b.data());
  const auto at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
  EXPECT_EQ(beside.files[1].difference, "images row 0, y " + std::to_string(at / 48) + ", x " +
                                            std::to_string(at / 3 % 16) + ", channel " + std::to_string(at % 3) + ": " +
                                            std::to_string(a[at]) + " instead of " + std::to_string(b[at]));

  fs::copy_file(versionPath("manifest.json"), directory_ / "alone.json");
  EXPECT_EQ(reproduce(directory_ / "alone.json", "alone").files[1].difference,
            "first among rows 0 to 599; the original is the same, the variant differs");
}

TEST_F(Publish, ModifiedFilesTakeTheirPsiAlong) {
  const std::string psi = directory_ / "psi.h5";
  testing::randomPsi(openSource(kDataset), 1).save(psi, Overwrite::Refuse);
  write(*rowsOf(std::string(kDataset) + "+modified:psi=" + psi), "modified.h5");
  settings_.files.push_back(directory_ / "modified.h5");
  expectError(ErrorKind::Usage, "not among the given ones", [&] { publish("1.0.0"); });
  settings_.psi = {psi};
  settings_.manifestsDirectory = directory_ / "manifests";
  const Manifest manifest = publish("1.0.0").manifest;
  const std::string sha256 = toHex(sha256OfFile(psi));
  EXPECT_EQ(manifest.psi[0].path, "psi/psi-" + sha256.substr(0, 12) + ".h5");
  EXPECT_EQ(manifest.files[2].settings.at("psi_sha256"), sha256);
  EXPECT_EQ(manifest.verification["data/modified.h5"]["budget_levels"], 25);
  EXPECT_GT(manifest.verification["data/modified.h5"]["statistics"]["linf_levels"], 0);
  EXPECT_TRUE(checkVersion(versionPath(""), contentToo(), context_).passed());

  // psi beside the version's manifest, and beside the copy.
  fs::remove(psi);
  EXPECT_TRUE(reproduce(versionPath("manifest.json"), "one").passed());
  const std::string copy = directory_ / "manifests/toy-set/1.0.0.json";
  fs::rename(settings_.directory, directory_ / "gone");
  EXPECT_TRUE(reproduce(copy, "two").passed());
  // Nowhere; another one in its place; and given by hand.
  const std::string beside = directory_ / ("manifests/toy-set/" + manifest.psi[0].path);
  fs::rename(beside, psi);
  expectError(ErrorKind::BadFile, "is not here", [&] { reproduce(copy, "three"); });
  testing::randomPsi(openSource(kDataset), 2).save(beside, Overwrite::Refuse);
  expectError(ErrorKind::BadFile, "is not the psi.h5 that the manifest names", [&] { reproduce(copy, "three"); });
  ReproduceSettings byHand;
  byHand.manifest = copy;
  byHand.output = directory_ / "three";
  byHand.psi = {psi};
  EXPECT_TRUE(reproduceVersion(byHand, context_).passed());
}

TEST_F(Publish, ManifestsThatDoNotFitTogetherAreErrors) {
  publish("1.0.0");
  const std::string text = bytesOf(versionPath("manifest.json"));
  auto spoiled = [&](const std::function<void(Json&)>& spoil) {
    Json manifest = Json::parse(text);
    spoil(manifest);
    putBytes(directory_ / "bad.json", manifest.dump());
    return directory_ / "bad.json";
  };
  auto file = [](Json& manifest) -> Json& { return manifest["reproduces"]["files"][1]; };
  const std::vector<std::pair<std::string, std::function<void(Json&)>>> cases{
      {"'version' is not X.Y.Z", [](Json& m) { m["version"] = "1.0"; }},
      {"kind", [](Json& m) { m["kind"] = "other"; }},
      {"schema 3", [](Json& m) { m["schema_version"] = 3; }},
      {"schema 0", [](Json& m) { m["schema_version"] = 0; }},
      {"row blocks for 600 images", [&](Json& m) { file(m)["row_blocks"]["sha256"].push_back(std::string(64, 'a')); }},
      {"not a SHA-256", [&](Json& m) { file(m)["row_blocks"]["sha256"][0] = "x"; }},
      {"not of 4096 rows", [&](Json& m) { file(m)["row_blocks"]["rows"] = 64; }},
      {"'name' is not a text", [](Json& m) { m["name"] = 3; }},
      {"names no files", [](Json& m) { m["reproduces"]["files"] = Json::array(); }},
      {"'reproduces' is missing", [](Json& m) { m.erase("reproduces"); }},
      {"not a plain relative", [&](Json& m) { file(m)["path"] = "../../x.h5"; }},
      {"not a plain relative", [&](Json& m) { file(m)["path"] = "/x.h5"; }},
      {"not a SHA-256", [&](Json& m) { file(m)["content_root"] = "abc"; }},
      {"'shape' is not [H,W,C]",
       [&](Json& m) {
         file(m)["shape"] = {16, 16};
       }},
      {"'images' is not a number", [&](Json& m) { file(m)["images"] = -1; }},
      {"list of rows is damaged", [&](Json& m) { file(m)["rows"] = "5:3"; }},
      {"list of rows is damaged", [&](Json& m) { file(m)["rows"] = "0:99999999999"; }},
      {"does not fit together", [&](Json& m) { file(m)["rows"] = "0:7"; }},
      {"does not fit together", [&](Json& m) { file(m)["factors"][0]["size"] = 9; }},
      {"psi.h5 with SHA-256 aaaaaaaaaaaa", [&](Json& m) {
         file(m)["variant"] = "modified";
         file(m)["settings"]["psi_sha256"] = std::string(64, 'a');
       }}};
  for (const auto& [part, spoil] : cases) {
    const std::string path = spoiled(spoil);
    expectError(ErrorKind::BadFile, part, [&] { reproduce(path, "never"); });
  }
  expectError(ErrorKind::BadFile, "unknown variant 'odd'",
              [&] { reproduce(spoiled([&](Json& m) { file(m)["variant"] = "odd"; }), "never"); });
  putBytes(directory_ / "bad.json", "{");
  expectError(ErrorKind::BadFile, "not JSON", [&] { reproduce(directory_ / "bad.json", "never"); });
  EXPECT_FALSE(fs::exists(directory_ / "never"));
}

TEST_F(Publish, VersionsAreNeverOverwritten) {
  publish("1.0.0");
  expectError(ErrorKind::CannotWrite, "published already", [&] { publish("1.0.0"); });
}

TEST_F(Publish, TheNumberFollowsFromTheChange) {
  publish("1.0.0");
  expectError(ErrorKind::Usage, "publish them as 1.0.1", [&] { publish("1.1.0"); });
  expectError(ErrorKind::Usage, "publish them as 1.0.1", [&] { publish("2.0.0"); });
  publish("1.0.1");

  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=4"), "noise4.h5");
  settings_.files.push_back(directory_ / "noise4.h5");
  expectError(ErrorKind::Usage, "publish them as 1.1.0", [&] { publish("1.0.2"); });
  publish("1.1.0");

  settings_.files.pop_back();  // a file goes
  expectError(ErrorKind::Usage, "publish them as 2.0.0", [&] { publish("1.2.0"); });
  publish("2.0.0");

  // The old rows and more of them.
  const char* more = "0:600,1000:1100";
  write(*rowsOf(kDataset, more), "x.h5");
  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=3", more), "noise.h5");
  expectError(ErrorKind::Usage, "publish them as 2.1.0", [&] { publish("3.0.0"); });
  publish("2.1.0");

  // As many rows, but others.
  const char* others = "1:601,1000:1100";
  write(*rowsOf(kDataset, others), "x.h5");
  write(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=3", others), "noise.h5");
  expectError(ErrorKind::Usage, "publish them as 3.0.0", [&] { publish("2.2.0"); });
}

TEST_F(Publish, WhatIsNotPreservedIsNotPublished) {
  testing::MemorySource wrong(*openImageFile(directory_ / "noise.h5"));
  wrong.image(123)[0] ^= 0x80;
  write(wrong, "noise.h5");
  expectError(ErrorKind::BadFile, "check 'budget' at index 123", [&] { publish("1.0.0"); });
  write(*rowsOf("xysquares:spacing=2,size=16+noise:eps=0.1,seed=3"), "noise.h5");
  settings_.original = kDataset;
  expectError(ErrorKind::BadFile, "not preserved", [&] { publish("1.0.0"); });
  settings_.original.clear();
  // Within the budget, but not what the recorded seed gives: nobody could regenerate it.
  testing::MemorySource touched(*rowsOf(std::string(kDataset) + "+noise:eps=0.1,seed=3"));
  touched.image(77)[0] = static_cast<std::uint8_t>(touched.image(77)[0] > 0 ? touched.image(77)[0] - 1 : 1);
  write(touched, "noise.h5");
  expectError(ErrorKind::BadFile, "regenerate", [&] { publish("1.0.0"); });
  testing::MemorySource notOriginal(*openImageFile(directory_ / "x.h5"));
  notOriginal.image(5)[0] ^= 1;
  write(notOriginal, "x.h5");
  expectError(ErrorKind::BadFile, "is not xysquares:spacing=1,size=16", [&] { publish("1.0.0"); });
  EXPECT_FALSE(fs::exists(settings_.directory + "/toy-set"));
}

TEST_F(Publish, BadRequestsSayWhatToDo) {
  settings_.name = "Upper";
  expectError(ErrorKind::Usage, "cannot name a published set", [&] { publish("1.0.0"); });
  settings_.name = "../up";
  expectError(ErrorKind::Usage, "cannot name a published set", [&] { publish("1.0.0"); });
  settings_.name = "toy-set";
  for (const char* version : {"1", "1.0", "01.0.0", "1.0.0-rc1", "-1.0.0", "1.0.0.0", "", "1..0", "99999999999.0.0"}) {
    expectError(ErrorKind::Usage, "is no version", [&] { publish(version); });
  }
  settings_.psi = {directory_ / "x.h5"};
  expectError(ErrorKind::Usage, "no file was made with", [&] { publish("1.0.0"); });
  settings_.psi.clear();
  settings_.evidence = {directory_ / "x.h5"};
  expectError(ErrorKind::BadFile, "no results.json", [&] { publish("1.0.0"); });
  settings_.evidence.clear();
  settings_.files.push_back(directory_ / "x.h5");
  expectError(ErrorKind::Usage, "two files are named", [&] { publish("1.0.0"); });
  settings_.files = {directory_ / "none.h5"};
  expectError(ErrorKind::BadFile, "none.h5", [&] { publish("1.0.0"); });
  write(*rowsOf("xysquares:spacing=1,size=16", "0:10"), "few.h5");
  settings_.files = {directory_ / "x.h5", directory_ / "few.h5"};
  expectError(ErrorKind::Usage, "other factors or rows", [&] { publish("1.0.0"); });
  putBytes(directory_ / "published", "a file in the way");
  settings_.files = {directory_ / "x.h5"};
  EXPECT_THROW(publish("1.0.0"), Error);
}

TEST_F(Publish, EvidenceIsEmbedded) {
  evidence("xysquares:spacing=1", {"xysquares:spacing=1,size=8"});
  const Manifest manifest = publish("1.0.0").manifest;
  EXPECT_EQ(manifest.evidence[0]["summary"][0]["drop"], 0.25);
  EXPECT_EQ(manifest.evidence[0]["sha256"], toHex(sha256OfFile(directory_ / "results.json")));
  EXPECT_EQ(manifest.evidence[0]["sources"].size(), 1u);
  EXPECT_EQ(manifest.evidence[0]["sources"]["arm 0"], "xysquares:spacing=1,size=8");
  EXPECT_FALSE(manifest.evidence[0]["configuration"].contains("table"));
}

TEST_F(Publish, EvidenceOfOtherDataIsRefused) {
  for (const char* other : {"xysquares:spacing=2", "xysquares:spacing=1,size=16", "xysquares", "shapes3d-r"}) {
    evidence(other, {other});
    expectError(ErrorKind::BadFile, std::string("has scores of \"") + other + "\", not of xysquares:spacing=1",
                [&] { publish("1.0.0"); });
  }
  evidence("xysquares:spacing=1", {"xysquares:spacing=2,size=8"});
  expectError(ErrorKind::BadFile, "has no source of xysquares:spacing=1", [&] { publish("1.0.0"); });
  evidence("xysquares:spacing=1", {});
  expectError(ErrorKind::BadFile, "it has no sources", [&] { publish("1.0.0"); });
  // Further sources do no harm where nothing was made with psi.
  evidence("xysquares:spacing=1", {"xysquares:spacing=1", modified(std::string(64, 'a'))});
  publish("1.0.0");
}

TEST_F(Publish, EvidenceOfOtherRowsOrGivenTwiceIsRefused) {
  evidence("xysquares:spacing=1", {"xysquares:spacing=1,size=8"});
  Json results = Json::parse(bytesOf(directory_ / "results.json"));
  results["sources"]["arm 0"]["definition"] = "original";  // all of the grid; published is a part of it
  putBytes(directory_ / "results.json", results.dump());
  expectError(ErrorKind::BadFile, "other images of the factor grid", [&] { publish("1.0.0"); });
  results["sources"]["arm 0"]["definition"] = sourceDefinition(*rowsOf(kDataset));
  putBytes(directory_ / "results.json", results.dump());
  settings_.evidence.push_back(directory_ / "copy.json");
  putBytes(directory_ / "copy.json", results.dump());
  expectError(ErrorKind::BadFile, "copy.json' is evidence that is given already as", [&] { publish("1.0.0"); });
  settings_.evidence.pop_back();
  publish("1.0.0");
}

TEST_F(Publish, EvidenceWithoutScoresIsRefused) {
  evidence("xysquares:spacing=1", {"xysquares:spacing=1"});
  Json results = Json::parse(bytesOf(directory_ / "results.json"));
  for (const Json& summary : {Json("x"), Json::array(), Json{{1}}}) {
    results["summary"] = summary;
    putBytes(directory_ / "results.json", results.dump());
    expectError(ErrorKind::BadFile, "is no results.json", [&] { publish("1.0.0"); });
  }
}

TEST_F(Publish, EvidenceHasToBeOfThePublishedPsi) {
  const std::string psi = directory_ / "psi.h5";
  testing::randomPsi(openSource(kDataset), 1).save(psi, Overwrite::Refuse);
  write(*rowsOf(std::string(kDataset) + "+modified:psi=" + psi), "modified.h5");
  settings_.files.push_back(directory_ / "modified.h5");
  settings_.psi = {psi};
  evidence("xysquares:spacing=1", {"xysquares:spacing=1", modified(std::string(64, 'a'))});
  expectError(ErrorKind::BadFile, "of perturbed sets, but of none", [&] { publish("1.0.0"); });
  evidence("xysquares:spacing=1", {"xysquares:spacing=1"});
  expectError(ErrorKind::BadFile, "modified.h5' is modified by psi.h5", [&] { publish("1.0.0"); });
  std::string control = modified(toHex(sha256OfFile(psi)));  // of this psi, and not what is published
  control.replace(control.find("modified"), 8, "separable");
  evidence("xysquares:spacing=1", {control});
  expectError(ErrorKind::BadFile, "of perturbed sets, but of none", [&] { publish("1.0.0"); });
  evidence("xysquares:spacing=1", {modified(std::string(64, 'a')), modified(toHex(sha256OfFile(psi)))});
  publish("1.0.0");
}

// What was published before these rules, with the results.json that are still here.
TEST(Evidence, OfTheCommittedManifestsIsAccepted) {
  const std::string root = OFFAXIS_SOURCE_DIR;
  std::map<std::string, std::string> results;  // by SHA-256
  for (const auto& entry : fs::recursive_directory_iterator(root + "/results")) {
    if (entry.path().filename() == "results.json") results[toHex(sha256OfFile(entry.path()))] = entry.path();
  }
  int accepted = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root + "/manifests")) {
    if (entry.path().extension() != ".json") continue;
    const Manifest manifest = readManifest(entry.path());
    std::vector<Candidate> candidates;
    for (const PublishedFile& file : manifest.files) candidates.push_back({file.file.path, file.file.sha256, {}, file});
    for (const Json& evidence : manifest.evidence) {
      const auto found = results.find(evidence.at("sha256").get<std::string>());
      if (found == results.end()) continue;
      EXPECT_NO_THROW(readEvidence({found->second}, candidates)) << entry.path();
      ++accepted;
    }
  }
  EXPECT_GE(accepted, 6);
}

TEST_F(Publish, AddressesAndLicencesAreHeldToTheirForm) {
  for (const char* url :
       {"not a url", "javascript:alert(1)", "https://", "https:// x", "ftp://a.org", "https://a.org/\n"}) {
    settings_.url = url;
    expectError(ErrorKind::Usage, "no address", [&] { publish("1.0.0"); });
  }
  settings_.url = "https://example.org/sets/toy?v=1";
  for (const char* license : {"do what you want", "javascript:alert(1)", "", "-MIT", "https://spdx.org licences"}) {
    settings_.license = license;
    expectError(ErrorKind::Usage, "SPDX", [&] { publish("1.0.0"); });
  }
  for (const char* license : {"foo", "Apache-3.0"}) {
    settings_.license = license;
    expectError(ErrorKind::Usage, "that this program knows", [&] { publish("1.0.0"); });
  }
  settings_.license = "cc-by-4.0";
  try {
    publish("1.0.0");
    ADD_FAILURE() << "SPDX spells it otherwise";
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "give --license CC-BY-4.0");
  }
  settings_.license = "https://spdx.org/licenses/Appache-9.html";  // an address that may be right, but no identifier
  publish("1.0.0");
  EXPECT_EQ(bytesOf(versionPath("datacite.json")).find("rightsIdentifier"), std::string::npos);
  EXPECT_NE(bytesOf(versionPath("README.md")).find("\nlicense: other\n"), std::string::npos);
  fs::remove_all(settings_.directory);
  settings_.license = "MIT";
  settings_.description = "one\ntwo";
  expectError(ErrorKind::Usage, "--description 'one\ntwo' holds a line break", [&] { publish("1.0.0"); });
  settings_.description.clear();
  publish("1.0.0");
  const Json croissant = Json::parse(bytesOf(versionPath("croissant.json")));
  EXPECT_EQ(croissant["url"], "https://example.org/sets/toy?v=1");
  EXPECT_EQ(croissant["license"], "https://spdx.org/licenses/MIT.html");
  const Json rights = Json::parse(bytesOf(versionPath("datacite.json")))["rightsList"][0];
  EXPECT_EQ(rights["rightsUri"], "https://spdx.org/licenses/MIT.html");
  EXPECT_EQ(rights["rightsIdentifier"], "MIT");
  EXPECT_NE(bytesOf(versionPath("README.md")).find("\nlicense: mit\n"), std::string::npos);
}

TEST_F(Publish, FilesThatHoldAnIndexTwiceAreRefused) {
  write(*rowsOf(kDataset, "0:5,3,9"), "twice.h5");
  settings_.files = {directory_ / "twice.h5"};
  expectError(ErrorKind::BadFile, "twice.h5' holds index 3 twice, in rows 3 and 5", [&] { publish("1.0.0"); });
}

TEST_F(Publish, SizesAreThoseOfTheFiles) {
  write(*rowsOf("xysquares:spacing=1,size=32"), "large.h5");
  settings_.files.push_back(directory_ / "large.h5");
  publish();
  const Json sizes = Json::parse(bytesOf(versionPath("datacite.json"))).at("sizes");
  ASSERT_EQ(sizes.size(), 3u) << sizes;
  EXPECT_EQ(sizes[0], "600 images of 16x16x3 in each of 2 files");
  EXPECT_EQ(sizes[1], "600 images of 32x32x3 in one file");
}

TEST(Manifest, RowsAreRanges) {
  EXPECT_EQ(rowsFromText("0:3,7,5:6", 8), (std::vector<std::uint64_t>{0, 1, 2, 7, 5}));
  for (const char* bad : {"", "1:", ":2", "2:1", "3:3", "8", "0:9", "a", "1,,2", "1,", "-1", "0:8,0:8"}) {
    expectError(ErrorKind::BadFile, "rows is damaged", [&] { rowsFromText(bad, 8); });
  }
  const SourcePtr all = openSource("xysquares:spacing=1,size=16");
  EXPECT_EQ(rowsText(*all), "");
  EXPECT_EQ(rowsText(*subset(all, {4, 5, 6, 1, 9, 10})), "4:7,1,9:11");
}

// All rows in another order would be taken for all rows in the grid's.
TEST(Manifest, AllRowsInAnotherOrderAreRefused) {
  PublishedFile file;
  file.dataset = "xysquares:spacing=1";
  file.variant = "original";
  file.reduction = 1;
  file.shape = openSource(file.dataset)->info().shape;
  file.rows = "1:5,0";
  EXPECT_EQ(openOriginal(file, "")->size(), 5u);
  file.rows = "1:262144,0";
  expectError(ErrorKind::BadFile, "rows is damaged", [&] { openOriginal(file, ""); });
}

TEST(Manifest, SafePaths) {
  for (const char* good : {"a", "data/x.h5", "a-b_c+d.e/f"}) EXPECT_TRUE(isSafePath(good)) << good;
  for (const char* bad :
       {"", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a b", "a\nb", "-x", "a/-x", "\\", "a:b"}) {
    EXPECT_FALSE(isSafePath(bad)) << bad;
  }
}

TEST(SemVer, OrdersAndSteps) {
  SemVer version;
  EXPECT_TRUE(parseSemVer("1.0.999999999", version));
  EXPECT_FALSE(parseSemVer("1.0.1000000000", version));
  EXPECT_FALSE(parseSemVer("1.0.4294967295", version)) << "one more would wrap";
  ASSERT_TRUE(parseSemVer("1.20.3", version));
  EXPECT_EQ(toString(version), "1.20.3");
  EXPECT_EQ(toString(nextVersion(version, Change::Patch)), "1.20.4");
  EXPECT_EQ(toString(nextVersion(version, Change::Minor)), "1.21.0");
  EXPECT_EQ(toString(nextVersion(version, Change::Major)), "2.0.0");
  EXPECT_TRUE((SemVer{1, 9, 0} < SemVer{1, 10, 0}));
}

}  // namespace
}  // namespace offaxis
