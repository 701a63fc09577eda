// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace ssd {

// What the markers of a JPEG say, read without decoding. Zeros where the file does not say.
struct JpegFacts {
  int components = 0;   // 1 grayscale, 3 colour, 4 CMYK or YCCK
  int orientation = 0;  // EXIF: 1 upright, 2 .. 8 mirrored or rotated
  bool ended = false;   // the end marker stands at the end of the file
};
// Never throws; any bytes may be given.
JpegFacts ReadJpegFacts(std::span<const uint8_t> bytes);

}  // namespace ssd
