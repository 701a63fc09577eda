// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/verify.h"

namespace ssd {

using ReportFinding = std::function<void(VerifyFinding)>;

struct ListedImage {
  int64_t id = 0;
  int32_t width = 0, height = 0;  // pixels, as the file says
  std::string name;
  bool has_box = false;  // training reads it
};

// The images of an annotation file, sorted by name, for a look at each. Reports every bad box and
// counts into `split`. Elements that training could not read are passed over: CocoIndex::Load names
// the first of them. Throws Status::kData when the text is no JSON.
std::vector<ListedImage> ReadListedImages(const std::string& path, VerifySplit* split,
                                          const ReportFinding& report);

}  // namespace ssd
