// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/synthetic.h"

#include "backends/backend.h"
#include "core/bfloat16.h"
#include "core/float16.h"
#include "core/philox.h"
#include "loss/matcher.h"

namespace ssd {

namespace {

constexpr int kBoxes = 7;

void Noise(const ImageFormat& format, int64_t pixels, Philox& random, std::byte* out) {
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t c = 0; c < format.channels; ++c) {
      const float value = c < 3 ? random.Uniform(-2, 2) : 0.0f;
      const auto at = static_cast<size_t>(p * format.channels + c);
      if (format.dtype == DType::kF32)
        reinterpret_cast<float*>(out)[at] = value;
      else if (format.dtype == DType::kF16)
        reinterpret_cast<float16*>(out)[at] = float16::From(value);
      else
        reinterpret_cast<bfloat16*>(out)[at] = bfloat16::From(value);
    }
}

}  // namespace

SyntheticBatch::SyntheticBatch(int64_t batch, const ImageFormat& format, uint64_t seed)
    : image_(static_cast<size_t>(batch * kImageSide * kImageSide * format.channels) *
             SizeOf(format.dtype)),
      label_(static_cast<size_t>(batch * kDefaultBoxes)),
      offset_(label_.size() * 4),
      image_id_(static_cast<size_t>(batch)) {
  Philox random(seed, Purpose::kSynthetic, 0, 0);
  Noise(format, batch * kImageSide * kImageSide, random, image_.data());
  for (int64_t i = 0; i < batch; ++i) {
    std::vector<CornerBox> boxes;
    std::vector<int32_t> labels;
    for (int k = 0; k < kBoxes; ++k) {
      const float w = random.Uniform(0.05f, 0.5f), h = random.Uniform(0.05f, 0.5f);
      const float x = random.Uniform(0, 1 - w), y = random.Uniform(0, 1 - h);
      boxes.push_back({x, y, x + w, y + h});
      labels.push_back(1 + static_cast<int32_t>(random.Below(80)));
    }
    const auto n = static_cast<size_t>(kDefaultBoxes), at = static_cast<size_t>(i) * n;
    EncodeTargets(boxes, labels, std::span(label_).subspan(at, n),
                  std::span(offset_).subspan(4 * at, 4 * n));
    image_id_[static_cast<size_t>(i)] = i;
  }
}

TrainBatch SyntheticBatch::train() const {
  return {image_.data(), label_.data(), offset_.data(), image_id_.data()};
}

}  // namespace ssd
