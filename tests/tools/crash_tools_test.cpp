// emit and publish under kill -9 and on full disks: a final name holds a whole thing or nothing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tools/command.h"

extern char** environ;

namespace offaxis {
namespace {

namespace fs = std::filesystem;
using testing::contentsOf;
using testing::Outcome;
using testing::shell;
using testing::TempDirectory;
using Clock = std::chrono::steady_clock;

constexpr int kKills = 50;
constexpr int kFullDisks = 20;
const std::string kNoise = "emit xysquares:spacing=8,size=32 --variant noise --eps 0.1 --indices 0:6000 --threads 2";

double secondsOf(const std::string& line) {
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(shell(line).code, 0) << line;
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Runs `offaxis <words>` itself, without a shell between, and kills it after `seconds`. False: it was done before.
bool killedAfter(double seconds, const std::string& words) {
  std::vector<std::string> parts{OFFAXIS_BIN_DIR "/offaxis"};
  for (std::size_t begin = 0; begin < words.size();) {
    const std::size_t end = std::min(words.find(' ', begin), words.size());
    if (end > begin) parts.push_back(words.substr(begin, end - begin));
    begin = end + 1;
  }
  std::vector<char*> arguments;
  for (std::string& part : parts) arguments.push_back(part.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  EXPECT_EQ(::posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

// Moments spread over a run that takes `seconds`, each at a random place within its slice, and a little beyond.
std::vector<double> momentsWithin(double seconds) {
  std::mt19937 random(1);
  std::vector<double> moments;
  for (int i = 0; i < kKills; ++i) {
    const double place = (i + std::uniform_real_distribution<double>(0, 1)(random)) / kKills;
    moments.push_back(1.05 * seconds * place);
  }
  return moments;
}

std::vector<std::string> entriesOf(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename().string());
  return names;
}

TEST(Crash, EmitKilledAtAnyMomentLeavesNothingOrAWholeFile) {
  const TempDirectory d;
  const std::string whole = d / "whole.h5";
  // The least of three, as a machine that is busy once would put most kills after the end.
  double seconds = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) seconds = std::min(seconds, secondsOf("offaxis " + kNoise + " --force -o " + whole));
  const std::string bytes = contentsOf(whole);
  fs::create_directory(d / "out");
  const std::string target = d / "out/x.h5";
  int killed = 0, half = 0;
  for (const double moment : momentsWithin(seconds)) {
    killed += killedAfter(moment, kNoise + " -o " + target) ? 1 : 0;
    if (fs::exists(target)) {
      ASSERT_EQ(contentsOf(target), bytes) << "after " << moment << " s";
    } else {
      half += fs::is_empty(d / "out") ? 0 : 1;
    }
    const Outcome again = shell("offaxis " + kNoise + " --force -o " + target);
    ASSERT_EQ(again.code, 0) << again.err;
    ASSERT_EQ(contentsOf(target), bytes);
    ASSERT_EQ(entriesOf(d / "out"), std::vector<std::string>{"x.h5"}) << "a leftover stayed";
    fs::remove(target);
  }
  EXPECT_GT(killed, kKills / 2) << "too few runs were hit to say anything";
  EXPECT_GT(half, 0) << "no run was hit while it wrote";
}

// x.h5 and n.h5 in `directory`, and the words that publish them below it.
std::string preparePublishing(const TempDirectory& d, int rows) {
  const std::string some = " --indices 0:" + std::to_string(rows) + " -o ";
  EXPECT_EQ(shell("offaxis render xysquares:spacing=8,size=32" + some + (d / "x.h5")).code, 0);
  EXPECT_EQ(shell("offaxis emit xysquares:spacing=8,size=32+noise:eps=0.1" + some + (d / "n.h5")).code, 0);
  return "publish --allow-dirty " + (d / "x.h5") + " " + (d / "n.h5") + " --name s --version 1.0.0 --threads 2";
}

TEST(Crash, PublishKilledAtAnyMomentLeavesNothingOrAWholeVersion) {
  const TempDirectory d;
  const std::string words = preparePublishing(d, 3000);
  const auto into = [&](const std::string& where) {
    return words + " -o " + (d / where) + "/published --manifests " + (d / where) + "/manifests";
  };
  const double seconds = secondsOf("offaxis " + into("whole"));
  const std::string version = d / "out/published/s/1.0.0";
  int killed = 0, half = 0, published = 0;
  for (const double moment : momentsWithin(seconds)) {
    killed += killedAfter(moment, into("out")) ? 1 : 0;
    const bool there = fs::exists(version);
    const bool copied = fs::exists(d / "out/manifests/s/1.0.0.json");
    ASSERT_FALSE(copied && !there) << "a manifest of nothing";
    published += there ? 1 : 0;
    half += !there && fs::exists(d / "out/published/s") && !fs::is_empty(d / "out/published/s") ? 1 : 0;
    if (there) {
      ASSERT_EQ(shell("offaxis check --content " + version).code, 0) << "after " << moment << " s";
    }
    // The same again: does it, or completes it, or says that it is done.
    const Outcome again = shell("offaxis " + into("out"));
    ASSERT_EQ(again.code, there && copied ? 4 : 0) << again.err;
    ASSERT_EQ(shell("offaxis check " + version).code, 0);
    ASSERT_EQ(contentsOf(d / "out/manifests/s/1.0.0.json"), contentsOf(version + "/manifest.json"));
    ASSERT_EQ(entriesOf(d / "out/published/s"), std::vector<std::string>{"1.0.0"}) << "a leftover stayed";
    ASSERT_EQ(entriesOf(d / "out/manifests/s"), std::vector<std::string>{"1.0.0.json"}) << "a leftover stayed";
    fs::remove_all(d / "out");
  }
  EXPECT_GT(killed, kKills / 2) << "too few runs were hit to say anything";
  RecordProperty("killed_while_writing", half);
  RecordProperty("killed_after_it_appeared", published);
}

void expectOneClearError(const Outcome& outcome, const std::string& where) {
  EXPECT_EQ(outcome.code, 4) << where << ": " << outcome.err;
  EXPECT_EQ(outcome.err.find("HDF5-DIAG"), std::string::npos) << outcome.err;
  EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 2) << outcome.err;
  EXPECT_NE(outcome.err.find("cannot"), std::string::npos) << outcome.err;
}

std::uint64_t bytesBelow(const std::string& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

// A file system of `kilobytes` of memory is mounted over DIR for one command alone, which needs no rights but user
// namespaces.
Outcome onSmallDisk(const std::string& directory, std::uint64_t kilobytes, const std::string& command) {
  return shell("unshare -rm sh -c 'mount -t tmpfs -o size=" + std::to_string(kilobytes) + "k none " + directory +
               " && { " + command + "; code=$?; find " + directory + " -mindepth 1 -type f; exit $code; }'");
}

bool canMount() {
  const TempDirectory d;
  return onSmallDisk(d.path(), 64, "true").code == 0;
}

TEST(Crash, AFullDiskLeavesNothingOfEmit) {
  if (!canMount()) GTEST_SKIP() << "no user namespaces here; Tools.AFullDiskIsOneClearError limits file sizes instead";
  const TempDirectory d;
  ASSERT_EQ(shell("offaxis " + kNoise + " -o " + (d / "whole.h5")).code, 0);
  const std::uint64_t kilobytes = fs::file_size(d / "whole.h5") / 1024;
  fs::create_directory(d / "disk");
  for (int i = 0; i < kFullDisks; ++i) {
    const std::uint64_t size = 4 + kilobytes * static_cast<std::uint64_t>(i) / kFullDisks;
    const Outcome outcome = onSmallDisk(d / "disk", size, "offaxis " + kNoise + " -o " + (d / "disk/x.h5"));
    expectOneClearError(outcome, std::to_string(size) + " kB");
    EXPECT_NE(outcome.err.find("disk/x.h5'"), std::string::npos) << "the name that was asked for: " << outcome.err;
    EXPECT_NE(outcome.err.find("free some space"), std::string::npos) << outcome.err;
    EXPECT_EQ(outcome.out, "") << "left behind";
  }
  EXPECT_EQ(
      onSmallDisk(d / "disk", 2 * kilobytes + 1000, "offaxis " + kNoise + " -o " + (d / "disk/x.h5") + " >/dev/null")
          .code,
      0);
}

TEST(Crash, AFullDiskLeavesNothingOfPublish) {
  if (!canMount()) GTEST_SKIP() << "no user namespaces here";
  const TempDirectory d;
  const std::string words = preparePublishing(d, 1000);
  ASSERT_EQ(shell("offaxis " + words + " -o " + (d / "whole")).code, 0);
  const std::uint64_t kilobytes = bytesBelow(d / "whole") / 1024;
  fs::create_directory(d / "disk");
  const std::string command =
      "offaxis " + words + " -o " + (d / "disk/published") + " --manifests " + (d / "disk/manifests") + " >/dev/null";
  for (int i = 0; i < kFullDisks; ++i) {
    const std::uint64_t size = 4 + kilobytes * static_cast<std::uint64_t>(i) / kFullDisks;
    const Outcome outcome = onSmallDisk(d / "disk", size, command);
    expectOneClearError(outcome, std::to_string(size) + " kB");
    EXPECT_EQ(outcome.out, "") << "left behind";
  }
  EXPECT_EQ(onSmallDisk(d / "disk", 2 * kilobytes + 1000, command).code, 0);
}

// A limit on file sizes stands in for a full disk where nothing can be mounted.
TEST(Crash, AFileSizeLimitLeavesNothingOfPublish) {
  const TempDirectory d;
  const std::string words = preparePublishing(d, 1000);
  const std::uint64_t blocks = fs::file_size(d / "n.h5") / 512;
  for (int i = 0; i < kFullDisks; ++i) {
    const std::uint64_t limit = blocks * static_cast<std::uint64_t>(i) / kFullDisks;
    // Through a pipe, which the limit does not concern.
    const Outcome outcome =
        shell("( trap '' XFSZ; ulimit -f " + std::to_string(limit) + "; offaxis " + words + " -o " + (d / "published") +
              " --manifests " + (d / "manifests") + " 2>&1 >/dev/null; echo code $? ) | cat >&2");
    EXPECT_NE(outcome.err.find("code 4"), std::string::npos) << limit << ": " << outcome.err;
    EXPECT_NE(outcome.err.find("cannot write"), std::string::npos) << limit << ": " << outcome.err;
    EXPECT_FALSE(fs::exists(d / "published/s/1.0.0")) << limit;
    EXPECT_TRUE(!fs::exists(d / "published/s") || fs::is_empty(d / "published/s")) << limit;
    EXPECT_FALSE(fs::exists(d / "manifests/s/1.0.0.json")) << limit;
  }
}

}  // namespace
}  // namespace offaxis
