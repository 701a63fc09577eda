// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The duties of every backend, checked against testing/reference.h. A test program of a backend
// compiles the backend_suite*.cc beside its own INSTANTIATE_TEST_SUITE_P(Name, BackendSuite, ...).
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "testing/distance.h"
#include "testing/reference.h"

namespace ssd::testing {

struct BackendCase {
  std::string name;
  std::function<std::unique_ptr<Backend>()> open;
  // Norm of the difference over norm of the oracle's value, for one op.
  double tolerance;
  double gradient_tolerance = tolerance;  // of a convolution's gradients
};
inline void PrintTo(const BackendCase& c, std::ostream* out) { *out << c.name; }

// Separate blocks of memory of a backend, so that a sanitizer sees an access past an end. Outputs,
// saved and scratch memory start as NaN: what an op leaves unwritten or reads unwritten shows.
class BackendSuite : public ::testing::TestWithParam<BackendCase> {
 public:
  void SetUp() override { backend_ = GetParam().open(); }

  double tolerance() const { return GetParam().tolerance; }
  double gradient_tolerance() const { return GetParam().gradient_tolerance; }
  ValueDesc DescOf(const Tensor& t, Layout layout = Layout::kActivation) const {
    return {t.n, t.c, t.h, t.w, layout};
  }

  // Uniform in -1..1, representable in bf16, so that storing it changes nothing.
  Tensor Random(int64_t n, int64_t c, int64_t h, int64_t w);
  Tensor RandomLike(const Tensor& t) { return Random(t.n, t.c, t.h, t.w); }
  std::vector<double> RandomVector(int64_t size) { return Random(1, size, 1, 1).v; }

  void* Put(const Tensor& t, Layout layout = Layout::kActivation);
  void* Blank(const ValueDesc& desc) { return Poisoned(backend_->Bytes(desc)); }
  Tensor Get(const ValueDesc& desc, const void* data);
  float* PutParameter(const std::vector<double>& v);
  void SetParameter(float* data, const std::vector<double>& v);
  float* BlankParameter(size_t size) { return static_cast<float*>(Poisoned(size * sizeof(float))); }
  std::vector<double> GetParameter(const float* data, size_t size);
  std::vector<double> GetGradient(const float* dweight, size_t size);
  // Null for 0 bytes.
  void* Poisoned(size_t bytes);
  void Poison(void* data, size_t bytes);

  // Gives the op its saved and scratch memory, binds it and has it take its weights.
  OpArgs Bind(Op& op, OpArgs args);

  Backend& backend() { return *backend_; }
  bool low_precision() const { return backend_->precision() != Precision::kF32; }

 private:
  std::unique_ptr<Backend> backend_;
  std::vector<std::unique_ptr<DeviceMemory>> memory_;
  uint64_t drawn_ = 0;
};

// The duties of a backend that fuses: instantiated beside BackendSuite.
class FusedSuite : public BackendSuite {};

}  // namespace ssd::testing
