// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
//
// A file read in pieces gives what it gives in order, wherever the pieces end. Input: one byte for
// the size of a piece, one for its tail, then the file.
#include <cmath>

#include "eval/coco_detections.h"
#include "fuzz/fuzz.h"

namespace ssd {
namespace {

bool Same(const CocoDetection& p, const CocoDetection& q) {
  return p.image_id == q.image_id && p.category_id == q.category_id && p.x == q.x && p.y == q.y &&
         p.w == q.w && p.h == q.h && p.score == q.score;
}

}  // namespace
}  // namespace ssd

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static ssd::fuzz::MemoryFile file;
  static ssd::ThreadPool pool(0);
  if (size < 2) return 0;
  const std::string& path = file.Write(data + 2, size - 2);
  std::vector<ssd::CocoDetection> list;
  const bool readable = ssd::fuzz::Reads([&] { list = ssd::coco::ReadDetectionsInOrder(path); });
  for (const auto& d : list) FUZZ_CHECK(std::isfinite(d.x + d.y) && std::isfinite(d.score));
  const ssd::InputFile input(path);
  const auto pieces = ssd::coco::ReadDetectionPieces(input, pool, 1 + data[0], data[1]);
  if (!pieces) return 0;
  FUZZ_CHECK(readable);
  FUZZ_CHECK(pieces->size() == list.size());
  for (size_t i = 0; i < list.size(); ++i) FUZZ_CHECK(ssd::Same((*pieces)[i], list[i]));
  return 0;
}
