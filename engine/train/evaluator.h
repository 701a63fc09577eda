// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "backends/backend.h"
#include "data/batch.h"
#include "model/network.h"
#include "model/parameters.h"

namespace ssd {

struct DetectOptions {
  float score_threshold, nms_threshold;
  int64_t candidates;
};

// The inference network with detection (spec section 8).
class Evaluator {
 public:
  // parameters must outlive the evaluator.
  Evaluator(Backend& backend, const Parameters& parameters, int64_t batch,
            const DetectOptions& options);

  void Refresh() { network_.Refresh(); }  // after the parameters changed
  // Images of the whole batch, enqueued. They must stay until Synchronize of the backend.
  void Upload(const void* image);
  // Forward and detection of what stands in network().image(). Waits.
  void Infer(OpProfile* profile = nullptr);
  // Infers a whole stream; on_image gets each image's place in its batch and its detections.
  using OnImage = std::function<void(const EvalBatch&, int64_t, std::span<const Detection>)>;
  void Run(EvalStream& stream, const OnImage& on_image);

  Network& network() { return network_; }
  int64_t batch() const { return network_.batch(); }
  std::span<const Detection> detections(int64_t image) const;

 private:
  Backend& backend_;
  int64_t candidates_;
  std::unique_ptr<DetectOp> detect_op_;
  Network network_;
  std::vector<Detection> detections_;  // [batch, candidates]
  std::vector<int32_t> counts_;
};

}  // namespace ssd
