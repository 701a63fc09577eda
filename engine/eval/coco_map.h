// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ssd {

// Ground truth of a COCO annotation file, as scoring needs it (spec section 9).
struct CocoObject {
  int64_t image_id;
  int64_t category_id;
  int64_t id;
  double x, y, w, h;
  double area;
  bool crowd;   // iscrowd
  bool ignore;  // the file's own ignore key, if any
};
struct CocoCategory {
  int64_t id;
  std::string name;
};
struct CocoTruth {
  std::vector<int64_t> image_ids;       // sorted, unique
  std::vector<CocoCategory> categories; // sorted by id
  std::vector<CocoObject> objects;      // in file order
  // Throws Status::kData naming the file, the place and what is wrong.
  static CocoTruth Load(const std::string& path);
};

struct CocoDetection {
  int64_t image_id;
  int64_t category_id;
  double x, y, w, h;
  double score;
};
std::vector<CocoDetection> LoadDetections(const std::string& path);

struct CocoScore {
  std::array<double, 12> stats;           // pycocotools' order; -1 = undefined
  std::vector<double> category_ap;        // of categories, -1 = left out
  std::vector<double> category_ap50;
  std::vector<int64_t> category_objects;  // not ignored ones
};
// The result does not depend on threads. Memory: O(detections).
CocoScore ScoreCoco(const CocoTruth& truth, std::span<const CocoDetection> detections, int threads);

}  // namespace ssd
