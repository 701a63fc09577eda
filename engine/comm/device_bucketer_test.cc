// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/device_bucketer.h"

#include <gtest/gtest.h>

#include <string>

#include "comm/test_devices.h"
#include "core/error.h"

namespace ssd {
namespace {

// Writes what it is asked for, in order, to a log. A Backend that only passes work on.
struct Log {
  std::string text;
};

class Sums : public IdleDevices {
 public:
  Sums(Log& log, const float* base) : log_(log), base_(base) {}
  void SumOn(void*, std::span<const Values> values) override {
    for (const Values& v : values) {
      log_.text += v.type == DType::kF16 ? 'h' : 'f';
      log_.text += std::to_string(static_cast<const float*>(v.data) - base_);
      log_.text += '+';
      log_.text += std::to_string(v.count);
      log_.text += ' ';
    }
    log_.text += "| ";
  }

 private:
  Log& log_;
  const float* base_;
};

class Stream : public Backend {
 public:
  explicit Stream(Log& log) : log_(log) {}
  void Beside(const std::function<void(void*)>& enqueue) override { enqueue(nullptr); }
  void Join() override { log_.text += "join"; }

  std::string Describe() const override { Refuse(); }
  Precision precision() const override { Refuse(); }
  bool fuses() const override { Refuse(); }
  size_t Bytes(const ValueDesc&) const override { Refuse(); }
  int64_t image_channels() const override { Refuse(); }
  int64_t head_channels(int64_t) const override { Refuse(); }
  void Import(const ValueDesc&, std::span<const float>, void*) override { Refuse(); }
  void Export(const ValueDesc&, const void*, std::span<float>) override { Refuse(); }
  std::unique_ptr<DeviceMemory> Allocate(size_t) override { Refuse(); }
  bool memory_is_host() const override { Refuse(); }
  void Upload(void*, std::span<const std::byte>) override { Refuse(); }
  void Download(std::span<std::byte>, const void*) override { Refuse(); }
  void Copy(void*, const void*, size_t) override { Refuse(); }
  std::unique_ptr<Op> MakeConv(const ConvDesc&) override { Refuse(); }
  std::unique_ptr<Op> MakeBatchNorm(const BatchNormDesc&) override { Refuse(); }
  std::unique_ptr<Op> MakeMaxPool(const MaxPoolDesc&) override { Refuse(); }
  std::unique_ptr<MultiboxOp> MakeMultibox(const MultiboxDesc&) override { Refuse(); }
  std::unique_ptr<DetectOp> MakeDetect(const DetectDesc&) override { Refuse(); }
  std::unique_ptr<SgdOp> MakeSgd(const SgdArgs&) override { Refuse(); }
  void UnpackGradients() override { Refuse(); }
  void PackGradients() override { Refuse(); }
  std::unique_ptr<Recorded> Record(std::function<void()>) override { Refuse(); }
  bool Idle() override { Refuse(); }
  void Synchronize() override { Refuse(); }

 private:
  [[noreturn]] static void Refuse() { Throw(Status::kInternal, "not asked for"); }
  Log& log_;
};

// Runs of 8 + 8 + 16 + 8 + 4 floats' room; halves take half of it.
class DeviceBucketerTest : public ::testing::Test {
 protected:
  float memory_[44] = {};
  std::vector<GradientRun> runs_ = {{&memory_[0], 16, DType::kF16, 0},
                                    {&memory_[8], 8, DType::kF32, 20},
                                    {&memory_[16], 32, DType::kF16, 30},
                                    {&memory_[32], 8, DType::kF32, 70},
                                    {&memory_[40], 4, DType::kF32, 80}};
  Log log_;
  Stream stream_{log_};
  Sums sums_{log_, memory_};
};

TEST_F(DeviceBucketerTest, SumsBucketsFromTheEndAsTheyAreReady) {
  DeviceBucketer bucketer(sums_, stream_, runs_, 60);
  for (int step = 0; step < 2; ++step) {
    log_.text.clear();
    bucketer.Ready(71);
    EXPECT_EQ(log_.text, "");
    bucketer.Ready(30);
    EXPECT_EQ(log_.text, "f32+12 h16+32 | ") << "two runs in a row are one";
    bucketer.Ready(30);
    bucketer.Finish();
    EXPECT_EQ(log_.text, "f32+12 h16+32 | f8+8 h0+16 | join");
  }
}

TEST_F(DeviceBucketerTest, CutsByPositionWhateverIsReady) {
  DeviceBucketer bucketer(sums_, stream_, runs_, 60);
  bucketer.Finish();
  EXPECT_EQ(log_.text, "f32+12 h16+32 | f8+8 h0+16 | join");
}

TEST_F(DeviceBucketerTest, SumsWhatFillsNoBucket) {
  DeviceBucketer bucketer(sums_, stream_, runs_, 1000);
  bucketer.Ready(0);
  EXPECT_EQ(log_.text, "");
  bucketer.Finish();
  EXPECT_EQ(log_.text, "f32+12 h16+32 f8+8 h0+16 | join");
}

}  // namespace
}  // namespace ssd
