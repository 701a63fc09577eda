// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "backends/cpu/conv.h"
#include "backends/cpu/conv_pass.h"
#include "backends/cpu/elementwise.h"
#include "backends/cpu/sparse_head.h"
#include "core/error.h"

namespace ssd {

namespace {

class TrainingConv : public Op {
 public:
  TrainingConv(const CpuContext& context, const ConvDesc& desc);

  Needs needs() const override;
  void Bind(const OpArgs& args) override;
  void Forward() override { forward_->Run(); }
  void Backward() override;

 private:
  // The gradient of y is summed, at the beginning of the scratch area, before the ReLU.
  bool Sums(const OpArgs& args) const { return desc_.relu || args.dy.size() > 1; }

  const CpuContext context_;
  const ConvDesc desc_;
  const std::unique_ptr<ConvPass> forward_, backward_;
  std::unique_ptr<SparseHead> sparse_;  // of heads
  size_t dy_bytes_;                     // what backward_ leaves to the sum
  OpArgs args_;
};

TrainingConv::TrainingConv(const CpuContext& context, const ConvDesc& desc)
    : context_(context),
      desc_(desc),
      forward_(MakeForwardPass(context, desc)),
      backward_(MakeBackwardPass(context, desc)) {
  ScratchPlan dy;
  dy.Add(static_cast<size_t>(CpuElements(desc.y)) * dnnl::memory::data_type_size(context.type()));
  dy_bytes_ = dy.size();
  if (desc.y.layout == Layout::kHead) sparse_ = std::make_unique<SparseHead>(context, desc);
}

Op::Needs TrainingConv::needs() const {
  return {0, std::max({forward_->scratch(), dy_bytes_ + backward_->scratch(),
                       sparse_ != nullptr ? sparse_->scratch() : 0})};
}

void TrainingConv::Bind(const OpArgs& args) {
  args_ = args;
  forward_->Bind(args, nullptr, args.scratch);
  backward_->Bind(args, Sums(args) ? args.scratch : args.dy.at(0),
                  static_cast<std::byte*>(args.scratch) + dy_bytes_);
  if (sparse_ != nullptr) sparse_->Bind(args);
}

void TrainingConv::Backward() {
  if (sparse_ != nullptr && sparse_->Run()) return;
  if (Sums(args_))
    SumGradient(ActivationType(context_.precision), args_.dy, desc_.relu ? args_.y : nullptr,
                CpuElements(desc_.y), args_.scratch);
  backward_->Run();
}

}  // namespace

std::unique_ptr<Op> MakeTrainingConv(const CpuContext& context, const ConvDesc& desc) {
  SSD_CHECK(!desc.fold && !desc.residual);
  return std::make_unique<TrainingConv>(context, desc);
}

}  // namespace ssd
