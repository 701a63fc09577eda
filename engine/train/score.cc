// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/score.h"

#include "eval/coco_map.h"

namespace ssd {

ScoreReport ScoreDetections(const ScoreRequest& request) {
  const CocoTruth truth = CocoTruth::Load(request.annotations());
  const CocoScore score = ScoreCocoFile(truth, request.detections(), request.threads());

  ScoreReport report;
  report.mutable_stats()->Add(score.stats.begin(), score.stats.end());
  for (size_t c = 0; c < truth.categories.size(); ++c) {
    auto* category = report.add_categories();
    category->set_id(truth.categories[c].id);
    category->set_name(truth.categories[c].name);
    category->set_ap(score.category_ap[c]);
    category->set_ap50(score.category_ap50[c]);
    category->set_objects(score.category_objects[c]);
  }
  if (score.detections == 0) report.add_warnings(request.detections() + ": holds no detections");
  if (truth.unlisted > 0)
    report.add_warnings(
        request.annotations() + ": " + std::to_string(truth.unlisted) +
        " objects of images or categories that the file does not list were left out");
  if (score.unknown_categories > 0)
    report.add_warnings(request.detections() + ": " + std::to_string(score.unknown_categories) +
                        " detections of categories that the annotations lack were left out");
  return report;
}

}  // namespace ssd
