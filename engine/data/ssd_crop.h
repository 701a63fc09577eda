// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/philox.h"
#include "data/jpeg.h"
#include "loss/default_boxes.h"

namespace ssd {

// A part of an image, relative to its size.
struct CropWindow {
  float left = 0, top = 0, width = 1, height = 1;
};

// Rows and columns of the window: both ends rounded half away from zero, at least one pixel.
PixelWindow ToPixels(const CropWindow& window, const ImageSize& image);

// Spec section 2: whether every box has IoU(window, box) >= minimum.
bool CropAccepts(const CropWindow& window, float minimum, std::span<const CornerBox> boxes);

// The boxes whose centre lies in the window (lo <= c < hi), clipped to it and relative to it, with
// their labels, in order. Replaces the content of kept and kept_labels.
void CropBoxes(const CropWindow& window, std::span<const CornerBox> boxes,
               std::span<const uint8_t> labels, std::vector<CornerBox>* kept,
               std::vector<int32_t>* kept_labels);

// Draws a crop by spec section 2. Options: 0 the whole image, 1 .. 6 minimum IoU 0, 0.1, 0.3, 0.5,
// 0.7, 0.9; max_samples attempts each. Order of the draws: option, then per attempt width, height
// and, when their ratio passes, left, top. REQUIRES: at least one box.
struct Crop {
  int option;
  CropWindow window;
};
Crop DrawCrop(Philox& random, int max_samples, std::span<const CornerBox> boxes,
              std::span<const uint8_t> labels, std::vector<CornerBox>* kept,
              std::vector<int32_t>* kept_labels);

}  // namespace ssd
