// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "backends/cuda/context.h"

namespace ssd {

inline constexpr int32_t kForEachThreads = 256;

template <class Element>
__global__ void __launch_bounds__(kForEachThreads) ForEachKernel(int64_t size, Element element) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kForEachThreads + threadIdx.x;
  if (i < size) element(i);
}

// element(i) for i in 0..size-1, a thread each: the one launcher of element-wise kernels, which are
// __host__ __device__ functors.
template <class Element>
void ForEach(const CudaContext& context, int64_t size, const Element& element) {
  Launch(context, ForEachKernel<Element>, {BlocksFor(size, kForEachThreads)}, {kForEachThreads},
         size, element);
}

}  // namespace ssd
