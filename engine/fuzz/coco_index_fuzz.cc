// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// The annotations of training: what is accepted can be trained on.
#include <cmath>

#include "data/coco_index.h"
#include "fuzz/fuzz.h"

namespace ssd {
namespace {

void CheckImage(const CocoIndex& index, int64_t i) {
  FUZZ_CHECK(index.width(i) > 0 && index.height(i) > 0);
  FUZZ_CHECK(index.ImagePath(i).starts_with("images/"));
  FUZZ_CHECK(index.ImagePath(i).find("/../") == std::string::npos);
  FUZZ_CHECK(index.Find(index.image_id(i)) == i);
  FUZZ_CHECK(index.Boxes(i).size() == index.Labels(i).size());
  for (const uint8_t label : index.Labels(i)) {
    FUZZ_CHECK(label >= 1 && label <= index.category_ids().size());
  }
  for (const CornerBox& box : index.Boxes(i)) {
    FUZZ_CHECK(std::isfinite(box[0]) && std::isfinite(box[1]));
    FUZZ_CHECK(box[2] >= box[0] && box[3] >= box[1]);
  }
}

}  // namespace
}  // namespace ssd

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ssd::fuzz::MemoryFile file;
  const std::string& path = file.Write(data, size);
  ssd::fuzz::Reads([&] {
    const auto index = ssd::CocoIndex::Load(path, "images");
    FUZZ_CHECK(index.category_ids().size() <= 80);
    for (int64_t i = 0; i < index.size(); ++i) ssd::CheckImage(index, i);
    for (const int32_t i : index.with_boxes()) FUZZ_CHECK(!index.Boxes(i).empty());
  });
  return 0;
}
