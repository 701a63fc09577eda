// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "testing/error_of.h"
#include "testing/test_folder.h"

namespace ssd {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
 protected:
  static void Write(const fs::path& path, std::string_view text) {
    AtomicFile file(path);
    file.Write(text);
    file.Commit();
  }

  size_t Files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(dir_), {}));
  }

  const TestFolder folder_;
  const fs::path dir_ = folder_.path();
};

TEST_F(AtomicFileTest, AppearsWholeOrNotAtAll) {
  {
    AtomicFile file(dir_ / "a");
    file.Write("half");
  }
  EXPECT_EQ(Files(), 0u);
  for (const char* text : {"first", "second"}) {
    Write(dir_ / "a", text);
    EXPECT_EQ(ReadFile(dir_ / "a"), text);
  }
  EXPECT_EQ(Files(), 1u);
}

TEST_F(AtomicFileTest, NeverTakesThePlaceOfWhatIsNoFile) {
  const fs::path pipe = dir_ / "pipe", link = dir_ / "link";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink(pipe, link);
  for (const fs::path& path : {pipe, link, dir_})
    EXPECT_EQ(ErrorOf(Status::kData, [&] { Write(path, "new"); }),
              path.string() + ": not a regular file");
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(Files(), 2u);
}

TEST_F(AtomicFileTest, WritesTheFileThatALinkNames) {
  Write(dir_ / "file", "old");
  fs::create_symlink("file", dir_ / "link");
  Write(dir_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(dir_ / "link"));
  EXPECT_EQ(ReadFile(dir_ / "file"), "new");
  EXPECT_EQ(Files(), 2u);
}

}  // namespace
}  // namespace ssd
