// Zip archives of any members, made by libzip, for tests of what reads npz files.
#pragma once

#include <gtest/gtest.h>
#include <zip.h>

#include <string>
#include <utility>
#include <vector>

namespace offaxis::testing {

using ZipMembers = std::vector<std::pair<std::string, std::string>>;

inline void writeZip(const std::string& path, const ZipMembers& members, int method = ZIP_CM_DEFLATE,
                     unsigned level = 1) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  ASSERT_NE(archive, nullptr);
  for (const auto& [name, content] : members) {
    const zip_int64_t index =
        zip_file_add(archive, name.c_str(), zip_source_buffer(archive, content.data(), content.size(), 0), 0);
    ASSERT_GE(index, 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, level);
  }
  ASSERT_EQ(zip_close(archive), 0);
}

}  // namespace offaxis::testing
