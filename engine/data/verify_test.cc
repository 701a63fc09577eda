// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <string>

#include "data/jpeg_facts.h"
#include "data/test_files.h"

namespace ssd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Image(int id, const std::string& name, int width = 64, int height = 48) {
  return R"({"id":)" + std::to_string(id) + R"(,"file_name":")" + name + R"(","width":)" +
         std::to_string(width) + R"(,"height":)" + std::to_string(height) + "}";
}

std::string Box(int id, int image, const std::string& bbox, int category = 1, int crowd = 0) {
  return R"({"id":)" + std::to_string(id) + R"(,"image_id":)" + std::to_string(image) +
         R"(,"bbox":)" + bbox + R"(,"category_id":)" + std::to_string(category) + R"(,"iscrowd":)" +
         std::to_string(crowd) + R"(,"area":1})";
}

std::string Document(const std::string& images, const std::string& boxes) {
  return R"({"images":[)" + images + R"(],"annotations":[)" + boxes +
         R"(],"categories":[{"id":1,"name":"a"}]})";
}

class VerifyTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* split : {"train", "val"}) {
      WriteAnnotations(split, Document(Image(1, "a.jpg"), Box(1, 1, "[1,2,3,4]")));
      WriteImage(std::string(split) + "2017/a.jpg", {});
    }
  }
  void WriteAnnotations(const std::string& split, const std::string& text) {
    WriteFile(folder_ / ("annotations/instances_" + split + "2017.json"), text);
  }
  std::string WriteImage(const std::string& name, const TestJpeg& options, size_t cut = 0) {
    const auto bytes = EncodeTestJpeg(options);
    std::string text(bytes.begin(), bytes.end());
    WriteFile(folder_ / name, text.substr(0, text.size() - cut));
    return text;
  }
  // "kind file-without-folder fatal"
  std::vector<std::string> Findings(const VerifyResult& result) {
    std::vector<std::string> all;
    for (const auto& f : result.findings) {
      all.push_back(std::string(NameOf(f.kind)) + " " +
                    std::filesystem::path(f.file).filename().string() + (f.fatal ? " fatal" : ""));
    }
    return all;
  }
  int64_t Count(const VerifyResult& result, Finding kind) {
    return result.counts[static_cast<size_t>(kind)];
  }
  TestFolder folder_;
};

TEST_F(VerifyTest, FindsNothingInAGoodSet) {
  const VerifyResult result = VerifyCoco(folder_.path(), 2, 10);
  EXPECT_THAT(Findings(result), IsEmpty());
  EXPECT_EQ(result.fatal, 0);
  ASSERT_EQ(result.splits.size(), 2u);
  for (const VerifySplit& split : result.splits) {
    EXPECT_EQ(split.images, 1);
    EXPECT_EQ(split.images_with_boxes, 1);
    EXPECT_EQ(split.boxes, 1);
    EXPECT_EQ(split.crowd_boxes, 0);
    EXPECT_EQ(split.decoded, 1);
  }
  EXPECT_EQ(result.splits[1].annotations, folder_ / "annotations/instances_val2017.json");
}

TEST_F(VerifyTest, NamesEveryKindOfImage) {
  TestJpeg gray, cmyk, rotated, small;
  gray.space = JpegSpace::kGray;
  cmyk.space = JpegSpace::kYcck;
  rotated.exif_rotated = true;
  small.width = 63;
  WriteImage("val2017/gray.jpg", gray);
  WriteImage("val2017/cmyk.jpg", cmyk);
  WriteImage("val2017/rotated.jpg", rotated);
  WriteImage("val2017/size.jpg", small);
  WriteImage("val2017/cut.jpg", {}, 200);
  std::string damaged = WriteImage("val2017/damaged.jpg", {});
  damaged.replace(damaged.size() / 2, 2, "\xFF\xC0");  // a marker within the picture
  WriteFile(folder_ / "val2017/damaged.jpg", damaged);
  WriteFile(folder_ / "val2017/html.jpg", "<html>");
  WriteFile(folder_ / "val2017/empty.jpg", "");
  std::string images;
  int id = 0;
  for (const char* name :
       {"size", "rotated", "none", "html", "gray", "empty", "damaged", "cut", "cmyk", "a"}) {
    if (id > 0) images += ",";
    images += Image(id, std::string(name) + ".jpg");
    ++id;
  }
  WriteAnnotations("val", Document(images, ""));
  const std::vector<std::string> expected = {"missing none.jpg fatal",
                                             "truncated cut.jpg fatal",
                                             "undecodable damaged.jpg fatal",
                                             "undecodable empty.jpg fatal",
                                             "undecodable html.jpg fatal",
                                             "size size.jpg",
                                             "grayscale gray.jpg",
                                             "cmyk cmyk.jpg",
                                             "rotated rotated.jpg"};
  for (int threads : {1, 3}) {
    std::mutex mutex;
    std::set<std::string> told;
    const auto tell = [&](const char* split, int64_t done, int64_t all) {
      const std::lock_guard lock(mutex);
      EXPECT_TRUE(told.insert(std::string(split) + std::to_string(done)).second);
      EXPECT_EQ(all, split == std::string("val") ? 10 : 1);
    };
    const VerifyResult result = VerifyCoco(folder_.path(), threads, 10, tell);
    EXPECT_EQ(told.size(), 11u);  // each of few images
    EXPECT_EQ(Findings(result), expected);
    EXPECT_EQ(result.fatal, 5);
    EXPECT_EQ(result.splits[1].images, 10);
    EXPECT_EQ(result.splits[1].decoded, 5);
  }
}

TEST_F(VerifyTest, TrainingNeverOpensAnImageWithoutABox) {
  WriteAnnotations("train",
                   Document(Image(1, "a.jpg") + "," + Image(2, "b.jpg") + "," + Image(3, "c.jpg"),
                            Box(1, 3, "[1,2,0.05,4]") + "," + Box(2, 1, "[1,2,3,4]")));
  const VerifyResult result = VerifyCoco(folder_.path(), 1, 10);
  EXPECT_THAT(Findings(result),
              ElementsAre("missing b.jpg", "missing c.jpg", "box_thin instances_train2017.json"));
  EXPECT_EQ(result.fatal, 0);
}

TEST_F(VerifyTest, NamesBadBoxes) {
  WriteAnnotations("train",
                   Document(Image(1, "a.jpg"),
                            Box(1, 1, "[0,0,64.4,48.4]") + "," + Box(2, 1, "[0,0,64.6,48]") + "," +
                                Box(3, 1, "[-1,0,9,9]", 1, 1) + "," + Box(4, 2, "[1,1,9,9]") + "," +
                                Box(5, 1, "[1,1,9,9]", 7) + "," + Box(6, 1, "[1,1,9,-9]")));
  const VerifyResult result = VerifyCoco(folder_.path(), 1, 1);
  EXPECT_EQ(Count(result, Finding::kBoxOutside), 2);
  EXPECT_EQ(Count(result, Finding::kBoxThin), 1);
  EXPECT_EQ(Count(result, Finding::kBoxImage), 1);
  EXPECT_EQ(Count(result, Finding::kBoxCategory), 1);
  EXPECT_EQ(Count(result, Finding::kAnnotations), 1);
  EXPECT_EQ(result.fatal, 3);
  EXPECT_EQ(result.splits[0].crowd_boxes, 1);
  EXPECT_EQ(result.splits[0].boxes, 6);
  ASSERT_EQ(result.findings.size(), 5u);  // one of each kind
  EXPECT_THAT(result.findings[1].detail,
              HasSubstr("annotation 2, bbox [0, 0, 64.6, 48]: reaches out of a.jpg of 64 x 48"));
}

TEST_F(VerifyTest, NamesWhatIsNoDataSet) {
  const VerifyResult none = VerifyCoco(folder_ / "none", 1, 10);
  EXPECT_EQ(Count(none, Finding::kFolder), 2);
  EXPECT_EQ(none.fatal, 2);
  EXPECT_THAT(none.splits, IsEmpty());

  WriteAnnotations("train", R"({"images":[)" + Image(1, "../a.jpg") + "," + Image(2, "a.jpg"));
  const VerifyResult broken = VerifyCoco(folder_.path(), 1, 10);
  EXPECT_EQ(Count(broken, Finding::kAnnotations), 1);
  EXPECT_EQ(broken.fatal, 1);
  EXPECT_THAT(broken.findings[0].detail, HasSubstr("instances_train2017.json"));

  ErrorOf(Status::kInvalid, [&] { VerifyCoco(folder_.path(), -1, 10); });
  ErrorOf(Status::kInvalid, [&] { VerifyCoco(folder_.path(), 1, -1); });
}

TEST_F(VerifyTest, RealImagesAreGood) {
  const auto dir = TinyCoco();
  if (!dir) GTEST_SKIP() << "the folder of real images is missing";
  const VerifyResult result = VerifyCoco(*dir, 2, 100);
  EXPECT_EQ(result.fatal, 0);
  for (const VerifySplit& split : result.splits) {
    EXPECT_EQ(split.images, 50);
    EXPECT_EQ(split.decoded, 50);
  }
}

TEST(JpegFacts, ReadsAnyBytes) {
  TestJpeg options;
  options.exif_rotated = true;
  const std::vector<uint8_t> good = EncodeTestJpeg(options);
  const JpegFacts facts = ReadJpegFacts(good);
  EXPECT_EQ(facts.components, 3);
  EXPECT_GT(facts.orientation, 1);
  EXPECT_TRUE(facts.ended);
  const size_t head = 300;
  for (size_t n = 0; n < head; ++n) {  // cut, and with each byte changed
    EXPECT_FALSE(ReadJpegFacts(std::span(good).first(n)).ended);
    std::vector<uint8_t> changed = good;
    for (uint8_t value : {0x00, 0xFF, 0xD9}) {
      changed[n] = value;
      EXPECT_LE(ReadJpegFacts(changed).orientation, 8);
    }
  }
}

}  // namespace
}  // namespace ssd
