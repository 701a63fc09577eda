// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace ssd {

// What the network wants to be fed: [n][300][300][channels], channels beyond RGB zero.
struct ImageFormat {
  DType dtype = DType::kF32;  // kF32, kBF16 or kF16
  int64_t channels = 3;
};

class BatchRenderer;

// Views into a slot of the loader's ring; valid until the next call of Next on the same stream.
struct TrainBatch {
  const void* image = nullptr;        // ImageFormat
  const int32_t* label = nullptr;     // [n, 8732]
  const float* offset = nullptr;      // [n, 8732, 4]
  const int64_t* image_id = nullptr;  // [n]
  // Instead of the first three: to be taken from there, once, before the next call of Next.
  BatchRenderer* renderer = nullptr;
};
struct EvalBatch {
  const void* image = nullptr;
  const int64_t* image_id = nullptr;
  const int32_t* width = nullptr;  // of the original image
  const int32_t* height = nullptr;
  int64_t count = 0;  // valid images; the rest repeats the last one, or is zero from a renderer
  BatchRenderer* renderer = nullptr;  // as TrainBatch's, instead of image
};

// Training batches in a fixed order: a pure function of the options and the position, whatever the
// number of threads. Position counts samples from the start of the run. Not thread-safe.
class TrainStream {
 public:
  virtual ~TrainStream() = default;
  // Blocks until the next batch is ready. Throws Status::kData for a bad image unless they are
  // skipped.
  virtual TrainBatch Next() = 0;
  virtual int64_t skipped() const = 0;  // bad images replaced so far
  virtual void Abort() = 0;             // from any thread: a blocked Next throws Status::kAborted
};
// Reads this rank's evaluation shard once, in file order. Not thread-safe. With kSkip a bad image
// becomes an all-zero input: it has its place in the score, with nothing found in it.
class EvalStream {
 public:
  virtual ~EvalStream() = default;
  virtual bool Next(EvalBatch* batch) = 0;  // false at the end; throws like TrainStream
  virtual int64_t skipped() const = 0;
  virtual void Abort() = 0;
};

}  // namespace ssd
