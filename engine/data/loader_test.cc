// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "backends/backend.h"
#include "data/test_files.h"

namespace ssd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kTrain = 24, kTrainWithBox = 22, kVal = 10;

// All bytes of a batch, with the image ids in front.
struct Snapshot {
  std::vector<int64_t> ids;
  std::vector<uint8_t> bytes;
  bool operator==(const Snapshot&) const = default;
};

class LoaderTest : public testing::Test {
 protected:
  LoaderTest() {
    MakeTestDataset(folder_.path(), kTrain, kVal);
    options_.dir = folder_.path();
    options_.seed = 4;
    options_.format = {DType::kBF16, 4};
    options_.on_bad_image = [this](const std::string& message) { bad_.push_back(message); };
  }

  Snapshot Copy(const TrainBatch& batch, int64_t n) {
    Snapshot s;
    s.ids.assign(batch.image_id, batch.image_id + n);
    const auto add = [&](const void* data, size_t size) {
      const auto* p = static_cast<const uint8_t*>(data);
      s.bytes.insert(s.bytes.end(), p, p + size);
    };
    add(batch.image, ImageBytes(options_.format) * static_cast<size_t>(n));
    add(batch.label, sizeof(int32_t) * kDefaultBoxes * static_cast<size_t>(n));
    add(batch.offset, sizeof(float) * 4 * kDefaultBoxes * static_cast<size_t>(n));
    return s;
  }
  std::vector<Snapshot> Take(int64_t batch, int64_t position, int count) {
    const auto data = Dataset::Open(options_, true, false);
    const auto stream = data->Train(batch, position);
    std::vector<Snapshot> all;
    all.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) all.push_back(Copy(stream->Next(), batch));
    skipped_ = stream->skipped();
    return all;
  }
  void Spoil(const std::string& split, int image, const std::string& content) {
    WriteFile(folder_ / (split + "2017/" + std::to_string(image) + ".jpg"), content);
  }
  std::string OpenError() {
    return ErrorOf(Status::kData, [&] { Dataset::Open(options_, true, true); });
  }

  TestFolder folder_;
  DataOptions options_;
  std::vector<std::string> bad_;
  int64_t skipped_ = 0;
};

TEST_F(LoaderTest, BatchesDoNotDependOnThreads) {
  for (const bool cache : {false, true}) {
    options_.cache_sharding = cache;
    options_.threads = 1;
    options_.prefetch = 1;
    const auto one = Take(5, 0, 12);
    for (const int threads : {2, 8}) {
      options_.threads = threads;
      options_.prefetch = 3;
      EXPECT_EQ(Take(5, 0, 12), one) << threads << " threads, cache " << cache;
    }
    EXPECT_NE(one[0], one[1]);
  }
}

TEST_F(LoaderTest, GoesOnAtAPosition) {
  for (const bool cache : {false, true}) {
    options_.cache_sharding = cache;
    const auto all = Take(5, 0, 12);
    const auto rest = Take(5, 35, 5);
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), all.begin() + 7)) << "cache " << cache;
  }
}

// With room for nothing, for some images and for all of them.
TEST_F(LoaderTest, BatchesDoNotDependOnTheCache) {
  for (const bool fixed : {false, true}) {
    options_.cache_sharding = fixed;
    options_.cache_bytes = 0;
    const auto without = Take(5, 0, 14);
    for (const int64_t bytes : {1000, 100000, 10000000}) {
      options_.cache_bytes = bytes;
      options_.threads = bytes == 100000 ? 8 : 1;
      EXPECT_EQ(Take(5, 0, 14), without) << bytes << " bytes";
    }
  }
}

// From the second pass on no file is read: they may even be gone.
TEST_F(LoaderTest, KeptImagesAreNotReadAgain) {
  options_.cache_bytes = 10000000;
  const auto all = Take(11, 0, 6);
  const auto data = Dataset::Open(options_, true, false);
  const auto stream = data->Train(11, 0);
  for (int b = 0; b < 2; ++b) EXPECT_EQ(Copy(stream->Next(), 11), all[b]);
  for (int i = 0; i < kTrain; ++i)
    std::filesystem::remove(folder_ / ("train2017/" + std::to_string(i) + ".jpg"));
  const auto again = data->Train(11, 22);
  for (int b = 2; b < 6; ++b) EXPECT_EQ(Copy(again->Next(), 11), all[b]);
}

// A file that ends well and is spoilt below: windows above the damage can be had without the cache,
// and with it.
TEST_F(LoaderTest, BadImagesAreTheSameWithTheCache) {
  options_.bad_image = BadImage::kSkip;
  for (int i = 0; i < kTrain; ++i) {
    auto jpeg = EncodeTestJpeg({.width = 200, .height = 160, .seed = static_cast<uint32_t>(i)});
    const size_t at = jpeg.size() - 100;
    if (i % 2 == 0) jpeg[at] = 0xFF, jpeg[at + 1] = 0xD9;
    Spoil("train", i, {reinterpret_cast<const char*>(jpeg.data()), jpeg.size()});
  }
  const auto without = Take(11, 0, 8);
  const int64_t skipped = skipped_;
  EXPECT_GT(skipped, 0);
  EXPECT_LT(skipped, 4 * 12);
  options_.cache_bytes = 10000000;
  options_.threads = 4;
  EXPECT_EQ(Take(11, 0, 8), without);
  EXPECT_EQ(skipped_, skipped);
}

TEST_F(LoaderTest, EveryPassHoldsEveryImageWithABox) {
  std::vector<int64_t> ids;
  for (const Snapshot& s : Take(11, 0, 4)) ids.insert(ids.end(), s.ids.begin(), s.ids.end());
  std::vector<int64_t> first(ids.begin(), ids.begin() + 22), second(ids.begin() + 22, ids.end());
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  std::vector<int64_t> want;
  for (int i = 0; i < kTrain; ++i) {
    if (i % 10 != 9) want.push_back(100 + i);
  }
  EXPECT_EQ(first, want);
  EXPECT_EQ(second, want);
}

TEST_F(LoaderTest, ABadImageFailsItsBatch) {
  options_.threads = 3;
  const auto good = Take(4, 0, 5);
  int64_t bad_batch = 2;
  const auto bad = static_cast<int>(good[2].ids[1] - 100);
  Spoil("train", bad, "");
  for (int64_t b = 0; b < 2; ++b) {
    const auto& ids = good[b].ids;
    if (std::find(ids.begin(), ids.end(), 100 + bad) != ids.end()) bad_batch = b;
  }
  const auto data = Dataset::Open(options_, true, false);
  const auto stream = data->Train(4, 0);
  for (int64_t b = 0; b < bad_batch; ++b) EXPECT_EQ(Copy(stream->Next(), 4), good[b]);
  const std::string message = ErrorOf(Status::kData, [&] { stream->Next(); });
  EXPECT_THAT(message, HasSubstr("train2017/" + std::to_string(bad) + ".jpg: the file is empty"));
  EXPECT_EQ(Copy(stream->Next(), 4), good[bad_batch + 1]);
}

TEST_F(LoaderTest, SkippingReplacesByTheNextGoodImage) {
  options_.bad_image = BadImage::kSkip;
  const auto good = Take(11, 0, 4);
  const auto cut = EncodeTestJpeg({.width = 60, .height = 70});
  Spoil("train", 3, {reinterpret_cast<const char*>(cut.data()), cut.size() / 2});
  Spoil("train", 8, "no image");  // 109 has no box: 110 is the next
  std::filesystem::remove(folder_ / "train2017/10.jpg");
  std::filesystem::create_directory(folder_ / "train2017/10.jpg");
  std::filesystem::remove(folder_ / "train2017/23.jpg");  // the last of the list
  const auto one = Take(11, 0, 4);
  EXPECT_EQ(skipped_, 2 * (1 + 2 + 1 + 1));  // two passes; 8 tries 10, too
  for (size_t b = 0; b < 4; ++b) {
    for (size_t i = 0; i < 11; ++i) {
      const int64_t was = good[b].ids[i];
      const int64_t want = was == 103                 ? 104
                           : was == 108 || was == 110 ? 111
                           : was == 123               ? 100
                                                      : was;
      EXPECT_EQ(one[b].ids[i], want);
    }
  }
  EXPECT_THAT(bad_, testing::UnorderedElementsAre(HasSubstr("3.jpg: the JPEG cannot be decoded"),
                                                  HasSubstr("8.jpg: is no JPEG"),
                                                  HasSubstr("10.jpg: not a regular file"),
                                                  HasSubstr("23.jpg: cannot be opened")));
  options_.threads = 8;
  EXPECT_EQ(Take(11, 0, 4), one);
}

TEST_F(LoaderTest, SkippingGivesUpWhenAllAreBad) {
  options_.bad_image = BadImage::kSkip;
  for (int i = 0; i < kTrain; ++i) Spoil("train", i, "x");
  EXPECT_THAT(ErrorOf(Status::kData, [&] { Take(2, 0, 1); }),
              HasSubstr("not one of the 22 training images can be used"));
}

TEST_F(LoaderTest, EvaluationGoesThroughItsShardAndRepeatsTheLast) {
  for (const int threads : {1, 8}) {
    options_.threads = threads;
    options_.rank = 1;
    options_.ranks = 3;  // floor(10/3) .. floor(20/3) - 1: images 3, 4, 5
    const auto data = Dataset::Open(options_, false, true);
    const auto stream = data->Eval(2);
    EvalBatch batch;
    ASSERT_TRUE(stream->Next(&batch));
    EXPECT_EQ(batch.count, 2);
    EXPECT_EQ(batch.image_id[0], 103);
    EXPECT_EQ(batch.width[0], 80 + 3 * 13);
    EXPECT_EQ(batch.height[1], 60 + 4 * 7);
    ASSERT_TRUE(stream->Next(&batch));
    EXPECT_EQ(batch.count, 1);
    EXPECT_EQ(batch.image_id[0], 105);
    EXPECT_EQ(batch.image_id[1], 105);
    const size_t size = ImageBytes(options_.format);
    const auto* image = static_cast<const uint8_t*>(batch.image);
    EXPECT_EQ(std::memcmp(image, image + size, size), 0);
    std::vector<uint8_t> want(size);
    SampleMaker maker;
    maker.PrepareEvalSample(data->val_index(), 5, options_.format, want.data());
    EXPECT_EQ(std::memcmp(image, want.data(), size), 0);
    EXPECT_FALSE(stream->Next(&batch));
    EXPECT_FALSE(stream->Next(&batch));
  }
}

TEST_F(LoaderTest, EvaluationOfMoreRanksThanImages) {
  options_.ranks = 11;
  int64_t seen = 0;
  for (options_.rank = 0; options_.rank < 11; ++options_.rank) {
    const auto data = Dataset::Open(options_, false, true);
    const auto stream = data->Eval(4);
    EvalBatch batch;
    while (stream->Next(&batch)) seen += batch.count;
  }
  EXPECT_EQ(seen, kVal);
}

TEST_F(LoaderTest, BadEvaluationImages) {
  Spoil("val", 4, "x");
  {
    const auto data = Dataset::Open(options_, false, true);
    const auto stream = data->Eval(4);
    EvalBatch batch;
    EXPECT_TRUE(stream->Next(&batch));
    EXPECT_THAT(ErrorOf(Status::kData, [&] { stream->Next(&batch); }),
                HasSubstr("val2017/4.jpg: is no JPEG"));
  }
  options_.bad_image = BadImage::kSkip;
  const auto data = Dataset::Open(options_, false, true);
  for (int round = 0; round < 2; ++round) {
    const auto stream = data->Eval(4);
    EvalBatch batch;
    std::vector<int64_t> ids;
    while (stream->Next(&batch)) {
      ids.insert(ids.end(), batch.image_id, batch.image_id + batch.count);
      if (ids.size() != 8) continue;
      const auto* image = static_cast<const uint8_t*>(batch.image);
      const std::vector<uint8_t> zero(ImageBytes(options_.format));
      EXPECT_EQ(std::memcmp(image, zero.data(), zero.size()), 0);
      EXPECT_NE(std::memcmp(image + zero.size(), zero.data(), zero.size()), 0);
    }
    EXPECT_EQ(stream->skipped(), 1);
    EXPECT_THAT(ids, ElementsAre(100, 101, 102, 103, 104, 105, 106, 107, 108, 109));
  }
  EXPECT_EQ(bad_.size(), 1u);  // told once
}

TEST_F(LoaderTest, AbortEndsBothStreams) {
  const auto data = Dataset::Open(options_, true, true);
  const auto train = data->Train(4, 0);
  train->Next();
  train->Abort();
  ErrorOf(Status::kAborted, [&] { train->Next(); });
  const auto eval = data->Eval(4);
  eval->Abort();
  EvalBatch batch;
  ErrorOf(Status::kAborted, [&] { eval->Next(&batch); });
}

TEST_F(LoaderTest, WrongCountsNameTheKeyAndTheRightValue) {
  options_.train_samples = kTrainWithBox;
  options_.eval_samples = kVal;
  const auto data = Dataset::Open(options_, true, true);
  EXPECT_EQ(data->val_annotations(), folder_ / "annotations/instances_val2017.json");
  EXPECT_EQ(data->train_index().size(), kTrain);
  options_.train_samples = 117266;
  EXPECT_THAT(OpenError(), HasSubstr("set data.train_samples = 22"));
  options_.train_samples = 0;
  options_.eval_samples = 5000;
  EXPECT_THAT(OpenError(), HasSubstr("set data.eval_samples = 10"));
  options_.eval_samples = 0;
  options_.rank = 22;
  options_.ranks = 23;
  EXPECT_THAT(OpenError(), HasSubstr("too few for 23 ranks"));
  options_.dir = folder_ / "nowhere";
  EXPECT_THAT(OpenError(), HasSubstr("nowhere"));
}

TEST(LoaderTiny, ReadsRealImages) {
  const auto root = TinyCoco();
  if (!root) GTEST_SKIP() << "no tiny-coco2017 in " SSD_SHARED_DIR;
  DataOptions options;
  options.dir = *root;
  options.threads = 2;
  options.eval_samples = 50;
  const auto data = Dataset::Open(options, true, true);
  const auto n = static_cast<int64_t>(data->train_index().with_boxes().size());
  EXPECT_GE(n, 45);
  const auto train = data->Train(10, 0);
  for (int b = 0; b < 10; ++b) {
    const TrainBatch batch = train->Next();
    for (int64_t i = 0; i < 10; ++i) {
      const int32_t* label = batch.label + i * kDefaultBoxes;
      EXPECT_TRUE(std::any_of(label, label + kDefaultBoxes, [](int32_t l) { return l > 0; }));
      EXPECT_TRUE(std::all_of(label, label + kDefaultBoxes, [](int32_t l) { return l <= 80; }));
    }
    const auto* image = static_cast<const float*>(batch.image);
    const float low = *std::min_element(image, image + 10 * 270000);
    const float high = *std::max_element(image, image + 10 * 270000);
    EXPECT_GE(low, -2.12f);  // black of red
    EXPECT_LE(high, 2.65f);  // white of blue
    EXPECT_GT(high - low, 2);
  }
  const auto eval = data->Eval(16);
  EvalBatch batch;
  int64_t count = 0;
  while (eval->Next(&batch)) count += batch.count;
  EXPECT_EQ(count, 50);
}

}  // namespace
}  // namespace ssd
