// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/dtype.h"

namespace ssd {

// What the network wants to be fed: [n][300][300][channels], channels beyond RGB zero.
struct ImageFormat {
  DType dtype = DType::kF32;  // kF32 or kBF16
  int64_t channels = 3;
};

// Views into a slot of the loader's ring; valid until the next call of Next on the same stream.
struct TrainBatch {
  const void* image = nullptr;       // ImageFormat
  const int32_t* label = nullptr;    // [n, 8732]
  const float* offset = nullptr;     // [n, 8732, 4]
  const int64_t* image_id = nullptr; // [n]
};
struct EvalBatch {
  const void* image = nullptr;
  const int64_t* image_id = nullptr;
  const int32_t* width = nullptr;    // of the original image
  const int32_t* height = nullptr;
  int64_t count = 0;                 // valid images; the rest repeats the last one
};

enum class BadImage { kFail, kSkip };

struct DataOptions {
  std::string dir;          // COCO root or its parent
  int64_t train_samples = 0;
  int64_t eval_samples = 0;
  uint64_t seed = 0;
  int max_samples = 1;      // crop attempts an option
  int threads = 1;
  int prefetch = 2;
  BadImage bad_image = BadImage::kFail;
  bool cache_sharding = false;  // spec section 7: a fixed shard through a shuffle buffer, or reshuffled
  int rank = 0, ranks = 1;
  ImageFormat format;
};

class CocoIndex;

// Training batches in a fixed order: a pure function of the options and the position, whatever the
// number of threads. Position counts samples from the start of the run. Not thread-safe.
class TrainStream {
 public:
  virtual ~TrainStream() = default;
  // Blocks until the next batch is ready. Throws Status::kData for a bad image unless they are skipped.
  virtual TrainBatch Next() = 0;
  virtual int64_t skipped() const = 0;  // bad images replaced so far
  virtual void Abort() = 0;             // from any thread: a blocked Next throws Status::kAborted
};
// Reads this rank's evaluation shard once, in file order.
class EvalStream {
 public:
  virtual ~EvalStream() = default;
  virtual bool Next(EvalBatch* batch) = 0;  // false at the end
  virtual void Abort() = 0;
};

// A data set opened: annotation files parsed, no image read yet. Spec sections 1, 2, 7, 8.
class Dataset {
 public:
  // Throws Status::kData naming the file and what is wrong with it, or the key to change when the
  // number of images is not the configured one. split: kTrain, kVal, or both.
  static std::unique_ptr<Dataset> Open(const DataOptions& options, bool train, bool val);
  virtual ~Dataset() = default;
  virtual std::unique_ptr<TrainStream> Train(int64_t batch, int64_t position) = 0;
  virtual std::unique_ptr<EvalStream> Eval(int64_t batch) = 0;
  virtual const CocoIndex& train_index() const = 0;
  virtual const CocoIndex& val_index() const = 0;
  virtual std::string val_annotations() const = 0;  // path, for the scorer
};

}  // namespace ssd
