// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ssd {

// The filter of one axis of a resize: output o is the sum over t of weight(o)[t] times input
// first(o) + t. Triangular, one input pixel wide when enlarging and widened by the scale when
// shrinking; pixel centres at +0.5; inputs outside the image do not count and the weights sum to 1
// (spec section 2).
class ResizeTaps {
 public:
  // Keeps its memory. in, out > 0. mirrored: output o becomes output out - 1 - o.
  void Build(int32_t in, int32_t out, bool mirrored);

  int32_t taps() const { return taps_; }  // the same for every output; spare weights are 0
  // first(o) + taps() <= in; ascending in o unless mirrored.
  const int32_t* first() const { return first_.data(); }
  const float* weights() const { return weights_.data(); }  // [out][taps]

 private:
  int32_t taps_ = 0;
  std::vector<int32_t> first_;
  std::vector<float> weights_;
};

}  // namespace ssd
