// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/device_loader.h"

#include <algorithm>
#include <utility>

#include "backends/backend.h"
#include "data/loader.h"
#include "loss/default_boxes.h"

namespace ssd {

int DeviceSlots(const DataOptions& options) {
  return BatchRing::SlotsOf(RingOptions(options, 1, -1));
}

BatchRendererDesc RendererOf(int64_t batch, size_t cache_bytes, const CocoIndex* index) {
  BatchRendererDesc desc{.batch = batch,
                         .side = kImageSide,
                         .mean = kPixelMean,
                         .scale = kPixelScale,
                         .cache_bytes = cache_bytes};
  if (index == nullptr) return desc;
  size_t most = 0;
  for (const int32_t i : index->with_boxes()) most = std::max(most, index->Boxes(i).size());
  desc.targets = {.default_boxes = DefaultBoxes(),
                  .default_corners = DefaultBoxCorners(),
                  .most_boxes = static_cast<int64_t>(most)};
  return desc;
}

DeviceTrainLoader::DeviceTrainLoader(const CocoIndex& index, const DataOptions& options,
                                     int64_t position, BadImageReport report,
                                     std::unique_ptr<DeviceImages> images)
    : index_(index),
      options_(options),
      items_(index, options, position, std::move(report)),
      images_(std::move(images)) {
  images_->Serve(index);
  const int64_t batch = images_->options().batch;
  const BatchRing::Options ring = RingOptions(options, batch, -1);
  makers_ = std::vector<SampleMaker>(static_cast<size_t>(ring.threads));
  slots_.assign(static_cast<size_t>(images_->options().slots), TrainItems::Slot(batch));
  BatchRing::Filler& filler = *this;
  ring_ = std::make_unique<BatchRing>(filler, ring);
}

void DeviceTrainLoader::Open(int64_t batch) {
  items_.Open(SlotOf(batch));
  images_->Open(batch);
}

void DeviceTrainLoader::Fill(int worker, int64_t batch, int64_t item) {
  Prepare(makers_[static_cast<size_t>(worker)], batch, item, false);
}

void DeviceTrainLoader::Prepare(SampleMaker& maker, int64_t batch, int64_t item, bool again) {
  items_.Fill(SlotOf(batch), item, [&](int32_t image, uint32_t pass) {
    const ImageSize size = images_->Open(maker, image);
    maker.Draw(index_, image, size, options_, pass);
    images_->Put(maker, batch, item, image, size, &maker.record().color, again);
  });
}

// Gives the ring's last slot back. What the device refuses is prepared anew: with kSkip that may be
// another image.
bool DeviceTrainLoader::Start() {
  images_->AwaitUploads();
  const int64_t batch = ring_->Next();
  TrainItems::Slot& slot = SlotOf(batch);
  images_->Start(batch, [&](SampleMaker& maker, int64_t item) {
    slot.bad[static_cast<size_t>(item)].clear();
    Prepare(maker, batch, item, true);
  });
  items_.Report(slot);
  next_ = slot.image_id;
  return true;
}

TrainBatch DeviceTrainLoader::Next() {
  images_->Next(
      *ring_, [this] { return Start(); }, [this] { image_id_ = next_; });
  return {.image_id = image_id_.data(), .renderer = &images_->renderer()};
}

DeviceEvalLoader::DeviceEvalLoader(const CocoIndex& index, const DataOptions& options,
                                   BadImageReport report, std::shared_ptr<DeviceImages> images)
    : index_(index),
      items_(index, options, images->options().batch, std::move(report)),
      images_(std::move(images)),
      given_{EvalItems::Slot(images_->options().batch)},
      next_(given_) {
  images_->Serve(index);
  const int64_t batch = images_->options().batch;
  const BatchRing::Options ring = RingOptions(options, batch, items_.batches());
  makers_ = std::vector<SampleMaker>(static_cast<size_t>(ring.threads));
  slots_.assign(static_cast<size_t>(images_->options().slots), EvalItems::Slot(batch));
  BatchRing::Filler& filler = *this;
  ring_ = std::make_unique<BatchRing>(filler, ring);
}

DeviceEvalLoader::~DeviceEvalLoader() {
  ring_.reset();
  images_->Reset();
}

void DeviceEvalLoader::Fill(int worker, int64_t batch, int64_t item) {
  Prepare(makers_[static_cast<size_t>(worker)], batch, item, false);
}

void DeviceEvalLoader::Prepare(SampleMaker& maker, int64_t batch, int64_t item, bool again) {
  items_.Fill(
      SlotOf(batch), batch, item,
      [&](int64_t entry) {
        const auto image = static_cast<int32_t>(entry);
        const ImageSize size = images_->Open(maker, image);
        maker.TakeWhole(index_, image, size);
        images_->Put(maker, batch, item, image, size, nullptr, again);
      },
      [&] { images_->PutNothing(batch, item); });
}

bool DeviceEvalLoader::Start() {
  images_->AwaitUploads();
  const int64_t batch = ring_->Next();
  if (batch < 0) return false;
  images_->Start(batch,
                 [&](SampleMaker& maker, int64_t item) { Prepare(maker, batch, item, true); });
  next_.items = SlotOf(batch);
  next_.count = items_.Report(next_.items, batch).count;
  return true;
}

bool DeviceEvalLoader::Next(EvalBatch* batch) {
  if (!images_->Next(
          *ring_, [this] { return Start(); }, [this] { std::swap(given_, next_); }))
    return false;
  *batch = {.image = nullptr,
            .image_id = given_.items.image_id.data(),
            .width = given_.items.width.data(),
            .height = given_.items.height.data(),
            .count = given_.count,
            .renderer = &images_->renderer()};
  return true;
}

}  // namespace ssd
