// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "backends/backend.h"

namespace ssd::testing {

// Scores and offsets of some images by default box; new ones see background everywhere.
struct Prediction {
  explicit Prediction(int64_t n);
  float* Score(int64_t i) { return &score[i * kClasses]; }
  const float* Score(int64_t i) const { return &score[i * kClasses]; }
  const float* Offset(int64_t i) const { return &offset[i * 4]; }
  // Puts a box (ltrb) with a score for one class (0..79) on default box a of the first image.
  void Put(int64_t a, int32_t label, double score, const std::array<float, 4>& box);

  int64_t batch;
  std::vector<float> score;   // [batch, 8732, 81]
  std::vector<float> offset;  // [batch, 8732, 4]
};

// Spec section 8: the box, ltrb and not clipped, that offsets (tx, ty, tw, th) give on a default
// box (cx, cy, w, h).
std::array<float, 4> DecodeBox(const std::array<float, 4>& default_box, const float offset[4]);

// DetectDesc::default_boxes for tests.
std::span<const std::array<float, 4>> DetectDefaultBoxes();

// Spec section 8 word by word, softmax and IoU in double: the oracle of every DetectOp. clear turns
// false where rounding could decide: scores or IoUs closer than f32 can tell to each other or to a
// threshold. Exact ties are clear.
std::vector<Detection> DetectPlainly(const Prediction& prediction, int64_t image,
                                     const DetectDesc& desc, bool* clear);

}  // namespace ssd::testing
