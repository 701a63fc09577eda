// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "data/batch.h"

namespace ssd {

class Backend;
class CocoIndex;

enum class BadImage { kFail, kSkip };
// Of a device that renders: its own decoder, for the files that this takes, or the host's for all.
enum class Decoder { kAuto, kHost, kDevice };

struct DataOptions {
  std::string dir;  // COCO root or its parent
  int64_t train_samples = 0;
  int64_t eval_samples = 0;
  uint64_t seed = 0;    // the same on all ranks
  int max_samples = 1;  // crop attempts an option
  int threads = 1;      // 0: as many as the process may run on
  int prefetch = 2;     // batches ready ahead, at least 1
  BadImage bad_image = BadImage::kFail;
  // Spec section 7: a fixed shard through a shuffle buffer, or reshuffled after each pass.
  bool cache_sharding = false;
  // Of decoded training images that are kept, at most.
  int64_t cache_bytes = 0;
  int rank = 0, ranks = 1;
  ImageFormat format;
  // Renders batches if it can; must outlive the streams. Null: the host does.
  Backend* backend = nullptr;
  Decoder decoder = Decoder::kAuto;  // kAuto: the device's if it has one
  // kSkip: told once for each bad file, by the thread that calls Next. May be empty.
  std::function<void(const std::string& message)> on_bad_image = {};
  // kAuto: told why the device does not decode. May be empty.
  std::function<void(const std::string& message)> on_host_decoder = {};
};

// A data set: its annotations in memory, its images read by the streams. Spec sections 1, 2, 7, 8.
class Dataset {
 public:
  // Reads no file. Throws Status::kInvalid.
  static std::unique_ptr<Dataset> Make(const DataOptions& options);
  // The same, and reads the annotations of these splits.
  static std::unique_ptr<Dataset> Open(const DataOptions& options, bool train, bool val);
  virtual ~Dataset() = default;
  // Makes what Eval needs of the backend, so that the first evaluation finds it made. Reads no
  // file.
  virtual void ReserveEval(int64_t batch) = 0;
  // Parses annotation files, each once. Throws Status::kData naming the file and what is wrong with
  // it, or the key to change when the number of images is not the configured one (0: not checked).
  virtual void ReadAnnotations(bool train, bool val) = 0;
  // Of splits whose annotations are read. The data set must outlive its streams.
  virtual std::unique_ptr<TrainStream> Train(int64_t batch, int64_t position) = 0;
  virtual std::unique_ptr<EvalStream> Eval(int64_t batch) = 0;  // cheaper when the last is gone
  virtual const CocoIndex& train_index() const = 0;
  virtual const CocoIndex& val_index() const = 0;
  virtual std::string val_annotations() const = 0;  // path, for the scorer
};

}  // namespace ssd
