// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader.h"

#include <sched.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <thread>
#include <utility>

#include "backends/backend.h"
#include "core/error.h"

namespace ssd {
namespace {

constexpr size_t kAlignment = 64;

BatchRing::Options RingOptions(const DataOptions& options, int64_t items, int64_t batches) {
  return {.threads = LoaderThreads(options),
          .prefetch = std::max(options.prefetch, 1),
          .items = items,
          .batches = batches};
}

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

int LoaderThreads(const DataOptions& options) {
  if (options.threads > 0) return options.threads;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
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
    : image(ImageBytes(format) * static_cast<size_t>(batch)),
      image_id(static_cast<size_t>(batch)),
      width(static_cast<size_t>(batch)),
      height(static_cast<size_t>(batch)),
      bad(static_cast<size_t>(batch)) {}

EvalLoader::EvalLoader(const CocoIndex& index, const DataOptions& options, int64_t batch,
                       BadImageReport report)
    : index_(index),
      options_(options),
      batch_(batch),
      report_(std::move(report)),
      shard_(ShardOf(index.size(), options.rank, options.ranks)) {
  const int64_t batches = (shard_.size() + batch - 1) / batch;
  const BatchRing::Options ring = RingOptions(options, batch, batches);
  makers_ = MakeMakers(ring.threads, nullptr);
  slots_ = MakeSlots<Slot>(BatchRing::SlotsOf(ring), batch, options.format);
  BatchRing::Filler& filler = *this;
  ring_ = std::make_unique<BatchRing>(filler, ring);
}

void EvalLoader::Open(int64_t batch) {
  for (std::string& bad : SlotOf(batch).bad) bad.clear();
}

void EvalLoader::Fill(int worker, int64_t batch, int64_t item) {
  Slot& slot = SlotOf(batch);
  const int64_t image = shard_.begin + batch * batch_ + item;
  if (image >= shard_.end) return;  // Repeat
  const auto at = static_cast<size_t>(item);
  slot.image_id[at] = index_.image_id(image);
  slot.width[at] = index_.width(image);
  slot.height[at] = index_.height(image);
  const size_t size = ImageBytes(options_.format);
  uint8_t* out = slot.image.data() + size * at;
  try {
    makers_[static_cast<size_t>(worker)]->PrepareEvalSample(index_, image, options_.format, out);
  } catch (const Error& e) {
    if (options_.bad_image != BadImage::kSkip || e.status() != Status::kData) throw;
    std::memset(out, 0, size);
    slot.bad[at] = e.what();
  }
}

void EvalLoader::Repeat(Slot& slot, int64_t count) {
  const size_t size = ImageBytes(options_.format);
  const auto last = static_cast<size_t>(count - 1);
  for (auto i = static_cast<size_t>(count); i < static_cast<size_t>(batch_); ++i) {
    std::memcpy(slot.image.data() + size * i, slot.image.data() + size * last, size);
    slot.image_id[i] = slot.image_id[last];
    slot.width[i] = slot.width[last];
    slot.height[i] = slot.height[last];
  }
}

bool EvalLoader::Next(EvalBatch* batch) {
  const int64_t number = ring_->Next();
  if (number < 0) return false;
  Slot& slot = SlotOf(number);
  const int64_t count = std::min(batch_, shard_.size() - number * batch_);
  Repeat(slot, count);
  for (const std::string& message : slot.bad) {
    if (message.empty()) continue;
    ++skipped_;
    report_(message);
  }
  *batch = {.image = slot.image.data(),
            .image_id = slot.image_id.data(),
            .width = slot.width.data(),
            .height = slot.height.data(),
            .count = count};
  return true;
}

}  // namespace ssd
