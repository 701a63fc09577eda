// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <dnnl.hpp>
#include <utility>
#include <vector>

#include "backends/backend.h"

namespace ssd {

// What every op of the CPU backend needs to make itself: handles, cheap to copy.
struct CpuContext {
  dnnl::engine engine;
  dnnl::stream stream;
  Precision precision;
  int threads;
  NormSpan* norm_span;  // or null

  dnnl::memory::data_type type() const {
    return precision == Precision::kF32 ? dnnl::memory::data_type::f32
                                        : dnnl::memory::data_type::bf16;
  }
};

// Every value of this backend is channels last and dense, whatever its Layout.
DType CpuType(const ValueDesc& value, Precision precision);
int64_t CpuElements(const ValueDesc& value);

// The name of the instruction set oneDNN uses, such as "avx512_core_bf16".
const char* CpuIsaName(dnnl::cpu_isa isa);

// Places blocks one after another in a scratch area, each on a 64-byte line.
class ScratchPlan {
 public:
  size_t Add(size_t bytes) {
    const size_t offset = size_;
    size_ += (bytes + 63) / 64 * 64;
    return offset;
  }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

// Thread t of n works on [begin, end) of 0..size-1.
struct Range {
  int64_t begin, end;
};
inline Range RangeOf(int64_t size, int thread, int threads) {
  return {size * thread / threads, size * (thread + 1) / threads};
}

// A oneDNN primitive with its memory: running it allocates nothing on this side.
class PrimitiveCall {
 public:
  PrimitiveCall() = default;
  PrimitiveCall(const dnnl::primitive& primitive, std::vector<std::pair<int, dnnl::memory>> args);
  void Run(const dnnl::stream& stream) const;  // Status::kDevice if oneDNN refuses

 private:
  dnnl::primitive primitive_;
  std::vector<std::pair<int, dnnl::memory>> memories_;
  std::vector<dnnl_exec_arg_t> args_;
};

}  // namespace ssd
