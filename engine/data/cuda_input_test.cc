// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Batches that the CUDA backend renders on the emulator, whose streams work as late as they may,
// against those of the host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "backends/cuda/cuda_backend.h"
#include "core/float16.h"
#include "data/dataset.h"
#include "data/decoded_cache.h"
#include "data/jpeg.h"
#include "data/test_files.h"
#include "loss/default_boxes.h"
#include "testing/emulator/nvjpeg.h"

namespace ssd {
namespace {

constexpr int64_t kBatch = 3;
constexpr size_t kPixels = size_t{kBatch} * 300 * 300;
// One 8-bit step of a colour, normalised.
constexpr float kStep = 1 / (0.224f * 255);

struct Batch {
  std::vector<int64_t> id;
  std::vector<float16> image;  // [kBatch][300][300][4]
  std::vector<int32_t> label;
  std::vector<float> offset;
  bool operator==(const Batch& o) const {
    return id == o.id && label == o.label && offset == o.offset &&
           std::ranges::equal(image, o.image,
                              [](float16 a, float16 b) { return a.bits == b.bits; });
  }
};

class CudaInputTest : public testing::Test {
 protected:
  CudaInputTest() {
    MakeTestDataset(folder_.path(), 12, 8);
    options_.dir = folder_.path();
    options_.seed = 4;
    options_.threads = 3;
    options_.format = {DType::kF16, 4};
    options_.on_bad_image = [this](const std::string& message) { bad_.push_back(message); };
  }

  std::vector<Batch> OnHost(int batches) {
    options_.backend = nullptr;
    const auto data = Dataset::Open(options_, true, false);
    const auto stream = data->Train(kBatch, 0);
    std::vector<Batch> all;
    for (int b = 0; b < batches; ++b) {
      const TrainBatch got = stream->Next();
      const auto* image = static_cast<const float16*>(got.image);
      all.push_back({{got.image_id, got.image_id + kBatch},
                     {image, image + kPixels * 4},
                     {got.label, got.label + kBatch * kDefaultBoxes},
                     {got.offset, got.offset + kBatch * kDefaultBoxes * 4}});
    }
    skipped_ = stream->skipped();
    return all;
  }
  std::vector<Batch> OnDevice(int batches) {
    options_.backend = backend_.get();
    const auto data = Dataset::Open(options_, true, false);
    const auto stream = data->Train(kBatch, 0);
    std::vector<Batch> all;
    for (int b = 0; b < batches; ++b) all.push_back(Take(stream->Next()));
    skipped_ = stream->skipped();
    return all;
  }
  Batch Take(const TrainBatch& got) {
    EXPECT_EQ(got.image, nullptr);
    Batch batch{{got.image_id, got.image_id + kBatch},
                std::vector<float16>(kPixels * 4),
                std::vector<int32_t>(kBatch * kDefaultBoxes),
                std::vector<float>(kBatch * kDefaultBoxes * 4)};
    const auto image = Allocate(batch.image), label = Allocate(batch.label),
               offset = Allocate(batch.offset);
    got.renderer->Take(image->data(), label->data(), offset->data());
    Fetch(*image, batch.image);
    Fetch(*label, batch.label);
    Fetch(*offset, batch.offset);
    return batch;
  }

  // The evaluation once, without what fills the last batch.
  std::vector<Batch> Evaluation(Dataset& data) {
    const auto stream = data.Eval(kBatch);
    std::vector<Batch> all;
    EvalBatch got;
    while (stream->Next(&got)) all.push_back(Take(got));
    EXPECT_FALSE(stream->Next(&got));
    skipped_ = stream->skipped();
    return all;
  }
  std::vector<Batch> Evaluation(Backend* backend) {
    options_.backend = backend;
    return Evaluation(*Dataset::Open(options_, false, true));
  }
  Batch Take(const EvalBatch& got) {
    Batch batch{
        {got.image_id, got.image_id + got.count}, std::vector<float16>(kPixels * 4), {}, {}};
    if (got.renderer == nullptr) {
      const auto* image = static_cast<const float16*>(got.image);
      batch.image.assign(image, image + kPixels * 4);
    } else {
      EXPECT_EQ(got.image, nullptr);
      const auto image = Allocate(batch.image);
      got.renderer->Take(image->data(), nullptr, nullptr);
      Fetch(*image, batch.image);
    }
    batch.image.resize(static_cast<size_t>(got.count) * (kPixels / kBatch) * 4);
    return batch;
  }

  TestFolder folder_;
  DataOptions options_;
  std::vector<std::string> bad_;
  int64_t skipped_ = 0;
  const std::unique_ptr<Backend> backend_ = MakeCudaBackend();

 private:
  template <class T>
  std::unique_ptr<DeviceMemory> Allocate(const std::vector<T>& values) {
    return backend_->Allocate(values.size() * sizeof(T));
  }
  template <class T>
  void Fetch(const DeviceMemory& memory, std::vector<T>& values) {
    backend_->Download(std::as_writable_bytes(std::span(values)), memory.data());
    backend_->Synchronize();
  }
};

// Targets to the bit; pixels but for those on the edge of two 8-bit values, which colour may make a
// few steps of.
constexpr float kColored = 3.2f, kPlain = 1.1f;
void ExpectSame(const std::vector<Batch>& got, const std::vector<Batch>& want,
                float steps = kColored) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t b = 0; b < got.size(); ++b) {
    EXPECT_EQ(got[b].id, want[b].id);
    EXPECT_EQ(got[b].label, want[b].label);
    EXPECT_EQ(got[b].offset, want[b].offset);
    ASSERT_EQ(got[b].image.size(), want[b].image.size());
    size_t differing = 0;
    for (size_t i = 0; i < want[b].image.size(); ++i) {
      const float error = std::abs(got[b].image[i].ToFloat() - want[b].image[i].ToFloat());
      ASSERT_LT(error, steps * kStep) << "batch " << b << " at " << i;
      differing += error > 0.1f * kStep;
    }
    EXPECT_LT(differing, want[b].image.size() / 500) << "batch " << b;
  }
}

TEST_F(CudaInputTest, EqualsTheHosts) { ExpectSame(OnDevice(4), OnHost(4)); }

TEST_F(CudaInputTest, DoesNotDependOnTheCache) {
  const auto without = OnDevice(6);
  for (const int64_t bytes : {60000, 1000000}) {
    options_.cache_bytes = bytes;
    EXPECT_TRUE(OnDevice(6) == without) << bytes;
  }
}

// From some batch of the second pass on: the loader is ahead of what is kept.
TEST_F(CudaInputTest, KeptImagesAreNotReadAgain) {
  options_.cache_bytes = 1000000;
  options_.prefetch = 1;
  const auto want = OnDevice(12);
  const auto data = Dataset::Open(options_, true, false);
  const auto stream = data->Train(kBatch, 0);
  for (int b = 0; b < 6; ++b) EXPECT_TRUE(Take(stream->Next()) == want[b]) << b;
  for (int i = 0; i < 12; ++i)
    std::filesystem::remove(folder_ / ("train2017/" + std::to_string(i) + ".jpg"));
  for (int b = 6; b < 12; ++b) EXPECT_TRUE(Take(stream->Next()) == want[b]) << b;
}

TEST_F(CudaInputTest, BadFilesAreSkippedAsOnTheHost) {
  options_.bad_image = BadImage::kSkip;
  WriteFile(folder_ / "train2017/3.jpg", "no image");
  WriteFile(folder_ / "train2017/4.jpg", "");
  options_.cache_bytes = 1000000;
  const auto got = OnDevice(4);
  const int64_t skipped = skipped_;
  EXPECT_GE(skipped, 3);
  EXPECT_EQ(bad_.size(), 2u);
  ExpectSame(got, OnHost(4));
  EXPECT_LE(skipped_, skipped);  // the device is a batch ahead
}

TEST_F(CudaInputTest, ABadFileFailsItsBatch) {
  const auto good = OnDevice(4);
  const int64_t bad = good[1].id[2];
  ASSERT_EQ(std::ranges::count(good[0].id, bad), 0);
  WriteFile(folder_ / ("train2017/" + std::to_string(bad - 100) + ".jpg"), "no image");
  const auto data = Dataset::Open(options_, true, false);
  const auto stream = data->Train(kBatch, 0);
  EXPECT_TRUE(Take(stream->Next()) == good[0]);
  EXPECT_THAT(ErrorOf(Status::kData, [&] { stream->Next(); }),
              testing::HasSubstr(".jpg: is no JPEG"));
  EXPECT_TRUE(Take(stream->Next()) == good[2]);
}

TEST_F(CudaInputTest, EvaluationEqualsTheHosts) {
  const auto got = Evaluation(backend_.get());
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[2].id, (std::vector<int64_t>{106, 107}));
  ExpectSame(got, Evaluation(nullptr), kPlain);
}

TEST_F(CudaInputTest, EachRankEvaluatesItsShard) {
  options_.ranks = 3;
  std::vector<int64_t> ids;
  for (options_.rank = 0; options_.rank < 3; ++options_.rank) {
    const auto got = Evaluation(backend_.get());
    for (const Batch& batch : got) ids.insert(ids.end(), batch.id.begin(), batch.id.end());
    ExpectSame(got, Evaluation(nullptr), kPlain);
  }
  EXPECT_EQ(ids, (std::vector<int64_t>{100, 101, 102, 103, 104, 105, 106, 107}));
}

// Also after one that was left in the middle, and beside one that is still there.
TEST_F(CudaInputTest, EvaluationsFollowEachOther) {
  options_.backend = backend_.get();
  options_.prefetch = 1;
  const auto data = Dataset::Open(options_, false, true);
  const auto want = Evaluation(*data);
  EXPECT_TRUE(Evaluation(*data) == want);
  EvalBatch batch;
  data->Eval(kBatch)->Next(&batch);
  EXPECT_TRUE(Evaluation(*data) == want);
  const auto open = data->Eval(kBatch);
  ASSERT_TRUE(open->Next(&batch));
  EXPECT_TRUE(Take(batch) == want[0]);
  ASSERT_TRUE(open->Next(&batch));
  EXPECT_TRUE(Evaluation(*data) == want);
  EXPECT_TRUE(Take(batch) == want[1]);
}

TEST_F(CudaInputTest, ABadEvaluationImageIsZeroOrFails) {
  WriteFile(folder_ / "val2017/4.jpg", "no image");
  EXPECT_THAT(ErrorOf(Status::kData, [&] { Evaluation(backend_.get()); }),
              testing::HasSubstr("val2017/4.jpg: is no JPEG"));
  options_.bad_image = BadImage::kSkip;
  const auto got = Evaluation(backend_.get());
  EXPECT_EQ(skipped_, 1);
  EXPECT_EQ(bad_.size(), 1u);
  const auto& image = got[1].image;
  const auto size = static_cast<std::ptrdiff_t>(image.size() / kBatch);
  EXPECT_TRUE(std::all_of(image.begin() + size, image.begin() + 2 * size,
                          [](float16 v) { return v.bits == 0; }));
  ExpectSame(got, Evaluation(nullptr), kPlain);
}

// The device's decoder, played by the host's: with it the pixels of plain files are the same.
class CudaDecoderTest : public CudaInputTest {
 protected:
  CudaDecoderTest() {
    options_.decoder = Decoder::kDevice;
    const auto in_batches = [this](const JpegJob& job) {
      return alone_ == 0 || job.file.size() % alone_ != 0;
    };
    const auto decode = [this](const JpegJob& job) {
      ++asked_;
      if (refused_ > 0 && job.file.size() % refused_ == 0) return false;
      JpegDecoder decoder;
      const ImageSize size = decoder.Open(job.file, "job");
      EXPECT_EQ(size.width, job.width);
      EXPECT_EQ(size.height, job.height);
      try {
        CopyRgb(decoder.Decode({0, 0, size.width, size.height}), job.pixels);
      } catch (const Error&) {
        return false;
      }
      ++decoded_;
      return true;
    };
    emulator::SetNvjpeg(decode, in_batches);
  }
  ~CudaDecoderTest() override { emulator::SetNvjpeg({}); }

  int asked_ = 0, decoded_ = 0;
  size_t refused_ = 0;  // files of a size that this divides
  size_t alone_ = 0;    // those that no batch holds
};

TEST_F(CudaDecoderTest, EqualsTheHostsDecoder) {
  const auto got = OnDevice(5);
  EXPECT_GT(decoded_, 2);
  EXPECT_LT(decoded_, 18) << "CMYK and the like are for the host";
  options_.decoder = Decoder::kHost;
  const int asked = asked_;
  EXPECT_TRUE(OnDevice(5) == got);
  EXPECT_EQ(asked_, asked);
}

TEST_F(CudaDecoderTest, OfTheEvaluation) {
  const auto got = Evaluation(backend_.get());
  EXPECT_GT(decoded_, 2);
  for (const size_t refused : {1, 2}) {
    refused_ = refused;
    EXPECT_TRUE(Evaluation(backend_.get()) == got) << refused;
  }
  options_.decoder = Decoder::kHost;
  EXPECT_TRUE(Evaluation(backend_.get()) == got);
}

// What is reserved without a decoder stays without one.
TEST_F(CudaDecoderTest, EvaluationsAreReservedBeforeThereIsAFile) {
  const auto want = Evaluation(backend_.get());
  options_.dir = folder_ / "later";
  options_.decoder = Decoder::kAuto;
  emulator::SetNvjpeg({});
  const auto data = Dataset::Make(options_);
  data->ReserveEval(kBatch);
  int asked = 0;
  emulator::SetNvjpeg([&](const JpegJob&) { return ++asked, false; });
  MakeTestDataset(options_.dir, 12, 8);
  data->ReadAnnotations(false, true);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(Evaluation(*data) == want) << i;
  EXPECT_EQ(asked, 0);
  EXPECT_TRUE(Evaluation(*Dataset::Open(options_, false, true)) == want);
  EXPECT_GT(asked, 0);
}

TEST_F(CudaDecoderTest, TheHostDecodesWhatIsRefused) {
  options_.cache_bytes = 1000000;
  const auto want = OnDevice(5);
  for (const size_t refused : {1, 2, 3}) {
    refused_ = refused;
    EXPECT_TRUE(OnDevice(5) == want) << refused;
  }
}

// As a GPU's own decoder: what it does not take does not spoil the batch.
TEST_F(CudaDecoderTest, WhatNoBatchHoldsIsDecodedByItself) {
  const auto want = OnDevice(5);
  for (const size_t alone : {1, 2}) {
    alone_ = alone;
    EXPECT_TRUE(OnDevice(5) == want) << alone;
  }
  EXPECT_EQ(decoded_, asked_) << "each once";
}

TEST_F(CudaDecoderTest, KeptImagesAreNotDecodedAgain) {
  options_.prefetch = 1;
  OnDevice(12);
  const int always = std::exchange(decoded_, 0);
  options_.cache_bytes = 1000000;
  OnDevice(12);
  EXPECT_LT(decoded_, always);  // from the eighth batch on no image is new
}

// A plain file that is spoilt inside.
TEST_F(CudaDecoderTest, BadFilesAreSkippedAsOnTheHost) {
  options_.bad_image = BadImage::kSkip;
  auto jpeg = EncodeTestJpeg({.width = 200, .height = 160, .space = JpegSpace::kYcc420});
  jpeg[jpeg.size() / 3] = 0xFF;
  jpeg[jpeg.size() / 3 + 1] = 0xD9;
  for (const int i : {1, 4, 5})
    WriteFile(folder_ / ("train2017/" + std::to_string(i) + ".jpg"),
              {reinterpret_cast<const char*>(jpeg.data()), jpeg.size()});
  const auto got = OnDevice(4);
  EXPECT_GT(skipped_, 0);
  options_.decoder = Decoder::kHost;
  EXPECT_TRUE(OnDevice(4) == got);
}

TEST_F(CudaInputTest, WithoutItsDecoderTheDeviceSaysSo) {
  std::string why;
  options_.on_host_decoder = [&](const std::string& message) { why = message; };
  OnDevice(1);
  EXPECT_EQ(why, "the emulator has no nvJPEG");
  options_.decoder = Decoder::kDevice;
  EXPECT_EQ(ErrorOf(Status::kUnavailable, [&] { OnDevice(1); }), "the emulator has no nvJPEG");
}

}  // namespace
}  // namespace ssd
