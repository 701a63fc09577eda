// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine.pb.h"

namespace ssd {

// Looks at a COCO data set as a run takes it: both splits by VerifyCoco, and the validation
// annotations by what scores them. Throws Status::kInvalid for a wrong request.
VerifyReport VerifyData(const VerifyRequest& request);

}  // namespace ssd
