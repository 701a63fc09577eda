// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "data/batch_ring.h"
#include "data/coco_index.h"
#include "data/dataset.h"
#include "data/eval_items.h"
#include "data/sample.h"
#include "data/train_items.h"

namespace ssd {

// Bytes on a cache line of their own.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t size);
  uint8_t* data() { return data_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint8_t[], Free> data_;
};

// Of a ring with the threads and the prefetch of a configuration; items, batches: see BatchRing.
BatchRing::Options RingOptions(const DataOptions& options, int64_t items, int64_t batches);

// See TrainStream: batches rendered by the loader's threads.
class TrainLoader final : public TrainStream, private BatchRing::Filler {
 public:
  // cache: of the host, of the training images; null: none. Must outlive the loader.
  TrainLoader(const CocoIndex& index, const DataOptions& options, int64_t batch, int64_t position,
              BadImageReport report, DecodedCache* cache = nullptr);
  TrainBatch Next() override;
  int64_t skipped() const override { return items_.skipped(); }
  void Abort() override { ring_->Abort(); }

 private:
  struct Slot {
    Slot(int64_t batch, const ImageFormat& format);
    AlignedBytes image, label, offset;
    TrainItems::Slot items;
  };

  void Open(int64_t batch) override { items_.Open(SlotOf(batch).items); }
  void Fill(int worker, int64_t batch, int64_t item) override;
  Slot& SlotOf(int64_t batch) { return *slots_[static_cast<size_t>(batch) % slots_.size()]; }

  const CocoIndex& index_;
  const DataOptions options_;
  TrainItems items_;
  std::vector<std::unique_ptr<SampleMaker>> makers_;  // of each worker
  std::vector<std::unique_ptr<Slot>> slots_;
  std::unique_ptr<BatchRing> ring_;  // last: its threads use all of the above
};

// See EvalStream.
class EvalLoader final : public EvalStream, private BatchRing::Filler {
 public:
  EvalLoader(const CocoIndex& index, const DataOptions& options, int64_t batch,
             BadImageReport report);
  bool Next(EvalBatch* batch) override;
  int64_t skipped() const override { return items_.skipped(); }
  void Abort() override { ring_->Abort(); }

 private:
  struct Slot {
    Slot(int64_t batch, const ImageFormat& format);
    AlignedBytes image;
    EvalItems::Slot items;
  };

  void Open(int64_t) override {}
  void Fill(int worker, int64_t batch, int64_t item) override;
  Slot& SlotOf(int64_t batch) { return *slots_[static_cast<size_t>(batch) % slots_.size()]; }

  const CocoIndex& index_;
  const DataOptions options_;
  const int64_t batch_;
  EvalItems items_;
  std::vector<std::unique_ptr<SampleMaker>> makers_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::unique_ptr<BatchRing> ring_;
};

}  // namespace ssd
