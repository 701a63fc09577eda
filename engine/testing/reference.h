// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Every op of backends/backend.h in double and in plain loops: the oracle of every backend.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/backend.h"

namespace ssd::testing {

// [n, c, h, w]
struct Tensor {
  Tensor() = default;
  Tensor(int64_t n_, int64_t c_, int64_t h_, int64_t w_)
      : n(n_), c(c_), h(h_), w(w_), v(static_cast<size_t>(n_ * c_ * h_ * w_)) {}

  double& at(int64_t i, int64_t j, int64_t y, int64_t x) {
    return v[static_cast<size_t>(((i * c + j) * h + y) * w + x)];
  }
  double at(int64_t i, int64_t j, int64_t y, int64_t x) const {
    return v[static_cast<size_t>(((i * c + j) * h + y) * w + x)];
  }

  int64_t n = 0, c = 0, h = 0, w = 0;
  std::vector<double> v;
};

Tensor operator+(const Tensor& a, const Tensor& b);
Tensor Relu(Tensor x);
// dy where y > 0, else 0.
Tensor ReluGradient(Tensor dy, const Tensor& y);

struct Window {
  int64_t kernel, stride, pad;
};
// The extent of an output axis, rounded down.
int64_t OutputSize(int64_t x, const Window& window);

// weight is [o, x.c, k, k]; bias is [o] or empty.
Tensor Convolve(const Tensor& x, std::span<const double> weight, std::span<const double> bias,
                int64_t o, const Window& window);
struct ConvGradients {
  Tensor dx;
  std::vector<double> dweight, dbias;
};
ConvGradients ConvolveBackward(const Tensor& x, std::span<const double> weight, const Tensor& dy,
                               const Window& window);

// Biased variance over images, rows and columns.
struct Statistics {
  std::vector<double> mean, variance;
};
Statistics StatisticsOf(const Tensor& x);
// running = momentum running + (1 - momentum) batch, with the unbiased variance of n elements.
Statistics UpdateRunning(const Statistics& running, const Statistics& batch, double momentum,
                         int64_t n);
// gamma (x - mean) / sqrt(variance + eps) + beta
Tensor Normalise(const Tensor& x, const Statistics& s, std::span<const double> gamma,
                 std::span<const double> beta, double eps);
struct BatchNormGradients {
  Tensor dx;
  std::vector<double> dgamma, dbeta;
};
// Of Normalise with the statistics of x itself.
BatchNormGradients NormaliseBackward(const Tensor& x, std::span<const double> gamma,
                                     const Tensor& dy, double eps);

Tensor MaxPool(const Tensor& x, const Window& window);
Tensor MaxPoolBackward(const Tensor& x, const Tensor& dy, const Window& window);

// Spec section 6.
struct SgdState {
  std::vector<double> w, m;
};
SgdState SgdStep(SgdState state, std::span<const double> gradient, double lr, double momentum,
                 double decay, double loss_scale);

}  // namespace ssd::testing
