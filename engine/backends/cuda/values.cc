// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/values.h"

#include <cuda_fp16.h>

#include <cstring>

#include "backends/cuda/head_layout.h"
#include "core/error.h"

namespace ssd {
namespace {

// Calls visit(index in nchw, byte of the value) for every element.
template <class Visit>
void ForEachElement(const ValueDesc& value, const Visit& visit) {
  const int64_t area = value.height * value.width, channels = CudaChannels(value);
  const auto size = static_cast<int64_t>(SizeOf(CudaType(value)));
  for (int64_t n = 0; n < value.batch; ++n) {
    for (int64_t c = 0; c < value.channels; ++c) {
      for (int64_t p = 0; p < area; ++p)
        visit((n * value.channels + c) * area + p, ((n * area + p) * channels + c) * size);
    }
  }
}

}  // namespace

DType CudaType(const ValueDesc& value) {
  return value.layout == Layout::kHead ? DType::kF32 : DType::kF16;
}

int64_t CudaChannels(const ValueDesc& value) {
  switch (value.layout) {
    case Layout::kActivation:
      return value.channels;
    case Layout::kImage:
      SSD_CHECK(value.channels <= kCudaImageChannels);
      return kCudaImageChannels;
    case Layout::kHead:
    case Layout::kHeadGradient:
      SSD_CHECK(value.channels % 85 == 0);
      return CudaHeadChannels(value.channels / 85);
  }
  Throw(Status::kInternal, "layout %d", static_cast<int>(value.layout));
}

size_t CudaBytes(const ValueDesc& value) {
  const int64_t elements = value.batch * value.height * value.width * CudaChannels(value);
  return static_cast<size_t>(elements) * SizeOf(CudaType(value));
}

std::vector<std::byte> PackValue(const ValueDesc& value, std::span<const float> nchw) {
  SSD_CHECK(nchw.size() ==
            static_cast<size_t>(value.batch * value.channels * value.height * value.width));
  std::vector<std::byte> bytes(CudaBytes(value));
  const bool f32 = CudaType(value) == DType::kF32;
  ForEachElement(value, [&](int64_t from, int64_t to) {
    const __half half = __float2half_rn(nchw[from]);
    if (f32) {
      std::memcpy(&bytes[to], &nchw[from], sizeof(float));
    } else {
      std::memcpy(&bytes[to], &half, sizeof half);
    }
  });
  return bytes;
}

void UnpackValue(const ValueDesc& value, std::span<const std::byte> bytes, std::span<float> nchw) {
  SSD_CHECK(bytes.size() == CudaBytes(value));
  SSD_CHECK(nchw.size() ==
            static_cast<size_t>(value.batch * value.channels * value.height * value.width));
  const bool f32 = CudaType(value) == DType::kF32;
  ForEachElement(value, [&](int64_t to, int64_t from) {
    __half half;
    if (f32) {
      std::memcpy(&nchw[to], &bytes[from], sizeof(float));
    } else {
      std::memcpy(&half, &bytes[from], sizeof half);
      nchw[to] = __half2float(half);
    }
  });
}

}  // namespace ssd
