// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ssd {

// What can be said of a data set. Append only: the names go into reports.
enum class Finding {
  kFolder,       // a split's folder or annotation file is missing
  kAnnotations,  // the annotation file is not one that training reads
  kMissing,      // an image is not there or cannot be read
  kTruncated,    // an image breaks off
  kUndecodable,  // an image is no JPEG, or a damaged one
  kSize,         // an image has another size than its entry says
  kGrayscale,
  kCmyk,
  kRotated,      // by its EXIF data, which training ignores
  kBoxOutside,   // a box reaches more than half a pixel out of its image
  kBoxThin,      // a box is thinner than 0.1 pixel: training drops it
  kBoxImage,     // a box of an image that is not listed
  kBoxCategory,  // a box of a category that is not listed
  kCount
};
constexpr size_t kFindings = static_cast<size_t>(Finding::kCount);
const char* NameOf(Finding kind);

struct VerifyFinding {
  Finding kind;
  bool fatal;  // training or its evaluation would fail
  std::string file, detail;
};

struct VerifySplit {
  std::string name, annotations;  // "train" or "val", and the file that training would take
  int64_t images = 0, images_with_boxes = 0, boxes = 0, crowd_boxes = 0;
  int64_t decoded = 0;  // images
};

struct VerifyResult {
  std::vector<VerifySplit> splits;
  std::array<int64_t, kFindings> counts{};  // of all findings, by kind
  int64_t fatal = 0;
  std::vector<VerifyFinding> findings;  // the first ones of each kind, by kind
};

// Hears now and then how many images of a split are decoded, from any thread.
using VerifyProgress = std::function<void(const char* split, int64_t done, int64_t all)>;

// Looks at both splits of a COCO data set (spec section 1) as training takes them, and decodes
// every image with the decoder of training on `threads` threads (0: all processors). Keeps at most
// `max_findings` findings of a kind. The result is the same for any number of threads. Throws
// Status::kInvalid for wrong numbers; whatever is wrong with the data is a finding.
VerifyResult VerifyCoco(const std::string& dir, int threads, int64_t max_findings,
                        const VerifyProgress& progress = nullptr);

}  // namespace ssd
