// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "backends/cuda/elementwise.h"
#include "backends/cuda/filters.h"

namespace ssd {

// A training convolution's filter in f16: as its plans read it, and the gradient as they leave it.
class TrainingFilter {
 public:
  // REQUIRES: bound.
  __half* filter() const { return At(*blocks_->filters); }
  __half* gradient() const { return At(*blocks_->gradients); }

 private:
  friend class TrainingFilters;
  struct Blocks {
    size_t halves = 0;
    std::unique_ptr<DeviceMemory> filters, gradients;
  };
  __half* At(const DeviceMemory& block) const {
    return static_cast<__half*>(block.data()) + first_;
  }

  FilterShape shape_;
  size_t first_;  // in each block
  std::shared_ptr<Blocks> blocks_;
  const float* weight_ = nullptr;  // in the arenas, once it is bound
  float* dweight_ = nullptr;
};

// Those of a backend: between the arenas of f32 and the convolutions. Filters that are added before
// one of them is bound, as a network's are, lie one after another in one block, their gradients in
// another, each on a 256-byte line.
class TrainingFilters {
 public:
  std::shared_ptr<TrainingFilter> Add(const FilterShape& shape);
  void Bind(const CudaContext& context, TrainingFilter& filter, const float* weight,
            float* dweight);

  // The filter after weights changed by other means than Sgd.
  static void Pack(const CudaContext& context, const TrainingFilter& filter);
  // All gradients to the f32 arena, and from there.
  void UnpackGradients(const CudaContext& context) const;
  void PackGradients(const CudaContext& context) const;

  // All of the arenas in their order: filters, and what is between them.
  std::vector<SgdSegment> Segments(const SgdArgs& arenas) const;

 private:
  using Filters = std::vector<std::shared_ptr<const TrainingFilter>>;
  Filters Bound() const;

  std::vector<std::weak_ptr<const TrainingFilter>> filters_;
  std::shared_ptr<TrainingFilter::Blocks> open_;  // of filters that are not bound yet
};

}  // namespace ssd
