// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "testing/reference.h"

#include <algorithm>
#include <cmath>

namespace ssd::testing {
namespace {

// Calls visit(o, c, index in weight, n, output row, output column, input row, input column) for
// every product of a convolution.
template <class Visit>
void ForEachProduct(const Tensor& x, const Tensor& y, const Window& window, const Visit& visit) {
  const int64_t k = window.kernel;
  for (int64_t n = 0; n < y.n; ++n)
    for (int64_t o = 0; o < y.c; ++o)
      for (int64_t i = 0; i < y.h; ++i)
        for (int64_t j = 0; j < y.w; ++j)
          for (int64_t c = 0; c < x.c; ++c)
            for (int64_t p = 0; p < k; ++p)
              for (int64_t q = 0; q < k; ++q) {
                const int64_t row = i * window.stride - window.pad + p;
                const int64_t col = j * window.stride - window.pad + q;
                if (row < 0 || row >= x.h || col < 0 || col >= x.w) continue;
                const auto at = static_cast<size_t>(((o * x.c + c) * k + p) * k + q);
                visit(o, c, at, n, i, j, row, col);
              }
}

// Calls visit(channel, value index) for every element.
template <class Visit>
void ForEachElement(const Tensor& x, const Visit& visit) {
  for (size_t i = 0; i < x.v.size(); ++i)
    visit(i / static_cast<size_t>(x.h * x.w) % static_cast<size_t>(x.c), i);
}

// The row and column of the first largest input of a window.
struct Place {
  int64_t row, col;
};
Place Winner(const Tensor& x, int64_t n, int64_t c, int64_t i, int64_t j, const Window& window) {
  Place best{-1, -1};
  for (int64_t p = 0; p < window.kernel; ++p) {
    for (int64_t q = 0; q < window.kernel; ++q) {
      const int64_t row = i * window.stride - window.pad + p;
      const int64_t col = j * window.stride - window.pad + q;
      if (row < 0 || row >= x.h || col < 0 || col >= x.w) continue;
      if (best.row < 0 || x.at(n, c, row, col) > x.at(n, c, best.row, best.col)) best = {row, col};
    }
  }
  return best;
}

}  // namespace

Tensor operator+(const Tensor& a, const Tensor& b) {
  Tensor sum = a;
  for (size_t i = 0; i < sum.v.size(); ++i) sum.v[i] += b.v[i];
  return sum;
}

Tensor Relu(Tensor x) {
  for (double& v : x.v) v = std::max(v, 0.0);
  return x;
}

Tensor ReluGradient(Tensor dy, const Tensor& y) {
  for (size_t i = 0; i < dy.v.size(); ++i)
    if (!(y.v[i] > 0)) dy.v[i] = 0;
  return dy;
}

int64_t OutputSize(int64_t x, const Window& window) {
  return (x + 2 * window.pad - window.kernel) / window.stride + 1;
}

Tensor Convolve(const Tensor& x, std::span<const double> weight, std::span<const double> bias,
                int64_t o, const Window& window) {
  Tensor y(x.n, o, OutputSize(x.h, window), OutputSize(x.w, window));
  if (!bias.empty()) ForEachElement(y, [&](size_t c, size_t i) { y.v[i] = bias[c]; });
  ForEachProduct(
      x, y, window,
      [&](int64_t out, int64_t c, size_t at, int64_t n, int64_t i, int64_t j, int64_t row,
          int64_t col) { y.at(n, out, i, j) += weight[at] * x.at(n, c, row, col); });
  return y;
}

ConvGradients ConvolveBackward(const Tensor& x, std::span<const double> weight, const Tensor& dy,
                               const Window& window) {
  ConvGradients g{Tensor(x.n, x.c, x.h, x.w), std::vector<double>(weight.size()),
                  std::vector<double>(static_cast<size_t>(dy.c))};
  ForEachElement(dy, [&](size_t c, size_t i) { g.dbias[c] += dy.v[i]; });
  ForEachProduct(x, dy, window,
                 [&](int64_t out, int64_t c, size_t at, int64_t n, int64_t i, int64_t j,
                     int64_t row, int64_t col) {
                   g.dx.at(n, c, row, col) += weight[at] * dy.at(n, out, i, j);
                   g.dweight[at] += x.at(n, c, row, col) * dy.at(n, out, i, j);
                 });
  return g;
}

Statistics StatisticsOf(const Tensor& x) {
  const auto channels = static_cast<size_t>(x.c);
  const double n = static_cast<double>(x.n * x.h * x.w);
  Statistics s{std::vector<double>(channels), std::vector<double>(channels)};
  ForEachElement(x, [&](size_t c, size_t i) { s.mean[c] += x.v[i] / n; });
  ForEachElement(x, [&](size_t c, size_t i) {
    s.variance[c] += (x.v[i] - s.mean[c]) * (x.v[i] - s.mean[c]) / n;
  });
  return s;
}

Statistics UpdateRunning(const Statistics& running, const Statistics& batch, double momentum,
                         int64_t n) {
  Statistics next = running;
  const double unbiased = n > 1 ? static_cast<double>(n) / static_cast<double>(n - 1) : 1;
  for (size_t c = 0; c < next.mean.size(); ++c) {
    next.mean[c] = momentum * running.mean[c] + (1 - momentum) * batch.mean[c];
    next.variance[c] =
        momentum * running.variance[c] + (1 - momentum) * unbiased * batch.variance[c];
  }
  return next;
}

Tensor Normalise(const Tensor& x, const Statistics& s, std::span<const double> gamma,
                 std::span<const double> beta, double eps) {
  Tensor y = x;
  ForEachElement(x, [&](size_t c, size_t i) {
    y.v[i] = gamma[c] * (x.v[i] - s.mean[c]) / std::sqrt(s.variance[c] + eps) + beta[c];
  });
  return y;
}

BatchNormGradients NormaliseBackward(const Tensor& x, std::span<const double> gamma,
                                     const Tensor& dy, double eps) {
  const Statistics s = StatisticsOf(x);
  const auto channels = static_cast<size_t>(x.c);
  const double n = static_cast<double>(x.n * x.h * x.w);
  BatchNormGradients g{x, std::vector<double>(channels), std::vector<double>(channels)};
  const auto normalised = [&](size_t c, size_t i) {
    return (x.v[i] - s.mean[c]) / std::sqrt(s.variance[c] + eps);
  };
  ForEachElement(x, [&](size_t c, size_t i) {
    g.dbeta[c] += dy.v[i];
    g.dgamma[c] += dy.v[i] * normalised(c, i);
  });
  ForEachElement(x, [&](size_t c, size_t i) {
    g.dx.v[i] = gamma[c] / std::sqrt(s.variance[c] + eps) *
                (dy.v[i] - g.dbeta[c] / n - normalised(c, i) * g.dgamma[c] / n);
  });
  return g;
}

Tensor MaxPool(const Tensor& x, const Window& window) {
  Tensor y(x.n, x.c, OutputSize(x.h, window), OutputSize(x.w, window));
  for (int64_t n = 0; n < y.n; ++n)
    for (int64_t c = 0; c < y.c; ++c)
      for (int64_t i = 0; i < y.h; ++i)
        for (int64_t j = 0; j < y.w; ++j) {
          const Place from = Winner(x, n, c, i, j, window);
          y.at(n, c, i, j) = x.at(n, c, from.row, from.col);
        }
  return y;
}

Tensor MaxPoolBackward(const Tensor& x, const Tensor& dy, const Window& window) {
  Tensor dx(x.n, x.c, x.h, x.w);
  for (int64_t n = 0; n < dy.n; ++n)
    for (int64_t c = 0; c < dy.c; ++c)
      for (int64_t i = 0; i < dy.h; ++i)
        for (int64_t j = 0; j < dy.w; ++j) {
          const Place to = Winner(x, n, c, i, j, window);
          dx.at(n, c, to.row, to.col) += dy.at(n, c, i, j);
        }
  return dx;
}

SgdState SgdStep(SgdState state, std::span<const double> gradient, double lr, double momentum,
                 double decay, double loss_scale) {
  for (size_t i = 0; i < state.w.size(); ++i) {
    const double g = gradient[i] / loss_scale + decay * state.w[i];
    state.m[i] = momentum * state.m[i] - lr * g;
    state.w[i] += state.m[i];
  }
  return state;
}

}  // namespace ssd::testing
