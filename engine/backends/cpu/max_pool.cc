// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/max_pool.h"

#include <algorithm>
#include <limits>

#include "core/bfloat16.h"
#include "core/error.h"

namespace ssd {

namespace {

float ToFloat(float v) { return v; }
float ToFloat(bfloat16 v) { return v.ToFloat(); }
void Put(float v, float& to) { to = v; }
void Put(float v, bfloat16& to) { to = bfloat16::From(v); }

// Saves which place of its window (row-major) each output came from, one byte an element.
template <class T>
class MaxPool : public Op {
 public:
  explicit MaxPool(const MaxPoolDesc& desc) : desc_(desc) {
    SSD_CHECK(desc.kernel * desc.kernel < 256);
  }

  Needs needs() const override {
    return {desc_.training ? static_cast<size_t>(CpuElements(desc_.y)) : 0, 0};
  }
  void Bind(const OpArgs& args) override { args_ = args; }
  void Forward() override;
  void Backward() override;

 private:
  void ForwardPixel(const T* image, int64_t i, int64_t j, T* y, uint8_t* place) const;
  void BackwardPixel(int64_t n, int64_t h, int64_t w, T* dx) const;

  const MaxPoolDesc desc_;
  OpArgs args_;
};

template <class T>
void MaxPool<T>::ForwardPixel(const T* image, int64_t i, int64_t j, T* y, uint8_t* place) const {
  const int64_t channels = desc_.x.channels;
  constexpr int64_t kBlock = 64;
  for (int64_t first = 0; first < channels; first += kBlock) {
    const int64_t count = std::min(kBlock, channels - first);
    float best[kBlock];
    uint8_t from[kBlock] = {};
    std::fill_n(best, kBlock, -std::numeric_limits<float>::infinity());
    for (int64_t k = 0; k < desc_.kernel * desc_.kernel; ++k) {
      const int64_t h = i * desc_.stride - desc_.pad + k / desc_.kernel;
      const int64_t w = j * desc_.stride - desc_.pad + k % desc_.kernel;
      if (h < 0 || h >= desc_.x.height || w < 0 || w >= desc_.x.width) continue;
      const T* x = image + (h * desc_.x.width + w) * channels + first;
      for (int64_t c = 0; c < count; ++c) {
        const float v = ToFloat(x[c]);
        const bool wins = v > best[c];
        best[c] = wins ? v : best[c];
        from[c] = wins ? static_cast<uint8_t>(k) : from[c];
      }
    }
    for (int64_t c = 0; c < count; ++c) Put(best[c], y[first + c]);
    if (place != nullptr) std::copy_n(from, count, place + first);
  }
}

template <class T>
void MaxPool<T>::Forward() {
  const auto* x = static_cast<const T*>(args_.x);
  auto* y = static_cast<T*>(args_.y);
  auto* place = desc_.training ? static_cast<uint8_t*>(args_.saved) : nullptr;
  const int64_t height = desc_.y.height, width = desc_.y.width, channels = desc_.x.channels;
  const int64_t image = desc_.x.height * desc_.x.width * channels;
#pragma omp parallel for
  for (int64_t row = 0; row < desc_.y.batch * height; ++row)
    for (int64_t j = 0; j < width; ++j) {
      const int64_t at = (row * width + j) * channels;
      ForwardPixel(x + row / height * image, row % height, j, y + at,
                   place == nullptr ? nullptr : place + at);
    }
}

// Gathers what the windows over input pixel (h, w) send back: no two threads write one place.
template <class T>
void MaxPool<T>::BackwardPixel(int64_t n, int64_t h, int64_t w, T* dx) const {
  const int64_t channels = desc_.x.channels, kernel = desc_.kernel;
  constexpr int64_t kBlock = 64;
  const auto* place = static_cast<const uint8_t*>(args_.saved);
  for (int64_t first = 0; first < channels; first += kBlock) {
    const int64_t count = std::min(kBlock, channels - first);
    float sum[kBlock] = {};
    for (int64_t k = 0; k < kernel * kernel; ++k) {
      const int64_t top = h + desc_.pad - k / kernel, left = w + desc_.pad - k % kernel;
      if (top % desc_.stride != 0 || left % desc_.stride != 0) continue;
      const int64_t i = top / desc_.stride, j = left / desc_.stride;
      if (top < 0 || left < 0 || i >= desc_.y.height || j >= desc_.y.width) continue;
      const int64_t at = ((n * desc_.y.height + i) * desc_.y.width + j) * channels + first;
      for (const void* term : args_.dy) {
        const T* dy = static_cast<const T*>(term) + at;
        for (int64_t c = 0; c < count; ++c) sum[c] += place[at + c] == k ? ToFloat(dy[c]) : 0;
      }
    }
    for (int64_t c = 0; c < count; ++c) Put(sum[c], dx[first + c]);
  }
}

template <class T>
void MaxPool<T>::Backward() {
  auto* dx = static_cast<T*>(args_.dx);
  const int64_t height = desc_.x.height, width = desc_.x.width;
#pragma omp parallel for
  for (int64_t row = 0; row < desc_.x.batch * height; ++row)
    for (int64_t w = 0; w < width; ++w)
      BackwardPixel(row / height, row % height, w, dx + (row * width + w) * desc_.x.channels);
}

}  // namespace

std::unique_ptr<Op> MakeCpuMaxPool(const CpuContext& context, const MaxPoolDesc& desc) {
  if (context.precision == Precision::kF32) return std::make_unique<MaxPool<float>>(desc);
  return std::make_unique<MaxPool<bfloat16>>(desc);
}

}  // namespace ssd
