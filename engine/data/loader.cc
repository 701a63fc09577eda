// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "backends/backend.h"
#include "core/error.h"
#include "core/thread_pool.h"

namespace ssd {
namespace {

constexpr size_t kAlignment = 64;

template <class Slot>
std::vector<std::unique_ptr<Slot>> MakeSlots(int count, int64_t batch, const ImageFormat& format) {
  std::vector<std::unique_ptr<Slot>> slots;
  slots.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) slots.push_back(std::make_unique<Slot>(batch, format));
  return slots;
}

std::vector<std::unique_ptr<SampleMaker>> MakeMakers(int count, DecodedCache* cache) {
  std::vector<std::unique_ptr<SampleMaker>> makers;
  makers.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) makers.push_back(std::make_unique<SampleMaker>(cache));
  return makers;
}

}  // namespace

BatchRing::Options RingOptions(const DataOptions& options, int64_t items, int64_t batches) {
  return {.threads = ThreadsOrAll(options.threads),
          .prefetch = std::max(options.prefetch, 1),
          .items = items,
          .batches = batches};
}

AlignedBytes::AlignedBytes(size_t size) {
  const size_t rounded = (std::max<size_t>(size, 1) + kAlignment - 1) / kAlignment * kAlignment;
  data_.reset(static_cast<uint8_t*>(std::aligned_alloc(kAlignment, rounded)));
  if (data_ == nullptr) throw std::bad_alloc();
}

TrainLoader::Slot::Slot(int64_t batch, const ImageFormat& format)
    : image(ImageBytes(format) * static_cast<size_t>(batch)),
      label(sizeof(int32_t) * kDefaultBoxes * static_cast<size_t>(batch)),
      offset(sizeof(float) * 4 * kDefaultBoxes * static_cast<size_t>(batch)),
      items(batch) {}

TrainLoader::TrainLoader(const CocoIndex& index, const DataOptions& options, int64_t batch,
                         int64_t position, BadImageReport report, DecodedCache* cache)
    : index_(index), options_(options), items_(index, options, position, std::move(report)) {
  const BatchRing::Options ring = RingOptions(options, batch, -1);
  makers_ = MakeMakers(ring.threads, cache);
  slots_ = MakeSlots<Slot>(BatchRing::SlotsOf(ring), batch, options.format);
  BatchRing::Filler& filler = *this;
  ring_ = std::make_unique<BatchRing>(filler, ring);
}

void TrainLoader::Fill(int worker, int64_t batch, int64_t item) {
  Slot& slot = SlotOf(batch);
  uint8_t* image = slot.image.data() + ImageBytes(options_.format) * static_cast<size_t>(item);
  auto* label = reinterpret_cast<int32_t*>(slot.label.data()) + item * kDefaultBoxes;
  auto* offset = reinterpret_cast<float*>(slot.offset.data()) + item * kDefaultBoxes * 4;
  items_.Fill(slot.items, item, [&](int32_t entry, uint32_t pass) {
    makers_[static_cast<size_t>(worker)]->PrepareTrainSample(
        index_, entry, options_, pass, image, {label, static_cast<size_t>(kDefaultBoxes)},
        {offset, static_cast<size_t>(kDefaultBoxes * 4)});
  });
}

TrainBatch TrainLoader::Next() {
  Slot& slot = SlotOf(ring_->Next());
  items_.Report(slot.items);
  return {.image = slot.image.data(),
          .label = reinterpret_cast<const int32_t*>(slot.label.data()),
          .offset = reinterpret_cast<const float*>(slot.offset.data()),
          .image_id = slot.items.image_id.data()};
}

EvalLoader::Slot::Slot(int64_t batch, const ImageFormat& format)
    : image(ImageBytes(format) * static_cast<size_t>(batch)), items(batch) {}

EvalLoader::EvalLoader(const CocoIndex& index, const DataOptions& options, int64_t batch,
                       BadImageReport report)
    : index_(index),
      options_(options),
      batch_(batch),
      items_(index, options, batch, std::move(report)) {
  const BatchRing::Options ring = RingOptions(options, batch, items_.batches());
  makers_ = MakeMakers(ring.threads, nullptr);
  slots_ = MakeSlots<Slot>(BatchRing::SlotsOf(ring), batch, options.format);
  BatchRing::Filler& filler = *this;
  ring_ = std::make_unique<BatchRing>(filler, ring);
}

void EvalLoader::Fill(int worker, int64_t batch, int64_t item) {
  Slot& slot = SlotOf(batch);
  const size_t size = ImageBytes(options_.format);
  uint8_t* out = slot.image.data() + size * static_cast<size_t>(item);
  items_.Fill(
      slot.items, batch, item,
      [&](int64_t image) {
        makers_[static_cast<size_t>(worker)]->PrepareEvalSample(index_, image, options_.format,
                                                                out);
      },
      [&] { std::memset(out, 0, size); });
}

bool EvalLoader::Next(EvalBatch* batch) {
  const int64_t number = ring_->Next();
  if (number < 0) return false;
  Slot& slot = SlotOf(number);
  *batch = items_.Report(slot.items, number);
  batch->image = slot.image.data();
  const size_t size = ImageBytes(options_.format);
  uint8_t* end = slot.image.data() + size * static_cast<size_t>(batch->count);
  for (int64_t i = batch->count; i < batch_; ++i, end += size) std::memcpy(end, end - size, size);
  return true;
}

}  // namespace ssd
