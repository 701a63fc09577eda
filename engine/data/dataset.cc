// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "backends/backend.h"
#include "core/error.h"
#include "core/lazy_memory.h"
#include "data/coco_index.h"
#include "data/decoded_cache.h"
#include "data/device_loader.h"
#include "data/loader.h"

namespace ssd {
namespace {

void CheckOptions(const DataOptions& o) {
  if (o.ranks < 1 || o.rank < 0 || o.rank >= o.ranks) {
    Throw(Status::kInvalid, "rank %d of %d does not exist", o.rank, o.ranks);
  }
  if (o.max_samples < 1) Throw(Status::kInvalid, "data.max_samples must be at least 1");
  if (o.threads < 0 || o.threads > 4096) Throw(Status::kInvalid, "data.threads: not in 0 .. 4096");
  if (o.prefetch < 0 || o.prefetch > 1024) {
    Throw(Status::kInvalid, "data.prefetch: not in 0 .. 1024");
  }
  if (o.cache_bytes < 0) Throw(Status::kInvalid, "data.cache_mb must be at least 0");
  const DType dtype = o.format.dtype;
  const bool type = dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
  if (!type || o.format.channels < 3 || o.format.channels > 4) {
    Throw(Status::kUnavailable, "input is made in f32, bf16 or f16 with 3 or 4 channels only");
  }
}

void CheckCount(const char* key, int64_t wanted, int64_t found, const CocoIndex& index,
                const char* what) {
  if (wanted == 0 || wanted == found) return;
  Throw(Status::kData, "%s is %lld, but %s has %lld %s: set %s = %lld", key,
        static_cast<long long>(wanted), index.annotations().c_str(), static_cast<long long>(found),
        what, key, static_cast<long long>(found));
}

CocoIndex LoadSplit(const std::string& dir, const char* split) {
  const CocoPaths paths = ResolveCoco(dir, split);
  return CocoIndex::Load(paths.annotations, paths.images);
}

class CocoDataset : public Dataset {
 public:
  explicit CocoDataset(const DataOptions& options) : options_(options) { CheckOptions(options); }

  void ReserveEval(int64_t batch) override {
    if (batch < 1) Throw(Status::kInvalid, "model.eval_batch_size must be at least 1");
    if (eval_images_ == nullptr || eval_images_.use_count() > 1 ||
        eval_images_->options().batch != batch)
      eval_images_ = MakeImages(batch, 0, nullptr);
  }
  void ReadAnnotations(bool train, bool val) override {
    if (train && !train_) ReadTrain();
    if (val && !val_) ReadVal();
  }
  std::unique_ptr<TrainStream> Train(int64_t batch, int64_t position) override {
    if (batch < 1) Throw(Status::kInvalid, "model.batch_size must be at least 1");
    if (auto images = MakeImages(batch, CacheBytes(), &train_index()))
      return std::make_unique<DeviceTrainLoader>(train_index(), options_, position, Reporter(),
                                                 std::move(images));
    MakeCache();
    return std::make_unique<TrainLoader>(train_index(), options_, batch, position, Reporter(),
                                         cache_ ? &*cache_ : nullptr);
  }
  std::unique_ptr<EvalStream> Eval(int64_t batch) override {
    ReserveEval(batch);
    if (eval_images_ != nullptr)
      return std::make_unique<DeviceEvalLoader>(val_index(), options_, Reporter(), eval_images_);
    return std::make_unique<EvalLoader>(val_index(), options_, batch, Reporter());
  }
  const CocoIndex& train_index() const override {
    SSD_CHECK(train_.has_value());
    return *train_;
  }
  const CocoIndex& val_index() const override {
    SSD_CHECK(val_.has_value());
    return *val_;
  }
  std::string val_annotations() const override { return val_index().annotations(); }

 private:
  void ReadTrain() {
    train_ = LoadSplit(options_.dir, "train");
    const auto count = static_cast<int64_t>(train_->with_boxes().size());
    CheckCount("data.train_samples", options_.train_samples, count, *train_, "images with a box");
    if (count < options_.ranks) {
      Throw(Status::kData, "%s: %lld images with a box are too few for %d ranks",
            train_->annotations().c_str(), static_cast<long long>(count), options_.ranks);
    }
  }
  void ReadVal() {
    val_ = LoadSplit(options_.dir, "val");
    CheckCount("data.eval_samples", options_.eval_samples, val_->size(), *val_, "images");
    if (val_->size() == 0) Throw(Status::kData, "%s: has no image", val_->annotations().c_str());
  }

  // Null: the host renders. targets: of this index's images; null: none.
  std::unique_ptr<DeviceImages> MakeImages(int64_t batch, size_t cache_bytes,
                                           const CocoIndex* targets) {
    if (options_.backend == nullptr) return nullptr;
    auto renderer = options_.backend->MakeBatchRenderer(RendererOf(batch, cache_bytes, targets));
    if (renderer == nullptr) {
      if (options_.decoder == Decoder::kDevice)
        Throw(Status::kUnavailable,
              "data.decoder nvjpeg: this device has no such decoder: set data.decoder to auto");
      return nullptr;
    }
    return std::make_unique<DeviceImages>(
        DeviceImages::Options{.batch = batch, .slots = DeviceSlots(options_)}, std::move(renderer),
        MakeJpeg());
  }
  std::unique_ptr<DeviceJpeg> MakeJpeg() {
    if (options_.decoder == Decoder::kHost) return nullptr;
    try {
      return options_.backend->MakeDeviceJpeg();
    } catch (const Error& e) {
      if (options_.decoder == Decoder::kDevice || e.status() != Status::kUnavailable) throw;
      if (options_.on_host_decoder && !std::exchange(told_, true))
        options_.on_host_decoder(e.what());
      return nullptr;
    }
  }
  // What is allowed, or all training images if they are less.
  size_t CacheBytes() const {
    int64_t all = 0;
    for (const int32_t i : train_->with_boxes())
      all += int64_t{3} * train_->width(i) * train_->height(i);
    return static_cast<size_t>(std::min(all, options_.cache_bytes));
  }
  void MakeCache() {
    if (options_.cache_bytes == 0 || cache_) return;
    cache_memory_.emplace(CacheBytes(), "data.cache_mb");
    cache_.emplace(train_->size(), cache_memory_->bytes());
  }

  BadImageReport Reporter() {
    return [this](const std::string& message) {
      {
        std::lock_guard lock(mutex_);
        if (!reported_.insert(message).second) return;
      }
      if (options_.on_bad_image) options_.on_bad_image(message);
    };
  }

  const DataOptions options_;
  std::optional<CocoIndex> train_, val_;
  std::optional<LazyMemory> cache_memory_;
  std::optional<DecodedCache> cache_;          // of the training images
  std::shared_ptr<DeviceImages> eval_images_;  // of one evaluation after another
  bool told_ = false;                          // on_host_decoder
  std::mutex mutex_;
  std::set<std::string> reported_;
};

}  // namespace

std::unique_ptr<Dataset> Dataset::Make(const DataOptions& options) {
  return std::make_unique<CocoDataset>(options);
}

std::unique_ptr<Dataset> Dataset::Open(const DataOptions& options, bool train, bool val) {
  auto data = Make(options);
  data->ReadAnnotations(train, val);
  return data;
}

}  // namespace ssd
