// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The input bench on the emulator: who renders and decodes.
#include <gtest/gtest.h>

#include "backends/cuda/cuda_backend.h"
#include "data/decoded_cache.h"
#include "data/jpeg.h"
#include "data/test_files.h"
#include "testing/emulator/nvjpeg.h"
#include "train/bench_input.h"

namespace ssd {
namespace {

class CudaInputBench : public testing::Test {
 protected:
  CudaInputBench() { MakeTestDataset(folder_.path(), 4, 3); }
  ~CudaInputBench() override { emulator::SetNvjpeg({}); }

  BenchReport Run(BenchRequest::What what, Backend& backend, Decoder decoder = Decoder::kAuto) {
    DataOptions options;
    options.dir = folder_.path();
    options.format = {ActivationType(backend.precision()), backend.image_channels()};
    options.decoder = decoder;
    BenchRequest request;
    request.set_what(what);
    request.set_seconds(1e-3);
    BenchReport report;
    BenchInput(request, options, 2, backend, aborted_, report);
    EXPECT_GT(report.images_per_second(), 0);
    EXPECT_GT(report.cpu_ms_per_image(), 0);
    return report;
  }

  TestFolder folder_;
  std::atomic<bool> aborted_{false};
  const std::unique_ptr<Backend> backend_ = MakeCudaBackend();
};

TEST_F(CudaInputBench, SaysWhoRendersAndDecodes) {
  int decoded = 0;
  for (const auto what : {BenchRequest::INPUT_TRAIN, BenchRequest::INPUT_VAL}) {
    emulator::SetNvjpeg({});
    const InputPath without = Run(what, *backend_).input();
    EXPECT_EQ(without.renderer(), "device");
    EXPECT_EQ(without.decoder(), "host");
    EXPECT_EQ(without.reason(), "the emulator has no nvJPEG");
    emulator::SetNvjpeg([&](const JpegJob& job) {
      ++decoded;
      JpegDecoder decoder;
      const ImageSize size = decoder.Open(job.file, "job");
      CopyRgb(decoder.Decode({0, 0, size.width, size.height}), job.pixels);
      return true;
    });
    const InputPath with = Run(what, *backend_).input();
    EXPECT_EQ(with.renderer(), "device");
    EXPECT_EQ(with.decoder(), "nvjpeg");
    EXPECT_EQ(with.reason(), "");
    EXPECT_GT(std::exchange(decoded, 0), 0);
    EXPECT_EQ(Run(what, *backend_, Decoder::kHost).input().decoder(), "host");
    EXPECT_EQ(decoded, 0);
  }
}

TEST_F(CudaInputBench, OfAHostThatRenders) {
  const auto cpu =
      OpenBackend({.device = DeviceKind::kCpu, .precision = Precision::kF32, .threads = 1});
  for (const auto what : {BenchRequest::INPUT_TRAIN, BenchRequest::INPUT_VAL}) {
    const InputPath path = Run(what, *cpu).input();
    EXPECT_EQ(path.renderer(), "host");
    EXPECT_EQ(path.decoder(), "host");
    EXPECT_EQ(path.reason(), "");
  }
}

TEST_F(CudaInputBench, Stops) {
  aborted_ = true;
  EXPECT_EQ(ErrorOf(Status::kAborted, [&] { Run(BenchRequest::INPUT_TRAIN, *backend_); }),
            "the benchmark was stopped");
}

}  // namespace
}  // namespace ssd
