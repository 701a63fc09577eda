// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/backend.h"

namespace ssd {

// Every value of the CUDA backend is channels last: activations and gradients of heads in f16,
// heads in f32. Images have 4 channels, heads CudaHeadChannels; what pads them is zero.
inline constexpr int64_t kCudaImageChannels = 4;

DType CudaType(const ValueDesc& value);
int64_t CudaChannels(const ValueDesc& value);  // with padding
size_t CudaBytes(const ValueDesc& value);

// Between f32 [n,c,h,w] and the bytes of a value, both on the host.
std::vector<std::byte> PackValue(const ValueDesc& value, std::span<const float> nchw);
void UnpackValue(const ValueDesc& value, std::span<const std::byte> bytes, std::span<float> nchw);

}  // namespace ssd
