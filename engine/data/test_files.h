// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// Images and data sets that tests make for themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "testing/error_of.h"
#include "testing/test_folder.h"

namespace ssd {

// The folder of 100 real images, unless it is missing.
std::optional<std::string> TinyCoco();

// Colour spaces a JPEG can be stored in. kCmyk and kYcck carry Adobe's marker and inverted values;
// kPlainCmyk has neither.
enum class JpegSpace {
  kGray,
  kYcc444,
  kYcc422,
  kYcc440,
  kYcc420,
  kYcc411,
  kRgb,
  kCmyk,
  kYcck,
  kPlainCmyk
};
struct TestJpeg {
  int width = 64, height = 48;
  JpegSpace space = JpegSpace::kYcc420;
  int quality = 90;
  bool progressive = false;
  int restart_interval = 0;  // MCUs
  uint32_t seed = 1;         // of the picture
  bool exif_rotated = false;
};
std::vector<uint8_t> EncodeTestJpeg(const TestJpeg& options);

// A COCO data set of drawn JPEGs in `dir`: images "0.jpg", "1.jpg" ... with the ids 100, 101 ... of
// sizes and colour spaces that vary, each with one to four boxes; every tenth training image has
// none.
void MakeTestDataset(const std::string& dir, int train_images, int val_images);

}  // namespace ssd
