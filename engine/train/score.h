// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine.pb.h"

namespace ssd {

// COCO box AP of a detections file (spec section 9).
ScoreReport ScoreDetections(const ScoreRequest& request);

}  // namespace ssd
