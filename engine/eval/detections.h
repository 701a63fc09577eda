// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "eval/coco_map.h"

namespace ssd {

// How detections are reported (spec section 8).
struct ReportFormat {
  std::vector<int64_t> category_ids;  // sorted; class k (from 0) is category_ids[k]
  bool plus_one = false;              // w + 1 and h + 1 pixel, as the submission reports
};

// Appends an image's detections in pixels: corners clipped to 0..1, then scaled by the original
// width and height. Left out: classes that the data set does not have and boxes that are not
// numbers.
void AppendCocoDetections(std::span<const Detection> detections, int64_t image_id, int32_t width,
                          int32_t height, const ReportFormat& format,
                          std::vector<CocoDetection>& rows);

// Writes the JSON list that LoadDetections and pycocotools read, numbers in full precision. Atomic:
// on an error (Status::kData naming the file and the reason) the file is as it was before.
void WriteDetections(const std::string& path, std::span<const CocoDetection> rows);

}  // namespace ssd
