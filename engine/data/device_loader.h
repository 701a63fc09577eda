// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/batch_ring.h"
#include "data/device_images.h"
#include "data/eval_items.h"
#include "data/sample.h"
#include "data/train_items.h"

namespace ssd {

// See TrainStream: the loader's threads draw and decode, a BatchRenderer makes the images and the
// targets. They are those of TrainLoader but for the rounding of the device's pixels. While the
// network works on a batch the next one is uploaded and rendered, if it is decoded by then. Batches
// are the renderer's to give: TrainBatch::renderer.
class DeviceTrainLoader final : public TrainStream, private BatchRing::Filler {
 public:
  DeviceTrainLoader(const CocoIndex& index, const DataOptions& options, int64_t position,
                    BadImageReport report, std::unique_ptr<DeviceImages> images);
  TrainBatch Next() override;
  int64_t skipped() const override { return items_.skipped(); }
  void Abort() override { ring_->Abort(); }

 private:
  void Open(int64_t batch) override;
  void Fill(int worker, int64_t batch, int64_t item) override;
  void Prepare(SampleMaker& maker, int64_t batch, int64_t item, bool again);
  bool Start();
  TrainItems::Slot& SlotOf(int64_t batch) {
    return slots_[static_cast<size_t>(batch) % slots_.size()];
  }

  const CocoIndex& index_;
  const DataOptions options_;
  TrainItems items_;
  const std::unique_ptr<DeviceImages> images_;
  std::vector<SampleMaker> makers_;  // of each worker
  std::vector<TrainItems::Slot> slots_;
  std::vector<int64_t> image_id_, next_;  // of the batch given out, and of the one started last
  std::unique_ptr<BatchRing> ring_;       // last: its threads use all of the above
};

// See EvalStream, and above: EvalBatch::renderer. What fills the last batch is zero.
class DeviceEvalLoader final : public EvalStream, private BatchRing::Filler {
 public:
  // images: of no other loader at the same time.
  DeviceEvalLoader(const CocoIndex& index, const DataOptions& options, BadImageReport report,
                   std::shared_ptr<DeviceImages> images);
  ~DeviceEvalLoader() override;
  bool Next(EvalBatch* batch) override;
  int64_t skipped() const override { return items_.skipped(); }
  void Abort() override { ring_->Abort(); }

 private:
  // What the views of a batch that was given out point to.
  struct Batch {
    EvalItems::Slot items;
    int64_t count = 0;
  };

  void Open(int64_t batch) override { images_->Open(batch); }
  void Fill(int worker, int64_t batch, int64_t item) override;
  void Prepare(SampleMaker& maker, int64_t batch, int64_t item, bool again);
  bool Start();
  EvalItems::Slot& SlotOf(int64_t batch) {
    return slots_[static_cast<size_t>(batch) % slots_.size()];
  }

  const CocoIndex& index_;
  EvalItems items_;
  const std::shared_ptr<DeviceImages> images_;
  std::vector<SampleMaker> makers_;
  std::vector<EvalItems::Slot> slots_;
  Batch given_, next_;
  std::unique_ptr<BatchRing> ring_;
};

// How many slots the images of a loader with these options have.
int DeviceSlots(const DataOptions& options);
// What a renderer of the device has to know of the network's input, and of the index for targets
// (null: none are made).
BatchRendererDesc RendererOf(int64_t batch, size_t cache_bytes, const CocoIndex* index);

}  // namespace ssd
