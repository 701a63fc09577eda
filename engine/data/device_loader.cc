// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/device_loader.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "data/loader.h"
#include "loss/default_boxes.h"

namespace ssd {
namespace {

constexpr size_t kTypicalPixels = size_t{640} * 480;  // of an image of COCO, at most 640 x 640
constexpr int32_t kBytes = 3;                         // a pixel

RenderTask TaskOf(const SampleRecord& r, int32_t columns) {
  RenderTask task{.pixels = nullptr,
                  .stride = columns * kBytes,
                  .pixel_bytes = kBytes,
                  .width = r.pixels.width(),
                  .height = r.pixels.height(),
                  .mirror = r.flip,
                  .jitter = true,
                  .matrix = {},
                  .contrast = r.color.brightness * r.color.contrast,
                  .shift = r.color.brightness * (128 - 128 * r.color.contrast)};
  std::ranges::copy(HueSaturationMatrix(r.color.hue, r.color.saturation), task.matrix);
  return task;
}

}  // namespace

BatchRendererDesc RendererOf(const CocoIndex& index, int64_t batch, size_t cache_bytes) {
  size_t most = 0;
  for (const int32_t i : index.with_boxes()) most = std::max(most, index.Boxes(i).size());
  return {.batch = batch,
          .side = kImageSide,
          .mean = kPixelMean,
          .scale = kPixelScale,
          .cache_bytes = cache_bytes,
          .targets = {.default_boxes = DefaultBoxes(),
                      .default_corners = DefaultBoxCorners(),
                      .most_boxes = static_cast<int64_t>(most)}};
}

DeviceTrainLoader::Slot::Slot(int64_t batch, BatchRenderer& renderer)
    : pixels(renderer.AllocateHost(kBytes * kTypicalPixels * static_cast<size_t>(batch))),
      room(kBytes * kTypicalPixels * static_cast<size_t>(batch)),
      more(static_cast<size_t>(batch)),
      images(static_cast<size_t>(batch)),
      boxes(static_cast<size_t>(batch)),
      labels(static_cast<size_t>(batch)),
      jobs(static_cast<size_t>(batch)),
      keep(static_cast<size_t>(batch)),
      items(batch) {}

DeviceTrainLoader::DeviceTrainLoader(const CocoIndex& index, const DataOptions& options,
                                     int64_t batch, int64_t position, BadImageReport report,
                                     std::unique_ptr<BatchRenderer> renderer,
                                     std::unique_ptr<DeviceJpeg> jpeg)
    : index_(index),
      options_(options),
      items_(index, options, position, std::move(report)),
      renderer_(std::move(renderer)),
      jpeg_(std::move(jpeg)),
      cache_(index.size(), renderer_->cache()) {
  const BatchRing::Options ring = {.threads = LoaderThreads(options),
                                   .prefetch = std::max(options.prefetch, 1),
                                   .items = batch,
                                   .batches = -1};
  for (int i = 0; i < ring.threads; ++i) makers_.push_back(std::make_unique<SampleMaker>());
  for (int i = 0; i < BatchRing::SlotsOf(ring); ++i)
    slots_.push_back(std::make_unique<Slot>(batch, *renderer_));
  BatchRing::Filler& filler = *this;
  ring_ = std::make_unique<BatchRing>(filler, ring);
}

void DeviceTrainLoader::Open(int64_t batch) {
  Slot& slot = SlotOf(batch);
  items_.Open(slot.items);
  slot.used = 0;
}

void DeviceTrainLoader::Fill(int worker, int64_t batch, int64_t item) {
  Slot& slot = SlotOf(batch);
  items_.Fill(slot.items, item, [&](int32_t image, uint32_t pass) {
    Prepare(*makers_[static_cast<size_t>(worker)], slot, static_cast<size_t>(item), image, pass,
            jpeg_ == nullptr);
  });
}

void DeviceTrainLoader::Prepare(SampleMaker& maker, Slot& slot, size_t item, int32_t image,
                                uint32_t pass, bool on_host) {
  const auto kept = cache_.Find(image);
  const ImageSize size = kept ? ImageSize{kept->width, kept->height} : maker.Open(index_, image);
  maker.Draw(index_, image, size, options_, pass);
  const SampleRecord& r = maker.record();
  slot.keep[item] = -1;
  slot.jobs[item] = {};
  if (kept) {
    slot.images[item] = {.task = TaskOf(r, size.width),
                         .host = {},
                         .home = const_cast<uint8_t*>(kept->data),
                         .crop = static_cast<size_t>(kept->Part(r.pixels).data - kept->data)};
  } else if (!on_host && maker.plain()) {
    Hand(maker, slot, item, image, size);
  } else {
    Decode(maker, slot, item, image, size);
  }
  slot.images[item].boxes = slot.boxes[item] = r.boxes;
  slot.images[item].labels = slot.labels[item] = r.labels;
}

// Where the item's bytes go on the host.
uint8_t* DeviceTrainLoader::Place(Slot& slot, size_t item, size_t bytes) {
  const size_t at = slot.used.fetch_add(bytes);
  if (at + bytes <= slot.room) return slot.pixels.get() + at;
  slot.more[item].resize(bytes);
  return slot.more[item].data();
}

// The file to the device's decoder.
void DeviceTrainLoader::Hand(SampleMaker& maker, Slot& slot, size_t item, int32_t image,
                             const ImageSize& size) {
  const auto file = maker.file();
  uint8_t* host = Place(slot, item, file.size());
  std::ranges::copy(file, host);
  uint8_t* home = cache_.Reserve(image, size);
  slot.jobs[item] = {
      .file = {host, file.size()}, .width = size.width, .height = size.height, .home = home};
  const PixelWindow& w = maker.record().pixels;
  slot.images[item] = {.task = TaskOf(maker.record(), size.width),
                       .host = {},
                       .home = nullptr,
                       .crop = static_cast<size_t>((int64_t{w.y0} * size.width + w.x0) * kBytes)};
  if (home != nullptr) slot.keep[item] = image;
}

// The whole image if it has a home on the device, else the crop.
void DeviceTrainLoader::Decode(SampleMaker& maker, Slot& slot, size_t item, int32_t image,
                               const ImageSize& size) {
  uint8_t* home = cache_.Reserve(image, size);
  const auto whole = home == nullptr ? std::nullopt : maker.DecodeWhole(index_, image, size);
  const PixelView view = whole ? *whole : maker.DecodeCrop();
  const size_t bytes = size_t{kBytes} * static_cast<size_t>(view.width) * view.height;
  uint8_t* host = Place(slot, item, bytes);
  CopyRgb(view, host);
  const PixelWindow& w = maker.record().pixels;
  const PixelView kept{host, int64_t{kBytes} * view.width, view.width, view.height, kBytes};
  slot.images[item] = {.task = TaskOf(maker.record(), view.width),
                       .host = {host, bytes},
                       .home = whole ? home : nullptr,
                       .crop = whole ? static_cast<size_t>(kept.Part(w).data - host) : 0};
  if (whole) slot.keep[item] = image;
}

// What the device cannot decode is prepared anew by the host: with kSkip that may be another image.
void DeviceTrainLoader::DecodeOnDevice(Slot& slot) {
  std::vector<JpegJob> jobs;
  std::vector<size_t> items;
  for (size_t i = 0; i < slot.jobs.size(); ++i) {
    if (slot.jobs[i].file.empty()) continue;
    jobs.push_back(slot.jobs[i]);
    items.push_back(i);
  }
  if (jobs.empty()) return;
  jpeg_->Decode(jobs);
  for (size_t k = 0; k < jobs.size(); ++k) {
    const size_t item = items[k];
    slot.images[item].home = jobs[k].pixels;
    if (jobs[k].pixels != nullptr) continue;
    slot.items.bad[item].clear();
    items_.Fill(slot.items, static_cast<int64_t>(item), [&](int32_t image, uint32_t pass) {
      Prepare(own_maker_, slot, item, image, pass, true);
    });
  }
}

// Gives the last slot back.
void DeviceTrainLoader::StartNext() {
  renderer_->AwaitUploads();
  Slot& slot = SlotOf(ring_->Next());
  DecodeOnDevice(slot);
  items_.Report(slot.items);
  renderer_->Start(slot.images);
  for (const int64_t image : slot.keep)
    if (image >= 0) cache_.Publish(image);
  next_ = slot.items.image_id;
  started_ = true;
}

TrainBatch DeviceTrainLoader::Next() {
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
  if (!started_) StartNext();
  image_id_ = next_;
  started_ = false;
  try {
    if (ring_->Ready()) StartNext();
  } catch (...) {
    failed_ = std::current_exception();
  }
  return {.image_id = image_id_.data(), .renderer = renderer_.get()};
}

}  // namespace ssd
