// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/context.h"

#include "core/error.h"

namespace ssd {

DType CpuType(const ValueDesc& value, Precision precision) {
  return value.layout == Layout::kHead ? DType::kF32 : ActivationType(precision);
}

int64_t CpuElements(const ValueDesc& value) {
  return value.batch * value.channels * value.height * value.width;
}

const char* CpuIsaName(dnnl::cpu_isa isa) {
  switch (isa) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx2_vnni_2:
      return "avx2_vnni_2";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_fp16:
      return "avx512_core_fp16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    case dnnl::cpu_isa::avx512_core_amx_fp16:
      return "avx512_core_amx_fp16";
    default:
      return "generic";
  }
}

PrimitiveCall::PrimitiveCall(const dnnl::primitive& primitive,
                             std::vector<std::pair<int, dnnl::memory>> args)
    : primitive_(primitive), memories_(std::move(args)) {
  for (const auto& [index, memory] : memories_) args_.push_back({index, memory.get()});
}

void PrimitiveCall::Run(const dnnl::stream& stream) const {
  const dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), stream.get(),
                                                      static_cast<int>(args_.size()), args_.data());
  if (status != dnnl_success) {
    Throw(Status::kDevice, "oneDNN could not run a primitive (status %d)",
          static_cast<int>(status));
  }
}

}  // namespace ssd
