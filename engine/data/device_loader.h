// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "backends/batch_renderer.h"
#include "backends/device_jpeg.h"
#include "data/batch_ring.h"
#include "data/decoded_cache.h"
#include "data/sample.h"
#include "data/train_items.h"

namespace ssd {

// See TrainStream: the loader's threads draw and decode, a BatchRenderer makes the images and the
// targets. They are those of TrainLoader but for the rounding of the device's pixels. While the
// network works on a batch the next one is uploaded and rendered, if it is decoded by then. The
// device's cache keeps images as the host's does.
class DeviceTrainLoader final : public TrainStream, private BatchRing::Filler {
 public:
  // renderer: of this batch. jpeg: takes plain files, whole; what it cannot decode, and all others,
  // the host decodes. Null: all.
  DeviceTrainLoader(const CocoIndex& index, const DataOptions& options, int64_t batch,
                    int64_t position, BadImageReport report,
                    std::unique_ptr<BatchRenderer> renderer, std::unique_ptr<DeviceJpeg> jpeg);
  // The batch is the renderer's to give: TrainBatch::renderer.
  TrainBatch Next() override;
  int64_t skipped() const override { return items_.skipped(); }
  void Abort() override { ring_->Abort(); }

 private:
  struct Slot {
    Slot(int64_t batch, BatchRenderer& renderer);
    HostBytes pixels;
    size_t room;                             // bytes of pixels
    std::atomic<size_t> used{0};             // of them; may go beyond
    std::vector<std::vector<uint8_t>> more;  // pixels of an item for which there was no room
    std::vector<InputImage> images;
    std::vector<std::vector<CornerBox>> boxes;  // of each item
    std::vector<std::vector<int32_t>> labels;
    std::vector<JpegJob> jobs;  // of each item; without a file: none
    std::vector<int64_t> keep;  // of each item: the index's image that goes home, or -1
    TrainItems::Slot items;
  };

  void Open(int64_t batch) override;
  void Fill(int worker, int64_t batch, int64_t item) override;
  void Prepare(SampleMaker& maker, Slot& slot, size_t item, int32_t image, uint32_t pass,
               bool on_host);
  void Hand(SampleMaker& maker, Slot& slot, size_t item, int32_t image, const ImageSize& size);
  void Decode(SampleMaker& maker, Slot& slot, size_t item, int32_t image, const ImageSize& size);
  static uint8_t* Place(Slot& slot, size_t item, size_t bytes);
  void DecodeOnDevice(Slot& slot);
  void StartNext();
  Slot& SlotOf(int64_t batch) { return *slots_[static_cast<size_t>(batch) % slots_.size()]; }

  const CocoIndex& index_;
  const DataOptions options_;
  TrainItems items_;
  const std::unique_ptr<BatchRenderer> renderer_;
  const std::unique_ptr<DeviceJpeg> jpeg_;
  SampleMaker own_maker_;                 // of the thread that calls Next
  DecodedCache cache_;                    // of the device
  std::vector<int64_t> image_id_, next_;  // of the batch given out, and of the one started after it
  bool started_ = false;                  // next_ is
  std::exception_ptr failed_;             // instead
  std::vector<std::unique_ptr<SampleMaker>> makers_;  // of each worker
  std::vector<std::unique_ptr<Slot>> slots_;
  std::unique_ptr<BatchRing> ring_;  // last: its threads use all of the above
};

// What a renderer of the device has to know of the network's input.
BatchRendererDesc RendererOf(const CocoIndex& index, int64_t batch, size_t cache_bytes);

}  // namespace ssd
