// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ssd_crop.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace ssd {
namespace {

constexpr float kMinimumIou[] = {0.0f, 0.1f, 0.3f, 0.5f, 0.7f, 0.9f};
constexpr uint32_t kOptions = 7;
constexpr float kMinSide = 0.3f, kMinRatio = 0.5f, kMaxRatio = 2.0f;

float Iou(const CornerBox& a, const CornerBox& b) {
  const float w = std::max(std::min(a[2], b[2]) - std::max(a[0], b[0]), 0.0f);
  const float h = std::max(std::min(a[3], b[3]) - std::max(a[1], b[1]), 0.0f);
  const float inter = w * h;
  return inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter);
}

CornerBox Corners(const CropWindow& w) {
  return {w.left, w.top, w.left + w.width, w.top + w.height};
}

// [begin, end) of one axis in pixels.
void PixelRange(float start, float length, int32_t size, int32_t* begin, int32_t* end) {
  const double lo = start, hi = lo + static_cast<double>(length);
  *begin = std::clamp(static_cast<int32_t>(std::lround(lo * size)), 0, size - 1);
  *end = std::clamp(static_cast<int32_t>(std::lround(hi * size)), *begin + 1, size);
}

// Draws and tests one attempt; the kept boxes are valid if it returns true.
bool Attempt(Philox& random, float minimum, std::span<const CornerBox> boxes,
             std::span<const uint8_t> labels, CropWindow* window, std::vector<CornerBox>* kept,
             std::vector<int32_t>* kept_labels) {
  window->width = random.Uniform(kMinSide, 1.0f);
  window->height = random.Uniform(kMinSide, 1.0f);
  const float ratio = window->width / window->height;
  if (ratio < kMinRatio || ratio > kMaxRatio) return false;
  window->left = random.Uniform(0.0f, 1.0f - window->width);
  window->top = random.Uniform(0.0f, 1.0f - window->height);
  if (!CropAccepts(*window, minimum, boxes)) return false;
  CropBoxes(*window, boxes, labels, kept, kept_labels);
  return !kept->empty();
}

}  // namespace

PixelWindow ToPixels(const CropWindow& window, const ImageSize& image) {
  PixelWindow pixels;
  PixelRange(window.left, window.width, image.width, &pixels.x0, &pixels.x1);
  PixelRange(window.top, window.height, image.height, &pixels.y0, &pixels.y1);
  return pixels;
}

bool CropAccepts(const CropWindow& window, float minimum, std::span<const CornerBox> boxes) {
  const CornerBox crop = Corners(window);
  return std::all_of(boxes.begin(), boxes.end(),
                     [&](const CornerBox& box) { return Iou(crop, box) >= minimum; });
}

void CropBoxes(const CropWindow& window, std::span<const CornerBox> boxes,
               std::span<const uint8_t> labels, std::vector<CornerBox>* kept,
               std::vector<int32_t>* kept_labels) {
  kept->clear();
  kept_labels->clear();
  const CornerBox crop = Corners(window);
  for (size_t k = 0; k < boxes.size(); ++k) {
    const CornerBox& box = boxes[k];
    const float cx = (box[0] + box[2]) / 2, cy = (box[1] + box[3]) / 2;
    if (!(cx >= crop[0] && cx < crop[2] && cy >= crop[1] && cy < crop[3])) continue;
    const auto x = [&](float v) {
      return std::clamp((v - window.left) / window.width, 0.0f, 1.0f);
    };
    const auto y = [&](float v) {
      return std::clamp((v - window.top) / window.height, 0.0f, 1.0f);
    };
    kept->push_back({x(box[0]), y(box[1]), x(box[2]), y(box[3])});
    kept_labels->push_back(labels[k]);
  }
}

Crop DrawCrop(Philox& random, int max_samples, std::span<const CornerBox> boxes,
              std::span<const uint8_t> labels, std::vector<CornerBox>* kept,
              std::vector<int32_t>* kept_labels) {
  SSD_CHECK(!boxes.empty() && boxes.size() == labels.size());
  for (;;) {
    Crop crop{static_cast<int>(random.Below(kOptions)), {}};
    if (crop.option == 0) {
      kept->assign(boxes.begin(), boxes.end());
      kept_labels->assign(labels.begin(), labels.end());
      return crop;
    }
    for (int i = 0; i < max_samples; ++i) {
      const float minimum = kMinimumIou[crop.option - 1];
      if (Attempt(random, minimum, boxes, labels, &crop.window, kept, kept_labels)) return crop;
    }
  }
}

}  // namespace ssd
