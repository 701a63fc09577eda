// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/coco_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "data/test_files.h"

namespace ssd {
namespace {

using testing::ElementsAre;
using testing::FloatEq;
using testing::HasSubstr;

constexpr char kImages[] =
    R"([{"id":7,"file_name":"a.jpg","height":100,"width":200},)"
    R"({"license":4,"height":50,"id":3,"file_name":"sub/b.jpg","width":40,"x":{"y":["]"]}}])";
constexpr char kCategories[] = R"([{"id":90,"name":"z"},{"id":2,"name":"a"},{"name":"m","id":17}])";
constexpr char kBoxes[] =
    R"([{"image_id":3,"bbox":[4,5,8,10],"category_id":17,"id":1},)"
    R"({"segmentation":{"counts":[1,2],"size":[3,4]},"iscrowd":1,"category_id":90,)"
    R"("bbox":[10.5, 20, 50.25, 30],"id":2,"image_id":7},)"
    R"({"image_id":3,"bbox":[0,0,0.09,10],"category_id":17,"id":3},)"
    R"({"image_id":3,"bbox":[20,25,20,2.5e1],"category_id":2,"id":4}])";

std::string Document(const std::string& images, const std::string& boxes,
                     const std::string& categories) {
  return R"({"info":{"a":"\"}"},"annotations":)" + boxes + ", \n\"categories\" : " + categories +
         ",\"images\":" + images + "}\n";
}

class CocoIndexTest : public testing::Test {
 protected:
  CocoIndex Load(const std::string& text) {
    WriteFile(folder_ / "x.json", text);
    return CocoIndex::Load(folder_ / "x.json", "images");
  }
  std::string LoadError(const std::string& text) {
    std::string message = ErrorOf(Status::kData, [&] { Load(text); });
    EXPECT_THAT(message, HasSubstr(folder_ / "x.json"));
    return message;
  }
  TestFolder folder_;
};

TEST_F(CocoIndexTest, KeepsFileOrderMapsCategoriesAndDropsThinBoxes) {
  const CocoIndex index = Load(Document(kImages, kBoxes, kCategories));
  ASSERT_EQ(index.size(), 2);
  EXPECT_EQ(index.image_id(0), 7);
  EXPECT_EQ(index.width(0), 200);
  EXPECT_EQ(index.height(0), 100);
  EXPECT_EQ(index.file_name(1), "sub/b.jpg");
  EXPECT_EQ(index.ImagePath(1), "images/sub/b.jpg");
  EXPECT_THAT(index.category_ids(), ElementsAre(2, 17, 90));
  EXPECT_THAT(index.Labels(0), ElementsAre(3));  // the crowd box stays
  EXPECT_THAT(index.Boxes(0)[0],
              ElementsAre(FloatEq(0.0525f), FloatEq(0.2f), FloatEq(0.30375f), FloatEq(0.5f)));
  EXPECT_THAT(index.Labels(1), ElementsAre(2, 1));
  EXPECT_THAT(index.Boxes(1)[1], ElementsAre(0.5f, 0.5f, 1.0f, 1.0f));
  EXPECT_THAT(index.with_boxes(), ElementsAre(0, 1));
  EXPECT_EQ(index.Find(3), 1);
  EXPECT_EQ(index.Find(4), std::nullopt);
}

TEST_F(CocoIndexTest, LeavesImagesWithoutBoxOutOfTheTrainingList) {
  const std::string thin = R"([{"image_id":7,"bbox":[0,0,5,0.05],"category_id":2},)"
                           R"({"image_id":3,"bbox":[0,0,5,0.1],"category_id":2}])";
  const CocoIndex index = Load(Document(kImages, thin, kCategories));
  EXPECT_EQ(index.size(), 2);
  EXPECT_THAT(index.with_boxes(), ElementsAre(1));
}

TEST_F(CocoIndexTest, ReadsElementsLargerThanTheWindow) {
  std::string polygon = "[";
  while (polygon.size() < 3'000'000) polygon += "12.25,3.5,";
  const std::string boxes = R"([{"segmentation":[)" + polygon + R"(1]],"image_id":7,)" +
                            R"("bbox":[0,0,20,10],"category_id":2},)" +
                            R"({"image_id":3,"bbox":[0,0,8,5],"category_id":90}])";
  const CocoIndex index = Load(Document(kImages, boxes, kCategories));
  EXPECT_EQ(index.Boxes(0)[0][2], 0.1f);
  EXPECT_THAT(index.Labels(1), ElementsAre(3));
}

// Cuts everywhere, so that every window boundary and state of the scanner meets the end of the
// file.
TEST_F(CocoIndexTest, RefusesEveryTruncation) {
  const std::string text = Document(kImages, kBoxes, kCategories);
  const size_t end = text.rfind('}');
  for (size_t n = 0; n <= end; ++n) {
    ASSERT_THAT(LoadError(text.substr(0, n)), testing::AnyOf(HasSubstr("byte"), HasSubstr("empty")))
        << n;
  }
}

TEST_F(CocoIndexTest, NamesThePlaceOfWrongContent) {
  const auto boxes = [](const std::string& b) { return Document(kImages, b, kCategories); };
  const std::string good = R"({"image_id":3,"bbox":[4,5,8,10],"category_id":17},)";
  const struct {
    std::string text, what;
  } cases[] = {
      {boxes("[" + good + R"({"image_id":5,"bbox":[4,5,8,10],"category_id":17}])"),
       "annotations[1]: image_id 5 is not among the images"},
      {boxes("[" + good + R"({"image_id":3,"bbox":[4,5,8,10],"category_id":18}])"),
       "annotations[1]: category_id 18 is not among the categories"},
      {boxes(R"([{"image_id":3,"bbox":[4,"5",8,10],"category_id":17}])"), "annotations[0].bbox: "},
      {boxes(R"([{"image_id":3,"bbox":[4,null,8,10],"category_id":17}])"), "annotations[0].bbox: "},
      {boxes(R"([{"image_id":3,"bbox":[4,1e999,8,10],"category_id":17}])"), "annotations[0].bbox"},
      {boxes(R"([{"image_id":3,"bbox":[4,NaN,8,10],"category_id":17}])"), "annotations[0].bbox: "},
      {boxes(R"([{"image_id":3,"bbox":[4,8,10],"category_id":17}])"), "3 numbers instead of 4"},
      {boxes(R"([{"image_id":3,"bbox":[4,8,10,1,1],"category_id":17}])"), "5 numbers instead of 4"},
      {boxes(R"([{"image_id":3,"bbox":[4,8,1e7,1],"category_id":17}])"), "beyond 1e6 pixels"},
      {boxes(R"([{"image_id":"3","bbox":[4,8,1,1],"category_id":17}])"), "annotations[0].image_id"},
      {boxes(R"([{"image_id":3,"category_id":17}])"), "annotations[0]: key \"bbox\" is missing"},
      {boxes(R"([7])"), "annotations[0]: "},
      {boxes(R"({})"), "an array is expected"},
      {boxes(R"([{"image_id":3,"bbox":[4,5,8,10] "category_id":17}])"), "annotations[0]"},
      {Document(R"([{"id":1,"file_name":"a","height":1,"width":1},)"
                R"({"id":1,"file_name":"b","height":1,"width":1}])",
                "[]", kCategories),
       "images[1]: id 1 is already that of images[0]"},
      {Document(R"([{"id":1,"file_name":"a","height":0,"width":1}])", "[]", kCategories),
       "images[0].height: 0 is not in 1 .. 65535"},
      {Document(R"([{"id":1,"id":2,"file_name":"a","height":1,"width":1}])", "[]", kCategories),
       "images[0].id: the key occurs twice"},
      {Document(R"([{"id":1,"height":1,"width":1}])", "[]", kCategories),
       "images[0]: key \"file_name\" is missing"},
      {Document(kImages, "[]", "[]"), "categories: there is none"},
      {Document(kImages, "[]", R"([{"id":1},{"id":1}])"), "category 1 occurs twice"},
      {R"({"images":[],"categories":[{"id":1}]})", "key \"annotations\" is missing"},
      {R"({"images":[],"categories":[{"id":1}],"annotations":[],"images":[]})", "occurs twice"},
      {R"({"images":[],"categories":[{"id":1}],"annotations":[]} {})", "more text follows"},
      {R"({"images":[] "categories":[]})", "comma"},
      {R"([1])", "an object must be the root"},
  };
  for (const auto& c : cases) EXPECT_THAT(LoadError(c.text), HasSubstr(c.what)) << c.text;
}

TEST_F(CocoIndexTest, RefusesNamesThatLeaveTheFolder) {
  for (const char* name : {"../a.jpg", "/etc/passwd", "a/../../b", "", "..", "a/..", "a\\u0000b"}) {
    const std::string image =
        std::string(R"([{"id":1,"file_name":")") + name + R"(","height":1,"width":1}])";
    EXPECT_THAT(LoadError(Document(image, "[]", kCategories)), HasSubstr("images[0].file_name"));
  }
  const char good[] = R"([{"id":1,"file_name":"a..b/..c/d..","height":1,"width":1}])";
  EXPECT_EQ(Load(Document(good, "[]", kCategories)).file_name(0), "a..b/..c/d..");
}

TEST_F(CocoIndexTest, TakesUpTo80Categories) {
  std::string categories = R"([{"id":1000})";
  for (int c = 1; c < 80; ++c) categories += ",{\"id\":" + std::to_string(c * 3) + "}";
  EXPECT_EQ(Load(Document(kImages, "[]", categories + "]")).category_ids().back(), 1000);
  EXPECT_THAT(LoadError(Document(kImages, "[]", categories + R"(,{"id":5}])")),
              HasSubstr("more than 80"));
}

TEST_F(CocoIndexTest, ResolvesEitherRootAndPrefersBoxOnly) {
  const std::string full = "/annotations/instances_train2017.json";
  const std::string small = "/annotations/bbox_only_instances_train2017.json";
  EXPECT_THAT(ErrorOf(Status::kData, [&] { ResolveCoco(folder_ / "none", "train"); }),
              HasSubstr(folder_ / "none"));
  WriteFile(folder_.path() + full, "{}");
  EXPECT_THAT(ErrorOf(Status::kData, [&] { ResolveCoco(folder_.path(), "train"); }),
              HasSubstr("train2017 is missing"));
  std::filesystem::create_directory(folder_ / "train2017");
  EXPECT_EQ(ResolveCoco(folder_.path(), "train").annotations, folder_.path() + full);
  WriteFile(folder_.path() + small, "{}");
  EXPECT_EQ(ResolveCoco(folder_.path(), "train").annotations, folder_.path() + small);
  std::filesystem::create_directory(folder_ / "val2017");
  EXPECT_THAT(ErrorOf(Status::kData, [&] { ResolveCoco(folder_.path(), "val"); }),
              HasSubstr("instances_val2017.json"));

  const std::string inner = folder_ / "coco2017";
  WriteFile(inner + full, "{}");
  std::filesystem::create_directory(inner + "/train2017");
  EXPECT_EQ(ResolveCoco(folder_.path(), "train").images, inner + "/train2017");
}

TEST_F(CocoIndexTest, RefusesWhatIsNoFile) {
  EXPECT_THAT(ErrorOf(Status::kData, [&] { CocoIndex::Load(folder_.path(), "images"); }),
              HasSubstr("not a regular file"));
  EXPECT_THAT(ErrorOf(Status::kData, [&] { CocoIndex::Load(folder_ / "no.json", "images"); }),
              HasSubstr("no.json: cannot be opened"));
}

TEST(CocoIndexTiny, ReadsRealAnnotations) {
  const auto root = TinyCoco();
  if (!root) GTEST_SKIP() << "no tiny-coco2017 in " SSD_SHARED_DIR;
  const CocoPaths paths = ResolveCoco(*root, "val");
  const CocoIndex index = CocoIndex::Load(paths.annotations, paths.images);
  EXPECT_EQ(index.size(), 50);
  EXPECT_EQ(index.image_id(0), 397133);
  EXPECT_EQ(index.width(0), 640);
  EXPECT_EQ(index.height(0), 427);
  EXPECT_EQ(index.category_ids().size(), 80);
  EXPECT_EQ(index.category_ids()[79], 90);
  for (int64_t i = 0; i < index.size(); ++i) {
    for (const CornerBox& box : index.Boxes(i)) {
      EXPECT_LT(box[0], box[2]);
      EXPECT_GE(box[1], 0);
      EXPECT_LE(box[3], 1.001f);
    }
  }
}

}  // namespace
}  // namespace ssd
