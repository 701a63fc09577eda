// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/detections.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "testing/error_of.h"
#include "testing/test_folder.h"

namespace ssd {
namespace {

std::vector<CocoDetection> Report(const std::vector<Detection>& detections, bool plus_one) {
  std::vector<CocoDetection> rows;
  AppendCocoDetections(detections, 42, 640, 480, {{1, 2, 90}, plus_one}, rows);
  return rows;
}

// V7.
TEST(Detections, ReportsPixelsWithAndWithoutTheExtraOne) {
  const Detection d = {0.294330f, 0.212349f, 0.747719f, 0.583553f, 0.75f, 2};
  const auto plain = Report({d}, false), plus = Report({d}, true);
  ASSERT_EQ(plain.size(), 1u);
  EXPECT_EQ(plain[0].image_id, 42);
  EXPECT_EQ(plain[0].category_id, 90);
  EXPECT_EQ(plain[0].score, 0.75);
  EXPECT_NEAR(plain[0].x, 188.3709, 5e-4);
  EXPECT_NEAR(plain[0].y, 101.9276, 5e-4);
  EXPECT_NEAR(plain[0].w, 290.1693, 5e-4);
  EXPECT_NEAR(plain[0].h, 178.1779, 5e-4);
  EXPECT_EQ(plus[0].x, plain[0].x);
  EXPECT_NEAR(plus[0].w, 291.1693, 5e-4);
  EXPECT_NEAR(plus[0].h, 179.1779, 5e-4);
}

// V7.
TEST(Detections, ClipsToTheImage) {
  const auto rows = Report({{-1.323141f, -0.178333f, 0.552474f, 0.511667f, 0.5f, 0},
                            {0.5f, 0.25f, INFINITY, 1.5f, 0.5f, 0}},
                           false);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].x, 0);
  EXPECT_EQ(rows[0].y, 0);
  EXPECT_NEAR(rows[0].w, 0.552474 * 640, 1e-4);
  EXPECT_NEAR(rows[0].h, 0.511667 * 480, 1e-4);
  EXPECT_EQ(rows[1].x, 320);
  EXPECT_EQ(rows[1].w, 320);
  EXPECT_EQ(rows[1].h, 360);
}

TEST(Detections, LeavesOutWhatCannotBeScored) {
  EXPECT_TRUE(
      Report({{0, 0, 1, 1, 0.5f, 3}, {NAN, 0, 1, 1, 0.5f, 0}, {0, 0, 1, NAN, 0.5f, 0}}, true)
          .empty());
}

TEST(Detections, FileReadsBackExactly) {
  TestFolder folder;
  constexpr int kRows = 30000;  // more than one flush
  std::vector<CocoDetection> rows;
  rows.reserve(kRows);
  for (int i = 0; i < kRows; ++i) {
    rows.push_back({int64_t{1} << 40, i, i / 3.0, 1e-9 * i, 100.0 / (i + 1), 5, 1.0 / (i + 3)});
  }
  const std::string path = folder / "d.json";
  WriteDetections(path, rows);
  const auto back = LoadDetections(path);
  ASSERT_EQ(back.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(back[i].image_id, rows[i].image_id);
    ASSERT_EQ(back[i].category_id, rows[i].category_id);
    ASSERT_EQ(back[i].x, rows[i].x);
    ASSERT_EQ(back[i].y, rows[i].y);
    ASSERT_EQ(back[i].w, rows[i].w);
    ASSERT_EQ(back[i].h, rows[i].h);
    ASSERT_EQ(back[i].score, rows[i].score);
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(Detections, EmptyFileIsAnEmptyList) {
  TestFolder folder;
  WriteDetections(folder / "d.json", {});
  EXPECT_EQ(folder.Read("d.json"), "[]\n");
}

void ExpectWriteError(const std::string& path, const std::string& text) {
  const std::vector<CocoDetection> rows = {{1, 1, 0, 0, 1, 1, 0.5}};
  const std::string error = ErrorOf(Status::kData, [&] { WriteDetections(path, rows); });
  EXPECT_NE(error.find(path), std::string::npos) << error;
  EXPECT_NE(error.find(text), std::string::npos) << error;
}

TEST(Detections, NamesTheFileThatCannotBeWritten) {
  TestFolder folder;
  ExpectWriteError(folder / "none/d.json", "No such file or directory");
  std::filesystem::create_directory(folder / "d.json");
  ExpectWriteError(folder / "d.json", "not a regular file");
  EXPECT_FALSE(std::filesystem::exists(folder / "d.json.tmp"));
}

// The temporary file's name leads to a device that is always full.
TEST(Detections, FullDiskKeepsTheOldFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "/dev/full is not there";
  TestFolder folder;
  folder.Write("d.json", "old");
  std::filesystem::create_symlink("/dev/full", folder / "d.json.tmp");
  ExpectWriteError(folder / "d.json", "No space left on device");
  EXPECT_EQ(folder.Read("d.json"), "old");
}

}  // namespace
}  // namespace ssd
