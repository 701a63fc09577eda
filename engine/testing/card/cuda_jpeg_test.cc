// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// nvJPEG on a card beside the host's decoder.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <string>

#include "backends/cuda/jpeg.h"
#include "core/error.h"
#include "data/decoded_cache.h"
#include "data/jpeg.h"
#include "data/test_files.h"

namespace ssd {
namespace {

// Means of the absolute difference in 8-bit steps. Decoders round the inverse cosine transform
// their own way; halved colours they also interpolate their own way, which shows at hard edges. A
// pixel that is not of its place is tens of steps away.
constexpr double kRounding = 1, kColour = 8;

struct Picture {
  std::vector<uint8_t> file;
  ImageSize size;
  double tolerance;
  std::vector<uint8_t> want;  // red, green, blue
};

Picture PictureOf(const TestJpeg& jpeg) {
  Picture p{EncodeTestJpeg(jpeg), {}, kColour, {}};
  if (jpeg.space == JpegSpace::kGray || jpeg.space == JpegSpace::kYcc444) p.tolerance = kRounding;
  JpegDecoder decoder;
  p.size = decoder.Open(p.file, "picture");
  EXPECT_TRUE(decoder.plain());
  p.want.resize(size_t{3} * static_cast<size_t>(p.size.width) * static_cast<size_t>(p.size.height));
  CopyRgb(decoder.Decode({0, 0, p.size.width, p.size.height}), p.want.data());
  return p;
}

double Distance(const uint8_t* device, const std::vector<uint8_t>& want) {
  std::vector<uint8_t> got(want.size());
  SSD_CUDA(cudaMemcpy(got.data(), device, got.size(), cudaMemcpyDeviceToHost));
  double sum = 0;
  for (size_t i = 0; i < got.size(); ++i) sum += std::abs(int{got[i]} - int{want[i]});
  return sum / static_cast<double>(got.size());
}

class DeviceJpegOnACard : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      decoder_ = MakeCudaJpeg(OpenNvjpeg());
    } catch (const Error& e) {
      GTEST_SKIP() << e.what();
    }
    uint32_t seed = 0;
    for (const JpegSpace space : {JpegSpace::kGray, JpegSpace::kYcc444, JpegSpace::kYcc422,
                                  JpegSpace::kYcc440, JpegSpace::kYcc420, JpegSpace::kYcc411})
      for (const auto& [width, height] : {std::pair{64, 48}, {333, 217}, {640, 480}})
        pictures_.push_back(
            PictureOf({.width = width, .height = height, .space = space, .seed = ++seed}));
  }
  std::vector<JpegJob> Jobs() const {
    std::vector<JpegJob> jobs;
    for (const Picture& p : pictures_)
      jobs.push_back(
          {.file = p.file, .width = p.size.width, .height = p.size.height, .home = nullptr});
    return jobs;
  }
  void ExpectPixels(const std::vector<JpegJob>& jobs) const {
    for (size_t i = 0; i < pictures_.size(); ++i) {
      ASSERT_NE(jobs[i].pixels, nullptr) << i;
      EXPECT_LT(Distance(jobs[i].pixels, pictures_[i].want), pictures_[i].tolerance) << i;
    }
  }

  std::unique_ptr<DeviceJpeg> decoder_;
  std::deque<Picture> pictures_;
};

TEST_F(DeviceJpegOnACard, DecodesWhatTheHostDoes) {
  for (int batch = 0; batch < 3; ++batch) {
    auto jobs = Jobs();
    decoder_->Decode(jobs);
    ExpectPixels(jobs);
  }
}

// Some files spoil a batch; the others of it are decoded all the same.
TEST_F(DeviceJpegOnACard, ASpoiltFileIsAlone) {
  std::vector<uint8_t> spoilt = pictures_.front().file;
  spoilt.resize(spoilt.size() / 8);
  auto jobs = Jobs();
  jobs.push_back({.file = spoilt,
                  .width = pictures_.front().size.width,
                  .height = pictures_.front().size.height,
                  .home = nullptr});
  decoder_->Decode(jobs);
  ExpectPixels(jobs);
  jobs = Jobs();
  decoder_->Decode(jobs);
  ExpectPixels(jobs);
}

}  // namespace
}  // namespace ssd
