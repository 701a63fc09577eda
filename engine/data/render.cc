// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/render.h"

#include <algorithm>

#include "backends/backend.h"
#include "core/bfloat16.h"
#include "core/error.h"
#include "core/float16.h"
#include "core/vector_clones.h"

namespace ssd {
namespace {

constexpr int32_t kPlane = 304;  // values of a colour plane of a row: 300 and padding
constexpr int32_t kRow = 3 * kPlane;

// Red, green, blue, x. Of three-byte pixels x is the next one's red.
using Pixel = float __attribute__((vector_size(16)));

SSD_INLINE Pixel LoadPixel(const float* p) {
  Pixel v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

SSD_VECTOR_CLONES void WidenRow(const uint8_t* __restrict__ in, int32_t n,
                                float* __restrict__ out) {
  for (int32_t i = 0; i < n; ++i) out[i] = in[i];
}

template <int kBytes, int kTaps>  // 0: as many taps as `taps` says
SSD_INLINE void FilterPixels(const float* in, const int32_t* first, const float* weights,
                             int32_t taps, float* out) {
  const int32_t count = kTaps > 0 ? kTaps : taps;
  for (int32_t x = 0; x < kImageSide; ++x) {
    const float* p = in + int64_t{first[x]} * kBytes;
    const float* w = weights + int64_t{x} * count;
    Pixel sum = LoadPixel(p) * w[0];
    for (int32_t t = 1; t < count; ++t) sum += LoadPixel(p + t * kBytes) * w[t];
    out[x] = sum[0];
    out[x + kPlane] = sum[1];
    out[x + 2 * kPlane] = sum[2];
  }
}

template <int kBytes>
SSD_INLINE void FilterTaps(const float* in, const int32_t* first, const float* weights,
                           int32_t taps, float* out) {
  switch (taps) {
    case 2:
      return FilterPixels<kBytes, 2>(in, first, weights, taps, out);
    case 3:
      return FilterPixels<kBytes, 3>(in, first, weights, taps, out);
    case 4:
      return FilterPixels<kBytes, 4>(in, first, weights, taps, out);
    case 5:
      return FilterPixels<kBytes, 5>(in, first, weights, taps, out);
    default:
      return FilterPixels<kBytes, 0>(in, first, weights, taps, out);
  }
}

// One input row to 300 columns, as three planes.
SSD_VECTOR_CLONES void FilterRow(const float* in, int32_t pixel_bytes, const int32_t* first,
                                 const float* weights, int32_t taps, float* out) {
  if (pixel_bytes == 4) return FilterTaps<4>(in, first, weights, taps, out);
  FilterTaps<3>(in, first, weights, taps, out);
}

// What is done to the 8-bit values of a row after the resize.
struct RowColor {
  bool jitter;
  float matrix[9];
  float contrast, contrast_shift;  // b c v + b (128 - 128 c)
};

SSD_INLINE float ToByte(float v) {
  v = v > 0.0f ? v : 0.0f;
  v = v < 255.0f ? v : 255.0f;
  return static_cast<float>(
      static_cast<int32_t>(v + 0.5f));  // NOLINT(bugprone-incorrect-roundings)
}

SSD_INLINE void JitterRow(const RowColor& color, float* __restrict__ planes) {
  float* __restrict__ r = planes;
  float* __restrict__ g = planes + kPlane;
  float* __restrict__ b = planes + 2 * kPlane;
  const float* m = color.matrix;
  for (int32_t i = 0; i < kPlane; ++i) {
    const float red = r[i], green = g[i], blue = b[i];
    r[i] = ToByte(m[0] * red + m[1] * green + m[2] * blue);
    g[i] = ToByte(m[3] * red + m[4] * green + m[5] * blue);
    b[i] = ToByte(m[6] * red + m[7] * green + m[8] * blue);
  }
  for (int32_t i = 0; i < kRow; ++i) {
    planes[i] = ToByte(color.contrast * planes[i] + color.contrast_shift);
  }
}

// The weighted sum of filtered rows, in 8-bit steps, coloured and normalised: [3][kPlane].
SSD_VECTOR_CLONES void FinishRow(const float* const* sources, const float* weights, int32_t taps,
                                 const RowColor& color, float* __restrict__ planes) {
  const float* __restrict__ source = sources[0];
  for (int32_t i = 0; i < kRow; ++i) planes[i] = weights[0] * source[i];
  for (int32_t t = 1; t < taps; ++t) {
    source = sources[t];
    const float w = weights[t];
    for (int32_t i = 0; i < kRow; ++i) planes[i] += w * source[i];
  }
  for (int32_t i = 0; i < kRow; ++i) planes[i] = ToByte(planes[i]);
  if (color.jitter) JitterRow(color, planes);
  for (int32_t c = 0; c < 3; ++c) {
    float* __restrict__ plane = planes + c * kPlane;
    for (int32_t i = 0; i < kPlane; ++i) plane[i] = (plane[i] - kPixelMean[c]) * kPixelScale[c];
  }
}

template <class T>
SSD_INLINE T Convert(float v);
template <>
SSD_INLINE float Convert<float>(float v) {
  return v;
}
template <>
SSD_INLINE bfloat16 Convert<bfloat16>(float v) {
  return bfloat16::From(v);
}
template <>
SSD_INLINE float16 Convert<float16>(float v) {
  return float16::From(v);
}

template <class T, int kChannels>
SSD_INLINE void Interleave(const float* __restrict__ planes, T* __restrict__ out) {
  for (int32_t x = 0; x < kImageSide; ++x) {
    for (int c = 0; c < 3; ++c) out[x * kChannels + c] = Convert<T>(planes[c * kPlane + x]);
    if (kChannels == 4) out[x * kChannels + 3] = T{};
  }
}

template <class T>
SSD_INLINE void StoreAs(const float* planes, bool four, int32_t y, void* image) {
  T* out = static_cast<T*>(image) + int64_t{y} * kImageSide * (four ? 4 : 3);
  if (four) return Interleave<T, 4>(planes, out);
  Interleave<T, 3>(planes, out);
}

// Row `y` of the image, channels last.
SSD_VECTOR_CLONES void StoreRow(const float* planes, DType type, bool four, int32_t y,
                                void* image) {
  if (type == DType::kBF16) return StoreAs<bfloat16>(planes, four, y, image);
  if (type == DType::kF16) return StoreAs<float16>(planes, four, y, image);
  StoreAs<float>(planes, four, y, image);
}

RowColor MakeRowColor(const ColorJitter* color) {
  RowColor row{};
  if (color == nullptr) return row;
  row.jitter = true;
  const auto matrix = HueSaturationMatrix(color->hue, color->saturation);
  std::copy(matrix.begin(), matrix.end(), row.matrix);
  row.contrast = color->brightness * color->contrast;
  row.contrast_shift = color->brightness * (128 - 128 * color->contrast);
  return row;
}

}  // namespace

const float* ImageRenderer::FilteredRow(const PixelView& crop, int32_t row) {
  float* const slot = &ring_[static_cast<size_t>(row % rows_.taps()) * kRow];
  for (; filtered_ <= row; ++filtered_) {
    float* out = &ring_[static_cast<size_t>(filtered_ % rows_.taps()) * kRow];
    WidenRow(crop.data + filtered_ * crop.stride, crop.width * crop.pixel_bytes, input_row_.data());
    FilterRow(input_row_.data(), crop.pixel_bytes, columns_.first(), columns_.weights(),
              columns_.taps(), out);
  }
  return slot;
}

void ImageRenderer::Render(const PixelView& crop, bool mirror, const ColorJitter* color,
                           const ImageFormat& format, void* out) {
  SSD_CHECK(format.dtype == DType::kF32 || format.dtype == DType::kBF16 ||
            format.dtype == DType::kF16);
  SSD_CHECK(format.channels == 3 || format.channels == 4);
  SSD_CHECK(crop.pixel_bytes == 3 || crop.pixel_bytes == 4);
  columns_.Build(crop.width, kImageSide, mirror);
  rows_.Build(crop.height, kImageSide, false);
  input_row_.resize(static_cast<size_t>(crop.width + 1) * 4);
  ring_.resize(static_cast<size_t>(rows_.taps()) * kRow);  // padding stays finite: zeros or rows
  sources_.resize(rows_.taps());
  filtered_ = 0;
  const RowColor row_color = MakeRowColor(color);
  alignas(64) float planes[kRow];
  for (int32_t y = 0; y < kImageSide; ++y) {
    const int32_t first = rows_.first()[y];
    for (int32_t t = 0; t < rows_.taps(); ++t) sources_[t] = FilteredRow(crop, first + t);
    FinishRow(sources_.data(), rows_.weights() + int64_t{y} * rows_.taps(), rows_.taps(), row_color,
              planes);
    StoreRow(planes, format.dtype, format.channels == 4, y, out);
  }
}

}  // namespace ssd
