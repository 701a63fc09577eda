// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "data/augment.h"
#include "data/batch.h"
#include "data/jpeg.h"
#include "data/resize.h"

namespace ssd {

// Spec section 2, steps 3 to 6, on a decoded crop: resize to 300 x 300, colour, normalise, mirror.
// Streams row by row: each input row is filtered horizontally once, each output row leaves in the
// network's format. The result does not depend on the processor. One renderer a thread; no
// allocation once the largest crop has been seen.
class ImageRenderer {
 public:
  // color: null leaves step 4 and 5 out (evaluation). out: [300][300][format.channels], channels
  // beyond RGB become 0. REQUIRES: kF32, kBF16 or kF16, 3 or 4 channels.
  void Render(const PixelView& crop, bool mirror, const ColorJitter* color,
              const ImageFormat& format, void* out);

 private:
  const float* FilteredRow(const PixelView& crop, int32_t row);

  ResizeTaps columns_, rows_;
  std::vector<float> input_row_;  // pixels of one row and one more
  std::vector<float> ring_;       // filtered rows, [rows_.taps()][3][plane]
  std::vector<const float*> sources_;
  int32_t filtered_ = 0;  // input rows filtered so far
};

}  // namespace ssd
