// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>
#include <string>

#include "eval/coco_map.h"
#include "testing/error_of.h"
#include "testing/test_folder.h"

namespace ssd {
namespace {

const char kTruth[] = R"({"info": {"year": 2017},
  "annotations": [
    {"segmentation": [[1, 2, 3]], "area": 12.5, "iscrowd": 1, "image_id": 7, "bbox": [1, 2.5, 3, 4],
     "category_id": 18, "id": 99, "ignore": 1},
    {"area": 1, "iscrowd": 0, "image_id": 3.0, "bbox": [0, 0, 1e1, 1], "category_id": 2, "id": -5}],
  "categories": [{"id": 18, "name": "dog"}, {"supercategory": "x", "id": 2, "name": "c\u0061r"}],
  "images": [{"id": 7, "width": 6}, {"id": 3}, {"id": 5}]})";

TEST(CocoJson, ReadsTruth) {
  TestFolder folder;
  const CocoTruth truth = CocoTruth::Load(folder.Write("t.json", kTruth));
  EXPECT_EQ(truth.image_ids, (std::vector<int64_t>{3, 5, 7}));
  ASSERT_EQ(truth.categories.size(), 2u);
  EXPECT_EQ(truth.categories[0].id, 2);
  EXPECT_EQ(truth.categories[0].name, "car");
  EXPECT_EQ(truth.categories[1].name, "dog");
  ASSERT_EQ(truth.objects.size(), 2u);
  const CocoObject& first = truth.objects[0];
  EXPECT_EQ(first.image_id, 7);
  EXPECT_EQ(first.category_id, 18);
  EXPECT_EQ(first.id, 99);
  EXPECT_EQ(first.y, 2.5);
  EXPECT_EQ(first.h, 4);
  EXPECT_EQ(first.area, 12.5);
  EXPECT_TRUE(first.crowd);
  EXPECT_EQ(truth.objects[1].image_id, 3);
  EXPECT_EQ(truth.objects[1].w, 10);
  EXPECT_FALSE(truth.objects[1].crowd);
}

TEST(CocoJson, ReadsDetections) {
  TestFolder folder;
  const auto list = LoadDetections(folder.Write(
      "d.json",
      R"([{"score": 0.1, "image_id": 42, "x": {}, "category_id": 1, "bbox": [1, 2, 3, 4.25]},
                    {"image_id": 1, "category_id": 90, "bbox": [-1, 0, 0, 0], "score": 1}])"));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].image_id, 42);
  EXPECT_EQ(list[0].score, 0.1);
  EXPECT_EQ(list[0].h, 4.25);
  EXPECT_EQ(list[1].category_id, 90);
  EXPECT_EQ(list[1].x, -1);
  EXPECT_EQ(list[1].score, 1);
  EXPECT_TRUE(LoadDetections(folder.Write("e.json", "[]")).empty());
}

void ExpectDataError(const std::function<void()>& call, const std::vector<std::string>& texts) {
  const std::string error = ErrorOf(Status::kData, call);
  for (const auto& text : texts) EXPECT_NE(error.find(text), std::string::npos) << error;
}

TEST(CocoJson, RefusesBadDetections) {
  TestFolder folder;
  const std::string first =
      R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5})";
  const std::vector<std::pair<std::string, std::string>> bad = {
      {R"({"category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5})", "image_id: the key is missing"},
      {R"({"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5})", "category_id: the key is missing"},
      {R"({"image_id": 1, "category_id": 1, "score": 0.5})", "bbox: the key is missing"},
      {R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]})", "score: the key is missing"},
      {R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 0.5})",
       "bbox: not a list of four"},
      {R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, "4"], "score": 0.5})",
       "bbox: not a list of four finite"},
      {R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": "a"})",
       "score: not a finite"},
      {R"({"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": null})",
       "score: not a finite"},
      {R"({"image_id": 1.5, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0})",
       "image_id: not an integer"},
      {R"({"image_id": 1e300, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0})",
       "image_id: not an integer"},
      {"17", "not an object"}};
  for (const auto& [entry, text] : bad) {
    const auto path = folder.Write(
        "d.json", std::string("[").append(first).append(", ").append(entry).append("]"));
    ExpectDataError([&] { LoadDetections(path); }, {path, "entry 1", text});
  }
}

TEST(CocoJson, RefusesBrokenDetectionFiles) {
  TestFolder folder;
  for (const std::string text :
       {"", "{}", "17", "[", R"([{"image_id": 1)", "[1] 2",
        R"([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": NaN}])",
        R"([{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1e999}])"}) {
    const auto path = folder.Write("broken.json", text);
    ExpectDataError([&] { LoadDetections(path); }, {path});
  }
  ExpectDataError([&] { LoadDetections(folder.path() + "/none.json"); },
                  {"none.json", "No such file"});
  ExpectDataError([&] { LoadDetections(folder.path()); }, {folder.path(), "not a regular file"});
}

TEST(CocoJson, NamesNumbersThatAreNotFinite) {
  TestFolder folder;
  const std::vector<std::pair<std::string, std::string>> bad = {
      {R"("bbox": [1, 2, 3, 4], "score": NaN)", "entry 1: score: NaN: not a finite number"},
      {R"("bbox": [1, 2, 3, 4], "score": -Infinity)", "entry 1: score: -Infinity: not a finite"},
      {R"("bbox": [1, Infinity, 3, 4], "score": 1)", "entry 1: bbox: Infinity: not a finite"},
      {R"("bbox": [1, 2, 3, 4], "score": 1e999)", "entry 1: score: 1e999: not a finite number"}};
  for (const auto& [keys, text] : bad) {
    const auto path = folder.Write(
        "d.json", R"([{"image_id": 1, "category_id": 1, "x": "NaN", "bbox": [1, 2, 3, 4],
                       "score": 1}, {"image_id": 1, "category_id": 1, "x": "\" NaN", )" +
                      keys + "}]");
    ExpectDataError([&] { LoadDetections(path); }, {path, text});
  }
}

TEST(CocoJson, OfAKeyThatOccursTwiceTheLastCounts) {
  TestFolder folder;
  const auto list = LoadDetections(folder.Write("d.json", R"([{"image_id": "no", "image_id": 2,
      "category_id": 1, "score": 0.5, "bbox": [1, 2, 3, 4], "score": 0.75}])"));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].image_id, 2);
  EXPECT_EQ(list[0].score, 0.75);
}

// A file of several pieces. Every tenth entry holds what looks like the border of two entries.
std::string LargeList(int64_t entries) {
  std::string text = " [\n";
  for (int64_t i = 0; i < entries; ++i) {
    if (i > 0) text += i % 3 == 0 ? " ,\r\n\t" : ",";
    const std::string number = std::to_string(i);
    text += R"({"image_id": )" + number + R"(, "category_id": 7, "bbox": [)" + number +
            R"(, 0.5, 2, 3], )";
    if (i % 10 == 0) text += R"("segmentation": [{"a": "\"},{"}, {"b": "},{"}, {}], )";
    text += R"("score": 0.25})";
  }
  return text + "] \n";
}

TEST(CocoJson, ReadsPiecesOnSeveralThreads) {
  TestFolder folder;
  constexpr int64_t kEntries = 20000;
  const auto path = folder.Write("d.json", LargeList(kEntries));
  for (int threads = 0; threads < 4; ++threads) {
    const auto list = LoadDetections(path, threads);
    ASSERT_EQ(list.size(), static_cast<size_t>(kEntries));
    for (int64_t i = 0; i < kEntries; ++i) {
      ASSERT_EQ(list[i].image_id, i);
      ASSERT_EQ(list[i].x, static_cast<double>(i));
      ASSERT_EQ(list[i].score, 0.25);
    }
  }
}

TEST(CocoJson, NamesTheBadEntryOfALargeFile) {
  TestFolder folder;
  const std::string good = LargeList(20000);
  const std::vector<std::array<std::string, 3>> bad = {
      {R"("image_id": 15001,)", R"("image_ID": 15001,)", "entry 15001: image_id: the key"},
      {R"([15001, 0.5)", R"([15001, NaN)", "entry 15001: bbox: NaN"},
      {R"([15001, 0.5)", R"([15001 0.5)", "entry 15001: broken JSON"},
      {R"({"image_id": 15001,)", R"([{"image_id": 15001,)", "entry 15001: not an object"},
      {R"(},{"image_id": 15001,)", R"(}],{"image_id": 15001,)", "more text follows"},
      {R"(},{"image_id": 15001,)", R"(} {"image_id": 15001,)", "a comma or"},
      {"] \n", "", "the file ends too early"},
      {"] \n", ",] \n", "a value is missing"},
      {"] \n", "] x", "more text follows"},
      {" [\n", " {\n", "a list must be the root"}};
  for (const auto& [from, to, text] : bad) {
    std::string changed = good;
    const size_t at = changed.rfind(from);
    ASSERT_NE(at, std::string::npos) << from;
    const auto path = folder.Write("d.json", changed.replace(at, from.size(), to));
    ExpectDataError([&] { LoadDetections(path, 2); }, {path, text});
  }
}

// kTruth with a piece replaced.
std::string Changed(const std::string& from, const std::string& to) {
  std::string text = kTruth;
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CocoJson, RefusesBadTruth) {
  TestFolder folder;
  const std::vector<std::pair<std::string, std::string>> bad = {
      {Changed("\"annotations\"", "\"notes\""), "no list \"annotations\""},
      {Changed("\"images\"", "\"pictures\""), "no list \"images\""},
      {Changed("\"categories\"", "\"kinds\""), "no list \"categories\""},
      {Changed("\"area\": 1,", ""), "annotations 1: area: the key is missing"},
      {Changed("\"iscrowd\": 0,", ""), "annotations 1: iscrowd: the key is missing"},
      {Changed("[0, 0, 1e1, 1]", "[0, 0, 1e1]"), "annotations 1: bbox"},
      {Changed("[[1, 2, 3]]", "[[1,, 3]]"), "broken JSON"},
      {Changed("{\"id\": 5}", "{\"no\": 5}"), "images 2: id: the key is missing"},
      {Changed("\"c\\u0061r\"", "8"), "categories 1: name"},
      {std::string(kTruth, 200), "not valid JSON near byte"},
      {Changed("\"area\": 1,", "\"area\": NaN,"), "annotations 1: area: NaN: not a finite"},
      {Changed("{\"year\": 2017}", "{\"year\": 2017x}"), "info: broken JSON"},
      {Changed("\"info\"", "\"images\": [], \"info\""), "\"images\" occurs twice"},
      {"[]", "an object must be the root"}};
  for (const auto& [text, message] : bad) {
    const auto path = folder.Write("t.json", text);
    ExpectDataError([&] { CocoTruth::Load(path); }, {path, message});
  }
}

TEST(CocoJson, RefusesMoreCategoriesThanCanBeScored) {
  TestFolder folder;
  const auto with = [&](int categories) {
    std::string text = R"({"images": [], "annotations": [], "categories": [{"id": 0})";
    for (int i = 1; i < categories; ++i) text += R"(, {"id": )" + std::to_string(i) + "}";
    return folder.Write("many.json", text + "]}");
  };
  EXPECT_EQ(CocoTruth::Load(with(32768)).categories.size(), 32768u);
  const std::string path = with(32769);
  EXPECT_EQ(ErrorOf(Status::kData, [&] { CocoTruth::Load(path); }),
            path + ": 32769 categories: more than 32768 are refused");
}

TEST(CocoJson, CountsObjectsThatAreNotListed) {
  TestFolder folder;
  for (const std::string& text : {Changed("\"image_id\": 7", "\"image_id\": 8"),
                                  Changed("\"category_id\": 2", "\"category_id\": 3")}) {
    const CocoTruth truth = CocoTruth::Load(folder.Write("t.json", text));
    EXPECT_EQ(truth.objects.size(), 2u);
    EXPECT_EQ(truth.unlisted, 1);
  }
  EXPECT_EQ(CocoTruth::Load(folder.Write("t.json", kTruth)).unlisted, 0);
}

TEST(CocoJson, ACategoryNeedsNoName) {
  TestFolder folder;
  const auto path = folder.Write("t.json", Changed(", \"name\": \"dog\"", ""));
  EXPECT_EQ(CocoTruth::Load(path).categories[1].name, "");
}

TEST(CocoJson, ScoresFiles) {
  TestFolder folder;
  const CocoTruth truth = CocoTruth::Load(folder.Write("t.json", kTruth));
  const auto detections = folder.Write(
      "d.json", R"([{"image_id": 3, "category_id": 2, "bbox": [0, 0, 10, 1], "score": 0.5}])");
  const CocoScore score = ScoreCocoFile(truth, detections, 1);
  EXPECT_NEAR(score.stats[0], 1, 1e-12);
  EXPECT_EQ(score.detections, 1);
  const auto unknown = folder.Write(
      "u.json", R"([{"image_id": 4, "category_id": 2, "bbox": [0, 0, 10, 1], "score": 0.5}])");
  ExpectDataError([&] { ScoreCocoFile(truth, unknown, 1); }, {unknown, "entry 0: image 4"});
}

}  // namespace
}  // namespace ssd
