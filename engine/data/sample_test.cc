// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "backends/backend.h"
#include "core/safetensors.h"
#include "data/inspect_sample.h"
#include "data/render_reference.h"
#include "data/test_files.h"
#include "loss/matcher.h"

namespace ssd {
namespace {

using testing::HasSubstr;

constexpr double kStep = 1 / (0.224 * 255);

class SampleTest : public testing::Test {
 protected:
  SampleTest() {
    MakeTestDataset(folder_.path(), 20, 6);
    options_.dir = folder_.path();
    options_.seed = 11;
  }
  CocoIndex Index(const std::string& split) {
    const CocoPaths paths = ResolveCoco(folder_.path(), split);
    return CocoIndex::Load(paths.annotations, paths.images);
  }
  // The decoded window of an image, cut out of the whole.
  PixelView Decode(const CocoIndex& index, int64_t image, const PixelWindow& w) {
    const auto bytes = file_.Read(index.ImagePath(image));
    const ImageSize size = decoder_.Open(bytes, "x");
    PixelView view = decoder_.Decode({0, 0, size.width, size.height});
    view.data += w.y0 * view.stride + w.x0 * 4;
    view.width = w.width();
    view.height = w.height();
    return view;
  }

  TestFolder folder_;
  DataOptions options_;
  FileBytes file_;
  JpegDecoder decoder_;
};

TEST_F(SampleTest, TrainingImageIsWhatWasDrawn) {
  const CocoIndex index = Index("train");
  SampleMaker maker;
  std::vector<float> image(300 * 300 * 3), offset(kDefaultBoxes * 4), want_offset(offset);
  std::vector<int32_t> label(kDefaultBoxes), want_label(label);
  std::set<bool> flips;
  for (const int32_t i : index.with_boxes()) {
    const auto epoch = static_cast<uint32_t>(i + 1);
    maker.PrepareTrainSample(index, i, options_, epoch, image.data(), label, offset);
    const SampleRecord& r = maker.record();
    const auto want = RenderByLoops(Decode(index, i, r.pixels), r.flip, &r.color);
    for (size_t k = 0; k < image.size(); ++k) ASSERT_NEAR(image[k], want[k], 3.1 * kStep) << i;

    EXPECT_EQ(r.pixels.x0, std::lround(r.crop.window.left * index.width(i)));
    ASSERT_EQ(r.boxes.size(), r.labels.size());
    ASSERT_FALSE(r.boxes.empty());
    EncodeTargets(r.boxes, r.labels, want_label, want_offset);
    EXPECT_EQ(label, want_label);
    EXPECT_EQ(offset, want_offset);
    flips.insert(r.flip);
    if (r.crop.option != 0) continue;
    CornerBox box = index.Boxes(i)[0];
    if (r.flip) box = {1 - box[2], box[1], 1 - box[0], box[3]};
    EXPECT_EQ(r.boxes[0], box);
  }
  EXPECT_EQ(flips.size(), 2u);
}

// Decision 5: the numbers belong to (seed, epoch, image), not to what came before.
TEST_F(SampleTest, NumbersBelongToTheSample) {
  const CocoIndex index = Index("train");
  std::vector<float> a(300 * 300 * 3), b(a), offset(kDefaultBoxes * 4);
  std::vector<int32_t> label(kDefaultBoxes);
  SampleMaker maker, other;
  maker.PrepareTrainSample(index, 2, options_, 3, a.data(), label, offset);
  for (const int64_t i : {0, 1, 2}) {
    other.PrepareTrainSample(index, i, options_, 3, b.data(), label, offset);
  }
  EXPECT_EQ(a, b);
  other.PrepareTrainSample(index, 2, options_, 4, b.data(), label, offset);
  EXPECT_NE(a, b);
  options_.seed = 12;
  other.PrepareTrainSample(index, 2, options_, 3, b.data(), label, offset);
  EXPECT_NE(a, b);
}

TEST_F(SampleTest, EvaluationImageIsWholeAndPlain) {
  const CocoIndex index = Index("val");
  SampleMaker maker;
  std::vector<float> image(300 * 300 * 3);
  for (int64_t i = 0; i < index.size(); ++i) {
    maker.PrepareEvalSample(index, i, {DType::kF32, 3}, image.data());
    const PixelWindow whole{0, 0, index.width(i), index.height(i)};
    const auto want = RenderByLoops(Decode(index, i, whole), false, nullptr);
    for (size_t k = 0; k < image.size(); ++k) ASSERT_NEAR(image[k], want[k], 1.01 * kStep) << i;
  }
}

TEST_F(SampleTest, InspectWritesTheTrainingSample) {
  const std::string path = folder_ / "out.safetensors";
  InspectSample(options_, true, 3, 102, path);
  const TensorFile file(path);

  const CocoIndex index = Index("train");
  SampleMaker maker;
  std::vector<float> image(300 * 300 * 3), offset(kDefaultBoxes * 4);
  std::vector<int32_t> label(kDefaultBoxes);
  maker.PrepareTrainSample(index, 2, options_, 3, image.data(), label, offset);
  const SampleRecord& r = maker.record();

  const std::vector<int64_t> image_shape = {3, 300, 300}, one = {1}, four = {4};
  const auto planes = file.F32("image", image_shape);
  for (const int at : {0, 299, 45678, 89999}) {
    for (int c = 0; c < 3; ++c) EXPECT_EQ(planes[c * 90000 + at], image[at * 3 + c]);
  }
  const auto count = static_cast<int64_t>(r.boxes.size());
  const auto boxes = file.F32("boxes", std::vector<int64_t>{count, 4});
  EXPECT_EQ(boxes[count * 4 - 1], r.boxes.back()[3]);
  EXPECT_EQ(file.I32("labels", std::vector<int64_t>{count})[0], r.labels[0]);
  EXPECT_TRUE(std::ranges::equal(file.I32("label", std::vector<int64_t>{8732}), label));
  EXPECT_TRUE(std::ranges::equal(file.F32("offset", std::vector<int64_t>{8732, 4}), offset));
  EXPECT_EQ(file.I32("crop_pixels", four)[2], r.pixels.x1);
  EXPECT_EQ(file.F32("crop", four)[3], r.crop.window.height);
  EXPECT_EQ(file.I32("flip", one)[0], r.flip);
  EXPECT_EQ(file.I32("option", one)[0], r.crop.option);
  EXPECT_EQ(file.F32("hue", one)[0], r.color.hue);
  EXPECT_EQ(file.F32("saturation", one)[0], r.color.saturation);
  EXPECT_EQ(file.F32("contrast", one)[0], r.color.contrast);
  EXPECT_EQ(file.F32("brightness", one)[0], r.color.brightness);
}

TEST_F(SampleTest, InspectWritesTheValidationSample) {
  const std::string path = folder_ / "out.safetensors";
  InspectSample(options_, false, 1, 103, path);
  const TensorFile file(path);
  EXPECT_EQ(file.F32("boxes", std::vector<int64_t>{4, 4}).size(), 16u);
  const auto pixels = file.I32("crop_pixels", std::vector<int64_t>{4});
  EXPECT_EQ(pixels[2], 80 + 3 * 13);
  EXPECT_EQ(file.F32("saturation", std::vector<int64_t>{1})[0], 1);
}

TEST_F(SampleTest, InspectRefusesWhatIsNotThere) {
  const std::string path = folder_ / "out.safetensors";
  const auto error = [&](Status status, bool train, int64_t epoch, int64_t id) {
    return ErrorOf(status, [&] { InspectSample(options_, train, epoch, id, path); });
  };
  EXPECT_THAT(error(Status::kInvalid, true, 1, 5), HasSubstr("image id 5 is not in"));
  EXPECT_THAT(error(Status::kInvalid, true, 1, 109), HasSubstr("has no box"));
  EXPECT_THAT(error(Status::kInvalid, true, 0, 100), HasSubstr("epochs count from 1"));
  WriteFile(folder_ / "train2017/4.jpg", "GIF89a");
  EXPECT_THAT(error(Status::kData, true, 1, 104), HasSubstr("train2017/4.jpg: is no JPEG"));
}

}  // namespace
}  // namespace ssd
