// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "backends/backend.h"
#include "core/bfloat16.h"

namespace ssd {

// out[i] = sum of terms[.][i], zero where relu_output (if not null) is not positive; summed in f32.
// size is a multiple of 16. T is float or bfloat16. Runs on all OpenMP threads.
template <class T>
void SumGradient(const std::vector<const T*>& terms, const T* relu_output, int64_t size, T* out);

// Between host f32 [n,c,h,w] and channels-last data of the given type (f32 or bf16).
void ImportChannelsLast(const ValueDesc& value, DType type, const float* nchw, void* data);
void ExportChannelsLast(const ValueDesc& value, DType type, const void* data, float* nchw);

// SgdArgs on all OpenMP threads.
void CpuSgd(const SgdArgs& args);

}  // namespace ssd
