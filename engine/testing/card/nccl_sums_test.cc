// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// NCCL's sums in a graph on a card (docs/decisions/0004-nccl-in-a-graph.md). Of one rank, so that
// one GPU is enough: its sums are what it has. gpucheck's check `ranks` has two.
#include <gtest/gtest.h>

#include <span>

#include "backends/cuda/cuda_backend.h"
#include "comm/nccl.h"
#include "core/error.h"

namespace ssd {
namespace {

constexpr size_t kFloats = 1 << 20, kDoubles = 512;
constexpr int kRuns = 3;

std::unique_ptr<DeviceCommunicator> Open(std::string* missing) {
  try {
    return OpenNccl({.rank = 0, .world = 1});
  } catch (const Error& e) {
    *missing = e.what();
    return nullptr;
  }
}

TEST(NcclOnACard, SumsOfOneRankAreCapturedAndRunAgain) {
  std::string missing;
  // The graph goes before the communicator.
  const auto comm = Open(&missing);
  if (comm == nullptr) GTEST_SKIP() << missing;
  comm->Connect({comm->Address()});
  const auto backend = MakeCudaBackend({.time_plans = false});
  const auto floats = backend->Allocate(kFloats * sizeof(float));
  const auto doubles = backend->Allocate(kDoubles * sizeof(double));
  const std::vector<float> values(kFloats, 1.5f);
  const std::vector<double> sums(kDoubles, 2.5);
  backend->Upload(floats->data(), std::as_bytes(std::span(values)));
  backend->Upload(doubles->data(), std::as_bytes(std::span(sums)));
  const auto step = backend->Record([&] {
    backend->Beside([&](void* stream) {
      auto* data = static_cast<float*>(floats->data());
      const DeviceCommunicator::Values parts[] = {{data, kFloats / 2, DType::kF32},
                                                  {data + kFloats / 2, kFloats, DType::kF16}};
      comm->SumOn(stream, parts);
      comm->SumOn(stream, std::span(static_cast<double*>(doubles->data()), kDoubles));
    });
    backend->Join();
  });
  for (int run = 0; run < kRuns; ++run) step->Run();
  comm->Await([&] { return backend->Idle(); });
  std::vector<float> got(kFloats);
  std::vector<double> got_sums(kDoubles);
  backend->Download(std::as_writable_bytes(std::span(got)), floats->data());
  backend->Download(std::as_writable_bytes(std::span(got_sums)), doubles->data());
  backend->Synchronize();
  EXPECT_EQ(got, values);
  EXPECT_EQ(got_sums, sums);
}

}  // namespace
}  // namespace ssd
