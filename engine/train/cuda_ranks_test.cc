// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The CUDA backend's training as one of two ranks, on the emulator.
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <set>

#include "backends/cuda/cuda_backend.h"
#include "comm/test_devices.h"
#include "testing/emulator/memory.h"
#include "testing/emulator/stream.h"
#include "train/test_training.h"

namespace ssd {
namespace {

// The device of a rank whose only peer has the same gradients.
class Twin final : public IdleDevices {
 public:
  void SumOn(void* stream, std::span<const Values> values) override {
    sums_on.insert(stream);
    for (const Values& v : values) {
      emulator::Enqueue(static_cast<emulator::Stream*>(stream), [v] {
        const emulator::Opened opened;
        for (size_t i = 0; i < v.count; ++i) {
          if (v.type == DType::kF16) {
            __half& h = static_cast<__half*>(v.data)[i];
            h = __float2half_rn(2 * __half2float(h));
          } else {
            static_cast<float*>(v.data)[i] *= 2;
          }
        }
      });
    }
  }
  void SumOn(void* stream, std::span<double> values) override {
    sums_on.insert(stream);
    emulator::Enqueue(static_cast<emulator::Stream*>(stream), [values] {
      const emulator::Opened opened;
      for (double& v : values) v *= 2;
    });
  }
  void Await(const std::function<bool()>& done) override {
    while (!done()) continue;
  }
  std::set<void*> sums_on;  // streams
};

// Half the gradient, summed with the same of a peer, beside the backward pass and behind it.
// Halved, gradients below 2^-14 lose a bit.
TEST(CudaRanks, SumsOverDevicesWhateverStreamIsFirst) {
  Training alone(MakeCudaBackend());
  for (int step = 0; step < 2; ++step) alone.Step();
  for (const bool newest : {false, true}) {
    emulator::PreferNewest(newest);
    Twin twin;
    Training pair(MakeCudaBackend(), &twin);
    for (int step = 0; step < 2; ++step) pair.Step();
    EXPECT_LT(Distance(pair.parameters.HostWeights(), alone.parameters.HostWeights()), 5e-6);
  }
  emulator::PreferNewest(false);
}

class TwinSpan final : public NormSpan {
 public:
  explicit TwinSpan(Twin& twin) : twin_(twin) {}
  int64_t ranks() const override { return twin_.world(); }
  void Sum(std::span<double> values, void* stream) override { twin_.SumOn(stream, values); }

 private:
  Twin& twin_;
};

// Over two like batches the statistics are those of one, but for n / (n - 1), and nothing is fused.
TEST(CudaRanks, TrainsWithStatisticsOfAllRanks) {
  Twin twin;
  TwinSpan span(twin);
  Training alone(MakeCudaBackend({.fusions = false})),
      pair(MakeCudaBackend({.norm_span = &span}), &twin);
  for (int step = 0; step < 2; ++step) {
    alone.Step();
    pair.Step();
  }
  EXPECT_LT(Distance(pair.parameters.HostWeights(), alone.parameters.HostWeights()), 1e-5);
  EXPECT_LT(Distance(pair.parameters.HostStatistics(), alone.parameters.HostStatistics()), 1e-4);
  EXPECT_EQ(twin.sums_on.size(), 1u) << "streams whose sums may wait for each other";
}

}  // namespace
}  // namespace ssd
