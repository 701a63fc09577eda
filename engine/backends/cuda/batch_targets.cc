// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/batch_targets.h"

#include "backends/cuda/matcher.h"
#include "core/error.h"

namespace ssd {
namespace {

size_t BoxBytes(int64_t boxes) { return sizeof(TargetBox) * static_cast<size_t>(boxes); }
size_t FirstBytes(int64_t batch) { return sizeof(int32_t) * static_cast<size_t>(batch + 1); }
size_t LabelBytes(int64_t batch) {
  return sizeof(int32_t) * static_cast<size_t>(batch * kDefaultBoxes);
}

}  // namespace

BatchTargets::BatchTargets(const CudaContext& context, int64_t batch, const TargetDesc& desc)
    : context_(context),
      batch_(batch),
      most_boxes_(desc.most_boxes),
      centers_(Table(desc.default_boxes)),
      corners_(Table(desc.default_corners)),
      boxes_(AllocateCuda(context, BoxBytes(batch * most_boxes_))),
      first_(AllocateCuda(context, FirstBytes(batch))),
      label_(AllocateCuda(context, LabelBytes(batch))),
      offset_(AllocateCuda(context, 4 * LabelBytes(batch))),
      host_boxes_(AllocatePinned(BoxBytes(batch * most_boxes_))),
      host_first_(AllocatePinned(FirstBytes(batch))) {}

std::unique_ptr<DeviceMemory> BatchTargets::Table(
    std::span<const std::array<float, 4>> boxes) const {
  SSD_CHECK(static_cast<int64_t>(boxes.size()) == kDefaultBoxes);
  auto table = AllocateCuda(context_, boxes.size_bytes());
  CopyToDevice(context_, boxes.data(), boxes.size_bytes(), table->data());
  return table;
}

void BatchTargets::Upload(std::span<const InputImage> images) {
  SSD_CHECK(static_cast<int64_t>(images.size()) == batch_);
  auto* boxes = reinterpret_cast<TargetBox*>(host_boxes_.get());
  auto* first = reinterpret_cast<int32_t*>(host_first_.get());
  count_ = 0;
  for (const InputImage& image : images) {
    SSD_CHECK(image.boxes.size() == image.labels.size());
    SSD_CHECK(static_cast<int64_t>(image.boxes.size()) <= most_boxes_);
    *first++ = count_;
    for (size_t k = 0; k < image.boxes.size(); ++k) {
      const auto [left, top, right, bottom] = image.boxes[k];
      boxes[count_++] = {left, top, right, bottom, image.labels[k], 0};
    }
  }
  *first = count_;
  const auto upload = [this](const DeviceMemory& to, const HostBytes& from, size_t bytes) {
    SSD_CUDA(
        cudaMemcpyAsync(to.data(), from.get(), bytes, cudaMemcpyHostToDevice, context_.stream));
  };
  upload(*first_, host_first_, first_->size());
  if (count_ > 0) upload(*boxes_, host_boxes_, BoxBytes(count_));
}

void BatchTargets::Encode() const {
  EncodeBatch(context_,
              {.centers = static_cast<const float4*>(centers_->data()),
               .corners = static_cast<const float4*>(corners_->data()),
               .boxes = static_cast<TargetBox*>(boxes_->data()),
               .first = static_cast<const int32_t*>(first_->data()),
               .label = static_cast<int32_t*>(label_->data()),
               .offset = static_cast<float4*>(offset_->data())},
              batch_, count_);
}

}  // namespace ssd
