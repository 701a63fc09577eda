// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "backends/backend.h"
#include "core/bfloat16.h"

namespace ssd {

// out[i] = sum of terms[.][i], zero where relu_output (if not null) is not positive; summed in f32.
// size is a multiple of 16; everything holds type, f32 or bf16. Runs on all OpenMP threads.
void SumGradient(DType type, const std::vector<const void*>& terms, const void* relu_output,
                 int64_t size, void* out);

// out[i] = sum of parts[.][i], 0 without parts. size is a multiple of 16. On the caller's thread.
template <class T>
void SumRows(const float* const* parts, int64_t count, int64_t size, T* out);

// Between host f32 [n,c,h,w] and channels-last data of the given type (f32 or bf16).
void ImportChannelsLast(const ValueDesc& value, DType type, const float* nchw, void* data);
void ExportChannelsLast(const ValueDesc& value, DType type, const void* data, float* nchw);

// SgdArgs on all OpenMP threads.
void CpuSgd(const SgdArgs& args, const SgdRates& rates);

}  // namespace ssd
