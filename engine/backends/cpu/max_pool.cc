// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/max_pool.h"

#include <omp.h>

#include <algorithm>

#include "backends/cpu/max_pool_kernels.h"
#include "core/bfloat16.h"
#include "core/error.h"

namespace ssd {
namespace {

template <class T>
class CpuMaxPool final : public Op {
 public:
  CpuMaxPool(const CpuContext& context, const MaxPoolDesc& desc)
      : desc_(desc), threads_(context.threads), shape_{desc.x.channels, desc.x.height, desc.x.width,
                                                       desc.y.height,   desc.y.width,  desc.kernel,
                                                       desc.stride,     desc.pad} {}

  Needs needs() const override {
    return {desc_.training ? static_cast<size_t>(CpuElements(desc_.y)) : 0, 0};
  }

  void Bind(const OpArgs& args) override {
    SSD_CHECK(args.x != nullptr && args.y != nullptr);
    args_ = args;
    if (!desc_.training) return;
    SSD_CHECK(args.saved != nullptr && args.dx != nullptr && !args.dy.empty());
    for (const void* term : args.dy) dy_.push_back(static_cast<const T*>(term));
  }

  void Forward() override {
    InParallel(desc_.y, [&](int64_t begin, int64_t end) {
      PoolRows(shape_, static_cast<const T*>(args_.x), static_cast<T*>(args_.y), winner(), begin,
               end);
    });
  }

  void Backward() override {
    SSD_CHECK(desc_.training);
    InParallel(desc_.x, [&](int64_t begin, int64_t end) {
      UnpoolRows(shape_, dy_, winner(), static_cast<T*>(args_.dx), begin, end);
    });
  }

 private:
  uint8_t* winner() const { return desc_.training ? static_cast<uint8_t*>(args_.saved) : nullptr; }

  // body(first, last) over the rows of all images of a value.
  template <class Body>
  void InParallel(const ValueDesc& value, const Body& body) const {
#pragma omp parallel num_threads(threads_)
    {
      const Range r =
          RangeOf(value.batch * value.height, omp_get_thread_num(), omp_get_num_threads());
      body(r.begin, r.end);
    }
  }

  MaxPoolDesc desc_;
  int threads_;
  PoolShape shape_;
  OpArgs args_;
  std::vector<const T*> dy_;
};

}  // namespace

std::unique_ptr<Op> MakeCpuMaxPool(const CpuContext& context, const MaxPoolDesc& desc) {
  if (desc.x.channels % 16 != 0 || desc.x.channels != desc.y.channels || desc.kernel > 15 ||
      desc.kernel < 1 || desc.stride < 1 || desc.pad < 0 || desc.pad >= desc.kernel) {
    Throw(Status::kInvalid,
          "max-pool %lldx%lld/%lld, pad %lld, of %lld channels: the CPU backend takes windows up "
          "to 15x15 that hold at least one input, and multiples of 16 channels",
          static_cast<long long>(desc.kernel), static_cast<long long>(desc.kernel),
          static_cast<long long>(desc.stride), static_cast<long long>(desc.pad),
          static_cast<long long>(desc.x.channels));
  }
  if (context.precision == Precision::kF32)
    return std::make_unique<CpuMaxPool<float>>(context, desc);
  return std::make_unique<CpuMaxPool<bfloat16>>(context, desc);
}

}  // namespace ssd
