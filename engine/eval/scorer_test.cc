// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "eval/scorer.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "testing/test_folder.h"

namespace ssd {
namespace {

const char kTruth[] = R"({"images": [{"id": 1}, {"id": 2}], "categories": [{"id": 4, "name": "a"}],
  "annotations": [
    {"id": 1, "image_id": 1, "category_id": 4, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0},
    {"id": 2, "image_id": 2, "category_id": 4, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0}]})";

std::vector<CocoDetection> Hits(int64_t count) {
  std::vector<CocoDetection> rows;
  for (int64_t i = 1; i <= count; ++i) rows.push_back({i, 4, 0, 0, 10, 10, 0.9});
  return rows;
}

TEST(Scorer, ReportsInOrder) {
  TestFolder folder;
  std::vector<Scorer::Result> results;
  Scorer scorer(folder.Write("t.json", kTruth), 2,
                [&](const Scorer::Result& result) { results.push_back(result); });
  for (int64_t tag = 0; tag < 9; ++tag) scorer.Submit(tag, Hits(tag % 3));
  scorer.Wait();
  ASSERT_EQ(results.size(), 9u);
  const double want[3] = {0, 51.0 / 101, 1};
  for (int64_t tag = 0; tag < 9; ++tag) {
    EXPECT_EQ(results[tag].tag, tag);
    EXPECT_EQ(results[tag].error, "");
    EXPECT_NEAR(results[tag].ap, want[tag % 3], 1e-12) << tag;
    EXPECT_EQ(results[tag].ap, results[tag].score.stats[0]);
  }
}

TEST(Scorer, ReportsErrorsAndGoesOn) {
  TestFolder folder;
  const std::string path = folder.path() + "/t.json";
  std::vector<Scorer::Result> results;
  Scorer scorer(path, 1, [&](const Scorer::Result& result) { results.push_back(result); });
  scorer.Submit(1, Hits(2));
  scorer.Wait();
  folder.Write("t.json", kTruth);
  scorer.Submit(2, Hits(3));
  scorer.Submit(3, Hits(2));
  scorer.Wait();
  ASSERT_EQ(results.size(), 3u);
  EXPECT_NE(results[0].error.find(path), std::string::npos) << results[0].error;
  EXPECT_NE(results[1].error.find("image 3"), std::string::npos) << results[1].error;
  EXPECT_EQ(results[2].error, "");
  EXPECT_NEAR(results[2].ap, 1, 1e-12);
}

TEST(Scorer, ReadsTheTruthOnlyWhenNeededAndOnce) {
  TestFolder folder;
  int scored = 0;
  Scorer scorer(folder.path() + "/t.json", 1,
                [&](const Scorer::Result& r) { scored += r.error.empty(); });
  folder.Write("t.json", kTruth);
  scorer.Submit(1, Hits(2));
  scorer.Wait();
  folder.Write("t.json", "no JSON any more");
  scorer.Submit(2, Hits(2));
  scorer.Wait();
  EXPECT_EQ(scored, 2);
}

// Destroyed once the first of many is reported: it ends, and what it has not begun is dropped.
TEST(Scorer, DestructionDropsWhatWaits) {
  TestFolder folder;
  std::promise<void> first;
  std::vector<int64_t> tags;
  {
    Scorer scorer(folder.Write("t.json", kTruth), 1, [&](const Scorer::Result& result) {
      tags.push_back(result.tag);
      if (tags.size() == 1) first.set_value();
    });
    for (int64_t tag = 0; tag < 20000; ++tag) scorer.Submit(tag, Hits(1));
    first.get_future().wait();
  }
  ASSERT_LT(tags.size(), 20000u);
  for (size_t i = 0; i < tags.size(); ++i) EXPECT_EQ(tags[i], static_cast<int64_t>(i));
}

TEST(Scorer, EndsWithoutWork) {
  int results = 0;
  {
    Scorer scorer("none.json", 1, [&](const Scorer::Result&) { ++results; });
  }
  EXPECT_EQ(results, 0);
}

}  // namespace
}  // namespace ssd
