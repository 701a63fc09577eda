// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "data/augment.h"
#include "data/jpeg.h"

namespace ssd {

// The oracle of ImageRenderer: spec section 2, steps 3 to 6, by plain loops in double. Returns
// [300][300][3]. color may be null.
std::vector<double> RenderByLoops(const PixelView& crop, bool mirror, const ColorJitter* color);

}  // namespace ssd
