// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/backend_suite.h"

#include <bit>
#include <span>

#include "core/philox.h"

namespace ssd::testing {
namespace {

constexpr std::byte kPoison{0xff};  // a NaN in every floating-point type

std::vector<float> Narrow(const std::vector<double>& v) { return {v.begin(), v.end()}; }

}  // namespace

Tensor BackendSuite::Random(int64_t n, int64_t c, int64_t h, int64_t w) {
  Tensor t(n, c, h, w);
  Philox random(7, Purpose::kSynthetic, 0, drawn_++);
  for (double& v : t.v) {
    const auto bits = std::bit_cast<uint32_t>(random.Uniform(-1, 1)) & 0xffff0000u;
    v = static_cast<double>(std::bit_cast<float>(bits));
  }
  return t;
}

void* BackendSuite::Poisoned(size_t bytes) {
  if (bytes == 0) return nullptr;
  memory_.push_back(backend_->Allocate(bytes));
  Poison(memory_.back()->data(), bytes);
  return memory_.back()->data();
}

void BackendSuite::Poison(void* data, size_t bytes) {
  const std::vector<std::byte> poison(bytes, kPoison);
  backend_->Upload(data, poison);
  backend_->Synchronize();
}

void* BackendSuite::Put(const Tensor& t, Layout layout) {
  const ValueDesc desc = DescOf(t, layout);
  void* data = Blank(desc);
  backend_->Import(desc, Narrow(t.v), data);
  return data;
}

Tensor BackendSuite::Get(const ValueDesc& desc, const void* data) {
  Tensor t(desc.batch, desc.channels, desc.height, desc.width);
  std::vector<float> v(t.v.size());
  backend_->Synchronize();
  backend_->Export(desc, data, v);
  t.v.assign(v.begin(), v.end());
  return t;
}

float* BackendSuite::PutParameter(const std::vector<double>& v) {
  float* data = BlankParameter(v.size());
  SetParameter(data, v);
  return data;
}

void BackendSuite::SetParameter(float* data, const std::vector<double>& v) {
  const auto narrow = Narrow(v);
  backend_->Upload(data, std::as_bytes(std::span(narrow)));
  backend_->Synchronize();
}

std::vector<double> BackendSuite::GetParameter(const float* data, size_t size) {
  std::vector<float> v(size);
  backend_->Download(std::as_writable_bytes(std::span(v)), data);
  backend_->Synchronize();
  return {v.begin(), v.end()};
}

std::vector<double> BackendSuite::GetGradient(const float* dweight, size_t size) {
  backend_->UnpackGradients();
  return GetParameter(dweight, size);
}

OpArgs BackendSuite::Bind(Op& op, OpArgs args) {
  args.saved = Poisoned(op.needs().saved);
  args.scratch = Poisoned(op.needs().scratch);
  op.Bind(args);
  op.Refresh();
  return args;
}

TEST_P(BackendSuite, DescribesItself) { EXPECT_FALSE(backend().Describe().empty()); }

TEST_P(BackendSuite, MemoryIsZeroAndAligned) {
  const auto memory = backend().Allocate(1000);
  ASSERT_GE(memory->size(), 1000u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % 64, 0u);
  std::vector<std::byte> bytes(1000, kPoison);
  backend().Download(bytes, memory->data());
  backend().Synchronize();
  EXPECT_EQ(bytes, std::vector<std::byte>(1000));
}

TEST_P(BackendSuite, ImportAndExportKeepValues) {
  const int64_t shapes = kMapShapes[0];
  for (const auto& [channels, layout] : {std::pair<int64_t, Layout>{48, Layout::kActivation},
                                         {3, Layout::kImage},
                                         {85 * shapes, Layout::kHead},
                                         {85 * shapes, Layout::kHeadGradient}}) {
    const Tensor t = Random(2, channels, 3, 5);
    EXPECT_EQ(Get(DescOf(t, layout), Put(t, layout)).v, t.v) << static_cast<int>(layout);
  }
}

TEST_P(BackendSuite, SgdFollowsTheSpecification) {
  for (const int64_t size : {1, 16, 1037}) {
    const auto w = RandomVector(size), m = RandomVector(size), gradient = RandomVector(size);
    const SgdArgs args = {PutParameter(w), PutParameter(m), PutParameter(gradient), size};
    const auto sgd = backend().MakeSgd(args);
    sgd->SetRates({0.5f, 0.5f, 0.5f, 1});
    sgd->SetRates({0.25f, 0.875f, 0.125f, 128});
    sgd->Run();
    const SgdState want = SgdStep({w, m}, gradient, 0.25, 0.875, 0.125, 128);
    const auto n = static_cast<size_t>(size);
    EXPECT_LT(Distance(GetParameter(args.w, n), want.w), 1e-6) << size;
    EXPECT_LT(Distance(GetParameter(args.m, n), want.m), 1e-6) << size;
  }
}

}  // namespace ssd::testing
