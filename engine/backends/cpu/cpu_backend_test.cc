// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/cpu_backend.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <dnnl.hpp>

#include "testing/backend_suite.h"
#include "testing/error_of.h"

namespace ssd {
namespace {

using testing::BackendCase;
using testing::BackendSuite;

bool HasBF16() {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto avx512 = static_cast<unsigned>(dnnl::cpu_isa::avx512_core);
  return (isa & avx512) == avx512;
}

// The own kernels for at most this instruction set. Highway orders its bits from best to worst.
int64_t UpTo(int64_t best) { return ~(best - 1); }

std::vector<BackendCase> Cases() {
  std::vector<BackendCase> cases;
  const auto add = [&](std::string name, Precision precision, int threads, int64_t targets) {
    // bf16 keeps 8 bits: rounding once is 1.3e-3 to 1.7e-3 away on average. F(2x2,3x3) also rounds
    // both transformed operands of its products, and each point of these counts 25/9 times in the
    // variance (1-D: products of variance 2, 3/2, 3/2, 2, of which an output of variance 3 adds
    // 5): sqrt(1 + 2 25/9) 1.7e-3 = 4.3e-3.
    const bool f32 = precision == Precision::kF32;
    const double tolerance = f32 ? 2e-6 : 4e-3, gradients = f32 ? 2e-6 : 5e-3;
    const auto open = [=] {
      hwy::GetChosenTarget().Update(hwy::SupportedTargets() & targets);
      return OpenCpuBackend(precision, threads);
    };
    cases.push_back({std::move(name), open, tolerance, gradients});
  };
  add("f32_1_thread", Precision::kF32, 1, UpTo(1));
  add("f32_2_threads", Precision::kF32, 2, UpTo(1));
  add("f32_3_threads_avx2", Precision::kF32, 3, UpTo(HWY_AVX2));
  add("f32_2_threads_ssse3", Precision::kF32, 2, UpTo(HWY_SSSE3));
  if (!HasBF16()) return cases;
  add("bf16_1_thread", Precision::kBF16, 1, UpTo(1));
  add("bf16_2_threads", Precision::kBF16, 2, UpTo(1));
  add("bf16_3_threads_avx2", Precision::kBF16, 3, UpTo(HWY_AVX2));
  add("bf16_2_threads_ssse3", Precision::kBF16, 2, UpTo(HWY_SSSE3));
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Cpu, BackendSuite, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return info.param.name; });

void ExpectError(Status status, const char* part, const std::function<void()>& call) {
  const std::string error = ErrorOf(status, call);
  EXPECT_NE(error.find(part), std::string::npos) << error;
}

TEST(OpenBackend, SaysWhatIsMissing) {
  ExpectError(Status::kUnavailable, "CPU", [] { OpenBackend({.device = DeviceKind::kCuda}); });
  ExpectError(Status::kUnavailable, "fp16",
              [] { OpenBackend({.device = DeviceKind::kCpu, .precision = Precision::kF16}); });
  if (!HasBF16())
    ExpectError(Status::kUnavailable, "AVX-512",
                [] { OpenBackend({.precision = Precision::kBF16}); });
}

TEST(OpenBackend, AutoIsTheCpu) {
  const auto backend = OpenBackend({.threads = 1});
  EXPECT_EQ(backend->Describe().substr(0, 12), "cpu: oneDNN ");
  EXPECT_NE(backend->Describe().find("1 thread"), std::string::npos);
}

TEST(CpuBackend, RefusesChannelsThatItsKernelsDoNotTake) {
  const auto backend = OpenCpuBackend(Precision::kF32, 1);
  const ValueDesc x = {1, 20, 4, 4}, y = {1, 20, 2, 2};
  ExpectError(Status::kInvalid, "20 channels",
              [&] { backend->MakeBatchNorm({.x = x, .eps = 1e-5f, .momentum = 0.9f}); });
  ExpectError(Status::kInvalid, "20 channels",
              [&] { backend->MakeMaxPool({.x = x, .y = y, .kernel = 2, .stride = 2, .pad = 0}); });
}

TEST(CpuBackend, RefusesAConvolutionWhoseSizesDoNotFit) {
  const auto backend = OpenCpuBackend(Precision::kF32, 1);
  ExpectError(Status::kInvalid, "3x3 convolution", [&] {
    backend->MakeConv({.x = {1, 16, 8, 8}, .y = {1, 16, 5, 5}, .kernel = 3, .stride = 1, .pad = 1});
  });
}

TEST(CpuBackend, SaysWhatToLowerWithoutMemory) {
  const auto backend = OpenCpuBackend(Precision::kF32, 1);
  ExpectError(Status::kUnavailable, "batch_size", [&] { backend->Allocate(size_t{1} << 60); });
}

TEST(CpuBackend, LargeMemoryIsZeroAndAligned) {
  const auto backend = OpenCpuBackend(Precision::kF32, 1);
  const size_t size = (5u << 20) + 3;
  const auto memory = backend->Allocate(size);
  ASSERT_EQ(memory->size(), size);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % 64, 0u);
  const auto* bytes = static_cast<const unsigned char*>(memory->data());
  EXPECT_EQ(std::count(bytes, bytes + size, 0), static_cast<std::ptrdiff_t>(size));
}

}  // namespace
}  // namespace ssd
