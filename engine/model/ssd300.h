// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/graph.h"

namespace ssd {

// SSD300 on ResNet-34 (spec section 4): 45 convolutions, 119 parameters, 19,972,534 values.
Graph BuildSsd300();

}  // namespace ssd
