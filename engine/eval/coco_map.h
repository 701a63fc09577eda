// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ssd {

// Box AP as spec section 9 and pycocotools define it: all 12 numbers come out equal to the last
// digit.

// Ground truth of a COCO annotation file. Its own `ignore` key is not looked at: pycocotools
// overwrites it with iscrowd.
struct CocoObject {
  int64_t image_id;
  int64_t category_id;
  int64_t id;
  double x, y, w, h;
  double area;
  bool crowd;  // iscrowd
};
struct CocoCategory {
  int64_t id;
  std::string name;
};
struct CocoTruth {
  std::vector<int64_t> image_ids;        // sorted, unique
  std::vector<CocoCategory> categories;  // sorted by id
  std::vector<CocoObject> objects;       // in file order
  int64_t unlisted = 0;  // objects of images or categories that are not among these: not scored
  // Throws Status::kData naming the file, the place and what is wrong: also for objects without
  // area or iscrowd. Memory: O(objects), however large the file.
  static CocoTruth Load(const std::string& path);
};

struct CocoDetection {
  int64_t image_id;
  int64_t category_id;
  double x, y, w, h;
  double score;
};
// A JSON list of {"image_id", "category_id", "bbox": [x, y, w, h], "score"}; other keys are passed
// over, and of a key that occurs twice the last counts. Throws Status::kData naming the file, the
// entry (from 0) and what is wrong. The result does not depend on threads (0 = all that the machine
// has). Memory: O(detections), however large the file.
std::vector<CocoDetection> LoadDetections(const std::string& path, int threads = 0);

struct CocoScore {
  std::array<double, 12> stats;     // pycocotools' order; -1 = undefined
  std::vector<double> category_ap;  // of categories, -1 = left out
  std::vector<double> category_ap50;
  std::vector<int64_t> category_objects;  // not ignored ones
  int64_t detections = 0;
  int64_t unknown_categories = 0;  // detections left out: their category is not in the truth
};
// The result does not depend on threads (0 = all that the machine has). Memory: O(detections).
// Throws Status::kData naming the entry for a detection of an unknown image or with a value that is
// not finite.
CocoScore ScoreCoco(const CocoTruth& truth, std::span<const CocoDetection> detections, int threads);
// The same of a file of detections, which the errors then name too.
CocoScore ScoreCocoFile(const CocoTruth& truth, const std::string& detections, int threads);

}  // namespace ssd
