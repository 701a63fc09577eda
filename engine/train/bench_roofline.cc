// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/bench_roofline.h"

#include "core/error.h"
#include "model/ssd300.h"
#include "model/traffic.h"

namespace ssd {

namespace {

constexpr int64_t kMaxBatch = 1 << 20;  // of which the operations still count in 64 bits

Layer::Pass PassOf(Pass pass) {
  switch (pass) {
    case Pass::kForward:
      return Layer::FORWARD;
    case Pass::kDataGradient:
      return Layer::DATA_GRADIENT;
    case Pass::kWeightGradient:
      return Layer::WEIGHT_GRADIENT;
    case Pass::kUpdate:
      return Layer::UPDATE;
    case Pass::kInference:
      return Layer::INFERENCE;
  }
  Throw(Status::kInternal, "traffic: unknown pass");
}

}  // namespace

BenchReport RooflineOf(int64_t batch) {
  if (batch < 1 || batch > kMaxBatch)
    Throw(Status::kInvalid, "bench: batch is %lld, must be 1 to %lld",
          static_cast<long long>(batch), static_cast<long long>(kMaxBatch));
  BenchReport report;
  for (const Traffic& traffic : TrafficOf(BuildSsd300(), batch)) {
    Layer* layer = report.add_layers();
    layer->set_name(traffic.name);
    layer->set_kind(traffic.kind);
    layer->set_pass(PassOf(traffic.pass));
    layer->set_flops(traffic.flops);
    layer->set_bytes_unfused(traffic.bytes_unfused);
    layer->set_bytes_fused(traffic.bytes_fused);
    layer->set_fused_into(traffic.fused_into);
  }
  return report;
}

}  // namespace ssd
