// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "data/dataset.h"

namespace ssd {

// Writes one sample with all that was drawn for it as safetensors: image f32 [3, 300, 300], boxes
// f32 [M, 4], labels i32 [M], label i32 [8732], offset f32 [8732, 4], crop_pixels i32 [4] (x0, y0,
// x1, y1), crop f32 [4] (left, top, width, height), option and flip i32 [1], hue, saturation,
// contrast and brightness f32 [1]. For the validation set: the whole image, no colour. Throws
// Status::kInvalid for an id that is not in the split, or an image without box in training.
void InspectSample(const DataOptions& options, bool train, int64_t epoch, int64_t image_id,
                   const std::string& output);

}  // namespace ssd
