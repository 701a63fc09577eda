// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/device_images.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace ssd {
namespace {

constexpr size_t kTypicalPixels = size_t{640} * 480;  // of an image of COCO, at most 640 x 640
constexpr int32_t kBytes = 3;                         // a pixel

RenderTask TaskOf(const SampleRecord& r, const ColorJitter* color) {
  RenderTask task{.pixels = nullptr,
                  .stride = 0,
                  .pixel_bytes = kBytes,
                  .width = r.pixels.width(),
                  .height = r.pixels.height(),
                  .mirror = r.flip,
                  .jitter = color != nullptr,
                  .matrix = {},
                  .contrast = 1,
                  .shift = 0};
  if (color == nullptr) return task;
  std::ranges::copy(HueSaturationMatrix(color->hue, color->saturation), task.matrix);
  task.contrast = color->brightness * color->contrast;
  task.shift = color->brightness * (128 - 128 * color->contrast);
  return task;
}

}  // namespace

DeviceImages::Slot::Slot(size_t batch, BatchRenderer& renderer)
    : pixels(renderer.AllocateHost(kBytes * kTypicalPixels * batch)),
      room(kBytes * kTypicalPixels * batch),
      more(batch),
      images(batch),
      boxes(batch),
      labels(batch),
      jobs(batch),
      keep(batch) {}

DeviceImages::DeviceImages(const Options& options, std::unique_ptr<BatchRenderer> renderer,
                           std::unique_ptr<DeviceJpeg> jpeg)
    : options_(options), renderer_(std::move(renderer)), jpeg_(std::move(jpeg)) {
  for (int i = 0; i < options.slots; ++i)
    slots_.push_back(std::make_unique<Slot>(static_cast<size_t>(options.batch), *renderer_));
}

DeviceImages::~DeviceImages() { renderer_->AwaitUploads(); }

void DeviceImages::Serve(const CocoIndex& index) {
  index_ = &index;
  cache_.emplace(index.size(), renderer_->cache());
}

ImageSize DeviceImages::Open(SampleMaker& maker, int32_t image) {
  const auto kept = cache_->Find(image);
  return kept ? ImageSize{kept->width, kept->height} : maker.Open(*index_, image);
}

void DeviceImages::PutNothing(int64_t batch, int64_t item) {
  Slot& slot = SlotOf(batch);
  const auto at = static_cast<size_t>(item);
  slot.images[at] = {};
  slot.jobs[at] = {};
  slot.keep[at] = -1;
}

void DeviceImages::Put(SampleMaker& maker, int64_t batch, int64_t item, int32_t image,
                       const ImageSize& size, const ColorJitter* color, bool again) {
  PutNothing(batch, item);
  Slot& slot = SlotOf(batch);
  const auto at = static_cast<size_t>(item);
  const SampleRecord& r = maker.record();
  InputImage& to = slot.images[at];
  to.task = TaskOf(r, color);
  to.boxes = slot.boxes[at] = r.boxes;
  to.labels = slot.labels[at] = r.labels;
  if (const auto kept = cache_->Find(image)) {
    to.task.stride = size.width * kBytes;
    to.home = const_cast<uint8_t*>(kept->data);
    to.crop = static_cast<size_t>(kept->Part(r.pixels).data - kept->data);
  } else if (jpeg_ != nullptr && !again && maker.plain()) {
    Hand(maker, slot, at, image, size);
  } else {
    Decode(maker, slot, at, image, size);
  }
}

// Where the item's bytes go on the host.
uint8_t* DeviceImages::Place(Slot& slot, size_t item, size_t bytes) {
  const size_t at = slot.used.fetch_add(bytes);
  if (at + bytes <= slot.room) return slot.pixels.get() + at;
  slot.more[item].resize(bytes);
  return slot.more[item].data();
}

// The file to the device's decoder.
void DeviceImages::Hand(SampleMaker& maker, Slot& slot, size_t item, int32_t image,
                        const ImageSize& size) {
  const auto file = maker.file();
  uint8_t* host = Place(slot, item, file.size());
  std::ranges::copy(file, host);
  uint8_t* home = cache_->Reserve(image, size);
  slot.jobs[item] = {
      .file = {host, file.size()}, .width = size.width, .height = size.height, .home = home};
  const PixelWindow& w = maker.record().pixels;
  InputImage& to = slot.images[item];
  to.task.stride = size.width * kBytes;
  to.crop = static_cast<size_t>((int64_t{w.y0} * size.width + w.x0) * kBytes);
  if (home != nullptr) slot.keep[item] = image;
}

// The whole image if it has a home on the device, else the crop.
void DeviceImages::Decode(SampleMaker& maker, Slot& slot, size_t item, int32_t image,
                          const ImageSize& size) {
  uint8_t* home = cache_->Reserve(image, size);
  const auto whole = home == nullptr ? std::nullopt : maker.DecodeWhole(*index_, image, size);
  const PixelView view = whole ? *whole : maker.DecodeCrop();
  const size_t bytes = size_t{kBytes} * static_cast<size_t>(view.width) * view.height;
  uint8_t* host = Place(slot, item, bytes);
  CopyRgb(view, host);
  InputImage& to = slot.images[item];
  to.task.stride = view.width * kBytes;
  to.host = {host, bytes};
  if (!whole) return;
  const PixelView kept{host, int64_t{kBytes} * view.width, view.width, view.height, kBytes};
  to.home = home;
  to.crop = static_cast<size_t>(kept.Part(maker.record().pixels).data - host);
  slot.keep[item] = image;
}

void DeviceImages::Start(int64_t batch,
                         const std::function<void(SampleMaker&, int64_t item)>& again) {
  Slot& slot = SlotOf(batch);
  std::vector<JpegJob> jobs;
  std::vector<size_t> items;
  for (size_t i = 0; i < slot.jobs.size(); ++i) {
    if (slot.jobs[i].file.empty()) continue;
    jobs.push_back(slot.jobs[i]);
    items.push_back(i);
  }
  if (!jobs.empty()) jpeg_->Decode(jobs);
  for (size_t k = 0; k < jobs.size(); ++k) {
    slot.images[items[k]].home = jobs[k].pixels;
    if (jobs[k].pixels == nullptr) again(own_maker_, static_cast<int64_t>(items[k]));
  }
  renderer_->Start(slot.images);
  for (const int64_t image : slot.keep)
    if (image >= 0) cache_->Publish(image);
}

bool DeviceImages::Next(BatchRing& ring, const std::function<bool()>& start,
                        const std::function<void()>& give) {
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
  if (!started_ && !start()) return false;
  give();
  started_ = false;
  try {
    if (ring.Ready()) started_ = start();
  } catch (...) {
    failed_ = std::current_exception();
  }
  return true;
}

void DeviceImages::Reset() {
  started_ = false;
  failed_ = nullptr;
  renderer_->Drop();
}

}  // namespace ssd
