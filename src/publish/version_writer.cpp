#include "publish/version_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "storage/descriptor.h"
#include "storage/hash.h"

namespace offaxis {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = std::size_t{1} << 20;

// A new file whose hash and size are known when it is done.
class HashedFile {
 public:
  HashedFile(const std::string& path, std::string target)
      : target_(std::move(target)), file_(path, O_WRONLY | O_CREAT | O_EXCL, 0666) {
    if (!file_.valid()) cannotWrite(target_, errno);
  }

  void append(const void* data, std::size_t bytes) {
    hash_.update(data, bytes);
    bytes_ += bytes;
    writeAll(file_, data, bytes, target_);
  }

  ListedFile done(const std::string& path) { return {path, toHex(hash_.finish()), bytes_}; }

 private:
  std::string target_;
  Descriptor file_;
  Sha256 hash_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

VersionWriter::VersionWriter(std::string directory, std::string target, const Context& context)
    : directory_(std::move(directory)), target_(std::move(target)), context_(context) {}

ListedFile VersionWriter::copy(const std::string& path, const std::string& from) {
  const Descriptor source(from, O_RDONLY);
  if (!source.valid()) throw Error(ErrorKind::BadFile, "cannot read '" + from + "': " + std::strerror(errno));
  std::error_code unknown;
  const std::uint64_t size = fs::file_size(from, unknown);
  context_.begin("copying " + path, unknown ? 0 : size, "bytes");
  const ListedFile listed = write(path, [&](const auto& append) {
    std::string buffer(kBuffer, '\0');
    for (;;) {
      context_.throwIfCancelled();
      buffer.resize(kBuffer);
      const ssize_t count = ::read(source.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw Error(ErrorKind::BadFile, "cannot read '" + from + "': " + std::strerror(errno));
      if (count == 0) return;
      buffer.resize(static_cast<std::size_t>(count));
      append(buffer);
      context_.advance(static_cast<std::uint64_t>(count));
    }
  });
  context_.end();
  return listed;
}

ListedFile VersionWriter::write(const std::string& path, const std::string& text) {
  return write(path, [&](const auto& append) { append(text); });
}

ListedFile VersionWriter::write(const std::string& path,
                                const std::function<void(const std::function<void(const std::string&)>&)>& fill) {
  const fs::path full = fs::path(directory_) / path;
  makeDirectories(full.parent_path().string());
  HashedFile file(full.string(), target_ + "/" + path);
  fill([&](const std::string& text) { file.append(text.data(), text.size()); });
  files_.push_back(file.done(path));
  return files_.back();
}

std::string checksumText(std::vector<ListedFile> files) {
  std::sort(files.begin(), files.end(), [](const ListedFile& a, const ListedFile& b) { return a.path < b.path; });
  std::string text;
  for (const ListedFile& file : files) text += file.sha256 + "  " + file.path + "\n";
  return text;
}

void makeDirectories(const std::string& path) {
  fs::path at;
  for (const fs::path& part : fs::path(path)) {
    const fs::path parent = at.empty() ? fs::path(".") : at;
    at /= part;
    std::error_code failure;
    const bool made = fs::create_directory(at, failure);
    if (failure) throw Error(ErrorKind::CannotWrite, "cannot make '" + path + "': " + failure.message());
    if (made) syncPath(parent.string(), path);
  }
}

}  // namespace offaxis
