// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backends/cuda/context.h"
#include "backends/device_jpeg.h"

namespace ssd {

// What is asked of nvJPEG. Jobs come with the memory that `pixels` names; work is enqueued on the
// stream.
class JpegLibrary {
 public:
  virtual ~JpegLibrary() = default;
  // Whether DecodeAll takes it: a GPU's own decoder takes less than its processors do.
  virtual bool InBatches(const JpegJob& job) = 0;
  virtual bool DecodeAll(std::span<const JpegJob> jobs, cudaStream_t stream) = 0;  // or none
  virtual bool DecodeOne(const JpegJob& job, cudaStream_t stream) = 0;
};

// nvJPEG, with the hardware's decoder where the GPU has one. Throws Status::kUnavailable, saying
// what is missing.
std::unique_ptr<JpegLibrary> OpenNvjpeg();

// A batch at once, and file by file what the library does not take so; all of it, if it refuses the
// batch.
std::unique_ptr<DeviceJpeg> MakeCudaJpeg(std::unique_ptr<JpegLibrary> library);

}  // namespace ssd
