// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/sparse_head.h"

#include <omp.h>

#include <algorithm>
#include <cstring>

#include "backends/cpu/elementwise.h"
#include "core/error.h"

namespace ssd {

using dnnl::memory;

namespace {

constexpr int64_t kDenseFrom = 4;  // one active cell in this many
constexpr int64_t kRowBlock = 64;

int64_t RoundUp(int64_t n) { return (n + kRowBlock - 1) / kRowBlock * kRowBlock; }

size_t Size(int64_t n) { return static_cast<size_t>(n); }

// Whether all bytes are zero (a gradient of -0 counts as one).
bool IsZero(const std::byte* data, size_t bytes) {
  size_t i = 0;
  for (; i + 64 <= bytes; i += 64) {
    uint64_t words[8];
    std::memcpy(words, data + i, 64);
    if ((words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7]) !=
        0)
      return false;
  }
  for (; i < bytes; ++i)
    if (data[i] != std::byte{0}) return false;
  return true;
}

float ToFloat(float v) { return v; }
float ToFloat(bfloat16 v) { return v.ToFloat(); }

}  // namespace

SparseHead::SparseHead(const CpuContext& context, const ConvDesc& desc)
    : context_(context),
      desc_(desc),
      cells_(desc.y.batch * desc.y.height * desc.y.width),
      capacity_(RoundUp(cells_ / kDenseFrom)),
      taps_(desc.kernel * desc.kernel),
      window_(taps_ * desc.x.channels) {
  SSD_CHECK(desc.stride == 1 && desc.x.channels % 16 == 0 && !desc.relu);
  const int64_t o = desc.y.channels;
  const size_t element = SizeOf(ActivationType(context.precision));
  active_ = scratch_.Add(Size(cells_) * sizeof(int32_t));
  place_ = scratch_.Add(Size(cells_) * sizeof(int32_t));
  rows_ = scratch_.Add(Size(capacity_ * o) * element);
  windows_ = scratch_.Add(Size(capacity_ * window_) * sizeof(float));
  weight_ = scratch_.Add(Size(o * window_) * sizeof(float));
  sums_ = scratch_.Add(Size(context.threads * o) * sizeof(double));
}

memory SparseHead::View(int64_t rows, int64_t columns, memory::data_type type, bool transposed,
                        size_t offset) const {
  const memory::dims strides = transposed ? memory::dims{1, rows} : memory::dims{columns, 1};
  return {{{rows, columns}, type, strides}, context_.engine, Scratch<std::byte>(offset)};
}

void SparseHead::Bind(const OpArgs& args) {
  SSD_CHECK(args.dy.size() == 1);
  args_ = args;
  const memory::dims shape{desc_.y.channels, desc_.x.channels, desc_.kernel, desc_.kernel};
  const auto f32 = memory::data_type::f32;
  const auto on = [&](memory::data_type type, memory::format_tag tag, const void* data) {
    return memory({shape, type, tag}, context_.engine, const_cast<void*>(data));
  };
  const auto master = memory::format_tag::oihw, channels_last = memory::format_tag::ohwi;
  const auto reorder = [](const memory& from, const memory& to) {
    return PrimitiveCall(dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  };
  unpack_gradient_ =
      reorder(on(f32, channels_last, Scratch<std::byte>(weight_)), on(f32, master, args.dweight));
  if (desc_.input_gradient)
    pack_weight_ = reorder(on(f32, master, args.weight),
                           on(context_.type(), channels_last, Scratch<std::byte>(weight_)));
  BindProducts();
}

// One primitive serves every number of rows.
void SparseHead::BindProducts() {
  const int64_t o = desc_.y.channels, any = DNNL_RUNTIME_DIM_VAL;
  const auto f32 = memory::data_type::f32, type = context_.type();
  const auto plain = memory::format_tag::ab;
  dnnl::primitive_attr exact;
  exact.set_fpmath_mode(dnnl::fpmath_mode::strict);
  const dnnl::matmul weight_product({context_.engine,
                                     {{o, any}, type, memory::dims{1, o}},
                                     {{any, window_}, type, plain},
                                     {{o, window_}, f32, plain},
                                     exact});
  const dnnl::matmul input_product({context_.engine,
                                    {{any, o}, type, plain},
                                    {{o, window_}, type, plain},
                                    {{any, window_}, f32, plain},
                                    exact});
  using Arguments = std::vector<std::pair<int, memory>>;
  for (int64_t rows = kRowBlock; rows <= capacity_; rows += kRowBlock) {
    weight_products_.emplace_back(
        weight_product, Arguments{{DNNL_ARG_SRC, View(o, rows, type, true, rows_)},
                                  {DNNL_ARG_WEIGHTS, View(rows, window_, type, false, windows_)},
                                  {DNNL_ARG_DST, View(o, window_, f32, false, weight_)}});
    input_products_.emplace_back(
        input_product, Arguments{{DNNL_ARG_SRC, View(rows, o, type, false, rows_)},
                                 {DNNL_ARG_WEIGHTS, View(o, window_, type, false, weight_)},
                                 {DNNL_ARG_DST, View(rows, window_, f32, false, windows_)}});
  }
}

bool SparseHead::Run() {
  const int64_t active = FindActive();
  if (active > cells_ / kDenseFrom) return false;
  GatherGradients(active);
  if (desc_.bias) BiasGradient(active);
  WeightGradient(active);
  if (desc_.input_gradient) InputGradient(active);
  return true;
}

// Fills active_ and place_; returns the number of active cells.
int64_t SparseHead::FindActive() {
  const auto* dy = static_cast<const std::byte*>(args_.dy[0]);
  const size_t bytes = Size(desc_.y.channels) * SizeOf(ActivationType(context_.precision));
  auto* active = Scratch<int32_t>(active_);
  auto* place = Scratch<int32_t>(place_);
#pragma omp parallel for
  for (int64_t i = 0; i < cells_; ++i) place[i] = IsZero(dy + Size(i) * bytes, bytes) ? -1 : 0;
  int32_t count = 0;
  for (int64_t i = 0; i < cells_; ++i) {
    if (place[i] < 0) continue;
    active[count] = static_cast<int32_t>(i);
    place[i] = count++;
  }
  return count;
}

void SparseHead::GatherGradients(int64_t active) {
  const auto* dy = static_cast<const std::byte*>(args_.dy[0]);
  const size_t bytes = Size(desc_.y.channels) * SizeOf(ActivationType(context_.precision));
  const auto* cell = Scratch<int32_t>(active_);
  auto* rows = Scratch<std::byte>(rows_);
#pragma omp parallel for
  for (int64_t a = 0; a < active; ++a)
    std::memcpy(rows + Size(a) * bytes, dy + Size(cell[a]) * bytes, bytes);
  std::memset(rows + Size(active) * bytes, 0, Size(RoundUp(active) - active) * bytes);
}

void SparseHead::GatherWindows(int64_t active) {
  const int64_t height = desc_.x.height, width = desc_.x.width, kernel = desc_.kernel;
  const size_t bytes = Size(desc_.x.channels) * SizeOf(ActivationType(context_.precision));
  const auto* x = static_cast<const std::byte*>(args_.x);
  const auto* cell = Scratch<int32_t>(active_);
  auto* windows = Scratch<std::byte>(windows_);
#pragma omp parallel for
  for (int64_t a = 0; a < active; ++a) {
    const int64_t area = desc_.y.height * desc_.y.width, image = cell[a] / area;
    const int64_t top = cell[a] % area / desc_.y.width - desc_.pad;
    const int64_t left = cell[a] % desc_.y.width - desc_.pad;
    for (int64_t t = 0; t < taps_; ++t) {
      std::byte* to = windows + Size(a * taps_ + t) * bytes;
      const int64_t row = top + t / kernel, column = left + t % kernel;
      if (row < 0 || row >= height || column < 0 || column >= width) {
        std::memset(to, 0, bytes);
      } else {
        std::memcpy(to, x + Size((image * height + row) * width + column) * bytes, bytes);
      }
    }
  }
  const int64_t fill = (RoundUp(active) - active) * taps_;
  std::memset(windows + Size(active * taps_) * bytes, 0, Size(fill) * bytes);
}

void SparseHead::BiasGradient(int64_t active) {
  const int64_t o = desc_.y.channels;
  auto* sums = Scratch<double>(sums_);
  std::fill_n(sums, context_.threads * o, 0.0);
  const auto add = [&](const auto* rows) {
#pragma omp parallel num_threads(context_.threads)
    {
      const int thread = omp_get_thread_num();
      const Range r = RangeOf(active, thread, omp_get_num_threads());
      for (int64_t a = r.begin; a < r.end; ++a)
        for (int64_t c = 0; c < o; ++c)
          sums[thread * o + c] += static_cast<double>(ToFloat(rows[a * o + c]));
    }
  };
  if (context_.precision == Precision::kF32) {
    add(Scratch<float>(rows_));
  } else {
    add(Scratch<bfloat16>(rows_));
  }
  for (int64_t c = 0; c < o; ++c) {
    double sum = 0;
    for (int t = 0; t < context_.threads; ++t) sum += sums[t * o + c];
    args_.dbias[c] = static_cast<float>(sum);
  }
}

void SparseHead::WeightGradient(int64_t active) {
  if (active == 0) {
    std::fill_n(args_.dweight, desc_.y.channels * window_, 0.0f);
    return;
  }
  GatherWindows(active);
  weight_products_[Size((active - 1) / kRowBlock)].Run(context_.stream);
  unpack_gradient_.Run(context_.stream);
}

void SparseHead::InputGradient(int64_t active) {
  if (active > 0) {
    pack_weight_.Run(context_.stream);
    input_products_[Size((active - 1) / kRowBlock)].Run(context_.stream);
  }
#pragma omp parallel num_threads(context_.threads)
  {
    const Range r =
        RangeOf(desc_.x.batch * desc_.x.height, omp_get_thread_num(), omp_get_num_threads());
    if (context_.precision == Precision::kF32) {
      SumWindows(static_cast<float*>(args_.dx), r.begin, r.end);
    } else {
      SumWindows(static_cast<bfloat16*>(args_.dx), r.begin, r.end);
    }
  }
}

// Rows [begin, end) of dx, over all images: each pixel sums its part of the windows over it.
template <class T>
void SparseHead::SumWindows(T* dx, int64_t begin, int64_t end) const {
  constexpr int64_t kMaxTaps = 64;
  SSD_CHECK(taps_ <= kMaxTaps);
  const int64_t height = desc_.x.height, width = desc_.x.width, channels = desc_.x.channels;
  const auto* place = Scratch<int32_t>(place_);
  const auto* windows = Scratch<float>(windows_);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / height, row = i % height;
    for (int64_t column = 0; column < width; ++column) {
      const float* parts[kMaxTaps];
      int64_t count = 0;
      for (int64_t t = 0; t < taps_; ++t) {
        const int64_t p = row + desc_.pad - t / desc_.kernel;
        const int64_t q = column + desc_.pad - t % desc_.kernel;
        if (p < 0 || p >= desc_.y.height || q < 0 || q >= desc_.y.width) continue;
        const int32_t a = place[(image * desc_.y.height + p) * desc_.y.width + q];
        if (a >= 0) parts[count++] = windows + (a * taps_ + t) * channels;
      }
      SumRows(parts, count, channels, dx + (i * width + column) * channels);
    }
  }
}

}  // namespace ssd
