// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "train/bench_input.h"

#include <memory>
#include <string>

#include "data/sample.h"
#include "train/bench_clock.h"

namespace ssd {

namespace {

// Batches of a split, one after another without end.
class Batches {
 public:
  Batches(const DataOptions& options, int64_t batch, bool train, Backend& backend)
      : batch_(batch),
        image_bytes_(ImageBytes(options.format)),
        backend_(backend),
        data_(Dataset::Open(options, train, !train)) {
    if (train) train_ = data_->Train(batch, 0);
  }

  // Returns the images of the next one.
  int64_t Next() {
    if (train_ != nullptr) {
      Take(train_->Next().renderer);
      return batch_;
    }
    EvalBatch read;
    while (eval_ == nullptr || !eval_->Next(&read)) {
      eval_.reset();
      eval_ = data_->Eval(batch_);
    }
    Take(read.renderer);
    return read.count;
  }
  bool rendered() const { return image_ != nullptr; }  // by the backend

 private:
  void Take(BatchRenderer* renderer) {
    if (renderer == nullptr) return;
    if (image_ == nullptr) {
      const auto images = static_cast<size_t>(batch_);
      image_ = backend_.Allocate(images * image_bytes_);
      label_ = backend_.Allocate(images * kDefaultBoxes * sizeof(int32_t));
      offset_ = backend_.Allocate(images * kDefaultBoxes * 4 * sizeof(float));
    }
    renderer->Take(image_->data(), label_->data(), offset_->data());
  }

  const int64_t batch_;
  const size_t image_bytes_;
  Backend& backend_;
  std::unique_ptr<DeviceMemory> image_, label_, offset_;
  const std::unique_ptr<Dataset> data_;
  std::unique_ptr<TrainStream> train_;
  std::unique_ptr<EvalStream> eval_;
};

}  // namespace

void BenchInput(const BenchRequest& request, DataOptions options, int64_t batch, Backend& backend,
                const std::atomic<bool>& aborted, BenchReport& report) {
  InputPath& path = *report.mutable_input();
  options.train_samples = options.eval_samples = 0;  // any size
  options.backend = &backend;
  options.on_host_decoder = [&](const std::string& why) { path.set_reason(why); };
  Batches batches(options, batch, request.what() == BenchRequest::INPUT_TRAIN, backend);

  batches.Next();
  backend.Synchronize();
  const double cpu = CpuMilliseconds();
  const auto start = BenchClock::now();
  int64_t images = 0;
  double ms = 0;
  while (ms < 1e3 * request.seconds()) {
    CheckAborted(aborted);
    images += batches.Next();
    ms = Milliseconds(BenchClock::now() - start);
  }
  backend.Synchronize();
  ms = Milliseconds(BenchClock::now() - start);
  report.set_images_per_second(1e3 * static_cast<double>(images) / ms);
  report.set_cpu_ms_per_image((CpuMilliseconds() - cpu) / static_cast<double>(images));

  const bool host = !batches.rendered();
  path.set_renderer(host ? "host" : "device");
  path.set_decoder(host || options.decoder == Decoder::kHost || !path.reason().empty() ? "host"
                                                                                       : "nvjpeg");
}

}  // namespace ssd
