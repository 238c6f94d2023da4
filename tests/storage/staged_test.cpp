#include "storage/staged.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "storage/hash.h"
#include "storage/temporary.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;
using testing::bytesOf;
using testing::expectError;
using testing::putBytes;
using testing::TemporaryDirectory;

TEST(Staged, AppearsOnCommitAlone) {
  const TemporaryDirectory directory;
  const std::string target = directory / "out.bin";
  {
    StagedFile staged(target, Overwrite::Refuse);
    EXPECT_EQ(directory.entries(), 0U) << "nothing is created by staging itself";
    EXPECT_EQ(fs::path(staged.path()).parent_path(), directory.path());
    EXPECT_EQ(fs::path(staged.path()).filename().string().rfind(".out.bin.partial-", 0), 0U);
    putBytes(staged.path(), "abc");
    EXPECT_FALSE(fs::exists(target));
    staged.commit();
    EXPECT_EQ(bytesOf(target), "abc");
  }
  EXPECT_EQ(directory.entries(), 1U);
}

TEST(Staged, UncommittedLeavesNothing) {
  const TemporaryDirectory directory;
  {
    StagedFile staged(directory / "out", Overwrite::Refuse);
    putBytes(staged.path(), "abc");
  }
  {
    StagedDirectory staged(directory / "version");
    putBytes(staged.path() + "/file", "abc");
  }
  EXPECT_EQ(directory.entries(), 0U);
}

TEST(Staged, ReplacesOnlyWhenAsked) {
  const TemporaryDirectory directory;
  const std::string target = directory / "out";
  putBytes(target, "old");
  expectError(ErrorKind::CannotWrite, "exists already", [&] { StagedFile(target, Overwrite::Refuse); });
  expectError(ErrorKind::CannotWrite, "exists already", [&] { writeTextFile(target, "new", Overwrite::Refuse); });
  EXPECT_EQ(bytesOf(target), "old");
  writeTextFile(target, "new", Overwrite::Replace);
  EXPECT_EQ(readTextFile(target), "new");
}

// Not even when asked: a version never changes.
TEST(Staged, FilesOfAPublishedVersionAreNotReplaced) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "data");
  for (const char* name : {"SHA256SUMS", "data/x.h5"}) putBytes(directory / name, "old");
  writeTextFile(directory / "data/x.h5", "new", Overwrite::Replace);
  putBytes(directory / "manifest.json", "{}");
  fs::create_directory_symlink(directory / "data", directory / "link");
  for (const char* name : {"SHA256SUMS", "data/x.h5", "link/x.h5"}) {
    const std::string before = bytesOf(directory / name);
    expectError(ErrorKind::CannotWrite, "published version",
                [&] { writeTextFile(directory / name, "newer", Overwrite::Replace); });
    EXPECT_EQ(bytesOf(directory / name), before);
  }
}

TEST(Staged, ATargetThatAppearsMeanwhileIsKept) {
  const TemporaryDirectory directory;
  const std::string target = directory / "out";
  {
    StagedFile staged(target, Overwrite::Refuse);
    putBytes(staged.path(), "mine");
    putBytes(target, "theirs");
    expectError(ErrorKind::CannotWrite, "appeared meanwhile", [&] { staged.commit(); });
  }
  EXPECT_EQ(bytesOf(target), "theirs");
  {
    StagedDirectory staged(directory / "version");
    fs::create_directory(directory / "version");
    expectError(ErrorKind::CannotWrite, "appeared meanwhile", [&] { staged.commit(); });
  }
  EXPECT_TRUE(fs::is_empty(directory / "version"));
  EXPECT_EQ(directory.entries(), 2U);
}

TEST(Staged, DirectoriesAppearWhole) {
  const TemporaryDirectory directory;
  {
    StagedDirectory staged((directory / "1.0.0") + "/");
    fs::create_directory(staged.path() + "/data");
    putBytes(staged.path() + "/data/a", "abc");
    staged.commit();
  }
  EXPECT_EQ(bytesOf(directory / "1.0.0/data/a"), "abc");
  expectError(ErrorKind::CannotWrite, "exists already", [&] { StagedDirectory(directory / "1.0.0"); });
  EXPECT_EQ(directory.entries(), 1U);
}

TEST(Staged, OneTargetOneWriter) {
  const TemporaryDirectory directory;
  const StagedFile first(directory / "out", Overwrite::Refuse);
  expectError(ErrorKind::CannotWrite, "being written", [&] { StagedFile(directory / "out", Overwrite::Refuse); });
}

TEST(Staged, LeftoversOfTheDeadAreRemovedAndOthersKept) {
  const TemporaryDirectory directory;
  const std::string target = directory / "out";
  const pid_t child = ::fork();
  if (child == 0) {
    auto* staged = new StagedFile(target, Overwrite::Refuse);  // never destroyed: the process is killed
    putBytes(staged->path(), "half");
    ::raise(SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(directory.entries(), 1U);
  EXPECT_FALSE(fs::exists(target));

  const std::string stale = (*fs::directory_iterator(directory.path())).path().string();
  const std::string prefix = stale.substr(0, stale.rfind('-') + 1);
  putBytes(stale + ".tmp", "a library's own");
  putBytes(prefix + "1", "init is alive");
  putBytes(prefix + "x", "not a process");
  putBytes(directory / (".out.partial-elsewhere-" + std::to_string(child)), "another host's");
  putBytes(directory / (".other" + stale.substr(stale.find(".partial"))), "another target's");
  {
    StagedFile staged(target, Overwrite::Refuse);
    putBytes(staged.path(), "whole");
    staged.commit();
  }
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_FALSE(fs::exists(stale + ".tmp"));
  EXPECT_EQ(bytesOf(target), "whole");
  EXPECT_EQ(directory.entries(), 5U);
}

TEST(Staged, SaysWhyATargetCannotBeWritten) {
  const TemporaryDirectory directory;
  expectError(ErrorKind::CannotWrite, "No such file", [&] { StagedFile(directory / "none/out", Overwrite::Replace); });
  expectError(ErrorKind::CannotWrite, "is a directory", [&] { StagedFile(directory.path(), Overwrite::Replace); });
  expectError(ErrorKind::CannotWrite, "regular file", [&] { StagedFile("/dev/null", Overwrite::Replace); });
  expectError(ErrorKind::CannotWrite, "names no file", [&] { StagedFile("", Overwrite::Replace); });
  expectError(ErrorKind::CannotWrite, "is a directory",
              [&] { StagedFile(directory.path() + "/", Overwrite::Replace); });
  putBytes(directory / "file", "");
  expectError(ErrorKind::CannotWrite, "is not a directory",
              [&] { StagedFile(directory / "file/out", Overwrite::Replace); });
  expectError(ErrorKind::CannotWrite, "name too long",
              [&] { writeTextFile(directory / std::string(250, 'n'), "x", Overwrite::Refuse); });
  StagedFile staged(directory / "never", Overwrite::Refuse);
  expectError(ErrorKind::CannotWrite, "never", [&] { staged.commit(); });
  // /proc refuses new files even to root.
  expectError(ErrorKind::CannotWrite, "/proc", [] { writeTextFile("/proc/offaxis", "x", Overwrite::Refuse); });
}

TEST(Staged, AReadOnlyDirectoryIsAnError) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  const TemporaryDirectory directory;
  fs::permissions(directory.path(), fs::perms::owner_read | fs::perms::owner_exec);
  expectError(ErrorKind::CannotWrite, "Permission denied", [&] { StagedFile(directory / "out", Overwrite::Refuse); });
  fs::permissions(directory.path(), fs::perms::owner_all);
}

TEST(Staged, LinksAreWrittenThrough) {
  const TemporaryDirectory directory;
  putBytes(directory / "real", "old");
  fs::create_symlink("real", directory / "link");
  writeTextFile(directory / "link", "new", Overwrite::Replace);
  EXPECT_TRUE(fs::is_symlink(directory / "link"));
  EXPECT_EQ(bytesOf(directory / "real"), "new");
}

TEST(Staged, TextFilesHaveALimit) {
  const TemporaryDirectory directory;
  writeTextFile(directory / "t", std::string(100000, 'x'), Overwrite::Refuse);
  EXPECT_EQ(readTextFile(directory / "t", 100000).size(), 100000U);
  expectError(ErrorKind::BadFile, "larger than 99999", [&] { readTextFile(directory / "t", 99999); });
  expectError(ErrorKind::BadFile, "No such file", [&] { readTextFile(directory / "none"); });
  expectError(ErrorKind::BadFile, "directory", [&] { readTextFile(directory.path()); });
}

TEST(Staged, OnlyStreamsAreWaitedFor) {
  const TemporaryDirectory directory;
  const std::string pipe = directory / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expectError(ErrorKind::BadFile, "pipe': it is not a regular file", [&] { readTextFile(pipe); });
  expectError(ErrorKind::BadFile, "/dev/null': it is not a regular file", [&] { sha256OfFile("/dev/null"); });
  std::thread writer([&] { std::ofstream(pipe) << "all of it"; });
  EXPECT_EQ(readTextStream(pipe), "all of it");
  writer.join();
  expectError(ErrorKind::BadFile, "No such file", [&] { readTextStream(directory / "none"); });
}

}  // namespace
}  // namespace offaxis
