// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dnnl.hpp>

#include "backends/cpu/context.h"

namespace ssd {

// Backward of a head's convolution where few cells have a gradient: only positives and selected
// negatives do (spec section 5), some hundred of 8732 default boxes. The active cells' gradients
// and input windows are gathered into matrices and multiplied: with A active cells,
//   dweight [O, K K I] = dy^T [O, A] windows [A, K K I],
//   dwindows [A, K K I] = dy [A, O] weight [O, K K I], summed where windows overlap into dx.
// Rows are
// filled up with zeros to a multiple of kRowBlock, so that all products are made in advance.
// Stride 1, input channels a multiple of 16.
class SparseHead {
 public:
  SparseHead(const CpuContext& context, const ConvDesc& desc);

  size_t scratch() const { return scratch_.size(); }
  void Bind(const OpArgs& args);
  // Writes dweight, dbias and dx, or returns false, nothing done, when more than a quarter of the
  // cells is active: then a dense convolution is faster.
  bool Run();

 private:
  dnnl::memory View(int64_t rows, int64_t columns, dnnl::memory::data_type type, bool transposed,
                    size_t offset) const;
  template <class T>
  T* Scratch(size_t offset) const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(args_.scratch) + offset);
  }
  void BindProducts();
  int64_t FindActive();
  void GatherGradients(int64_t active);
  void GatherWindows(int64_t active);
  void BiasGradient(int64_t active);
  void WeightGradient(int64_t active);
  void InputGradient(int64_t active);
  template <class T>
  void SumWindows(T* dx, int64_t begin, int64_t end) const;

  const CpuContext context_;
  const ConvDesc desc_;
  const int64_t cells_;
  const int64_t capacity_;       // rows that the matrices hold
  const int64_t taps_, window_;  // K K; K K I
  ScratchPlan scratch_;
  // active_ int32 [cells], the cells in order; place_ int32 [cells], the row of a cell or -1;
  // rows_ [A, O]; windows_ [A, K K I], later f32; weight_ [O, K, K, I], f32 for its gradient.
  size_t active_, place_, rows_, windows_, weight_, sums_;
  OpArgs args_;
  PrimitiveCall pack_weight_, unpack_gradient_;
  // Element i multiplies (i + 1) * kRowBlock rows.
  std::vector<PrimitiveCall> weight_products_, input_products_;
};

}  // namespace ssd
