// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/philox.h"
#include "loss/default_boxes.h"

namespace ssd {

// The colour numbers of a sample (spec section 2). The default changes nothing in `brightness` and
// `contrast`; the matrix of hue 0 and saturation 1 still moves values by up to 0.4.
struct ColorJitter {
  float hue = 0;         // degrees, U(-0.5, 0.5)
  float saturation = 1;  // U(0.5, 1.5)
  float contrast = 1;    // U(0.5, 1.5)
  float brightness = 1;  // U(0.875, 1.125)
};
// Drawn in the order of the members.
ColorJitter DrawColor(Philox& random);

// B Rot(h) diag(1, s, s) A, row-major, in double.
std::array<double, 9> HueSaturationMatrix(double hue_degrees, double saturation);

// Of the values 0..255 of red, green, blue: (v - kPixelMean) * kPixelScale.
inline constexpr std::array<float, 3> kPixelMean = {0.485f * 255, 0.456f * 255, 0.406f * 255};
inline constexpr std::array<float, 3> kPixelScale = {1 / (0.229f * 255), 1 / (0.224f * 255),
                                                     1 / (0.225f * 255)};

// l' = 1 - r, r' = 1 - l.
void MirrorBoxes(std::span<CornerBox> boxes);

}  // namespace ssd
