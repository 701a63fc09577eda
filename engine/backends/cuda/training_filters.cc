// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/training_filters.h"

#include <algorithm>

namespace ssd {
namespace {

constexpr size_t kLine = 256 / sizeof(__half);

int64_t SizeOf(const FilterShape& s) { return int64_t{s.outputs} * s.inputs * s.area; }

// What is no filter, from `first` to `end`.
SgdSegment Plain(const SgdArgs& arenas, int64_t first, int64_t end) {
  const auto size = static_cast<int32_t>(end - first);
  SSD_CHECK(size == end - first);
  return {.w = arenas.w + first,
          .m = arenas.m + first,
          .gradient = arenas.gradient + first,
          .half_gradient = nullptr,
          .half_weight = nullptr,
          .outer = 1,
          .inner = size,
          .area = 1,
          .padded = size};
}

}  // namespace

std::shared_ptr<TrainingFilter> TrainingFilters::Add(const FilterShape& shape) {
  if (open_ == nullptr) open_ = std::make_shared<TrainingFilter::Blocks>();
  auto filter = std::make_shared<TrainingFilter>();
  filter->shape_ = shape;
  filter->first_ = open_->halves;
  filter->blocks_ = open_;
  open_->halves += (static_cast<size_t>(shape.padded_size()) + kLine - 1) / kLine * kLine;
  std::erase_if(filters_, [](const auto& f) { return f.expired(); });
  filters_.push_back(filter);
  return filter;
}

void TrainingFilters::Bind(const CudaContext& context, TrainingFilter& filter, const float* weight,
                           float* dweight) {
  TrainingFilter::Blocks& blocks = *filter.blocks_;
  if (filter.blocks_ == open_) open_.reset();
  if (blocks.filters == nullptr) {
    blocks.filters = AllocateCuda(context, blocks.halves * sizeof(__half));
    blocks.gradients = AllocateCuda(context, blocks.halves * sizeof(__half));
  }
  filter.weight_ = weight;
  filter.dweight_ = dweight;
}

void TrainingFilters::Pack(const CudaContext& context, const TrainingFilter& filter) {
  PackFilter(context, filter.shape_, filter.weight_, nullptr, filter.filter());
}

void TrainingFilters::UnpackGradients(const CudaContext& context) const {
  for (const auto& f : Bound())
    UnpackFilterGradient(context, f->shape_, f->gradient(), f->dweight_);
}

void TrainingFilters::PackGradients(const CudaContext& context) const {
  for (const auto& f : Bound()) PackFilter(context, f->shape_, f->dweight_, nullptr, f->gradient());
}

TrainingFilters::Filters TrainingFilters::Bound() const {
  Filters bound;
  for (const auto& weak : filters_) {
    auto filter = weak.lock();
    if (filter != nullptr && filter->weight_ != nullptr) bound.push_back(std::move(filter));
  }
  return bound;
}

std::vector<SgdSegment> TrainingFilters::Segments(const SgdArgs& arenas) const {
  const auto first_of = [&](const auto& filter) { return filter->weight_ - arenas.w; };
  Filters filters = Bound();
  std::erase_if(filters, [&](const auto& f) {
    return f->weight_ < arenas.w || f->weight_ >= arenas.w + arenas.size;
  });
  std::ranges::sort(filters, {}, first_of);
  std::vector<SgdSegment> segments;
  int64_t end = 0;
  for (const auto& f : filters) {
    const int64_t first = first_of(f);
    // Two networks cannot train the same weights: one's filters would be behind.
    SSD_CHECK(first >= end && f->dweight_ == arenas.gradient + first);
    if (first > end) segments.push_back(Plain(arenas, end, first));
    const FilterShape& s = f->shape_;
    segments.push_back({.w = arenas.w + first,
                        .m = arenas.m + first,
                        .gradient = nullptr,
                        .half_gradient = f->gradient(),
                        .half_weight = f->filter(),
                        .outer = s.outputs,
                        .inner = s.inputs,
                        .area = s.area,
                        .padded = s.padded_inputs});
    end = first + SizeOf(s);
  }
  if (end < arenas.size) segments.push_back(Plain(arenas, end, arenas.size));
  return segments;
}

}  // namespace ssd
