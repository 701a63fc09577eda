// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The annotations of scoring: what is accepted scores to numbers between 0 and 1, or -1, when its
// own objects are the detections.
#include "eval/coco_map.h"
#include "fuzz/fuzz.h"

namespace ssd {
namespace {

void Score(const CocoTruth& truth) {
  std::vector<CocoDetection> detections;
  for (const CocoObject& o : truth.objects) {
    detections.push_back({o.image_id, o.category_id, o.x, o.y, o.w, o.h, 0.5});
  }
  CocoScore score;
  if (!fuzz::Reads([&] { score = ScoreCoco(truth, detections, 1); })) {
    FUZZ_CHECK(truth.unlisted > 0);
    return;
  }
  FUZZ_CHECK(score.category_ap.size() == truth.categories.size());
  for (const double value : score.stats) FUZZ_CHECK(value == -1 || (value >= 0 && value <= 1));
}

}  // namespace
}  // namespace ssd

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ssd::fuzz::MemoryFile file;
  const std::string& path = file.Write(data, size);
  ssd::fuzz::Reads([&] { ssd::Score(ssd::CocoTruth::Load(path)); });
  return 0;
}
