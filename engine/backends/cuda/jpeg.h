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
  virtual bool DecodeAll(std::span<const JpegJob> jobs, cudaStream_t stream) = 0;  // or none
  virtual bool DecodeOne(const JpegJob& job, cudaStream_t stream) = 0;
};

// nvJPEG, with the hardware's decoder where the GPU has one. Throws Status::kUnavailable, saying
// what is missing.
std::unique_ptr<JpegLibrary> OpenNvjpeg();

// A batch at once; if the library refuses that, file by file.
std::unique_ptr<DeviceJpeg> MakeCudaJpeg(std::unique_ptr<JpegLibrary> library);

}  // namespace ssd
