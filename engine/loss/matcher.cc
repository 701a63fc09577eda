// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "loss/matcher.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>

#include "backends/backend.h"
#include "core/error.h"
#include "core/vector_clones.h"

namespace ssd {
namespace {

constexpr float kPositiveIou = 0.5f;
constexpr float kForcedIou = 2.0f;
constexpr float kCenterVariance = 0.1f;
constexpr float kSizeVariance = 0.2f;

// Default boxes are worked through in blocks, so that the best one of a box is searched in one
// block.
constexpr int64_t kBlock = 512;
constexpr int64_t kBlocks = (kDefaultBoxes + kBlock - 1) / kBlock;
constexpr int64_t kPadded = kBlocks * kBlock;

// Default boxes by coordinate; the padding is a zero-area box far off, whose IoU is always 0.
struct alignas(64) Columns {
  float left[kPadded], top[kPadded], right[kPadded], bottom[kPadded], area[kPadded];
};

std::unique_ptr<Columns> MakeColumns() {
  auto columns = std::make_unique<Columns>();
  const auto corners = DefaultBoxCorners();
  for (int64_t a = 0; a < kPadded; ++a) {
    const CornerBox box = a < kDefaultBoxes ? corners[a] : CornerBox{4, 4, 4, 4};
    columns->left[a] = box[0];
    columns->top[a] = box[1];
    columns->right[a] = box[2];
    columns->bottom[a] = box[3];
    columns->area[a] = (box[2] - box[0]) * (box[3] - box[1]);
  }
  return columns;
}

// What is known of each default box so far.
struct alignas(64) Matches {
  float iou[kPadded];
  int32_t owner[kPadded];
  float current[kBlock];
};

// Takes box k into a block and returns its highest IoU there, as the bits of the non-negative float
// (which order like integers). The block's IoUs stay in matches.current.
SSD_VECTOR_CLONES int32_t MatchBlock(const Columns& columns, const CornerBox& box, int32_t k,
                                     int64_t first, Matches& matches) {
  const float left = box[0], top = box[1], right = box[2], bottom = box[3];
  const float area = (right - left) * (bottom - top);
  const float* __restrict__ al = columns.left + first;
  const float* __restrict__ at = columns.top + first;
  const float* __restrict__ ar = columns.right + first;
  const float* __restrict__ ab = columns.bottom + first;
  const float* __restrict__ aa = columns.area + first;
  float* __restrict__ best = matches.iou + first;
  int32_t* __restrict__ owner = matches.owner + first;
  float* __restrict__ current = matches.current;
  int32_t highest = 0;
  for (int64_t a = 0; a < kBlock; ++a) {
    const float w = (ar[a] < right ? ar[a] : right) - (al[a] > left ? al[a] : left);
    const float h = (ab[a] < bottom ? ab[a] : bottom) - (at[a] > top ? at[a] : top);
    const float inter = (w > 0 ? w : 0.0f) * (h > 0 ? h : 0.0f);
    const float iou = inter / (area + aa[a] - inter);
    current[a] = iou;
    owner[a] = iou >= best[a] ? k : owner[a];
    best[a] = iou >= best[a] ? iou : best[a];
    const int32_t bits = std::bit_cast<int32_t>(iou);
    highest = bits > highest ? bits : highest;
  }
  return highest;
}

int64_t LastIndexOf(const Matches& matches, int32_t bits) {
  int64_t a = kBlock - 1;
  while (a > 0 && std::bit_cast<int32_t>(matches.current[a]) != bits) --a;
  return a;
}

void MatchBox(const Columns& columns, const CornerBox& box, int32_t k, Matches& matches) {
  int32_t best_bits = 0;
  int64_t best = kDefaultBoxes - 1;  // all IoUs zero: the highest index wins the tie
  for (int64_t first = 0; first < kPadded; first += kBlock) {
    const int32_t bits = MatchBlock(columns, box, k, first, matches);
    if (bits > 0 && bits >= best_bits) {
      best_bits = bits;
      best = first + LastIndexOf(matches, bits);
    }
  }
  matches.owner[best] = k;
  matches.iou[best] = kForcedIou;
}

// Through double, so that every library's logarithm rounds to the same value.
float Log(float v) { return static_cast<float>(std::log(static_cast<double>(v))); }

void EncodeOffset(const CornerBox& box, const CenterBox& at, float offset[4]) {
  const auto [ax, ay, aw, ah] = at;
  offset[0] = ((box[0] + box[2]) / 2 - ax) / aw / kCenterVariance;
  offset[1] = ((box[1] + box[3]) / 2 - ay) / ah / kCenterVariance;
  offset[2] = Log((box[2] - box[0]) / aw) / kSizeVariance;
  offset[3] = Log((box[3] - box[1]) / ah) / kSizeVariance;
}

}  // namespace

void EncodeTargets(std::span<const CornerBox> boxes, std::span<const int32_t> labels,
                   std::span<int32_t> label, std::span<float> offset) {
  SSD_CHECK(boxes.size() == labels.size());
  SSD_CHECK(static_cast<int64_t>(label.size()) == kDefaultBoxes);
  SSD_CHECK(static_cast<int64_t>(offset.size()) == kDefaultBoxes * 4);
  static const std::unique_ptr<const Columns> columns = MakeColumns();
  thread_local const auto matches = std::make_unique<Matches>();

  std::fill(label.begin(), label.end(), 0);
  std::fill(offset.begin(), offset.end(), 0.0f);
  std::fill(std::begin(matches->iou), std::end(matches->iou), 0.0f);
  std::fill(std::begin(matches->owner), std::end(matches->owner), 0);
  for (size_t k = 0; k < boxes.size(); ++k) {
    MatchBox(*columns, boxes[k], static_cast<int32_t>(k), *matches);
  }
  const auto centers = DefaultBoxes();
  for (int64_t a = 0; a < kDefaultBoxes; ++a) {
    if (!(matches->iou[a] > kPositiveIou)) continue;
    const int32_t k = matches->owner[a];
    label[a] = labels[k];
    EncodeOffset(boxes[k], centers[a], &offset[a * 4]);
  }
}

}  // namespace ssd
