// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "backends/batch_renderer.h"
#include "backends/device_jpeg.h"
#include "data/batch_ring.h"
#include "data/decoded_cache.h"
#include "data/sample.h"

namespace ssd {

// Images on their way to a BatchRenderer, a batch in each slot: threads put them there, whole files
// for the device's decoder or what they decode themselves. The device's cache keeps images as the
// host's does.
class DeviceImages {
 public:
  struct Options {
    int64_t batch;
    int slots;
  };
  // renderer: of this batch. jpeg: takes plain files, whole; what it cannot decode, and all others,
  // the host decodes. Null: all.
  DeviceImages(const Options& options, std::unique_ptr<BatchRenderer> renderer,
               std::unique_ptr<DeviceJpeg> jpeg);
  ~DeviceImages();  // waits for uploads from the slots
  // Before all that follows, once for each ring: the images are those of this index. The cache
  // begins empty.
  void Serve(const CocoIndex& index);

  const Options& options() const { return options_; }
  BatchRenderer& renderer() { return *renderer_; }

  // By any thread, for different places. Slots are counted as the ring's batches are.
  void Open(int64_t batch) { SlotOf(batch).used = 0; }  // before a batch is put there
  ImageSize Open(SampleMaker& maker, int32_t image);    // of the file, if the image is not kept
  // What maker.record() says of the image that it opened; color null: as it is. again: the device
  // has refused the file. Throws Status::kData.
  void Put(SampleMaker& maker, int64_t batch, int64_t item, int32_t image, const ImageSize& size,
           const ColorJitter* color, bool again);
  void PutNothing(int64_t batch, int64_t item);  // all zero

  // By the backend's thread: gives out the batches of a ring, and starts one ahead if that is
  // ready. start: the ring's next one, or false at the end; give: what was started last is given
  // out. Rethrows what start throws, in its place.
  bool Next(BatchRing& ring, const std::function<bool()>& start, const std::function<void()>& give);
  // The part of start that is the same for all: decodes and renders. again: puts an item there that
  // the device's decoder refused.
  void AwaitUploads() { renderer_->AwaitUploads(); }  // before the ring's last slot is given back
  void Start(int64_t batch, const std::function<void(SampleMaker&, int64_t item)>& again);
  // Forgets what was started. Before the next Serve.
  void Reset();

 private:
  struct Slot {
    Slot(size_t batch, BatchRenderer& renderer);
    HostBytes pixels;
    size_t room;                             // bytes of pixels
    std::atomic<size_t> used{0};             // of them; may go beyond
    std::vector<std::vector<uint8_t>> more;  // pixels of an item for which there was no room
    std::vector<InputImage> images;
    std::vector<std::vector<CornerBox>> boxes;  // of each item
    std::vector<std::vector<int32_t>> labels;
    std::vector<JpegJob> jobs;  // of each item; without a file: none
    std::vector<int64_t> keep;  // of each item: the index's image that goes home, or -1
  };

  void Hand(SampleMaker& maker, Slot& slot, size_t item, int32_t image, const ImageSize& size);
  void Decode(SampleMaker& maker, Slot& slot, size_t item, int32_t image, const ImageSize& size);
  static uint8_t* Place(Slot& slot, size_t item, size_t bytes);
  Slot& SlotOf(int64_t batch) { return *slots_[static_cast<size_t>(batch) % slots_.size()]; }

  const CocoIndex* index_ = nullptr;
  const Options options_;
  const std::unique_ptr<BatchRenderer> renderer_;
  const std::unique_ptr<DeviceJpeg> jpeg_;
  SampleMaker own_maker_;              // of the backend's thread
  std::optional<DecodedCache> cache_;  // of the device
  std::vector<std::unique_ptr<Slot>> slots_;
  bool started_ = false;       // a batch that is not given out
  std::exception_ptr failed_;  // instead
};

}  // namespace ssd
